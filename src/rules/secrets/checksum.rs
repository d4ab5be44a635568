//! The checksum inside GitHub's and npm's tokens: the last six characters are the CRC-32 of the
//! thirty before them, in base 62. A made-up token fails it.
//! Source: GitHub's and npm's announcements of their token formats (2021).

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Characters of the checksum.
const CHECK_LEN: usize = 6;

/// Whether `body` (a token without its prefix) ends with its own checksum.
pub fn holds(body: &[u8]) -> bool {
    body.len()
        .checked_sub(CHECK_LEN)
        .and_then(|at| body.split_at_checked(at))
        .is_some_and(|(entropy, check)| check == of(entropy))
}

/// The six characters that belong behind `entropy`.
pub fn of(entropy: &[u8]) -> [u8; CHECK_LEN] {
    let mut rest = crc32(entropy);
    let mut check = [b'0'; CHECK_LEN];
    for place in check.iter_mut().rev() {
        let digit = usize::try_from(rest % 62).unwrap_or(0);
        *place = ALPHABET.get(digit).copied().unwrap_or(b'0');
        rest /= 62;
    }
    check
}

/// CRC-32 (IEEE, reflected). Bitwise: it runs over thirty bytes of rare candidates.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            let carry = crc & 1;
            crc >>= 1;
            if carry == 1 {
                crc ^= 0xedb8_8320;
            }
        }
    }
    !crc
}

/// Whether a Bech32 text (BIP 173: prefix, `1`, data, six letters of checksum) holds. age writes
/// its secret keys in capitals, the checksum is that of the small letters.
pub fn holds_bech32(text: &[u8]) -> bool {
    const DATA: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let text = text.to_ascii_lowercase();
    let Some(at) = text.iter().rposition(|byte| *byte == b'1') else { return false };
    let (prefix, data) = text.split_at_checked(at).unwrap_or_default();
    let values = data.iter().skip(1).map(|byte| DATA.iter().position(|letter| letter == byte));
    let Some(values) = values.map(|value| value.and_then(|at| u32::try_from(at).ok())).collect()
    else {
        return false;
    };
    let values: Vec<u32> = values;
    let high = prefix.iter().map(|byte| u32::from(byte >> 5));
    let low = prefix.iter().map(|byte| u32::from(byte & 31));
    values.len() >= CHECK_LEN && bech32_polymod(high.chain([0]).chain(low).chain(values)) == 1
}

/// The remainder of the code that Bech32 is, over values of five bits.
fn bech32_polymod(values: impl Iterator<Item = u32>) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    values.fold(1, |check, value| {
        let top = check >> 25;
        let shifted = ((check & 0x01ff_ffff) << 5) ^ value;
        GENERATOR.iter().enumerate().fold(shifted, |check, (bit, generator)| {
            if (top >> bit) & 1 == 1 { check ^ generator } else { check }
        })
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A Bech32 text of 52 data letters with its checksum.
    pub(crate) fn bech32(prefix: &str, data: &str) -> String {
        const DATA: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
        let value = |letter: char| u32::try_from(DATA.find(letter).unwrap()).unwrap();
        let high = prefix.bytes().map(|byte| u32::from(byte >> 5));
        let low = prefix.bytes().map(|byte| u32::from(byte & 31));
        let values = high.chain([0]).chain(low).chain(data.chars().map(value));
        let check = bech32_polymod(values.chain([0; 6])) ^ 1;
        let letters = (0..6).map(|place| (check >> (5 * (5 - place))) & 31);
        let letters = letters.map(|at| DATA.chars().nth(usize::try_from(at).unwrap()).unwrap());
        format!("{prefix}1{data}{}", letters.collect::<String>())
    }

    #[test]
    fn bech32_is_that_of_its_standard() {
        // Valid and invalid examples of BIP 173.
        for (text, expected) in [
            ("A12UEL5L", true),
            (
                "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
                true,
            ),
            ("split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w", true),
            ("split1checkupstagehandshakeupstreamerranterredcaperred2y9e2w", false),
            ("pzry9x0s0muk", false),
            ("A12UEL5B", false),
        ] {
            assert_eq!(holds_bech32(text.as_bytes()), expected, "{text}");
        }
        let made = bech32("age-secret-key-", &"q".repeat(52));
        assert!(holds_bech32(made.to_ascii_uppercase().as_bytes()));
    }

    #[test]
    fn computes_the_published_check_value() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn accepts_a_published_example_and_no_variation() {
        assert!(holds(b"zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17"));
        assert!(!holds(b"zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq18"));
        assert!(!holds(b"zQWBuTSOoRi4A9spHcVY5ncnsDkxkK0mLq17"));
        assert!(!holds(b"Lq17"));
    }
}

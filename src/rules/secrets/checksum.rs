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

#[cfg(test)]
mod tests {
    use super::*;

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

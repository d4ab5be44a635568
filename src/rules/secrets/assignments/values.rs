//! What a value looks like, whatever its name: random text, a password people chose, a hash, a
//! path, the name of a thing.

use crate::rules::secrets::placeholders::{distinct, is_hollow};

/// Longest path, in bytes.
const PATH_BYTES: usize = 300;

/// Values that are no secret under any name: numbers, paths, addresses without userinfo, calls.
pub(super) fn is_ordinary(value: &str) -> bool {
    let dotted = value.contains('.') && value.chars().all(|c| c.is_ascii_lowercase() || c == '.');
    let number = value.chars().all(|c| c.is_ascii_digit() || ".:,-+_ ".contains(c));
    let address = value.contains("://") || value.starts_with("localhost");
    let fingerprint = (value.len() == 40
        && value.chars().all(|c| c.is_ascii_digit() || ('A'..='F').contains(&c)))
        || value.starts_with("sha256:");
    let code = value.contains("os.environ") || value.contains("process.env") || is_call(value);
    number
        || is_version(value)
        || dotted
        || address
        || fingerprint
        || code
        || is_deep_path(value)
        || is_sealed(value)
}

/// Values that are so too, unless they are a password with a strange beginning.
pub(super) fn is_odd(value: &str) -> bool {
    let sentence = value.split_whitespace().count() > 2;
    sentence || value.contains('(') || value.starts_with(['/', '$']) || is_file_name(value)
}

/// `get_secret("x")`.
fn is_call(value: &str) -> bool {
    value.split_once('(').is_some_and(|(_, rest)| rest.contains(')'))
}

/// `./x`, `~/x`, `C:\x`, `/run/secrets/x`.
fn is_deep_path(value: &str) -> bool {
    let deep = value.strip_prefix('/').is_some_and(|rest| rest.contains('/'));
    deep || ["./", "../", "~/", "C:\\"].iter().any(|start| value.starts_with(start))
}

/// `ml-prod-471112.json`: the key lies in that file.
fn is_file_name(value: &str) -> bool {
    const FILES: &[&str] = &[
        "json", "pem", "key", "yaml", "yml", "crt", "cer", "p12", "pfx", "jks", "txt", "toml",
        "ini", "conf", "env",
    ];
    let extension = value.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    value.len() <= PATH_BYTES
        && !value.contains(char::is_whitespace)
        && extension.is_some_and(|extension| FILES.contains(&extension.as_str()))
}

/// A value of a `SealedSecret`, which begins with the length of an RSA block: only the cluster's
/// own key opens it.
fn is_sealed(value: &str) -> bool {
    (value.starts_with("AgA") || value.starts_with("AgB")) && value.len() >= 300
}

/// A password under a hash: worth a warning, as those of `/etc/shadow` are.
pub(super) fn is_hash(value: &str) -> bool {
    const STARTS: &[&str] = &[
        "argon2:",
        "$argon2",
        "$2a$",
        "$2b$",
        "$2y$",
        "$1$",
        "$5$",
        "$6$",
        "$y$",
        "$7$",
        "$apr1$",
        "$pbkdf2",
        "$scrypt",
        "sha1:",
        "sha512:",
        "pbkdf2_",
        "pbkdf2:",
        "scrypt:",
        "bcrypt",
        "{SHA",
        "{SSHA",
        "{CRYPT",
        "SCRAM-SHA-",
    ];
    value.len() >= 20 && STARTS.iter().any(|start| value.starts_with(start))
}

/// The random text behind `Bearer ` and the like.
pub(super) fn bearer(value: &str) -> Option<&str> {
    let (scheme, rest) = value.split_once(' ')?;
    let is_scheme =
        ["bearer", "basic", "token"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    let rest = rest.trim();
    (is_scheme && rest.len() >= 20 && is_random(rest)).then_some(rest)
}

/// `my-db-secret`, `ctrl-c`, `api_key_v1`, `settings.SECRET`: words joined by punctuation are
/// names of things. Under the name of a password they may be a passphrase. Letters with capitals
/// anywhere among them are no words.
pub(super) fn is_identifier(value: &str) -> bool {
    let mut words = value.split(PUNCTUATION);
    let joined = value.contains(PUNCTUATION);
    let humps = value.bytes().filter(u8::is_ascii_uppercase).count() >= 2;
    let letters = words.all(|word| word.chars().all(|c| c.is_ascii_alphabetic()));
    (joined && letters && !(value.len() >= 16 && has_short_humps(value)))
        || (humps && is_wordy(value))
}

const PUNCTUATION: [char; 5] = ['-', '_', '.', '/', ':'];

/// Whether capitals follow each other more often than in words put together: `AbcDefGhi`.
fn has_short_humps(value: &str) -> bool {
    let letters = value.bytes().filter(u8::is_ascii_alphabetic).count();
    let small = value.bytes().any(|byte| byte.is_ascii_lowercase());
    let starts = value.as_bytes().windows(2).filter(|pair| {
        matches!(pair, [before, next] if !before.is_ascii_uppercase() && next.is_ascii_uppercase())
    });
    small && starts.count().saturating_add(1).saturating_mul(7) > letters.saturating_mul(2)
}

/// `Qwen/Qwen2.5-7B-Instruct`, `ml-creds-prod-2024-eu`, `libFoo.so.1`: short words, numbers, and
/// words with a number at one end, joined.
pub(super) fn is_compound(value: &str) -> bool {
    let is_part = |part: &str| {
        let tail = part.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        let head = part.trim_start_matches(|c: char| c.is_ascii_digit());
        let is_number = |text: &str| text.chars().all(|c| c.is_ascii_digit());
        let is_word = |text: &str| text.chars().all(|c| c.is_ascii_alphabetic());
        part.len() <= 16 && (is_number(tail) || is_word(head))
    };
    value.contains(PUNCTUATION) && value.split(PUNCTUATION).all(is_part)
}

/// The name of a thing rather than random text: an object of a cluster, a path in a vault, an
/// account of a cloud.
pub(super) fn is_thing(value: &str) -> bool {
    let is_joined = is_compound(value) && !(value.len() >= 16 && has_short_humps(value));
    is_joined || value.ends_with(".iam.gserviceaccount.com")
}

/// `1:4.13+dfsg1-3ubuntu3.2`, `1.7.4-r5`: numbers with dots, and the words of distributors.
fn is_version(value: &str) -> bool {
    const WORDS: &[&str] = &[
        "r", "b", "rc", "a", "p", "u", "el", "fc", "git", "deb", "dfsg", "ds", "ubuntu", "bpo",
        "build", "alpha", "beta", "post", "dev", "really",
    ];
    let digit = |c: char| c.is_ascii_digit();
    let numbers = value.split('.').take_while(|part| part.starts_with(digit)).count();
    let mut words =
        value.split(|c: char| digit(c) || ".:+~-".contains(c)).filter(|it| !it.is_empty());
    numbers >= 2 && words.all(|word| WORDS.contains(&word))
}

/// Random text: long, mixed, without spaces.
pub(super) fn is_random(value: &str) -> bool {
    value.len() >= 16
        && !value.contains(char::is_whitespace)
        && distinct(value.as_bytes()) >= 8
        && (value.chars().any(|c| c.is_ascii_digit()) || is_scrambled(value))
        && value.chars().any(|c| c.is_ascii_alphabetic())
        && !is_wordy(value)
}

/// Letters of both cases without digits, as in 34 letters of a Hugging Face token.
fn is_scrambled(value: &str) -> bool {
    let upper = value.chars().any(|c| c.is_ascii_uppercase());
    let lower = value.chars().any(|c| c.is_ascii_lowercase());
    value.len() >= 24 && upper && lower && distinct(value.as_bytes()) >= 14
}

/// A password people would choose: eight characters, letters and more than dashes.
pub(super) fn is_chosen(value: &str) -> bool {
    value.len() >= 8
        && value.is_ascii()
        && !value.contains(char::is_whitespace)
        && value.chars().any(char::is_alphabetic)
        && value.chars().any(|c| !c.is_alphabetic() && c != '-' && c != '_')
}

/// Three kinds of letters out of four: programs demand that of passwords. Such a value is never
/// passed over in silence for a word or a sign in it.
pub(super) fn is_mixed(value: &str) -> bool {
    let has = |kind: fn(char) -> bool| usize::from(value.chars().any(kind));
    let kinds = has(|c| c.is_ascii_uppercase())
        + has(|c| c.is_ascii_lowercase())
        + has(|c| c.is_ascii_digit())
        + has(|c| c.is_ascii_punctuation() && !"-_./$( ".contains(c));
    let is_reference = value.contains(['{', '}', '<', '>', '[', ']', '`']) || value.contains("$(");
    value.len() >= 8 && kinds >= 3 && !is_reference && !is_hollow(value) && !is_file_name(value)
}

/// `V1SecretVolumeSource`, `expiredTokenError2`: words put together are the name of a thing.
fn is_wordy(value: &str) -> bool {
    let mut run = 0_usize;
    let mut covered = 0_usize;
    for byte in value.bytes().chain([b' ']) {
        if byte.is_ascii_lowercase() {
            run = run.saturating_add(1);
            continue;
        }
        if run >= 4 {
            covered = covered.saturating_add(run);
        }
        run = 0;
    }
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    digits <= 2 && covered.saturating_mul(4) >= value.len().saturating_mul(3).saturating_sub(4)
}

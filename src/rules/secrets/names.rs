//! Names that promise a secret: environment variables, configuration keys, options.
//!
//! Words are compared whole, as BuildKit's `SecretsUsedInArgOrEnv` check does: substring rules
//! call `TOKENIZERS_PARALLELISM`, `NVIDIA_GPGKEY_SUM` and `KEYCLOAK_URL` secrets.

mod lists;

use lists::{
    ABOUT, BUNDLED, FORGES, GUARDED, KEY_QUALIFIERS, KEYS, LIMITS, NEVER, OF_KEYS, OF_TEXTS,
    OF_TOKENS, PASSWORDS, PRIVATE, PUBLIC, SWITCHES, TAILS, UNBUNDLED, VAGUE,
};

/// What a name promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameClass {
    /// Nothing.
    Plain,
    /// Perhaps a secret: a bare `key` or `auth`.
    Vague,
    /// A key or token: random text.
    Key,
    /// A password: a text people chose.
    Password,
}

/// Words of a name in lower case, split at punctuation and at camel-case humps: `minIOSecretKey`
/// is `min io secret key`.
fn words(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().take(200).collect();
    let mut words = vec![String::new()];
    for (at, letter) in letters.iter().enumerate() {
        if is_hump(&letters, at) || !letter.is_ascii_alphanumeric() {
            words.push(String::new());
        }
        if letter.is_ascii_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.push(letter.to_ascii_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words.into_iter().map(without_number).collect()
}

/// Whether a word begins with the capital at `at`: behind a small letter or a digit, or as the
/// last of several capitals (`IOSecret`, but not `IDs`).
fn is_hump(letters: &[char], at: usize) -> bool {
    let letter = |at: Option<usize>| at.and_then(|at| letters.get(at)).copied().unwrap_or(' ');
    let (before, next) = (letter(at.checked_sub(1)), letter(at.checked_add(1)));
    let is_plural = next == 's' && !letter(at.checked_add(2)).is_ascii_lowercase();
    letter(Some(at)).is_ascii_uppercase()
        && (before.is_ascii_lowercase()
            || before.is_ascii_digit()
            || (before.is_ascii_uppercase() && next.is_ascii_lowercase() && !is_plural))
}

/// `PASSWORD2` is a password.
fn without_number(word: String) -> String {
    let stem = word.trim_end_matches(|c: char| c.is_ascii_digit());
    let is_secret = PASSWORDS.contains(&stem) || KEYS.contains(&stem) || is_bare(stem);
    if is_secret { stem.to_owned() } else { word }
}

fn is_bare(word: &str) -> bool {
    matches!(word, "token" | "key" | "pat")
}

/// The words up to the one that counts: what only says which secret it is does not.
fn core(words: &[String]) -> &[String] {
    let is_tail = |word: &String| {
        TAILS.contains(&word.as_str())
            || word.trim_start_matches('v').chars().all(|c| c.is_ascii_digit())
    };
    let tails = words.iter().rev().take_while(|word| is_tail(word)).count();
    words.get(..words.len().saturating_sub(tails)).unwrap_or_default()
}

/// Whether the name ends with what it promises. In source code, `token_requests` and
/// `V1SecretKeySelector` are names of other things, and `TOKEN_COUNTER_MODEL` is everywhere.
pub fn ends_with_secret(name: &str) -> bool {
    let words = words(name);
    let core = core(&words);
    let Some(last) = core.last() else { return false };
    let pair = core.get(core.len().saturating_sub(2)..).unwrap_or_default();
    let joined = pair.concat();
    let is_joined = PASSWORDS.contains(&joined.as_str()) || KEYS.contains(&joined.as_str());
    last == "key"
        || is_joined
        || is_qualified(pair)
        || promise(std::slice::from_ref(last)) >= NameClass::Key
}

/// What the name of a variable, key or option promises.
pub fn class(name: &str) -> NameClass {
    let words = words(name);
    let is_about = core(&words).last().is_some_and(|word| ABOUT.contains(&word.as_str()));
    let is_hashed = words.iter().any(|word| word == "hashed");
    // `existingSecretPasswordKey` of charts: the name of an object.
    let is_object = words.windows(2).any(|pair| pair == ["existing", "secret"]);
    if NEVER.contains(&name) || is_about || is_hashed || is_object {
        NameClass::Plain
    } else {
        promise(&words)
    }
}

/// The same of a name that may only speak about a secret: its place, its hash, its header.
pub fn subject(name: &str) -> NameClass {
    promise(&words(name))
}

fn promise(words: &[String]) -> NameClass {
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    // `PGPASSWORD`, `HFTOKEN`: the last word swallowed its neighbour.
    let swallowed = |endings: &[&str]| {
        words.last().is_some_and(|word| endings.iter().any(|ending| word.ends_with(ending)))
    };
    let is_guarded = has(PRIVATE) || has(GUARDED);
    if has(PASSWORDS) || swallowed(&["password", "passwd", "passphrase"]) {
        NameClass::Password
    } else if has(PUBLIC) && !has(PRIVATE) && (!is_guarded || has(&["public"])) {
        if is_guarded { NameClass::Vague } else { NameClass::Plain }
    } else if has(KEYS) || is_qualified(words) || swallowed(&["secret", "apikey"]) {
        NameClass::Key
    } else if swallowed(&["token"]) || has(&["token"]) {
        of_token(words, is_guarded)
    } else if has(VAGUE) && !has(OF_KEYS) {
        NameClass::Vague
    } else {
        NameClass::Plain
    }
}

/// Tokens of texts and of lists are tokens too.
fn of_token(words: &[String], is_guarded: bool) -> NameClass {
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    match is_guarded {
        false if has(OF_TEXTS) => NameClass::Plain,
        false if has(OF_TOKENS) => NameClass::Vague,
        _ => NameClass::Key,
    }
}

/// Whether the name begins like that of a switch or a limit: `NO_PASSWORD`, `MAX_TOKEN`. With
/// the value of one it is one; `MAX_MIND_LICENSE_KEY` is none.
pub fn is_switch(name: &str) -> bool {
    let is_first = |list: &[&str]| begins(name, list);
    is_first(SWITCHES) || is_first(LIMITS)
}

/// Whether an option of this name takes no value: `--disabled-password`, `--password-stdin`.
/// Limits take one.
pub fn is_flag(name: &str) -> bool {
    begins(name, SWITCHES) || name.ends_with("-stdin")
}

/// Whether the name of a password may be that of an object that holds one,
/// `DB_PASSWORD_SECRET`, or of something else: `PASS=optimize-v2 make`.
pub fn may_be_of_object(name: &str) -> bool {
    let words = words(name);
    let is_last = |last: &str| words.last().is_some_and(|word| word == last);
    is_last("secret") || (words.len() == 1 && is_last("pass"))
}

fn begins(name: &str, list: &[&str]) -> bool {
    words(name).first().is_some_and(|word| list.contains(&word.as_str()))
}

/// Whether the variable goes into a web page, where everyone reads it.
pub fn is_bundled(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    BUNDLED.iter().any(|start| name.starts_with(start))
        && !UNBUNDLED.iter().any(|word| lower.contains(word))
}

/// Whether two words together are a secret one: `api key`, `github pat`.
fn is_qualified(words: &[String]) -> bool {
    words.windows(2).any(|pair| match pair {
        [first, second] if second == "key" => KEY_QUALIFIERS.contains(&first.as_str()),
        [first, second] if second == "pat" => FORGES.contains(&first.as_str()),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_endings_apart() {
        for (name, expected) in [
            ("api_key", true),
            ("dbPassword", true),
            ("token_requests", false),
            ("V1SecretList", false),
            ("TOKEN_COUNTER_MODEL", false),
            ("SECRET_MANAGER_PROJECT", false),
            ("DB_PASSWORD_2", true),
            ("DB_PASSWORD2", true),
            ("HF_TOKEN_PROD", true),
            ("SECRET_KEY_BASE", true),
            ("API_KEY_V2", true),
            ("GITHUB_PAT", true),
            ("HFTOKEN", true),
            ("pass_phrase", true),
            ("PROD", false),
        ] {
            assert_eq!(ends_with_secret(name), expected, "{name}");
        }
    }

    #[test]
    fn knows_switches_and_what_goes_into_web_pages() {
        assert!(
            is_flag("disabled-password") && is_flag("password-stdin") && is_switch("max-token")
        );
        assert!(!is_flag("max-mind-license-key") && !is_flag("password"));
        assert!(is_switch("NO_PASSWORD") && is_switch("maxToken") && !is_switch("DB_NO_PASSWORD"));
        assert!(is_bundled("VITE_MAPS_API_KEY") && is_bundled("NEXT_PUBLIC_TOKEN"));
        assert!(!is_bundled("VITE_GEMINI_API_KEY") && !is_bundled("MY_VITE_KEY"));
    }

    #[test]
    fn tells_names_apart() {
        let table = [
            // Environment of nvidia/cuda, python, pytorch, nginx, php and others.
            ("TOKENIZERS_PARALLELISM", NameClass::Plain),
            ("MAX_TOKENS", NameClass::Plain),
            ("NVIDIA_GPGKEY_SUM", NameClass::Plain),
            ("NVIDIA_GPGKEY_FPR", NameClass::Plain),
            ("GPG_KEY", NameClass::Plain),
            ("GPG_KEYS", NameClass::Plain),
            ("APT_KEY_DONT_WARN_ON_DANGEROUS_USAGE", NameClass::Plain),
            ("KEYCLOAK_URL", NameClass::Plain),
            ("ACCESS_LOG", NameClass::Plain),
            ("BYPASS_CACHE", NameClass::Plain),
            ("MONKEY", NameClass::Plain),
            ("SSH_AUTH_SOCK", NameClass::Plain),
            ("GOOGLE_APPLICATION_CREDENTIALS_FILE", NameClass::Plain),
            ("GOOGLE_APPLICATION_CREDENTIALS", NameClass::Plain),
            ("HF_TOKEN_PATH_2", NameClass::Plain),
            ("tokenIDs", NameClass::Plain),
            ("hashed_password", NameClass::Plain),
            ("POSTGRES_PASSWORD_FILE", NameClass::Plain),
            ("RABBITMQ_PGP_KEY_ID", NameClass::Plain),
            ("AWS_ACCESS_KEY_ID", NameClass::Plain),
            ("HF_TOKEN_PATH", NameClass::Plain),
            ("PWD", NameClass::Plain),
            ("auth.existingSecret", NameClass::Plain),
            ("existingSecretPasswordKey", NameClass::Plain),
            ("recv-key", NameClass::Plain),
            ("recv-keys", NameClass::Plain),
            ("placeholder_token", NameClass::Plain),
            ("initializer_token", NameClass::Plain),
            ("Pwd", NameClass::Password),
            ("pad_token", NameClass::Plain),
            ("SECRET_NAME", NameClass::Plain),
            ("PUBLIC_KEY", NameClass::Plain),
            ("SORT_KEY", NameClass::Plain),
            ("HEX_PAT", NameClass::Plain),
        ];
        for (name, expected) in table {
            assert_eq!(class(name), expected, "{name}");
        }
    }

    #[test]
    fn knows_names_of_secrets() {
        let table = [
            ("AWS_SECRET_ACCESS_KEY", NameClass::Key),
            ("HF_TOKEN", NameClass::Key),
            ("HFTOKEN", NameClass::Key),
            ("OPENAI_API_KEY", NameClass::Key),
            ("WANDB_API_KEY", NameClass::Key),
            ("openaiApiKey", NameClass::Key),
            ("api-key", NameClass::Key),
            ("GH_PAT", NameClass::Key),
            ("client_secret", NameClass::Key),
            ("PGPASSWORD", NameClass::Password),
            ("MYSQL_PWD", NameClass::Password),
            ("DB_PASS", NameClass::Password),
            ("dbPassword", NameClass::Password),
            ("MAX_MIND_LICENSE_KEY", NameClass::Key),
            ("NO_SQL_PASSWORD", NameClass::Password),
            ("PUB_SUB_SECRET_KEY", NameClass::Key),
            ("GPG_PRIVATE_KEY", NameClass::Key),
            ("IMAGE_REGISTRY_TOKEN", NameClass::Key),
            ("VIDEO_API_TOKEN", NameClass::Key),
            ("USE_AUTH_TOKEN", NameClass::Key),
            ("NEXT_AUTH_TOKEN", NameClass::Key),
            ("minIOSecretKey", NameClass::Key),
            ("DB_PASSWORD2", NameClass::Password),
            // Perhaps.
            ("START_TOKEN", NameClass::Vague),
            ("PUBLIC_API_KEY", NameClass::Vague),
            ("RELEASE_TOKEN", NameClass::Key),
            ("IMAGE_REGISTRY_PASSWORD", NameClass::Password),
            ("VIDEO_API_KEY", NameClass::Key),
            ("next_page_token", NameClass::Vague),
            ("SERVICE_AUTH", NameClass::Vague),
            ("FERNET_KEY", NameClass::Vague),
        ];
        for (name, expected) in table {
            assert_eq!(class(name), expected, "{name}");
        }
    }
}

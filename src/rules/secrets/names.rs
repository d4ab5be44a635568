//! Names that promise a secret: environment variables, configuration keys, options.
//!
//! Words are compared whole, as BuildKit's `SecretsUsedInArgOrEnv` check does: substring rules
//! call `TOKENIZERS_PARALLELISM`, `NVIDIA_GPGKEY_SUM` and `KEYCLOAK_URL` secrets.

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

const PASSWORDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pword",
    "pass",
    "pwd",
    "pw",
    "pgpassword",
    "sshpass",
    "requirepass",
    "masterauth",
    "psk",
];
const KEYS: &[&str] = &[
    "secret",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "credential",
    "credentials",
    "authtoken",
    "accesstoken",
    "apitoken",
    "clientsecret",
    "authkey",
    "accountkey",
    "sharedkey",
    "masterkey",
    "signingkey",
    "encryptionkey",
    "storagekey",
    "subscriptionkey",
    "licensekey",
    "apppassword",
    "cred",
    "creds",
];
const VAGUE: &[&str] = &["key", "auth", "jwt", "bearer"];
/// Words in front of `key` that make it a secret one.
const KEY_QUALIFIERS: &[&str] = &[
    "api",
    "access",
    "secret",
    "private",
    "encryption",
    "signing",
    "license",
    "account",
    "master",
    "session",
    "service",
    "shared",
    "admin",
    "write",
    "app",
    "application",
    "auth",
    "client",
    "consumer",
    "deploy",
    "subscription",
    "storage",
    "root",
    "hmac",
    "jwt",
    "host",
    // Providers of models and data, whose keys often have no format.
    "openai",
    "anthropic",
    "mistral",
    "cohere",
    "together",
    "deepseek",
    "groq",
    "gemini",
    "huggingface",
    "hf",
    "replicate",
    "wandb",
    "comet",
    "neptune",
    "clearml",
    "roboflow",
    "kaggle",
    "databricks",
    "snowflake",
    "pinecone",
    "qdrant",
    "weaviate",
    "deepgram",
    "assemblyai",
    "elevenlabs",
    "runpod",
    "vast",
    "lambda",
    "datadog",
    "dd",
    "stripe",
    "sendgrid",
    "twilio",
    "mailgun",
];
/// Words in front of `pat` that make it a personal access token and no pattern.
const FORGES: &[&str] = &["gh", "github", "gitlab", "gitea", "git", "azure", "ado", "devops"];
/// Endings that make the name speak *about* a secret.
const ABOUT: &[&str] = &[
    "file",
    "files",
    "path",
    "dir",
    "name",
    "url",
    "uri",
    "host",
    "port",
    "id",
    "ids",
    "type",
    "size",
    "length",
    "len",
    "count",
    "limit",
    "ttl",
    "expiry",
    "expires",
    "expiration",
    "timeout",
    "alg",
    "algorithm",
    "header",
    "prefix",
    "suffix",
    "format",
    "policy",
    "enabled",
    "disabled",
    "required",
    "method",
    "mode",
    "provider",
    "version",
    "issuer",
    "audience",
    "region",
    "endpoint",
    "sum",
    "sha256",
    "sha512",
    "md5",
    "checksum",
    "field",
    "column",
    "index",
    "sock",
    "stdin",
    "socket",
    "backend",
    "store",
    "arn",
    "ref",
    "hash",
    "digest",
    "usage",
    "class",
    "scope",
    "realm",
    "env",
    "var",
    "envvar",
    "pattern",
    "regex",
    "placeholder",
    "label",
    "title",
    "message",
    "description",
    "hint",
    "error",
];
/// Words that make it a switch or a rule about secrets.
const SWITCHES: &[&str] = &[
    "no", "allow", "empty", "disable", "enable", "require", "skip", "ignore", "use", "max", "min",
    "num", "generate",
];
/// Words that make a key public.
const PUBLIC: &[&str] =
    &["public", "pub", "gpg", "pgp", "gpgkey", "gpgkeys", "keyring", "keyserver", "fingerprint"];
/// Words that make a bare `key` one of a table, a repository or a sort.
const OF_KEYS: &[&str] = &["foreign", "primary", "partition", "sort", "group", "release", "apt"];
/// Words that make a bare `token` a piece of text or a place in a list.
const OF_TOKENS: &[&str] = &[
    "pad",
    "eos",
    "bos",
    "unk",
    "mask",
    "sep",
    "cls",
    "special",
    "vocab",
    "page",
    "next",
    "output",
    "input",
    "start",
    "stop",
    "continuation",
    "image",
    "video",
    "audio",
];
/// Names that are always something else.
const NEVER: &[&str] = &["PWD", "OLDPWD"];

/// Words of a name in lower case, split at punctuation and at camel-case humps.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before_lower = false;
    for letter in name.chars().take(200) {
        let hump = letter.is_ascii_uppercase() && before_lower;
        before_lower = letter.is_ascii_lowercase() || letter.is_ascii_digit();
        if hump || !letter.is_ascii_alphanumeric() {
            words.push(String::new());
        }
        if letter.is_ascii_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.push(letter.to_ascii_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether the name ends with what it promises. In source code, `token_requests` and
/// `V1SecretKeySelector` are names of other things.
pub fn ends_with_secret(name: &str) -> bool {
    words(name).last().is_some_and(|last| class(last) >= NameClass::Key || last == "key")
}

/// What the name of a variable, key or option promises.
pub fn class(name: &str) -> NameClass {
    let words = words(name);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let ends = |list: &[&str]| words.last().is_some_and(|word| list.contains(&word.as_str()));
    // `PGPASSWORD`, `HFTOKEN`: the last word swallowed its neighbour.
    let swallowed = |endings: &[&str]| {
        words.last().is_some_and(|word| endings.iter().any(|ending| word.ends_with(ending)))
    };
    if NEVER.contains(&name) || has(SWITCHES) || ends(ABOUT) {
        NameClass::Plain
    } else if has(PASSWORDS) || swallowed(&["password", "passwd", "passphrase"]) {
        NameClass::Password
    } else if has(PUBLIC) {
        NameClass::Plain
    } else if has(KEYS) || is_qualified(&words) || swallowed(&["secret", "apikey"]) {
        NameClass::Key
    } else if swallowed(&["token"]) || has(&["token"]) {
        if has(OF_TOKENS) { NameClass::Plain } else { NameClass::Key }
    } else if has(VAGUE) && !has(OF_KEYS) {
        NameClass::Vague
    } else {
        NameClass::Plain
    }
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
        ] {
            assert_eq!(ends_with_secret(name), expected, "{name}");
        }
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
            ("PIP_NO_CREDENTIALS", NameClass::Plain),
            ("KEYCLOAK_URL", NameClass::Plain),
            ("ACCESS_LOG", NameClass::Plain),
            ("BYPASS_CACHE", NameClass::Plain),
            ("MONKEY", NameClass::Plain),
            ("SSH_AUTH_SOCK", NameClass::Plain),
            ("GOOGLE_APPLICATION_CREDENTIALS_FILE", NameClass::Plain),
            ("POSTGRES_PASSWORD_FILE", NameClass::Plain),
            ("RABBITMQ_PGP_KEY_ID", NameClass::Plain),
            ("AWS_ACCESS_KEY_ID", NameClass::Plain),
            ("MYSQL_ALLOW_EMPTY_PASSWORD", NameClass::Plain),
            ("HF_TOKEN_PATH", NameClass::Plain),
            ("PWD", NameClass::Plain),
            ("Pwd", NameClass::Password),
            ("pad_token", NameClass::Plain),
            ("SECRET_NAME", NameClass::Plain),
            ("PUBLIC_KEY", NameClass::Plain),
            // Secrets.
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
            // Perhaps.
            ("SORT_KEY", NameClass::Plain),
            ("RELEASE_TOKEN", NameClass::Key),
            ("IMAGE_REGISTRY_PASSWORD", NameClass::Password),
            ("VIDEO_API_KEY", NameClass::Key),
            ("HEX_PAT", NameClass::Plain),
            ("next_page_token", NameClass::Plain),
            ("SERVICE_AUTH", NameClass::Vague),
            ("FERNET_KEY", NameClass::Vague),
        ];
        for (name, expected) in table {
            assert_eq!(class(name), expected, "{name}");
        }
    }
}

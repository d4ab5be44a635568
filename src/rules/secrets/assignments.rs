//! Whether a name and a value together are a secret, and how sure that is. Keys without a format
//! of their own (those of Mistral, Cohere, Datadog, Twilio and many more) are found so.

mod values;

use super::Sighting;
use super::Strength::{self, Strong, Weak};
use super::names::{self, NameClass};
use super::pairs::{self, Form, Pair};
use super::placeholders::{is_password_placeholder, is_placeholder, is_published};
use super::tokens::{Found, strongest};

/// Longest value taken for a secret, in bytes; longer ones are certificates or data.
const MAX_VALUE_BYTES: usize = 4096;

/// Kind and title of a secret known by its name.
pub const NAMED: (&str, &str) = ("named-secret", "a secret value");

/// Whether a value under this name is a secret, and how sure that is. It is sure only where the
/// name ends with what it promises, and never of what goes into a web page.
pub fn weigh(name: &str, value: &str) -> Option<Strength> {
    let value = value.trim();
    let promise = names::subject(name);
    if promise == NameClass::Plain || value.len() > MAX_VALUE_BYTES {
        return None;
    }
    if let Some(token) = values::bearer(value) {
        return (!is_placeholder(token) && !is_published(token.as_bytes())).then_some(Strong);
    }
    if values::is_hash(value) {
        return (promise >= NameClass::Key).then_some(Weak);
    }
    let strength = match names::class(name) {
        NameClass::Plain => return None,
        NameClass::Vague => weigh_key(value).filter(|_| values::is_random(value)).map(|_| Weak),
        NameClass::Key => weigh_key(value),
        NameClass::Password => weigh_password(name, value),
    }?;
    let is_other = value.eq_ignore_ascii_case(name) || is_published(value.as_bytes());
    let ends = names::ends_with_secret(name);
    // `TOKEN_COUNTER_MODEL`, `CREDENTIAL_SERVICE`: about secrets, with names of things.
    let is_thing = !ends && (values::is_compound(value) || !is_striking(value));
    let is_sure = ends && !names::is_bundled(name);
    (!is_other && !is_thing).then_some(if is_sure { strength } else { Weak })
}

/// Whether the value alone makes people look.
fn is_striking(value: &str) -> bool {
    values::is_random(value) || values::is_mixed(value)
}

fn weigh_key(value: &str) -> Option<Strength> {
    let is_harmless = is_placeholder(value)
        || values::is_ordinary(value)
        || values::is_odd(value)
        || values::is_identifier(value);
    match is_harmless {
        true if is_made_by_django(value) => Some(Weak),
        true => None,
        false if values::is_random(value) && !values::is_thing(value) => Some(Strong),
        false => (value.len() >= 6).then_some(Weak),
    }
}

/// A password may be a number, and hold whatever a person finds funny: what only looks harmless
/// is a warning.
fn weigh_password(name: &str, value: &str) -> Option<Strength> {
    let is_number = value.chars().all(|c| c.is_ascii_digit());
    if is_number && value.len() >= 6 && !value.ends_with("00") && !names::is_switch(name) {
        return (!is_placeholder(value)).then_some(Weak);
    }
    if values::is_ordinary(value) || is_variable(value) {
        return None;
    }
    if is_password_placeholder(value) || values::is_odd(value) {
        return values::is_mixed(value).then_some(Weak);
    }
    let is_object = values::is_thing(value) && names::may_be_of_object(name);
    let is_sure = values::is_chosen(value) && !is_object;
    if is_sure { Some(Strong) } else { (value.len() >= 6).then_some(Weak) }
}

/// `$DB_PASSWORD2`, and no password that begins with a dollar sign.
fn is_variable(value: &str) -> bool {
    value.strip_prefix('$').is_some_and(|name| names::subject(name) > NameClass::Plain)
}

/// What `startproject` writes into the settings: it says itself that it is not for production,
/// and often is used there.
fn is_made_by_django(value: &str) -> bool {
    value.starts_with(DJANGO) && value.len() >= 40
}

const DJANGO: &str = "django-insecure-";

/// What kind of text pairs are looked for in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A file that is made to hold credentials: whatever its pairs say.
    Credentials,
    /// Configuration: values that are surely secret.
    Configuration,
    /// Source code: the same, of quoted values only; everything else is code.
    Code,
    /// Code between lines for a shell.
    Notebook,
}

/// `export API_TOKEN=value`.
fn is_shell(pair: &Pair<'_>) -> bool {
    pair.is_tight && !pair.name.bytes().any(|byte| byte.is_ascii_lowercase())
}

/// Secrets among the pairs of a text, at most `most` of each strength.
pub fn search(text: &str, most: usize, style: Style) -> Found {
    let found = pairs::find(text);
    let sightings = found.pairs.iter().filter_map(|pair| sighting(pair, style));
    let sightings = strongest(sightings, most);
    Found { sightings, is_flooded: found.is_flooded, work_bytes: 0 }
}

/// The secrets of a file that is made to hold some.
pub fn find(text: &str, most: usize) -> Vec<Sighting> {
    search(text, most, Style::Credentials).sightings
}

fn sighting(pair: &Pair<'_>, style: Style) -> Option<Sighting> {
    // `client.credentials: Credentials` is code, or about code.
    if pair.name.starts_with('.') {
        return None;
    }
    let mut strength = weigh(pair.name, pair.value)?;
    let is_certain = strength == Strong;
    let counts = match (style, pair.form) {
        (Style::Credentials, Form::Comment) => {
            strength = Weak;
            is_certain
        }
        (Style::Credentials, Form::Line) => true,
        (_, Form::Comment) => false,
        (Style::Configuration, Form::Line) | (_, Form::Literal) => is_certain,
        (Style::Code, Form::Line) => is_certain && pair.is_quoted,
        (Style::Notebook, Form::Line) => is_certain && (pair.is_quoted || is_shell(pair)),
    };
    let value = pair.value.trim();
    let start =
        pair.start.saturating_add(pair.value.len().saturating_sub(pair.value.trim_start().len()));
    counts.then(|| Sighting::named(pair.name, start, value.as_bytes(), strength))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::secrets::tokens::tests::{BASE62, noise};

    #[test]
    fn weighs_names_and_values_together() {
        let (strong, weak) = (Some(Strong), Some(Weak));
        let table = [
            ("HF_TOKEN", "qT9vLm4Zr1Xw8Kd2Pb", strong),
            ("DB_PASSWORD", "hunter2secure", strong),
            ("DB_PASSWORD", "correct-horse-battery-9", strong),
            ("DB_PASSWORD", "postgres", None),
            ("DB_PASSWORD", "wintermute", weak),
            ("DB_PASSWORD", "correct-horse-battery", weak),
            ("API_KEY", "shortone", weak),
            ("FERNET_KEY", "qT9vLm4Zr1Xw8Kd2Pb", weak),
            ("SORT_KEY", "created_at", None),
            ("HF_TOKEN", "", None),
            ("HF_TOKEN", "${HF_TOKEN}", None),
            ("OPENAI_API_KEY", "EMPTY", None),
            ("OPENAI_API_KEY", "your-api-key-goes-here1", None),
            ("GPG_KEY", "A035C8C19219BA821ECEA86B64E628F8D684696D", None),
            ("SIGNING_KEY", "A035C8C19219BA821ECEA86B64E628F8D684696D", None),
            ("TOKENIZERS_PARALLELISM", "false", None),
            (
                "NVIDIA_GPGKEY_SUM",
                "d0664fbbdb8c32356d45de36c5984617217b2d0bef41b93ccecd326ba3b80c87",
                None,
            ),
            ("GOOGLE_APPLICATION_CREDENTIALS", "/secrets/gcp/sa-prod-2.json", None),
            ("AUTH_TOKEN", "https://login.example.org/oauth", None),
            ("API_TOKEN", "my-app-token", None),
            ("API_TIMEOUT_SECRET", "3600", None),
            ("PIP_NO_CREDENTIALS", "0", None),
            ("DB_PASSWORD", "84629173", weak),
            ("DB_PASSWORD", "86400000", None),
            ("secret", "V1SecretVolumeSource", None),
            ("HF_TOKEN", "qTvLmZrXwKdPbGhYnJsUcFaEe", strong),
            ("API_KEY", "greatestShowtest4Zr1Xw8Kd2Pb", strong),
        ];
        for (name, value, expected) in table {
            assert_eq!(weigh(name, value), expected, "{name}={value}");
        }
    }

    #[test]
    fn no_word_or_sign_hides_a_secret() {
        let key = noise(32, BASE62);
        for name in [
            "MAX_MIND_LICENSE_KEY",
            "PUB_SUB_SECRET_KEY",
            "GPG_PRIVATE_KEY",
            "IMAGE_REGISTRY_TOKEN",
            "VIDEO_API_TOKEN",
            "USE_AUTH_TOKEN",
            "NEXT_AUTH_TOKEN",
            "minIOSecretKey",
            "HF_TOKEN_PROD",
            "API_KEY_2",
            "SECRET_KEY_BASE",
        ] {
            assert_eq!(weigh(name, &key), Some(Strong), "{name}");
        }
        for name in ["START_TOKEN", "PUBLIC_API_KEY", "VITE_API_KEY", "TOKEN_FOR_THE_CACHE"] {
            assert_eq!(weigh(name, &key), Some(Weak), "{name}");
        }
        for (password, expected) in [
            ("fastest-Horse-91", Some(Strong)),
            ("Mastodon77!x", Some(Strong)),
            ("kQ7#Sampler2024", Some(Strong)),
            ("P@ssw0rdX9", Some(Strong)),
            ("/Hunter2secure9", Some(Weak)),
            ("$Hunter2secure9", Some(Weak)),
            ("Hunter2 secure 9 x", Some(Weak)),
            ("Hunter2(secure9", Some(Weak)),
            ("test-Horse-91", Some(Weak)),
            ("P@ssw0rd1", Some(Weak)),
            ("test-horse-91", None),
            ("ChangeMe-91", None),
            ("$DB_PASSWORD_2a", None),
            ("${DbPassword2}", None),
            ("/run/Secrets/db2", None),
            ("secrets/Db2.json", None),
            ("getPassword2(x)", None),
        ] {
            assert_eq!(weigh("DB_PASSWORD", password), expected, "{password}");
            assert_eq!(weigh("NO_SQL_PASSWORD", password), expected, "{password}");
        }
        let joined = "AbcDef-GhiJkl-MnoPqr-StuVwx-YzaBcd";
        assert_eq!(weigh("API_KEY", joined), Some(Strong));
        assert_eq!(weigh("AUTH_HEADER", &format!("Bearer {}", noise(40, BASE62))), Some(Strong));
        assert_eq!(weigh("AUTH_HEADER", "Bearer token for the service"), None);
    }

    #[test]
    fn names_of_things_are_no_secrets() {
        for (name, value) in [
            ("TOKEN_COUNTER_MODEL", "Qwen/Qwen2.5-7B-Instruct"),
            ("TOKEN_CLASSIFICATION_MODEL", "dslim/bert-base-NER-v1.0.2"),
            ("SECRET_MANAGER_PROJECT", "ml-prod-project-471112"),
            ("VAULT_SECRET_MOUNT", "kv-v2/ml/prod-2024"),
            ("LLVM_PASS_PLUGIN", "libFoo.so.1"),
            ("TWO_PASS_CODEC", "x264-2pass"),
            ("PW_BROWSERS", "chromium-1105"),
            ("CREDENTIAL_SERVICE", "creds-svc.prod:8443"),
            ("TOKEN_ISSUER_SERVICE", "auth-svc-v2.prod.cluster-1.local"),
            ("credentials_bucket", "ml-creds-prod-2024-eu"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "ml-prod-471112-8f3c2a1b9d0e.json"),
            ("SERVICE_CREDENTIALS", "ml-prod-471112-8f3c2a1b9d0e.json"),
            ("TLS_PRIVATE_KEY", "server-2024-a1b2c3d4.pem"),
            ("PIP_NO_CREDENTIALS", "0"),
            ("MYSQL_ALLOW_EMPTY_PASSWORD", "yes"),
            ("MAX_PASSWORD", "123456"),
            ("SECRET_KEY", "collectstatic-only-0001"),
            ("DJANGO_SECRET_KEY", "build-only-not-used-42"),
            ("hashed_secret", "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3"),
            ("API_TOKEN_HASH", "qT9vLm4Zr1Xw8Kd2Pb"),
        ] {
            assert_eq!(weigh(name, value), None, "{name}={value}");
        }
        let sealed = format!("AgBy{}", noise(600, BASE62));
        assert_eq!(weigh("DB_PASSWORD", &sealed), None);
        assert_eq!(weigh("DB_PASSWORD", &sealed[..200]), Some(Strong));
        let settings = format!("django-insecure-{}", noise(50, BASE62));
        assert_eq!(weigh("SECRET_KEY", &settings), Some(Weak));
    }

    #[test]
    fn the_name_of_a_secret_is_doubtful() {
        for (name, value) in [
            ("DB_PASSWORD_SECRET", "ml-db-prod-2024"),
            ("IMAGE_PULL_SECRET", "regcred-prod-2024"),
            ("AZURE_OPENAI_KEY_SECRET", "azure-openai-key-prod-01"),
            ("API_SECRET", "ml-platform/openai/api-key-v3"),
            ("VAULT_SECRET", "secret/data/ml/openai-2024"),
            ("GCP_CREDENTIALS", "sa-trainer@ml-prod-471112.iam.gserviceaccount.com"),
            ("REGISTRY_CREDENTIALS", "ecr:us-east-1:aws-prod-01"),
            ("S3_ACCESS_KEY", "models/llama3.1/8b-instruct"),
            ("PASS", "optimize-v2.1"),
        ] {
            assert!(weigh(name, value) <= Some(Weak), "{name}={value}");
        }
        for (name, value) in [
            ("existingSecret", "ml-db-credentials-2024"),
            ("existingSecretPasswordKey", "redis-password-01"),
            ("OPENAI_API_KEY", "token-abc123"),
            ("passwd", "1:4.13+dfsg1-3ubuntu3.2"),
            ("pass", "1.7.4-r5"),
        ] {
            assert_eq!(weigh(name, value), None, "{name}={value}");
        }
        for (name, value) in [
            ("DB_PASSWORD_SECRET", "S3cretPw99"),
            ("API_SECRET", "qT9vLm4Z-r1Xw8Kd2Pb"),
            ("API_KEY", "3f2a9c1e-77b0-4d1e-a8f3-5c9d0e6b2a14"),
            ("DB_PASSWORD", "correct-horse-battery-9"),
            ("DB_PASSWORD", "1.7hunter2secure"),
            ("PASS", "hunter2secure"),
        ] {
            assert_eq!(weigh(name, value), Some(Strong), "{name}={value}");
        }
    }

    #[test]
    fn hashes_are_doubtful() {
        for hash in [
            "argon2:$argon2id$v=19$m=10240,t=10,p=8$c29tZXNhbHQ$aGFzaA",
            "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$aGFzaA",
            "$2b$12$R9h7cIPz0gi.URNNX3kh2OPST9",
            "$6$salt$IxDD3jeSOb5eB1CX5LBsqZFVkJdido3OUILO5Ifz5iwMuTS4XMS130MTSuDDl3aCI6WouIL9AjRbLCelDCy.g.",
            "sha1:67c9e60bb8b6:9ffede0825894254b2e042ea597d771089e11aed",
            "pbkdf2_sha256$600000$salt$aGFzaA",
            "scrypt:32768:8:1$salt$a94a8fe5ccb19ba6",
        ] {
            for name in ["PASSWORD", "hashed_password", "password_hash", "ADMIN_TOKEN"] {
                assert_eq!(weigh(name, hash), Some(Weak), "{name}={hash}");
            }
        }
        assert_eq!(weigh("SORT_KEY", "$2b$12$R9h7cIPz0gi1rGQ8"), None);
    }

    #[test]
    fn reads_pairs_of_many_formats() {
        let secret = "qT9vLm4Zr1Xw8Kd2Pb";
        let files = [
            format!("A=1\nAPI_TOKEN={secret}\n"),
            format!("export API_TOKEN=\"{secret}\"\n"),
            format!("  api_token: {secret}  # prod\n"),
            format!("{{\n  \"api_token\": \"{secret}\",\n}}"),
            format!("api_token = '{secret}'\r\n"),
            format!("{{\"api_token\":\"{secret}\"}}"),
        ];
        for text in files {
            let found = find(&text, 10);
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!(text.get(found[0].span.clone()), Some(secret), "{text}");
            assert_eq!(found[0].strength, Strong);
        }
    }

    #[test]
    fn reads_literals_of_source_code() {
        let find = |text| search(text, 10, Style::Code).sightings.len();
        assert_eq!(find("connect(user='ml', password='hunter2secure')"), 1);
        let harmless = "password=os.environ['DB_PASSWORD'], token='<your token>', key='created'";
        assert_eq!(find(harmless), 0);
        assert_eq!(find("password = args.password2"), 0);
        assert_eq!(find("api_key: str = 'qT9vLm4Zr1Xw8Kd2Pb'"), 1);
        // A connection string has fields; a packed program looks alike.
        assert_eq!(find("\"Server=db;User=x;Password=hunter2secure;\""), 1);
        assert_eq!(find("!function(){a.b=c;hp.password=c.clientSecret;d.authToken=x9.y2.z3;}"), 0);
        assert_eq!(find("a=b;password=c.clientSecret;d=e"), 0);
    }

    #[test]
    fn styles_differ_in_what_counts() {
        let count = |text: &str| {
            [Style::Credentials, Style::Configuration, Style::Code]
                .map(|style| search(text, 10, style).sightings.len())
        };
        assert_eq!(count("DB_PASSWORD=hunter2secure"), [1, 1, 0]);
        assert_eq!(count("DB_PASSWORD=wintermute"), [1, 0, 0]);
        assert_eq!(count("# DB_PASSWORD=hunter2secure"), [1, 0, 0]);
        assert_eq!(count("f(x, password='hunter2secure')"), [1, 1, 1]);
        assert_eq!(count("token_requests: 'hunter2secure98765'"), [1, 0, 0]);
        let commented = find("# DB_PASSWORD=hunter2secure", 1);
        assert_eq!(commented[0].strength, Weak);
    }
}

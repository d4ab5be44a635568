//! Whether a name and a value together are a secret, and how sure that is. Keys without a format
//! of their own (those of Mistral, Cohere, Datadog, Twilio and many more) are found so.

use super::names::{self, NameClass};
use super::pairs::{self, Form, Pair};
use super::placeholders::{distinct, is_placeholder, is_published};
use super::tokens::{Found, strongest};
use super::{Sighting, Strength};

/// Longest value taken for a secret, in bytes; longer ones are certificates or data.
const MAX_VALUE_BYTES: usize = 4096;

/// Kind and title of a secret known by its name.
pub const NAMED: (&str, &str) = ("named-secret", "a secret value");

/// Whether a value under this name is a secret, and how sure that is.
pub fn weigh(name: &str, value: &str) -> Option<Strength> {
    let class = names::class(name);
    if class == NameClass::Plain {
        return None;
    }
    let value = value.trim();
    if (class == NameClass::Vague && !is_random(value)) || value.len() > MAX_VALUE_BYTES {
        return None;
    }
    if value.eq_ignore_ascii_case(name)
        || is_placeholder(value)
        || is_ordinary(value, class)
        || (class != NameClass::Password && is_identifier(value))
        || is_published(value.as_bytes())
    {
        return None;
    }
    match (class, is_random(value), is_chosen(value)) {
        (NameClass::Key, true, _) | (NameClass::Password, _, true) => Some(Strength::Strong),
        _ if value.len() >= 6 => Some(Strength::Weak),
        _ => None,
    }
}

/// Values that are plainly no secret: numbers, paths, addresses without userinfo, sentences.
fn is_ordinary(value: &str, class: NameClass) -> bool {
    let dotted = value.contains('.') && value.chars().all(|c| c.is_ascii_lowercase() || c == '.');
    // A password may be a number, and not a round one.
    let numeric = value.chars().all(|c| c.is_ascii_digit());
    let pin = numeric && class == NameClass::Password && value.len() >= 6 && !value.ends_with("00");
    let number = !pin && value.chars().all(|c| c.is_ascii_digit() || ".:,-+_ ".contains(c));
    let path = ["/", "./", "../", "~/", "C:\\"].iter().any(|start| value.starts_with(start));
    let address = value.contains("://") || value.starts_with("localhost");
    let fingerprint = (value.len() == 40
        && value.chars().all(|c| c.is_ascii_digit() || ('A'..='F').contains(&c)))
        || value.starts_with("sha256:");
    let sentence = value.split_whitespace().count() > 2;
    let code = value.contains('(') || value.contains("os.environ") || value.contains("process.env");
    number || dotted || path || address || fingerprint || sentence || code
}

/// `my-db-secret`, `ctrl-c`, `api_key_v1`, `settings.SECRET`: words joined by punctuation are
/// names of things. Under the name of a password they may be a passphrase.
fn is_identifier(value: &str) -> bool {
    let mut words = value.split(['-', '_', '.', '/', ':']);
    let joined = value.contains(['-', '_', '.', '/', ':']);
    let humps = value.bytes().filter(u8::is_ascii_uppercase).count() >= 2;
    (joined && words.all(|word| word.chars().all(|c| c.is_ascii_alphabetic())))
        || (humps && is_wordy(value))
}

/// Random text: long, mixed, without spaces.
fn is_random(value: &str) -> bool {
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
fn is_chosen(value: &str) -> bool {
    value.len() >= 8
        && value.is_ascii()
        && !value.contains(char::is_whitespace)
        && value.chars().any(char::is_alphabetic)
        && value.chars().any(|c| !c.is_alphabetic() && c != '-' && c != '_')
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
    let is_certain = strength == Strength::Strong && names::ends_with_secret(pair.name);
    let counts = match (style, pair.form) {
        (Style::Credentials, Form::Comment) => {
            strength = Strength::Weak;
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

    #[test]
    fn weighs_names_and_values_together() {
        let strong = Some(Strength::Strong);
        let weak = Some(Strength::Weak);
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
            assert_eq!(found[0].strength, Strength::Strong);
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
        assert_eq!(commented[0].strength, Strength::Weak);
    }
}

//! Passwords in the userinfo of URLs: `https://user:password@host/`. The variables that hold
//! them (`PIP_INDEX_URL`, `DATABASE_URL`, `HTTPS_PROXY`) have no secret word in their name.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::placeholders::{distinct, is_password_placeholder, is_placeholder, is_published};
use super::{Sighting, Strength, tokens};

/// Kind and title of a password in a URL.
pub const KIND: (&str, &str) = ("url-password", "a password inside a URL");

/// Longest protocol, name, password and host looked at, in bytes.
const SCHEME_BYTES: usize = 21;
const USER_BYTES: usize = 120;
const PASSWORD_BYTES: usize = 600;
const HOST_BYTES: usize = 200;
/// Longest password with a slash.
const SLASHED_BYTES: usize = 200;

#[expect(clippy::expect_used, reason = "constant expression, compiled by the tests")]
static MARK: LazyLock<AhoCorasick> =
    LazyLock::new(|| AhoCorasick::new(["://"]).expect("MARK compiles"));

/// A URL with a login.
struct Url<'a> {
    scheme: &'a str,
    user: Range<usize>,
    password: Option<Range<usize>>,
    host: &'a str,
    path: &'a str,
}

/// Passwords and tokens in the URLs of a text, at most `most` of each strength.
pub fn find(text: &str, most: usize) -> Vec<Sighting> {
    let marks = MARK.find_iter(text);
    let found = marks.filter_map(|mark| sighting(text, &url(text, mark.range())?));
    tokens::strongest(found, most)
}

/// The URL around a `://`, when it has a login.
fn url(text: &str, mark: Range<usize>) -> Option<Url<'_>> {
    let bytes = text.as_bytes();
    let before = bytes.get(mark.start.saturating_sub(SCHEME_BYTES)..mark.start)?;
    let is_scheme = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+.-".contains(byte);
    let length = before.iter().rev().take_while(is_scheme).count();
    let scheme = text.get(mark.start.checked_sub(length)?..mark.start)?;
    let user = run(bytes, mark.end, USER_BYTES, |byte| !b"/?#:@".contains(&byte));
    let password = match bytes.get(user.end) {
        Some(b':') => Some(password(text, user.end.checked_add(1)?)?),
        Some(b'@') => None,
        _ => return None,
    };
    let end = password.as_ref().map_or(user.end, |password| password.end);
    let host = host(text, end);
    let path = path(text, end);
    (!scheme.is_empty() && !host.is_empty()).then_some(Url { scheme, user, password, host, path })
}

/// The password that begins at `start`, of which an `@` may be a part (the last one in front of
/// the path ends it), and a slash too, which every program reads and no standard allows.
fn password(text: &str, start: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let plain = run(bytes, start, PASSWORD_BYTES, |byte| byte != b'/');
    let signs = |range: Range<usize>| {
        let part = bytes.get(range.clone()).unwrap_or_default();
        part.iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'@')
            .map(move |(at, _)| range.start + at)
    };
    let end = signs(plain.clone()).next_back();
    if let Some(end) =
        end.filter(|end| is_whole_host(text, *end) || bytes.get(plain.end) != Some(&b'/'))
    {
        return Some(start..end);
    }
    let reach = run(bytes, start, SLASHED_BYTES, |_| true);
    let slashed = signs(plain.end..reach.end.max(plain.end)).find(|end| is_whole_host(text, *end));
    match slashed {
        Some(at) if is_slashed(text.get(start..at)?) => Some(start..at),
        _ => end.map(|end| start..end),
    }
}

/// Whether a text with slashes is a password, and not a port with a path.
fn is_slashed(text: &str) -> bool {
    let port = text.split('/').next().unwrap_or(text);
    let is_port = port.is_empty() || port.chars().all(|c| c.is_ascii_digit()) || port == "port";
    let is_mixed = text.chars().any(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
        && text.chars().any(|c| c.is_ascii_lowercase());
    !is_port && is_mixed && !text.contains(['?', '&', '=', '{', '}', '$', '#'])
}

/// The host behind an `@`.
fn host(text: &str, at: usize) -> &str {
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-[".contains(&byte);
    text.get(run(text.as_bytes(), at.saturating_add(1), HOST_BYTES, is_host)).unwrap_or_default()
}

/// Whether a name with a domain, or with a port, follows an `@`.
fn is_whole_host(text: &str, at: usize) -> bool {
    let host = host(text, at);
    let behind = text.as_bytes().get(at.saturating_add(1).saturating_add(host.len())..);
    let port = matches!(behind, Some([b':', digit, ..]) if digit.is_ascii_digit());
    let domain = host.rsplit_once('.').is_some_and(|(_, last)| {
        last.len() >= 2 && last.bytes().all(|byte| byte.is_ascii_alphabetic())
    });
    !host.is_empty() && (port || domain)
}

/// What follows the host and its port, from the slash on.
fn path(text: &str, at: usize) -> &str {
    let start = at.saturating_add(1).saturating_add(host(text, at).len());
    let rest = run(text.as_bytes(), start, HOST_BYTES, |_| true);
    let rest = text.get(rest).unwrap_or_default();
    let port =
        rest.strip_prefix(':').unwrap_or(rest).trim_start_matches(|c: char| c.is_ascii_digit());
    if rest.starts_with(':') { port } else { rest }
}

/// Bytes from `start` on that are of a kind, and neither blanks, quotes nor brackets.
fn run(bytes: &[u8], start: usize, most: usize, kind: impl Fn(u8) -> bool) -> Range<usize> {
    let rest = bytes.get(start..).unwrap_or_default();
    let is_part = |byte: &u8| {
        !byte.is_ascii_whitespace()
            && !byte.is_ascii_control()
            && !b"\"'`<>\\".contains(byte)
            && kind(*byte)
    };
    start..start.saturating_add(rest.iter().take(most).take_while(|byte| is_part(byte)).count())
}

fn sighting(text: &str, url: &Url<'_>) -> Option<Sighting> {
    let known = is_known_scheme(url.scheme);
    let user = text.get(url.user.clone())?;
    let (at, strength) = match &url.password {
        Some(_) if !known && !url.host.contains('.') => return None,
        Some(password) => (password, weigh(user, text.get(password.clone())?, url.host)?),
        None if url.scheme.ends_with("http") || url.scheme.ends_with("https") => {
            (&url.user, weigh_alone(user, url)?)
        }
        None => return None,
    };
    let value = text.get(at.clone())?.as_bytes();
    let strength = if known { strength } else { Strength::Weak };
    (!is_published(value)).then(|| Sighting::new(KIND, at.start, value, strength))
}

/// Protocols in whose URLs passwords are passwords; `postgresql+psycopg2` counts as its start.
fn is_known_scheme(scheme: &str) -> bool {
    const KNOWN: &[&str] = &[
        "http",
        "https",
        "ftp",
        "ftps",
        "sftp",
        "ssh",
        "git",
        "svn",
        "postgres",
        "postgresql",
        "mysql",
        "mariadb",
        "mongodb",
        "redis",
        "rediss",
        "amqp",
        "amqps",
        "mssql",
        "oracle",
        "snowflake",
        "clickhouse",
        "kafka",
        "ldap",
        "ldaps",
        "smtp",
        "smtps",
        "imap",
        "imaps",
        "cockroachdb",
        "nats",
        "mqtt",
        "mqtts",
        "s3",
        "socks5",
        "elasticsearch",
        "neo4j",
        "bolt",
        "trino",
        "redshift",
        "hive",
        "couchdb",
    ];
    let start = scheme.split('+').next().unwrap_or(scheme).to_ascii_lowercase();
    KNOWN.contains(&start.as_str())
}

fn weigh(user: &str, password: &str, host: &str) -> Option<Strength> {
    let same = user.eq_ignore_ascii_case(password);
    if same || is_password_placeholder(password) || is_sample_host(host) {
        return None;
    }
    let mixed = password.chars().any(|c| !c.is_ascii_lowercase()) && password.len() >= 6;
    Some(if mixed { Strength::Strong } else { Strength::Weak })
}

/// `https://<token>@host`: a name alone is a login, a long random one is a token. Sentry's
/// addresses only let in reports, and are in every program that sends some.
fn weigh_alone(user: &str, url: &Url<'_>) -> Option<Strength> {
    let host = url.host;
    if host.contains("sentry") || host.contains(".ingest.") || is_report_address(user, url.path) {
        return None;
    }
    let random = user.len() >= 20
        && distinct(user.as_bytes()) >= 8
        && user.chars().any(|c| c.is_ascii_digit())
        && user.chars().any(|c| c.is_ascii_alphabetic());
    (random && !is_placeholder(user) && !is_sample_host(host)).then_some(Strength::Strong)
}

/// The address of a project on a Sentry of one's own: `https://<32 hexadecimal digits>@host/45`.
fn is_report_address(user: &str, path: &str) -> bool {
    let project = path.rsplit('/').next().unwrap_or_default();
    user.len() == 32
        && user.bytes().all(|byte| byte.is_ascii_hexdigit())
        && !project.is_empty()
        && project.bytes().all(|byte| byte.is_ascii_digit())
}

/// Hosts that documentation uses, and the machine itself.
fn is_sample_host(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let sample = [
        "localhost",
        "127.0.0.1",
        "0.0.0.0",
        "host",
        "hostname",
        "server",
        "domain",
        "domain.com",
        "host.com",
        "myhost",
        "[",
    ];
    sample.contains(&host.as_str())
        || ["example.com", "example.org", "example.net"]
            .iter()
            .any(|zone| host == *zone || host.ends_with(&format!(".{zone}")))
        || matches!(host.rsplit('.').next(), Some("test" | "invalid"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_passwords_and_no_samples() {
        let strong = Some(Strength::Strong);
        let table = [
            ("https://ci:t0psecr3t@pypi.corp/simple", strong),
            ("postgresql://ml:Winter2026!@db:5432/app", strong),
            ("http://proxyuser:wintermute@proxy.corp:3128", Some(Strength::Weak)),
            ("https://9f8e7d6c5b4a39281706f5e4@git.corp/x", strong),
            ("redis://:qT9vLm4Zr1@cache:6379/0", strong),
            ("https://user:password@host/", None),
            ("postgresql://postgres:postgres@localhost/test", None),
            ("postgresql://scott:tiger7@localhost/x", None),
            ("https://user:s3kr3tpw@proxy.example.com", None),
            ("https://user:${PASSWORD}@host.corp", None),
            ("ssh://687fb701029421ae5549d998@ssh.hf.jobs", None),
            ("models://scope:prefix9@databricks/x", None),
            ("vendordb://ml:Winter2026@db.corp/x", Some(Strength::Weak)),
            ("ssh://git@github.com/x", None),
            ("https://pypi.org/simple", None),
            ("git+https://oauth2:$TOKEN@git.corp/x", None),
            ("https://a.b/c?x=user:pw9aaaaa@d", None),
            ("https://9f8e7d6c5b4a39281706f5e4@o16.ingest.us.sentry.io/4", None),
            ("https://0a1b2c3d4e5f60718293a4b5c6d7e8f9@errors.corp.io/45", None),
            ("https://0a1b2c3d4e5f60718293a4b5c6d7e8f9@errors.corp.io:9000/x/45", None),
            ("https://0a1b2c3d4e5f60718293a4b5c6d7e8f9@git.corp.io/ml/app", strong),
            ("postgresql://ml:P@ssw0rdX9@db.corp/x", strong),
            ("postgresql://ml:P@ssw0rdX9@db/x", strong),
            ("postgresql://ml:Hunt/er2secure@db.corp", strong),
            ("postgresql://ml:Hunt/er2@secure@db.corp:5432/x", strong),
            ("postgresql://ml:P@ss/word9x@db:5432/x", strong),
            ("git+https://oauth2:t0psecr3t@github.com/o/r@v1.2.3", strong),
            ("http://registry.corp:5000/ml/App2@sha256:00", None),
            ("http://localhost:3000/@vite/Client1", None),
            ("https://cdn.corp:443/npm/@scope/Pkg1@corp.com", None),
            ("postgresql://host:port/Db1@corp.com", None),
            ("https://a.b:80/x?mail=Me1@corp.com", None),
            ("https://a.b:${PORT}/X1@corp.com", None),
        ];
        for (text, expected) in table {
            let found = find(text, 10);
            assert_eq!(found.first().map(|found| found.strength), expected, "{text}");
        }
        let table = [
            ("PIP_INDEX_URL=https://ci:t0psecr3t@pypi.corp/simple", "t0psecr3t"),
            ("postgresql://ml:P@ssw0rdX9@db.corp/x@y", "P@ssw0rdX9"),
            ("postgresql://ml:Hunt/er2secure@db.corp/x", "Hunt/er2secure"),
            ("git+https://oauth2:t0psecr3t@github.com/o/r@v1.2.3", "t0psecr3t"),
            ("\"a://b:Secret9@x.corp\", \"c://d:Other99@y.corp\"", "Secret9"),
        ];
        for (text, expected) in table {
            assert_eq!(text.get(find(text, 1)[0].span.clone()), Some(expected));
        }
    }
}

//! Passwords in the userinfo of URLs: `https://user:password@host/`. The variables that hold
//! them (`PIP_INDEX_URL`, `DATABASE_URL`, `HTTPS_PROXY`) have no secret word in their name.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::placeholders::{distinct, is_placeholder, is_published};
use super::{Sighting, Strength, tokens};

/// Kind and title of a password in a URL.
pub const KIND: (&str, &str) = ("url-password", "a password inside a URL");

/// Longest protocol, name, password and host looked at, in bytes.
const SCHEME_BYTES: usize = 21;
const USER_BYTES: usize = 120;
const PASSWORD_BYTES: usize = 600;
const HOST_BYTES: usize = 200;

#[expect(clippy::expect_used, reason = "constant expression, compiled by the tests")]
static MARK: LazyLock<AhoCorasick> =
    LazyLock::new(|| AhoCorasick::new(["://"]).expect("MARK compiles"));

/// A URL with a login.
struct Url<'a> {
    scheme: &'a str,
    user: Range<usize>,
    password: Option<Range<usize>>,
    host: &'a str,
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
    let password = (bytes.get(user.end) == Some(&b':')).then(|| {
        run(bytes, user.end.saturating_add(1), PASSWORD_BYTES, |byte| !b"/@".contains(&byte))
    });
    let end = password.as_ref().map_or(user.end, |password| password.end);
    if bytes.get(end) != Some(&b'@') {
        return None;
    }
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-[".contains(&byte);
    let host = run(bytes, end.saturating_add(1), HOST_BYTES, is_host);
    let host = text.get(host).filter(|host| !host.is_empty())?;
    (!scheme.is_empty()).then_some(Url { scheme, user, password, host })
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
            (&url.user, weigh_alone(user, url.host)?)
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
    if same || is_placeholder(password) || is_sample_host(host) {
        return None;
    }
    let mixed = password.chars().any(|c| !c.is_ascii_lowercase()) && password.len() >= 6;
    Some(if mixed { Strength::Strong } else { Strength::Weak })
}

/// `https://<token>@host`: a name alone is a login, a long random one is a token. Sentry's
/// addresses only let in reports, and are in every program that sends some.
fn weigh_alone(user: &str, host: &str) -> Option<Strength> {
    if host.contains("sentry") || host.contains(".ingest.") {
        return None;
    }
    let random = user.len() >= 20
        && distinct(user.as_bytes()) >= 8
        && user.chars().any(|c| c.is_ascii_digit())
        && user.chars().any(|c| c.is_ascii_alphabetic());
    (random && !is_placeholder(user) && !is_sample_host(host)).then_some(Strength::Strong)
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
        ];
        for (text, expected) in table {
            let found = find(text, 10);
            assert_eq!(found.first().map(|found| found.strength), expected, "{text}");
        }
        let text = "PIP_INDEX_URL=https://ci:t0psecr3t@pypi.corp/simple";
        assert_eq!(text.get(find(text, 1)[0].span.clone()), Some("t0psecr3t"));
    }
}

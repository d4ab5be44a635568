//! Passwords in the userinfo of URLs: `https://user:password@host/`. The variables that hold
//! them (`PIP_INDEX_URL`, `DATABASE_URL`, `HTTPS_PROXY`) have no secret word in their name.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use regex::{Captures, Regex};

use super::placeholders::{distinct, is_placeholder};
use super::{Sighting, Strength, text, tokens};

/// Kind and title of a password in a URL.
pub const KIND: (&str, &str) = ("url-password", "a password inside a URL");

/// Most URLs looked at in one text.
const MAX_URLS: usize = 20_000;

#[expect(clippy::expect_used, reason = "constant expression, compiled by the tests")]
static URL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"([A-Za-z][A-Za-z0-9+.\-]{1,20})://([^\s:/?#@"'`<>\\]{0,120})(?::([^\s/@"'`<>\\]{1,300}))?@([A-Za-z0-9_.\-\[]{1,200})"#,
    )
    .expect("URL compiles")
});

/// Passwords and tokens in the URLs of a text, at most `most`.
pub fn find(text: &str, most: usize) -> Vec<Sighting> {
    let found = text::lines_with(text, &MARK)
        .filter(|(_, line)| line.contains('@'))
        .flat_map(|(start, line)| {
            URL.captures_iter(line).take(MAX_URLS).map(move |url| (start, url))
        })
        .filter_map(|(start, url)| sighting(start, &url));
    tokens::strongest(found, most)
}

fn sighting(start: usize, url: &Captures<'_>) -> Option<Sighting> {
    let (scheme, user, host) = (url.get(1)?.as_str(), url.get(2)?, url.get(4)?.as_str());
    let known = is_known_scheme(scheme);
    let (value, strength) = match url.get(3) {
        Some(_) if !known && !host.contains('.') => return None,
        Some(password) => (password, weigh(user.as_str(), password.as_str(), host)?),
        None if scheme.ends_with("http") || scheme.ends_with("https") => {
            (user, weigh_alone(user.as_str(), host)?)
        }
        None => return None,
    };
    let strength = if known { strength } else { Strength::Weak };
    let at = start.checked_add(value.start())?;
    Some(Sighting::new(KIND, at, value.as_str().as_bytes(), strength))
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

#[expect(clippy::expect_used, reason = "constant expression, compiled by the tests")]
static MARK: LazyLock<AhoCorasick> =
    LazyLock::new(|| AhoCorasick::new(["://"]).expect("MARK compiles"));

fn weigh(user: &str, password: &str, host: &str) -> Option<Strength> {
    let same = user.eq_ignore_ascii_case(password);
    if same || is_placeholder(password) || is_sample_host(host) {
        return None;
    }
    let mixed = password.chars().any(|c| !c.is_ascii_lowercase()) && password.len() >= 6;
    Some(if mixed { Strength::Strong } else { Strength::Weak })
}

/// `https://<token>@host`: a name alone is a login, a long random one is a token.
fn weigh_alone(user: &str, host: &str) -> Option<Strength> {
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
        ];
        for (text, expected) in table {
            let found = find(text, 10);
            assert_eq!(found.first().map(|found| found.strength), expected, "{text}");
        }
        let text = "PIP_INDEX_URL=https://ci:t0psecr3t@pypi.corp/simple";
        assert_eq!(text.get(find(text, 1)[0].span.clone()), Some("t0psecr3t"));
    }
}

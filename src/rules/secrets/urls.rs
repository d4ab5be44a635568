//! Passwords in the userinfo of URLs: `https://user:password@host/`. The variables that hold
//! them (`PIP_INDEX_URL`, `DATABASE_URL`, `HTTPS_PROXY`) have no secret word in their name.

use std::sync::LazyLock;

use regex::Regex;

use super::placeholders::{distinct, is_placeholder};
use super::{Sighting, Strength};

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
    if !text.contains('@') {
        return Vec::new();
    }
    URL.captures_iter(text)
        .take(MAX_URLS)
        .filter_map(|url| {
            let user = url.get(2)?;
            let host = url.get(4)?.as_str();
            let (value, strength) = match url.get(3) {
                Some(password) => (password, weigh(user.as_str(), password.as_str(), host)?),
                None => (user, weigh_alone(user.as_str(), host)?),
            };
            Some(Sighting::new(KIND, value.start(), value.as_str().as_bytes(), strength))
        })
        .take(most)
        .collect()
}

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

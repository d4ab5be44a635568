//! What must be inside a credential file before its name counts. A `.docker/config.json` may
//! only name a credential helper, a `.npmrc` only a mirror.

mod key_store;

use std::sync::LazyLock;

use regex::Regex;

use super::super::secrets::assignments::Style;
use super::super::secrets::placeholders::{
    distinct, is_password_placeholder, is_placeholder, is_published,
};
use super::super::secrets::tokens::Found;
use super::super::secrets::{Sighting, Strength, assignments, commands, encoded, urls};
use super::kubernetes;
use super::named::Named;

/// Kind and title of a file that is a secret as a whole.
pub(super) const BARE: (&str, &str) = ("bare-secret", "a bare secret");

/// Most sightings of one file.
const MOST: usize = 100;

/// What the gate finds inside. `text` is the content, lossily; `content` its bytes.
pub(super) fn gate(named: Named, text: &str, content: &[u8]) -> Found {
    let sightings = match named {
        Named::Pairs => return pairs(text),
        Named::PairsOrBare => return pairs_or_bare(text),
        Named::Kube => return kube(text),
        Named::Spaced => return spaced(text),
        Named::Docker => docker(text),
        Named::Npm => npm(text),
        Named::Netrc => captures(&NETRC, text, ("netrc-password", "a password of a netrc file")),
        Named::OpenVpn => open_vpn(text),
        Named::Git => git(text),
        Named::Kaggle => captures(&KAGGLE, text, ("kaggle-key", "a Kaggle API key")),
        Named::Bare => bare(text),
        Named::Colons => colons(text),
        Named::Hashes => hashes(text),
        Named::History => history(text),
        Named::KeyStore => key_store::find(content).into_iter().collect(),
    };
    Found { sightings, ..Found::default() }
}

macro_rules! regex {
    ($name:ident, $pattern:literal) => {
        static $name: LazyLock<Regex> = LazyLock::new(|| Regex::new($pattern).expect("compiles"));
    };
}

regex!(NPM, r#"(?m)(?:_authToken|_auth|_password)[ \t]*[= \t][ \t]*"?([^\s"=]{8,}={0,2})"#);
regex!(NETRC, r"\bpassword\s+(\S{4,})");
regex!(GIT_HEADER, r"(?i)extraheader\s*=\s*authorization:\s*\w+\s+([A-Za-z0-9+/=_\-.]{12,})");
regex!(KUBE_KEY, r#"client-key-data["']?:\s*["']?([A-Za-z0-9+/=]{100,})"#);
regex!(KAGGLE, r#""key"\s*:\s*"([0-9a-f]{32})""#);
regex!(DOCKER_AUTH, r#""(auth|identitytoken|registrytoken|password)"\s*:\s*"([^"\s]{4,})""#);
regex!(
    SPACED,
    r#"(?m)^[ \t]*(?:[^#\n]*[ \t])?(?:requirepass|masterauth|auth-pass[ \t]+\S+|password|passwd|pass)[ \t]+"?([^\s"]{4,})"#
);
regex!(VPN_LOGIN, r"<auth-user-pass>\s*\S+[ \t\r]*\n\s*(\S+)\s*</auth-user-pass>");
regex!(ACL, r"(?m)^[ \t]*user[ \t]+\S+[ \t][^\n]*>(\S{6,})");

fn captures(regex: &Regex, text: &str, kind: (&'static str, &'static str)) -> Vec<Sighting> {
    regex
        .captures_iter(text)
        .filter_map(|found| found.get(1))
        .filter(|value| !is_password_placeholder(value.as_str()))
        .filter(|value| !is_published(value.as_str().as_bytes()))
        .map(|value| {
            Sighting::new(kind, value.start(), value.as_str().as_bytes(), Strength::Strong)
        })
        .take(MOST)
        .collect()
}

/// Pairs, also of JSON on one line, and URLs.
fn pairs(text: &str) -> Found {
    let mut found = assignments::search(text, MOST, Style::Credentials);
    kubernetes::leave_references(text, &mut found.sightings);
    found.sightings.extend(urls::find(text, MOST));
    found.sightings.extend(kubernetes::find(text, MOST));
    found
}

/// Somebody's note: pairs, or the secret alone, of which nothing says what it opens.
fn pairs_or_bare(text: &str) -> Found {
    let mut found = pairs(text);
    let bare = bare(text).into_iter().filter(|found| found.strength == Strength::Strong);
    found.sightings.extend(bare.map(|mut bare| {
        bare.strength = Strength::Weak;
        bare
    }));
    found
}

fn kube(text: &str) -> Found {
    let mut found = pairs(text);
    let kind = ("kube-key", "a client key for a Kubernetes cluster");
    found.sightings.extend(captures(&KUBE_KEY, text, kind));
    found
}

/// `requirepass value`, as in the files of Redis, msmtp and fetchmail.
fn spaced(text: &str) -> Found {
    let mut found = pairs(text);
    let values = passwords(&SPACED, text).chain(passwords(&ACL, text));
    found.sightings.extend(values.take(MOST));
    found
}

/// Plausible passwords where the expression finds one.
fn passwords(regex: &'static Regex, text: &str) -> impl Iterator<Item = Sighting> {
    regex.captures_iter(text).filter_map(|found| found.get(1)).filter_map(|value| {
        let strength = assignments::weigh("password", value.as_str())?;
        Some(Sighting::named("password", value.start(), value.as_str().as_bytes(), strength))
    })
}

/// A login written into an `OpenVPN` profile; its keys are found like all others.
fn open_vpn(text: &str) -> Vec<Sighting> {
    passwords(&VPN_LOGIN, text).take(MOST).collect()
}

fn npm(text: &str) -> Vec<Sighting> {
    let mut found = captures(&NPM, text, ("npm-login", "a login for an npm registry"));
    found.extend(urls::find(text, MOST));
    found
}

fn git(text: &str) -> Vec<Sighting> {
    let mut found = urls::find(text, MOST);
    let kind = ("git-login", "a login that a checkout left in Git's configuration");
    found.extend(captures(&GIT_HEADER, text, kind));
    found
}

/// What was typed: commands, and pairs such as `api_key = "..."` in Python's.
fn history(text: &str) -> Vec<Sighting> {
    let mut found = commands::find(text, MOST);
    found.extend(assignments::search(text, MOST, Style::Notebook).sightings);
    found.extend(urls::find(text, MOST));
    found
}

/// Only logins count: `credsStore` names a helper, an empty `auth` is left by a logout.
fn docker(text: &str) -> Vec<Sighting> {
    let kind = ("registry-login", "a login for a container registry");
    DOCKER_AUTH
        .captures_iter(text)
        .filter_map(|found| Some((found.get(1)?.as_str(), found.get(2)?)))
        .filter(|(key, value)| !is_placeholder(value.as_str()) && is_login(key, value.as_str()))
        .map(|(_, value)| {
            Sighting::new(kind, value.start(), value.as_str().as_bytes(), Strength::Strong)
        })
        .take(MOST)
        .collect()
}

/// `auth` is user and password in base64; one without a password, or with an example, is none.
fn is_login(key: &str, value: &str) -> bool {
    let plain = encoded::base64(value.as_bytes()).and_then(|plain| String::from_utf8(plain).ok());
    match plain.as_deref().and_then(|plain| plain.split_once(':')) {
        Some((user, password)) if key == "auth" => {
            !is_password_placeholder(password) && !user.eq_ignore_ascii_case(password)
        }
        _ => true,
    }
}

/// The whole content, when it is one word that is random enough, and no certificate.
fn bare(text: &str) -> Vec<Sighting> {
    let value = text.trim();
    let start = text.len().saturating_sub(text.trim_start().len());
    let word = !value.contains(char::is_whitespace) && (8..=8192).contains(&value.len());
    let is_other = value.starts_with('/') || value.contains("://") || value.starts_with('{');
    if !word || is_other || is_placeholder(value) || is_published(value.as_bytes()) {
        return Vec::new();
    }
    let random = value.len() >= 16 && distinct(value.as_bytes()) >= 8;
    let strength = if random { Strength::Strong } else { Strength::Weak };
    vec![Sighting::new(BARE, start, value.as_bytes(), strength)]
}

/// PostgreSQL's five fields, of which the password may have colons; otherwise what follows the
/// last colon.
fn colons(text: &str) -> Vec<Sighting> {
    let kind = ("stored-password", "a stored password");
    lines(text)
        .filter(|(_, line)| !line.starts_with('#'))
        .filter_map(|(start, line)| {
            let last = line.rsplit_once(':').map(|(_, password)| password);
            let password = line.splitn(5, ':').nth(4).or(last)?;
            let at = start.checked_add(line.len().checked_sub(password.len())?)?;
            (!is_password_placeholder(password) && !password.contains(char::is_whitespace))
                .then(|| Sighting::new(kind, at, password.as_bytes(), Strength::Strong))
        })
        .take(MOST)
        .collect()
}

/// Hashes of passwords: worth a warning, not a refusal. `!` and `*` are locked accounts.
fn hashes(text: &str) -> Vec<Sighting> {
    let kind = ("password-hash", "a password hash");
    lines(text)
        .filter_map(|(start, line)| {
            let (user, rest) = line.split_once(':')?;
            let hash = rest.split(':').next().unwrap_or(rest);
            let hashed = (hash.starts_with('$') || hash.starts_with("{SHA}")) && hash.len() >= 10;
            let at = start.checked_add(user.len())?.checked_add(1)?;
            hashed.then(|| Sighting::new(kind, at, hash.as_bytes(), Strength::Weak))
        })
        .take(MOST)
        .collect()
}

/// Lines with the offset of each.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut start = 0_usize;
    text.split_inclusive('\n').map(move |line| {
        let at = start;
        start = start.saturating_add(line.len());
        (at, line.trim_end())
    })
}

#[cfg(test)]
mod tests;

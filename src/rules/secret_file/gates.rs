//! What must be inside a credential file before its name counts. A `.docker/config.json` may
//! only name a credential helper, a `.npmrc` only a mirror.

use std::sync::LazyLock;

use regex::Regex;

use super::super::secrets::placeholders::{distinct, is_placeholder};
use super::super::secrets::{Sighting, Strength, assignments, commands, urls};
use super::named::Named;

/// Most sightings of one file.
const MOST: usize = 100;

/// What the gate finds inside. `text` is the content, lossily; `content` its bytes.
pub(super) fn gate(named: Named, text: &str, content: &[u8]) -> Vec<Sighting> {
    match named {
        Named::Pairs => pairs(text),
        Named::Docker => docker(text),
        Named::Npm => captures(&NPM, text, ("npm-login", "a login for an npm registry")),
        Named::Netrc => captures(&NETRC, text, ("netrc-password", "a password of a netrc file")),
        Named::Git => {
            let mut found = urls::find(text, MOST);
            found.extend(captures(
                &GIT_HEADER,
                text,
                ("git-login", "a login that a checkout left in Git's configuration"),
            ));
            found
        }
        Named::Kube => {
            let mut found =
                captures(&KUBE_KEY, text, ("kube-key", "a client key for a Kubernetes cluster"));
            found.extend(pairs(text));
            found
        }
        Named::Kaggle => captures(&KAGGLE, text, ("kaggle-key", "a Kaggle API key")),
        Named::Bare => bare(text),
        Named::Pgpass => pgpass(text),
        Named::Htpasswd => htpasswd(text),
        Named::History => commands::find(text, MOST),
        Named::KeyStore => key_store(content).into_iter().collect(),
    }
}

macro_rules! regex {
    ($name:ident, $pattern:literal) => {
        static $name: LazyLock<Regex> = LazyLock::new(|| Regex::new($pattern).expect("compiles"));
    };
}

regex!(NPM, r#"(?m)(?:_authToken|_auth|_password)[ \t]*=[ \t]*"?([^\s"]{8,})"#);
regex!(NETRC, r"\bpassword\s+(\S{4,})");
regex!(GIT_HEADER, r"(?i)extraheader\s*=\s*authorization:\s*\w+\s+([A-Za-z0-9+/=_\-.]{12,})");
regex!(KUBE_KEY, r#"client-key-data["']?:\s*["']?([A-Za-z0-9+/=]{100,})"#);
regex!(KAGGLE, r#""key"\s*:\s*"([0-9a-f]{32})""#);
regex!(DOCKER_AUTH, r#""(?:auth|identitytoken|registrytoken|password)"\s*:\s*"([^"\s]{4,})""#);

fn captures(regex: &Regex, text: &str, kind: (&'static str, &'static str)) -> Vec<Sighting> {
    regex
        .captures_iter(text)
        .filter_map(|found| found.get(1))
        .filter(|value| !is_placeholder(value.as_str()))
        .map(|value| {
            Sighting::new(kind, value.start(), value.as_str().as_bytes(), Strength::Strong)
        })
        .take(MOST)
        .collect()
}

/// Pairs, also of JSON on one line, and URLs.
fn pairs(text: &str) -> Vec<Sighting> {
    let mut found = assignments::find(text, MOST);
    found.extend(assignments::find_literals(text, MOST));
    found.extend(urls::find(text, MOST));
    found
}

/// Only logins count: `credsStore` names a helper, an empty `auth` is left by a logout.
fn docker(text: &str) -> Vec<Sighting> {
    if !text.contains("auth") {
        return Vec::new();
    }
    captures(&DOCKER_AUTH, text, ("registry-login", "a login for a container registry"))
}

/// The whole content, when it is one word that is random enough, and no certificate.
fn bare(text: &str) -> Vec<Sighting> {
    let value = text.trim();
    let start = text.len().saturating_sub(text.trim_start().len());
    let word = !value.contains(char::is_whitespace) && (8..=8192).contains(&value.len());
    if !word || is_placeholder(value) || value.starts_with('/') {
        return Vec::new();
    }
    let random = value.len() >= 16 && distinct(value.as_bytes()) >= 8;
    let strength = if random { Strength::Strong } else { Strength::Weak };
    vec![Sighting::new(("bare-secret", "a bare secret"), start, value.as_bytes(), strength)]
}

fn pgpass(text: &str) -> Vec<Sighting> {
    let kind = ("pgpass-password", "a PostgreSQL password");
    lines(text)
        .filter(|(_, line)| !line.starts_with('#'))
        .filter_map(|(start, line)| {
            let password = line.splitn(5, ':').nth(4)?;
            let at = start.checked_add(line.len().checked_sub(password.len())?)?;
            (!is_placeholder(password))
                .then(|| Sighting::new(kind, at, password.as_bytes(), Strength::Strong))
        })
        .take(MOST)
        .collect()
}

/// Hashes of passwords: worth a warning, not a refusal.
fn htpasswd(text: &str) -> Vec<Sighting> {
    let kind = ("password-hash", "a password hash");
    lines(text)
        .filter_map(|(start, line)| {
            let (user, hash) = line.split_once(':')?;
            let hashed = hash.starts_with('$') || hash.starts_with("{SHA}");
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

/// Shortest binary private key, an Ed25519 one; templates without a key are shorter.
const MIN_PKCS8: usize = 48;

/// Binary containers of private keys.
fn key_store(content: &[u8]) -> Option<Sighting> {
    // pkcs8ShroudedKeyBag, 1.2.840.113549.1.12.10.1.2: a private key among the certificates.
    const SHROUDED: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01, 0x02];
    // PKCS #8: version 0, then the algorithm's sequence.
    const PKCS8: &[u8] = &[0x02, 0x01, 0x00, 0x30];
    let jks = content.starts_with(&[0xfe, 0xed, 0xfe, 0xed])
        || content.starts_with(&[0xce, 0xce, 0xce, 0xce]);
    // The first entry's tag: 1 is a private key, 2 a trusted certificate.
    let has_key = content.get(12..16) == Some(&[0, 0, 0, 1]);
    let der = content.first() == Some(&0x30);
    let pkcs8 = contains(content.get(..16).unwrap_or(content), PKCS8);
    let gpg = content.starts_with(b"(11:private-key")
        || content.starts_with(b"(21:protected-private-key");
    let found = (jks && has_key)
        || (der && ((pkcs8 && content.len() >= MIN_PKCS8) || contains(content, SHROUDED)))
        || gpg;
    let kind = ("key-store", "a store with a private key");
    found.then(|| Sighting::new(kind, 0, content, Strength::Strong))
}

fn contains(content: &[u8], wanted: &[u8]) -> bool {
    content.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::super::named::named;
    use super::*;

    fn strengths(path: &str, text: &str) -> Option<Strength> {
        let named = named(path).unwrap_or_else(|| panic!("{path} has no gate"));
        gate(named, text, text.as_bytes()).into_iter().map(|found| found.strength).max()
    }

    #[test]
    fn gates_let_pass_what_holds_nothing() {
        let table = [
            (".env", "DEBUG=1\nDB_PASSWORD=\nAPI_KEY=changeme\nPORT=8080\n"),
            ("root/.docker/config.json", r#"{"credsStore":"ecr-login","auths":{}}"#),
            ("root/.docker/config.json", r#"{"auths":{"https://index.docker.io/v1/":{}}}"#),
            ("root/.npmrc", "registry=https://npm.corp/\n//npm.corp/:_authToken=${NPM_TOKEN}\n"),
            ("root/.netrc", "machine x login y password <token>\n"),
            ("etc/pip.conf", "[global]\nindex-url = https://pypi.corp/simple\n"),
            ("app/.git/config", "[remote \"origin\"]\n\turl = https://github.com/o/r\n"),
            ("root/.kube/config", "clusters: []\nusers: []\n"),
            (
                "root/.aws/credentials",
                "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n",
            ),
            ("run/secrets/token", "\n"),
            ("root/.pgpass", "# host:port:db:user:password\n*:*:*:*:${PW}\n"),
            ("root/.bash_history", "ls\nexport TOKEN=$(cat x)\ncd /app\n"),
            ("root/.cache/huggingface/token", ""),
        ];
        for (path, text) in table {
            assert_eq!(strengths(path, text), None, "{path}: {text}");
        }
    }

    #[test]
    fn gates_stop_what_holds_secrets() {
        let strong = Some(Strength::Strong);
        let table = [
            ("app/.env", "DB_PASSWORD=hunter2secure", strong),
            ("app/.env.production", "export API_TOKEN='qT9vLm4Zr1Xw8Kd2Pb'", strong),
            (
                "root/.docker/config.json",
                r#"{"auths":{"r.corp":{"auth":"bWw6aHVudGVyMnNlY3VyZQ=="}}}"#,
                strong,
            ),
            ("root/.npmrc", "//npm.corp/:_authToken=qT9vLm4Zr1Xw8Kd2Pb\n", strong),
            (
                "root/.netrc",
                "machine api.wandb.ai\n  login user\n  password qT9vLm4Zr1Xw8Kd2Pb\n",
                strong,
            ),
            (
                "etc/pip.conf",
                "[global]\nindex-url = https://ci:t0psecr3t@pypi.corp/simple\n",
                strong,
            ),
            (
                "root/.pypirc",
                "[pypi]\nusername = __token__\npassword = qT9vLm4Zr1Xw8Kd2Pb\n",
                strong,
            ),
            (
                "app/.git/config",
                "\textraheader = AUTHORIZATION: basic eDp5cVQ5dkxtNFpyMVh3\n",
                strong,
            ),
            ("app/.git/config", "\turl = https://ml:qT9vLm4Zr1Xw@git.corp/r\n", strong),
            ("root/.git-credentials", "https://ml:qT9vLm4Zr1Xw@git.corp\n", strong),
            (
                "root/.kaggle/kaggle.json",
                r#"{"username":"x","key":"0a1b2c3d4e5f60718293a4b5c6d7e8f9"}"#,
                strong,
            ),
            (
                "x/application_default_credentials.json",
                r#"{"type":"authorized_user","refresh_token":"1//0qT9vLm4Zr1Xw8Kd2Pb"}"#,
                strong,
            ),
            ("run/secrets/hf", "qT9vLm4Zr1Xw8Kd2Pb\n", strong),
            ("root/.vault-token", "s.qT9vLm4Zr1Xw8Kd2Pb", strong),
            ("root/.pgpass", "db:5432:app:ml:Winter-Mute9", strong),
            ("etc/nginx/.htpasswd", "ml:$apr1$x$y", Some(Strength::Weak)),
            ("root/.bash_history", "docker login -u ml -p hunter2secure r.corp", strong),
        ];
        for (path, text, expected) in table {
            assert_eq!(strengths(path, text), expected, "{path}: {text}");
        }
    }

    #[test]
    fn key_stores_need_a_key() {
        let jks = |tag: u8| {
            [&[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, tag][..], &[0; 40]].concat()
        };
        let pkcs8 = |length: usize| {
            let mut key = b"\x30\x82\x04\xbe\x02\x01\x00\x30\x0d\x06\x09".to_vec();
            key.resize(length, 7);
            key
        };
        assert!(key_store(&jks(1)).is_some());
        assert!(key_store(&jks(2)).is_none(), "a trust store");
        assert!(key_store(&pkcs8(48)).is_some());
        assert!(
            key_store(b"\x30\x82\x04\xbe\x30\x82\x03\xa6\xa0\x03\x02\x01\x02").is_none(),
            "a certificate"
        );
        assert!(key_store(&pkcs8(47)).is_none(), "a template");
        assert!(key_store(b"").is_none());
    }
}

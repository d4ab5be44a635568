//! Who is listened to and who is talked to: listeners, certificates, registries, receivers.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::defaults::{ADMIN, WEBHOOK};
use super::files::Files;
use super::problem::Problems;
use super::raw::{RawAuth, RawBasic, RawListen, RawReceiver, RawRegistry, RawTls};
use super::secret::Secret;
use super::shape::quoted;
use crate::policy::Pattern;
use crate::receive::events::{self, SENDERS};
use crate::registry::UnlistedRegistries;
use crate::registry::credentials::Credentials;

/// Addresses to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen {
    /// Webhook listener (TLS).
    pub webhook: SocketAddr,
    /// Admin listener (plain HTTP).
    pub admin: SocketAddr,
}

/// Certificates of the webhook listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Certificate and key; without them a self-signed one is made under the data folder.
    pub certificate: Option<Certificate>,
    /// PEM file of the CAs that callers' certificates must be signed by, if callers must show one.
    pub client_ca: Option<PathBuf>,
}

/// PEM files of a certificate. They are read, and reread, by [`crate::tls`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The chain, leaf first.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// A registry, or several by a glob, that may be contacted.
#[derive(Debug, Clone)]
pub struct Registry {
    /// Hosts (with port, if any) it is about.
    pub host: Pattern,
    /// Where credentials come from; read at use.
    pub credentials: Credentials,
    /// PEM text of CAs to trust besides the public ones.
    pub ca_pem: Option<Vec<u8>>,
    /// Whether to speak HTTP without TLS.
    pub plain_http: bool,
}

impl Registry {
    /// Every host with the user's own logins, for tools that a person runs. `None` never comes:
    /// the pattern is a constant.
    pub fn any() -> Option<Self> {
        let (host, credentials) = (Pattern::parse("**").ok()?, Credentials::DefaultDockerConfig);
        Some(Self { host, credentials, ca_pem: None, plain_http: false })
    }
}

/// A sender of push events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    /// Unique name; the path is `/events/<name>`.
    pub name: String,
    /// Shape of its events: the kind of one of [`SENDERS`].
    pub kind: &'static str,
    /// Host of the registry that sends.
    pub registry: String,
    /// How it proves itself.
    pub auth: ReceiverAuth,
}

/// How a sender of events proves itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceiverAuth {
    /// `Authorization: Bearer <token>`.
    Bearer(Secret),
    /// `Authorization: Basic`.
    Basic {
        /// User name.
        username: String,
        /// Password.
        password: Secret,
    },
    /// Not at all, because the operator said so.
    None,
}

pub(super) fn listen(raw: &RawListen, problems: &mut Problems) -> Listen {
    let mut address = |path: &str, written: Option<&str>, default: &str| {
        written
            .and_then(|written| problems.keep(path, parse_address(written)))
            .or_else(|| default.parse().ok())
            .unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)))
    };
    let listen = Listen {
        webhook: address("listen.webhook", raw.webhook.as_deref(), WEBHOOK),
        admin: address("listen.admin", raw.admin.as_deref(), ADMIN),
    };
    if listen.webhook == listen.admin && listen.webhook.port() != 0 {
        problems
            .add("listen.admin", format!("same address as `listen.webhook`: `{}`", listen.admin));
    }
    listen
}

fn parse_address(written: &str) -> Result<SocketAddr, String> {
    let text = if written.starts_with(':') { format!("0.0.0.0{written}") } else { written.into() };
    text.parse()
        .map_err(|_| format!("expected an address such as `0.0.0.0:8443`, got {}", quoted(written)))
}

pub(super) fn tls(raw: &RawTls, files: &Files, problems: &mut Problems) -> Tls {
    let mut path = |key: &str, written: Option<&String>| {
        written.and_then(|written| problems.keep(key, files.path(written)))
    };
    let cert = path("tls.cert", raw.cert.as_ref());
    let key = path("tls.key", raw.key.as_ref());
    let client_ca = path("tls.client-ca", raw.client_ca.as_ref());
    match (&raw.cert, &raw.key) {
        (Some(_), None) => problems.add("tls.key", "missing (hint: `tls.cert` needs its key)"),
        (None, Some(_)) => {
            problems.add("tls.cert", "missing (hint: `tls.key` needs its certificate)");
        }
        _ => {}
    }
    Tls { certificate: cert.zip(key).map(|(cert, key)| Certificate { cert, key }), client_ca }
}

pub(super) fn registries(
    raw: Vec<RawRegistry>,
    files: &mut Files,
    problems: &mut Problems,
) -> Vec<Registry> {
    let mut seen = BTreeSet::new();
    let mut registries = Vec::new();
    for (index, raw) in raw.into_iter().enumerate() {
        let at = |key: &str| format!("registries[{index}].{key}");
        let credentials = raw
            .credentials
            .and_then(|credentials| credentials.docker_config)
            .and_then(|path| problems.keep(&at("credentials.docker-config"), files.path(&path)))
            .map_or(Credentials::Anonymous, Credentials::DockerConfig);
        let ca_pem = raw.ca.and_then(|path| problems.keep(&at("ca"), files.ca(&path)));
        let plain_http = raw.plain_http.unwrap_or(false);
        if plain_http && ca_pem.is_some() {
            problems.add(at("ca"), "useless with `plain-http: true`");
        }
        let Some(written) = raw.host else { continue };
        if !seen.insert(written.clone()) {
            problems.add(at("host"), format!("listed twice: {}", quoted(&written)));
        }
        let Some(host) = problems.keep(&at("host"), parse_host_glob(&written)) else { continue };
        registries.push(Registry { host, credentials, ca_pem, plain_http });
    }
    registries
}

fn parse_host_glob(written: &str) -> Result<Pattern, String> {
    is_host(&written.replace(['*', '?'], "x"), written)?;
    Pattern::parse(written).map_err(|reason| format!("not a glob ({reason}): {}", quoted(written)))
}

/// Checks a host with an optional port.
fn is_host(host: &str, written: &str) -> Result<(), String> {
    let hint = if written.contains("://") {
        " (hint: leave out the scheme)"
    } else if written.contains('/') {
        " (hint: only the host; repositories go into `policy.scopes`)"
    } else if written.chars().any(|letter| letter.is_ascii_uppercase()) {
        " (hint: write it in lower case)"
    } else {
        ""
    };
    let refuse = || {
        Err(format!(
            "expected a host such as `registry.example.com`, got {}{hint}",
            quoted(written)
        ))
    };
    let (name, port) = match host.rsplit_once(':') {
        // The last colon of `[::1]` is inside of the address.
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let is_label = |label: &str| {
        let outer = |edge: Option<char>| edge.is_some_and(|c| c.is_ascii_alphanumeric());
        label.len() <= 63
            && outer(label.chars().next())
            && outer(label.chars().last())
            && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    let is_ipv6 = || {
        name.strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'))
            .is_some_and(|name| name.parse::<std::net::Ipv6Addr>().is_ok())
    };
    let is_name = name.len() <= 253 && name.split('.').all(is_label);
    let is_port = port.is_none_or(|port| port == "x" || port.parse::<u16>().is_ok_and(|p| p > 0));
    if (is_name || is_ipv6()) && is_port { Ok(()) } else { refuse() }
}

pub(super) fn receivers(
    raw: Vec<RawReceiver>,
    files: &mut Files,
    problems: &mut Problems,
) -> Vec<Receiver> {
    let mut seen = BTreeSet::new();
    let mut receivers = Vec::new();
    for (index, raw) in raw.into_iter().enumerate() {
        let path = format!("receivers[{index}]");
        let name =
            raw.name.and_then(|name| problems.keep(&format!("{path}.name"), parse_name(name)));
        if let Some(name) = &name
            && !seen.insert(name.clone())
        {
            problems.add(format!("{path}.name"), format!("used twice: {}", quoted(name)));
        }
        let kind =
            raw.kind.and_then(|kind| problems.keep(&format!("{path}.kind"), parse_kind(&kind)));
        let registry = raw.registry.and_then(|host| {
            let checked = is_host(&host, &host).map(|()| host);
            problems.keep(&format!("{path}.registry"), checked)
        });
        let auth = raw.auth.and_then(|raw| auth(raw, &format!("{path}.auth"), files, problems));
        if raw.on_deny.as_ref().is_some_and(super::is_written) {
            problems.add(format!("{path}.on-deny"), super::NOT_SUPPORTED);
        }
        if let (Some(name), Some(kind), Some(registry), Some(auth)) = (name, kind, registry, auth) {
            receivers.push(Receiver { name, kind, registry, auth });
        }
    }
    receivers
}

fn parse_name(written: String) -> Result<String, String> {
    let is_kebab = (1..=63).contains(&written.len())
        && written.split('-').all(|part| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        });
    if is_kebab {
        return Ok(written);
    }
    let written = quoted(&written);
    Err(format!(
        "expected lower-case letters, digits and single hyphens (at most 63), got {written}"
    ))
}

fn parse_kind(written: &str) -> Result<&'static str, String> {
    if let Some(sender) = events::find(written) {
        return Ok(sender.kind());
    }
    let kinds: Vec<String> = SENDERS.iter().map(|sender| quoted(sender.kind())).collect();
    let (written, kinds) = (quoted(written), kinds.join(", "));
    Err(format!("not supported by this version: {written} (hint: supported: {kinds})"))
}

fn auth(
    raw: RawAuth,
    path: &str,
    files: &mut Files,
    problems: &mut Problems,
) -> Option<ReceiverAuth> {
    let none = raw.none.filter(|none| *none);
    match (raw.bearer_file, raw.basic, none) {
        (Some(file), None, None) => problems
            .keep(&format!("{path}.bearer-file"), files.secret(&file))
            .map(ReceiverAuth::Bearer),
        (None, Some(raw), None) => basic(raw, &format!("{path}.basic"), files, problems),
        (None, None, Some(_)) => Some(ReceiverAuth::None),
        _ => {
            problems.add(path, "expected exactly one of `bearer-file`, `basic`, `none: true`");
            None
        }
    }
}

fn basic(
    raw: RawBasic,
    path: &str,
    files: &mut Files,
    problems: &mut Problems,
) -> Option<ReceiverAuth> {
    let password = raw
        .password_file
        .and_then(|file| problems.keep(&format!("{path}.password-file"), files.secret(&file)));
    let username = raw.username?;
    // RFC 7617, section 2: a colon would end the user name.
    if username.is_empty() || username.contains(|c: char| c == ':' || c.is_control()) {
        problems.add(
            format!("{path}.username"),
            format!("empty, or has a colon or control characters: {}", quoted(&username)),
        );
    }
    Some(ReceiverAuth::Basic { username, password: password? })
}

/// An event of a registry that may not be contacted could never be worked off.
pub(super) fn receivers_are_listed(
    receivers: &[Receiver],
    registries: &[Registry],
    unlisted: UnlistedRegistries,
    problems: &mut Problems,
) {
    // The well-known ones are the registry client's to know, so only the certain case is told;
    // and with other problems entries may be missing here that were written.
    if unlisted != UnlistedRegistries::None || !problems.is_empty() {
        return;
    }
    for (index, receiver) in receivers.iter().enumerate() {
        if !registries.iter().any(|registry| registry.host.matches(&receiver.registry)) {
            problems.add(
                format!("receivers[{index}].registry"),
                format!(
                    "registry is not listed, its images could not be read \
                     (hint: add it to `registries`): {}",
                    quoted(&receiver.registry)
                ),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_hosts_from_junk() {
        for host in
            ["docker.io", "localhost:5000", "r-1.example.com", "10.0.0.1:5000", "[::1]:5000"]
        {
            assert!(is_host(host, host).is_ok(), "{host}");
        }
        for host in [
            "",
            "https://x",
            "a/b",
            "A.example.com",
            "a..b",
            "-a",
            "a:0",
            "a:65536",
            "a b",
            "[x]:1",
        ] {
            assert!(is_host(host, host).is_err(), "{host}");
        }
        for glob in ["*", "*.example.com", "registry-*.example.com:5000", "localhost:*"] {
            assert!(parse_host_glob(glob).is_ok(), "{glob}");
        }
        insta::assert_snapshot!(parse_host_glob("https://r.example.com").unwrap_err(), @"expected a host such as `registry.example.com`, got `https://r.example.com` (hint: leave out the scheme)");
        insta::assert_snapshot!(parse_host_glob("r.example.com/ml").unwrap_err(), @"expected a host such as `registry.example.com`, got `r.example.com/ml` (hint: only the host; repositories go into `policy.scopes`)");
        insta::assert_snapshot!(parse_host_glob("[a-z].example.com").unwrap_err(), @"expected a host such as `registry.example.com`, got `[a-z].example.com`");
    }

    #[test]
    fn names_are_kebab_and_capped() {
        let named = |length: usize| parse_name("a".repeat(length));
        assert!(named(62).is_ok() && named(63).is_ok() && named(64).is_err());
        for bad in ["", "A", "a_b", "-a", "a-", "a--b", "a/b", "ä"] {
            assert!(parse_name(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn reads_addresses() {
        assert_eq!(parse_address(":8443"), parse_address("0.0.0.0:8443"));
        assert!(parse_address("[::]:8443").is_ok());
        insta::assert_snapshot!(parse_address("8443").unwrap_err(), @"expected an address such as `0.0.0.0:8443`, got `8443`");
    }
}

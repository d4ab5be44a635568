//! Where a registry may send us: redirects, token realms and what names resolve to. A registry
//! (or whoever answers in its name) must not turn Plimsoll into a client for the intranet, the
//! node's own services or the cloud's metadata endpoint.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect;

use crate::policy::Pattern;

/// Most redirects in a row; registries need one, mirrors in front of a CDN two or three.
const MAX_REDIRECTS: usize = 5;

/// Names of metadata services.
const METADATA_NAMES: &[&str] = &["metadata", "metadata.google.internal", "instance-data"];

/// Metadata services outside the link-local range: AWS over IPv6, Alibaba.
const METADATA: &[IpAddr] = &[
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(std::net::Ipv4Addr::new(100, 100, 100, 200)),
];

/// Follows redirects only to where [`refusal`] has nothing against.
pub(super) fn redirect_policy() -> redirect::Policy {
    redirect::Policy::custom(|attempt| {
        let previous = attempt.previous();
        if previous.len() > MAX_REDIRECTS {
            return attempt.error("too many redirects");
        }
        let (Some(first), Some(last)) = (previous.first(), previous.last()) else {
            return attempt.error("redirect from nowhere");
        };
        let downgrade = last.scheme() == "https" && attempt.url().scheme() != "https";
        match refusal(first, attempt.url()) {
            Some(reason) => attempt.error(reason),
            None if downgrade => attempt.error("redirect from https to http"),
            None => attempt.follow(),
        }
    })
}

/// Why a registry at `origin` may not send us to `target`, if so. A registry on this machine
/// may name this machine; nobody may name a metadata service.
pub(super) fn refusal(origin: &Url, target: &Url) -> Option<&'static str> {
    if !matches!(target.scheme(), "http" | "https") {
        return Some("sent to an address that is neither http nor https");
    }
    match place(target) {
        Place::Outside => None,
        Place::ThisMachine if place(origin) == Place::ThisMachine => None,
        Place::ThisMachine => Some("sent to a loopback address"),
        Place::Forbidden => Some("sent to a link-local, unspecified or metadata address"),
    }
}

/// Whether an address or name that nobody listed leads outside as far as it shows. What names
/// resolve to is the [`ScreenedResolver`]'s work, which literal addresses never come to.
pub(super) fn leads_outside(url: &Url) -> bool {
    place(url) == Place::Outside
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    ThisMachine,
    Forbidden,
}

fn place(url: &Url) -> Place {
    let host = url.host_str().unwrap_or_default();
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = literal.parse::<IpAddr>() {
        return place_of(address);
    }
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    if name == "localhost" || name.ends_with(".localhost") || name == "ip6-localhost" {
        return Place::ThisMachine;
    }
    if name.is_empty() || METADATA_NAMES.contains(&name.as_str()) {
        return Place::Forbidden;
    }
    Place::Outside
}

fn place_of(address: IpAddr) -> Place {
    let address = address.to_canonical();
    if address.is_loopback() {
        return Place::ThisMachine;
    }
    let link_local = match address {
        IpAddr::V4(v4) => {
            v4.is_link_local() || v4.is_broadcast() || v4.octets().first() == Some(&0)
        }
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    if link_local
        || address.is_unspecified()
        || address.is_multicast()
        || METADATA.contains(&address)
    {
        return Place::Forbidden;
    }
    Place::Outside
}

/// Resolves names and leaves out addresses on this machine, link-local ones and those of
/// metadata services, unless the operator listed that very name. Private networks stay: blobs
/// of a company's registry live there. A proxy on this machine has to be given by address.
pub(super) struct ScreenedResolver {
    listed: Option<Pattern>,
}

impl ScreenedResolver {
    /// `host` is the operator's pattern for the registry; none for all others, well-known too.
    pub(super) fn new(host: Option<&Pattern>) -> Self {
        Self { listed: host.and_then(without_port) }
    }
}

fn without_port(host: &Pattern) -> Option<Pattern> {
    let text = host.as_str();
    let name = text.rsplit_once(':').map_or(text, |(name, _)| name);
    Pattern::parse(name).ok()
}

impl Resolve for ScreenedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let listed = self.listed.as_ref().is_some_and(|host| host.matches(name.as_str()));
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let kept: Vec<SocketAddr> = found
                .filter(|address| listed || place_of(address.ip()) == Place::Outside)
                .collect();
            if kept.is_empty() {
                return Err("name resolves to no address that may be contacted".into());
            }
            let addresses: Addrs = Box::new(kept.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(origin: &str, target: &str) -> bool {
        refusal(&origin.parse().unwrap(), &target.parse().unwrap()).is_some()
    }

    #[test]
    fn a_registry_cannot_send_us_inside() {
        let registry = "https://registry.example.com/v2/";
        for target in [
            "http://169.254.169.254/latest/meta-data/",
            "https://[fe80::1]/",
            "https://[fd00:ec2::254]/",
            "https://[::ffff:169.254.169.254]/",
            "https://[::ffff:127.0.0.1]/",
            "https://127.1/",
            "https://0x7f000001/",
            "https://2130706433/",
            "https://0.0.0.0/",
            "https://[::]/",
            "https://[::1]/",
            "https://localhost/",
            "https://LOCALHOST./",
            "https://a.localhost/",
            "https://metadata.google.internal/",
            "https://metadata.google.internal./",
            "https://100.100.100.200/",
            "ftp://example.com/",
            "file:///etc/passwd",
        ] {
            assert!(refused(registry, target), "{target}");
        }
        for target in ["https://cdn.example.com/x?sig=1", "https://10.1.2.3/", "http://8.8.8.8/"] {
            assert!(!refused(registry, target), "{target}");
        }
    }

    #[test]
    fn a_registry_on_this_machine_may_stay_on_it() {
        assert!(!refused("http://127.0.0.1:5000/v2/", "http://localhost:5001/x"));
        assert!(!refused("http://localhost:5000/v2/", "http://[::1]/x"));
        assert!(refused("http://127.0.0.1:5000/v2/", "http://169.254.169.254/"));
        assert!(refused("http://127.0.0.1:5000/v2/", "http://metadata.google.internal/"));
    }

    #[tokio::test]
    async fn names_that_lead_here_are_left_out_unless_listed() {
        let resolve = |host: Option<&str>| {
            let host = host.map(|host| Pattern::parse(host).unwrap());
            ScreenedResolver::new(host.as_ref()).resolve("localhost".parse().unwrap())
        };
        assert!(resolve(None).await.is_err());
        assert!(resolve(Some("registry.example.com")).await.is_err());
        assert!(resolve(Some("localhost:5000")).await.is_ok());
        assert!(resolve(Some("local*")).await.is_ok());
    }
}

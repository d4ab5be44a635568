//! Which registries may be contacted, and how: the operator's list first, then the well-known
//! public ones. Nothing in a payload can add to either.

use serde::{Deserialize, Serialize};

use super::credentials::Credentials;
use crate::policy::Pattern;

/// One entry of the operator's list.
#[derive(Debug, Clone)]
pub struct HostConfig {
    /// Registry as it is written in references (`host` or `host:port`), or a glob over that.
    pub host: Pattern,
    /// Plain HTTP instead of HTTPS.
    pub plain_http: bool,
    /// Certificates (PEM, one or more) trusted in addition to the system's.
    pub ca_pem: Option<Vec<u8>>,
    /// Where credentials come from.
    pub credentials: Credentials,
}

impl HostConfig {
    /// HTTPS, the system's certificates, no credentials.
    pub fn new(host: Pattern) -> Self {
        Self { host, plain_http: false, ca_pem: None, credentials: Credentials::Anonymous }
    }
}

/// What happens with a registry that is not on the operator's list. It is only ever contacted
/// over HTTPS and without credentials.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum UnlistedRegistries {
    /// The public ones everybody knows are contacted, anonymously.
    #[default]
    WellKnown,
    /// Any host is contacted, anonymously. Lets whoever names an image choose whom we talk to.
    Any,
    /// None is contacted.
    None,
}

impl UnlistedRegistries {
    /// Whether the registry `host`, which nobody listed, may be contacted.
    pub fn permit(self, host: &str) -> bool {
        match self {
            Self::WellKnown => is_well_known(host),
            Self::Any => true,
            Self::None => false,
        }
    }
}

/// Public registries that serve anybody and resolve to nobody's intranet. A leading `*.` stands
/// for any number of further labels. Registries of a cloud account (`*.azurecr.io`,
/// `*.dkr.ecr.*.amazonaws.com`) need credentials and therefore an entry of their own.
pub const WELL_KNOWN: &[&str] = &[
    "docker.io",
    "ghcr.io",
    "quay.io",
    "gcr.io",
    "*.gcr.io",
    "*.pkg.dev",
    "registry.k8s.io",
    "mcr.microsoft.com",
    "public.ecr.aws",
    "nvcr.io",
    "registry.gitlab.com",
    "registry.access.redhat.com",
    "registry.fedoraproject.org",
    "registry.opensuse.org",
    "registry.suse.com",
    "container-registry.oracle.com",
    "docker.elastic.co",
    "cgr.dev",
    "lscr.io",
    "icr.io",
];

fn is_well_known(host: &str) -> bool {
    WELL_KNOWN.iter().any(|known| match known.strip_prefix('*') {
        Some(suffix) => host.strip_suffix(suffix).is_some_and(|labels| !labels.is_empty()),
        None => *known == host,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_means_exactly_those() {
        for host in ["docker.io", "eu.gcr.io", "europe-west1-docker.pkg.dev", "nvcr.io"] {
            assert!(UnlistedRegistries::WellKnown.permit(host), "{host}");
        }
        for host in
            ["docker.io.evil.example", "evildocker.io", "xgcr.io", ".gcr.io", "docker.io:8443", ""]
        {
            assert!(!UnlistedRegistries::WellKnown.permit(host), "{host}");
        }
        assert!(UnlistedRegistries::Any.permit("evil.example"));
        assert!(!UnlistedRegistries::None.permit("docker.io"));
    }
}

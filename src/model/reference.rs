//! Names of images as people write them: `registry/repository[:tag][@digest]`.
//! Parsing (Docker's defaults included) is oci-spec's; this type adds typed digests, what Plimsoll
//! asks of a name, and one spelling per registry: a name that is written another way must not
//! slip past the scope that tightens what applies to it.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::Digest;

/// Longest reference we read, in bytes: the distribution specification caps names at 255 and
/// tags at 128 characters, a sha512 digest takes 135.
const MAX_REFERENCE_BYTES: usize = 1024;

/// A parsed image reference. Equality is by all its parts.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Why a text is no reference.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not an image reference ({reason}): `{text}`")]
pub struct ReferenceError {
    text: String,
    reason: String,
}

impl ReferenceError {
    /// What is wrong, without the text itself, for a command line that names it already; with a
    /// hint for whoever typed it.
    pub fn reason(&self) -> String {
        format!("not an image reference ({}{})", self.reason, hint(&self.text))
    }
}

/// What to write instead, where the slip is a usual one.
fn hint(text: &str) -> &'static str {
    let lower = text.to_ascii_lowercase();
    if ["http://", "https://", "docker://"].iter().any(|scheme| lower.starts_with(scheme)) {
        "; hint: leave out everything up to `://`"
    } else if lower != text && lower.parse::<oci_spec::distribution::Reference>().is_ok() {
        "; hint: write the name in lower case"
    } else {
        ""
    }
}

impl Reference {
    /// A reference to `digest` in a repository whose name was already validated elsewhere.
    /// Checks the whole name again, because events bring repository names from outside.
    pub fn from_parts(
        registry: &str,
        repository: &str,
        tag: Option<&str>,
        digest: Option<&Digest>,
    ) -> Result<Self, ReferenceError> {
        let tag = tag.map(|tag| format!(":{tag}")).unwrap_or_default();
        let digest = digest.map(|digest| format!("@{digest}")).unwrap_or_default();
        let parsed: Self = format!("{registry}/{repository}{tag}{digest}").parse()?;
        if parsed.registry == canonical_registry(registry) && parsed.repository == repository {
            return Ok(parsed);
        }
        // `evil.example/x` as a repository name must not move the reference to another host.
        Err(ReferenceError {
            text: format!("{registry}/{repository}"),
            reason: "registry and repository do not stay apart".into(),
        })
    }

    /// Host (and port) in its one spelling: lower case, without the default port 443,
    /// `docker.io` for all names of Docker Hub.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Repository inside the registry, such as `ml/app` or `library/python`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, when one was written (or implied: a name without tag and digest means `latest`).
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, when one was written. It wins over the tag, as it does in container runtimes.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// `registry/repository`, the name that scopes and exceptions match against.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// The same repository, addressed by `digest` alone.
    #[must_use]
    pub fn at(&self, digest: &Digest) -> Self {
        Self { tag: None, digest: Some(digest.clone()), ..self.clone() }
    }

    /// The same repository, addressed by a tag alone, which has to be one.
    #[must_use]
    pub(crate) fn tagged(&self, tag: String) -> Self {
        Self { tag: Some(tag), digest: None, ..self.clone() }
    }
}

/// The one spelling of a registry. Host names know no case, 443 is where HTTPS is anyway, and
/// Docker Hub answers to three names.
pub(crate) fn canonical_registry(written: &str) -> String {
    let lower = written.to_ascii_lowercase();
    let (host, port) = lower.split_once(':').unwrap_or((&lower, ""));
    let port = port.trim_start_matches('0');
    match (host, port) {
        ("index.docker.io" | "registry-1.docker.io", "" | "443") => "docker.io".to_owned(),
        (host, "" | "443") => host.to_owned(),
        (host, port) => format!("{host}:{port}"),
    }
}

/// The text with its registry, if it names one, in the one spelling.
fn respelled(text: &str) -> Result<String, &'static str> {
    let Some((first, rest)) = text.split_once('/') else { return Ok(text.to_owned()) };
    if !first.contains(['.', ':']) && !first.eq_ignore_ascii_case("localhost") {
        // Docker takes such a first part for a host, others for a part of the repository.
        let is_lower = !first.bytes().any(|byte| byte.is_ascii_uppercase());
        return is_lower.then(|| text.to_owned()).ok_or("upper case in the repository");
    }
    let registry = canonical_registry(first);
    if is_odd_address(&registry) {
        return Err("registry is an address in an unusual spelling");
    }
    Ok(format!("{registry}/{rest}"))
}

/// Whether a host is an address to some (`0x7f.1`, `127.1`: the WHATWG's URL standard, "ends in a
/// number") that does not look like one to others, scopes among them.
fn is_odd_address(registry: &str) -> bool {
    let host = registry.split(':').next().unwrap_or_default();
    let last = host.rsplit('.').next().unwrap_or_default();
    let ends_in_a_number = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
    ends_in_a_number && host.parse::<std::net::Ipv4Addr>().is_err()
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let fail =
            |reason: String| ReferenceError { text: text.chars().take(200).collect(), reason };
        if text.len() > MAX_REFERENCE_BYTES {
            return Err(fail(format!("longer than {MAX_REFERENCE_BYTES} bytes")));
        }
        let parsed: oci_spec::distribution::Reference = respelled(text)
            .map_err(|reason| fail(reason.to_owned()))?
            .parse()
            .map_err(|error: oci_spec::distribution::ParseError| fail(error.to_string()))?;
        let digest = parsed
            .digest()
            .map(str::parse::<Digest>)
            .transpose()
            .map_err(|error| fail(error.to_string()))?;
        let reference = Self {
            registry: parsed.registry().to_owned(),
            repository: parsed.repository().to_owned(),
            tag: parsed.tag().map(str::to_owned),
            digest,
        };
        // What was left out (`docker.io/library`, `:latest`) counts: whoever keeps the whole text
        // has to be able to read it again.
        if reference.to_string().len() > MAX_REFERENCE_BYTES {
            return Err(fail(format!("longer than {MAX_REFERENCE_BYTES} bytes when written out")));
        }
        Ok(reference)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_can_be_read_again() {
        // Hosts may be longer than repositories, whose names end at 255.
        let named = |host: usize| format!("{}.x/app", "h".repeat(host)).parse::<Reference>();
        let defaults = ".x/app:latest".len();
        let longest = named(MAX_REFERENCE_BYTES - defaults).unwrap();
        assert_eq!(longest.to_string().len(), MAX_REFERENCE_BYTES);
        assert_eq!(longest.to_string().parse(), Ok(longest));
        assert!(named(MAX_REFERENCE_BYTES - defaults + 1).is_err());
    }

    #[test]
    fn fills_in_dockers_defaults() {
        let table = [
            ("python", "docker.io/library/python:latest"),
            ("ml/app:1", "docker.io/ml/app:1"),
            ("localhost:5000/a/b", "localhost:5000/a/b:latest"),
            ("registry.example.com/ml/app:1.4", "registry.example.com/ml/app:1.4"),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), expected);
        }
    }

    #[test]
    fn keeps_tag_and_digest() {
        let digest = Digest::of(b"x");
        let reference: Reference = format!("r.example.com/a:1@{digest}").parse().unwrap();
        assert_eq!(reference.tag(), Some("1"));
        assert_eq!(reference.digest(), Some(&digest));
        assert_eq!(reference.at(&digest).to_string(), format!("r.example.com/a@{digest}"));
    }

    #[test]
    fn another_spelling_of_a_registry_does_not_evade_its_scope() {
        let table = [
            ("Registry.Example.com/strict/app", "registry.example.com/strict/app"),
            ("registry.example.com:443/strict/app", "registry.example.com/strict/app"),
            ("REGISTRY.example.com:00443/strict/app", "registry.example.com/strict/app"),
            ("r.example.com:05000/app", "r.example.com:5000/app"),
            ("r.example.com:4430/app", "r.example.com:4430/app"),
            ("LocalHost/app", "localhost/app"),
            ("10.1.2.3:443/app", "10.1.2.3/app"),
            ("registry-1.docker.io/ml/app", "docker.io/ml/app"),
            ("index.docker.io/python", "docker.io/library/python"),
            ("Registry-1.Docker.io:443/python", "docker.io/library/python"),
            ("Docker.io/python", "docker.io/library/python"),
        ];
        for (text, expected) in table {
            let reference: Reference = text.parse().unwrap();
            assert_eq!(reference.name(), expected, "{text}");
            assert_eq!(reference.to_string().parse::<Reference>().unwrap(), reference, "{text}");
        }
        for text in ["Strict/app", "STRICT/app", "registry.example.com/Strict/app"] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
        for text in ["127.1/app", "0x7f.1:5000/app", "2130706433:80/app", "010.0.0.1/app"] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
        let event = Reference::from_parts("R.example.com:443", "ml/app", Some("V1"), None).unwrap();
        assert_eq!(event.to_string(), "r.example.com/ml/app:V1");
    }

    #[test]
    fn refuses_junk() {
        for bad in ["", "a b", "x@sha256:12", "a:b:c/d"] {
            assert!(bad.parse::<Reference>().is_err(), "{bad}");
        }
        assert!("a".repeat(MAX_REFERENCE_BYTES + 1).parse::<Reference>().is_err());
    }

    #[test]
    fn usual_slips_get_a_hint() {
        let error = |text: &str| text.parse::<Reference>().unwrap_err().reason();
        insta::assert_snapshot!(error("UPPER"), @"not an image reference (invalid reference format; hint: write the name in lower case)");
        insta::assert_snapshot!(error("r.example.com/ML/app:V1"), @"not an image reference (invalid reference format; hint: write the name in lower case)");
        insta::assert_snapshot!(error("https://r.example.com/ml/app"), @"not an image reference (invalid reference format; hint: leave out everything up to `://`)");
        insta::assert_snapshot!(error("docker://python"), @"not an image reference (invalid reference format; hint: leave out everything up to `://`)");
        insta::assert_snapshot!(error("a b"), @"not an image reference (invalid reference format)");
    }

    #[test]
    fn an_event_cannot_move_a_repository_to_another_host() {
        assert!(Reference::from_parts("r.example.com", "ml/app", Some("1"), None).is_ok());
        for repository in ["app:1", "app@sha256:00", "../x", "", "A"] {
            assert!(
                Reference::from_parts("r.example.com", repository, None, None).is_err(),
                "{repository}"
            );
        }
    }
}

//! Names of images as people write them: `registry/repository[:tag][@digest]`.
//! Parsing (Docker's defaults included) is oci-spec's; this type only adds typed digests and
//! what Plimsoll asks of a name.

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
        if parsed.registry == registry && parsed.repository == repository {
            return Ok(parsed);
        }
        // `evil.example/x` as a repository name must not move the reference to another host.
        Err(ReferenceError {
            text: format!("{registry}/{repository}"),
            reason: "registry and repository do not stay apart".into(),
        })
    }

    /// Host (and port) as configuration and people name it; `docker.io` for Docker Hub.
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
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let fail =
            |reason: String| ReferenceError { text: text.chars().take(200).collect(), reason };
        if text.len() > MAX_REFERENCE_BYTES {
            return Err(fail(format!("longer than {MAX_REFERENCE_BYTES} bytes")));
        }
        let parsed: oci_spec::distribution::Reference = text
            .parse()
            .map_err(|error: oci_spec::distribution::ParseError| fail(error.to_string()))?;
        let digest = parsed
            .digest()
            .map(str::parse::<Digest>)
            .transpose()
            .map_err(|error| fail(error.to_string()))?;
        Ok(Self {
            registry: parsed.registry().to_owned(),
            repository: parsed.repository().to_owned(),
            tag: parsed.tag().map(str::to_owned),
            digest,
        })
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

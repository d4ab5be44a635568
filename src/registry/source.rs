//! What `plimsoll check IMAGE` means by IMAGE: a reference, or an image on disk named as skopeo
//! does. The prefixes win over references, as they do there: `oci:1.0` is a folder.

use std::path::{Path, PathBuf};

use super::docker_archive::DockerArchive;
use super::layout::OciLayout;
use super::{FetchError, SharedRegistry};
use crate::model::Reference;
use crate::model::reference::ReferenceError;

/// Registry part of the names given to images on disk.
const LOCAL_REGISTRY: &str = "localhost";

/// Where an image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In a registry.
    Remote(Reference),
    /// `oci:DIR[:TAG]`.
    Layout {
        /// The layout folder.
        dir: PathBuf,
        /// Which of its images.
        tag: Option<String>,
    },
    /// `oci-archive:FILE[:TAG]`.
    LayoutArchive {
        /// A tar archive of a layout folder.
        file: PathBuf,
        /// Which of its images.
        tag: Option<String>,
    },
    /// `docker-archive:FILE[:REF]`.
    Archive {
        /// The file.
        file: PathBuf,
        /// Which of its images.
        reference: Option<String>,
    },
}

/// Why a text names no image.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SourceError {
    /// It is no reference either.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// A prefix without a path behind it.
    #[error("path is missing: `{0}`")]
    Path(String),
}

impl SourceError {
    /// What is wrong, without the text itself, for those who name it already.
    pub fn reason(&self) -> String {
        match self {
            Self::Reference(error) => error.reason(),
            Self::Path(_) => "path is missing".to_owned(),
        }
    }
}

impl std::str::FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        let split = |rest: &str| {
            let (path, name) = rest.split_once(':').map_or((rest, None), |(p, n)| (p, Some(n)));
            if path.is_empty() {
                return Err(SourceError::Path(text.to_owned()));
            }
            Ok((PathBuf::from(path), name.filter(|name| !name.is_empty()).map(str::to_owned)))
        };
        if let Some(rest) = text.strip_prefix("oci:") {
            let (dir, tag) = split(rest)?;
            return Ok(Self::Layout { dir, tag });
        }
        if let Some(rest) = text.strip_prefix("oci-archive:") {
            let (file, tag) = split(rest)?;
            return Ok(Self::LayoutArchive { file, tag });
        }
        if let Some(rest) = text.strip_prefix("docker-archive:") {
            let (file, reference) = split(rest)?;
            return Ok(Self::Archive { file, reference });
        }
        Ok(Self::Remote(text.parse()?))
    }
}

impl Source {
    /// The name the image goes by in reports and policies. An archive's REF counts as it is
    /// written, so the scopes of the registry it is meant for apply; other images on disk are
    /// called `localhost/<file name>[:TAG]`, in the letters a reference may have.
    pub fn reference(&self) -> Result<Reference, SourceError> {
        match self {
            Self::Remote(reference) => Ok(reference.clone()),
            Self::Layout { dir: path, tag } | Self::LayoutArchive { file: path, tag } => {
                Ok(local_name(path, tag.as_deref())?)
            }
            Self::Archive { file, reference: None } => Ok(local_name(file, None)?),
            Self::Archive { reference: Some(reference), .. } => Ok(reference.parse()?),
        }
    }

    /// The image on disk, opened; `None` for one in a registry.
    pub async fn open(&self) -> Result<Option<SharedRegistry>, FetchError> {
        Ok(match self {
            Self::Remote(_) => None,
            Self::Layout { dir, tag } => {
                Some(std::sync::Arc::new(OciLayout::open(dir.clone(), tag.as_deref()).await?))
            }
            Self::LayoutArchive { file, tag } => Some(std::sync::Arc::new(
                OciLayout::open_archive(file.clone(), tag.as_deref()).await?,
            )),
            Self::Archive { file, reference } => Some(std::sync::Arc::new(
                DockerArchive::open(file.clone(), reference.as_deref()).await?,
            )),
        })
    }
}

fn local_name(path: &Path, tag: Option<&str>) -> Result<Reference, ReferenceError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let mut repository = String::new();
    for letter in name.chars() {
        if letter.is_ascii_alphanumeric() {
            repository.push(letter);
        } else if !repository.is_empty() && !repository.ends_with('-') {
            repository.push('-');
        }
    }
    let repository = match repository.trim_end_matches('-') {
        "" => "image",
        name => name.get(..100).unwrap_or(name),
    };
    // A layout's tag may be a whole reference (podman writes those); then the last part counts.
    let tag = tag.map(|tag| tag.rsplit([':', '/']).next().unwrap_or(tag));
    Reference::from_parts(LOCAL_REGISTRY, repository, tag, None)
        .or_else(|_| Reference::from_parts(LOCAL_REGISTRY, repository, None, None))
        .or_else(|_| format!("{LOCAL_REGISTRY}/{repository}").parse())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_skopeo_reads() {
        let layout = |dir: &str, tag: Option<&str>| Source::Layout {
            dir: dir.into(),
            tag: tag.map(Into::into),
        };
        let archive = |file: &str, reference: Option<&str>| Source::Archive {
            file: file.into(),
            reference: reference.map(Into::into),
        };
        let layout_archive = |file: &str, tag: Option<&str>| Source::LayoutArchive {
            file: file.into(),
            tag: tag.map(Into::into),
        };
        let table = [
            ("oci-archive:i.tar", layout_archive("i.tar", None), "localhost/i-tar:latest"),
            (
                "oci-archive:/a/i.tar:v1",
                layout_archive("/a/i.tar", Some("v1")),
                "localhost/i-tar:v1",
            ),
            ("oci:out", layout("out", None), "localhost/out:latest"),
            ("oci:/a/My Build_:v1", layout("/a/My Build_", Some("v1")), "localhost/my-build:v1"),
            ("oci:..", layout("..", None), "localhost/image:latest"),
            ("oci:x:b/c:d", layout("x", Some("b/c:d")), "localhost/x:d"),
            ("docker-archive:i.tar", archive("i.tar", None), "localhost/i-tar:latest"),
            (
                "docker-archive:/i.tar:r.example.com/a:1",
                archive("/i.tar", Some("r.example.com/a:1")),
                "r.example.com/a:1",
            ),
            (
                "r.example.com/a:1",
                Source::Remote("r.example.com/a:1".parse().unwrap()),
                "r.example.com/a:1",
            ),
        ];
        for (text, source, name) in table {
            let parsed: Source = text.parse().unwrap();
            assert_eq!(parsed, source, "{text}");
            assert_eq!(parsed.reference().unwrap().to_string(), name, "{text}");
        }
        for bad in ["oci:", "docker-archive:", "oci-archive:", "oci::x", "A b"] {
            assert!(bad.parse::<Source>().is_err(), "{bad}");
        }
    }
}

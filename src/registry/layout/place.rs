//! Where a layout's files are: in a folder, or in a tar archive of one.

use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::super::tar_index::{Kind, TarIndex};
use super::super::{BlobStream, FetchError, local};
use super::INDEX;
use crate::model::Descriptor;

const KIND: Kind =
    Kind { name: "an OCI archive", writer: "docker buildx build -o type=oci,dest=FILE" };

/// Where a layout's files are.
#[derive(Debug)]
pub(super) enum Place {
    Folder(PathBuf),
    Archive(TarIndex),
}

impl Place {
    /// A folder.
    pub(super) fn folder(dir: PathBuf) -> Result<Self, FetchError> {
        if dir.is_file() {
            return Err(FetchError::Local(format!(
                "not a folder (hint: for an archive write `oci-archive:FILE`, or \
                 `docker-archive:FILE` for one of `docker save`): `{}`",
                dir.display()
            )));
        }
        if !dir.exists() {
            let path = dir.display();
            let text = format!("no such folder (hint: check the path): `{path}`");
            return Err(FetchError::NotFound(text));
        }
        let has_index = dir.join(INDEX).exists();
        let place = Self::Folder(dir);
        if has_index { Ok(place) } else { Err(place.broken(&format!("there is no `{INDEX}`"))) }
    }

    /// A tar archive. Its headers are read here.
    pub(super) fn archive(file: &Path) -> Result<Self, FetchError> {
        let index = TarIndex::read(file, KIND)?;
        if index.has(INDEX) {
            return Ok(Self::Archive(index));
        }
        let hint = if index.has("manifest.json") {
            " (hint: it is one of `docker save`, `docker-archive:FILE`)"
        } else {
            ""
        };
        Err(index.broken(&format!("there is no `{INDEX}`{hint}")))
    }

    /// The folder or the archive.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Folder(dir) => dir,
            Self::Archive(index) => index.path(),
        }
    }

    /// Words for a layout that makes no sense.
    pub(super) fn broken(&self, what: &str) -> FetchError {
        match self {
            Self::Folder(dir) => {
                FetchError::Local(format!("not an OCI layout: {what}: `{}`", dir.display()))
            }
            Self::Archive(index) => index.broken(what),
        }
    }

    /// The content of a small file.
    pub(super) fn read(
        &self,
        name: &str,
        limit: u64,
        what: &'static str,
    ) -> Result<Bytes, FetchError> {
        match self {
            Self::Folder(dir) => local::read_whole(&dir.join(name), limit, what),
            Self::Archive(index) => index.found(name)?.read_file(name, limit, what),
        }
    }

    /// A blob.
    pub(super) async fn stream(
        &self,
        name: &str,
        blob: &Descriptor,
    ) -> Result<BlobStream, FetchError> {
        match self {
            Self::Folder(dir) => local::stream_file(dir.join(name), 0, None, blob).await,
            Self::Archive(index) => {
                let stretch = index.found(name)?.file(name)?;
                let path = index.path().to_owned();
                local::stream_file(path, stretch.offset, Some(stretch.size), blob).await
            }
        }
    }
}

//! Blobs that are stretches of files. Reading blocks, so it happens on the blocking pool, a few
//! chunks ahead of whoever takes the bytes.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;

use super::verify::Verifier;
use super::{BlobStream, FetchError};
use crate::model::Descriptor;

/// Bytes per chunk.
const CHUNK_BYTES: u64 = 128 * 1024;
/// Chunks read ahead.
const CHUNKS_AHEAD: usize = 4;

/// Opens a regular file. Anything else (a FIFO never ends, a device never starts) is refused.
pub(super) fn open(path: &Path) -> Result<File, FetchError> {
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if !metadata.is_file() {
        return Err(FetchError::Local(format!(
            "not a regular file (hint: check the path): `{}`",
            path.display()
        )));
    }
    File::open(path).map_err(|error| unreadable(path, &error))
}

/// Words for a file that cannot be read.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> FetchError {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => {
            FetchError::NotFound(format!("no such file (hint: check the path): `{path}`"))
        }
        _ => FetchError::Local(format!(
            "cannot be read: {error} (hint: check permissions and disk): `{path}`"
        )),
    }
}

/// The first `limit` bytes of a file; a longer one is an error.
pub(super) fn read_whole(path: &Path, limit: u64, what: &'static str) -> Result<Bytes, FetchError> {
    let mut bytes = Vec::new();
    open(path)?
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(path, &error))?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length <= limit => Ok(bytes.into()),
        _ => Err(FetchError::TooLarge { what, limit }),
    }
}

/// Runs blocking work.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FetchError> + Send + 'static,
) -> Result<T, FetchError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(FetchError::Local("reading was aborted".to_owned())))
}

/// Streams `blob` from `path` at `offset`; at most `length` bytes belong to it.
pub(super) async fn stream_file(
    path: PathBuf,
    offset: u64,
    length: Option<u64>,
    blob: &Descriptor,
) -> Result<BlobStream, FetchError> {
    let verifier = Verifier::new(blob);
    let file = blocking({
        let path = path.clone();
        move || open(&path)
    })
    .await?;
    let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
    tokio::task::spawn_blocking(move || {
        let stretch = Stretch { path, file, offset, length, verifier };
        if let Err(error) = stretch.send(&sender) {
            // Nobody listens any more: nothing to tell.
            let _ = sender.blocking_send(Err(error));
        }
    });
    let chunks = stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    });
    Ok(chunks.boxed())
}

struct Stretch {
    path: PathBuf,
    file: File,
    offset: u64,
    length: Option<u64>,
    verifier: Verifier,
}

impl Stretch {
    fn send(mut self, sender: &mpsc::Sender<Result<Bytes, FetchError>>) -> Result<(), FetchError> {
        self.file
            .seek(SeekFrom::Start(self.offset))
            .map_err(|error| unreadable(&self.path, &error))?;
        let mut rest = self.file.take(self.length.unwrap_or(u64::MAX));
        loop {
            let mut chunk = Vec::new();
            let read = rest
                .by_ref()
                .take(CHUNK_BYTES)
                .read_to_end(&mut chunk)
                .map_err(|error| unreadable(&self.path, &error))?;
            if read == 0 {
                return self.verifier.finish();
            }
            self.verifier.take(&chunk)?;
            if sender.blocking_send(Ok(chunk.into())).is_err() {
                return Ok(());
            }
        }
    }
}

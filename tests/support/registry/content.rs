//! Blobs: held, or made while they are served.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use plimsoll::model::{Descriptor, Digest};

/// A descriptor of `bytes`.
pub fn descriptor(media_type: &str, bytes: &[u8]) -> Descriptor {
    Descriptor {
        media_type: media_type.to_owned(),
        digest: Digest::of(bytes),
        size: length(bytes),
        urls: Vec::new(),
        annotations: BTreeMap::new(),
        platform: None,
    }
}

/// Number of bytes, as sizes are counted.
pub fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap()
}

type Byte = Arc<dyn Fn(u64) -> u8 + Send + Sync>;

/// The bytes of a blob.
#[derive(Clone)]
pub(super) enum Content {
    Held(Bytes),
    Made { length: u64, byte: Byte },
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Held(bytes.into())
    }
}

impl Content {
    pub(super) fn made(length: u64, byte: impl Fn(u64) -> u8 + Send + Sync + 'static) -> Self {
        Self::Made { length, byte: Arc::new(byte) }
    }

    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Held(bytes) => length(bytes),
            Self::Made { length, .. } => *length,
        }
    }

    /// At most `most` bytes from `offset` on.
    pub(super) fn piece(&self, offset: u64, most: u64) -> Bytes {
        let end = self.len().min(offset.saturating_add(most));
        let start = offset.min(end);
        match self {
            Self::Held(bytes) => {
                bytes.slice(usize::try_from(start).unwrap()..usize::try_from(end).unwrap())
            }
            Self::Made { byte, .. } => (start..end).map(|n| byte(n)).collect(),
        }
    }
}

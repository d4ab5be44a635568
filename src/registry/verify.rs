//! Size and digest of a blob, checked while it streams by. Whatever a blob comes from, its bytes
//! pass through here.

use super::FetchError;
use crate::model::{Descriptor, Digest, Hasher};

/// Counts and hashes towards what a descriptor promises.
pub(super) struct Verifier {
    hasher: Hasher,
    digest: Digest,
    size: u64,
    seen: u64,
}

impl Verifier {
    pub(super) fn new(blob: &Descriptor) -> Self {
        Self {
            hasher: Hasher::new(blob.digest.algorithm()),
            digest: blob.digest.clone(),
            size: blob.size,
            seen: 0,
        }
    }

    /// Bytes taken so far.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// Bytes promised.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Whether all promised bytes are there.
    pub(super) fn is_full(&self) -> bool {
        self.seen == self.size
    }

    /// Takes the next bytes; refuses those past the promised size.
    pub(super) fn take(&mut self, chunk: &[u8]) -> Result<(), FetchError> {
        let seen = u64::try_from(chunk.len()).ok().and_then(|more| self.seen.checked_add(more));
        match seen {
            Some(seen) if seen <= self.size => self.seen = seen,
            _ => return Err(self.mismatch("longer than its descriptor says")),
        }
        self.hasher.update(chunk);
        Ok(())
    }

    /// To be called at the end of the bytes.
    pub(super) fn finish(&self) -> Result<(), FetchError> {
        if !self.is_full() {
            return Err(self.mismatch("shorter than its descriptor says"));
        }
        let found = self.hasher.clone().finish();
        if found == self.digest { Ok(()) } else { Err(self.mismatch(&format!("really {found}"))) }
    }

    pub(super) fn mismatch(&self, what: &str) -> FetchError {
        FetchError::Mismatch(format!("blob {} ({} bytes) is {what}", self.digest, self.size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], size: u64, hashed: &[u8]) -> Result<(), FetchError> {
        let mut verifier = Verifier::new(&Descriptor {
            media_type: String::new(),
            digest: Digest::of(hashed),
            size,
            urls: Vec::new(),
            annotations: std::collections::BTreeMap::new(),
            platform: None,
        });
        for chunk in bytes.chunks(2) {
            verifier.take(chunk)?;
        }
        verifier.finish()
    }

    #[test]
    fn size_and_digest_must_both_be_right() {
        assert!(check(b"12345", 5, b"12345").is_ok());
        assert!(check(b"", 0, b"").is_ok());
        assert!(check(b"12345", 4, b"12345").is_err());
        assert!(check(b"12345", 6, b"12345").is_err());
        assert!(check(b"12345", 5, b"12346").is_err());
    }
}

//! Whether what says that it is documents is documents. Docker and CRI-O do not ask for a layer's
//! type: whatever can be unpacked is unpacked there, and with other snapshotters a layer is a
//! file system without being an archive. So it must be text, which none of these is.

use futures_util::StreamExt as _;

use crate::model::manifest::Manifest;
use crate::model::{Descriptor, Reference};
use crate::registry::{FetchError, Registry};
use crate::scan::decompress::Compression;
use crate::scan::entries::begins_archive;

/// Most documents of one manifest. Each one costs a request; real manifests have three.
pub const MAX_DOCUMENTS: usize = 50;
/// Bytes that tell. A tar archive shows in its first block, EROFS (whose first kilobyte is free
/// for anything) in its third, ext4 too.
const HEAD_BYTES: usize = 4096;

/// What the layers of a manifest are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layers {
    /// All are documents.
    Documents,
    /// Not all are, or there are too many to be looked at.
    Other,
    /// The registry gave other bytes than the manifest names, so that nothing is known.
    Mismatched,
}

/// Looks at the beginning of every layer. In-toto statements have to be JSON.
pub(super) async fn look(
    registry: &dyn Registry,
    reference: &Reference,
    manifest: &Manifest,
    are_statements: bool,
) -> Result<Layers, FetchError> {
    if manifest.layers.len() > MAX_DOCUMENTS {
        return Ok(Layers::Other);
    }
    for layer in &manifest.layers {
        match head(registry, reference, layer).await {
            Ok(head) if is_document(&head) && (is_json(&head) || !are_statements) => {}
            Ok(_) => return Ok(Layers::Other),
            Err(FetchError::Mismatch(_)) => return Ok(Layers::Mismatched),
            Err(error) => return Err(error),
        }
    }
    Ok(Layers::Documents)
}

/// Text that no runtime would unpack. A header of the oldest tar format can be all text.
fn is_document(head: &[u8]) -> bool {
    !is_packed(head) && is_text(head)
}

fn is_json(head: &[u8]) -> bool {
    head.trim_ascii_start().starts_with(b"{")
}

/// Whether bytes begin like an archive or a compressed stream.
pub(super) fn is_packed(head: &[u8]) -> bool {
    Compression::sniff(head) != Compression::None || begins_archive(head)
}

fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // Cut within a letter.
        Err(error) if error.error_len().is_none() => {
            let whole = head.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(whole).unwrap_or_default()
        }
        Err(_) => return false,
    };
    let is_plain = |letter: char| !letter.is_control() || "\t\n\r".contains(letter);
    text.chars().all(is_plain)
}

/// The first bytes of a blob. The rest is not asked for, so its digest is not checked: whoever
/// sends other bytes than a runtime would get is the registry itself.
pub(super) async fn head(
    registry: &dyn Registry,
    reference: &Reference,
    blob: &Descriptor,
) -> Result<Vec<u8>, FetchError> {
    let mut stream = registry.blob(reference, blob).await?;
    let mut head = Vec::new();
    while head.len() < HEAD_BYTES
        && let Some(chunk) = stream.next().await
    {
        head.extend_from_slice(&chunk?);
    }
    head.truncate(HEAD_BYTES);
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An all-text header of the oldest format, but for its checksum.
    fn text_header() -> tar::Header {
        let mut header = tar::Header::new_old();
        header.as_mut_bytes().fill(b' ');
        header.as_mut_bytes()[..20].copy_from_slice(b"{\"_type\":\"https://in");
        header.as_mut_bytes()[124..136].copy_from_slice(b"00054000000 ");
        header
    }

    #[test]
    fn documents_are_told_from_what_could_be_unpacked() {
        let (unsigned, zeros) = (text_header(), tar::Header::new_gnu());
        let mut signed = text_header();
        signed.set_cksum();
        signed.as_mut_bytes()[155] = b' ';
        let mut erofs = vec![b' '; HEAD_BYTES];
        erofs[1024..1028].copy_from_slice(&0xe0f5_e1e2_u32.to_le_bytes());
        let cut = [vec![b'x'; HEAD_BYTES - 1], "é".as_bytes()[..1].to_vec()].concat();
        let table: [(&[u8], bool, bool); 14] = [
            (signed.as_bytes(), false, true),
            (unsigned.as_bytes(), true, true),
            (zeros.as_bytes(), false, false),
            (b"\x1f\x8b\x08", false, false),
            (b"\x28\xb5\x2f\xfd", false, false),
            (b"\xfd7zXZ\0", false, false),
            (&erofs, false, false),
            (b"hsqs\x07\0\0\0", false, false),
            (b"\x7fELF", false, false),
            (&cut, true, false),
            (b"<?xml version=\"1.0\"?>\r\n", true, false),
            (" \n\t{\"subject\": \"é\"}".as_bytes(), true, true),
            (b"SPDXVersion: SPDX-2.3\n", true, false),
            (b"", true, false),
        ];
        for (head, document, json) in table {
            let text = String::from_utf8_lossy(head);
            assert_eq!((is_document(head), is_json(head)), (document, json), "{text:?}");
        }
    }
}

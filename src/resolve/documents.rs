//! Whether what calls itself an attestation could be unpacked. Docker and CRI-O do not ask for a
//! layer's type: a manifest whose layers are in-toto statements by type and archives by content
//! runs there, so it is an image.

use futures_util::StreamExt as _;

use crate::model::manifest::Manifest;
use crate::model::{Descriptor, Reference};
use crate::registry::{FetchError, Registry};
use crate::scan::decompress::Compression;
use crate::scan::entries::begins_archive;

/// Bytes that tell an archive: its first block.
const HEAD_BYTES: usize = 512;

/// Whether any layer is an archive by its first bytes. Statements are JSON.
pub(super) async fn holds_archive(
    registry: &dyn Registry,
    reference: &Reference,
    manifest: &Manifest,
) -> Result<bool, FetchError> {
    for layer in &manifest.layers {
        if is_archive(&head(registry, reference, layer).await?) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_archive(head: &[u8]) -> bool {
    Compression::sniff(head) != Compression::None || begins_archive(head)
}

/// The first bytes of a blob. The rest is not asked for, so its digest is not checked: whoever
/// sends other bytes than a runtime would get is the registry itself.
async fn head(
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
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_told_from_archives() {
        let mut header = tar::Header::new_old();
        header.as_mut_bytes()[..20].copy_from_slice(b"{\"_type\":\"https://in");
        let unsigned = header.as_bytes().to_vec();
        header.set_cksum();
        let table: [(&[u8], bool); 7] = [
            (header.as_bytes(), true),
            (&unsigned, false),
            (b"\x1f\x8b\x08", true),
            (b"\x28\xb5\x2f\xfd", true),
            (b"\xfd7zXZ\0", true),
            (b"{\"_type\":\"https://in-toto.io/Statement/v0.1\"}", false),
            (b"", false),
        ];
        for (head, expected) in table {
            assert_eq!(is_archive(head), expected, "{:?}", String::from_utf8_lossy(head));
        }
    }
}

//! What a layer's descriptor says against reading it.

use super::{META, NESTED_FIX, harmless};
use crate::model::Descriptor;

const FOREIGN_FIX: &str = "push the image with all its layers in the registry (for Docker: \
    `allow-nondistributable-artifacts`); content at foreign URLs is never fetched";

/// What a descriptor says against reading its layer: the end of "layer N ...", and the remedy.
pub(super) fn unreadable(descriptor: &Descriptor) -> Option<(String, &'static str)> {
    let media_type = harmless(&descriptor.media_type);
    let annotated = |prefix: &str| descriptor.annotations.keys().any(|key| key.starts_with(prefix));
    if media_type.contains("+encrypted") {
        let fix = "push an unencrypted copy to the registry that is guarded, or exempt this image";
        Some((format!("is encrypted: {media_type}"), fix))
    } else if let Some(url) = descriptor.urls.first() {
        Some((format!("may be fetched from elsewhere: {}", harmless(url)), FOREIGN_FIX))
    } else if annotated("containerd.io/snapshot/nydus-") || media_type.contains("nydus") {
        Some(("is a Nydus blob, whose files a tar reader does not see".to_owned(), NESTED_FIX))
    } else if annotated("containerd.io/snapshot/overlaybd/") {
        let message = "is an overlaybd disk, whose files a tar reader does not see";
        Some((message.to_owned(), NESTED_FIX))
    } else if is_tar(&media_type) {
        None
    } else {
        Some((format!("has an unknown type: {media_type}"), META.fix))
    }
}

/// Layer types that are tar archives. An empty one is left to the magic bytes, as runtimes do;
/// so is the compression, whatever the type says. Foreign layers (of old Windows bases) without
/// `urls` are pulled from the registry like any other, so they are read there.
fn is_tar(media_type: &str) -> bool {
    let own = media_type.replacen(".foreign.", ".", 1).replacen(".nondistributable.", ".", 1);
    matches!(
        own.as_str(),
        "" | "application/vnd.oci.image.layer.v1.tar"
            | "application/vnd.oci.image.layer.v1.tar+gzip"
            | "application/vnd.oci.image.layer.v1.tar+zstd"
            | "application/vnd.docker.image.rootfs.diff.tar"
            | "application/vnd.docker.image.rootfs.diff.tar.gzip"
            | "application/vnd.docker.image.rootfs.diff.tar.zstd"
            | "application/vnd.docker.image.rootfs.diff.tar+gzip"
            | "application/vnd.docker.image.rootfs.diff.tar+zstd"
    )
}

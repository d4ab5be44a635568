//! The images the tests push: one for each thing that can be said about an image.

use plimsoll::model::Digest;

use super::image::{BuiltImage, ImageBuilder, LayerBuilder, index};
use super::registry::{FakeRegistry, OCI_LAYER};

/// Bytes that do not compress, different for each seed.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .flatten()
    .take(length)
    .collect()
}

/// The layer that all samples stand on.
pub fn base() -> LayerBuilder {
    LayerBuilder::new("/bin/sh -c #(nop) ADD file:9f5a2b in / ")
        .file("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n")
        .file("usr/bin/python3", noise(20_000, 1))
}

/// A layer with a small application; its content differs with `version`.
pub fn app(version: &str) -> LayerBuilder {
    LayerBuilder::new("COPY app/ /app # buildkit")
        .file("app/main.py", format!("print('{version}')\n"))
        .file("app/requirements.txt", "torch==2.15.0\n")
}

/// An image without fault, in a `version`.
pub fn clean(version: &str) -> BuiltImage {
    ImageBuilder::new().layer(&base()).layer(&app(version)).build()
}

/// An image built on a CUDA development image.
pub fn cuda_devel() -> BuiltImage {
    let toolkit = LayerBuilder::new("RUN /bin/sh -c apt-get install -y cuda-minimal-build-12-8")
        .file("usr/local/cuda-12.8/bin/nvcc", noise(4000, 2))
        .file("usr/local/cuda-12.8/targets/x86_64-linux/include/cuda_runtime.h", "#pragma once\n");
    ImageBuilder::new()
        .layer(&base())
        .env("NV_CUDA_CUDART_DEV_VERSION", "12.8.90-1")
        .env("NV_NVML_DEV_VERSION", "12.8.90-1")
        .env("LIBRARY_PATH", "/usr/local/cuda/lib64/stubs")
        .layer(&toolkit)
        .build()
}

/// An image of some 300 kB, too large for the limit that [`SMALL`] sets.
pub fn overweight() -> BuiltImage {
    let data = LayerBuilder::new("COPY data/ /data # buildkit").file("data/a", noise(300_000, 3));
    ImageBuilder::new().layer(&base()).layer(&data).build()
}

/// What [`secrets`] hides: a password, and the middle of a private key.
pub const HIDDEN: [&str; 2] = ["uJ8rT2mWq5Zx", "c2VjcmV0LWtleS1vZi10aGUtdGVzdHMtbm90LWZvci11c2U"];

/// An image with a password in a file, and a private key that a later layer deletes.
pub fn secrets() -> BuiltImage {
    // Put together here so that no scanner of this repository takes it for a key.
    let (head, kind) = ("-----BEGIN", "OPENSSH PRIVATE KEY-----");
    let lines = format!("{}\n", HIDDEN[1]).repeat(8);
    let key = format!("{head} {kind}\n{lines}-----END {kind}\n");
    let copied = LayerBuilder::new("COPY . /app # buildkit")
        .file("app/.env", format!("MODE=production\nDATABASE_PASSWORD={}\n", HIDDEN[0]))
        .file("root/.ssh/id_ed25519", key);
    let deleted = LayerBuilder::new("RUN /bin/sh -c rm /root/.ssh/id_ed25519 # buildkit")
        .delete("root/.ssh/id_ed25519");
    ImageBuilder::new().layer(&base()).layer(&copied).layer(&deleted).build()
}

/// A policy that lets images be a tenth of a megabyte, so that tests need no large ones.
pub const SMALL: &str = "policy: {rules: {image-size: {max-compressed: 100kB}}}";

/// An image with a layer that is no archive.
pub fn unreadable() -> BuiltImage {
    ImageBuilder::new().layer(&base()).raw_layer("COPY x /x # buildkit", noise(5000, 4)).build()
}

/// Puts an image into a registry.
pub fn publish(registry: &FakeRegistry, repository: &str, tag: &str, image: &BuiltImage) -> Digest {
    for blob in &image.blobs {
        registry.put_blob(OCI_LAYER, blob.clone());
    }
    registry.put_raw_manifest(repository, Some(tag), image.manifest.clone())
}

/// Puts an index over images into a registry.
pub fn publish_index(
    registry: &FakeRegistry,
    repository: &str,
    tag: &str,
    images: &[&BuiltImage],
) -> Digest {
    for image in images {
        publish(registry, repository, image.digest().hex(), image);
    }
    registry.put_raw_manifest(repository, Some(tag), index(images))
}

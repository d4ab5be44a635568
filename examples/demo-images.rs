//! Builds the images of `make demo` as OCI layouts: `demo-images DIR` makes `DIR/<name>` for
//! each, tag `1`, and prints the names. Small and honest: what they hold is what is judged.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a demonstration, not the product")]

#[expect(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "shared with the tests"
)]
#[path = "../tests/support/image.rs"]
mod image;

use image::{BuiltImage, ImageBuilder, LayerBuilder, write_layout};

fn main() {
    let dir = std::env::args_os().nth(1).unwrap();
    for (name, image) in images() {
        write_layout(&std::path::Path::new(&dir).join(name), "1", &image);
        println!("{name}");
    }
}

fn images() -> [(&'static str, BuiltImage); 5] {
    [
        ("clean", base().build()),
        ("overweight", base().layer(&dataset()).build()),
        ("cuda-devel", cuda_devel().build()),
        ("secrets", secrets().build()),
        ("weights", base().layer(&weights()).build()),
    ]
}

/// What a small Python application looks like.
fn base() -> ImageBuilder {
    let system = LayerBuilder::new("/bin/sh -c #(nop) ADD file:9f5a2b in / ")
        .file("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n")
        .file("usr/bin/python3", vec![0x7f; 20_000]);
    let packages = LayerBuilder::new("RUN /bin/sh -c pip install -r requirements.txt # buildkit")
        .file("usr/lib/python3/site-packages/torch/version.py", "__version__ = '2.15.0'\n")
        .file("usr/lib/python3/site-packages/distutils-precedence.pth", "import os\n");
    let app = LayerBuilder::new("COPY app/ /app # buildkit")
        .file("app/main.py", "import torch\nprint(torch.__version__)\n")
        .file("app/requirements.txt", "torch==2.15.0\n");
    ImageBuilder::new().layer(&system).layer(&packages).layer(&app)
}

/// Bytes that do not compress, from a small generator with a fixed seed.
fn noise(length: usize, mut state: u64) -> Vec<u8> {
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

/// Three megabytes where the demonstration allows two.
fn dataset() -> LayerBuilder {
    LayerBuilder::new("COPY data/ /app/data # buildkit")
        .file("app/data/train.csv", noise(3 << 20, 0x5eed))
}

/// What `FROM nvidia/cuda:12.8.0-devel-ubuntu22.04` leaves: its environment and toolkit files.
fn cuda_devel() -> ImageBuilder {
    let toolkit = LayerBuilder::new(
        "RUN /bin/sh -c apt-get install -y cuda-command-line-tools-12-8=${NV_CUDA_LIB_VERSION} \
         cuda-minimal-build-12-8=${NV_CUDA_LIB_VERSION} # buildkit",
    )
    .file("usr/local/cuda-12.8/bin/nvcc", vec![0x7f; 4000])
    .file("usr/local/cuda-12.8/targets/x86_64-linux/include/cuda_runtime.h", "#pragma once\n")
    .file("usr/local/cuda-12.8/targets/x86_64-linux/lib/libcudart_static.a", "!<arch>\n")
    .symlink("usr/local/cuda", "/usr/local/cuda-12.8");
    base()
        .env("NV_CUDA_CUDART_DEV_VERSION", "12.8.90-1")
        .env("NV_NVML_DEV_VERSION", "12.8.90-1")
        .env("NV_LIBCUBLAS_DEV_VERSION", "12.8.4.1-1")
        .env("LIBRARY_PATH", "/usr/local/cuda/lib64/stubs")
        .layer(&toolkit)
}

/// A credential that is there, and a private key that is only seemingly gone.
fn secrets() -> ImageBuilder {
    let body: String = noise(300, 0xbad).iter().map(|byte| char::from(b'A' + byte % 26)).collect();
    let lines: Vec<&str> =
        body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    // Put together here so that no scanner of this repository takes it for a key.
    let (head, kind) = ("-----BEGIN", "OPENSSH PRIVATE KEY-----");
    let key = format!("{head} {kind}\n{}\n-----END {kind}\n", lines.join("\n"));
    let copied = LayerBuilder::new("COPY . /app # buildkit")
        .file("app/.env", "MODE=production\nDATABASE_PASSWORD=uJ8rT2mWq5Zx\n")
        .file("root/.ssh/id_ed25519", key);
    let deleted = LayerBuilder::new("RUN /bin/sh -c rm /root/.ssh/id_ed25519 # buildkit")
        .delete("root/.ssh/id_ed25519");
    base().layer(&copied).layer(&deleted)
}

/// A whole, if small, safetensors file: one tensor of 12 MiB that compresses well.
fn weights() -> LayerBuilder {
    let size = 12 << 20;
    let header = format!(
        r#"{{"model.embed.weight":{{"dtype":"F32","shape":[{}],"data_offsets":[0,{size}]}}}}"#,
        size / 4
    );
    let mut file = u64::try_from(header.len()).unwrap().to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    file.resize(file.len() + size, 0x3f);
    LayerBuilder::new("COPY models/ /app/models # buildkit")
        .file("app/models/model.safetensors", file)
}

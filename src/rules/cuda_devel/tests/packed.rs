//! Toolkits in archives, packages and installers, and what others keep in such.

use std::io::Write as _;

use super::super::super::testing::{Sample, tar_of};
use super::super::*;
use super::ELF;

/// A compiler that does not shrink when it is packed.
fn program() -> Vec<u8> {
    let mut state = 1_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    ELF.iter().copied().chain((0..1_500_000).map(|_| random())).collect()
}

fn header() -> Vec<u8> {
    b"#pragma once\n".to_vec()
}

fn toolkit() -> Vec<u8> {
    tar_of(&[
        ("cuda-12.8/bin/nvcc", program()),
        ("cuda-12.8/targets/x86_64-linux/include/cuda_runtime.h", header()),
    ])
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A package of Debian with that data.
fn deb(data: &str, content: &[u8]) -> Vec<u8> {
    let member = |name: &str, content: &[u8]| {
        let head =
            format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, content.len());
        [head.as_bytes(), content, if content.len() % 2 == 1 { b"\n" } else { b"" }].concat()
    };
    [b"!<arch>\n".to_vec(), member("debian-binary", b"2.0\n"), member(data, content)].concat()
}

/// A script of makeself with that archive behind it.
fn script(archive: &[u8]) -> Vec<u8> {
    [b"#!/bin/sh\n# This script was generated using Makeself 2.4.5\nexit 0\n", archive].concat()
}

fn sample(path: &str, content: Vec<u8>) -> Sample {
    Sample::of(&CudaDevel).scanned("COPY", &[(path, content)])
}

#[test]
fn archives_are_opened() {
    let zip = || zipped("cuda-12.8/bin/nvcc", "cuda-12.8/include/cuda_runtime.h");
    for (path, content) in [
        ("opt/cuda.tar.gz", gzip(&toolkit())),
        ("opt/cuda.tar", toolkit()),
        ("opt/cuda.zip", zip()),
        ("opt/data.bin", zstd::encode_all(&toolkit()[..], 1).unwrap()),
        ("opt/pkgs/cuda.tar.gz", gzip(&toolkit())),
        ("opt/cuda.conda", gzip(&toolkit())),
        ("opt/cuda.jar", gzip(&toolkit())),
        ("tmp/cuda-repo.deb", deb("data.tar.gz", &gzip(&toolkit()))),
        ("tmp/cuda.deb", deb("data.tar", &toolkit())),
    ] {
        assert_eq!(sample(path, content).level(), Some(Level::Deny), "{path}");
    }
    // As unpacked there: said, for nothing shows who brought it.
    for path in ["opt/x.whl", "usr/lib/python3/dist-packages/cuda.tgz"] {
        assert_eq!(sample(path, gzip(&toolkit())).level(), Some(Level::Warn), "{path}");
    }
    for (path, content) in [
        ("opt/x-1.0-py3-none-any.whl", zip()),
        ("opt/app.jar", zip()),
        ("opt/conda/pkgs/cuda-nvcc-12.8.61-0.conda", zip()),
        ("root/.cache/pip/http-v2/a/b/c.body", zip()),
        ("var/cache/apt/archives/x.deb", deb("data.tar.gz", &gzip(&toolkit()))),
    ] {
        assert_eq!(sample(path, content).level(), None, "{path}");
    }
    let environment = tar_of(&[
        ("env/bin/nvcc", program()),
        ("env/conda-meta/history", b"==> now <==\n".to_vec()),
        ("env/include/cuda_runtime.h", header()),
    ]);
    assert_eq!(sample("opt/env.tar.gz", gzip(&environment)).level(), Some(Level::Warn));
    insta::assert_snapshot!(sample("opt/cuda.tar.gz", gzip(&toolkit())).words(), @r"
    deny: the image carries the CUDA development toolkit: `opt/cuda.tar.gz!/cuda-12.8/bin/nvcc` with `opt/cuda.tar.gz!/cuda-12.8/targets/x86_64-linux/include/cuda_runtime.h`
      fix: make the last stage `FROM nvidia/cuda:<version>-base-<os>` (or `-runtime`, or `python:3.12-slim` when wheels bring CUDA along), keep the devel image for the build stage and copy the result with `COPY --from=build`
    ");
}

/// A zip archive of a compiler and a header, stored.
fn zipped(nvcc: &str, include: &str) -> Vec<u8> {
    let member = |name: &str, content: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let size = u32::try_from(content.len()).unwrap().to_le_bytes();
        let length = u16::try_from(name.len()).unwrap().to_le_bytes();
        let sum = crc.sum().to_le_bytes();
        let head =
            [&b"PK\x03\x04\x14\0\0\0\0\0"[..], &[0; 4], &sum, &size, &size, &length, &[0, 0]];
        [&head.concat(), name.as_bytes(), content].concat()
    };
    let end = [&b"PK\x05\x06"[..], &[0; 18]].concat();
    [member(nvcc, &program()), member(include, &header()), end].concat()
}

#[test]
fn an_installer_keeps_its_components_apart() {
    let parts = |nvcc: &str, header_at: &str| tar_of(&[(nvcc, program()), (header_at, header())]);
    let run = parts(
        "builds/cuda_nvcc/bin/nvcc",
        "builds/cuda_cudart/targets/x86_64-linux/include/cuda_runtime.h",
    );
    insta::assert_snapshot!(sample("tmp/cuda_12.8.0_linux.run", script(&gzip(&run))).words(), @r"
    deny: the image carries the CUDA development toolkit: `tmp/cuda_12.8.0_linux.run!/builds/cuda_nvcc/bin/nvcc` with `tmp/cuda_12.8.0_linux.run!/builds/cuda_cudart/targets/x86_64-linux/include/cuda_runtime.h`
      fix: make the last stage `FROM nvidia/cuda:<version>-base-<os>` (or `-runtime`, or `python:3.12-slim` when wheels bring CUDA along), keep the devel image for the build stage and copy the result with `COPY --from=build`
    ");
    let debs = tar_of(&[
        ("cuda-nvcc.deb", deb("data.tar", &tar_of(&[("usr/local/cuda/bin/nvcc", program())]))),
        (
            "cuda-cudart-dev.deb",
            deb(
                "data.tar",
                &tar_of(&[
                    ("usr/local/cuda/include/cuda_runtime.h", header()),
                    ("usr/local/cuda/doc", program()),
                ]),
            ),
        ),
    ]);
    assert_eq!(sample("tmp/debs.tar", debs).level(), Some(Level::Deny));
    // What conda or pip brought is no part of another toolkit, in an archive neither.
    for (nvcc, header) in [
        ("cuda/bin/nvcc", "lib/site-packages/nvidia/cu13/include/cuda_runtime.h"),
        ("cuda/bin/nvcc", "libs/triton/backends/nvidia/include/cuda_runtime.h"),
        ("libs/nvidia/cu13/bin/nvcc", "include/cuda_runtime.h"),
    ] {
        assert_eq!(sample("opt/x.tar", parts(nvcc, header)).level(), Some(Level::Warn), "{header}");
    }
    let conda = tar_of(&[
        ("cuda/bin/nvcc", program()),
        ("env/conda-meta/history", b"==> now <==\n".to_vec()),
        ("env/include/cuda_runtime.h", header()),
    ]);
    assert_eq!(sample("opt/x.tar", conda).level(), Some(Level::Warn));
    // Two files are no installer.
    let nvcc = tar_of(&[("a/bin/nvcc", program())]);
    let include = tar_of(&[("b/include/cuda_runtime.h", header()), ("b/x", program())]);
    let two = Sample::of(&CudaDevel).scanned("COPY", &[("a.tar", nvcc), ("b.tar", include)]);
    assert_eq!(two.level(), Some(Level::Warn));
}

#[test]
fn installers_that_cannot_be_opened_are_said() {
    let closed = || [&b"\xfd7zXZ\0\0\x04"[..], &program()].concat();
    insta::assert_snapshot!(sample("tmp/cuda_12.8.0_570.86.10_linux.run", script(&closed())).words(), @r"
    warn: an installer of the CUDA development toolkit is left in the image: `tmp/cuda_12.8.0_570.86.10_linux.run`
      fix: fetch, run and delete the installer in one `RUN` of the build stage, or mount it there with `RUN --mount=type=bind`; nothing runs it later
    ");
    for (path, content) in [
        ("tmp/cuda_nvcc-linux-x86_64-12.8.61-archive.tar.xz", closed()),
        ("tmp/cuda-repo-ubuntu2204-12-8-local_12.8.0-1_amd64.deb", deb("data.tar.xz", &closed())),
        ("var/cuda-repo/cuda-nvcc-12-8_12.8.61-1_amd64.deb", deb("data.tar.xz", &closed())),
        ("opt/x.tar", tar_of(&[("cuda_nvcc-linux-x86_64-12.8.61-archive.tar.xz", closed())])),
    ] {
        assert_eq!(sample(path, content).level(), Some(Level::Warn), "{path}");
    }
    for (path, content) in [
        ("var/cache/apt/archives/cuda-nvcc-12-8_12.8-1_amd64.deb", deb("data.tar.xz", &closed())),
        ("tmp/cuda-cudart-12-8_12.8.57-1_amd64.deb", deb("data.tar.xz", &closed())),
        ("data/corpus.tar.xz", closed()),
        ("opt/miniconda_linux.run", script(&closed())),
    ] {
        assert_eq!(sample(path, content).level(), None, "{path}");
    }
}

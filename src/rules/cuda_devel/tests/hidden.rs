//! Toolkits that were moved, renamed or taken apart.

use super::super::super::testing::{File, Sample, file};
use super::super::*;
use super::{nvcc, toolkit_at};

#[test]
fn hidden_toolkits_are_found() {
    for root in ["cuda", "opt/triton", "opt/nvidia/cuda-12.8", "srv/nvidia/sdk"] {
        assert_eq!(toolkit_at(root).level(), Some(Level::Deny), "{root}");
    }
    let at_the_root = Sample::of(&CudaDevel)
        .layer("a", &[nvcc("bin/nvcc"), file("include/cuda_runtime.h", "//")]);
    // Without its driver the toolkit still has the compiler behind it.
    let renamed = Sample::of(&CudaDevel).layer(
        "a",
        &[
            nvcc("usr/local/cuda-12.8/nvvm/bin/cicc"),
            file("usr/local/cuda-12.8/targets/x86_64-linux/lib/libcudadevrt.a", "!<arch>"),
        ],
    );
    let stubs = Sample::of(&CudaDevel).layer(
        "a",
        &[
            nvcc("usr/local/cuda-12.8/bin/nvcc"),
            nvcc("usr/local/cuda-12.8/targets/x86_64-linux/lib/stubs/libcuda.so"),
        ],
    );
    for sample in [at_the_root, renamed, stubs] {
        assert_eq!(sample.level(), Some(Level::Deny), "{}", sample.words());
    }
    let packages = "usr/lib/python3/dist-packages/toolkit";
    assert_eq!(toolkit_at(packages).level(), Some(Level::Warn));
}

#[test]
fn nvidia_as_a_name_makes_no_wheel() {
    for root in
        ["opt/nvidia/12", "opt/nvidia/cuda_12.8", "srv/nvidia/12.8", "app/nvidia/cuda_toolkit"]
    {
        assert_eq!(toolkit_at(root).level(), Some(Level::Deny), "{root}");
    }
    // Where pip would put the same files nothing shows that it did: said, not refused.
    assert_eq!(toolkit_at("app/libs/nvidia/cu13").level(), Some(Level::Warn));
    for root in [
        "usr/lib/python3/dist-packages/nvidia/cu13",
        "root/.cache/uv/archive-v0/x1/nvidia/cu13",
        "opt/wheels/nvidia_cuda_nvcc-13.whl!/nvidia/cu13",
    ] {
        assert_eq!(toolkit_at(root).level(), None, "{root}");
    }
}

#[test]
fn conda_environments_have_any_name() {
    for record in ["conda-meta/history", "conda-meta/cuda-nvcc-12.8.61-0.json"] {
        let sample = toolkit_at("srv/e1").layer("b", &[file(&format!("srv/e1/{record}"), "x")]);
        assert_eq!(sample.level(), Some(Level::Warn), "{record}");
    }
    let other = toolkit_at("srv/e1").layer("b", &[file("srv/e2/conda-meta/history", "x")]);
    assert_eq!(other.level(), Some(Level::Deny));
    // Any directory may turn out to be one, but for NVIDIA's own.
    let unread = |root: &str| toolkit_at(root).unread("RUN conda create", 9).level();
    assert_eq!(unread("srv/e1"), Some(Level::Warn));
    assert_eq!(unread("usr/local/cuda-12.8"), Some(Level::Deny));
    let records = file("usr/local/cuda-12.8/conda-meta/history", "x");
    let posing = toolkit_at("usr/local/cuda-12.8").layer("b", &[records]);
    assert_eq!(posing.level(), Some(Level::Deny));
}

fn library(path: &str) -> File {
    file(path, "!<arch>\n")
}

#[test]
fn a_toolkit_is_one_under_any_name_of_its_compiler() {
    let root = "usr/local/cuda-12.8";
    let header = || file(&format!("{root}/targets/x86_64-linux/include/cuda_runtime.h"), "//");
    let renamed =
        Sample::of(&CudaDevel).layer("a", &[nvcc(&format!("{root}/bin/nvcc-12")), header()]);
    assert_eq!(renamed.level(), Some(Level::Deny));
    let flat = Sample::of(&CudaDevel)
        .layer("a", &[nvcc("opt/x/nvcc"), nvcc("opt/x/cicc"), file("opt/x/cuda_runtime.h", "//")]);
    assert_eq!(flat.level(), Some(Level::Deny));
    let lib = format!("{root}/targets/x86_64-linux/lib");
    let nameless = |more: &[File]| {
        let parts = [
            header(),
            library(&format!("{lib}/libcudart_static.a")),
            nvcc(&format!("{lib}/stubs/libcuda.so")),
        ];
        let sample = Sample::of(&CudaDevel).layer("a", &parts);
        sample.layer("b", more)
    };
    insta::assert_snapshot!(nameless(&[]).words(), @r"
    warn: the image carries a part of the CUDA development toolkit: `usr/local/cuda-12.8/targets/x86_64-linux/include/cuda_runtime.h` with static libraries and link stubs
      fix: install the runtime packages only, or keep the compiler and say so in an exception when kernels are compiled at run time
    ");
    for tool in ["ptxas", "nvlink", "fatbinary"] {
        let sample = nameless(&[nvcc(&format!("{root}/bin/{tool}"))]);
        assert_eq!(sample.level(), Some(Level::Deny), "{tool}");
    }
    insta::assert_snapshot!(nameless(&[nvcc(&format!("{root}/bin/ptxas"))]).words(), @r"
    deny: the image carries the CUDA development toolkit: `usr/local/cuda-12.8/targets/x86_64-linux/include/cuda_runtime.h` with static libraries, link stubs and `usr/local/cuda-12.8/bin/ptxas`
      fix: make the last stage `FROM nvidia/cuda:<version>-base-<os>` (or `-runtime`, or `python:3.12-slim` when wheels bring CUDA along), keep the devel image for the build stage and copy the result with `COPY --from=build`
    ");
}

#[test]
fn parts_that_come_alone_are_no_toolkit() {
    let sample = |files: &[File]| Sample::of(&CudaDevel).layer("a", files).level();
    let root = "usr/local/cuda-13.0";
    assert_eq!(sample(&[nvcc(&format!("{root}/bin/ptxas"))]), None);
    assert_eq!(
        sample(&[
            nvcc(&format!("{root}/bin/ptxas")),
            file(&format!("{root}/include/cuda_runtime.h"), "//")
        ]),
        None
    );
    let packages = "usr/lib/python3/dist-packages";
    assert_eq!(
        sample(&[
            nvcc(&format!("{packages}/triton/backends/nvidia/bin/ptxas")),
            file(&format!("{packages}/triton/backends/nvidia/include/cuda_runtime.h"), "//"),
            nvcc(&format!("{packages}/nvidia/cu13/bin/nvcc")),
        ]),
        None
    );
    // conda's development packages without a compiler.
    assert_eq!(
        sample(&[
            file("srv/e1/targets/x86_64-linux/include/cuda_runtime.h", "//"),
            library("srv/e1/targets/x86_64-linux/lib/libcudart_static.a"),
            nvcc("srv/e1/targets/x86_64-linux/lib/stubs/libcuda.so"),
            nvcc("srv/e1/bin/ptxas"),
            file("srv/e1/conda-meta/history", ""),
        ]),
        None
    );
}

#[test]
fn packages_for_compiling_are_said() {
    let status = "Package: cuda-nvcc-12-8\nStatus: install ok installed\n\n\
        Package: libcublas-dev-12-8\nStatus: install ok installed\n";
    let sample = Sample::of(&CudaDevel).layer("a", &[file("var/lib/dpkg/status", status)]);
    insta::assert_snapshot!(sample.words(), @r"
    warn: the image carries a part of the CUDA development toolkit: package `cuda-nvcc-12-8` is installed
      fix: install the runtime packages only, or keep the compiler and say so in an exception when kernels are compiled at run time
    ");
}

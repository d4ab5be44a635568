//! One image that passes, one that fails, some that hide; and the measured false positives.

use super::super::testing::{Sample, entry, file, sized};
use super::*;

const ELF: &[u8] = b"\x7fELF\x02\x01\x01";

fn devel() -> Sample {
    Sample::of(&CudaDevel)
        .env(&[
            "CUDA_VERSION=12.8.0",
            "NV_CUDA_CUDART_DEV_VERSION=12.8.57-1",
            "NV_NVML_DEV_VERSION=12.8.55-1",
            "LIBRARY_PATH=/usr/local/cuda/lib64/stubs",
        ])
        .unread("RUN apt-get install cuda-minimal-build-12-8=${NV_CUDA_LIB_VERSION} # buildkit", 9)
}

fn nvcc(path: &str) -> super::super::testing::File {
    sized(path, ELF, 20 << 20)
}

#[test]
fn runtime_images_pass() {
    let packages = "usr/local/lib/python3.12/site-packages";
    let sample = Sample::of(&CudaDevel)
        .env(&[
            "CUDA_VERSION=12.8.0",
            "NV_CUDA_CUDART_VERSION=12.8.57-1",
            "NV_CUDA_LIB_VERSION=12.8.0-1",
            "NV_CUDNN_PACKAGE=libcudnn9-cuda-12=9.7.0.66-1",
            "NV_LIBNCCL_PACKAGE=libnccl2=2.25.1-1+cuda12.8",
            "NVIDIA_PRODUCT_NAME=CUDA",
            "PATH=/usr/local/nvidia/bin:/usr/local/cuda/bin:/usr/bin",
            "LD_LIBRARY_PATH=/usr/local/nvidia/lib:/usr/local/nvidia/lib64",
            "PYTORCH_VERSION=2.5.1",
        ])
        .label("com.nvidia.cudnn.version", "9.7.0.66-1")
        .label("org.opencontainers.image.base.name", "nvidia/cuda:12.8.0-cudnn-runtime-ubuntu22.04")
        .unread("RUN apt-get install -y cuda-cudart-12-8 cuda-compat-12-8 cuda-libraries-12-8 cuda-nvtx-12-8 ${NV_CUDNN_PACKAGE_DEV}", 9)
        .layer("RUN pip install torch", &[
            file(&format!("{packages}/nvidia/cuda_runtime/include/cuda_runtime.h"), "//"),
            file(&format!("{packages}/nvidia/cuda_runtime/lib/libcudart_static.a"), "!<arch>"),
            nvcc(&format!("{packages}/nvidia/cu13/bin/nvcc")),
            nvcc(&format!("{packages}/triton/backends/nvidia/bin/ptxas")),
            file(&format!("{packages}/torch/include/ATen/cudnn/cudnn.h"), "//"),
            nvcc("usr/local/cuda-12.8/compat/libcuda.so.570.86.10"),
            entry("usr/local/cuda-12.8/bin", EntryKind::Directory),
            file("var/lib/dpkg/status", "Package: cuda-toolkit-12-8-config-common\nStatus: install ok installed\n"),
        ]);
    assert_eq!(sample.words(), "");
}

#[test]
fn a_devel_base_is_refused_from_its_configuration() {
    insta::assert_snapshot!(devel().words(), @r"
    deny: the image carries the CUDA development toolkit: only devel images set `NV_CUDA_CUDART_DEV_VERSION` and 1 more; `LIBRARY_PATH` holds the link stubs of the toolkit; the build history has `cuda-minimal-build-12-8`
      fix: make the last stage `FROM nvidia/cuda:<version>-base-<os>` (or `-runtime`, or `python:3.12-slim` when wheels bring CUDA along), keep the devel image for the build stage and copy the result with `COPY --from=build`
    ");
}

#[test]
fn toolkit_files_are_refused_however_they_came() {
    let header =
        |root: &str| file(&format!("{root}/targets/x86_64-linux/include/cuda_runtime.h"), "//");
    let copied = Sample::of(&CudaDevel).layer(
        "COPY /usr/local/cuda /usr/local/cuda",
        &[nvcc("usr/local/cuda/bin/nvcc"), file("usr/local/cuda/include/cuda_runtime.h", "//")],
    );
    let moved = Sample::of(&CudaDevel)
        .layer("a", &[nvcc("opt/gpu/bin/nvcc")])
        .layer("b", &[header("opt/gpu")]);
    let linked = Sample::of(&CudaDevel).layer(
        "a",
        &[
            entry("usr/local/cuda-12.8/bin/nvcc", EntryKind::HardLink),
            header("usr/local/cuda-12.8"),
        ],
    );
    let packaged = Sample::of(&CudaDevel).layer(
        "a",
        &[
            nvcc("usr/local/cuda-11.8/bin/nvcc"),
            file(
                "var/lib/dpkg/status",
                "Package: cuda-libraries-dev-11-8\nStatus: install ok installed\n",
            ),
        ],
    );
    let debian = Sample::of(&CudaDevel).layer(
        "a",
        &[nvcc("usr/lib/nvidia-cuda-toolkit/bin/nvcc"), file("usr/include/cuda_runtime.h", "//")],
    );
    for sample in [&copied, &moved, &linked, &packaged, &debian] {
        assert_eq!(sample.level(), Some(Level::Deny), "{}", sample.words());
    }
    insta::assert_snapshot!(copied.words(), @r"
    deny: the image carries the CUDA development toolkit: `usr/local/cuda/bin/nvcc` with `usr/local/cuda/include/cuda_runtime.h`
      fix: make the last stage `FROM nvidia/cuda:<version>-base-<os>` (or `-runtime`, or `python:3.12-slim` when wheels bring CUDA along), keep the devel image for the build stage and copy the result with `COPY --from=build`
    ");
}

#[test]
fn weak_evidence_warns() {
    let image = || Sample::of(&CudaDevel);
    let samples = [
        image().env(&["NV_NVML_DEV_VERSION=1"]),
        image().env(&["LIBRARY_PATH=/usr/local/cuda/lib64/stubs:"]),
        image().label("org.opencontainers.image.base.name", "nvidia/cuda:12.8.0-devel-ubuntu22.04"),
        image().unread("RUN apt-get install cuda-command-line-tools-12-8", 1),
        // Stale lists stay behind when the tree was deleted.
        image().layer("a", &[file("var/lib/dpkg/info/cuda-minimal-build-12-8.list", "/.")]),
        // vLLM keeps the compiler on purpose, for kernels made at run time.
        image().unread("RUN apt-get install cuda-nvcc-13-0 libcublas-dev-13-0", 1).layer(
            "a",
            &[
                nvcc("usr/local/cuda-13.0/bin/nvcc"),
                file(
                    "var/lib/dpkg/status",
                    "Package: cuda-nvcc-13-0\nStatus: install ok installed\n",
                ),
            ],
        ),
        image().layer(
            "a",
            &[
                nvcc("opt/conda/bin/nvcc"),
                file("opt/conda/targets/x86_64-linux/include/cuda_runtime.h", "//"),
            ],
        ),
        image()
            .layer("a", &[nvcc("opt/env/bin/nvcc"), file("opt/env/include/cuda_runtime.h", "//")]),
        image().layer("a", &[nvcc("opt/rocm-6.3.0/bin/hipcc")]),
    ];
    for sample in samples {
        assert_eq!(sample.level(), Some(Level::Warn), "{}", sample.words());
    }
}

#[test]
fn two_weak_traces_that_belong_together_are_certain() {
    let image = || Sample::of(&CudaDevel);
    let base = "org.opencontainers.image.base.name";
    let samples = [
        image().env(&["NV_NVML_DEV_VERSION=", "LIBRARY_PATH=/a:/usr/local/cuda/lib64/stubs"]),
        image().env(&["NV_NVML_DEV_VERSION=1"]).label(base, "nvidia/cuda:12.8.0-devel-ubuntu22.04"),
        image().env(&["NVIDIA_PRODUCT_NAME=PyTorch", "LIBRARY_PATH=/usr/local/cuda/lib64/stubs:"]),
        image()
            .env(&["NVIDIA_PRODUCT_NAME=PyTorch"])
            .unread("RUN export DEVEL=1 BASE=0 && /nvidia/build-scripts/installCUDA.sh", 1),
        image()
            .unread("RUN apt-get install cuda-command-line-tools-11-8", 1)
            .layer("a", &[nvcc("usr/local/cuda-11.8/bin/nvcc")]),
        image().layer(
            "a",
            &[
                nvcc("opt/rocm-6.3.0/bin/hipcc"),
                file("opt/rocm-6.3.0/include/hip/hip_runtime.h", "//"),
            ],
        ),
    ];
    for sample in samples {
        assert_eq!(sample.level(), Some(Level::Deny), "{}", sample.words());
    }
}

#[test]
fn wrappers_and_links_are_no_compiler() {
    let sample = Sample::of(&CudaDevel).layer(
        "a",
        &[
            file("usr/local/bin/nvcc", "#!/bin/sh\nexec sccache nvcc"),
            entry("usr/local/cuda/bin/nvcc", EntryKind::Symlink),
        ],
    );
    assert_eq!(sample.words(), "");
}

#[test]
fn more_facts_never_take_a_refusal_back() {
    let mut sample = devel();
    assert_eq!(sample.level(), Some(Level::Deny));
    sample = sample.layer("RUN conda install cuda-nvcc", &[nvcc("opt/conda/bin/nvcc")]);
    assert_eq!(sample.level(), Some(Level::Deny));
}

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
    deny: the image carries the CUDA development toolkit: `usr/local/cuda/bin/nvcc` with `usr/local/cuda/include/cuda_runtime.h`; `usr/local/cuda` takes 20.0 MiB
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
                file("opt/conda/conda-meta/cuda-nvcc-12.8.61-0.json", "{}"),
            ],
        ),
        image().layer(
            "a",
            &[
                nvcc("opt/env/bin/nvcc"),
                file("opt/env/include/cuda_runtime.h", "//"),
                file("opt/env/conda-meta/history", ""),
            ],
        ),
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

fn toolkit_at(root: &str) -> Sample {
    Sample::of(&CudaDevel).layer(
        "COPY --from=devel",
        &[nvcc(&format!("{root}/bin/nvcc")), file(&format!("{root}/include/cuda_runtime.h"), "//")],
    )
}

#[test]
fn calling_a_toolkit_an_environment_does_not_help() {
    for root in ["opt/conda", "srv/env", "opt/conda/pkgs/cuda-nvcc-12.8", "app/.venv"] {
        let unread = toolkit_at(root).unread("RUN", 5);
        assert_eq!(unread.level(), Some(Level::Warn), "{root}");
        assert_eq!(toolkit_at(root).level(), Some(Level::Deny), "{root}");
    }
    let records = file("opt/conda/conda-meta/cuda-nvcc-12.8.61-0.json", "{}");
    let conda = toolkit_at("opt/conda/envs/x").layer("b", &[records]);
    insta::assert_snapshot!(conda.words(), @r"
    warn: the image carries a part of the CUDA development toolkit: `opt/conda/envs/x/bin/nvcc` of a conda environment
      fix: install the runtime packages only, or keep the compiler and say so in an exception when kernels are compiled at run time
    ");
}

#[test]
fn a_compiler_for_kernels_made_at_run_time_is_said_to_be_one() {
    let nvcc_alone = || {
        Sample::of(&CudaDevel).layer(
            "RUN apt-get install cuda-nvcc-13-0 libcublas-dev-13-0",
            &[
                nvcc("usr/local/cuda-13.0/bin/nvcc"),
                file("usr/lib/python3/dist-packages/vllm/__init__.py", ""),
                file("usr/lib/python3/dist-packages/triton/__init__.py", ""),
            ],
        )
    };
    insta::assert_snapshot!(nvcc_alone().words(), @r"
    warn: the image carries the CUDA compiler: `usr/local/cuda-13.0/bin/nvcc`; `vllm` compiles kernels at run time
      fix: if the compiler is kept on purpose, say so in an exception; else install the runtime packages only
    ");
    // A whole toolkit is one all the same.
    let header = file("usr/local/cuda-13.0/include/cuda_runtime.h", "//");
    let toolkit = nvcc_alone().layer("b", &[header]);
    assert_eq!(toolkit.level(), Some(Level::Deny));
    assert!(toolkit.words().contains("`vllm` compiles kernels at run time"));
}

#[test]
fn the_size_of_the_toolkit_and_its_fate_are_said() {
    let root = "usr/local/cuda-12.8";
    let sample = toolkit_at(root)
        .layer("b", &[sized(&format!("{root}/lib64/libcublas_static.a"), "!<arch>", 3 << 30)])
        .layer("RUN rm -rf /usr/local/cuda-12.8", &[entry(root, EntryKind::Whiteout)]);
    insta::assert_snapshot!(sample.words(), @r"
    deny: the image carries the CUDA development toolkit: `usr/local/cuda-12.8/bin/nvcc` with `usr/local/cuda-12.8/include/cuda_runtime.h` (deleted by layer 2 but still in the image); `usr/local/cuda-12.8` takes 3.0 GiB
      fix: make the last stage `FROM nvidia/cuda:<version>-base-<os>` (or `-runtime`, or `python:3.12-slim` when wheels bring CUDA along), keep the devel image for the build stage and copy the result with `COPY --from=build`
    ");
    let finding = &sample.findings()[0];
    assert_eq!(finding.size, Some((3 << 30) + (20 << 20) + 2));
    assert_eq!(finding.layer.as_ref().unwrap().index, 0);
}

#[test]
fn a_base_image_with_the_toolkit_on_top_is_refused() {
    // tensorflow 2.12: no variable says devel.
    let status = "Package: cuda-command-line-tools-11-8\nStatus: install ok installed\n";
    let sample = Sample::of(&CudaDevel)
        .env(&["NV_CUDA_CUDART_VERSION=11.8.89-1", "CUDA_VERSION=11.8.0"])
        .unread(
            "RUN |1 CUDA=11.8 /bin/bash -c apt-get install cuda-command-line-tools-${CUDA/./-} # buildkit",
            9,
        )
        .layer("b", &[nvcc("usr/local/cuda-11.8/bin/nvcc"), file("var/lib/dpkg/status", status)]);
    insta::assert_snapshot!(sample.words(), @r"
    deny: the image carries the CUDA development toolkit: `usr/local/cuda-11.8/bin/nvcc` with `cuda-command-line-tools-11-8`; the build history has `cuda-command-line-tools`
      fix: make the last stage `FROM nvidia/cuda:<version>-base-<os>` (or `-runtime`, or `python:3.12-slim` when wheels bring CUDA along), keep the devel image for the build stage and copy the result with `COPY --from=build`
    ");
    let everything = "Package: cuda-11-8\nStatus: install ok installed\n";
    let sample = Sample::of(&CudaDevel).layer(
        "a",
        &[nvcc("usr/local/cuda-11.8/bin/nvcc"), file("var/lib/dpkg/status.d/cuda", everything)],
    );
    assert_eq!(sample.level(), Some(Level::Deny));
    let base = Sample::of(&CudaDevel)
        .unread("RUN apt-get install cuda-toolkit-12-8-config-common cuda-cudart-12-8", 9);
    assert_eq!(base.words(), "");
}

#[test]
fn rpm_databases_are_read() {
    let header = b"\0C\0cuda-libraries-devel-12-8\x0012.8.0\x001\0".to_vec();
    for path in ["var/lib/rpm/rpmdb.sqlite", "usr/lib/sysimage/rpm/Packages.db"] {
        let database = [vec![0; 2 << 20], header.clone()].concat();
        let files = [("usr/local/cuda-12.8/bin/nvcc", ELF.to_vec()), (path, database)];
        let sample = Sample::of(&CudaDevel).scanned("COPY / /", &files);
        assert_eq!(sample.level(), Some(Level::Deny), "{path}: {}", sample.words());
    }
}

#[test]
fn ngc_images_are_known_without_history() {
    let image = || Sample::of(&CudaDevel).env(&["NVIDIA_PRODUCT_NAME=PyTorch"]);
    assert_eq!(image().level(), None);
    let sample = image().layer("a", &[nvcc("usr/local/cuda-13.0/bin/nvcc")]);
    assert_eq!(sample.level(), Some(Level::Deny));
    let based = Sample::of(&CudaDevel)
        .label("org.opencontainers.image.base.name", "nvcr.io/nvidia/pytorch:25.10-py3");
    assert_eq!(based.level(), Some(Level::Warn));
}

#[test]
fn variables_given_twice_are_one() {
    let image =
        Sample::of(&CudaDevel).env(&["NV_NVML_DEV_VERSION=1", "A=1", "NV_NVML_DEV_VERSION=2"]);
    assert_eq!(image.level(), Some(Level::Warn));
}

#[test]
fn rocm_is_known_before_and_after_its_layers_are_read() {
    let image = || Sample::of(&CudaDevel).unread("RUN apt-get install -y rocm-dev python3-dev", 9);
    insta::assert_snapshot!(image().words(), @r"
    warn: the image was built for ROCm development: the build names `rocm-dev`
      fix: compile in a `rocm/dev-*` stage and copy the result onto a runtime base; PyTorch's ROCm wheels bring the libraries along
    ");
    let sample = image().layer("b", &[nvcc("opt/rocm-6.3.0/bin/hipcc")]);
    insta::assert_snapshot!(sample.words(), @r"
    deny: the image carries the ROCm development toolkit: `opt/rocm-6.3.0/bin/hipcc` with `rocm-dev`
      fix: compile in a `rocm/dev-*` stage and copy the result onto a runtime base; PyTorch's ROCm wheels bring the libraries along
    ");
    let runtime =
        Sample::of(&CudaDevel).unread("RUN apt-get install rocm-device-libs rocm-core", 9);
    assert_eq!(runtime.words(), "");
}

mod hidden;
mod packed;
mod traces;

//! What the configuration says and does not mean.

use super::super::super::testing::Sample;
use super::super::*;
use super::nvcc;

#[test]
fn products_that_are_made_to_be_run_only_warn() {
    let stubs = "LIBRARY_PATH=/usr/local/cuda/lib64/stubs:";
    for product in ["Triton Server", "TensorRT", "Morpheus"] {
        let name = format!("NVIDIA_PRODUCT_NAME={product}");
        let sample = || Sample::of(&CudaDevel).env(&[&name, stubs]);
        assert_eq!(sample().level(), Some(Level::Warn), "{product}");
        let nvcc = sample().layer("a", &[nvcc("usr/local/cuda-13.0/bin/nvcc")]);
        assert_eq!(nvcc.level(), Some(Level::Warn), "{product}");
    }
    for product in ["PyTorch", "TensorFlow", "NeMo Framework", "JAX"] {
        let name = format!("NVIDIA_PRODUCT_NAME={product}");
        assert_eq!(
            Sample::of(&CudaDevel).env(&[&name, stubs]).level(),
            Some(Level::Deny),
            "{product}"
        );
    }
}

#[test]
fn taking_packages_away_installs_none() {
    let level = |line: &str| {
        let step = format!("RUN /bin/sh -c {line} # buildkit");
        let trace = Sample::of(&CudaDevel).unread(&step, 9);
        let nvcc = Sample::of(&CudaDevel).layer(&step, &[nvcc("usr/local/cuda-12.8/bin/nvcc")]);
        (trace.level(), nvcc.level())
    };
    let (nothing, kept) = ((None, Some(Level::Warn)), (Some(Level::Warn), Some(Level::Deny)));
    for line in [
        "apt-get purge -y cuda-toolkit-12-8",
        "apt-get update && apt-get remove -y cuda-command-line-tools-12-8 && rm -rf /x",
        "apt-get autoremove --purge -y nvidia-cuda-toolkit",
        "apt-mark hold cuda-libraries-dev-12-8",
        "echo 'Package: cuda-toolkit-12-8' > /etc/apt/preferences.d/cuda",
        "sed -i s/cuda-toolkit-12-8// packages.txt",
        "apt-get install -y cuda-toolkit-12-8 && make && apt-get purge -y cuda-toolkit-12-8",
    ] {
        assert_eq!(level(line), nothing, "{line}");
    }
    for line in [
        "apt-get install -y cuda-toolkit-12-8",
        "echo cuda-toolkit-12-8 && apt-get install -y cuda-toolkit-12-8",
        "P=cuda-toolkit-12-8; apt-get install -y $P",
        "apt-get purge -y cuda-nvcc-12-8 && apt-get install -y cuda-command-line-tools-12-8",
        "bash -c 'dnf install -y cuda-libraries-devel-12-8'",
    ] {
        assert_eq!(level(line), kept, "{line}");
    }
    let rocm = Sample::of(&CudaDevel).unread("RUN apt-get purge -y rocm-dev", 9);
    assert_eq!(rocm.words(), "");
}

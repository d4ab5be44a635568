//! Toolkits that were moved, renamed, taken apart or packed.

use super::super::super::testing::{File, Sample, file};
use super::super::*;
use super::{ELF, nvcc, toolkit_at};

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

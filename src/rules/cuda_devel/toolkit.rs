//! Which files are parts of a development toolkit, and where that toolkit begins.
//! `pip install torch` brings `cuda.h`, `libcudart_static.a` and `ptxas` into site-packages, and
//! those are no toolkit (`research/content.md` section 1.6).

use super::super::packaged;
use super::packages;
use crate::model::{Entry, EntryKind};

/// A part of a toolkit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// NVIDIA's compiler driver, or the compiler behind it.
    Nvcc,
    /// What the driver calls after the compiler: assembler, linker, packer.
    Tool,
    /// `cuda_runtime.h`.
    Header,
    /// `libcudart_static.a`, `libcudadevrt.a`.
    StaticLibrary,
    /// What programs are linked against where no driver is installed.
    Stubs,
    /// conda's record of what it did: the root is an environment.
    Environment,
    /// AMD's compiler driver.
    Hipcc,
    /// `hip_runtime.h`.
    HipHeader,
    /// A package database or a package's file list.
    Packages,
    /// A file by whose name NVIDIA hands the toolkit out, and that cannot be opened.
    Installer,
}

impl Part {
    /// The word kept in facts.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Nvcc => "nvcc",
            Self::Tool => "tool",
            Self::Header => "header",
            Self::StaticLibrary => "static-library",
            Self::Stubs => "stubs",
            Self::Environment => "environment",
            Self::Hipcc => "hipcc",
            Self::HipHeader => "hip-header",
            Self::Packages => "packages",
            Self::Installer => "installer",
        }
    }
}

/// The part of a toolkit that an entry is, with the toolkit's root directory.
pub(super) fn part<'a>(entry: &Entry<'a>, head: &[u8]) -> Option<(Part, &'a str)> {
    let path = entry.path;
    let (part, root) = match entry.name() {
        name if is_compiler(name) && is_program(entry, head) => (Part::Nvcc, program_root(path)?),
        "ptxas" | "nvlink" | "fatbinary" if is_program(entry, head) => {
            (Part::Tool, program_root(path)?)
        }
        "cuda_runtime.h" => {
            let above = below(path, "include/cuda_runtime.h").unwrap_or(entry.parent());
            (Part::Header, without_target(above))
        }
        "libcudart_static.a" | "libcudadevrt.a" => {
            (Part::StaticLibrary, library_root(entry.parent()))
        }
        "libcuda.so" => (Part::Stubs, library_root(entry.parent().strip_suffix("/stubs")?)),
        "history" => (Part::Environment, below(path, "conda-meta/history")?),
        "hipcc" => (Part::Hipcc, below(path, "bin/hipcc")?),
        "hip_runtime.h" => (Part::HipHeader, below(path, "include/hip/hip_runtime.h")?),
        _ => {
            packages::database(path)?;
            return is_real(entry).then_some((Part::Packages, ""));
        }
    };
    // Debian's own package splits the toolkit between two places.
    let root = if root == "usr/lib/nvidia-cuda-toolkit" { "usr" } else { root };
    (is_real(entry) && !is_hidden(part, path)).then_some((part, root))
}

/// Whether a part is one of a wheel, and says nothing. A compiler that lies where packages of
/// other makers do is said, and so is one that looks like a wheel's where nothing shows a package.
fn is_hidden(part: Part, path: &str) -> bool {
    let is_packaged = packaged::is_in_package(path);
    let of_maker = path.split('/').any(|part| matches!(part, "nvidia" | "triton"));
    match part {
        Part::Nvcc => is_packaged && of_maker,
        _ => is_packaged || is_bundled(path) || is_triton(path),
    }
}

fn is_real(entry: &Entry<'_>) -> bool {
    matches!(entry.kind, EntryKind::File | EntryKind::HardLink)
}

/// What lies above `tail`, which has no slash in front; empty when that is the root.
fn below<'a>(path: &'a str, tail: &str) -> Option<&'a str> {
    let root = path.strip_suffix(tail)?;
    if root.is_empty() { Some(root) } else { root.strip_suffix('/') }
}

/// `nvcc`, `cicc`, and the same with a version behind (`nvcc-12`, `nvcc12.8`, `nvcc.real`).
fn is_compiler(name: &str) -> bool {
    ["nvcc", "cicc"].iter().any(|known| {
        name.strip_prefix(known).is_some_and(|rest| {
            rest.bytes().next().is_none_or(|byte| !byte.is_ascii_alphabetic() && byte != b'_')
        })
    })
}

/// The root of the toolkit that a program belongs to: what lies above `bin`, or the directory
/// itself when somebody put everything into one. `None` for wrappers that caches install.
fn program_root(path: &str) -> Option<&str> {
    let (parent, _) = path.rsplit_once('/').unwrap_or(("", path));
    let root = below(parent, "nvvm/bin").or_else(|| below(parent, "bin")).unwrap_or(parent);
    let is_cache = root.rsplit('/').next().is_some_and(|name| name.contains("cache"));
    (!is_cache).then_some(root)
}

/// A binary; wrappers of that name (ccache, Debian's script) are texts.
fn is_program(entry: &Entry<'_>, head: &[u8]) -> bool {
    entry.kind == EntryKind::HardLink || head.starts_with(b"\x7fELF")
}

/// Where NVIDIA's and Debian's packages put the toolkit: no conda environment is made there, so
/// that nothing needs to be waited for.
pub(super) fn is_at_home(root: &str) -> bool {
    root == "usr" || root.starts_with("usr/local/cuda")
}

/// `usr/local/cuda-12.8/targets/x86_64-linux` belongs to `usr/local/cuda-12.8`.
fn without_target(path: &str) -> &str {
    path.split_once("/targets/").map_or(path, |(root, _)| root)
}

fn library_root(parent: &str) -> &str {
    let parent = without_target(parent);
    let root = below(parent, "lib").or_else(|| below(parent, "lib64"));
    root.unwrap_or(if parent.starts_with("usr/lib/") { "usr" } else { parent })
}

/// The directories of NVIDIA's wheels within `nvidia`; newer ones share one named by the release.
const COMPONENTS: &[&str] = &[
    "cublas",
    "cuda_cccl",
    "cuda_crt",
    "cuda_cuobjdump",
    "cuda_cupti",
    "cuda_nvcc",
    "cuda_nvrtc",
    "cuda_nvvm",
    "cuda_runtime",
    "cudnn",
    "cufft",
    "cufile",
    "curand",
    "cusolver",
    "cusparse",
    "cusparselt",
    "nccl",
    "nvjitlink",
    "nvshmem",
    "nvtx",
];

/// Whether a path lies in one of NVIDIA's wheels, wherever pip put it (`--target`, zipapps):
/// `nvidia/cu13/bin`, `nvidia/cuda_nvcc/bin`. NVIDIA's own tools lie in `/opt/nvidia`.
pub(super) fn is_bundled(path: &str) -> bool {
    let is_component = |part: &str| {
        let release = part.strip_prefix("cu").unwrap_or_default();
        let is_release = release.len() == 2 && release.bytes().all(|byte| byte.is_ascii_digit());
        is_release || COMPONENTS.contains(&part)
    };
    let pairs = || path.split('/').zip(path.split('/').skip(1));
    !path.starts_with("opt/nvidia/") && pairs().any(|(a, b)| a == "nvidia" && is_component(b))
}

/// Triton's own copy of headers and assembler.
fn is_triton(path: &str) -> bool {
    let pairs = || path.split('/').zip(path.split('/').skip(1));
    pairs().any(|(a, b)| a == "triton" && matches!(b, "backends" | "_C" | "third_party"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str) -> Option<(&'static str, String)> {
        let entry = Entry { path, kind: EntryKind::File, size: 1 << 20, link: None };
        part(&entry, b"\x7fELF\x02").map(|(part, root)| (part.as_str(), root.to_owned()))
    }

    #[test]
    fn knows_toolkits() {
        let table = [
            ("usr/local/cuda-12.8/bin/nvcc", "nvcc", "usr/local/cuda-12.8"),
            ("usr/local/cuda-12.8/nvvm/bin/cicc", "nvcc", "usr/local/cuda-12.8"),
            ("usr/local/cuda/bin/nvcc", "nvcc", "usr/local/cuda"),
            ("bin/nvcc", "nvcc", ""),
            ("include/cuda_runtime.h", "header", ""),
            ("cuda/bin/nvcc", "nvcc", "cuda"),
            ("opt/cuda/include/cuda_runtime.h", "header", "opt/cuda"),
            (
                "usr/local/cuda-12.8/targets/sbsa-linux/include/cuda_runtime.h",
                "header",
                "usr/local/cuda-12.8",
            ),
            ("usr/local/cuda/include/cuda_runtime.h", "header", "usr/local/cuda"),
            (
                "usr/local/cuda-12.8/targets/x86_64-linux/lib/libcudart_static.a",
                "static-library",
                "usr/local/cuda-12.8",
            ),
            (
                "usr/local/cuda-12.8/targets/x86_64-linux/lib/stubs/libcuda.so",
                "stubs",
                "usr/local/cuda-12.8",
            ),
            ("opt/cuda/lib64/stubs/libcuda.so", "stubs", "opt/cuda"),
            ("usr/lib/nvidia-cuda-toolkit/bin/nvcc", "nvcc", "usr"),
            ("usr/lib/nvidia-cuda-toolkit/bin/cicc", "nvcc", "usr"),
            ("usr/include/cuda_runtime.h", "header", "usr"),
            ("usr/lib/x86_64-linux-gnu/libcudart_static.a", "static-library", "usr"),
            (
                "opt/nvidia/hpc_sdk/Linux_x86_64/25.1/cuda/12.6/bin/nvcc",
                "nvcc",
                "opt/nvidia/hpc_sdk/Linux_x86_64/25.1/cuda/12.6",
            ),
            ("opt/nvidia/cuda-12.8/bin/nvcc", "nvcc", "opt/nvidia/cuda-12.8"),
            ("opt/triton/bin/nvcc", "nvcc", "opt/triton"),
            ("opt/nvidia/12/bin/nvcc", "nvcc", "opt/nvidia/12"),
            ("opt/nvidia/12/lib64/libcudart_static.a", "static-library", "opt/nvidia/12"),
            ("opt/nvidia/cuda_12.8/include/cuda_runtime.h", "header", "opt/nvidia/cuda_12.8"),
            ("srv/nvidia/12.8/include/cuda_runtime.h", "header", "srv/nvidia/12.8"),
            ("usr/local/cuda-12.8/bin/nvcc-12", "nvcc", "usr/local/cuda-12.8"),
            ("opt/x/nvcc", "nvcc", "opt/x"),
            ("opt/x/cuda_runtime.h", "header", "opt/x"),
            ("opt/x/libcudadevrt.a", "static-library", "opt/x"),
            ("usr/local/cuda-12.8/bin/ptxas", "tool", "usr/local/cuda-12.8"),
            ("srv/e1/conda-meta/history", "environment", "srv/e1"),
            // Like a wheel's, but nothing shows that it is one: weak, but said.
            ("app/libs/nvidia/cu13/bin/nvcc", "nvcc", "app/libs/nvidia/cu13"),
            ("app/libs/nvidia/cuda_nvcc/bin/nvcc", "nvcc", "app/libs/nvidia/cuda_nvcc"),
            ("opt/rocm-6.3.0/bin/hipcc", "hipcc", "opt/rocm-6.3.0"),
            ("rocm/include/hip/hip_runtime.h", "hip-header", "rocm"),
            ("var/lib/dpkg/info/cuda-nvcc-12-8.list", "packages", ""),
            ("var/lib/rpm/rpmdb.sqlite", "packages", ""),
            // A compiler in a package that is not NVIDIA's: weak, but said.
            ("usr/lib/python3/dist-packages/x/bin/nvcc", "nvcc", "usr/lib/python3/dist-packages/x"),
        ];
        for (path, kind, root) in table {
            assert_eq!(at(path), Some((kind, root.to_owned())), "{path}");
        }
        let script = Entry { path: "usr/bin/nvcc", kind: EntryKind::File, size: 90, link: None };
        assert_eq!(part(&script, b"#!/bin/sh\n"), None);
    }

    #[test]
    fn wheels_are_no_toolkits() {
        let packages = "usr/local/lib/python3.12/site-packages";
        for path in [
            "nvidia/cuda_runtime/include/cuda_runtime.h",
            "nvidia/cuda_runtime/lib/libcudart_static.a",
            "nvidia/cu13/bin/nvcc",
            "nvidia/cu13/nvvm/bin/cicc",
            "triton/backends/nvidia/include/cuda_runtime.h",
            "triton/backends/nvidia/bin/ptxas",
            "cupy/_core/include/cuda_runtime.h",
            "torch/include/cuda_runtime.h",
            "_rocm_sdk_devel/bin/hipcc",
        ] {
            assert_eq!(at(&format!("{packages}/{path}")), None, "{path}");
        }
        for path in [
            "app/libs/nvidia/cu13/include/cuda_runtime.h",
            "app/libs/nvidia/cuda_runtime/lib/libcudart_static.a",
            "root/.cache/uv/archive-v0/x/nvidia/cu13/bin/nvcc",
            "opt/wheels/nvidia_cuda_nvcc-13.whl!/nvidia/cu13/bin/nvcc",
            "usr/lib/ccache/nvcc",
            "usr/bin/nvcc_wrapper",
            "app/libs/triton/backends/nvidia/include/cuda_runtime.h",
            "usr/local/cuda-12.8/compat/libcuda.so.570.86",
            "usr/local/cuda-12.8/compat/libcuda.so",
            "var/lib/dpkg/info/cuda-toolkit-12-8-config-common.list",
            "var/lib/dpkg/info/libc6:amd64.list",
        ] {
            assert_eq!(at(path), None, "{path}");
        }
    }
}

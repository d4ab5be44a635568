//! Which files are parts of a development toolkit, and where that toolkit begins.
//! `pip install torch` brings `cuda.h`, `libcudart_static.a` and `ptxas` into site-packages, and
//! those are no toolkit (`research/content.md` section 1.6).

use super::packages;
use crate::model::{Entry, EntryKind};

/// A part of a toolkit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// NVIDIA's compiler driver, or the compiler behind it.
    Nvcc,
    /// `cuda_runtime.h`.
    Header,
    /// `libcudart_static.a`, `libcudadevrt.a`.
    StaticLibrary,
    /// What programs are linked against where no driver is installed.
    Stubs,
    /// AMD's compiler driver.
    Hipcc,
    /// `hip_runtime.h`.
    HipHeader,
    /// A package database or a package's file list.
    Packages,
}

impl Part {
    /// The word kept in facts.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Nvcc => "nvcc",
            Self::Header => "header",
            Self::StaticLibrary => "static-library",
            Self::Stubs => "stubs",
            Self::Hipcc => "hipcc",
            Self::HipHeader => "hip-header",
            Self::Packages => "packages",
        }
    }
}

/// The part of a toolkit that an entry is, with the toolkit's root directory.
pub(super) fn part<'a>(entry: &Entry<'a>, head: &[u8]) -> Option<(Part, &'a str)> {
    let path = entry.path;
    let (part, root) = match entry.name() {
        "nvcc" | "cicc" if is_program(entry, head) => (Part::Nvcc, compiler_root(path)?),
        "cuda_runtime.h" => (Part::Header, without_target(below(path, "include/cuda_runtime.h")?)),
        "libcudart_static.a" | "libcudadevrt.a" => {
            (Part::StaticLibrary, library_root(entry.parent())?)
        }
        "libcuda.so" => (Part::Stubs, library_root(entry.parent().strip_suffix("/stubs")?)?),
        "hipcc" => (Part::Hipcc, below(path, "bin/hipcc")?),
        "hip_runtime.h" => (Part::HipHeader, below(path, "include/hip/hip_runtime.h")?),
        _ => {
            packages::database(path)?;
            return is_real(entry).then_some((Part::Packages, ""));
        }
    };
    // Debian's own package splits the toolkit between two places.
    let root = if root == "usr/lib/nvidia-cuda-toolkit" { "usr" } else { root };
    // A compiler that a package of another maker brings along is one; its headers say nothing.
    let is_hidden = match part {
        Part::Nvcc => is_wheel(entry),
        _ => is_wheel(entry) || entry.is_in_python_packages(),
    };
    (is_real(entry) && !is_hidden).then_some((part, root))
}

fn is_real(entry: &Entry<'_>) -> bool {
    matches!(entry.kind, EntryKind::File | EntryKind::HardLink)
}

/// What lies above `tail`, which has no slash in front; empty when that is the root.
fn below<'a>(path: &'a str, tail: &str) -> Option<&'a str> {
    let root = path.strip_suffix(tail)?;
    if root.is_empty() { Some(root) } else { root.strip_suffix('/') }
}

fn compiler_root(path: &str) -> Option<&str> {
    ["bin/nvcc", "nvvm/bin/cicc", "bin/cicc"].iter().find_map(|tail| below(path, tail))
}

/// A binary; wrappers of that name (ccache, Debian's script) are texts.
fn is_program(entry: &Entry<'_>, head: &[u8]) -> bool {
    entry.kind == EntryKind::HardLink || head.starts_with(b"\x7fELF")
}

/// Whether a toolkit root is called like a conda environment.
pub(super) fn is_called_conda(root: &str) -> bool {
    root.split('/').any(|part| {
        ["conda", "mamba", "miniforge"].iter().any(|word| part.contains(word))
            || matches!(part, "env" | "envs" | "venv" | ".venv" | "pixi" | ".pixi" | "pkgs")
    })
}

/// `usr/local/cuda-12.8/targets/x86_64-linux` belongs to `usr/local/cuda-12.8`.
fn without_target(path: &str) -> &str {
    path.split_once("/targets/").map_or(path, |(root, _)| root)
}

fn library_root(parent: &str) -> Option<&str> {
    let parent = without_target(parent);
    if let Some(root) = below(parent, "lib").or_else(|| below(parent, "lib64")) {
        return Some(root);
    }
    match parent.strip_prefix("usr/lib/") {
        Some(_) => Some("usr"),
        None if parent.starts_with("usr/local/cuda") => Some(parent),
        None => None,
    }
}

/// NVIDIA's wheels and what bundles them, wherever pip put them (`--target`, zipapps):
/// `nvidia/cu13/bin`, `nvidia/cuda_nvcc/bin`, `triton/backends/nvidia`.
fn is_wheel(entry: &Entry<'_>) -> bool {
    let parts = || entry.path.split('/');
    let follows = |first: &str, test: fn(&str) -> bool| {
        parts().zip(parts().skip(1)).any(|(a, b)| a == first && test(b))
    };
    let is_component = |part: &str| {
        let version = part.strip_prefix("cu").unwrap_or(part);
        part.starts_with("cuda_")
            || (!version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit()))
    };
    follows("nvidia", is_component)
        || follows("triton", |part| matches!(part, "backends" | "_C" | "third_party"))
        || (entry.is_in_python_packages() && parts().any(|part| part == "triton"))
        || (entry.is_in_python_packages() && parts().any(|part| part == "nvidia"))
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
            "app/libs/nvidia/cu13/bin/nvcc",
            "app/libs/nvidia/cuda_nvcc/bin/nvcc",
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

//! Which files and packages are parts of a development toolkit. Anchored to where toolkits lie:
//! `pip install torch` brings `cuda.h`, `libcudart_static.a` and `ptxas` into site-packages, and
//! those are no toolkit (`research/content.md` section 1.6).

use crate::model::{Entry, EntryKind};

/// A part of a toolkit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// NVIDIA's compiler driver.
    Nvcc,
    /// `cuda_runtime.h`.
    Header,
    /// `libcudart_static.a`.
    StaticLibrary,
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
            Self::Hipcc => "hipcc",
            Self::HipHeader => "hip-header",
            Self::Packages => "packages",
        }
    }
}

/// The part of a toolkit that an entry is, with the toolkit's root directory.
pub(super) fn part<'a>(entry: &Entry<'a>, head: &[u8]) -> Option<(Part, &'a str)> {
    let path = entry.path;
    let found = match entry.name() {
        "nvcc" if is_program(entry, head) => (Part::Nvcc, path.strip_suffix("/bin/nvcc")?),
        "cuda_runtime.h" => {
            (Part::Header, without_target(path.strip_suffix("/include/cuda_runtime.h")?))
        }
        "libcudart_static.a" => (Part::StaticLibrary, library_root(entry.parent())?),
        "hipcc" if path.starts_with("opt/rocm") => (Part::Hipcc, path.strip_suffix("/bin/hipcc")?),
        "hip_runtime.h" if path.starts_with("opt/rocm") => {
            (Part::HipHeader, path.strip_suffix("/include/hip/hip_runtime.h")?)
        }
        _ if path.starts_with("var/lib/dpkg/") => (Part::Packages, package_source(path)?),
        _ => return None,
    };
    let (part, root) = found;
    let real = matches!(entry.kind, EntryKind::File | EntryKind::HardLink);
    // Debian's own package splits the toolkit between two places.
    let root = if root == "usr/lib/nvidia-cuda-toolkit" { "usr" } else { root };
    (real && !is_wheel(entry)).then_some((part, root))
}

/// A binary; wrappers of that name (ccache, Debian's script) are texts.
fn is_program(entry: &Entry<'_>, head: &[u8]) -> bool {
    entry.kind == EntryKind::HardLink || head.starts_with(b"\x7fELF")
}

/// Whether a toolkit root is a conda environment, by its name: records inside it would be seen
/// after the compiler, and a refusal must not be taken back.
pub(super) fn is_conda(root: &str) -> bool {
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
    if let Some(root) = parent.strip_suffix("/lib").or_else(|| parent.strip_suffix("/lib64")) {
        return Some(root);
    }
    match parent.strip_prefix("usr/lib/") {
        Some(_) => Some("usr"),
        None if parent.starts_with("usr/local/cuda") => Some(parent),
        None => None,
    }
}

/// NVIDIA's wheels and what bundles them, wherever pip put them (`--target`, zipapps).
fn is_wheel(entry: &Entry<'_>) -> bool {
    let parts = || entry.path.split('/');
    entry.is_in_python_packages()
        || parts().any(|part| part == "triton")
        || parts().zip(parts().skip(1)).any(|(a, b)| a == "nvidia" && b.starts_with("cu"))
}

/// Whether the path is dpkg's status, one of distroless' status files or a package's file list;
/// the answer is the directory.
fn package_source(path: &str) -> Option<&'static str> {
    if path == "var/lib/dpkg/status" {
        return Some("var/lib/dpkg");
    }
    if path.starts_with("var/lib/dpkg/status.d/") {
        return Some("var/lib/dpkg/status.d");
    }
    let package = path.strip_prefix("var/lib/dpkg/info/")?.strip_suffix(".list")?;
    is_known_package(package).then_some("var/lib/dpkg/info")
}

/// Packages that only a development image has: the start of their names.
const DEVEL_PACKAGES: &[&str] = &[
    "cuda-minimal-build",
    "cuda-libraries-dev",
    "cuda-command-line-tools",
    "cuda-compiler",
    "cuda-toolkit",
    "nvidia-cuda-toolkit",
    "nvidia-cuda-dev",
];
/// Packages for compiling that are also installed on purpose, for kernels made at run time.
const COMPILER_PACKAGES: &[&str] =
    &["cuda-nvcc", "cuda-cudart-dev", "libcublas-dev", "cuda-nvml-dev"];
/// The same of `ROCm`.
const ROCM_PACKAGES: &[&str] = &["rocm-dev", "rocm-hip-sdk", "hip-dev", "rocm-llvm"];

/// Whether the package belongs to CUDA's development set. The configuration packages
/// (`cuda-toolkit-12-config-common`) come with every base image.
pub(super) fn is_devel_package(name: &str) -> bool {
    !name.contains("config-common") && DEVEL_PACKAGES.iter().any(|start| name.starts_with(start))
}

/// Whether the package belongs to `ROCm`'s development set.
pub(super) fn is_rocm_package(name: &str) -> bool {
    ROCM_PACKAGES.iter().any(|start| name.starts_with(start))
}

fn is_known_package(name: &str) -> bool {
    is_devel_package(name)
        || is_rocm_package(name)
        || COMPILER_PACKAGES.iter().any(|start| name.starts_with(start))
}

/// Most packages noted from one database.
const MAX_PACKAGES: usize = 40;

/// The development packages that a dpkg status file lists as installed. Removed packages whose
/// configuration stays are listed too, with another status.
pub(super) fn packages(status: &[u8]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut name = "";
    for line in status.split(|byte| *byte == b'\n') {
        let line = std::str::from_utf8(line).unwrap_or_default();
        if let Some(package) = line.strip_prefix("Package: ") {
            name = package.trim();
            if is_known_package(name) && found.len() < MAX_PACKAGES {
                found.push(name.to_owned());
            }
        } else if let Some(status) = line.strip_prefix("Status: ")
            && !status.trim_end().ends_with(" installed")
        {
            found.pop_if(|last| last == name);
        }
    }
    found
}

/// The package whose file list lies at `path`.
pub(super) fn listed_package(path: &str) -> Option<&str> {
    let name = path.strip_prefix("var/lib/dpkg/info/")?.strip_suffix(".list")?;
    Some(name.split_once(':').map_or(name, |(name, _)| name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str) -> Option<(&'static str, String)> {
        let entry = Entry { path, kind: EntryKind::File, size: 1 << 20, link: None };
        part(&entry, b"\x7fELF\x02").map(|(part, root)| (part.as_str(), root.to_owned()))
    }

    #[test]
    fn knows_toolkits_from_wheels() {
        let table = [
            ("usr/local/cuda-12.8/bin/nvcc", Some(("nvcc", "usr/local/cuda-12.8"))),
            ("usr/local/cuda/bin/nvcc", Some(("nvcc", "usr/local/cuda"))),
            (
                "usr/local/cuda-12.8/targets/sbsa-linux/include/cuda_runtime.h",
                Some(("header", "usr/local/cuda-12.8")),
            ),
            ("usr/local/cuda/include/cuda_runtime.h", Some(("header", "usr/local/cuda"))),
            (
                "usr/local/cuda-12.8/targets/x86_64-linux/lib/libcudart_static.a",
                Some(("static-library", "usr/local/cuda-12.8")),
            ),
            ("usr/lib/nvidia-cuda-toolkit/bin/nvcc", Some(("nvcc", "usr"))),
            ("usr/include/cuda_runtime.h", Some(("header", "usr"))),
            (
                "opt/nvidia/hpc_sdk/Linux_x86_64/25.1/cuda/12.6/bin/nvcc",
                Some(("nvcc", "opt/nvidia/hpc_sdk/Linux_x86_64/25.1/cuda/12.6")),
            ),
            ("opt/rocm-6.3.0/bin/hipcc", Some(("hipcc", "opt/rocm-6.3.0"))),
            ("var/lib/dpkg/info/cuda-nvcc-12-8.list", Some(("packages", "var/lib/dpkg/info"))),
            // What every `pip install torch` brings.
            (
                "usr/local/lib/python3.12/site-packages/nvidia/cuda_runtime/include/cuda_runtime.h",
                None,
            ),
            (
                "usr/local/lib/python3.12/site-packages/nvidia/cuda_runtime/lib/libcudart_static.a",
                None,
            ),
            ("usr/local/lib/python3.12/site-packages/nvidia/cu13/bin/nvcc", None),
            ("app/libs/nvidia/cu13/bin/nvcc", None),
            ("app/libs/triton/backends/nvidia/include/cuda_runtime.h", None),
            ("usr/local/cuda-12.8/compat/libcuda.so.570.86", None),
            ("var/lib/dpkg/info/cuda-toolkit-12-8-config-common.list", None),
            ("var/lib/dpkg/info/libc6:amd64.list", None),
        ];
        for (path, expected) in table {
            let expected = expected.map(|(kind, root)| (kind, root.to_owned()));
            assert_eq!(at(path), expected, "{path}");
        }
        let script = Entry { path: "usr/bin/nvcc", kind: EntryKind::File, size: 90, link: None };
        assert_eq!(part(&script, b"#!/bin/sh\n"), None);
    }

    #[test]
    fn reads_dpkg() {
        let status = b"Package: cuda-minimal-build-12-8\nStatus: install ok installed\n\n\
            Package: cuda-cudart-12-8\nStatus: install ok installed\n\n\
            Package: cuda-nvcc-12-8\nStatus: deinstall ok config-files\n\n\
            Package: rocm-dev\nVersion: 6\n";
        assert_eq!(packages(status), ["cuda-minimal-build-12-8", "rocm-dev"]);
        assert_eq!(packages(b"\xff\xfe\nPackage: \n"), Vec::<String>::new());
        for (count, expected) in [(39, 39), (40, 40), (41, 40)] {
            let status = "Package: cuda-nvcc-12-8\n\n".repeat(count);
            assert_eq!(packages(status.as_bytes()).len(), expected);
        }
    }
}

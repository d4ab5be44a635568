//! Files that a toolkit comes in: which archives are looked into, and what is known by its name
//! where it cannot be.

use super::packages;
use crate::model::{Entry, EntryKind};
use crate::rules::packaged;
use crate::scan::inside::{self, SEPARATOR};

/// Smaller archives hold no compiler: packed it takes 8 MB.
const ARCHIVE_BYTES: u64 = 1 << 20;
/// Zip archives that package managers, libraries and offices make; no toolkit is kept in them.
const ZIPS: &[&str] = &[
    "whl", "egg", "jar", "war", "conda", "apk", "nupkg", "vsix", "pt", "pth", "ckpt", "npz",
    "keras", "docx", "xlsx", "pptx", "odt", "epub",
];
/// How what cannot be opened begins: xz, bzip2, lzma, lz4, RPM.
const OPAQUE: &[&[u8]] =
    &[b"\xfd7zXZ\0", b"BZh", b"\x5d\0\0", b"\x04\x22\x4d\x18", b"\xed\xab\xee\xdb"];

/// Whether a toolkit may be packed in the file.
pub(super) fn is_archive(entry: &Entry<'_>, head: &[u8]) -> bool {
    entry.kind == EntryKind::File
        && entry.size >= ARCHIVE_BYTES
        && (inside::is_packed(head) || inside::may_carry(head, entry.size))
        && !is_of_others(entry, head)
}

/// Whether the file is one that other tools make and keep. A name alone does not show that: it
/// has to be packed as those tools pack.
fn is_of_others(entry: &Entry<'_>, head: &[u8]) -> bool {
    let extension = entry.extension().to_ascii_lowercase();
    if head.starts_with(b"PK\x03\x04") {
        return ZIPS.contains(&extension.as_str()) || packaged::is_in_package(entry.path);
    }
    let is_library = extension == "a" && head.starts_with(b"!<arch>\n");
    is_library || is_kept(entry.path)
}

/// Whether a package manager keeps the package at `path` as it was downloaded: a cache, which is
/// another rule's concern.
fn is_kept(path: &str) -> bool {
    let has = |directory: &str| {
        path.split_once(directory)
            .is_some_and(|(before, _)| before.is_empty() || before.ends_with('/'))
    };
    let is_any = |ends: &[&str]| {
        path.split(SEPARATOR).any(|file| ends.iter().any(|end| file.ends_with(end)))
    };
    (has("var/cache/") && is_any(&[".deb", ".rpm"])) || (has("pkgs/") && is_any(&[".tar.bz2"]))
}

/// Whether the entry is an installer of the toolkit, or lies in one, and cannot be opened.
pub(super) fn is_closed(entry: &Entry<'_>, head: &[u8]) -> bool {
    OPAQUE.iter().any(|start| head.starts_with(start)) && is_installer(entry)
}

/// Whether the entry is an installer of the toolkit by its name, or lies in one.
pub(super) fn is_installer(entry: &Entry<'_>) -> bool {
    let path = entry.path;
    let mut files = path.split(SEPARATOR).map(|file| file.rsplit('/').next().unwrap_or(file));
    entry.size >= ARCHIVE_BYTES
        && !is_kept(path)
        && !packaged::is_in_package(path)
        && files.any(is_installers_name)
}

/// NVIDIA's names: `cuda_12.8.0_570.86.10_linux.run`, `cuda-repo-ubuntu2204-12-8-local_12.8.0-1_\
/// amd64.deb`, `cuda_nvcc-linux-x86_64-12.8.61-archive.tar.xz`, and packages for compiling.
fn is_installers_name(name: &str) -> bool {
    let within = |start: &str, end: &str| name.starts_with(start) && name.ends_with(end);
    let is_package = || {
        let package = name.split('_').next().unwrap_or(name);
        packages::is_devel_package(package) || packages::is_compiler_package(package)
    };
    let is_run_file = within("cuda_", ".run") && name.contains("_linux");
    let is_archive = within("cuda_", ".tar.xz") && name.contains("-archive");
    let is_packed = matches!(name.rsplit_once('.'), Some((_, "deb" | "rpm")));
    is_run_file || is_archive || (is_packed && (name.starts_with("cuda-repo-") || is_package()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZIP: &[u8] = b"PK\x03\x04\x14\0";
    const GZIP: &[u8] = b"\x1f\x8b\x08\0";
    const AR: &[u8] = b"!<arch>\ndebian-binary";

    fn entry(path: &str, size: u64) -> Entry<'_> {
        Entry { path, kind: EntryKind::File, size, link: None }
    }

    #[test]
    fn what_others_make_is_not_opened() {
        let table: [(&str, &[u8], bool); 15] = [
            ("opt/cuda.tgz", GZIP, true),
            ("opt/cuda.zip", ZIP, true),
            ("opt/pkgs/cuda.tgz", GZIP, true),
            ("usr/lib/python3/dist-packages/cuda.tgz", GZIP, true),
            ("opt/cuda.whl", GZIP, true),
            ("opt/cuda.jar", GZIP, true),
            ("tmp/cuda-repo.deb", AR, true),
            ("var/cache/cuda.tgz", GZIP, true),
            ("opt/torch-2.9-cp312-cp312-linux_x86_64.whl", ZIP, false),
            ("opt/app.jar", ZIP, false),
            ("opt/conda/pkgs/cuda-nvcc-12.8.61-0.conda", ZIP, false),
            ("root/.cache/pip/http-v2/a/b/c.body", ZIP, false),
            ("usr/lib/python3/dist-packages/x/data.zip", ZIP, false),
            ("var/cache/apt/archives/cuda-nvcc-12-8_12.8.61-1_amd64.deb", AR, false),
            ("usr/lib/x86_64-linux-gnu/libc.a", AR, false),
        ];
        for (path, head, expected) in table {
            assert_eq!(is_archive(&entry(path, 2 << 20), head), expected, "{path}");
        }
        for (size, expected) in
            [(ARCHIVE_BYTES - 1, false), (ARCHIVE_BYTES, true), (ARCHIVE_BYTES + 1, true)]
        {
            assert_eq!(is_archive(&entry("opt/cuda.tgz", size), GZIP), expected, "{size}");
        }
    }

    #[test]
    fn knows_installers_by_name() {
        for path in [
            "tmp/cuda_12.8.0_570.86.10_linux.run",
            "tmp/cuda_12.8.0_570.86.10_linux_sbsa.run",
            "tmp/cuda-repo-ubuntu2204-12-8-local_12.8.0-570.86.10-1_amd64.deb",
            "tmp/cuda-repo-rhel9-12-8-local-12.8.0_570.86.10-1.x86_64.rpm",
            "tmp/cuda_nvcc-linux-x86_64-12.8.61-archive.tar.xz",
            "var/cuda-repo-ubuntu2204-12-8-local/cuda-nvcc-12-8_12.8.61-1_amd64.deb!/data.tar.xz",
            "srv/cuda-toolkit-12-8-12.8.0-1.x86_64.rpm",
        ] {
            assert!(is_closed(&entry(path, 2 << 20), b"\xfd7zXZ\0\0"), "{path}");
            assert!(!is_closed(&entry(path, 2 << 20), b"\x7fELF"), "{path}");
            assert!(!is_closed(&entry(path, ARCHIVE_BYTES - 1), b"\xfd7zXZ\0\0"), "{path}");
        }
        for path in [
            "var/cache/apt/archives/cuda-nvcc-12-8_12.8.61-1_amd64.deb!/data.tar.xz",
            "tmp/cuda-toolkit-12-8-config-common_12.8.57-1_all.deb",
            "tmp/cuda-cudart-12-8_12.8.57-1_amd64.deb!/data.tar.xz",
            "tmp/libcublas-12-8_12.8.3.14-1_amd64.deb!/data.tar.xz",
            "tmp/cudnn-linux-x86_64-9.7.0.66_cuda12-archive.tar.xz",
            "opt/app_linux.run",
            "data/cuda_kernels.tar.xz",
        ] {
            assert!(!is_closed(&entry(path, 2 << 20), b"\xfd7zXZ\0\0"), "{path}");
        }
    }
}

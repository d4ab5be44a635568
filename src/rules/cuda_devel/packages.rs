//! Development packages in package databases: dpkg's, also in distroless images, and rpm's.

/// Packages that only a development image has: the start of their names.
const DEVEL_PACKAGES: &[&str] = &[
    "cuda-minimal-build",
    "cuda-libraries-dev",
    "cuda-command-line-tools",
    "cuda-compiler",
    "cuda-toolkit",
    "cuda-demo-suite",
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
    !name.contains("config-common")
        && (DEVEL_PACKAGES.iter().any(|start| name.starts_with(start)) || is_everything(name))
}

/// `cuda-12-8`, or `cuda`: all of it, driver included.
fn is_everything(name: &str) -> bool {
    name.strip_prefix("cuda").is_some_and(|rest| {
        rest.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit()) && !rest.ends_with('-')
    })
}

/// Whether the package belongs to `ROCm`'s development set.
pub(super) fn is_rocm_package(name: &str) -> bool {
    ROCM_PACKAGES.iter().any(|start| name.starts_with(start))
}

fn is_known_package(name: &str) -> bool {
    is_devel_package(name) || is_rocm_package(name) || is_compiler_package(name)
}

/// Whether the package serves to compile, also at run time.
pub(super) fn is_compiler_package(name: &str) -> bool {
    COMPILER_PACKAGES.iter().any(|start| name.starts_with(start))
}

/// A place where package managers note what is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Database {
    /// dpkg's status file, or one of distroless' status files.
    Dpkg,
    /// The file list of one package, whose name says all.
    DpkgList,
    /// rpm's database: SQLite, or one of the older formats. All keep headers as they are.
    Rpm,
}

/// The package database at `path`.
pub(super) fn database(path: &str) -> Option<Database> {
    if path == "var/lib/dpkg/status" || path.starts_with("var/lib/dpkg/status.d/") {
        return Some(Database::Dpkg);
    }
    if path.starts_with("var/lib/dpkg/info/") {
        return is_known_package(listed_package(path)?).then_some(Database::DpkgList);
    }
    let rpm = ["var/lib/rpm/", "usr/lib/sysimage/rpm/", "usr/share/rpm/"];
    let name = rpm.iter().find_map(|dir| path.strip_prefix(dir))?;
    let known = ["rpmdb.sqlite", "rpmdb.sqlite-wal", "Packages", "Packages.db"];
    known.contains(&name).then_some(Database::Rpm)
}

/// The package whose file list lies at `path`.
pub(super) fn listed_package(path: &str) -> Option<&str> {
    let name = path.strip_prefix("var/lib/dpkg/info/")?.strip_suffix(".list")?;
    Some(name.split_once(':').map_or(name, |(name, _)| name))
}

/// Most packages noted from one database.
const MAX_PACKAGES: usize = 40;

/// The development packages that a dpkg status file lists as installed. Removed packages whose
/// configuration stays are listed too, with another status.
pub(super) fn in_dpkg(status: &[u8]) -> Vec<String> {
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

/// The development packages whose headers a window of an rpm database holds. A header's texts
/// end with NUL and begin with the package's name and version, in this order; the names that
/// other packages require are followed by further names.
pub(super) fn in_rpm(window: &[u8]) -> Vec<String> {
    let starts = [&b"\0cuda"[..], b"\0libcublas-dev", b"\0rocm-", b"\0hip-dev"];
    let mut found: Vec<String> = Vec::new();
    let mut texts = Texts { bytes: window };
    while let Some((name, version)) = texts.next_at(&starts) {
        if found.len() < MAX_PACKAGES
            && is_known_package(name)
            && version.first().is_some_and(u8::is_ascii_digit)
            && version.contains(&b'.')
            && !found.iter().any(|known| known == name)
        {
            found.push(name.to_owned());
        }
    }
    found
}

/// Walks the texts behind a NUL.
struct Texts<'a> {
    bytes: &'a [u8],
}

impl<'a> Texts<'a> {
    /// The next text that begins like one of `starts`, and the text behind it.
    fn next_at(&mut self, starts: &[&[u8]]) -> Option<(&'a str, &'a [u8])> {
        loop {
            let at = self.bytes.iter().position(|byte| *byte == 0)?;
            let rest = self.bytes.get(at..)?;
            self.bytes = rest.get(1..)?;
            if !starts.iter().any(|start| rest.starts_with(start)) {
                continue;
            }
            let mut texts = self.bytes.splitn(3, |byte| *byte == 0);
            if let (Some(name), Some(version), Some(_)) = (texts.next(), texts.next(), texts.next())
                && let Ok(name) = std::str::from_utf8(name)
            {
                return Some((name, version));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_devel_packages() {
        for name in ["cuda-minimal-build-12-8", "cuda-libraries-devel-12-8", "cuda-12-8", "cuda"] {
            assert!(is_devel_package(name), "{name}");
        }
        for name in [
            "cuda-toolkit-12-8-config-common",
            "cuda-libraries-12-8",
            "cuda-compat-12-8",
            "cuda-cudart-12-8",
            "cuda-nvcc-12-8",
            "cuda-keyring",
            "cudatools",
        ] {
            assert!(!is_devel_package(name), "{name}");
        }
    }

    #[test]
    fn reads_dpkg() {
        let status = b"Package: cuda-minimal-build-12-8\nStatus: install ok installed\n\n\
            Package: cuda-cudart-12-8\nStatus: install ok installed\n\n\
            Package: cuda-nvcc-12-8\nStatus: deinstall ok config-files\n\n\
            Package: rocm-dev\nVersion: 6\n";
        assert_eq!(in_dpkg(status), ["cuda-minimal-build-12-8", "rocm-dev"]);
        assert_eq!(in_dpkg(b"\xff\xfe\nPackage: \n"), Vec::<String>::new());
        for (count, expected) in [(39, 39), (40, 40), (41, 40)] {
            let status = "Package: cuda-nvcc-12-8\n\n".repeat(count);
            assert_eq!(in_dpkg(status.as_bytes()).len(), expected);
        }
    }

    #[test]
    fn reads_rpm_headers() {
        let header = |name: &str, rest: &str| format!("\0C\0{name}\0{rest}").into_bytes();
        let installed = header("cuda-minimal-build-12-8", "12.8.0\x001\0CUDA build\0");
        assert_eq!(in_rpm(&installed), ["cuda-minimal-build-12-8"]);
        // A metapackage's requirements are names one after the other.
        let required = header("x", "1.0\x001\0cuda-libraries-devel-12-8\0cuda-nvcc-12-8\0rpmlib\0");
        assert_eq!(in_rpm(&required), Vec::<String>::new());
        let runtime = header("cuda-libraries-12-8", "12.8.0\x001\0");
        assert_eq!(in_rpm(&runtime), Vec::<String>::new());
        let mut many = Vec::new();
        for n in 0..50 {
            many.extend(header(&format!("cuda-nvcc-12-{n}"), "12.8.0\x001\0"));
        }
        assert_eq!(in_rpm(&many).len(), MAX_PACKAGES);
        assert_eq!(in_rpm(b"\0cuda-nvcc-12-8"), Vec::<String>::new());
    }

    #[test]
    fn knows_databases() {
        let table = [
            ("var/lib/dpkg/status", Some(Database::Dpkg)),
            ("var/lib/dpkg/status.d/cuda-nvcc-12-8", Some(Database::Dpkg)),
            ("var/lib/dpkg/info/cuda-nvcc-12-8.list", Some(Database::DpkgList)),
            ("var/lib/dpkg/info/libcublas-dev-12-8:amd64.list", Some(Database::DpkgList)),
            ("var/lib/dpkg/info/libc6:amd64.list", None),
            ("var/lib/rpm/rpmdb.sqlite", Some(Database::Rpm)),
            ("var/lib/rpm/Packages", Some(Database::Rpm)),
            ("usr/lib/sysimage/rpm/Packages.db", Some(Database::Rpm)),
            ("var/lib/rpm/rpmdb.sqlite-shm", None),
            ("app/rpmdb.sqlite", None),
        ];
        for (path, expected) in table {
            assert_eq!(database(path), expected, "{path}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_no_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let _ = in_rpm(&bytes);
            let _ = in_dpkg(&bytes);
            let _ = in_rpm(&[b"\0cuda", &bytes[..]].concat());
        }
    }
}

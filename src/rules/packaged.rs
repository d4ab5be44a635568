//! Whether a path lies in what a package manager brought: installed, kept as it was downloaded, or
//! unpacked beside others. What lies there is part of somebody's code.
//! Source: PEP 376, PEP 427; the layouts of the caches of pip and uv as they were looked at.

/// Whether the path shows that the file is part of a Python package.
pub(super) fn is_in_package(path: &str) -> bool {
    let mut parts = path.split('/').rev();
    // The file's own name says nothing.
    let _ = parts.next();
    parts.any(is_package_part) || is_in_cache(path)
}

/// A directory of installed packages, or a wheel that is unpacked (pex keeps them under their
/// name) or looked into.
fn is_package_part(part: &str) -> bool {
    let archive = part.strip_suffix('!').unwrap_or(part);
    matches!(part, "site-packages" | "dist-packages")
        || [".whl", ".egg"].iter().any(|end| archive.ends_with(end))
}

/// uv keeps each wheel unpacked as `archive-v0/<id>/`; pip keeps responses as they came.
fn is_in_cache(path: &str) -> bool {
    let unpacked = path.split_once("archive-v0/").is_some_and(|(before, after)| {
        (before.is_empty() || before.ends_with('/')) && after.split('/').count() > 2
    });
    unpacked || [".cache/pip/http", "pip/cache/http"].iter().any(|part| path.contains(part))
}

/// The directory into which a package was installed whose list of files lies at `path`: that of
/// `<directory>/<name>-<version>.dist-info/RECORD`.
pub(super) fn installed_into(path: &str) -> Option<&str> {
    let about = path.strip_suffix("/RECORD")?;
    let (directory, name) = about.rsplit_once('/').unwrap_or(("", about));
    (name.len() > ".dist-info".len() && name.ends_with(".dist-info")).then_some(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_packages_bring() {
        for path in [
            "usr/lib/python3/dist-packages/x/m.onnx",
            "opt/wheels/rapidocr-1.4-py3-none-any.whl!/rapidocr/models/x.onnx",
            "app/service.pex!/.deps/silero_vad-6.2-py3-none-any.whl/silero_vad/data/x.onnx",
            "root/.cache/uv/archive-v0/3kf9x/rapidocr/models/x.onnx",
            "root/.cache/pip/http-v2/a/b/c.body!/rapidocr/models/x.onnx",
        ] {
            assert!(is_in_package(path), "{path}");
        }
        for path in [
            "app/models/x.onnx",
            "app/x.whl",
            "app/site-packages",
            "archive-v0/x.onnx",
            "app/my-archive-v0/a/b/x.onnx",
        ] {
            assert!(!is_in_package(path), "{path}");
        }
    }

    #[test]
    fn knows_where_a_package_was_installed() {
        assert_eq!(installed_into("var/task/x-1.0.dist-info/RECORD"), Some("var/task"));
        assert_eq!(installed_into("x-1.0.dist-info/RECORD"), Some(""));
        assert_eq!(installed_into("var/task/.dist-info/RECORD"), None);
        assert_eq!(installed_into("var/task/x/RECORD"), None);
        assert_eq!(installed_into("var/task/x-1.0.dist-info/METADATA"), None);
    }
}

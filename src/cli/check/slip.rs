//! Images on disk that were not named as such: `build/layout`, `./app.tar`, `docker-daemon:app:1`.
//! Taken for names in a registry they would be asked of Docker Hub, which denies access to what
//! it does not have.

use std::path::Path;

use crate::config::nearest;
use crate::model::Reference;

/// The prefixes of images on disk.
const PREFIXES: [&str; 3] = ["oci", "oci-archive", "docker-archive"];
/// Places that skopeo can copy from and that are not read here.
const ELSEWHERE: [&str; 3] = ["docker-daemon", "containers-storage", "dir"];

/// What to write instead of `image`, if it is no name of an image in a registry or is more likely
/// meant as one on disk.
pub(super) fn of(image: &str) -> Option<String> {
    let is_path = image.starts_with(['.', '/', '~']) || Path::new(image).exists();
    if is_path { Some(on_disk(image, image)) } else { by_prefix(image) }
}

fn by_prefix(image: &str) -> Option<String> {
    let (written, rest) = image.split_once(':').filter(|(_, rest)| !rest.starts_with("//"))?;
    let prefix = written.to_ascii_lowercase();
    let path = rest.split(':').next().unwrap_or(rest);
    let is_elsewhere = ELSEWHERE.contains(&&*prefix);
    let near = PREFIXES.into_iter().find(|known| known.starts_with(&prefix) && prefix.len() > 1);
    let near = near.or_else(|| nearest(&prefix, PREFIXES.into_iter()));
    if (is_elsewhere || near.is_some()) && !path.is_empty() && Path::new(path).exists() {
        return Some(on_disk(path, image));
    }
    if is_elsewhere {
        return Some(format!(
            "`{prefix}:` is not read (hint: `skopeo copy {prefix}:{rest} oci:DIR`, then `oci:DIR`)"
        ));
    }
    // `docker:24-dind` is an image of Docker Hub.
    let near = near.filter(|_| image.parse::<Reference>().is_err())?;
    Some(format!("not an image (hint: did you mean `{near}:{rest}`?)"))
}

/// How to name what lies at `path`.
fn on_disk(path: &str, image: &str) -> String {
    let (what, names) = match Path::new(path) {
        there if there.is_dir() => ("a folder", format!("`oci:{path}` for an OCI layout")),
        there if there.is_file() => (
            "a file",
            format!(
                "`docker-archive:{path}` for one of `docker save`, `oci-archive:{path}` for an \
                 OCI layout"
            ),
        ),
        _ => ("a path", "`oci:DIR`, `oci-archive:FILE` or `docker-archive:FILE`".to_owned()),
    };
    let remote = image.parse::<Reference>().map_or_else(
        |_| String::new(),
        |reference| format!("; for the image in a registry `{reference}`"),
    );
    format!("{what}, not an image (hint: write {names}{remote})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_on_disk_is_told_how_to_name() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().to_str().unwrap().to_owned();
        std::fs::write(folder.path().join("bad.tar"), "").unwrap();
        let file = format!("{dir}/bad.tar");
        let told = |image: &str| of(image).unwrap().replace(&dir, "DIR");
        insta::assert_snapshot!(told(&dir), @"a folder, not an image (hint: write `oci:DIR` for an OCI layout)");
        insta::assert_snapshot!(told(&file), @"a file, not an image (hint: write `docker-archive:DIR/bad.tar` for one of `docker save`, `oci-archive:DIR/bad.tar` for an OCI layout)");
        for prefix in ["docker", "dir", "OCI", "oci_archive", "docker-daemon"] {
            assert_eq!(told(&format!("{prefix}:{file}:1")), told(&file), "{prefix}");
        }
        // The tests run where the sources are.
        insta::assert_snapshot!(told("src"), @"a folder, not an image (hint: write `oci:src` for an OCI layout; for the image in a registry `docker.io/library/src:latest`)");
        assert_eq!(
            told("docker:src"),
            "a folder, not an image (hint: write `oci:src` for an OCI \
            layout; for the image in a registry `docker.io/library/docker:src`)"
        );
    }

    #[test]
    fn what_cannot_be_an_image_in_a_registry_is_told_too() {
        let told = |image: &str| of(image).unwrap();
        insta::assert_snapshot!(told("./gone.tar"), @"a path, not an image (hint: write `oci:DIR`, `oci-archive:FILE` or `docker-archive:FILE`)");
        assert_eq!(told("/gone"), told("./gone.tar"));
        insta::assert_snapshot!(told("docker-daemon:app:1"), @"`docker-daemon:` is not read (hint: `skopeo copy docker-daemon:app:1 oci:DIR`, then `oci:DIR`)");
        assert!(told("dir:gone").starts_with("`dir:` is not read"));
        insta::assert_snapshot!(told("OCI:gone"), @"not an image (hint: did you mean `oci:gone`?)");
        insta::assert_snapshot!(told("docker-archiv:gone.tar:a:1"), @"not an image (hint: did you mean `docker-archive:gone.tar:a:1`?)");
    }

    #[test]
    fn images_in_registries_are_left_alone() {
        for image in [
            "ubuntu",
            "docker:24-dind",
            "ocr:1.0",
            "oci-tools:1",
            "localhost:5000/a:1",
            "registry.example.com/ml/app:1.4",
            "docker://registry.example.com/a",
            "UPPER",
            "",
        ] {
            assert_eq!(of(image), None, "{image}");
        }
    }
}

//! What of a finding stays the same from build to build, so that an alert lives as long as what it
//! complains about: rule, image, path and words, without what counts, weighs and hashes.

use std::path::Path;

use crate::answer::plain::line;
use crate::model::{Digest, Finding, Reference};

/// Fewer hexadecimal digits in a row are a word; Git abbreviates to seven.
const MIN_HEX: usize = 7;
/// Units of sizes.
const UNITS: &[&str] = &["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/// 32 hexadecimal digits: the same for the same complaint about the next build of the image.
pub(super) fn of(finding: &Finding, image: &str) -> String {
    let path = finding.path.as_deref().unwrap_or_default();
    let parts = [finding.rule.as_str(), &name(image), path, &words(&finding.message)];
    Digest::of(parts.join("\0").as_bytes()).hex().chars().take(32).collect()
}

/// `registry.example.com/ml/app/opt/model.bin`: the path in the image, below the image's name, as
/// a relative reference (RFC 3986).
pub(super) fn uri(finding: &Finding, image: &str) -> String {
    let path = finding.path.as_deref().unwrap_or_default();
    // Nothing climbs out of the image's name.
    let parts = path.split('/').filter(|part| !["", ".", ".."].contains(part));
    let name = name(image);
    let parts: Vec<&str> = std::iter::once(name.as_str()).chain(parts).collect();
    parts.join("/").bytes().fold(String::new(), |uri, byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
            uri + std::str::from_utf8(&[byte]).unwrap_or_default()
        }
        byte => uri + &format!("%{byte:02X}"),
    })
}

/// The image's name without tag and digest. Of one on disk, which no reference may be taken for,
/// the last part of its path: builds make folders with names of their own.
fn name(image: &str) -> String {
    let split = |rest: &'_ str| {
        let (path, name) = rest.split_once(':').unwrap_or((rest, ""));
        (path.to_owned(), name.to_owned())
    };
    let (path, written) = if let Some(rest) = image.strip_prefix("oci:") {
        (split(rest).0, String::new())
    } else if let Some(rest) = image.strip_prefix("docker-archive:") {
        split(rest)
    } else {
        (image.to_owned(), image.to_owned())
    };
    let named = written.parse().map(|reference: Reference| reference.name());
    let last = || Path::new(&path).file_name().map(|name| name.to_string_lossy().into_owned());
    let name = named.ok().or_else(last).unwrap_or_else(|| "image".to_owned());
    line(&name, 300)
}

/// The words of a message that outlive a build: no numbers, no sizes, no sums, no particulars in
/// brackets.
fn words(message: &str) -> String {
    let mut depth = 0_usize;
    let outside = message.chars().filter(|letter| {
        let was = depth;
        match letter {
            '(' => depth = depth.saturating_add(1),
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        was == 0 && depth == 0
    });
    let text: String = outside.collect();
    let words = text.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    let is_sum =
        |word: &str| word.len() >= MIN_HEX && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    words
        .filter(|word| !word.is_empty() && !UNITS.contains(word) && !is_sum(word))
        .map(|word| word.chars().filter(|letter| !letter.is_ascii_digit()).collect::<String>())
        .filter(|word| !word.is_empty())
        // One file today, two tomorrow.
        .map(|word| word.strip_suffix('s').unwrap_or(&word).to_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::message::tests::weights;

    #[test]
    fn names_last_longer_than_tags_and_folders() {
        let digest = format!("registry.example.com/ml/app@{}", Digest::of(b"x"));
        let table = [
            ("registry.example.com/ml/app:1.4", "registry.example.com/ml/app"),
            (&digest, "registry.example.com/ml/app"),
            ("127.0.0.1:5000/a:1", "127.0.0.1:5000/a"),
            ("python", "docker.io/library/python"),
            ("oci:build/layout:1.4", "layout"),
            ("oci:/tmp/x/layout", "layout"),
            ("oci:/tmp/y/layout/", "layout"),
            ("oci:1.0", "1.0"),
            ("oci:..", "image"),
            ("oci:out:registry.example.com/a:1", "out"),
            ("docker-archive:/a/app.tar", "app.tar"),
            ("docker-archive:/a/app.tar:r.example.com/ml/app:2", "r.example.com/ml/app"),
            ("docker-archive:/a/app.tar:NO", "app.tar"),
            ("NO REFERENCE", "NO REFERENCE"),
            ("oci:", "image"),
        ];
        for (image, expected) in table {
            assert_eq!(name(image), expected, "{image}");
        }
    }

    #[test]
    fn places_are_relative_and_stay_below_the_image() {
        let at = |image: &str, path: &str| uri(&weights("linux/amd64", path), image);
        let table = [
            ("127.0.0.1:5000/a:1", "opt/x y.bin", "127.0.0.1%3A5000/a/opt/x%20y.bin"),
            ("oci:/tmp/a b:1", "ä", "a%20b/%C3%A4"),
            ("r.example.com/a", "../../../etc/passwd", "r.example.com/a/etc/passwd"),
            ("r.example.com/a", "", "r.example.com/a"),
            ("r.example.com/a", "a.zip!/b", "r.example.com/a/a.zip%21/b"),
        ];
        for (image, path, expected) in table {
            assert_eq!(at(image, path), expected);
        }
    }

    #[test]
    fn what_changes_with_every_build_is_no_part_of_it() {
        let words_of = |texts: [&str; 2]| texts.map(words);
        for texts in [
            ["2 files of 4.6 GiB", "1 file of 980.0 MiB"],
            ["`COPY dir:4f3a9c01b2 in /app` stands", "`COPY dir:09ab77de10 in /app` stands"],
            ["`K` holds a key (12 characters)", "`K` holds a key (40 characters) (deleted)"],
            ["from `1a2b3c4`", "from `aabbccd`"],
        ] {
            let [one, next] = words_of(texts);
            assert_eq!(one, next);
        }
        for texts in [["`A` holds", "`B` holds"], ["`facade`", "`decade`"], ["a (x) b", "a"]] {
            let [one, next] = words_of(texts);
            assert_ne!(one, next);
        }
    }

    #[test]
    fn an_identity_outlives_a_build() {
        let first = weights("linux/amd64", "app/models/a.bin");
        let mut next = first.clone();
        let layer = next.layer.as_mut().unwrap();
        layer.index = 7;
        layer.digest = Digest::of(b"another build");
        layer.created_by = Some("RUN |1 GIT_SHA=4f3a9c0 /bin/sh -c make # buildkit".into());
        next.size = Some(1);
        next.line = Some(9);
        let images = ["oci:/tmp/build.1/out:1", "oci:/tmp/build.2/out:2"];
        assert_eq!(of(&first, images[0]), of(&next, images[1]));
        assert_eq!(of(&first, images[0]).len(), 32);
        for other in ["oci:/tmp/build.1/other", "r.example.com/out"] {
            assert_ne!(of(&first, images[0]), of(&first, other));
        }
        next.path = Some("elsewhere".into());
        assert_ne!(of(&first, images[0]), of(&next, images[0]));
    }
}

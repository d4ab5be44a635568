//! Tests of the rule: every defect has its words and its level.

use super::super::testing::Sample;
use super::*;
use crate::model::Digest;

fn with_type(media_type: &str) -> Sample {
    let mut sample = Sample::of(&UnreadableLayer).unread("COPY x", 10);
    sample.image.manifest.layers[0].media_type = media_type.to_owned();
    sample
}

#[test]
fn plain_layers_pass() {
    for media_type in [
        "",
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
    ] {
        assert_eq!(with_type(media_type).words(), "", "{media_type}");
    }
}

#[test]
fn foreign_layers_are_read_unless_they_are_elsewhere() {
    for media_type in [
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    ] {
        let mut sample = with_type(media_type);
        assert_eq!(sample.words(), "", "{media_type}");
        sample.image.manifest.layers[0].urls.push("https://example.com/layer".into());
        assert_eq!(sample.level(), Some(Level::Deny), "{media_type}");
    }
}

#[test]
fn other_types_are_refused() {
    for media_type in [
        "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+brotli",
        "application/vnd.docker.image.rootfs.foreign.diff.zip",
        "application/vnd.oci.image.layer.nydus.blob.v1",
        "application/vnd.cncf.model.weight.v1.tar",
        "application/octet-stream",
        "application/vnd.oci.image.layer.v1.tar+brotli",
    ] {
        assert_eq!(with_type(media_type).level(), Some(Level::Deny), "{media_type}");
    }
    insta::assert_snapshot!(with_type("application/vnd.oci.image.layer.v1.tar+gzip+encrypted").words(), @r"
    deny: layer 0 is encrypted: application/vnd.oci.image.layer.v1.tar+gzip+encrypted
      fix: push an unencrypted copy to the registry that is guarded, or exempt this image
    ");
}

#[test]
fn hiding_content_elsewhere_is_refused() {
    let mut urls = with_type("application/vnd.oci.image.layer.v1.tar");
    urls.image.manifest.layers[0].urls.push("http://evil/\u{1b}[2J".into());
    insta::assert_snapshot!(urls.findings()[0].message, @"layer 0 may be fetched from elsewhere: http://evil/�[2J");
    let mut nydus = with_type("application/vnd.oci.image.layer.v1.tar+gzip");
    nydus.image.manifest.layers[0]
        .annotations
        .insert("containerd.io/snapshot/nydus-bootstrap".into(), "true".into());
    assert_eq!(nydus.level(), Some(Level::Deny));
    let mut defects = with_type("");
    defects.image.defects.push("configuration is no JSON".into());
    assert_eq!(defects.level(), Some(Level::Deny));
}

#[test]
fn a_known_layer_behind_a_false_size_is_refused() {
    for (size, expected) in [(9, Some(Level::Deny)), (10, None), (11, Some(Level::Deny))] {
        let mut sample = with_type("");
        let mut facts = LayerFacts::empty(Digest::of(b"l"), size);
        sample.facts[0] = Some(facts.clone());
        assert_eq!(sample.level(), None, "not read to its end");
        facts.whole = true;
        sample.facts[0] = Some(facts);
        assert_eq!(sample.level(), expected, "{size}");
        if expected.is_some() {
            let message = &sample.findings()[0].message;
            let end = format!("{size} bytes, not 10");
            assert!(message.ends_with(&end), "{message}");
        }
    }
}

#[test]
fn every_defect_has_its_word_its_message_and_its_level() {
    let mut lines = Vec::new();
    for kind in Defect::ALL {
        assert_eq!(Defect::parse(kind.as_str()), Some(*kind));
        let mut facts = LayerFacts::empty(Digest::of(b"l"), 1);
        facts.facts.push(defect_at(*kind, "a/b", 3, "detail"));
        let mut sample = with_type("");
        sample.facts[0] = Some(facts);
        let finding = sample.findings().remove(0);
        assert!(!finding.fix.is_empty());
        lines.push(format!("{} {}", finding.level, finding.message));
    }
    insta::assert_snapshot!(lines.join("\n"), @r"
    deny layer 0 ends in the middle: `a/b`: detail
    deny layer 0 is no tar archive: `a/b`: detail
    deny layer 0 cannot be decompressed: `a/b`: detail
    deny layer 0 is compressed with an unknown method: `a/b`: detail
    deny layer 0 has data behind its end, which some readers unpack: `a/b`: detail
    deny layer 0 has an entry whose headers contradict each other: `a/b`: detail
    deny layer 0 has a path that leaves the root: `a/b`: detail
    deny layer 0 has a sparse entry, which readers expand differently: `a/b`: detail
    deny layer 0 has an entry that runtimes refuse or take differently: `a/b`: detail
    deny layer 0 has an index for lazy loading that is not that of its files: `a/b`: detail
    deny layer 0 carries data that belongs to no file: `a/b`: detail
    deny layer 0 holds a file system whose files a tar reader does not see: `a/b`: detail
    deny layer 0 grows like a decompression bomb: `a/b`: detail
    deny layer 0 unpacks to more bytes than are read: `a/b`: detail
    deny layer 0 has more entries than are read: `a/b`: detail
    deny layer 0 has more suspicious files than are kept: `a/b`: detail
    deny layer 0 has a file that is packed too deep to look into: `a/b`: detail
    deny layer 0 has a path longer than Linux can open: `a/b`: detail
    deny layer 0 is not the content that the manifest names: `a/b`: detail
    deny layer 0 is not as long as the manifest says: `a/b`: detail
    ");
}

#[test]
fn an_index_that_is_named_must_be_one_that_was_compared() {
    let (json, frame, other) = (Digest::of(b"json"), Digest::of(b"frame"), Digest::of(b"other"));
    let stargz = "containerd.io/snapshot/stargz/toc.digest";
    let chunked = "io.github.containers.zstd-chunked.manifest-checksum";
    let old = "io.containers.zstd-chunked.manifest-checksum";
    let table = [
        (vec![], None),
        (vec![(stargz, &json)], None),
        (vec![(chunked, &frame)], None),
        (vec![(old, &frame), (stargz, &json)], None),
        (vec![(stargz, &other)], Some(Level::Deny)),
        (vec![(stargz, &json), (chunked, &other)], Some(Level::Deny)),
    ];
    for (named, expected) in table {
        let mut sample = with_type("application/vnd.oci.image.layer.v1.tar+gzip");
        let annotations = &mut sample.image.manifest.layers[0].annotations;
        annotations.extend(named.iter().map(|(key, digest)| ((*key).into(), digest.to_string())));
        let index = LazyIndex { digest: json.clone(), stored: Some(frame.clone()) };
        let mut facts = LayerFacts::empty(Digest::of(b"l"), 10);
        facts.facts.push(lazy_index(&index));
        sample.facts[0] = Some(facts.clone());
        assert_eq!(sample.level(), None, "more may still be read");
        facts.whole = true;
        sample.facts[0] = Some(facts);
        assert_eq!(sample.level(), expected, "{named:?}");
    }
}

#[test]
fn a_layer_that_only_lazy_runtimes_can_list_is_refused() {
    use super::super::testing::file;
    let erofs = [vec![0; 1024], vec![0xe2, 0xe1, 0xf5, 0xe0, 0]].concat();
    let table = [
        ("image/image.boot", b"SFAR....".to_vec(), Some(Level::Deny)),
        ("image/image.boot", erofs, Some(Level::Deny)),
        ("image/image.boot", b"just a file".to_vec(), None),
        ("app/image/image.boot", b"SFAR....".to_vec(), None),
    ];
    for (path, content, expected) in table {
        let sample = Sample::of(&UnreadableLayer).layer("COPY x", &[file(path, content)]);
        assert_eq!(sample.level(), expected, "{path}");
    }
    for key in ["containerd.io/snapshot/overlaybd/blob-digest", "containerd.io/snapshot/nydus-blob"]
    {
        let mut sample = with_type("application/vnd.oci.image.layer.v1.tar");
        sample.image.manifest.layers[0].annotations.insert(key.into(), "x".into());
        assert_eq!(sample.level(), Some(Level::Deny), "{key}");
    }
}

#[test]
fn details_are_cut_and_harmless() {
    let fact = defect(Defect::NotATar, &"\u{7}x".repeat(MAX_DETAIL));
    let detail = fact.particular("detail").unwrap();
    assert_eq!(detail.chars().count(), MAX_DETAIL);
    assert!(!detail.contains('\u{7}'));
    assert!(defect(Defect::NotATar, "").particulars.is_empty());
}

#[test]
fn what_is_no_image_is_named() {
    let words = |kinds: &[&str]| no_image(kinds.iter().copied()).message;
    let lines = [
        words(&[]),
        words(&["application/vnd.cncf.helm.config.v1+json"]),
        words(&["c", "a", "b", "a"]),
        words(&["c", "a\u{1b}", "b", "e", "d"]),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r"
    no container image in the index
    no container image: artifact of type application/vnd.cncf.helm.config.v1+json
    no container image: artifact of type a, b, c
    no container image: artifact of type a�, b, c and 2 more
    ");
    assert_eq!(no_image([].into_iter()).level, Level::Warn);
}

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
fn other_types_are_refused() {
    for media_type in [
        "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
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
    warn layer 0 holds the same path twice: `a/b`: detail
    deny layer 0 grows like a decompression bomb: `a/b`: detail
    deny layer 0 unpacks to more bytes than are read: `a/b`: detail
    deny layer 0 has more entries than are read: `a/b`: detail
    deny layer 0 has more suspicious files than are kept: `a/b`: detail
    deny layer 0 has a path longer than Linux can open: `a/b`: detail
    deny layer 0 is not the content that the manifest names: `a/b`: detail
    deny layer 0 is not as long as the manifest says: `a/b`: detail
    ");
}

#[test]
fn details_are_cut_and_harmless() {
    let fact = defect(Defect::NotATar, &"\u{7}x".repeat(MAX_DETAIL));
    let detail = fact.particular("detail").unwrap();
    assert_eq!(detail.chars().count(), MAX_DETAIL);
    assert!(!detail.contains('\u{7}'));
    assert!(defect(Defect::NotATar, "").particulars.is_empty());
}

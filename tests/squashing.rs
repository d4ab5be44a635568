//! Property: it does not matter in how many layers a tree came. What is seen of split layers is
//! what is seen of the squashed tree, and what is hidden in between is still found.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll::model::{
    Descriptor, Digest, Document, Fact, Image, ImageConfig, LayerFacts, Level, Platform,
};
use plimsoll::rules::{Fate, RULES, Seen, Settings};
use plimsoll::scan::{Limits, ReadAll, scan_layer};
use proptest::prelude::*;

use crate::support::image::{BuiltImage, ImageBuilder, LayerBuilder};

/// What a layer does at a path: writes one of these contents, or deletes it.
type Changes = BTreeMap<&'static str, Option<usize>>;
/// A tree: which content lies where.
type Tree = BTreeMap<&'static str, usize>;

const PATHS: [&str; 8] = [
    "app/.env",
    "app/model.gguf",
    "app/models/llm.bin",
    "etc/secret.txt",
    "usr/local/cuda-12.8/bin/nvcc",
    "usr/local/cuda-12.8/targets/x86_64-linux/include/cuda_runtime.h",
    "srv/a",
    "srv/deep/down/b",
];

/// Contents that rules care for, and one they do not.
fn contents() -> Vec<Vec<u8>> {
    let gguf = [&b"GGUF\x03\0\0\0\x05\0\0\0\0\0\0\0"[..], &vec![1; 300 << 10]].concat();
    vec![
        b"plain text\n".to_vec(),
        b"DB_PASSWORD=hunter2secure\n".to_vec(),
        gguf,
        [&b"\x7fELF\x02\x01\x01"[..], &[0; 100]].concat(),
        b"Authorization: Bearer qT9vLm4Zr1Xw8Kd2PbqT9vLm4Zr1Xw8Kd2Pb\n".to_vec(),
    ]
}

fn changes() -> impl Strategy<Value = Vec<Changes>> {
    let change = (0..PATHS.len(), prop::option::weighted(0.8, 0..contents().len()));
    let layer = prop::collection::vec(change, 0..6)
        .prop_map(|changes| changes.into_iter().map(|(at, what)| (PATHS[at], what)).collect());
    prop::collection::vec(layer, 1..5)
}

/// An image of these layers. What a layer deletes must be there, as with every real builder.
fn split(layers: &[Changes]) -> (BuiltImage, Tree) {
    let contents = contents();
    let mut tree = Tree::new();
    let mut image = ImageBuilder::new();
    for (number, changes) in layers.iter().enumerate() {
        let mut layer = LayerBuilder::new(&format!("COPY {number} / # buildkit"));
        for (path, change) in changes {
            match change {
                Some(what) => {
                    layer = layer.file(path, contents[*what].clone());
                    tree.insert(path, *what);
                }
                None if tree.remove(path).is_some() => layer = layer.delete(path),
                None => {}
            }
        }
        image = image.layer(&layer);
    }
    (image.build(), tree)
}

fn squashed(tree: &Tree) -> BuiltImage {
    let contents = contents();
    let mut layer = LayerBuilder::new("COPY / / # buildkit");
    for (path, what) in tree {
        layer = layer.file(path, contents[*what].clone());
    }
    ImageBuilder::new().layer(&layer).build()
}

/// The image as the rules get it, and the facts of its layers.
fn scanned(built: &BuiltImage) -> (Image, Vec<LayerFacts>) {
    let limits = Limits::default();
    let bytes_of =
        |wanted: &Digest| built.contents().find(|(digest, _)| digest == wanted).unwrap().1;
    let Ok(Document::Manifest(manifest)) = Document::parse(&built.manifest) else {
        panic!("no manifest")
    };
    let scan = |blob: &Descriptor| {
        let bytes = bytes_of(&blob.digest);
        scan_layer(bytes, &blob.digest, blob.size, &limits, &mut ReadAll).unwrap()
    };
    let facts = manifest.layers.iter().map(scan).collect();
    let config = ImageConfig::parse(bytes_of(&manifest.config.digest)).unwrap();
    let (platform, digest) = (Platform::default(), built.digest());
    (Image { platform, digest, manifest: *manifest, config, defects: Vec::new() }, facts)
}

/// Facts about single files, without the layer they came from. Sums over a layer are its own.
fn visible(seen: &Seen<'_>) -> Vec<Fact> {
    let about_files = ["secret-file", "model-weights", "cuda-devel"];
    let mut facts: Vec<Fact> = seen
        .layers()
        .flat_map(|(layer, facts)| {
            let facts = facts.into_iter().flat_map(|facts| &facts.facts);
            facts
                .filter(|fact| about_files.contains(&fact.rule.as_str()))
                .filter(|fact| seen.fate(layer.index, &fact.path) == Fate::Visible)
                .cloned()
                .collect::<Vec<_>>()
        })
        .collect();
    facts.sort_by_key(|fact| (fact.path.clone(), fact.kind.clone(), fact.line));
    facts
}

/// Rules that refuse.
fn denying(seen: &Seen<'_>) -> BTreeSet<&'static str> {
    RULES
        .iter()
        .filter(|rule| rule.meta().level == Level::Deny)
        .filter(|rule| {
            let findings = rule.judge(seen, &Settings::default());
            findings.iter().any(|finding| finding.level == Level::Deny)
        })
        .map(|rule| rule.meta().id.as_str())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn split_layers_show_what_the_squashed_tree_shows(layers in changes()) {
        let (built, tree) = split(&layers);
        let (image, facts) = scanned(&built);
        let facts: Vec<_> = facts.iter().map(Some).collect();
        let apart = Seen::new(&image, &facts);
        let (image, facts) = scanned(&squashed(&tree));
        let facts: Vec<_> = facts.iter().map(Some).collect();
        let together = Seen::new(&image, &facts);

        prop_assert_eq!(visible(&apart), visible(&together));
        let missed: Vec<_> = denying(&together).difference(&denying(&apart)).copied().collect();
        prop_assert!(missed.is_empty(), "splitting hides {missed:?}");
    }
}

//! What is fuzzed: everything that reads bytes an attacker wrote. Each function must neither
//! panic nor break what it asserts, whatever the bytes.

use std::io::{self, BufReader, Read};

use plimsoll::answer::table::{self, Style};
use plimsoll::answer::{message, sarif};
use plimsoll::judge::{Judgeable, Question};
use plimsoll::model::image::History;
use plimsoll::model::manifest::Manifest;
use plimsoll::model::{
    Decision, Digest, Document, Image, ImageConfig, LayerFacts, Platform, Reference, dockerfile,
};
use plimsoll::policy::Policy;
use plimsoll::rules::{Around, secrets, unreadable_layer};
use plimsoll::scan::{LayerScan, Limits, ReadAll, scan_layer};

/// Caps small enough that a fuzzer reaches them.
fn limits() -> Limits {
    Limits {
        unpacked_bytes: 8 << 20,
        entries: 2000,
        listing_bytes: 64 << 10,
        ratio_from_bytes: 1 << 20,
        ratio: 100,
        text_bytes: 64 << 10,
        facts_per_rule: 50,
        fact_bytes: 64 << 10,
        ..Limits::default()
    }
}

/// Gives its bytes in pieces of changing size, as networks do.
struct Pieces<'a> {
    rest: &'a [u8],
    piece: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.piece = self.piece % 61 + 1;
        let length = self.piece.min(buffer.len());
        let (buffer, _) = buffer.split_at_mut(length);
        self.rest.read(buffer)
    }
}

/// A stored layer: compression, archive, rules, verdict.
pub fn layer(data: &[u8]) {
    let limits = limits();
    let scan = |blob: &mut dyn Read| {
        let size = u64::try_from(data.len()).unwrap();
        scan_layer(blob, &Digest::of(data), size, &limits, &mut ReadAll).unwrap()
    };
    let facts = scan(&mut &*data);
    let by_pieces = scan(&mut Pieces { rest: data, piece: 0 });
    // How much a decompressor gives out before it notices damage depends on how much of the
    // damage it was given. That there is some never does.
    let both_broken = is_broken(&facts) && is_broken(&by_pieces);
    assert!(facts == by_pieces || both_broken, "facts depend on the pieces");
    check(&facts, &limits);
}

fn is_broken(facts: &LayerFacts) -> bool {
    facts.facts.iter().any(|fact| fact.rule == unreadable_layer::ID)
}

/// A plain archive.
pub fn tar(data: &[u8]) {
    let limits = limits();
    let size = u64::try_from(data.len()).unwrap();
    let mut observer = ReadAll;
    let scan = LayerScan::new(&Digest::of(data), size, &limits, &mut observer);
    check(&scan.read_archive(BufReader::new(data)).unwrap(), &limits);
}

/// Facts stay within caps, survive being stored, and can be judged.
fn check(facts: &LayerFacts, limits: &Limits) {
    assert!(facts.whole);
    let entry = 2 * limits.path_bytes + 40;
    assert!(facts.listing.size_bytes() <= limits.listing_bytes + entry);
    assert!(facts.unpacked_bytes <= limits.unpacked_bytes.saturating_mul(2));
    let memory: u64 = facts.facts.iter().map(plimsoll::model::Fact::memory_bytes).sum();
    assert!(memory <= limits.fact_bytes + (1 << 20), "facts take {memory} bytes");
    let stored = serde_json::to_vec(facts).unwrap();
    assert_eq!(*facts, serde_json::from_slice::<LayerFacts>(&stored).unwrap());

    let blob = serde_json::json!({"digest": facts.digest, "size": facts.compressed_bytes});
    let manifest = serde_json::json!({"config": blob, "layers": [blob, blob]});
    let image = image(serde_json::from_value(manifest).unwrap(), ImageConfig::default());
    judge(&image, &[Some(facts), Some(facts)]);
}

fn image(manifest: Manifest, config: ImageConfig) -> Image {
    let digest = Digest::of(b"manifest");
    Image { platform: Platform::default(), digest, manifest, config, defects: Vec::new() }
}

/// Judges, and says it in every form.
fn judge(image: &Image, facts: &[Option<&LayerFacts>]) {
    let question = Question {
        reference: "registry.example.com/ml/app:1".parse().unwrap(),
        namespace: None,
        policy: std::sync::Arc::new(Policy::default()),
        today: jiff::civil::Date::default(),
    };
    let judgeable = Judgeable { image, facts: facts.to_vec(), around: Around::default() };
    let judgeable = [judgeable];
    let is_denied = question.is_denied(&judgeable, &|_| true);
    let verdict = question.judge(None, &judgeable, Vec::new());
    assert_eq!(is_denied, verdict.decision == Decision::Deny);
    assert!(message::text(&verdict).len() <= message::MAX_BYTES);
    let table = table::render(&verdict, Style::default());
    assert!(!table.contains('\u{1b}'), "a terminal escape gets through");
    serde_json::from_str::<serde_json::Value>(&sarif::log(&[verdict])).unwrap();
}

/// A manifest or index.
pub fn manifest(data: &[u8]) {
    if let Ok(Document::Manifest(manifest)) = Document::parse(data) {
        let _ = (manifest.kind(), manifest.compressed_bytes());
        judge(&image(*manifest, ImageConfig::default()), &[]);
    }
}

/// An image configuration.
pub fn config(data: &[u8]) {
    let _ = ImageConfig::has_rootfs(data);
    if let Ok(config) = ImageConfig::parse(data) {
        judge_config(config);
    }
}

fn judge_config(config: ImageConfig) {
    let blob = serde_json::json!({"digest": Digest::of(b"layer"), "size": 1});
    let layers: Vec<_> = config.history.iter().take(20).map(|_| blob.clone()).collect();
    let manifest = serde_json::json!({"config": blob, "layers": layers});
    let image = image(serde_json::from_value(manifest).unwrap(), config);
    let layers = image.manifest.layers.len();
    let facts = LayerFacts { whole: true, ..LayerFacts::empty(Digest::of(b"layer"), 1) };
    judge(&image, &vec![Some(&facts); layers]);
}

/// An image reference.
pub fn reference(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match text.parse::<Reference>() {
        Ok(reference) => {
            assert_eq!(reference.to_string().parse(), Ok(reference.clone()), "{reference}");
            assert!(!reference.registry().is_empty() && !reference.repository().is_empty());
        }
        Err(error) => assert!(!error.reason().is_empty()),
    }
}

/// A history, one instruction a line; and the search for secrets in text.
pub fn history(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let step = |(number, line): (usize, &str)| History {
        created_by: line.to_owned(),
        empty_layer: number % 3 == 0,
        ..History::default()
    };
    let history: Vec<History> = text.split('\u{1}').enumerate().map(step).collect();
    for step in &history {
        let written = dockerfile::written(&step.created_by);
        assert!(written.len() <= step.created_by.len() + "RUN ".len());
        for command in dockerfile::commands(&written) {
            let _ = (command.program(), command.arguments().count());
        }
        let redacted = secrets::redact(&step.created_by);
        assert_eq!(secrets::redact(&redacted), redacted, "redacting twice changes something");
    }
    judge_config(ImageConfig { history, ..ImageConfig::default() });
}

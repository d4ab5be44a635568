//! The images a question is about, and what is known of their layers so far.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::budget::Budget;
use super::flight::{IsCertain, Landing, Ticket};
use crate::judge::{Judgeable, Question};
use crate::model::verdict::Stats;
use crate::model::{
    Cause, Descriptor, Digest, Fact, Image, LayerFacts, RuleId, Undecided, Verdict,
};
use crate::resolve::Resolved;
use crate::rules::{Around, image_size, unreadable_layer};

/// Text of configurations beyond which judging is no work for a thread that serves requests.
const HEAVY_BYTES: usize = 64 * 1024;

/// The images a question is about.
pub(super) struct Sought {
    pub(super) question: Question,
    resolved: Arc<Resolved>,
    wanted: Vec<usize>,
    by_layer: HashMap<Digest, Vec<usize>>,
    /// What is known beyond layers, by the image's digest.
    around: HashMap<Digest, Around>,
    /// Whether judging takes noticeable time.
    pub(super) is_heavy: bool,
}

impl Sought {
    /// The images of `resolved` that are judged by the question's policy.
    pub(super) fn new(
        question: Question,
        resolved: &Arc<Resolved>,
        around: HashMap<Digest, Around>,
    ) -> Self {
        let chosen = resolved.judged(&question.policy.platforms);
        let is_chosen = |image: &Image| chosen.iter().any(|one| std::ptr::eq(*one, image));
        let images = resolved.images.iter().enumerate();
        let wanted: Vec<usize> =
            images.filter(|(_, image)| is_chosen(image)).map(|(index, _)| index).collect();
        let mut sought = Self {
            question,
            resolved: Arc::clone(resolved),
            wanted,
            by_layer: HashMap::new(),
            around,
            is_heavy: false,
        };
        for index in &sought.wanted {
            let layers = resolved.images.get(*index).map(|image| &image.manifest.layers);
            for blob in layers.into_iter().flatten() {
                sought.by_layer.entry(blob.digest.clone()).or_default().push(*index);
            }
        }
        sought.is_heavy = sought.images().map(text_bytes).sum::<usize>() > HEAVY_BYTES;
        sought
    }

    /// The images, in the index's order.
    fn images(&self) -> impl Iterator<Item = &Image> {
        self.wanted.iter().filter_map(|index| self.resolved.images.get(*index))
    }

    /// The images that have a layer.
    fn images_with(&self, layer: &Digest) -> impl Iterator<Item = &Image> {
        let indexes = self.by_layer.get(layer).into_iter().flatten();
        indexes.filter_map(|index| self.resolved.images.get(*index))
    }

    /// How many images have a layer.
    pub(super) fn count_with(&self, layer: &Digest) -> usize {
        self.by_layer.get(layer).map_or(0, Vec::len)
    }

    /// Every layer once, in order.
    pub(super) fn layers(&self) -> Vec<Descriptor> {
        let mut seen = HashSet::new();
        self.images()
            .flat_map(|image| &image.manifest.layers)
            .filter(|blob| seen.insert(&blob.digest))
            .cloned()
            .collect()
    }

    /// Whether what is known denies, all rules asked.
    pub(super) fn is_denied(&self, learned: &Learned) -> bool {
        self.question.is_denied(&self.judgeable(learned, self.images()), &|_| true)
    }

    /// Whether a layer's facts, just learned, deny. Only the rules that have facts there are
    /// asked, and those that add up over layers.
    pub(super) fn is_denied_by(&self, learned: &Learned, layer: &Digest) -> bool {
        let Some(facts) = learned.layers.get(layer) else { return false };
        let news: HashSet<&RuleId> = facts.facts.iter().map(|fact| &fact.rule).collect();
        let has_news = |rule: &RuleId| news.contains(rule) || *rule == image_size::ID;
        self.question.is_denied(&self.judgeable(learned, self.images_with(layer)), &has_news)
    }

    /// Images with all that is known of them.
    fn judgeable<'a>(
        &'a self,
        learned: &'a Learned,
        images: impl Iterator<Item = &'a Image>,
    ) -> Vec<Judgeable<'a>> {
        let with_facts = |image: &'a Image| {
            let layers = image.manifest.layers.iter();
            let facts: Vec<_> =
                layers.map(|blob| learned.layers.get(&blob.digest).map(|facts| &**facts)).collect();
            let mut around = self.around.get(&image.digest).cloned().unwrap_or_default();
            if learned.budget.is_exceeded
                || !facts.iter().all(|facts| facts.is_some_and(is_lasting))
            {
                around.memo = Arc::default();
            }
            Judgeable { image, facts, around }
        };
        images.map(with_facts).collect()
    }

    /// The verdict on what is known.
    pub(super) fn verdict(&self, learned: &mut Learned) -> Verdict {
        let undecided = std::mem::take(&mut learned.undecided);
        let digest = Some(self.resolved.digest.clone());
        let judgeable = self.judgeable(learned, self.images());
        let mut verdict = self.question.judge(digest, &judgeable, undecided);
        if judgeable.is_empty() {
            let kinds = self.resolved.skipped.iter().map(|skipped| skipped.kind.as_str());
            verdict.findings.extend(self.question.remark(unreadable_layer::no_image(kinds)));
        }
        verdict.stats = learned.stats;
        verdict
    }

    /// The verdict when there is no time even to judge.
    pub(super) fn late(&self, learned: &Learned) -> Verdict {
        let undecided = Undecided::new(Cause::Deadline, "time ran out while judging the image");
        let digest = Some(self.resolved.digest.clone());
        let mut verdict = self.question.judge(digest, &[], vec![undecided]);
        verdict.stats = learned.stats;
        verdict
    }

    /// The test whether facts of one layer deny by themselves. New facts are judged alone, and
    /// all together: that finds what only several prove.
    pub(super) fn certainty(self: &Arc<Self>, blob: &Descriptor) -> IsCertain {
        let (sought, blob) = (Arc::clone(self), blob.clone());
        let denied = move |facts: &[Fact]| {
            let mut learned = Learned::default();
            learned.layers.insert(blob.digest.clone(), Arc::new(partial(&blob, facts.to_vec())));
            sought.is_denied_by(&learned, &blob.digest)
        };
        Arc::new(move |facts, known| {
            let new = facts.get(known..).unwrap_or_default();
            denied(new) || (known > 0 && denied(facts))
        })
    }
}

/// Whether results about an image with such a layer may be kept: facts of bytes that are not the
/// ones the manifest names are this answer's alone.
fn is_lasting(facts: &LayerFacts) -> bool {
    facts.whole && !facts.facts.iter().any(unreadable_layer::is_mismatch)
}

/// Bytes of text that rules search in a configuration.
fn text_bytes(image: &Image) -> usize {
    let config = &image.config;
    let history = config.history.iter().map(|step| step.created_by.len() + step.comment.len());
    let labels = config.labels.iter().map(|(name, value)| name.len() + value.len());
    let lists = config.env.iter().chain(&config.cmd).chain(&config.entrypoint).map(String::len);
    history.chain(labels).chain(lists).sum()
}

/// Facts by layer digest, and what could not be learned.
#[derive(Default)]
pub(super) struct Learned {
    pub(super) layers: HashMap<Digest, Arc<LayerFacts>>,
    pub(super) undecided: Vec<Undecided>,
    pub(super) stats: Stats,
    pub(super) budget: Budget,
}

impl Learned {
    /// Takes what was known of a layer that so many images have.
    pub(super) fn know(&mut self, facts: Arc<LayerFacts>, images: usize) {
        self.stats.layers_cached += 1;
        self.keep(facts, images);
    }

    fn keep(&mut self, facts: Arc<LayerFacts>, images: usize) {
        let digest = facts.digest.clone();
        self.layers.insert(digest, self.budget.admit(facts, images));
    }

    /// Adds a cause, each text once.
    pub(super) fn miss(&mut self, undecided: Undecided) {
        if !self.undecided.contains(&undecided) {
            self.undecided.push(undecided);
        }
    }

    /// Takes the outcome of one flight, about a layer that so many images have.
    pub(super) fn land(
        &mut self,
        blob: &Descriptor,
        ticket: &Ticket,
        landing: Landing,
        images: usize,
    ) {
        if ticket.led {
            let bytes = ticket.flight.bytes.load(Ordering::Relaxed);
            self.stats.bytes_read = self.stats.bytes_read.saturating_add(bytes);
        }
        match landing {
            Landing::Whole(facts) | Landing::Mismatched(facts) if ticket.led => {
                self.stats.layers_scanned += 1;
                self.keep(facts, images);
            }
            Landing::Whole(facts) | Landing::Mismatched(facts) => self.know(facts, images),
            Landing::Certain(facts) => {
                let partial = partial(blob, facts);
                self.layers.insert(blob.digest.clone(), Arc::new(partial));
            }
            Landing::Failed(undecided) => self.miss(undecided),
        }
    }

    /// Time is up: says how far the work got.
    pub(super) fn out_of_time<'a>(
        &mut self,
        waiting: impl Iterator<Item = &'a Descriptor>,
        tickets: &[(Descriptor, Ticket)],
    ) {
        let (mut layers, mut read, mut size) = (0, 0_u64, 0_u64);
        let open = tickets.iter().filter(|(blob, _)| !self.layers.contains_key(&blob.digest));
        for (blob, ticket) in open {
            layers += 1;
            read = read.saturating_add(ticket.flight.bytes.load(Ordering::Relaxed));
            size = size.saturating_add(blob.size);
        }
        for blob in waiting {
            layers += 1;
            size = size.saturating_add(blob.size);
        }
        let detail = format!(
            "time ran out with {} unread, {} of {} read",
            crate::answer::count(layers, "layer"),
            crate::answer::size(read),
            crate::answer::size(size),
        );
        self.miss(Undecided::new(Cause::Deadline, detail));
    }
}

/// The record of a layer of which only some facts are known.
fn partial(blob: &Descriptor, facts: Vec<Fact>) -> LayerFacts {
    LayerFacts { facts, ..LayerFacts::empty(blob.digest.clone(), blob.size) }
}

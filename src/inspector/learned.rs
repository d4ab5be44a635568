//! What is known of a subject's layers while it is inspected.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::flight::{IsCertain, Landing, Ticket};
use crate::judge::{Judgeable, Question};
use crate::model::verdict::Stats;
use crate::model::{Cause, Descriptor, Digest, Fact, Image, LayerFacts, Undecided};

/// Facts by layer digest, and what could not be learned.
#[derive(Default)]
pub(super) struct Learned {
    pub(super) layers: HashMap<Digest, Arc<LayerFacts>>,
    pub(super) undecided: Vec<Undecided>,
    pub(super) stats: Stats,
}

impl Learned {
    /// The images with their facts.
    pub(super) fn judgeable<'a>(&'a self, images: &[&'a Image]) -> Vec<Judgeable<'a>> {
        images
            .iter()
            .map(|image| Judgeable {
                image,
                facts: image
                    .manifest
                    .layers
                    .iter()
                    .map(|blob| self.layers.get(&blob.digest).map(|facts| &**facts))
                    .collect(),
            })
            .collect()
    }

    /// Whether a denial is certain.
    pub(super) fn is_denied(&self, question: &Question, images: &[&Image]) -> bool {
        question.is_denied(&self.judgeable(images))
    }

    /// Takes the outcome of one flight.
    pub(super) fn land(&mut self, blob: &Descriptor, ticket: &Ticket, landing: Landing) {
        if ticket.led {
            let bytes = ticket.flight.bytes.load(Ordering::Relaxed);
            self.stats.bytes_read = self.stats.bytes_read.saturating_add(bytes);
        }
        match landing {
            Landing::Whole(facts) => {
                if ticket.led {
                    self.stats.layers_scanned += 1;
                } else {
                    self.stats.layers_cached += 1;
                }
                self.layers.insert(blob.digest.clone(), facts);
            }
            Landing::Certain(facts) => {
                let partial = partial(blob, facts);
                self.layers.insert(blob.digest.clone(), Arc::new(partial));
            }
            Landing::Failed(undecided) => {
                if !self.undecided.contains(&undecided) {
                    self.undecided.push(undecided);
                }
            }
        }
    }

    /// Time is up: says how far the work got.
    pub(super) fn out_of_time(&mut self, tickets: &[(Descriptor, Ticket)]) {
        let open = tickets.iter().filter(|(blob, _)| !self.layers.contains_key(&blob.digest));
        let (mut layers, mut read, mut size) = (0, 0_u64, 0_u64);
        for (blob, ticket) in open {
            layers += 1;
            read = read.saturating_add(ticket.flight.bytes.load(Ordering::Relaxed));
            size = size.saturating_add(blob.size);
        }
        let detail = format!(
            "time ran out with {} unread, {} of {} read",
            crate::answer::count(layers, "layer"),
            crate::answer::size(read),
            crate::answer::size(size),
        );
        self.undecided.push(Undecided::new(Cause::Deadline, detail));
    }
}

/// The record of a layer of which only some facts are known.
fn partial(blob: &Descriptor, facts: Vec<Fact>) -> LayerFacts {
    LayerFacts { facts, ..LayerFacts::empty(blob.digest.clone(), blob.size) }
}

/// The test whether facts of the layer `blob` alone deny. Judges new facts by themselves, and
/// all of them together each time their number has doubled: that finds what only several facts
/// prove, without judging a flood of facts over and over.
pub(super) fn certainty(
    question: &Arc<Question>,
    images: &[&Image],
    blob: &Descriptor,
) -> IsCertain {
    let question = Arc::clone(question);
    let images: Vec<Image> = images
        .iter()
        .filter(|image| image.manifest.layers.iter().any(|layer| layer.digest == blob.digest))
        .map(|image| (*image).clone())
        .collect();
    let blob = blob.clone();
    let denied = move |facts: &[Fact]| {
        let mut learned = Learned::default();
        learned.layers.insert(blob.digest.clone(), Arc::new(partial(&blob, facts.to_vec())));
        let images: Vec<&Image> = images.iter().collect();
        learned.is_denied(&question, &images)
    };
    Arc::new(move |facts, known| {
        let new = facts.get(known..).unwrap_or_default();
        let doubled = known == 0 || facts.len().ilog2() > known.ilog2();
        denied(new) || (doubled && known > 0 && denied(facts))
    })
}

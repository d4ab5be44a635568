//! What the rules judge: one image and the facts of its layers, as far as they are known.

use std::sync::{Arc, OnceLock};

use super::around::{Around, Base, Evidence, Memo};
use crate::model::dockerfile::{self, Command, Step};
use crate::model::image::Layer;
use crate::model::{Fact, Image, LayerFacts, RuleId};
use crate::scan::overlay::Overlay;
use crate::scan::waste::Waste;

/// One image as far as it was looked at.
pub struct Seen<'a> {
    /// The image.
    pub image: &'a Image,
    layers: Vec<(Layer<'a>, Option<&'a LayerFacts>)>,
    around: Around,
    steps: OnceLock<Vec<Step<'a>>>,
    commands: OnceLock<Vec<Vec<Command>>>,
}

/// What the layers above do to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is there in the running container.
    Visible,
    /// A later layer deletes it; it can still be pulled.
    Deleted {
        /// Index of that layer.
        by: usize,
    },
    /// A later layer (or a later entry of the same layer) replaces it; it can still be pulled.
    Overwritten {
        /// Index of that layer.
        by: usize,
    },
}

impl<'a> Seen<'a> {
    /// `facts[i]` are those of layer `i`; a missing or `None` one has not been read.
    pub fn new(image: &'a Image, facts: &[Option<&'a LayerFacts>]) -> Self {
        let layers = image
            .layers()
            .map(|layer| (layer, facts.get(layer.index).copied().flatten()))
            .collect();
        let (steps, commands) = (OnceLock::new(), OnceLock::new());
        Self { image, layers, around: Around::default(), steps, commands }
    }

    /// The same, with what else is known. `around.memo` must be of this image, and one that is
    /// shared only of an image that is completely known.
    #[must_use]
    pub fn with(self, around: Around) -> Self {
        Self { around, ..self }
    }

    /// The same without a walk over all entries for what only words say: this is asked again with
    /// every layer, and nobody reads the words. What is completely known is judged once.
    #[must_use]
    pub fn in_passing(self) -> Self {
        if self.is_complete() {
            return self;
        }
        let memo = Arc::new(Memo::without_fates());
        Self { around: Around { memo, ..self.around }, ..self }
    }

    /// The base images that the policy names.
    pub fn bases(&self) -> &[Base] {
        &self.around.bases
    }

    /// What refers to the image, when somebody asked.
    pub fn evidence(&self) -> Option<&Evidence> {
        self.around.evidence.as_deref()
    }

    /// What the image holds and does not show; `None` while layers are unknown.
    pub fn waste(&self) -> Option<&Waste> {
        self.is_complete().then(|| self.around.memo.waste.get_or_init(|| Waste::of(self)))
    }

    /// The layers, base first, with what is known of each.
    pub fn layers(&self) -> impl Iterator<Item = (Layer<'a>, Option<&'a LayerFacts>)> + '_ {
        self.layers.iter().copied()
    }

    /// The lines of the Dockerfile, as far as the history shows them.
    pub fn steps(&self) -> &[Step<'a>] {
        self.steps.get_or_init(|| dockerfile::steps(self.image))
    }

    /// The lines that the image's author wrote, not the base image's vendor.
    pub fn own_steps(&self) -> impl Iterator<Item = &Step<'a>> {
        self.steps().iter().filter(|step| !step.is_base)
    }

    /// The commands of one of the author's `RUN` lines; none of any other step.
    pub fn commands(&self, step: &Step<'_>) -> &[Command] {
        let of = |step: &Step<'_>| if step.is_base { Vec::new() } else { step.commands() };
        let all = self.commands.get_or_init(|| self.steps().iter().map(of).collect());
        all.get(step.number).map_or(&[], Vec::as_slice)
    }

    /// The layer of that index.
    pub fn layer(&self, index: usize) -> Option<(Layer<'a>, Option<&'a LayerFacts>)> {
        self.layers.get(index).copied()
    }

    /// Whether every layer has been read to its end.
    pub fn is_complete(&self) -> bool {
        self.layers.iter().all(|(_, facts)| facts.is_some_and(|facts| facts.whole))
    }

    /// The facts that `rule` recorded, with the layer of each, base first.
    pub fn facts<'s>(
        &'s self,
        rule: &'s RuleId,
    ) -> impl Iterator<Item = (Layer<'a>, &'a Fact)> + 's {
        self.layers().flat_map(move |(layer, facts)| {
            facts
                .into_iter()
                .flat_map(|facts| &facts.facts)
                .filter(move |fact| fact.rule == *rule)
                .map(move |fact| (layer, fact))
        })
    }

    /// What becomes of the entry at `path` of layer `index` in the final image.
    pub fn fate(&self, index: usize, path: &str) -> Fate {
        self.around.memo.overlay.get_or_init(|| Overlay::of(self)).fate(index, path)
    }

    /// [`Self::fate`] as the end of a sentence, empty when the entry is visible. What a later
    /// layer removes is still pulled, and still there for whoever unpacks the layer.
    pub fn fate_words(&self, index: usize, path: &str) -> String {
        match self.fate(index, path) {
            Fate::Visible => String::new(),
            Fate::Deleted { by } => format!(" (deleted by layer {by} but still in the image)"),
            Fate::Overwritten { by } => {
                format!(" (overwritten by layer {by} but still in the image)")
            }
        }
    }
}

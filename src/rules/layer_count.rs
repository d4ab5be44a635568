//! `layer-count`: more layers than a reader can follow, a runtime can mount, or a build needs.
//!
//! # What it finds
//! All layers, counted from the manifest; the author's own instructions that made one; and `RUN`
//! lines in a row that are small, or that call the package manager of the line before.
//!
//! # Why it matters
//! Runtimes mount at most 127 layers, and what one layer deletes the one below keeps.
//!
//! # What to do instead
//! Join `RUN` lines that belong together.

use std::collections::BTreeSet;

use super::installs::{Manager, install};
use super::quoted::quoted;
use super::{Meta, Rule, Seen, Setting, Settings};
use crate::answer::count;
use crate::model::dockerfile::{Instruction, Step};
use crate::model::{Finding, Level, RuleId};

/// The rule.
pub struct LayerCount;

/// Name of this rule.
pub const ID: RuleId = RuleId::new("layer-count");

const MAX_LAYERS: Setting = Setting::count(
    "max-layers",
    100,
    "most layers, those of the base image included: runtimes mount 127, and images built on \
     this one add theirs",
);
const MAX_OWN_LAYERS: Setting = Setting::count(
    "max-own-layers",
    40,
    "most layers that the image's own instructions make, on top of the base image",
);
const MAX_FOLDABLE_RUNS: Setting = Setting::count(
    "max-foldable-runs",
    3,
    "most `RUN` lines in a row that could join the one before: small ones, and those that call \
     the same package manager",
);

static META: Meta = Meta {
    id: ID,
    title: "too many layers",
    what: "Counts the layers of the manifest, the layers that the author's own instructions \
        made, and `RUN` lines in a row that could be one: such that add less than 10 MiB, or \
        that call the package manager of the line before. Separate lines for system packages \
        and for Python packages are good for the build cache and do not count, nor does what \
        the base image's vendor wrote.",
    why: "Runtimes mount at most 127 layers. Each layer is a request of its own at every pull, \
        and what one layer deletes or changes the layer below still holds, so that cleaning up \
        in another `RUN` frees nothing.",
    fix: "Join `RUN` lines that belong together with `&&` or a heredoc, clean up in the same \
        line, and copy the result of many small steps out of a build stage.",
    level: Level::Warn,
    settings: &[MAX_LAYERS, MAX_OWN_LAYERS, MAX_FOLDABLE_RUNS],
};

/// Most layers that runtimes mount: an overlay's options must fit into one page.
const MOUNTABLE: usize = 127;
/// A larger layer is worth a line of its own in the build cache.
const SMALL_BYTES: u64 = 10 << 20;

impl Rule for LayerCount {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn judge(&self, seen: &Seen<'_>, settings: &Settings) -> Vec<Finding> {
        let most = |setting| usize::try_from(settings.number(setting)).unwrap_or(usize::MAX);
        let own = own_layers(seen);
        let layers = seen.image.manifest.layers.len();
        let all = too_many(layers, own, most(&MAX_LAYERS));
        let own = if all.is_none() { too_many_own(own, most(&MAX_OWN_LAYERS)) } else { None };
        [all, own, foldable(seen, most(&MAX_FOLDABLE_RUNS))].into_iter().flatten().collect()
    }
}

/// Layers that the author's instructions made. Builders without a Dockerfile (Nix) make many on
/// purpose, so that images share them.
fn own_layers(seen: &Seen<'_>) -> usize {
    seen.own_steps().filter(|step| step.layer.is_some() && step.instruction().is_some()).count()
}

fn too_many(layers: usize, own: usize, most: usize) -> Option<Finding> {
    if layers <= most {
        return None;
    }
    let base = layers.saturating_sub(own);
    let whose = format!("{base} of the base image and {own} of its own");
    let message = if layers > MOUNTABLE {
        format!("{layers} layers ({whose}): container runtimes mount at most {MOUNTABLE}")
    } else {
        format!(
            "{layers} layers ({whose}): the limit is {most}, container runtimes mount {MOUNTABLE}"
        )
    };
    let fix = "join `RUN` lines, copy the result of the build into a last stage with few \
        instructions, or start from a base image with fewer layers";
    Some(Finding::new(ID, Level::Deny, message, fix))
}

fn too_many_own(own: usize, most: usize) -> Option<Finding> {
    let message = format!("the Dockerfile makes {}: the limit is {most}", count(own, "layer"));
    let fix = "join `RUN` and `COPY` lines that belong together, or build in one stage and copy \
        the result into another";
    (own > most).then(|| Finding::new(ID, Level::Deny, message, fix))
}

/// `RUN` lines in a row.
#[derive(Default, Clone)]
struct Row<'s> {
    runs: Vec<&'s Step<'s>>,
    /// How many of them could join the one before.
    foldable: usize,
    last: BTreeSet<Manager>,
}

/// The row with the most lines that could be joined.
fn foldable(seen: &Seen<'_>, most: usize) -> Option<Finding> {
    let mut row = Row::default();
    let mut worst = Row::default();
    for step in seen.own_steps() {
        match step.instruction() {
            Some(Instruction::Run(_)) => row.add(seen, step),
            // These make no layer and can stand anywhere.
            Some(Instruction::Other("ARG" | "LABEL" | "EXPOSE" | "VOLUME" | "STOPSIGNAL", _)) => {}
            _ => row = Row::default(),
        }
        if row.foldable > worst.foldable {
            worst.clone_from(&row);
        }
    }
    if worst.foldable > most { worst.finding(seen) } else { None }
}

impl<'s> Row<'s> {
    fn add(&mut self, seen: &Seen<'_>, step: &'s Step<'s>) {
        let managers: BTreeSet<Manager> =
            seen.commands(step).iter().filter_map(install).map(|install| install.manager).collect();
        let layer = step.layer.and_then(|index| seen.layer(index));
        let is_small = layer.is_none_or(|(layer, _)| layer.descriptor.size < SMALL_BYTES);
        let is_same = !managers.is_disjoint(&self.last);
        if !self.runs.is_empty() && (is_small || is_same) {
            self.foldable = self.foldable.saturating_add(1);
        }
        self.last = managers;
        self.runs.push(step);
    }

    fn finding(&self, seen: &Seen<'_>) -> Option<Finding> {
        let (first, last) = (self.runs.first()?, self.runs.last()?);
        let (runs, needed) = (self.runs.len(), self.runs.len().saturating_sub(self.foldable));
        let message = format!(
            "{runs} `RUN` lines in a row where {needed} would do: from {} to {}",
            quoted(first.written(), 60),
            quoted(last.written(), 60),
        );
        let fix = "join them with `&&`, or write one `RUN <<EOF` block; keep apart only what is \
            large and changes at another pace";
        let finding = Finding::new(ID, Level::Deny, message, fix);
        let layer = first.layer.and_then(|index| seen.layer(index));
        Some(match layer {
            Some((layer, _)) => finding.in_layer(layer),
            None => finding,
        })
    }
}

#[cfg(test)]
mod tests;

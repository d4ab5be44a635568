//! `wasted-space`: bytes that are pulled and never seen, because a later layer deletes or
//! replaces them.
//!
//! # What it finds
//! Files of one layer that another deletes, replaces or writes again with other owners, with the
//! instructions of both. What a base image wastes within itself is its vendor's.
//!
//! # Why it matters
//! A layer only adds: `rm` in a later one hides the file, and every node still pulls it.
//!
//! # What to do instead
//! Clean up in the instruction that made the files, and set owners when copying.

mod remedy;

use self::remedy::Cause;
use super::quoted::{plain, quoted};
use super::{Meta, Rule, Seen, Setting, Settings};
use crate::answer::{count, size};
use crate::model::dockerfile::base_layers;
use crate::model::{Finding, Level, RuleId};
use crate::scan::waste::{Lost, MAX_ENTRIES};

/// The rule.
pub struct WastedSpace;

/// Name of this rule.
pub const ID: RuleId = RuleId::new("wasted-space");

const MIN_SIZE: Setting =
    Setting::bytes("min-size", 50 << 20, "less wasted space than this is not worth a word");
const MIN_PERCENT: Setting = Setting::count(
    "min-percent",
    5,
    "nor is less than this share of all unpacked bytes, in percent",
);

static META: Meta = Meta {
    id: ID,
    title: "space wasted by later layers",
    what: "Compares the paths of all layers: files that a later layer deletes, replaces, or \
        writes again with the same size, as `chown -R` does. The copy that stays does not \
        count. Names both layers with their instructions and the largest file. What layers of \
        the base image waste among themselves is left out.",
    why: "Layers only add. A file that a later layer deletes or changes is still stored, pulled \
        and unpacked on every node; a `chown -R` over a virtual environment doubles it.",
    fix: "Delete in the `RUN` that creates, bring large inputs in with \
        `RUN --mount=type=bind`, set owners with `COPY --chown`, and copy the result out of a \
        build stage.",
    level: Level::Warn,
    settings: &[MIN_SIZE, MIN_PERCENT],
};

/// Most pairs of layers reported one by one; the others are summed up.
const MAX_PAIRS: usize = 3;
/// Most characters quoted of a path, and of an instruction.
const MAX_PATH: usize = 200;
const MAX_QUOTED: usize = 100;

impl Rule for WastedSpace {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn judge(&self, seen: &Seen<'_>, settings: &Settings) -> Vec<Finding> {
        let Some(waste) = seen.waste() else { return Vec::new() };
        if waste.is_unmeasured {
            let message = format!("wasted space is not known: more than {MAX_ENTRIES} entries");
            return vec![Finding::new(ID, Level::Warn, message, META.fix)];
        }
        let base = base_layers(seen.image);
        let own: Vec<&Lost> = waste.lost.iter().filter(|lost| lost.by >= base).collect();
        let total = sum(&own);
        if total < settings.number(&MIN_SIZE)
            || !is_share(seen, total, settings.number(&MIN_PERCENT))
        {
            return Vec::new();
        }
        // A pair with little of it is summed up, unless it is the largest.
        let is_large = |lost: &&Lost| lost.bytes.saturating_mul(10) >= total;
        let large = own.iter().take(MAX_PAIRS).filter(|lost| is_large(lost)).count().max(1);
        let (pairs, rest) = own.split_at_checked(large).unwrap_or_default();
        let findings = pairs.iter().map(|lost| finding(seen, lost, base));
        findings.chain(summed_up(rest, total)).collect()
    }
}

fn sum(lost: &[&Lost]) -> u64 {
    lost.iter().fold(0, |sum, lost| sum.saturating_add(lost.bytes))
}

/// Bytes of all files in all layers.
fn unpacked(seen: &Seen<'_>) -> u64 {
    let layers = seen.layers().filter_map(|(_, facts)| facts);
    layers.fold(0, |sum, facts| sum.saturating_add(facts.unpacked_bytes))
}

fn is_share(seen: &Seen<'_>, wasted: u64, percent: u64) -> bool {
    u128::from(wasted) * 100 >= u128::from(unpacked(seen)) * u128::from(percent)
}

fn finding(seen: &Seen<'_>, lost: &Lost, base: usize) -> Finding {
    let step = |layer: usize| seen.steps().iter().find(|step| step.layer == Some(layer));
    let by = step(lost.by);
    let cause = Cause::of(lost, by, base);
    let path = plain(&lost.largest.0, MAX_PATH);
    let share = u128::from(lost.bytes) * 100 / u128::from(unpacked(seen).max(1));
    let message = format!(
        "layer {}{} {} {} of layer {} ({}, {share} % of the image); the largest is `{path}` with {}",
        lost.by,
        by.map(|by| format!(" ({})", quoted(by.written(), MAX_QUOTED))).unwrap_or_default(),
        cause.verb(),
        size(lost.bytes),
        lost.layer,
        files(lost.files),
        size(lost.largest.1),
    );
    let finding = Finding::new(ID, Level::Deny, message, cause.fix(step(lost.layer)));
    match seen.layer(lost.layer) {
        Some((layer, _)) => finding.in_layer(layer).at_path(&path, lost.bytes),
        None => finding,
    }
}

fn files(number: u64) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), "file")
}

/// What the other pairs waste together, when it is a good part of it all.
fn summed_up(rest: &[&Lost], total: u64) -> Option<Finding> {
    let bytes = sum(rest);
    let pairs = count(rest.len(), "more pair");
    let message = format!("{pairs} of layers waste {} together", size(bytes));
    let mut finding = Finding::new(ID, Level::Deny, message, META.fix);
    finding.size = Some(bytes);
    (bytes > 0 && bytes.saturating_mul(10) >= total).then_some(finding)
}

#[cfg(test)]
mod tests;

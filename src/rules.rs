//! Step 5, the rules: each file below is one rule, `RULES` is the list of them.
//! Invariant: pure. A rule's `want` and `look` record facts without knowing the policy; its
//! `judge` turns facts into findings.

pub mod settings;

pub mod seen;

pub mod around;

pub mod image_size;

pub mod cuda_devel;

pub mod secret_file;

pub mod secret_config;

pub mod secrets;

pub mod model_weights;

pub mod package_cache;

pub mod build_tools;

pub mod dev_files;

pub mod cache_order;

pub mod unpinned_dependencies;

pub mod layer_count;

pub mod wasted_space;

pub mod scan_evidence;

pub mod unreadable_layer;

mod installs;

mod packaged;

mod quoted;

mod sums;

#[cfg(test)]
pub(crate) mod testing;

pub use around::{Around, Needs};
pub use seen::{Fate, Seen};
pub use settings::{Setting, SettingKind, Settings};

use crate::model::{Entry, Fact, Finding, Level, RuleId, Undecided};
use crate::scan::Limits;
use crate::scan::deep::Window;
use crate::scan::inside::Closed;

/// What a rule asks to see of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Nothing: `look` is not called.
    Nothing,
    /// The head is enough (up to [`crate::scan::HEAD_BYTES`]).
    Head,
    /// The whole content, up to [`Limits::text_bytes`]; what comes behind that is offered to
    /// [`Rule::look_on`]. Of something packed, up to [`crate::scan::inside::TEXT_BYTES`].
    Whole,
    /// The whole content in windows of [`crate::scan::deep::WINDOW_BYTES`]: `look` is called for
    /// each in turn, up to [`crate::scan::deep::MAX_WINDOWED_BYTES`]. Not together with
    /// [`Self::Inside`] of another rule, which reads the content first.
    Windows,
    /// What is packed in it: its members and what it unpacks to are offered as entries of their
    /// own, by their heads, at `<path>!/<member>` (see [`crate::scan::inside`]).
    Inside,
}

/// What is said about a rule, everywhere: `plimsoll rules`, the README table, reports.
#[derive(Debug)]
pub struct Meta {
    /// Kebab-case name.
    pub id: RuleId,
    /// What it refuses or warns about, in a few words.
    pub title: &'static str,
    /// What it finds, and how.
    pub what: &'static str,
    /// Why that matters.
    pub why: &'static str,
    /// What to do instead.
    pub fix: &'static str,
    /// Level without configuration.
    pub level: Level,
    /// Its settings.
    pub settings: &'static [Setting],
}

/// One check.
pub trait Rule: Sync {
    /// Its name, texts, default level and settings.
    fn meta(&self) -> &'static Meta;

    /// What it asks to see of an entry, of which `head` holds the first bytes (all of a file
    /// smaller than [`crate::scan::HEAD_BYTES`]; nothing unless a file).
    fn want(&self, _entry: &Entry<'_>, _head: &[u8]) -> Want {
        Want::Nothing
    }

    /// Records facts about an entry it wanted. `content` is as much as it wanted and as there is.
    fn look(&self, _entry: &Entry<'_>, _content: &[u8], _limits: &Limits, _facts: &mut Vec<Fact>) {}

    /// Records facts about what comes behind the part of a text that it saw whole.
    fn look_on(&self, _entry: &Entry<'_>, _window: &Window<'_>, _facts: &mut Vec<Fact>) {}

    /// Sums up the entries of one layer, for a rule that cares for totals and not for single
    /// files; a fact for each of 100,000 cached files would fill the store.
    fn tally(&self) -> Option<Box<dyn Tally>> {
        None
    }

    /// What it needs to be told of an image beyond facts.
    fn needs(&self, _settings: &Settings) -> Needs {
        Needs::default()
    }

    /// Records that an entry whose inside it wanted could not be looked through.
    fn closed(&self, _entry: &Entry<'_>, _why: Closed, _facts: &mut Vec<Fact>) {}

    /// What could not be learned although an image may have to be refused for it. Where the
    /// policy lets this rule refuse, the answer is undecided then; elsewhere it is a warning.
    fn unlearned(&self, _seen: &Seen<'_>, _settings: &Settings) -> Option<Undecided> {
        None
    }

    /// Complains about an image. Called with partial facts too: more facts may only add
    /// findings, never take back one of level deny. A rule that cannot promise that says nothing
    /// until [`Seen::is_complete`].
    fn judge(&self, seen: &Seen<'_>, settings: &Settings) -> Vec<Finding>;
}

/// Sums over the entries of one layer.
pub trait Tally {
    /// Takes one entry into account. Called for every entry, in the archive's order.
    fn note(&mut self, entry: &Entry<'_>);

    /// The sums as facts, after the last entry. Few: they are kept with every layer.
    fn facts(self: Box<Self>) -> Vec<Fact>;
}

/// Every rule, in the order in which they are listed and judged (cheapest first).
pub const RULES: &[&dyn Rule] = &[
    &image_size::ImageSize,
    &cuda_devel::CudaDevel,
    &secret_config::SecretConfig,
    &secret_file::SecretFile,
    &model_weights::ModelWeights,
    &package_cache::PackageCache,
    &build_tools::BuildTools,
    &dev_files::DevFiles,
    &cache_order::CacheOrder,
    &unpinned_dependencies::UnpinnedDependencies,
    &layer_count::LayerCount,
    &wasted_space::WastedSpace,
    &scan_evidence::ScanEvidence,
    &unreadable_layer::UnreadableLayer,
];

/// The rule of that name.
pub fn find(id: &str) -> Option<&'static dyn Rule> {
    RULES.iter().copied().find(|rule| rule.meta().id.as_str() == id)
}

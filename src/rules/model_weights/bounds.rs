//! How large weights may be: by the settings, and by whether a package brought them.

use std::collections::BTreeSet;

use super::super::packaged;
use super::models::File;
use super::{META, MIN_SIZE, MIN_SIZE_IN_PACKAGES, PACKAGES, Seen, Settings, WARN_SIZE, places};

/// Who brought a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    /// The image's author.
    Author,
    /// A package, as part of its code or its test data.
    Package,
    /// Nobody knows yet: the list of what was installed may come later in the layer.
    Unknown,
}

/// The bounds of one image.
pub(super) struct Bounds<'a> {
    author: u64,
    package: u64,
    /// Bytes from which on weights are warned about.
    pub(super) warning: u64,
    /// Directories into which packages were installed, by layer.
    installed: BTreeSet<(usize, &'a str)>,
    /// Layers that were read to their end.
    whole: BTreeSet<usize>,
}

impl<'a> Bounds<'a> {
    pub(super) fn of(seen: &Seen<'a>, settings: &Settings) -> Self {
        let installed = seen.facts(&META.id).filter(|(_, fact)| fact.kind == PACKAGES);
        let is_whole = |facts: Option<&crate::model::LayerFacts>| facts.is_some_and(|f| f.whole);
        Self {
            author: settings.number(&MIN_SIZE),
            package: settings.number(&MIN_SIZE_IN_PACKAGES),
            warning: settings.number(&WARN_SIZE),
            installed: installed.map(|(layer, fact)| (layer.index, fact.path.as_str())).collect(),
            whole: seen
                .layers()
                .filter(|(_, facts)| is_whole(*facts))
                .map(|(layer, _)| layer.index)
                .collect(),
        }
    }

    /// Bytes from which on a file is too large. Of one whose owner is unknown the higher bound:
    /// what is read later must never take a refusal back.
    pub(super) fn of_file(&self, file: &File<'_>) -> u64 {
        match self.owner(file) {
            Owner::Author => self.author,
            Owner::Package | Owner::Unknown => self.package,
        }
    }

    /// Bytes from which on what only has the name is warned about, in a package.
    pub(super) fn warning_in_packages(&self) -> u64 {
        self.package
    }

    /// Who brought a file. What pip installs with `--target` lies beside the packages' lists, in
    /// the same layer; another layer's list says nothing about the file.
    pub(super) fn owner(&self, (layer, fact): &File<'_>) -> Owner {
        if packaged::is_in_package(&fact.path) || places::is_fixture(&fact.path) {
            return Owner::Package;
        }
        let mut above = fact.path.rmatch_indices('/').skip(1).peekable();
        if above.peek().is_none() {
            return Owner::Author;
        }
        let is_installed = |(at, _): (usize, &str)| {
            let directory = fact.path.get(..at).unwrap_or_default();
            self.installed.contains(&(layer.index, directory))
        };
        if above.any(is_installed) {
            Owner::Package
        } else if self.whole.contains(&layer.index) {
            Owner::Author
        } else {
            Owner::Unknown
        }
    }
}

//! Who brought a file, as far as the path alone does not tell: a package that was installed with
//! `--target` beside the application's own files, or the step that made the layer.

use std::collections::BTreeSet;

use super::places::{self, Place};
use super::{ID, META, named, packed};
use crate::model::dockerfile::Instruction;
use crate::model::image::Layer;
use crate::model::{Entry, Fact, LayerFacts};
use crate::rules::{Seen, packaged};

/// Kind of the fact that a package owns a folder.
pub(super) const OWNED: &str = "package-folder";
/// Most folders of one package. Packages have one or two, those of Google a few more.
const MAX_FOLDERS: usize = 32;
/// Longest list of files that is read for them, in lines.
const MAX_LINES: usize = 50_000;
/// Folders that some packages bring by mistake and that applications have too.
const COMMON: &[&str] = &[
    "app", "src", "api", "test", "tests", "config", "conf", "scripts", "tools", "docs", "examples",
    "example", "utils", "lib", "server", "backend", "core", "common", "models", "settings",
    "certs", "keys", "secrets",
];

/// The folders that the package owns whose list of files the entry is: those with code of its
/// own (`<folder>/__init__.py`), so that a list that names one file of the application's hides
/// nothing else. None where packages lie anyway.
pub(super) fn owned(entry: &Entry<'_>, content: &[u8]) -> Vec<Fact> {
    let Some(directory) = packaged::installed_into(entry.path) else { return Vec::new() };
    if directory.is_empty() || packed::is_packed(entry.path) || places::is_packaged(directory) {
        return Vec::new();
    }
    let lines = content.split(|byte| *byte == b'\n').take(MAX_LINES);
    let folders: BTreeSet<&str> = lines
        .filter_map(|line| std::str::from_utf8(line).ok()?.split(',').next())
        .filter_map(|path| path.split_once('/'))
        .filter(|(folder, rest)| *rest == "__init__.py" && !COMMON.contains(folder))
        .map(|(folder, _)| folder)
        .take(MAX_FOLDERS)
        .collect();
    let fact = |folder: &str| Fact::new(ID, OWNED, &format!("{directory}/{folder}"), 0);
    folders.into_iter().filter(|folder| *folder != "..").map(fact).collect()
}

/// What is known of the layers of one image.
pub(super) struct Origins<'a> {
    /// Folders of packages, by layer.
    owned: BTreeSet<(usize, &'a str)>,
    /// Layers that were read to their end.
    whole: BTreeSet<usize>,
    /// Layers that a command made, or somebody else: nobody copied their files here.
    made: BTreeSet<usize>,
}

impl<'a> Origins<'a> {
    pub(super) fn of(seen: &Seen<'a>) -> Self {
        let owned = seen.facts(&META.id).filter(|(_, fact)| fact.kind == OWNED);
        let is_whole = |facts: Option<&LayerFacts>| facts.is_some_and(|facts| facts.whole);
        let whole = seen.layers().filter(|(_, facts)| is_whole(*facts));
        let made = seen
            .steps()
            .iter()
            .filter(|step| step.is_base || matches!(step.instruction(), Some(Instruction::Run(_))));
        Self {
            owned: owned.map(|(layer, fact)| (layer.index, fact.path.as_str())).collect(),
            whole: whole.map(|(layer, _)| layer.index).collect(),
            made: made.filter_map(|step| step.layer).collect(),
        }
    }

    /// Whether the layer's files were made or installed by a command, or are of the base image.
    pub(super) fn is_made(&self, layer: Layer<'_>) -> bool {
        self.made.contains(&layer.index)
    }

    /// The kind of place of a file of that layer.
    pub(super) fn place(&self, layer: Layer<'_>, path: &str) -> Place {
        let place = places::place(path);
        match place {
            Place::Dummy if self.is_made(layer) => Place::PackageTests,
            Place::Dummy => Place::Quiet,
            Place::Generated if !self.is_made(layer) => Place::Application,
            Place::Quiet if self.is_owned(layer, path) => Place::PackageTests,
            Place::Application if self.is_owned(layer, path) => Place::Packages,
            _ => place,
        }
    }

    /// Whether a list of files that is still to come may say that a package brought the file. A
    /// refusal waits for it: what is read later must never take one back.
    pub(super) fn is_open(&self, layer: Layer<'_>, path: &str) -> bool {
        !self.whole.contains(&layer.index) && may_be_owned(path)
    }

    /// pip's list lies in the same layer; another layer's says nothing about the file.
    fn is_owned(&self, layer: Layer<'_>, path: &str) -> bool {
        let mut above = path.match_indices('/');
        may_be_owned(path)
            && !self.owned.is_empty()
            && above.any(|(at, _)| {
                path.get(..at).is_some_and(|folder| self.owned.contains(&(layer.index, folder)))
            })
    }
}

/// Whether the file may be part of a package: it lies in a folder of a folder, and is no
/// credential file. Packages have keys, but no `.env`.
fn may_be_owned(path: &str) -> bool {
    let is_credential = named::named(path).is_some_and(|format| format != named::Named::KeyStore);
    path.split('/').count() > 2
        && !is_credential
        && !packed::is_packed(path)
        && !packed::is_login_key(path)
}

//! `cache-order`: the whole source is copied before the dependencies are installed.
//!
//! # What it finds
//! In the build history: `COPY . .` and, behind it, an instruction that installs packages and
//! does not need the source. Only lines of the image's author count. The classic builder does
//! not name what it copies; there the layer must hold code and a list of dependencies.
//!
//! # Why it matters
//! The build cache ends at the first instruction whose input changed.
//!
//! # What to do instead
//! Copy the list of dependencies, install, then copy the source.

mod remedy;

use std::collections::BTreeSet;

use super::installs::{Install, Manager, install, is_file_at};
use super::quoted::quoted;
use super::{Meta, Rule, Seen, Settings, Want};
use crate::answer::size;
use crate::model::dockerfile::{Command, Copied, Instruction, Step};
use crate::model::{Entry, EntryKind, Fact, Finding, LayerFacts, Level, RuleId};
use crate::scan::Limits;

/// The rule.
pub struct CacheOrder;

/// Name of this rule.
pub const ID: RuleId = RuleId::new("cache-order");

static META: Meta = Meta {
    id: ID,
    title: "source copied before the dependencies are installed",
    what: "Reads the build history behind the base image: a `COPY` or `ADD` of the whole context, \
        then an instruction that installs packages (pip, uv, Poetry, PDM, Pipenv, conda, npm, \
        yarn, pnpm, bun, Bundler, Go modules, the distribution's). Installing the source itself \
        (`pip install .`), a second install after one that came before the copy, and contexts \
        without code are fine.",
    why: "The build cache ends at the first instruction whose input changed. Copied first, every \
        change of a line of code installs all dependencies again, pushes them again and makes \
        every node pull them again: gigabytes with torch.",
    fix: "Copy only the list of dependencies (`COPY requirements.txt ./`), install, then \
        `COPY . .`; install system packages before both.",
    level: Level::Warn,
    settings: &[],
};

/// Kind of the fact about a list of dependencies that names the source itself (`-e .`).
const NEEDS_SOURCE: &str = "needs-source";

/// Packages whose installation costs nothing worth a word.
const TRIFLES: &[&str] = &["pip", "setuptools", "wheel"];

/// Most characters quoted of an instruction.
const MAX_QUOTED: usize = 100;

impl Rule for CacheOrder {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn want(&self, entry: &Entry<'_>, _head: &[u8]) -> Want {
        let is_list = entry.extension() == "txt" && entry.name().contains("requirements");
        if is_list && entry.kind == EntryKind::File { Want::Whole } else { Want::Nothing }
    }

    fn look(&self, entry: &Entry<'_>, content: &[u8], _limits: &Limits, facts: &mut Vec<Fact>) {
        let names_source = |line: &str| {
            let line = line.trim();
            let line = line.strip_prefix("--editable").or(line.strip_prefix("-e")).unwrap_or(line);
            line.trim_start_matches(['=', ' ', '\t']).starts_with(['.', '/'])
        };
        if String::from_utf8_lossy(content).lines().any(names_source) {
            facts.push(Fact::new(ID, NEEDS_SOURCE, entry.path, entry.size));
        }
    }

    /// Later facts may show that an install needs the source: nothing is said before.
    fn judge(&self, seen: &Seen<'_>, _settings: &Settings) -> Vec<Finding> {
        if seen.is_complete() { offence(seen).into_iter().collect() } else { Vec::new() }
    }
}

/// The first install behind the first copy of everything.
fn offence(seen: &Seen<'_>) -> Option<Finding> {
    let mut copy: Option<(&Step<'_>, Copied<'_>)> = None;
    let mut before = BTreeSet::new();
    for step in seen.own_steps() {
        match step.instruction() {
            Some(Instruction::Copy(copied))
                if copy.is_none() && is_context(seen, step, &copied) =>
            {
                copy = Some((step, copied));
            }
            Some(Instruction::Run(_)) => {
                for command in seen.commands(step) {
                    let Some(install) = install(command) else { continue };
                    match &copy {
                        None => before.extend(manager_of_lists(&install)),
                        Some(copy) if is_early(seen, &install, &before) => {
                            return Some(finding(seen, copy, step, (command, &install)));
                        }
                        Some(_) => {}
                    }
                }
            }
            _ => {}
        }
    }
    None
}

/// The manager, when it installed from a list: what it installs later is what is left.
fn manager_of_lists(install: &Install<'_>) -> Option<Manager> {
    let is_list = install.is_project || install.is_source || !install.files.is_empty();
    is_list.then_some(install.manager)
}

/// Whether an install could as well come before the source.
fn is_early(seen: &Seen<'_>, install: &Install<'_>, before: &BTreeSet<Manager>) -> bool {
    if install.is_source {
        return false;
    }
    if install.is_project || !install.files.is_empty() {
        let needs_source =
            |fact: &Fact| install.files.iter().any(|file| is_file_at(&fact.path, file));
        return !before.contains(&install.manager)
            && !seen.facts(&ID).any(|(_, fact)| needs_source(fact));
    }
    install.named.iter().any(|name| !TRIFLES.contains(&bare(name)))
}

/// A package's name without its version.
fn bare(name: &str) -> &str {
    name.split(['=', '<', '>', '~', '!', '[', '@']).next().unwrap_or(name)
}

/// Whether a copy brings the code along. A context with nothing but lists of dependencies
/// changes only with these.
fn is_context(seen: &Seen<'_>, step: &Step<'_>, copied: &Copied<'_>) -> bool {
    let is_unnamed = copied.is_unnamed_directory();
    if !is_unnamed && !copied.is_whole_context() {
        return false;
    }
    let facts = step.layer.and_then(|index| seen.layer(index)?.1);
    let (has_code, has_list) = facts.map_or((false, false), contents);
    has_code && (has_list || !is_unnamed)
}

/// Most entries of a layer that are looked at for code.
const MAX_ENTRIES: usize = 20_000;

/// Whether a layer holds code, and whether it holds a list of dependencies.
fn contents(facts: &LayerFacts) -> (bool, bool) {
    let (mut has_code, mut has_list) = (false, false);
    for listed in facts.listing.iter().take(MAX_ENTRIES) {
        let name = listed.path.rsplit('/').next().unwrap_or_default();
        if listed.kind == EntryKind::File {
            has_list |= remedy::is_list(name);
            has_code |= !remedy::is_list(name) && !is_aside(name);
        }
        if has_code && has_list {
            break;
        }
    }
    (has_code, has_list)
}

/// Files of a context that are no code.
fn is_aside(name: &str) -> bool {
    const STARTS: &[&str] = &["Dockerfile", "README", "LICENSE", "docker-compose", ".", "Makefile"];
    STARTS.iter().any(|start| name.starts_with(start))
        || matches!(name.rsplit_once('.'), Some((_, "md")))
}

fn finding(
    seen: &Seen<'_>,
    (copy, copied): &(&Step<'_>, Copied<'_>),
    run: &Step<'_>,
    (command, install): (&Command, &Install<'_>),
) -> Finding {
    let layer = |step: &Step<'_>| step.layer.and_then(|index| seen.layer(index));
    let place = layer(run)
        .map(|(layer, _)| format!(" (layer {}, {})", layer.index, size(layer.descriptor.size)));
    let message = format!(
        "every change of the code installs the dependencies again: {} comes before {}{}",
        quoted(copy.written(), MAX_QUOTED),
        quoted(run.written(), MAX_QUOTED),
        place.unwrap_or_default(),
    );
    let finding =
        Finding::new(ID, Level::Deny, message, remedy::of(copy, copied, command, install));
    match layer(copy) {
        Some((layer, _)) => finding.in_layer(layer),
        None => finding,
    }
}

#[cfg(test)]
mod tests;

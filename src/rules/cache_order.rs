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

mod line;
mod lists;
mod projects;
mod remedy;

use std::collections::BTreeSet;

use self::lists::Lists;
use super::installs::{Install, Manager, install};
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

/// Packages whose installation costs nothing worth a word.
const TRIFLES: &[&str] = &["pip", "setuptools", "wheel"];

/// Most characters quoted of an instruction.
const MAX_QUOTED: usize = 100;

impl Rule for CacheOrder {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn want(&self, entry: &Entry<'_>, _head: &[u8]) -> Want {
        if lists::is_read(entry) { Want::Whole } else { Want::Nothing }
    }

    fn look(&self, entry: &Entry<'_>, content: &[u8], _limits: &Limits, facts: &mut Vec<Fact>) {
        facts.extend(lists::facts(entry, content));
    }

    /// Later facts may show that an install needs the source: nothing is said before.
    fn judge(&self, seen: &Seen<'_>, _settings: &Settings) -> Vec<Finding> {
        if !seen.is_complete() {
            return Vec::new();
        }
        offence(seen).iter().map(|offence| finding(seen, offence)).collect()
    }
}

/// A copy of everything and the first install behind it.
struct Offence<'s, 'a> {
    copy: &'s Step<'a>,
    copied: Copied<'s>,
    /// The directory that was copied to, without its first slash, if that is known.
    copied_to: Option<String>,
    run: &'s Step<'a>,
    commands: &'s [Command],
    command: &'s Command,
    install: Install<'s>,
    /// The working directory of the install, likewise.
    folder: Option<String>,
    /// What is said of the project that it installs, as kinds of facts.
    said: BTreeSet<&'a str>,
    /// Whether other lines stand between them.
    has_lines_between: bool,
}

/// Where an install looks, without the first slashes, as far as that is known.
struct Place<'p> {
    /// Its folder.
    folder: Option<&'p str>,
    /// The directory of the source.
    source: Option<&'p str>,
}

/// Most installs behind the copy that are looked at; the first is nearly always the one.
const MAX_INSTALLS: usize = 500;

/// A copy of everything, while what follows is read.
struct Open<'s, 'a> {
    step: &'s Step<'a>,
    copied: Copied<'s>,
    to: Option<String>,
    /// Whether a line came behind it that an install may need.
    has_lines: bool,
}

/// The first install behind the first copy of everything.
fn offence<'s, 'a>(seen: &'s Seen<'a>) -> Option<Offence<'s, 'a>> {
    let mut copy: Option<Open<'s, 'a>> = None;
    let mut before =
        Before { managers: BTreeSet::new(), lists: Lists::of(seen), left: MAX_INSTALLS };
    let mut folder = Some(String::new());
    for step in seen.steps() {
        let instruction = step.instruction();
        if let Some(Instruction::Other("WORKDIR", path)) = instruction {
            folder = working_directory(folder, path);
        }
        match (instruction, &mut copy) {
            _ if step.is_base => {}
            (Some(Instruction::Copy(copied)), None) if is_context(seen, step, &copied) => {
                let to = folder.as_deref().and_then(|at| lists::resolved(at, copied.destination));
                copy = Some(Open { step, copied, to, has_lines: false });
            }
            (Some(Instruction::Run(_)), None) => before.note(seen.commands(step)),
            (Some(Instruction::Run(_)), Some(open)) => {
                let commands = seen.commands(step);
                let place = Place { folder: folder.as_deref(), source: open.to.as_deref() };
                if let Some(found) = before.first_early(commands, place) {
                    return Some(open.offence(step, commands, found, folder));
                }
                open.has_lines = true;
            }
            (
                Some(
                    Instruction::Copy(_)
                    | Instruction::Other("ENV" | "ARG" | "USER" | "WORKDIR" | "SHELL", _),
                ),
                Some(open),
            ) => {
                open.has_lines = true;
            }
            _ => {}
        }
    }
    None
}

/// The working directory behind a `WORKDIR`, without its first slash.
fn working_directory(folder: Option<String>, path: &str) -> Option<String> {
    let path = path.trim_matches(['"', '\'']);
    let from = if path.starts_with('/') { Some(String::new()) } else { folder };
    lists::resolved(&from?, path)
}

/// What is known when an install is looked at.
struct Before<'a> {
    /// Managers that installed from lists before the copy.
    managers: BTreeSet<Manager>,
    lists: Lists<'a>,
    /// How many more installs are looked at.
    left: usize,
}

/// A command that installs what could come before the source, and what is said of its project.
type Found<'s, 'a> = (&'s Command, Install<'s>, BTreeSet<&'a str>);

impl<'a> Before<'a> {
    fn note(&mut self, commands: &[Command]) {
        let installs = commands.iter().filter_map(install);
        self.managers.extend(installs.filter_map(|install| manager_of_lists(&install)));
    }

    /// The first command that installs what could come before the source.
    fn first_early<'s>(
        &mut self,
        commands: &'s [Command],
        mut place: Place<'_>,
    ) -> Option<Found<'s, 'a>> {
        for command in commands {
            if line::changes_folder(command) {
                place.folder = None;
            }
            let Some(install) = install(command) else { continue };
            self.left = self.left.checked_sub(1)?;
            let said = self.said_of(command, &install, &place);
            if self.is_early(&install) && !needs_source(command, &said) {
                return Some((command, install, said));
            }
        }
        None
    }

    /// What is said of the project that a command installs.
    fn said_of(
        &self,
        command: &Command,
        install: &Install<'_>,
        place: &Place<'_>,
    ) -> BTreeSet<&'a str> {
        if !install.is_project {
            return BTreeSet::new();
        }
        let folder = place.folder.filter(|_| !line::is_elsewhere(command, install.manager));
        self.lists.said_of(install.manager, &Place { folder, ..*place })
    }

    /// Whether an install could as well come before the source, unless its project needs that.
    fn is_early(&self, install: &Install<'_>) -> bool {
        if install.is_source {
            return false;
        }
        if install.is_project || !install.files.is_empty() {
            return !self.managers.contains(&install.manager)
                && !self.lists.need_source(&install.files);
        }
        install.named.iter().any(|name| !TRIFLES.contains(&bare(name)))
    }
}

/// Whether a command fails without the source, by what is said of the project that it installs.
fn needs_source(command: &Command, said: &BTreeSet<&str>) -> bool {
    said.contains(lists::NEEDS_SOURCE)
        || (said.contains(lists::RUNS_SOURCE) && !command.has("--ignore-scripts"))
}

impl<'s, 'a> Open<'s, 'a> {
    fn offence(
        &self,
        run: &'s Step<'a>,
        commands: &'s [Command],
        (command, install, said): Found<'s, 'a>,
        folder: Option<String>,
    ) -> Offence<'s, 'a> {
        Offence {
            copy: self.step,
            copied: self.copied.clone(),
            copied_to: self.to.clone(),
            run,
            commands,
            command,
            install,
            folder,
            said,
            has_lines_between: self.has_lines,
        }
    }
}

/// The manager, when it installed from a list: what it installs later is what is left.
fn manager_of_lists(install: &Install<'_>) -> Option<Manager> {
    let is_list = install.is_project || install.is_source || !install.files.is_empty();
    is_list.then_some(install.manager)
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
            has_list |= lists::is_name(name);
            has_code |= !lists::is_name(name) && !is_aside(name);
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

fn finding(seen: &Seen<'_>, offence: &Offence<'_, '_>) -> Finding {
    let (copy, run) = (offence.copy, offence.run);
    let layer = |step: &Step<'_>| step.layer.and_then(|index| seen.layer(index));
    let place = layer(run)
        .map(|(layer, _)| format!(" (layer {}, {})", layer.index, size(layer.descriptor.size)));
    let message = format!(
        "every change of the code installs the dependencies again: {} comes before {}{}",
        quoted(copy.written(), MAX_QUOTED),
        quoted(run.written(), MAX_QUOTED),
        place.unwrap_or_default(),
    );
    let finding = Finding::new(ID, Level::Deny, message, remedy::of(seen, offence));
    match layer(copy) {
        Some((layer, _)) => finding.in_layer(layer),
        None => finding,
    }
}

#[cfg(test)]
mod tests;

//! The lines to write instead, in the right order. Where the author's line does more than install,
//! or says in other ways where it looks, no lines are made up: words say what to do.

use std::collections::BTreeSet;

use super::Offence;
use super::line::{changes_folder, is_elsewhere, is_movable};
use super::lists::{HAS_MEMBERS, HAS_PATHS, Lists, path_below, resolved};
use super::projects;
use crate::rules::Seen;
use crate::rules::installs::{Install, Manager, install};
use crate::rules::quoted::{list, quoted};

/// Variables with files of constraints.
const CONSTRAINTS: &[&str] = &["PIP_CONSTRAINT", "UV_CONSTRAINT"];

/// Most entries of a layer that are looked at for files of a project.
const MAX_ENTRIES: usize = 20_000;
/// Most names of files in a remedy.
const MAX_NAMES: usize = 5;
/// Longest line that is repeated, in bytes.
const MAX_LINE: usize = 200;

/// Files that a manager reads in the working directory, the necessary ones and further ones.
type Project = (&'static [&'static str], &'static [&'static str]);

fn project(manager: Manager) -> Project {
    match manager {
        Manager::Pip => (&["pyproject.toml"], &[]),
        Manager::Uv => (&["pyproject.toml", "uv.lock"], &[".python-version", "uv.toml"]),
        Manager::Poetry => (&["pyproject.toml", "poetry.lock"], &["poetry.toml"]),
        Manager::Pdm => (&["pyproject.toml", "pdm.lock"], &["pdm.toml"]),
        Manager::Pipenv => (&["Pipfile", "Pipfile.lock"], &[]),
        Manager::Conda => (&["environment.yml"], &["environment.yaml"]),
        Manager::Npm => {
            (&["package.json", "package-lock.json"], &["npm-shrinkwrap.json", ".npmrc"])
        }
        Manager::Yarn => (&["package.json", "yarn.lock"], &[".yarnrc.yml", ".yarnrc", ".npmrc"]),
        Manager::Pnpm => (&["package.json", "pnpm-lock.yaml"], &["pnpm-workspace.yaml", ".npmrc"]),
        Manager::Bun => (&["package.json", "bun.lock"], &["bun.lockb", "bunfig.toml"]),
        Manager::Bundler => (&["Gemfile", "Gemfile.lock"], &[]),
        Manager::Go => (&["go.mod", "go.sum"], &[]),
        Manager::System => (&[], &[]),
    }
}

/// An option that leaves out of an install what is in the source, and others that do so too.
type Leaving = (&'static str, &'static [&'static str]);

/// The options of managers that install the source too, once it is there, not to do so.
fn without_source(manager: Manager, has_members: bool, has_paths: bool) -> &'static [Leaving] {
    const PROJECT: Leaving =
        ("--no-install-project", &["--no-install-workspace", "--no-install-local"]);
    const MEMBERS: Leaving = ("--no-install-workspace", &["--no-install-local"]);
    const PATHS: Leaving = ("--no-install-local", &[]);
    // Otherwise the lock is compared with files that are not there.
    const FROZEN: Leaving = ("--frozen", &[]);
    match manager {
        Manager::Uv if has_paths => &[FROZEN, PATHS],
        Manager::Uv if has_members => &[FROZEN, MEMBERS],
        Manager::Uv => &[PROJECT],
        Manager::Poetry if has_paths => &[("--no-root", &[]), ("--no-directory", &[])],
        Manager::Poetry => &[("--no-root", &[])],
        Manager::Pdm => &[("--no-self", &[])],
        _ => &[],
    }
}

/// The remedy for an install behind a copy.
pub(super) fn of(seen: &Seen<'_>, offence: &Offence<'_, '_>) -> String {
    let (lines, again) = match lines(seen, offence) {
        Some(lines) => lines,
        None => (apart(seen, offence), None),
    };
    let between = if offence.has_lines_between {
        "; move the lines between that it needs along with it"
    } else {
        ""
    };
    format!("{lines}{}{between}", again.unwrap_or_default())
}

/// The copy as its author wrote it, if that is known.
fn copy(offence: &Offence<'_, '_>) -> String {
    if offence.copied.is_unnamed_directory() {
        "the `COPY` of the source".to_owned()
    } else {
        quoted(offence.copy.written(), 80)
    }
}

/// Lines to write, and what comes behind them; `None` when it is not certain that they would do.
fn lines(seen: &Seen<'_>, offence: &Offence<'_, '_>) -> Option<(String, Option<String>)> {
    let line = offence.run.written();
    let is_certain = !offence.copied.is_unnamed_directory()
        && !line.contains('\n')
        && line.len() <= MAX_LINE
        && offence.commands.iter().all(is_movable);
    if !is_certain {
        return None;
    }
    let mut copies: Vec<Copies> = Vec::new();
    for install in offence.commands.iter().filter_map(install) {
        lists(seen, offence, &install)?.into_iter().for_each(|file| add(&mut copies, file));
    }
    let (copy, own) = (copy(offence), quoted(line, MAX_LINE));
    if copies.is_empty() {
        return Some((format!("move {own} before {copy}: it needs no file of the source"), None));
    }
    let copies: Vec<String> = copies.iter().map(Copies::line).collect();
    let copies = copies.join(", ");
    let options = added_options(seen, offence);
    if options.is_empty() {
        return Some((format!("write {copies}, then {own}, then {copy}"), None));
    }
    // Behind anything but a plain command the options would land somewhere else.
    let is_plain = !line.contains(['#', '"', '\'', ';', '|', '&', '>', '<', '(', '`']);
    let first = quoted(&with_options(line, &options), MAX_LINE.saturating_add(options.len()));
    let lines = format!("write {copies}, then {first}, then {copy}");
    is_plain.then(|| (lines, Some(format!(", then {own}"))))
}

/// A line with further options; what contradicts them is left out.
fn with_options(line: &str, options: &str) -> String {
    let is_frozen = options.contains("--frozen");
    let kept = if is_frozen { line.replace(" --locked", "") } else { line.to_owned() };
    format!("{kept} {options}")
}

/// What to add to the author's line so that it does without the source, perhaps nothing.
fn added_options(seen: &Seen<'_>, offence: &Offence<'_, '_>) -> String {
    let install = &offence.install;
    if !install.is_project {
        return String::new();
    }
    let has_members = has_members(seen, offence, install.manager);
    let all = without_source(install.manager, has_members, offence.said.contains(HAS_PATHS));
    let is_given = |option: &str| offence.command.has(option);
    let is_missing = |(option, others): &&Leaving| {
        !is_given(option) && !others.iter().any(|other| is_given(other))
    };
    let missing: Vec<&str> = all.iter().filter(is_missing).map(|(option, _)| *option).collect();
    missing.join(" ")
}

/// Whether the project is one of several in the source: it says so, or a file of pnpm does.
fn has_members(seen: &Seen<'_>, offence: &Offence<'_, '_>, manager: Manager) -> bool {
    const OF_PNPM: &str = "pnpm-workspace.yaml";
    let is_told =
        |folder: &str| entries(seen, offence, folder).any(|name| name.as_str() == OF_PNPM);
    offence.said.contains(HAS_MEMBERS)
        || (manager == Manager::Pnpm && offence.folder.as_deref().is_some_and(is_told))
}

/// Files that are copied to one directory.
struct Copies {
    sources: Vec<String>,
    destination: String,
}

impl Copies {
    fn line(&self) -> String {
        quoted(&format!("COPY {} {}", self.sources.join(" "), self.destination), MAX_LINE)
    }
}

fn add(copies: &mut Vec<Copies>, (source, destination): (String, String)) {
    match copies.iter_mut().find(|copies| copies.destination == destination) {
        Some(copies) if copies.sources.contains(&source) => {}
        Some(copies) => copies.sources.push(source),
        None => copies.push(Copies { sources: vec![source], destination }),
    }
}

/// The files that one install reads: where they lie in the source, and where they have to lie.
fn lists(
    seen: &Seen<'_>,
    offence: &Offence<'_, '_>,
    install: &Install<'_>,
) -> Option<Vec<(String, String)>> {
    let known = Lists::of(seen);
    let written = written(seen, install);
    if written.is_empty() && !install.is_project {
        return Some(Vec::new());
    }
    let (from, folder) = (offence.copied_to.as_deref()?, offence.folder.as_deref()?);
    let mut paths: Vec<String> = Vec::new();
    for file in &written {
        paths.extend(known.read_by(resolved(folder, file)?));
    }
    if install.is_project && install.files.is_empty() {
        // One that lies elsewhere than the source is not to be explained in a line.
        path_below(folder, from)?;
        let names = existing(seen, offence, folder, install.manager);
        if has_members(seen, offence, install.manager) && !is_enough(install.manager, &names) {
            return None;
        }
        paths.extend(names.into_iter().filter_map(|name| resolved(folder, name)));
    }
    // What lies outside of the copied source was there before.
    let inside = paths.iter().filter_map(|path| Some((path, path_below(path, from)?)));
    Some(inside.map(|(path, source)| (source.to_owned(), destination(path, folder))).collect())
}

/// Files as the line names them, and as the environment does for it.
fn written(seen: &Seen<'_>, install: &Install<'_>) -> Vec<String> {
    let of_line = install.files.iter().chain(&install.constraints).map(|file| (*file).to_owned());
    let mut files: Vec<String> = of_line.collect();
    for (name, value) in seen.image.config.env_pairs() {
        if install.manager == Manager::Pip && CONSTRAINTS.contains(&name) {
            files.extend(value.split_whitespace().map(str::to_owned));
        }
    }
    files.retain(|file| !file.contains("://"));
    files
}

/// The directory of a path as the working directory `folder` sees it.
fn destination(path: &str, folder: &str) -> String {
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    match path_below(parent, folder) {
        Some("") => "./".to_owned(),
        Some(rest) if !folder.is_empty() => format!("{rest}/"),
        _ => format!("/{parent}/"),
    }
}

/// Files of a project that the copied layer has in a folder; the necessary ones where it does not
/// tell.
fn existing(
    seen: &Seen<'_>,
    offence: &Offence<'_, '_>,
    folder: &str,
    manager: Manager,
) -> Vec<&'static str> {
    let (needed, further) = project(manager);
    let there: BTreeSet<String> = entries(seen, offence, folder).collect();
    let is_there = |name: &&&str| there.contains(**name);
    let found: Vec<&str> = needed.iter().chain(further).filter(is_there).copied().collect();
    if found.is_empty() { needed.to_vec() } else { found }
}

/// Whether an install of a project of several gets by with the files of the first.
fn is_enough(manager: Manager, names: &[&str]) -> bool {
    match manager {
        Manager::Uv => names.contains(&"uv.lock"),
        manager => !manager.is_node() || manager == Manager::Npm,
    }
}

/// Paths below a folder that the copied layer has.
fn entries(
    seen: &Seen<'_>,
    offence: &Offence<'_, '_>,
    folder: &str,
) -> impl Iterator<Item = String> {
    let facts = offence.copy.layer.and_then(|index| seen.layer(index)?.1);
    let entries = facts.into_iter().flat_map(|facts| facts.listing.iter().take(MAX_ENTRIES));
    entries.filter_map(move |listed| Some(path_below(&listed.path, folder)?.to_owned()))
}

/// Files of further projects below the one in a folder, as seen from there.
fn members(
    seen: &Seen<'_>,
    offence: &Offence<'_, '_>,
    folder: &str,
    manager: Manager,
) -> Vec<String> {
    let Some(name) = projects::file_of(manager) else { return Vec::new() };
    let is_member = |path: &String| {
        let is_named = path.strip_suffix(name).is_some_and(|folder| folder.ends_with('/'));
        is_named && !projects::is_installed(path)
    };
    entries(seen, offence, folder).filter(is_member).collect()
}

/// What to do in words.
fn apart(seen: &Seen<'_>, offence: &Offence<'_, '_>) -> String {
    let install = &offence.install;
    let options = added_options(seen, offence);
    let option = (!options.is_empty()).then(|| format!("`{options}` and "));
    let advice = format!(
        "split the install out of this line and put it, with {}its clean-up, before {}",
        option.unwrap_or_default(),
        copy(offence)
    );
    let mut names: Vec<String> = [&install.files, &install.constraints, &install.folders]
        .into_iter()
        .flatten()
        .filter(|file| !file.contains("://"))
        .map(|file| (*file).to_owned())
        .collect();
    if names.is_empty() && install.is_project {
        names.extend(of_project(seen, offence));
    }
    if names.is_empty() {
        return advice;
    }
    let is_elsewhere = looks_elsewhere(offence);
    let place = if is_elsewhere { " from its folder" } else { "" };
    let names = list(&names, names.len(), MAX_NAMES);
    format!("{advice}; before it, `COPY` only what it reads{place}: {names}")
}

/// Whether the install looks in another folder than the working directory.
fn looks_elsewhere(offence: &Offence<'_, '_>) -> bool {
    is_elsewhere(offence.command, offence.install.manager)
        || offence.commands.iter().any(changes_folder)
}

/// The files of the project that is installed, also of its members where the manager reads them.
fn of_project(seen: &Seen<'_>, offence: &Offence<'_, '_>) -> Vec<String> {
    let manager = offence.install.manager;
    let mut names: Vec<String> = project(manager).0.iter().map(|name| (*name).to_owned()).collect();
    let folder = offence.folder.as_deref().filter(|_| !looks_elsewhere(offence));
    if let Some(folder) = folder
        && manager.is_node()
        && has_members(seen, offence, manager)
    {
        names.extend(members(seen, offence, folder, manager));
    }
    names
}

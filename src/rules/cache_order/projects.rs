//! What the file of a project says of the source: that an install runs it or takes packages from
//! it. A copy of that file alone is not enough then.
//! Sources: npm's, yarn's and pnpm's references of `package.json`; uv's and Poetry's of
//! `pyproject.toml`; what their installs do with nothing but the file and the lock there.

use serde_json::{Map, Value};

use super::lists::{HAS_MEMBERS, HAS_PATHS, NEEDS_SOURCE, RUNS_SOURCE, Says};
use crate::model::dockerfile::{Command, commands};
use crate::model::{Entry, EntryKind};
use crate::rules::installs::Manager;

/// Largest file that is read, in bytes. Of a larger one the install counts as in need of the
/// source: then nothing is advised that would break.
const MAX_BYTES: usize = 256 << 10;

const PACKAGE: &str = "package.json";
const PYPROJECT: &str = "pyproject.toml";

/// The file in which a manager looks for what the project needs, of those that are read here.
pub(super) fn file_of(manager: Manager) -> Option<&'static str> {
    match manager {
        Manager::Uv | Manager::Poetry | Manager::Pdm => Some(PYPROJECT),
        manager => manager.is_node().then_some(PACKAGE),
    }
}

/// Whether an entry is such a file, and not one of a package that is installed.
pub(super) fn is_read(entry: &Entry<'_>) -> bool {
    entry.kind == EntryKind::File
        && [PACKAGE, PYPROJECT].contains(&entry.name())
        && !is_installed(entry.path)
}

/// Whether a path lies where managers install to.
pub(super) fn is_installed(path: &str) -> bool {
    const FOLDERS: &[&str] = &["node_modules", "site-packages", "dist-packages"];
    path.split('/').any(|part| FOLDERS.contains(&part))
}

/// What such a file says.
pub(super) fn says(entry: &Entry<'_>, content: &[u8]) -> Says {
    let is_whole = u64::try_from(content.len()).is_ok_and(|length| length >= entry.size);
    if !is_whole || content.len() > MAX_BYTES {
        return Says::default().noting(NEEDS_SOURCE);
    }
    match entry.name() {
        PACKAGE => package(content),
        _ => pyproject(&String::from_utf8_lossy(content)),
    }
}

/// What a `package.json` says. From one that cannot be read nothing can be installed.
fn package(content: &[u8]) -> Says {
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let mut says = Says::default();
    let Ok(package) = serde_json::from_slice::<Map<String, Value>>(content) else {
        return says.noting(NEEDS_SOURCE);
    };
    if scripts(&package).any(runs_source) {
        says = says.noting(RUNS_SOURCE);
    }
    if package.contains_key("workspaces") {
        says = says.noting(HAS_MEMBERS);
    }
    let has_patches = [Some(&package), package.get("pnpm").and_then(Value::as_object)]
        .into_iter()
        .flatten()
        .any(|table| table.contains_key("patchedDependencies"));
    if has_patches {
        says = says.noting(NEEDS_SOURCE);
    }
    versions(&package).filter_map(kind_of_version).fold(says, Says::noting)
}

/// The scripts that an install runs for the project itself.
fn scripts(package: &Map<String, Value>) -> impl Iterator<Item = &str> {
    const NAMES: &[&str] = &[
        "preinstall",
        "install",
        "postinstall",
        "prepublish",
        "preprepare",
        "prepare",
        "postprepare",
        "dependencies",
        "pnpm:devPreinstall",
    ];
    let scripts = package.get("scripts");
    NAMES.iter().filter_map(move |name| scripts?.get(name)?.as_str())
}

/// Whether a script needs more than what is installed: all do but those that set up hooks of Git
/// or ask who installs.
fn runs_source(script: &str) -> bool {
    commands(script).iter().any(|command| !is_free(command))
}

fn is_free(command: &Command) -> bool {
    const PROGRAMS: &[&str] = &[
        "husky",
        "husky-run",
        "lefthook",
        "simple-git-hooks",
        "is-ci",
        "only-allow",
        "opencollective",
        "opencollective-postinstall",
        "echo",
        "exit",
        "true",
    ];
    let mut words = command.arguments().filter(|word| !word.starts_with('-'));
    let program = match command.program() {
        "npx" | "pnpx" | "bunx" => words.next().unwrap_or_default(),
        program => program,
    };
    PROGRAMS.contains(&program.split('@').next().unwrap_or(program))
}

/// The versions of all packages that a project asks for.
fn versions(package: &Map<String, Value>) -> impl Iterator<Item = &str> {
    const TABLES: &[&str] =
        &["dependencies", "devDependencies", "optionalDependencies", "resolutions", "overrides"];
    let tables = TABLES.iter().filter_map(|table| package.get(*table)?.as_object());
    tables.flat_map(|table| table.values().filter_map(Value::as_str))
}

fn kind_of_version(version: &str) -> Option<&'static str> {
    const PLACES: &[&str] = &["file:", "link:", "portal:", "patch:", "./", "../", "/", "~/"];
    let is_archive = version.rsplit('.').next() == Some("tgz") && !version.contains("://");
    if is_archive || PLACES.iter().any(|place| version.starts_with(place)) {
        return Some(NEEDS_SOURCE);
    }
    version.starts_with("workspace:").then_some(HAS_MEMBERS)
}

/// What a `pyproject.toml` says: line by line, for its tables are written so.
fn pyproject(text: &str) -> Says {
    let mut section = "";
    let mut says = Says::default();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        section = header(line).unwrap_or(section);
        if let Some(kind) = kind_of_line(section, line) {
            says = says.noting(kind);
        }
    }
    says
}

/// The name of the table that a line begins.
fn header(line: &str) -> Option<&str> {
    let name = line.trim_start_matches('[');
    let is_name = name.len() < line.len() && name.starts_with(|c: char| c.is_ascii_alphabetic());
    is_name.then(|| name.split(']').next().unwrap_or(name))
}

fn kind_of_line(section: &str, line: &str) -> Option<&'static str> {
    const ARCHIVES: &[&str] = &[".whl", ".tar.gz", ".zip"];
    if ["file:/", "file:."].iter().any(|place| line.contains(place)) {
        return Some(NEEDS_SOURCE);
    }
    let path = value_of(line, "path");
    if section.starts_with("tool.poetry") && section.contains("dependencies") {
        let is_archive = path?.split(['"', '\'']).any(|p| ARCHIVES.iter().any(|e| p.ends_with(e)));
        // `--no-directory` leaves out folders only.
        return Some(if is_archive { NEEDS_SOURCE } else { HAS_PATHS });
    }
    let is_uv = section == "tool.uv" || section.starts_with("tool.uv.sources");
    if is_uv && path.is_some() {
        return Some(HAS_PATHS);
    }
    let names_members =
        || value_of(line, "workspace").is_some_and(|value| !value.starts_with("false"));
    (section == "tool.uv.workspace" || (is_uv && names_members())).then_some(HAS_MEMBERS)
}

/// The value behind `key =`, on a line of its own or in a table on one line.
fn value_of<'t>(line: &'t str, key: &str) -> Option<&'t str> {
    line.match_indices(key).find_map(|(at, _)| {
        let before = line.get(..at)?.trim_end();
        let is_key = before.is_empty() || before.ends_with(['{', ',', '.']);
        let rest = line.get(at.saturating_add(key.len())..)?.trim_start();
        let is_value = is_key && rest.starts_with(['=', '.']);
        is_value.then(|| rest.trim_start_matches(['=', ' ', '\t']))
    })
}

#[cfg(test)]
mod tests;

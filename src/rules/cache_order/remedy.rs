//! The lines to write instead, in the right order, for each package manager.

use crate::model::dockerfile::{Command, Copied, Step};
use crate::rules::installs::{Install, Manager};
use crate::rules::quoted::{plain, quoted};

/// Most files of dependencies named.
const MAX_FILES: usize = 3;

/// What a manager reads in the working directory, and how it installs without the source.
fn project(manager: Manager) -> Option<(&'static str, &'static str)> {
    Some(match manager {
        Manager::Uv => ("pyproject.toml uv.lock", "uv sync --frozen --no-install-project"),
        Manager::Poetry => ("pyproject.toml poetry.lock", "poetry install --no-root"),
        Manager::Pdm => ("pyproject.toml pdm.lock", "pdm sync --no-self"),
        Manager::Pipenv => ("Pipfile Pipfile.lock", "pipenv sync --system"),
        Manager::Conda => ("environment.yml", "conda env update -f environment.yml"),
        Manager::Npm => ("package.json package-lock.json", "npm ci"),
        Manager::Yarn => ("package.json yarn.lock", "yarn install --frozen-lockfile"),
        Manager::Pnpm => ("package.json pnpm-lock.yaml", "pnpm install --frozen-lockfile"),
        Manager::Bun => ("package.json bun.lock", "bun install --frozen-lockfile"),
        Manager::Bundler => ("Gemfile Gemfile.lock", "bundle install"),
        Manager::Go => ("go.mod go.sum", "go mod download"),
        Manager::Pip | Manager::System => return None,
    })
}

/// Managers that install the source too, once it is there.
fn is_two_step(manager: Manager) -> bool {
    matches!(manager, Manager::Uv | Manager::Poetry | Manager::Pdm)
}

/// The remedy for one install behind one copy.
pub(super) fn of(
    copy: &Step<'_>,
    copied: &Copied<'_>,
    command: &Command,
    install: &Install<'_>,
) -> String {
    let copy = quoted(copy.written(), 80);
    let own = run(command);
    let local: Vec<&str> = install
        .files
        .iter()
        .copied()
        .filter(|file| !file.contains("://"))
        .take(MAX_FILES)
        .collect();
    if !local.is_empty() {
        let lines: Vec<String> = local.iter().map(|file| copy_of(file)).collect();
        return format!("write {}, then {own}, then {copy}", lines.join(", "));
    }
    match project(install.manager).filter(|_| install.is_project) {
        Some((files, run)) => {
            let destination = plain(copied.destination, 60);
            let destination = destination.trim_end_matches(['/', '.']);
            let again =
                if is_two_step(install.manager) { format!(", then {own}") } else { String::new() };
            let destination = if destination.is_empty() { "." } else { destination };
            format!("write `COPY {files} {destination}/`, then `RUN {run}`, then {copy}{again}")
        }
        None => format!("write {own} before {copy}: it needs no file of the source"),
    }
}

/// `COPY` of one file to where the command looks for it.
fn copy_of(file: &str) -> String {
    let file = file.trim_start_matches("./");
    let (folder, name) = file.rsplit_once('/').map_or((".", file), |(folder, name)| (folder, name));
    let source = if file.starts_with('/') { name } else { file };
    quoted(&format!("COPY {source} {folder}/"), 120)
}

/// The install on a line of its own.
fn run(command: &Command) -> String {
    let words = command.arguments().take(30).map(shell_word);
    let words: Vec<String> = std::iter::once(command.program().to_owned()).chain(words).collect();
    let first = if command.program().starts_with("apt") { "apt-get update && " } else { "" };
    quoted(&format!("RUN {first}{}", words.join(" ")), 120)
}

/// A word quoted again where the shell would take it apart.
fn shell_word(word: &str) -> String {
    let is_special = word.contains(['>', '<', ' ', '&', ';', '|', '*', '(', '[', '"']);
    if is_special && !word.contains('\'') { format!("'{word}'") } else { word.to_owned() }
}

/// Names of files that list dependencies.
pub(super) fn is_list(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "pyproject.toml",
        "setup.cfg",
        "uv.lock",
        "poetry.lock",
        "pdm.lock",
        "Pipfile",
        "Pipfile.lock",
        "environment.yml",
        "environment.yaml",
        "conda.yml",
        "conda.yaml",
        "package.json",
        "package-lock.json",
        "npm-shrinkwrap.json",
        "yarn.lock",
        "pnpm-lock.yaml",
        "bun.lock",
        "bun.lockb",
        "Gemfile",
        "Gemfile.lock",
        "go.mod",
        "go.sum",
    ];
    let is_requirements = name.contains("requirements") || name.contains("constraints");
    let is_text = matches!(name.rsplit_once('.'), Some((_, "txt" | "in")));
    NAMES.contains(&name) || (is_requirements && is_text)
}

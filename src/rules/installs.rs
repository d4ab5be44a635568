//! What a command installs: the package manager, the packages it names, the files it takes them
//! from. Shared by the rules about the Dockerfile's lines.
//! Sources: the managers' own command line references.

mod node;
mod operands;
mod others;
mod python;

use self::node::{node, yarn};
use self::others::{conda, go, project, system};
use self::python::{locked, pip, pipenv, python, uv};
use crate::model::dockerfile::Command;

/// A package manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Manager {
    /// `pip`, `uv pip`, `pipx`: packages by name or from a file.
    Pip,
    /// `uv sync`, `uv add`.
    Uv,
    /// `poetry`.
    Poetry,
    /// `pdm`.
    Pdm,
    /// `pipenv`.
    Pipenv,
    /// `conda`, `mamba`, `micromamba`.
    Conda,
    /// `npm`.
    Npm,
    /// `yarn`.
    Yarn,
    /// `pnpm`.
    Pnpm,
    /// `bun`.
    Bun,
    /// `bundle`.
    Bundler,
    /// `go`.
    Go,
    /// `apt-get`, `apk`, `dnf` and the like.
    System,
}

impl Manager {
    /// Whether it installs from `package.json`.
    pub(crate) fn is_node(self) -> bool {
        matches!(self, Self::Npm | Self::Yarn | Self::Pnpm | Self::Bun)
    }
}

/// One command that installs packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Install<'a> {
    /// With what.
    pub manager: Manager,
    /// Packages named on the line, as written there, with their versions.
    pub named: Vec<&'a str>,
    /// Files that list packages.
    pub files: Vec<&'a str>,
    /// Files that only tell which versions (`pip install -c`).
    pub constraints: Vec<&'a str>,
    /// Folders of the machine where it looks for packages (`--find-links ./wheels`).
    pub folders: Vec<&'a str>,
    /// Whether it installs what the project in the working directory asks for.
    pub is_project: bool,
    /// Whether it installs the source of the build context itself.
    pub is_source: bool,
    /// Whether a lock file, constraints or hashes decide about the versions.
    pub is_fixed: bool,
}

impl Install<'_> {
    fn by(manager: Manager) -> Self {
        Self {
            manager,
            named: Vec::new(),
            files: Vec::new(),
            constraints: Vec::new(),
            folders: Vec::new(),
            is_project: false,
            is_source: false,
            is_fixed: false,
        }
    }
}

/// What a command installs, if anything.
pub(crate) fn install(command: &Command) -> Option<Install<'_>> {
    let arguments: Vec<&str> = command.arguments().collect();
    let program = command.program();
    let environment = |name| command.variable(name).is_some_and(|value| !value.is_empty());
    let mut install = match program {
        _ if is_pip(program) => pip(&arguments),
        "uv" => uv(&arguments),
        "pipx" => verb(&arguments, &["install"]).map(|rest| python(Manager::Pip, rest)),
        "pip-sync" => Some(locked(&arguments)),
        "conda" | "mamba" | "micromamba" => conda(&arguments),
        "poetry" => project(Manager::Poetry, &arguments, &["install", "sync"], &["add"]),
        "pdm" => project(Manager::Pdm, &arguments, &["install", "sync"], &["add"]),
        "pipenv" => pipenv(&arguments),
        "npm" => node(Manager::Npm, &arguments, &["ci", "clean-install"]),
        "pnpm" => node(Manager::Pnpm, &arguments, &["ci"]),
        "bun" => node(Manager::Bun, &arguments, &["ci"]),
        "yarn" => yarn(&arguments),
        "bundle" | "bundler" => project(Manager::Bundler, &arguments, &["install"], &["add"]),
        "go" => go(&arguments),
        "apt-get" | "apt" | "aptitude" | "apk" | "dnf" | "microdnf" | "tdnf" | "yum" | "zypper" => {
            system(&arguments)
        }
        _ => None,
    }?;
    if install.manager == Manager::Pip {
        install.constraints.extend(command.variable("PIP_CONSTRAINT"));
        install.constraints.retain(|file| !file.is_empty());
    }
    install.is_fixed |=
        ["PIP_CONSTRAINT", "PIP_REQUIRE_HASHES", "UV_CONSTRAINT", "UV_FROZEN", "UV_LOCKED"]
            .into_iter()
            .any(environment);
    Some(install)
}

/// `pip`, `pip3`, `pip3.12`.
fn is_pip(program: &str) -> bool {
    program
        .strip_prefix("pip")
        .is_some_and(|version| version.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

/// What follows the first of these subcommands, when no other word stands before it that could
/// be a subcommand itself.
fn verb<'a, 'w>(words: &'w [&'a str], verbs: &[&str]) -> Option<&'w [&'a str]> {
    const OTHERS: &[&str] = &[
        "uninstall",
        "remove",
        "download",
        "wheel",
        "list",
        "show",
        "freeze",
        "config",
        "cache",
        "run",
        "exec",
        "build",
        "update",
        "upgrade",
        "clean",
        "init",
        "create",
        "search",
        "help",
        "venv",
        "version",
        "start",
        "test",
    ];
    let is_verb = |word: &&str| verbs.contains(word) || OTHERS.contains(word);
    let at = words.iter().position(is_verb)?;
    verbs.contains(words.get(at)?).then(|| words.get(at.saturating_add(1)..).unwrap_or_default())
}
/// Whether `path`, as facts have it, is the file that a command calls `written`.
pub(crate) fn is_file_at(path: &str, written: &str) -> bool {
    let written = written.trim_start_matches("./").trim_start_matches('/');
    path.strip_suffix(written)
        .is_some_and(|rest| !written.is_empty() && (rest.is_empty() || rest.ends_with('/')))
}

#[cfg(test)]
mod tests;

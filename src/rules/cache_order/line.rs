//! Which commands of a line may come before the source, so that the line can be moved as it is.

use crate::model::dockerfile::Command;
use crate::rules::installs::{Manager, install};

/// Directories of which an install cleans up.
const CACHES: &[&str] = &[
    "/var/lib/apt/lists",
    "/var/cache/",
    "/var/log/",
    "/tmp/",
    "/var/tmp/",
    "/root/.cache",
    "/root/.npm",
    "/opt/conda/pkgs",
    "~/.cache",
    "$HOME/.cache",
];

/// Managers of the distribution's packages.
const SYSTEM: &[&str] =
    &["apt-get", "apt", "aptitude", "apk", "dnf", "microdnf", "tdnf", "yum", "zypper", "ldconfig"];

/// Whether a command installs and nothing of it lies in the source that the files it names do not
/// tell, or cleans up behind one that does, or changes nothing.
pub(super) fn is_movable(command: &Command) -> bool {
    if let Some(install) = install(command) {
        // `uv add` and `poetry add` change the project's own files.
        let is_free = install.is_project
            || matches!(install.manager, Manager::Pip | Manager::Conda | Manager::System)
            || ["-g", "--global"].iter().any(|option| command.has(option));
        return is_free
            && !install.is_source
            && install.folders.is_empty()
            && !is_elsewhere(command, install.manager);
    }
    match command.program() {
        "set" | "true" | ":" | "export" => true,
        "rm" => {
            let mut places = command.arguments().filter(|word| !word.starts_with('-'));
            places.all(|place| {
                !place.contains("..") && CACHES.iter().any(|cache| place.starts_with(cache))
            })
        }
        "conda" | "mamba" | "micromamba" => command.has("clean"),
        "npm" | "yarn" | "pip" | "pip3" | "uv" | "poetry" | "pdm" => command.has("cache"),
        "pnpm" => command.has("store"),
        program => SYSTEM.contains(&program),
    }
}

/// Whether the commands behind it run in another folder.
pub(super) fn changes_folder(command: &Command) -> bool {
    matches!(command.program(), "cd" | "pushd" | "popd")
}

/// Whether a manager of projects is told to look in another folder than the working directory.
pub(super) fn is_elsewhere(command: &Command, manager: Manager) -> bool {
    const OPTIONS: &[&str] =
        &["--prefix", "--cwd", "--dir", "--directory", "--project", "--gemfile", "-C", "-P"];
    let is_option = |word: &str| OPTIONS.contains(&word.split('=').next().unwrap_or(word));
    // To these a prefix is where they install to.
    !matches!(manager, Manager::Pip | Manager::Conda | Manager::System)
        && command.arguments().any(is_option)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::dockerfile::commands;

    #[test]
    fn knows_what_may_move() {
        for movable in [
            "apt-get update && apt-get install -y libgl1 && rm -rf /var/lib/apt/lists/* /tmp/*",
            "set -ex; pip install --prefix=/install -r requirements.txt && pip cache purge",
            "conda install -y numpy && conda clean -afy",
            "npm ci --omit=dev && npm cache clean --force",
            "npm install -g serve",
            "pip install --find-links https://x/y.html torch",
            "dnf install -y gcc && dnf clean all",
        ] {
            assert!(commands(movable).iter().all(is_movable), "{movable}");
        }
        for bound in [
            "cd web",
            "npm --prefix web ci",
            "npm --prefix=web ci",
            "uv sync --project web",
            "pnpm -C web install",
            "pip install --find-links ./wheels foo",
            "pip install -f wheels foo",
            "pip install .",
            "uv add torch",
            "rm -rf /app/tests",
            "rm -rf /tmp/../app",
            "rm -rf tests",
            "make",
            "npm run build",
        ] {
            assert!(!commands(bound).iter().all(is_movable), "{bound}");
        }
    }
}

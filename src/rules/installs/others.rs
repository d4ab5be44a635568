//! conda, managers of projects, Go, and the distribution's packages.

use super::operands::{self, Operands, Spelling};
use super::{Install, Manager, verb};

const CONDA: Spelling = Spelling {
    flags: &[
        "--all",
        "--copy",
        "--debug",
        "--dev",
        "--force",
        "--force-reinstall",
        "--freeze-installed",
        "--insecure",
        "--json",
        "--no-channel-priority",
        "--offline",
        "--only-deps",
        "--override-channels",
        "--prune",
        "--quiet",
        "--strict-channel-priority",
        "--update-all",
        "--update-deps",
        "--update-specs",
        "--use-index-cache",
        "--use-local",
        "--verbose",
        "--yes",
    ],
    valued: &[],
    letters: "npcfr",
};

pub(super) fn conda<'a>(words: &[&'a str]) -> Option<Install<'a>> {
    let (rest, is_environment) = match verb(words, &["env"]) {
        Some(rest) => (conda_verb(rest, &["create", "update"])?, true),
        None => (conda_verb(words, &["install", "create"])?, false),
    };
    let mut install = Install::by(Manager::Conda);
    install.is_project = is_environment;
    for operand in Operands::new(rest, &CONDA) {
        match operand {
            (Some("-f" | "--file"), Some(file)) => install.files.push(file),
            (None, Some(word)) if !is_environment => install.named.push(word),
            _ => {}
        }
    }
    Some(install)
}

fn conda_verb<'a, 'w>(words: &'w [&'a str], verbs: &[&str]) -> Option<&'w [&'a str]> {
    let at = words.iter().position(|word| !word.starts_with('-'))?;
    verbs.contains(words.get(at)?).then(|| words.get(at.saturating_add(1)..).unwrap_or_default())
}

/// Options of managers that install projects; few take a value that stands alone.
const PROJECT: Spelling = Spelling { flags: &[], valued: &[], letters: "CPpGE" };

/// `verbs` install the project, `adding` ones the packages they name.
pub(super) fn project<'a>(
    manager: Manager,
    words: &[&'a str],
    verbs: &[&str],
    adding: &[&str],
) -> Option<Install<'a>> {
    let mut install = Install::by(manager);
    if let Some(rest) = verb(words, adding) {
        install.named = operands::named(rest, &PROJECT);
        return Some(install);
    }
    let rest = verb(words, verbs)?;
    install.is_project = !rest.contains(&"--only-root");
    install.is_source = rest.contains(&"--only-root");
    install.is_fixed = rest.contains(&"--frozen-lockfile") || rest.contains(&"--frozen");
    Some(install)
}

pub(super) fn go<'a>(words: &[&'a str]) -> Option<Install<'a>> {
    let is_download = words.starts_with(&["mod", "download"]);
    is_download.then(|| Install { is_project: true, is_fixed: true, ..Install::by(Manager::Go) })
}

const SYSTEM: Spelling = Spelling {
    flags: &[
        "--allow-downgrades",
        "--allow-unauthenticated",
        "--allowerasing",
        "--assumeyes",
        "--assume-yes",
        "--best",
        "--download-only",
        "--fix-broken",
        "--fix-missing",
        "--force-yes",
        "--nobest",
        "--nodocs",
        "--nogpgcheck",
        "--non-interactive",
        "--quiet",
        "--reinstall",
        "--skip-broken",
        "--update",
        "--update-cache",
        "--upgrade",
        "--yes",
        "--allow-change-held-packages",
    ],
    valued: &[],
    letters: "otcXp",
};

pub(super) fn system<'a>(words: &[&'a str]) -> Option<Install<'a>> {
    let rest = verb(words, &["install", "add", "localinstall"])?;
    let named = operands::named(rest, &SYSTEM);
    let is_local = |word: &&str| {
        word.starts_with(['.', '/'])
            || [".deb", ".rpm", ".apk"].iter().any(|end| word.ends_with(end))
    };
    let is_source = named.iter().any(is_local);
    Some(Install { named, is_source, ..Install::by(Manager::System) })
}

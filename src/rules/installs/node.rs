//! npm, pnpm, bun and yarn.

use super::operands::Spelling;
use super::{Install, Manager, operands, verb};

const NODE: Spelling = Spelling {
    flags: &[
        "--audit",
        "--dev",
        "--exact",
        "--force",
        "--frozen-lockfile",
        "--global",
        "--ignore-scripts",
        "--immutable",
        "--legacy-peer-deps",
        "--non-interactive",
        "--offline",
        "--optional",
        "--prefer-offline",
        "--prod",
        "--production",
        "--quiet",
        "--save",
        "--save-dev",
        "--save-exact",
        "--save-optional",
        "--save-peer",
        "--save-prod",
        "--shamefully-hoist",
        "--silent",
        "--strict-peer-deps",
        "--unsafe-perm",
        "--verbose",
        "--workspace-root",
        "--yes",
        "--pure-lockfile",
    ],
    valued: &[],
    letters: "Cw",
};

pub(super) fn node<'a>(manager: Manager, words: &[&'a str], exact: &[&str]) -> Option<Install<'a>> {
    if verb(words, exact).is_some() {
        return Some(Install { is_project: true, is_fixed: true, ..Install::by(manager) });
    }
    let rest = verb(words, &["install", "i", "add"])?;
    let named = operands::named(rest, &NODE);
    let is_local =
        |word: &&str| word.starts_with(['.', '/']) || word.rsplit('.').next() == Some("tgz");
    let is_source = named.iter().any(is_local);
    let is_fixed = rest.contains(&"--frozen-lockfile");
    Some(Install {
        is_project: named.is_empty(),
        named,
        is_fixed,
        is_source,
        ..Install::by(manager)
    })
}

pub(super) fn yarn<'a>(words: &[&'a str]) -> Option<Install<'a>> {
    if let Some(rest) = verb(words, &["add"]) {
        return Some(Install { named: operands::named(rest, &NODE), ..Install::by(Manager::Yarn) });
    }
    let first = words.iter().find(|word| !word.starts_with('-'));
    let is_fixed = ["--frozen-lockfile", "--immutable", "--pure-lockfile"]
        .iter()
        .any(|option| words.contains(option));
    let asks = |option: &&str| matches!(*option, "--version" | "-v" | "--help");
    let is_install = first.is_none_or(|word| *word == "install") && !words.iter().any(asks);
    is_install.then(|| Install { is_project: true, is_fixed, ..Install::by(Manager::Yarn) })
}

//! `git clone` of no particular commit.

use super::{ID, MAX_LINES, Policy, Run, pins, placed};
use crate::model::dockerfile::Command;
use crate::model::{Finding, Level};
use crate::rules::Seen;
use crate::rules::quoted::list;

/// Options of `git clone` with a value.
const VALUED: &[&str] = &[
    "--depth",
    "-o",
    "--origin",
    "-u",
    "--reference",
    "--separate-git-dir",
    "-j",
    "--jobs",
    "-c",
    "--config",
    "--template",
    "--filter",
    "--shallow-since",
    "--bundle-uri",
    "--server-option",
];

/// Clones of a branch, unless something is checked out later: which one, nobody can tell.
pub(super) fn findings(seen: &Seen<'_>, policy: &Policy, runs: &[Run<'_>]) -> Vec<Finding> {
    let mut all = runs.iter().flat_map(|(_, commands)| *commands);
    if !policy.asks("git") || all.any(chooses_commit) {
        return Vec::new();
    }
    runs.iter().filter_map(|run| on_line(seen, *run)).take(MAX_LINES).collect()
}

fn on_line(seen: &Seen<'_>, (step, commands): Run<'_>) -> Option<Finding> {
    let mut names: Vec<String> = commands.iter().filter_map(cloned).collect();
    names.dedup();
    if names.is_empty() {
        return None;
    }
    let repositories = if names.len() == 1 { "repository" } else { "repositories" };
    let message = format!(
        "{} {repositories} cloned at no particular commit: {}",
        names.len(),
        list(&names, names.len(), 5)
    );
    let fix = "name a tag (`git clone --branch <tag> --depth 1`), or check out a commit in the same `RUN`";
    Some(placed(seen, step, Finding::new(ID, Level::Warn, message, fix)))
}

fn chooses_commit(command: &Command) -> bool {
    const VERBS: &[&str] = &["checkout", "reset", "switch", "fetch"];
    command.program() == "git" && VERBS.iter().any(|verb| command.has(verb))
}

/// Name of the repository that a command clones without a tag.
fn cloned(command: &Command) -> Option<String> {
    let mut words = command.arguments().skip_while(|word| *word != "clone").skip(1);
    if command.program() != "git" {
        return None;
    }
    let mut address = None;
    while let Some(word) = words.next() {
        let branch = match word.split_once('=') {
            Some(("--branch" | "--revision", branch)) => Some(branch),
            _ if matches!(word, "-b" | "--branch" | "--revision") => words.next(),
            _ if VALUED.contains(&word) => {
                words.next();
                None
            }
            _ if word.starts_with('-') => None,
            _ => {
                address = address.or(Some(word));
                None
            }
        };
        if branch.is_some_and(|branch| !pins::is_loose_reference(branch)) {
            return None;
        }
    }
    // Only the last part is repeated: what stands before may hold a token.
    let name = address?.trim_end_matches('/').rsplit(['/', ':']).next()?.trim_end_matches(".git");
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    (!name.is_empty() && name.chars().all(is_plain)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::dockerfile::commands;

    #[test]
    fn knows_which_clones_are_fixed() {
        let table = [
            ("git clone https://github.com/a/b", Some("b")),
            ("git -C /opt clone --depth 1 https://ci:t0k3n@github.com/a/b.git /opt/b", Some("b")),
            ("git clone -b feature/x https://github.com/a/b", Some("b")),
            ("git clone -b main git@github.com:a/b.git", Some("b")),
            ("git clone --branch=master --recursive https://github.com/a/b/", Some("b")),
            ("git clone -b v1.2 https://github.com/a/b", None),
            ("git clone --branch v1.2 https://github.com/a/b", None),
            ("git clone -b ${TAG} https://github.com/a/b", None),
            ("git clone $URL", None),
            ("git clone", None),
            ("git pull", None),
            ("echo clone https://github.com/a/b", None),
        ];
        for (line, expected) in table {
            assert_eq!(cloned(&commands(line)[0]).as_deref(), expected, "{line}");
        }
    }
}

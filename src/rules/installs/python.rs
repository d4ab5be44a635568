//! pip and what speaks its language: uv, pipx, Pipenv.

use super::operands::{self, Operands, Spelling};
use super::{Install, Manager, verb};

pub(super) fn pip<'a>(words: &[&'a str]) -> Option<Install<'a>> {
    verb(words, &["install"]).map(|rest| python(Manager::Pip, rest))
}

/// Options of pip and uv without a value. After any other the next word is its value, and is
/// never taken for a package: it may be a secret.
const PIP: Spelling = Spelling {
    flags: &[
        "--all-extras",
        "--break-system-packages",
        "--compile",
        "--compile-bytecode",
        "--debug",
        "--disable-pip-version-check",
        "--dry-run",
        "--editable",
        "--exact",
        "--force",
        "--force-reinstall",
        "--frozen",
        "--ignore-installed",
        "--ignore-requires-python",
        "--include-deps",
        "--inexact",
        "--isolated",
        "--locked",
        "--native-tls",
        "--offline",
        "--pre",
        "--prefer-binary",
        "--quiet",
        "--refresh",
        "--reinstall",
        "--require-hashes",
        "--require-virtualenv",
        "--strict",
        "--system",
        "--upgrade",
        "--use-pep517",
        "--user",
        "--verbose",
        "--yes",
        "--global",
        "--dev",
    ],
    valued: &[
        "--no-binary",
        "--no-build-package",
        "--no-build-isolation-package",
        "--no-group",
        "--no-extra",
        "--no-install-package",
    ],
    letters: "rceiftpPbCd",
};

pub(super) fn python<'a>(manager: Manager, words: &[&'a str]) -> Install<'a> {
    let mut install = Install::by(manager);
    for operand in Operands::new(words, &PIP) {
        match operand {
            (Some("-r" | "--requirement" | "--requirements"), Some(file)) => {
                install.files.push(file);
            }
            (Some("-e"), Some(source)) => install.add(source),
            (Some("-c" | "--constraint" | "--constraints"), Some(file)) => {
                install.constraints.push(file);
                install.is_fixed = true;
            }
            (Some("-f" | "--find-links"), Some(place)) => {
                let is_local = !place.contains("://") || place.starts_with("file:");
                install.folders.extend(Some(place).filter(|_| is_local));
            }
            (Some("--exclude-newer"), Some(_))
            | (Some("--require-hashes" | "--no-index" | "--frozen" | "--locked"), _) => {
                install.is_fixed = true;
            }
            (Some("--group" | "--only-group"), Some(_)) => install.is_project = true,
            (None, Some(word)) => install.add(word),
            _ => {}
        }
    }
    install
}

/// `pip-sync` and `uv pip sync` take files only.
pub(super) fn locked<'a>(words: &[&'a str]) -> Install<'a> {
    let mut install = python(Manager::Pip, words);
    install.files.extend(operands::named(words, &PIP));
    Install { named: Vec::new(), is_source: false, ..install }
}

impl<'a> Install<'a> {
    /// One package as pip takes it: a name, or something of the build context.
    fn add(&mut self, word: &'a str) {
        let bare = word.trim_start_matches("file:");
        let is_local = bare.starts_with(['.', '/', '~'])
            || (bare.contains('/') && !bare.contains("://") && !bare.contains('@'));
        let is_file = [".whl", ".tar.gz", ".zip"].iter().any(|end| word.ends_with(end))
            && !word.contains("://");
        if is_local || is_file {
            self.is_source = true;
        } else {
            self.named.push(word);
        }
    }
}

pub(super) fn uv<'a>(words: &[&'a str]) -> Option<Install<'a>> {
    let at = words.iter().position(|word| !word.starts_with('-'))?;
    let rest = words.get(at.saturating_add(1)..).unwrap_or_default();
    match *words.get(at)? {
        "pip" => match verb(rest, &["sync"]) {
            Some(rest) => Some(locked(rest)),
            None => pip(rest),
        },
        "tool" => verb(rest, &["install"]).map(|rest| python(Manager::Pip, rest)),
        "add" => Some(python(Manager::Uv, rest)),
        "sync" => {
            Some(Install { is_project: true, named: Vec::new(), ..python(Manager::Uv, rest) })
        }
        _ => None,
    }
}

pub(super) fn pipenv<'a>(words: &[&'a str]) -> Option<Install<'a>> {
    let rest = verb(words, &["install", "sync"])?;
    let named = operands::named(rest, &PIP);
    let is_fixed = words.contains(&"sync")
        || ["--deploy", "--ignore-pipfile"].iter().any(|option| rest.contains(option));
    Some(Install { is_project: named.is_empty(), named, is_fixed, ..Install::by(Manager::Pipenv) })
}

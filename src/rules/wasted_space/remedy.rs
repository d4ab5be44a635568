//! Why files of one layer are hidden by another, and what to do about each.

use crate::model::dockerfile::{Instruction, Step};
use crate::scan::waste::{Loss, Lost};

/// Why files are wasted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Deleted, and the base image's.
    DeletedOfBase,
    /// Deleted.
    Deleted,
    /// Written again because owners or modes changed.
    Owners,
    /// The distribution's packages of the base image were upgraded.
    Upgraded,
    /// Another version over that of the base image.
    ReplacedOfBase,
    /// Another version over one's own.
    Replaced,
    /// The same again.
    Again,
}

impl Cause {
    /// `by` is the instruction that hides the files; layers below `base` are the base image's.
    pub(super) fn of(lost: &Lost, by: Option<&Step<'_>>, base: usize) -> Self {
        let is_base = lost.layer < base;
        match lost.loss {
            Loss::Rewritten if by.is_some_and(changes_owners) => Self::Owners,
            _ if is_base && by.is_some_and(upgrades) => Self::Upgraded,
            Loss::Deleted if is_base => Self::DeletedOfBase,
            Loss::Deleted => Self::Deleted,
            Loss::Replaced if is_base => Self::ReplacedOfBase,
            Loss::Replaced => Self::Replaced,
            Loss::Rewritten => Self::Again,
        }
    }

    /// What the later layer does.
    pub(super) fn verb(self) -> &'static str {
        match self {
            Self::DeletedOfBase | Self::Deleted => "deletes",
            Self::Owners => "changes owners or modes of",
            Self::Upgraded => "upgrades",
            Self::ReplacedOfBase | Self::Replaced => "replaces",
            Self::Again => "writes again",
        }
    }

    /// What to do instead; `made` is the instruction that made the files.
    pub(super) fn fix(self, made: Option<&Step<'_>>) -> &'static str {
        let is_copy = made
            .and_then(Step::instruction)
            .is_some_and(|instruction| matches!(instruction, Instruction::Copy(_)));
        match self {
            Self::DeletedOfBase => {
                "deleting from a base image frees nothing: start from a smaller one, or copy \
                 what is needed out of it with `COPY --from`"
            }
            Self::Deleted if is_copy => {
                "what is copied stays in its layer: bring it in with \
                 `RUN --mount=type=bind,source=...,target=...`, unpack it in a build stage, or \
                 list it in `.dockerignore`"
            }
            Self::Deleted => {
                "delete in the `RUN` that creates (`RUN <create> && <use> && rm -rf ...`), or do \
                 both in a build stage and copy the result"
            }
            Self::Owners => {
                "set them while copying (`COPY --chown=<user> --chmod=<mode>`) or in the `RUN` \
                 that creates the files: changing them later stores every file a second time"
            }
            Self::Upgraded => "take a newer base image instead of upgrading its packages",
            Self::ReplacedOfBase => {
                "the base image brings another version: start from one with the version that is \
                 wanted, or from a slim one without it"
            }
            Self::Replaced => "install the final version at once: what is replaced stays stored",
            Self::Again => "write each file once, in its final form",
        }
    }
}

/// Whether an instruction changes owners or modes of what is there. A `COPY --chown` brings files
/// of its own.
fn changes_owners(step: &Step<'_>) -> bool {
    const PROGRAMS: &[&str] = &["chown", "chmod", "chgrp", "setfacl", "fix-permissions"];
    step.commands().iter().any(|command| {
        PROGRAMS.contains(&command.program()) || PROGRAMS.iter().any(|word| command.has(word))
    })
}

/// Whether an instruction upgrades what the distribution installed.
fn upgrades(step: &Step<'_>) -> bool {
    const MANAGERS: &[&str] =
        &["apt-get", "apt", "apk", "dnf", "yum", "microdnf", "zypper", "tdnf"];
    const WORDS: &[&str] = &["upgrade", "dist-upgrade", "full-upgrade", "update"];
    step.commands().iter().any(|command| {
        let is_apt = command.program().starts_with("apt") || command.program() == "apk";
        let words = WORDS.iter().filter(|word| !is_apt || **word != "update");
        MANAGERS.contains(&command.program()) && words.into_iter().any(|word| command.has(word))
    })
}

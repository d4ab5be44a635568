//! The Dockerfile as far as an image's history shows it: which instruction made which layer, and
//! where the lines of the base image end. Every builder spells its history differently.
//! Sources: `research/content.md` section 4.3. All of it is written by whoever built the image.

mod base;

mod shell;

use std::borrow::Cow;

use super::Image;

pub use shell::{Command, commands};

/// Longest instruction that is read, in bytes. Real ones stay below 10 kB.
pub const MAX_INSTRUCTION_BYTES: usize = 256 * 1024;
/// Most steps of a history that are read. 127 layers are the most that runtimes mount.
pub const MAX_STEPS: usize = 2000;

/// One line of the Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<'a> {
    /// Place in the history, from 0.
    pub number: usize,
    /// The layer it made, by index, if any.
    pub layer: Option<usize>,
    /// Whether it belongs to the base image, so that the image's author did not write it.
    pub is_base: bool,
    written: Cow<'a, str>,
}

/// What an instruction does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instruction<'a> {
    /// `RUN`, without the shell and the build arguments that builders put in front.
    Run(&'a str),
    /// `COPY` or `ADD`.
    Copy(Copied<'a>),
    /// Any other keyword, in upper case as written, and what follows it.
    Other(&'a str, &'a str),
}

/// A `COPY` or `ADD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied<'a> {
    /// What is copied; the classic builder only tells a checksum, such as `dir:4f2a...`.
    pub sources: Vec<&'a str>,
    /// Where to.
    pub destination: &'a str,
}

impl Copied<'_> {
    /// Whether the whole build context is copied. The classic builder does not tell.
    pub fn is_whole_context(&self) -> bool {
        self.sources.iter().any(|source| matches!(*source, "." | "./" | "/" | "*" | "./*"))
    }

    /// Whether it surely copies from another stage or image: builders leave `--from` out, but
    /// an absolute path is hardly one of the build context.
    pub fn is_from_stage(&self) -> bool {
        self.sources.iter().all(|source| source.len() > 1 && source.starts_with('/'))
    }
}

impl<'a> Step<'a> {
    /// The instruction as its author wrote it.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// What it does; `None` for what is no Dockerfile's (Bazel, Nix, an import).
    pub fn instruction(&self) -> Option<Instruction<'_>> {
        let (keyword, rest) = self.written.split_once(char::is_whitespace)?;
        let rest = rest.trim();
        match keyword {
            "RUN" => Some(Instruction::Run(rest)),
            "COPY" | "ADD" => copied(rest).map(Instruction::Copy),
            _ => KEYWORDS.contains(&keyword).then_some(Instruction::Other(keyword, rest)),
        }
    }
}

/// Instructions that neither run nor copy anything.
const KEYWORDS: &[&str] = &[
    "ARG",
    "CMD",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// The steps of an image's history, first to last, at most [`MAX_STEPS`].
pub fn steps(image: &Image) -> Vec<Step<'_>> {
    let base = base::end(&image.config.history);
    let mut layers = 0..image.manifest.layers.len();
    let history = image.config.history.iter().take(MAX_STEPS).enumerate();
    history
        .map(|(number, step)| Step {
            number,
            layer: if step.empty_layer { None } else { layers.next() },
            is_base: number < base,
            written: written(&step.created_by),
        })
        .collect()
}

/// How many layers, from the first, belong to the base image.
pub fn base_layers(image: &Image) -> usize {
    let end = base::end(&image.config.history);
    image.config.history.iter().take(end).filter(|step| !step.empty_layer).count()
}

/// An instruction as its author wrote it: without what builders put around it.
///
/// The values of build arguments (`RUN |2 TOKEN=... OTHER=...`) are left out, too: they may be
/// secrets.
pub fn written(created_by: &str) -> Cow<'_, str> {
    let text = created_by.get(..created_by.floor_char_boundary(MAX_INSTRUCTION_BYTES));
    let text = text.unwrap_or_default().trim();
    let text = text.split_once("# buildkit").map_or(text, |(before, _)| before).trim_end();
    let text = text.split_once("|unsetLabel=").map_or(text, |(before, _)| before);
    let (is_run, bare) = match text.strip_prefix("RUN ") {
        Some(rest) => (true, rest.trim_start()),
        None => (false, text),
    };
    let bare = without_build_arguments(bare);
    let shell = SHELLS.iter().find_map(|shell| bare.strip_prefix(shell)).map(str::trim_start);
    match shell.map(|rest| (rest, rest.strip_prefix("#(nop)"))) {
        Some((_, Some(instruction))) => Cow::Borrowed(instruction.trim()),
        Some((rest, None)) => Cow::Owned(format!("RUN {rest}")),
        None if is_run => Cow::Owned(format!("RUN {bare}")),
        None => Cow::Borrowed(bare),
    }
}

/// Shells that builders run instructions with.
const SHELLS: &[&str] = &[
    "/bin/sh -c ",
    "/bin/bash -c ",
    "/bin/bash -o pipefail -c ",
    "/bin/bash -euo pipefail -c ",
    "/bin/ash -eo pipefail -c ",
    "/bin/ash -c ",
    "bash -c ",
    "sh -c ",
];

/// Leaves out `|2 TOKEN=... OTHER=...` in front of a command.
fn without_build_arguments(text: &str) -> &str {
    let is_list =
        text.strip_prefix('|').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    if !is_list {
        return text;
    }
    // Values may hold blanks, so the end of the list is only known by the shell behind it.
    ["/bin/sh -c ", "/bin/bash -c "]
        .into_iter()
        .filter_map(|shell| text.rfind(shell))
        .min()
        .and_then(|start| text.get(start..))
        .unwrap_or("...")
}

/// The words of a `COPY`, without its options, also in the list form and in the classic
/// builder's `dir:<sum> in /app`.
fn copied(rest: &str) -> Option<Copied<'_>> {
    let is_blank = |letter: char| letter.is_whitespace() || matches!(letter, '[' | ']' | ',' | '"');
    let mut words: Vec<&str> = rest
        .split(is_blank)
        .filter(|word| !word.is_empty())
        .skip_while(|word| word.starts_with("--"))
        .collect();
    let destination = words.pop()?;
    if words.last() == Some(&"in") && words.iter().any(|word| word.contains(':')) {
        words.pop();
    }
    (!words.is_empty()).then_some(Copied { sources: words, destination })
}

#[cfg(test)]
mod tests;

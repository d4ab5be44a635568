//! The Dockerfile as far as an image's history shows it: which instruction made which layer, and
//! where the lines of the base image end. Every builder spells its history differently.
//! Sources: `research/content.md` section 4.3. All of it is written by whoever built the image.

mod base;

mod copied;

mod shell;

mod written;

#[cfg(test)]
pub(crate) mod samples;

use std::borrow::Cow;

use super::Image;
use super::image::History;

pub use copied::Copied;
pub use shell::{Command, commands};
pub use written::written;

/// Longest instruction that is read, in bytes. Real ones stay below 10 kB.
pub const MAX_INSTRUCTION_BYTES: usize = 64 * 1024;
/// Most bytes of all instructions of an image that are read; the rest counts as empty. Those of
/// NVIDIA's frameworks, the longest seen, have 100 kB.
pub const MAX_HISTORY_BYTES: usize = 1024 * 1024;
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
    /// `RUN`, without its options and without the shell and the build arguments that builders
    /// put in front.
    Run(&'a str),
    /// `COPY` or `ADD`.
    Copy(Copied<'a>),
    /// Any other keyword, in upper case as written, and what follows it.
    Other(&'a str, &'a str),
}

impl Step<'_> {
    /// The instruction as its author wrote it.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// What it does; `None` for what is no Dockerfile's (Bazel, Nix, an import).
    pub fn instruction(&self) -> Option<Instruction<'_>> {
        let (keyword, rest) = self.written.split_once(char::is_whitespace)?;
        let rest = rest.trim();
        match keyword {
            "RUN" => Some(Instruction::Run(without_options(rest))),
            "COPY" | "ADD" => Copied::parse(rest).map(Instruction::Copy),
            _ => KEYWORDS.contains(&keyword).then_some(Instruction::Other(keyword, rest)),
        }
    }

    /// The commands of a `RUN`; none of any other instruction.
    pub fn commands(&self) -> Vec<Command> {
        match self.instruction() {
            Some(Instruction::Run(line)) => commands(line),
            _ => Vec::new(),
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

/// Leaves out `--mount=...`, `--network=...` and `--security=...`, which kaniko repeats.
fn without_options(mut rest: &str) -> &str {
    while rest.starts_with("--") {
        rest = rest.split_once(char::is_whitespace).map_or("", |(_, rest)| rest.trim_start());
    }
    rest
}

/// The steps of an image's history, first to last, at most [`MAX_STEPS`].
pub fn steps(image: &Image) -> Vec<Step<'_>> {
    let history = read(&image.config.history);
    let texts = texts(history);
    let base = base::end(history, &texts);
    let mut layers = 0..image.manifest.layers.len();
    let steps = history.iter().zip(texts).enumerate();
    steps
        .map(|(number, (step, written))| Step {
            number,
            layer: if step.empty_layer { None } else { layers.next() },
            is_base: number < base,
            written,
        })
        .collect()
}

/// How many layers, from the first, belong to the base image.
pub fn base_layers(image: &Image) -> usize {
    let history = read(&image.config.history);
    let end = base::end(history, &texts(history));
    let count = history.iter().take(end).filter(|step| !step.empty_layer).count();
    count.min(image.manifest.layers.len())
}

fn read(history: &[History]) -> &[History] {
    history.get(..MAX_STEPS).unwrap_or(history)
}

/// Each instruction as its author wrote it.
fn texts(history: &[History]) -> Vec<Cow<'_, str>> {
    let mut left = MAX_HISTORY_BYTES;
    let mut texts = Vec::with_capacity(history.len());
    for step in history {
        let length = step.created_by.len().min(MAX_INSTRUCTION_BYTES);
        let rest = left.checked_sub(length);
        left = rest.unwrap_or(left);
        texts.push(rest.map_or(Cow::Borrowed(""), |_| written(&step.created_by)));
    }
    texts
}

#[cfg(test)]
mod tests;

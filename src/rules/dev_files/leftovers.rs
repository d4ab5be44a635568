//! The leftovers of one image, and what to say about them.

use super::origins::{Origin, origins};
use super::places::{
    BUILD_FILES, BYTECODE, DATA, EDITORS, GIT, IN_DATA, INSTALLED, NOTEBOOKS, RUNS, TESTS,
    TOOL_CACHES, VENV, is_application,
};
use super::{ID, MIN_DATA_SIZE, MIN_SIZE};
use crate::answer::{count, size};
use crate::model::image::Layer;
use crate::model::{Fact, Finding, Image, Level};
use crate::rules::sums::{files, is_marked, root};
use crate::rules::{Seen, Settings};

/// A kind of small leftovers: what it is called, what keeps it out, and where it may come from.
struct Small {
    kind: &'static str,
    words: &'static str,
    ignore: &'static str,
    /// Whether a build may make it, so that only a copy from the context counts.
    is_built: bool,
}

const fn small(kind: &'static str, words: &'static str, ignore: &'static str) -> Small {
    Small { kind, words, ignore, is_built: false }
}

const SMALL: &[Small] = &[
    small(NOTEBOOKS, "notebooks", "`**/*.ipynb`"),
    small(TESTS, "tests", "`**/tests` `**/test`"),
    small(RUNS, "outputs of training runs", "`wandb` `mlruns` `runs` `outputs`"),
    small(
        TOOL_CACHES,
        "caches of test tools",
        "`**/.pytest_cache` `**/.mypy_cache` `**/.ruff_cache` `**/.ipynb_checkpoints`",
    ),
    Small { kind: BYTECODE, words: "compiled Python", ignore: "`**/__pycache__`", is_built: true },
    small(EDITORS, "editors' files", "`.vscode` `.idea` `**/.DS_Store`"),
    small(BUILD_FILES, "Dockerfiles", "`Dockerfile*` `docker-compose*`"),
];

/// Clones made for the build are complained about from this size on, in bytes; less is a
/// shallow one, of what is public anyway.
const LEAST_CLONE_BYTES: u64 = 1 << 20;

const GIT_FIX: &str = "add `.git` to `.dockerignore`; where the version is needed, pass it as a \
    build argument, or mount `.git` for one RUN (`--mount=type=bind,source=.git,target=.git`)";
const CLONE_FIX: &str = "`ADD https://host/repository.git#tag /src` leaves `.git` out; or delete \
    it in the RUN that clones";
const VENV_FIX: &str = "add `.venv` and `venv` to `.dockerignore`, and install the packages in \
    the image: those of another machine hardly run in it";
const DATA_FIX: &str = "add them to `.dockerignore`; mount data or download it when the container \
    starts; delete an archive in the RUN that unpacks it";

type Part<'a> = (Layer<'a>, &'a Fact, Origin);

/// The leftovers in the author's layers.
pub(super) struct Leftovers<'a> {
    parts: Vec<Part<'a>>,
    /// Whether the image is made for notebooks, which then are no leftovers.
    runs_notebooks: bool,
}

impl<'a> Leftovers<'a> {
    /// What the layers hold, whether or not a later one deletes it.
    pub(super) fn in_image(seen: &Seen<'a>) -> Self {
        let origins = origins(seen.image);
        let working_dir = seen.image.config.working_dir.trim_matches('/');
        let parts = seen
            .facts(&ID)
            .filter(|(_, fact)| is_application(&fact.path, working_dir))
            .filter_map(|(layer, fact)| {
                let origin = origins.get(layer.index).copied().unwrap_or(Origin::Unknown);
                (origin != Origin::Base).then_some((layer, fact, origin))
            })
            .collect();
        Self { parts, runs_notebooks: runs_notebooks(seen.image) }
    }

    /// The complaints.
    pub(super) fn findings(&self, seen: &Seen<'_>, settings: &Settings) -> Vec<Finding> {
        [
            self.repositories(seen),
            self.environments(seen),
            self.data(seen, settings.number(&MIN_DATA_SIZE)),
            self.small(settings.number(&MIN_SIZE)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn of(&self, kind: &str) -> impl Iterator<Item = Part<'a>> {
        self.parts.iter().copied().filter(move |(_, fact, _)| fact.kind == kind)
    }

    /// `pip install -e git+...` clones, too, and needs what it clones: not counted.
    fn repositories(&self, seen: &Seen<'_>) -> Option<Finding> {
        let counts = |(_, fact, origin): &Part<'_>| match origin {
            Origin::Run | Origin::Base => false,
            Origin::Clone => fact.size >= LEAST_CLONE_BYTES,
            Origin::Context | Origin::Sum | Origin::Stage | Origin::Unknown => true,
        };
        let parts = self.of(GIT).filter(|(_, fact, _)| is_marked(fact));
        let parts: Vec<Part<'_>> = parts.filter(counts).collect();
        let (layer, fact, origin) = largest(&parts)?;
        let path = repository(fact);
        let is_sure = parts.iter().any(|(_, _, origin)| *origin == Origin::Context);
        let (level, fix) = match origin {
            Origin::Clone => (Level::Warn, CLONE_FIX),
            _ if is_sure => (Level::Deny, GIT_FIX),
            _ => (Level::Warn, GIT_FIX),
        };
        let message = format!(
            "Git repository of {} in the image: `{path}`{}{}",
            size(total(&parts)),
            and_more(&parts),
            seen.fate_words(layer.index, &fact.path)
        );
        let finding = Finding::new(ID, level, message, fix);
        Some(finding.in_layer(layer).at_path(&path, total(&parts)))
    }

    /// Environments copied from the build context; those of a build stage are how it is done.
    fn environments(&self, seen: &Seen<'_>) -> Option<Finding> {
        let parts: Vec<Part<'_>> = self
            .of(VENV)
            .filter(|(_, fact, origin)| is_marked(fact) && *origin == Origin::Context)
            .collect();
        let (layer, fact, _) = largest(&parts)?;
        let bytes = total(&parts);
        let path = root(fact).or_else(|| fact.path.strip_suffix("/pyvenv.cfg"));
        let path = path.unwrap_or(&fact.path);
        let message = format!(
            "virtual environment of the build machine in the image: `{path}`{}, {}{}",
            and_more(&parts),
            size(bytes),
            seen.fate_words(layer.index, &fact.path)
        );
        let finding = Finding::new(ID, Level::Deny, message, VENV_FIX);
        Some(finding.in_layer(layer).at_path(path, bytes))
    }

    fn data(&self, seen: &Seen<'_>, least: u64) -> Option<Finding> {
        let placed = self.of(IN_DATA).filter(|(_, _, origin)| match origin {
            Origin::Context | Origin::Sum | Origin::Clone | Origin::Unknown => true,
            // Packages have directories of that name, too.
            Origin::Run | Origin::Stage | Origin::Base => false,
        });
        let parts: Vec<Part<'_>> =
            self.of(DATA).chain(placed).filter(|part| !self.is_installed(part)).collect();
        let bytes = total(&parts);
        if bytes < least {
            return None;
        }
        let (layer, fact, _) = largest(&parts)?;
        let message = format!(
            "data or archives of {} in {}: `{}`{}{}",
            size(bytes),
            count(number(&parts), "file"),
            fact.path,
            if number(&parts) > 1 { " and others" } else { "" },
            seen.fate_words(layer.index, &fact.path)
        );
        let finding = Finding::new(ID, Level::Warn, message, DATA_FIX);
        Some(finding.in_layer(layer).at_path(&fact.path, bytes))
    }

    /// Whether the layer of some data installs packages beside it: `pip install --target` makes no
    /// directory by whose name they could be told.
    fn is_installed(&self, (layer, fact, origin): &Part<'_>) -> bool {
        let is_beside = |installed: &str| {
            root(fact).is_some_and(|area| {
                let rest = installed.strip_prefix(area);
                rest.is_some_and(|rest| area.is_empty() || rest.is_empty() || rest.starts_with('/'))
            })
        };
        matches!(origin, Origin::Run | Origin::Stage)
            && self.of(INSTALLED).any(|(of, installed, _)| {
                of.index == layer.index && root(installed).is_none_or(is_beside)
            })
    }

    /// All that is small, in one complaint with the lines to write.
    fn small(&self, least: u64) -> Option<Finding> {
        let kinds = SMALL.iter().map(|kind| (kind, self.of_small(kind)));
        let kinds: Vec<_> = kinds.filter(|(_, parts)| !parts.is_empty()).collect();
        let all: Vec<Part<'_>> =
            kinds.iter().flat_map(|(_, parts)| parts.iter().copied()).collect();
        let has_notebooks = kinds.iter().any(|(kind, _)| kind.kind == NOTEBOOKS);
        if total(&all) < least && !has_notebooks {
            return None;
        }
        let (layer, fact, _) = largest(&all)?;
        let words: Vec<String> = kinds
            .iter()
            .map(|(kind, parts)| {
                let files = count(number(parts), "file");
                format!("{} ({files}, {})", kind.words, size(total(parts)))
            })
            .collect();
        let lines: Vec<&str> = kinds.iter().map(|(kind, _)| kind.ignore).collect();
        let message =
            format!("development leftovers of {}: {}", size(total(&all)), words.join(", "));
        let fix = format!("write into `.dockerignore`, a line each: {}", lines.join(" "));
        let finding = Finding::new(ID, Level::Warn, message, fix);
        let path = root(fact).filter(|root| !root.is_empty()).unwrap_or(&fact.path);
        Some(finding.in_layer(layer).at_path(path, total(&all)))
    }

    fn of_small(&self, small: &Small) -> Vec<Part<'a>> {
        let counts = |origin: Origin| match origin {
            Origin::Context | Origin::Sum => true,
            Origin::Stage | Origin::Unknown => !small.is_built,
            // No `.dockerignore` keeps out what is cloned.
            Origin::Clone | Origin::Run | Origin::Base => false,
        };
        if small.kind == NOTEBOOKS && self.runs_notebooks {
            return Vec::new();
        }
        self.of(small.kind).filter(|(_, _, origin)| counts(*origin)).collect()
    }
}

/// Whether the image's command runs notebooks.
fn runs_notebooks(image: &Image) -> bool {
    const PROGRAMS: &[&str] = &["jupyter", "notebook", "voila", "papermill", "nbconvert", "marimo"];
    let config = &image.config;
    config.entrypoint.iter().chain(&config.cmd).any(|word| {
        let word = word.to_ascii_lowercase();
        PROGRAMS.iter().any(|program| word.contains(program))
    })
}

/// The repository that a fact is about, or one of those.
fn repository(fact: &Fact) -> String {
    let witness = || fact.path.split(".git/objects/").next().map(|root| root.trim_end_matches('/'));
    match root(fact).or_else(witness).unwrap_or_default() {
        "" => ".git".to_owned(),
        root => format!("{root}/.git"),
    }
}

/// The largest; what lies in many places is only named when nothing else is.
fn largest<'a>(parts: &[Part<'a>]) -> Option<Part<'a>> {
    let order = |(layer, fact, _): &&Part<'_>| {
        (root(fact).is_some(), fact.size, std::cmp::Reverse(layer.index))
    };
    parts.iter().max_by_key(order).copied()
}

fn total(parts: &[Part<'_>]) -> u64 {
    parts.iter().fold(0, |sum, (_, fact, _)| sum.saturating_add(fact.size))
}

/// How many files there are.
fn number(parts: &[Part<'_>]) -> usize {
    let files = parts.iter().fold(0, |sum: u64, (_, fact, _)| sum.saturating_add(files(fact)));
    usize::try_from(files).unwrap_or(usize::MAX)
}

fn and_more(parts: &[Part<'_>]) -> String {
    let is_all = parts.iter().all(|(_, fact, _)| root(fact).is_some());
    match (parts.len().saturating_sub(1), is_all) {
        (0, true) => String::new(),
        (0, false) => " and others".to_owned(),
        (more, true) => format!(" and {more} more"),
        (more, false) => format!(" and at least {more} more"),
    }
}

//! `dev-files`: leftovers of development where the application lies.
//!
//! # What it finds
//! Git repositories, virtual environments of the build machine, data and archives; and smaller
//! things that add up: notebooks, tests, caches of test tools, outputs of training runs. Only
//! what the author's own COPY, ADD or clone put there, never what package managers install.
//!
//! # Why it matters
//! A repository holds everything that was ever committed, and every change of such a file makes
//! the layer new for every node.
//!
//! # What to do instead
//! Write a `.dockerignore`.

mod leftovers;
mod origins;
mod places;

use self::leftovers::Leftovers;
use super::sums::Sums;
use super::{Meta, Rule, Seen, Setting, Settings, Tally, package_cache};
use crate::model::{Entry, Fact, Finding, Level, RuleId};

/// The rule.
pub struct DevFiles;

/// Name of this rule.
pub const ID: RuleId = RuleId::new("dev-files");

const MIN_SIZE: Setting = Setting::bytes(
    "min-size",
    1 << 20,
    "tests, caches, outputs and the like are reported from this size on, all together; notebooks \
     and repositories always",
);
const MIN_DATA_SIZE: Setting = Setting::bytes(
    "min-data-size",
    10 << 20,
    "data files and archives are reported from this size on, all together",
);

static META: Meta = Meta {
    id: ID,
    title: "leftovers of development in the image",
    what: "Looks where applications lie (the working directory, `/app`, `/srv`, `/workspace`, \
        `/opt/<name>`, homes and other directories that are not the system's) for `.git` \
        with its objects, virtual environments copied from the build machine, data files and \
        archives, notebooks, tests, `__pycache__`, caches of pytest, mypy and ruff, outputs of \
        training runs and editors' settings. Installed packages and layers of the base image are \
        left out, and so are small things that do not add up to anything.",
    why: "A `.git` directory holds every file and every secret that was ever committed. The \
        rest makes the image larger and its layers change with every local test run, so that \
        every node pulls them again.",
    fix: "Write a `.dockerignore` with what the application does not need at run time, such as \
        `.git`, `**/__pycache__`, `.venv`, `*.ipynb`, `tests` and `data`; or copy only what it \
        needs (`COPY src/ /app/src/`). Mount data at run time.",
    level: Level::Warn,
    settings: &[MIN_SIZE, MIN_DATA_SIZE],
};

impl Rule for DevFiles {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn tally(&self) -> Option<Box<dyn Tally>> {
        Some(Box::<LeftoverTally>::default())
    }

    fn judge(&self, seen: &Seen<'_>, settings: &Settings) -> Vec<Finding> {
        Leftovers::in_image(seen).findings(seen, settings)
    }
}

/// Adds up the leftovers of one layer.
#[derive(Default)]
struct LeftoverTally {
    sums: Sums,
}

impl Tally for LeftoverTally {
    fn note(&mut self, entry: &Entry<'_>) {
        let Some(found) = places::leftover(entry) else { return };
        if package_cache::is_cached(entry.path) {
            return;
        }
        if found.is_proof {
            self.sums.mark(found.kind, found.root, entry);
        } else {
            self.sums.add(found.kind, found.root, entry);
        }
    }

    fn facts(self: Box<Self>) -> Vec<Fact> {
        self.sums.into_facts(&ID)
    }
}

#[cfg(test)]
mod tests;

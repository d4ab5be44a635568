//! `build-tools`: compilers, development headers and test tools in the final image.
//!
//! # What it finds
//! Compilers by the programs that do the work, whatever their drivers are called; Debian's
//! `-dev` packages; headers and static libraries of the system; test tools that somebody asked
//! for. Only what the running container has: what a later layer deletes is `wasted-space`'s.
//!
//! # Why it matters
//! They are hundreds of megabytes that only the build needs, and a workshop for intruders.
//!
//! # What to do instead
//! Compile in a build stage and copy the result out of it.

mod found;
mod parts;

use std::collections::BTreeSet;

use self::found::Found;
use super::sums::{self, Sums};
use super::{Meta, Rule, Seen, Setting, Settings, Tally, Want};
use crate::model::{Entry, EntryKind, Fact, Finding, Level, RuleId};
use crate::scan::Limits;

/// The rule.
pub struct BuildTools;

/// Name of this rule.
pub const ID: RuleId = RuleId::new("build-tools");

const MIN_SIZE: Setting = Setting::bytes(
    "min-size",
    10 << 20,
    "compilers, headers and static libraries are reported from this size on, all together",
);

static META: Meta = Meta {
    id: ID,
    title: "compilers, headers or test tools in the image",
    what: "Looks in the final file system for gcc, g++, gfortran, clang, Rust and Go (by the \
        compilers proper, not by the names of their drivers), CMake and make, Debian's `-dev` \
        packages, headers and static libraries below `/usr`, and pytest, mypy, ruff, black and \
        other test tools among the installed Python packages. Headers inside wheels and \
        `Python.h` in `/usr/local` do not count. Where Triton, torch, vLLM or others compile \
        kernels at run time, a C or C++ compiler alone passes, and more than that only warns.",
    why: "Build tools are often hundreds of megabytes that every node pulls and nobody runs. To \
        an intruder they are a workshop, and to vulnerability scanners hundreds of findings.",
    fix: "Build in two stages: install and compile in the first, then start from a `-slim` or \
        runtime base and copy the result (`COPY --from=build /opt/venv /opt/venv`). Keep test \
        tools in a requirements file of their own that the image does not install.",
    level: Level::Warn,
    settings: &[MIN_SIZE],
};

/// Kind of the fact about Debian's `-dev` packages.
const DEV_PACKAGES: &str = "dev-packages";
/// The particular that names some of them.
const NAMES: &str = "names";
/// How many of them are named.
const MOST_NAMES: usize = 3;
/// Kind of the packages that a compiler needs, which nobody complains about.
const COMPILER_PACKAGES: &str = "compiler-packages";

impl Rule for BuildTools {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn want(&self, entry: &Entry<'_>, _head: &[u8]) -> Want {
        if parts::installer(entry.path).is_some() { Want::Head } else { Want::Nothing }
    }

    fn look(&self, entry: &Entry<'_>, content: &[u8], _limits: &Limits, facts: &mut Vec<Fact>) {
        if let Some(name) = parts::installer(entry.path)
            && content.trim_ascii() != b"pip"
        {
            let fact = Fact::new(ID, parts::UNTOLD_TEST_TOOL, entry.path, entry.size);
            facts.push(sums::rooted(fact, name));
        }
    }

    fn tally(&self) -> Option<Box<dyn Tally>> {
        Some(Box::<ToolTally>::default())
    }

    fn judge(&self, seen: &Seen<'_>, settings: &Settings) -> Vec<Finding> {
        // A layer that is not known yet may delete the tools, or bring what needs them.
        if !seen.is_complete() {
            return Vec::new();
        }
        Found::in_image(seen).finding(seen, settings).into_iter().collect()
    }
}

/// Adds up the build tools of one layer.
#[derive(Default)]
struct ToolTally {
    sums: Sums,
    /// Names of `-dev` packages, the first in the alphabet.
    names: BTreeSet<String>,
}

impl Tally for ToolTally {
    fn note(&mut self, entry: &Entry<'_>) {
        if let Some(part) = parts::part(entry) {
            if part.is_proof {
                self.sums.mark(part.kind, part.name, entry);
            } else {
                self.sums.add(part.kind, part.name, entry);
            }
        } else if let (EntryKind::File, Some(name)) = (entry.kind, parts::dev_package(entry.path)) {
            self.dev_package(name, entry.path);
        }
    }

    fn facts(self: Box<Self>) -> Vec<Fact> {
        let names = self.names.into_iter().collect::<Vec<_>>().join(" ");
        let mut facts = self.sums.into_facts(&ID);
        for fact in facts.iter_mut().filter(|fact| fact.kind == DEV_PACKAGES) {
            fact.particulars.insert(NAMES.to_owned(), names.clone());
        }
        facts
    }
}

impl ToolTally {
    fn dev_package(&mut self, name: &str, path: &str) {
        // The list's own bytes are none of the package's.
        let entry = Entry { path, kind: EntryKind::File, size: 0, link: None };
        if parts::is_of_compiler(name) {
            self.sums.add(COMPILER_PACKAGES, "", &entry);
            return;
        }
        self.sums.add(DEV_PACKAGES, "", &entry);
        // A name from an archive may be as long as a path.
        if name.len() <= 64 {
            self.names.insert(name.to_owned());
        }
        if self.names.len() > MOST_NAMES {
            self.names.pop_last();
        }
    }
}

#[cfg(test)]
mod tests;

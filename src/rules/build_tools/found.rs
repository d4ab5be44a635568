//! The build tools of one image, and what to say about them.

use std::collections::BTreeMap;

use super::parts::{
    ASKED_TEST_TOOL, GCC, GXX, HEADERS, JIT, MAKE, STATIC_LIBRARIES, TEST_TOOL, TOOLS, Tool,
    UNTOLD_TEST_TOOL,
};
use super::{DEV_PACKAGES, ID, MIN_SIZE, NAMES};
use crate::answer::{count, size};
use crate::model::image::Layer;
use crate::model::{Fact, Finding, Level, dockerfile};
use crate::rules::sums::{files, is_marked, root};
use crate::rules::{Fate, Seen, Settings};

/// `-dev` packages beyond those of a compiler that make a herd: less may come with one library
/// that somebody installed by the wrong name.
const HERD: u64 = 3;

const FIX: &str = "compile in a build stage and copy the result onto a slim base: \
    `COPY --from=build /opt/venv /opt/venv`; or install, compile and purge in one RUN";
const BASE_FIX: &str = "the base image brings them: take its `-slim` or runtime variant, compile \
    in a build stage, and copy the result: `COPY --from=build /opt/venv /opt/venv`";
const HEADERS_FIX: &str = "install the run-time library instead (`libgl1`, not \
    `libgl1-mesa-dev`), and leave `-dev` packages to a build stage";
const TEST_FIX: &str =
    "keep them in a requirements file of their own, which only the tests' stage installs";

type Part<'a> = (Layer<'a>, &'a Fact);

/// The visible parts of build tools.
pub(super) struct Found<'a> {
    parts: Vec<Part<'a>>,
}

impl<'a> Found<'a> {
    /// What the final file system shows.
    pub(super) fn in_image(seen: &Seen<'a>) -> Self {
        let is_visible =
            |(layer, fact): &Part<'_>| seen.fate(layer.index, &fact.path) == Fate::Visible;
        Self { parts: seen.facts(&ID).filter(is_visible).collect() }
    }

    fn of(&self, kind: &str) -> impl Iterator<Item = Part<'a>> {
        self.parts.iter().copied().filter(move |(_, fact)| fact.kind == kind)
    }

    fn has(&self, kind: &str) -> bool {
        self.of(kind).any(|(_, fact)| is_marked(fact))
    }

    fn tools(&self) -> impl Iterator<Item = &'static Tool> {
        TOOLS.iter().filter(|tool| self.has(tool.id))
    }

    /// How many `-dev` packages there are, without those of a compiler.
    fn dev_packages(&self) -> u64 {
        self.of(DEV_PACKAGES).fold(0, |sum, (_, fact)| sum.saturating_add(files(fact)))
    }

    fn is_herd(&self) -> bool {
        self.dev_packages() >= HERD
    }

    /// What is too much: the tools first, then headers and libraries, heaviest first.
    fn heavy(&self) -> Vec<Part<'a>> {
        let kinds = self.tools().map(|tool| tool.id).chain([HEADERS, STATIC_LIBRARIES]);
        let mut heavy: Vec<Part<'a>> = kinds.flat_map(|kind| self.of(kind)).collect();
        let is_beside = |fact: &Fact| matches!(fact.kind.as_str(), HEADERS | STATIC_LIBRARIES);
        heavy.sort_by_key(|(layer, fact)| {
            (is_beside(fact), std::cmp::Reverse(fact.size), layer.index)
        });
        heavy
    }

    /// What compiles at run time and needs a compiler for it.
    fn jit(&self) -> Option<&'a str> {
        self.of(JIT).find_map(|(_, fact)| root(fact))
    }

    /// Whether there is no more than kernels at run time need: `gcc`, or `g++` by itself. With
    /// `make` or Debian's `-dev` packages beside `g++` it is a workshop, such as
    /// `build-essential` makes.
    fn is_for_kernels(&self) -> bool {
        let all = |ids: &[&str]| self.tools().all(|tool| ids.contains(&tool.id));
        self.jit().is_some() && !self.is_herd() && (all(&[GCC, GXX]) || all(&[GCC, MAKE]))
    }

    /// The complaint about the image, if there is one.
    pub(super) fn finding(&self, seen: &Seen<'_>, settings: &Settings) -> Option<Finding> {
        let heavy = self.heavy();
        let bytes = total(&heavy);
        let has_compiler = self.tools().any(|tool| tool.is_compiler);
        let is_heavy = bytes >= settings.number(&MIN_SIZE);
        let tests = self.test_tools();
        let finding = if is_heavy && has_compiler && !self.is_for_kernels() {
            self.of_compilers(bytes, &tests)
        } else if is_heavy && !has_compiler && self.is_herd() {
            self.of_headers(bytes, &tests)
        } else {
            return of_test_tools(seen, &tests);
        };
        let layer = heaviest_layer(&heavy)?;
        let (_, largest) = heavy.iter().find(|(of, _)| of.index == layer.index)?;
        let fix = if is_of_base(seen, layer) { BASE_FIX } else { &finding.fix };
        let fix = if tests.is_empty() {
            fix.to_owned()
        } else {
            format!("{fix}; test tools: {TEST_FIX}")
        };
        Some(Finding { fix, ..finding.in_layer(layer).at_path(&largest.path, bytes) })
    }

    fn of_compilers(&self, bytes: u64, tests: &[TestTool<'_>]) -> Finding {
        let mut names: Vec<String> = self.tools().map(|tool| tool.words.to_owned()).collect();
        names.extend(self.dev_words());
        names.extend(test_words(tests));
        let (level, reason) = match self.jit() {
            None => (Level::Deny, String::new()),
            Some(name) => {
                let reason = format!("; {name} may need a C compiler at run time, not all of this");
                (Level::Warn, reason)
            }
        };
        let words = names.join(", ");
        let message = format!("build tools of {} in the image: {words}{reason}", size(bytes));
        Finding::new(ID, level, message, FIX)
    }

    fn of_headers(&self, bytes: u64, tests: &[TestTool<'_>]) -> Finding {
        let names: Vec<String> = self.dev_words().into_iter().chain(test_words(tests)).collect();
        let message = format!(
            "development headers and libraries of {} in the image: {}",
            size(bytes),
            names.join(", ")
        );
        Finding::new(ID, Level::Warn, message, HEADERS_FIX)
    }

    /// ``34 `-dev` packages (`libfoo-dev`, `libbar-dev`, ...)``.
    fn dev_words(&self) -> Option<String> {
        let (_, fact) = self.of(DEV_PACKAGES).max_by_key(|(_, fact)| files(fact))?;
        let number = usize::try_from(self.dev_packages()).unwrap_or(usize::MAX);
        let names = fact.particular(NAMES).unwrap_or_default().split_whitespace();
        let mut quoted: Vec<String> = names.map(|name| format!("`{name}`")).collect();
        if quoted.len() < number {
            quoted.push("...".to_owned());
        }
        Some(format!("{} ({})", count(number, "`-dev` package"), quoted.join(", ")))
    }

    /// The test tools that somebody put there, by name. One that nobody asked for came with a
    /// package that needs it, or says it does; where that is not known, two of them are no
    /// accident.
    fn test_tools(&self) -> Vec<TestTool<'a>> {
        let mut tools: BTreeMap<&str, TestTool<'a>> = BTreeMap::new();
        for record in self.of(TEST_TOOL).filter(|(_, fact)| is_marked(fact)) {
            let Some(name) = root(record.1) else { continue };
            tools.insert(name, TestTool { name, bytes: 0, asked: Asked::No, record });
        }
        for (_, fact) in self.of(TEST_TOOL) {
            if let Some(tool) = root(fact).and_then(|name| tools.get_mut(name)) {
                tool.bytes = tool.bytes.saturating_add(fact.size);
            }
        }
        for (kind, asked) in [(ASKED_TEST_TOOL, Asked::Yes), (UNTOLD_TEST_TOOL, Asked::Untold)] {
            for (_, fact) in self.of(kind) {
                if let Some(tool) = root(fact).and_then(|name| tools.get_mut(name)) {
                    tool.asked = asked;
                }
            }
        }
        let untold = tools.values().filter(|tool| tool.asked == Asked::Untold).count();
        let is_meant = |tool: &TestTool<'_>| match tool.asked {
            Asked::Yes => true,
            Asked::Untold => untold > 1,
            Asked::No => false,
        };
        tools.into_values().filter(is_meant).collect()
    }
}

/// Whether somebody asked for a package.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Yes,
    No,
    /// The program that installed it does not tell.
    Untold,
}

/// A test tool among the installed packages.
struct TestTool<'a> {
    name: &'a str,
    bytes: u64,
    asked: Asked,
    record: Part<'a>,
}

fn of_test_tools(seen: &Seen<'_>, tests: &[TestTool<'_>]) -> Option<Finding> {
    let asked = tests.iter().any(|tool| tool.asked == Asked::Yes);
    let level = if asked { Level::Deny } else { Level::Warn };
    let bytes = tests.iter().fold(0, |sum: u64, tool| sum.saturating_add(tool.bytes));
    let words: Vec<String> = test_words(tests).into_iter().collect();
    let message = format!("test tools of {} in the image: {}", size(bytes), words.join(", "));
    let (layer, fact) = tests.iter().max_by_key(|tool| tool.bytes)?.record;
    let fix = if is_of_base(seen, layer) { BASE_FIX } else { TEST_FIX };
    let finding = Finding::new(ID, level, message, fix);
    Some(finding.in_layer(layer).at_path(&fact.path, bytes))
}

fn test_words(tests: &[TestTool<'_>]) -> Option<String> {
    let names: Vec<&str> = tests.iter().map(|tool| tool.name).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn total(parts: &[Part<'_>]) -> u64 {
    parts.iter().fold(0, |sum, (_, fact)| sum.saturating_add(fact.size))
}

fn is_of_base(seen: &Seen<'_>, layer: Layer<'_>) -> bool {
    layer.index < dockerfile::base_layers(seen.image)
}

/// The layer that brought most.
fn heaviest_layer<'a>(parts: &[Part<'a>]) -> Option<Layer<'a>> {
    let mut layers: BTreeMap<usize, (Layer<'a>, u64)> = BTreeMap::new();
    for (layer, fact) in parts {
        let sum = &mut layers.entry(layer.index).or_insert((*layer, 0)).1;
        *sum = sum.saturating_add(fact.size);
    }
    let heaviest = |(layer, bytes): &(Layer<'_>, u64)| (*bytes, std::cmp::Reverse(layer.index));
    layers.into_values().max_by_key(heaviest).map(|(layer, _)| layer)
}

//! `cuda-devel`: images that carry a GPU development toolkit.
//!
//! # What it finds
//! NVIDIA's devel bases by the variables they set, by toolkit files (also copied from another
//! stage, squashed or moved), by the package database, by base image names and by the history;
//! NGC framework images; `ROCm`'s development images. One finding names all evidence.
//!
//! # Why it matters
//! A devel base adds 3-6 GB of compilers, headers and static libraries that serve no request.
//!
//! # What to do instead
//! Compile in a devel stage, run on a base or runtime image.

mod bases;
mod toolkit;
mod traces;

use self::toolkit::Part;
use self::traces::Traces;
use super::{Meta, Needs, Rule, Seen, Settings, Want};
use crate::model::image::Layer;
use crate::model::{Entry, EntryKind, Fact, Finding, Level, RuleId};
use crate::scan::Limits;

/// The rule.
pub struct CudaDevel;

/// Name of this rule.
pub const ID: RuleId = RuleId::new("cuda-devel");

static META: Meta = Meta {
    id: ID,
    title: "CUDA development image",
    what: "Looks for a GPU toolkit made for compiling: the variables that only NVIDIA's devel \
        images set (`NV_*_DEV_*`, link stubs in `LIBRARY_PATH`), nvcc together with its headers \
        or static libraries outside of Python packages, development packages of the package \
        database, base names and install commands, NGC framework images, ROCm's hipcc with its \
        headers. Two pieces of evidence that belong together refuse; one alone warns, such as \
        nvcc kept for kernels that are compiled at run time. Wheels of torch, triton and \
        NVIDIA's runtime libraries never count.",
    why: "A devel base adds 3 to 6 GB that no request ever uses: it slows every cold start, \
        fills node disks and hands an intruder a complete tool chain. Deleting the toolkit in a \
        later layer does not help, its bytes are still pulled.",
    fix: "Compile in a devel stage and copy the result out: `FROM nvidia/cuda:12.8.1-devel-\
        ubuntu24.04 AS build`, then `FROM nvidia/cuda:12.8.1-base-ubuntu24.04` and `COPY --from=\
        build /opt/venv /opt/venv`. PyTorch, JAX and TensorFlow wheels bring the CUDA libraries \
        along: with them `python:3.12-slim` is enough.",
    level: Level::Deny,
    settings: &[bases::DENIED],
};

const CERTAIN_FIX: &str = "make the last stage `FROM nvidia/cuda:<version>-base-<os>` (or \
    `-runtime`, or `python:3.12-slim` when wheels bring CUDA along), keep the devel image for the \
    build stage and copy the result with `COPY --from=build`";
const DOUBTFUL_FIX: &str = "install the runtime packages only, or keep the compiler and say so in \
    an exception when kernels are compiled at run time";

impl Rule for CudaDevel {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn want(&self, entry: &Entry<'_>, head: &[u8]) -> Want {
        if !matches!(entry.kind, EntryKind::File | EntryKind::HardLink) {
            return Want::Nothing;
        }
        match toolkit::part(entry, head) {
            Some((Part::Packages, _)) => Want::Whole,
            Some(_) => Want::Head,
            None => Want::Nothing,
        }
    }

    fn look(&self, entry: &Entry<'_>, content: &[u8], _limits: &Limits, facts: &mut Vec<Fact>) {
        let Some((part, root)) = toolkit::part(entry, content) else { return };
        let fact = Fact::new(ID, part.as_str(), entry.path, entry.size);
        if part != Part::Packages {
            facts.push(fact.with("root", root));
            return;
        }
        let names = match toolkit::listed_package(entry.path) {
            Some(package) => vec![package.to_owned()],
            None => toolkit::packages(content),
        };
        if !names.is_empty() {
            facts.push(fact.with("names", names.join(" ")));
        }
    }

    fn needs(&self, settings: &Settings) -> Needs {
        Needs { bases: settings.texts(&bases::DENIED), ..Needs::default() }
    }

    fn judge(&self, seen: &Seen<'_>, settings: &Settings) -> Vec<Finding> {
        let evidence = Evidence::of(seen);
        let mut findings = bases::findings(seen, &settings.texts(&bases::DENIED));
        findings.extend(evidence.cuda(seen));
        findings.extend(evidence.rocm(seen));
        findings
    }
}

/// All that speaks for a toolkit.
struct Evidence<'a> {
    traces: Traces,
    parts: Vec<(Layer<'a>, &'a Fact)>,
    packages: Vec<&'a str>,
}

impl<'a> Evidence<'a> {
    fn of(seen: &Seen<'a>) -> Self {
        let (packages, parts): (Vec<_>, Vec<_>) =
            seen.facts(&META.id).partition(|(_, fact)| fact.kind == Part::Packages.as_str());
        let mut packages: Vec<&str> = packages
            .iter()
            .flat_map(|(_, fact)| fact.particular("names").unwrap_or_default().split(' '))
            .collect();
        packages.sort_unstable();
        packages.dedup();
        Self { traces: traces::traces(seen), parts, packages }
    }

    fn parts(&self, part: Part) -> impl Iterator<Item = &(Layer<'a>, &'a Fact)> {
        self.parts.iter().filter(move |(_, fact)| fact.kind == part.as_str())
    }

    fn root(fact: &Fact) -> &str {
        fact.particular("root").unwrap_or_default()
    }

    /// nvcc outside of conda environments, with the part that completes the toolkit if any.
    fn compilers(&self) -> Vec<(&(Layer<'a>, &'a Fact), Option<&'a str>)> {
        self.parts(Part::Nvcc)
            .filter(|(_, fact)| !toolkit::is_conda(Self::root(fact)))
            .map(|nvcc| {
                let root = Self::root(nvcc.1);
                let complement = self
                    .parts(Part::Header)
                    .chain(self.parts(Part::StaticLibrary))
                    .find(|(_, fact)| Self::root(fact) == root)
                    .map(|(_, fact)| fact.path.as_str());
                (nvcc, complement.or_else(|| self.devel_package()))
            })
            .collect()
    }

    fn devel_package(&self) -> Option<&'a str> {
        self.packages.iter().copied().find(|name| toolkit::is_devel_package(name))
    }

    /// Whether pieces that belong together prove a toolkit. More facts only add pieces.
    fn is_certain(&self) -> bool {
        let traces = &self.traces;
        let (variable, stubs) = (!traces.variables.is_empty(), traces.stubs);
        let written = traces.history.is_some() || self.devel_package().is_some();
        let compilers = self.compilers();
        let toolkit = compilers.iter().any(|(_, complement)| complement.is_some());
        traces.variables.len() >= 2
            || (variable && stubs)
            || (traces.framework.is_some() && (stubs || traces.history.is_some()))
            || toolkit
            || ((variable || stubs) && (written || traces.base.is_some()))
            || (!compilers.is_empty() && (traces.history.is_some() || traces.base.is_some()))
    }

    fn cuda(&self, seen: &Seen<'_>) -> Option<Finding> {
        let words = self.words(seen);
        if words.is_empty() {
            return None;
        }
        let (level, what, fix) = if self.is_certain() {
            (Level::Deny, "the image carries the CUDA development toolkit", CERTAIN_FIX)
        } else {
            (Level::Warn, "the image carries a part of the CUDA development toolkit", DOUBTFUL_FIX)
        };
        let finding = Finding::new(ID, level, format!("{what}: {}", words.join("; ")), fix);
        let nvcc = self.compilers().first().map(|(nvcc, _)| **nvcc);
        match nvcc.or_else(|| self.parts(Part::Nvcc).next().copied()) {
            Some((layer, fact)) => Some(finding.in_layer(layer).at_path(&fact.path, fact.size)),
            None => Some(finding),
        }
    }

    /// The evidence in people's words; nothing when none of it says anything alone.
    fn words(&self, seen: &Seen<'_>) -> Vec<String> {
        let traces = &self.traces;
        let mut words = Vec::new();
        if let [first, others @ ..] = traces.variables.as_slice() {
            let more = match others.len() {
                0 => String::new(),
                count => format!(" and {count} more"),
            };
            words.push(format!("only devel images set `{first}`{more}"));
        }
        if traces.stubs {
            words.push("`LIBRARY_PATH` holds the link stubs of the toolkit".to_owned());
        }
        words.extend(traces.base.iter().map(|base| format!("built on `{base}`")));
        words.extend(self.compiler_words(seen));
        words.extend(traces.history.iter().map(|text| format!("the build history has `{text}`")));
        let devel = self.devel_package().map(|name| format!("package `{name}` is installed"));
        words.extend(devel);
        // Every NGC image has a product name; it only explains the rest.
        if let (Some(framework), false) = (&traces.framework, words.is_empty()) {
            words.push(format!("NGC's {framework} image is one for development"));
        }
        words
    }

    fn compiler_words(&self, seen: &Seen<'_>) -> Option<String> {
        let compilers = self.compilers();
        let best = compilers.iter().find(|(_, with)| with.is_some()).or_else(|| compilers.first());
        let ((layer, fact), with) = match best {
            Some((nvcc, with)) => (**nvcc, *with),
            None => (*self.parts(Part::Nvcc).next()?, None),
        };
        let with = with.map(|with| format!(" with `{with}`")).unwrap_or_default();
        let fate = seen.fate_words(layer.index, &fact.path);
        Some(format!("`{}`{with}{fate}", fact.path))
    }

    fn rocm(&self, seen: &Seen<'_>) -> Option<Finding> {
        let (layer, hipcc) = self.parts(Part::Hipcc).next()?;
        let header = self.parts(Part::HipHeader).next().map(|(_, fact)| fact.path.as_str());
        let package = self.packages.iter().copied().find(|name| toolkit::is_rocm_package(name));
        let with = header.or(package).map(|with| format!(" with `{with}`"));
        let level = if with.is_some() { Level::Deny } else { Level::Warn };
        let message = format!(
            "the image carries the ROCm development toolkit: `{}`{}{}",
            hipcc.path,
            with.unwrap_or_default(),
            seen.fate_words(layer.index, &hipcc.path)
        );
        let fix = "compile in a `rocm/dev-*` stage and copy the result onto a runtime base; \
            PyTorch's ROCm wheels bring the libraries along";
        let finding = Finding::new(ID, level, message, fix);
        Some(finding.in_layer(*layer).at_path(&hipcc.path, hipcc.size))
    }
}

#[cfg(test)]
mod tests;

//! The evidence of one image put together, and what it amounts to.

use std::collections::BTreeSet;

use super::super::{Seen, packaged};
use super::packages;
use super::surroundings::{Surroundings, is_above};
use super::toolkit::{self, Part};
use super::traces::{self, Traces};
use super::{ID, META};
use crate::answer::size;
use crate::model::image::Layer;
use crate::model::{Fact, Finding, Level};
use crate::scan::inside::SEPARATOR;

const CERTAIN_FIX: &str = "make the last stage `FROM nvidia/cuda:<version>-base-<os>` (or \
    `-runtime`, or `python:3.12-slim` when wheels bring CUDA along), keep the devel image for the \
    build stage and copy the result with `COPY --from=build`";
const DOUBTFUL_FIX: &str = "install the runtime packages only, or keep the compiler and say so in \
    an exception when kernels are compiled at run time";

const ON_PURPOSE_FIX: &str = "if the compiler is kept on purpose, say so in an exception; else \
    install the runtime packages only";

const INSTALLER_FIX: &str = "fetch, run and delete the installer in one `RUN` of the build stage, \
    or mount it there with `RUN --mount=type=bind`; nothing runs it later";

/// A part of a toolkit and the layer it lies in.
type Found<'a> = (Layer<'a>, &'a Fact);

/// All that speaks for a toolkit.
pub(super) struct Evidence<'a> {
    traces: Traces,
    parts: Vec<Found<'a>>,
    packages: Vec<&'a str>,
    around: Option<Surroundings>,
}

impl<'a> Evidence<'a> {
    pub(super) fn of(seen: &Seen<'a>) -> Self {
        let (packages, parts): (Vec<_>, Vec<Found<'a>>) =
            seen.facts(&META.id).partition(|(_, fact)| fact.kind == Part::Packages.as_str());
        let mut packages: Vec<&str> = packages
            .iter()
            .flat_map(|(_, fact)| fact.particular("names").unwrap_or_default().split(' '))
            .collect();
        packages.sort_unstable();
        packages.dedup();
        let of = |part: Part| parts.iter().filter(move |(_, fact)| fact.kind == part.as_str());
        let roots = of(Part::Nvcc).chain(of(Part::Stubs)).map(|(_, fact)| root(fact));
        let around = Surroundings::of(seen, roots);
        Self { traces: traces::traces(seen), parts, packages, around }
    }

    fn parts(&self, part: Part) -> impl Iterator<Item = Found<'a>> {
        self.parts.iter().copied().filter(move |(_, fact)| fact.kind == part.as_str())
    }

    /// Whether a compiler there may be one that conda or pip brought along, which warns. conda's
    /// records show its environments, however those are called; while layers are unread any
    /// directory may be one.
    fn is_weak(&self, root: &str) -> bool {
        if packaged::is_in_package(&format!("{root}/bin")) || toolkit::is_bundled(root) {
            return true;
        }
        !toolkit::is_at_home(root) && (self.around.is_none() || self.is_in_conda(root))
    }

    fn is_in_conda(&self, root: &str) -> bool {
        self.around.as_ref().is_some_and(|around| around.is_in_conda(root))
            || self.parts(Part::Environment).any(|(_, fact)| is_above(self::root(fact), root))
    }

    /// nvcc, each with the part that completes the toolkit if any.
    fn compilers(&self) -> Vec<(Found<'a>, Option<&'a str>)> {
        self.parts(Part::Nvcc)
            .filter(|(_, fact)| !self.is_weak(root(fact)))
            .map(|nvcc| {
                let complement = self.complement(nvcc.1).map(|fact| fact.path.as_str());
                (nvcc, complement.or_else(|| self.devel_package()))
            })
            .collect()
    }

    /// A part of the same toolkit as the compiler: of the same root, or packed in the same file,
    /// as installers keep each component in a directory of its own.
    fn complement(&self, nvcc: &Fact) -> Option<&'a Fact> {
        let parts = || {
            let parts = [Part::Header, Part::StaticLibrary, Part::Stubs];
            parts.into_iter().flat_map(|part| self.parts(part)).map(|(_, fact)| fact)
        };
        parts().find(|fact| root(fact) == root(nvcc)).or_else(|| {
            let (file, _) = nvcc.path.split_once(SEPARATOR)?;
            parts().find(|fact| outermost(&fact.path) == file && !self.is_weak(root(fact)))
        })
    }

    /// A toolkit without a compiler's name in it: headers, static libraries and link stubs that
    /// belong together. Also the tool of it that only a toolkit has.
    fn nameless(&self) -> Option<(Found<'a>, Option<&'a str>)> {
        let roots = |part| self.parts(part).map(|(_, fact)| root(fact)).collect::<BTreeSet<_>>();
        let (libraries, stubs) = (roots(Part::StaticLibrary), roots(Part::Stubs));
        let whole = self.parts(Part::Header).find(|(_, fact)| {
            let root = root(fact);
            libraries.contains(root) && stubs.contains(root) && !self.is_weak(root)
        })?;
        let tool = self.parts(Part::Tool).find(|(_, fact)| root(fact) == root(whole.1));
        Some((whole, tool.map(|(_, fact)| fact.path.as_str())))
    }

    fn devel_package(&self) -> Option<&'a str> {
        self.packages.iter().copied().find(|name| packages::is_devel_package(name))
    }

    /// Whether pieces that belong together prove a toolkit. More facts only add pieces.
    fn is_certain(&self, compilers: &[(Found<'a>, Option<&'a str>)]) -> bool {
        let traces = &self.traces;
        let (variable, stubs) = (!traces.variables.is_empty(), traces.stubs);
        let written = traces.history.is_some() || self.devel_package().is_some();
        let toolkit = compilers.iter().any(|(_, complement)| complement.is_some());
        let (ngc, base) = (traces.framework.is_some(), traces.base.is_some());
        traces.variables.len() >= 2
            || (variable && stubs)
            || (ngc && (stubs || traces.history.is_some() || !compilers.is_empty()))
            || toolkit
            || self.nameless().is_some_and(|(_, tool)| tool.is_some())
            || ((variable || stubs) && (written || base))
            || (!compilers.is_empty() && (traces.history.is_some() || base))
    }

    /// The complaint about CUDA.
    pub(super) fn cuda(&self, seen: &Seen<'_>) -> Option<Finding> {
        let compilers = self.compilers();
        let best = compilers.iter().find(|(_, with)| with.is_some()).or(compilers.first());
        let best = best.copied().or_else(|| Some((self.parts(Part::Nvcc).next()?, None)));
        let words = self.words(seen, best);
        if words.is_empty() {
            return None;
        }
        let is_on_purpose = self.run_time_compiler().is_some();
        let (level, what, fix) = if self.is_certain(&compilers) {
            (Level::Deny, "the image carries the CUDA development toolkit", CERTAIN_FIX)
        } else if is_on_purpose {
            (Level::Warn, "the image carries the CUDA compiler", ON_PURPOSE_FIX)
        } else {
            (Level::Warn, "the image carries a part of the CUDA development toolkit", DOUBTFUL_FIX)
        };
        let finding = Finding::new(ID, level, format!("{what}: {}", words.join("; ")), fix);
        Some(self.placed(finding, seen, best))
    }

    /// The finding at the compiler, else at the layer that installed something.
    fn placed(
        &self,
        finding: Finding,
        seen: &Seen<'_>,
        best: Option<(Found<'a>, Option<&str>)>,
    ) -> Finding {
        let nameless = || self.nameless().map(|(header, _)| (header, None));
        if let Some(((layer, fact), _)) = best.or_else(nameless) {
            let bytes = self.around.as_ref().and_then(|around| around.size(root(fact)));
            return finding.in_layer(layer).at_path(&fact.path, bytes.unwrap_or(fact.size));
        }
        let made = self.traces.history_layer;
        match seen.layers().find(|(layer, _)| Some(layer.index) == made) {
            Some((layer, _)) => finding.in_layer(layer),
            None => finding,
        }
    }

    fn run_time_compiler(&self) -> Option<&'static str> {
        self.around.as_ref().and_then(Surroundings::run_time_compiler)
    }

    /// The evidence in people's words; nothing when none of it says anything alone.
    fn words(&self, seen: &Seen<'_>, best: Option<(Found<'a>, Option<&str>)>) -> Vec<String> {
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
        if let Some((nvcc, with)) = best {
            words.extend(self.compiler_words(seen, nvcc, with));
        } else if let Some(((layer, header), tool)) = self.nameless() {
            let with = match tool {
                Some(tool) => format!(", link stubs and `{tool}`"),
                None => " and link stubs".to_owned(),
            };
            let fate = seen.fate_words(layer.index, outermost(&header.path));
            words.push(format!("`{}` with static libraries{with}{fate}", header.path));
        }
        words.extend(traces.history.iter().map(|text| format!("the build history has `{text}`")));
        let is_said = |name: &&str| best.and_then(|(_, with)| with) == Some(*name);
        let compiler =
            || self.packages.iter().copied().find(|name| packages::is_compiler_package(name));
        let devel = self.devel_package().or_else(compiler).filter(|name| !is_said(name));
        words.extend(devel.map(|name| format!("package `{name}` is installed")));
        // Every NGC image has a product name; it only explains the rest.
        if let (Some(framework), false) = (&traces.framework, words.is_empty()) {
            words.push(format!("NGC's {framework} image is one for development"));
        }
        words
    }

    fn compiler_words(
        &self,
        seen: &Seen<'_>,
        (layer, nvcc): Found<'a>,
        with: Option<&str>,
    ) -> Vec<String> {
        let with = with.map(|with| format!(" with `{with}`")).unwrap_or_default();
        let is_conda = self.around.is_some() && self.is_in_conda(root(nvcc));
        let place = if is_conda { " of a conda environment" } else { "" };
        let fate = seen.fate_words(layer.index, outermost(&nvcc.path));
        let mut words = vec![format!("`{}`{place}{with}{fate}", nvcc.path)];
        let bytes = self.around.as_ref().and_then(|around| around.size(root(nvcc)));
        // The compiler alone is no toolkit.
        let bytes = bytes.filter(|bytes| place.is_empty() && *bytes > nvcc.size);
        words.extend(bytes.map(|bytes| format!("`{}` takes {}", root(nvcc), size(bytes))));
        let run_time = self.run_time_compiler();
        words.extend(run_time.map(|name| format!("`{name}` compiles kernels at run time")));
        words
    }

    /// The complaint about an installer that was left and cannot be opened.
    pub(super) fn installer(&self, seen: &Seen<'_>) -> Option<Finding> {
        let (layer, fact) = self.parts(Part::Installer).next()?;
        let more = match self.parts(Part::Installer).count() {
            0 | 1 => String::new(),
            count => format!(" and {} more", count.saturating_sub(1)),
        };
        let message = format!(
            "an installer of the CUDA development toolkit is left in the image: `{}`{more}{}",
            fact.path,
            seen.fate_words(layer.index, outermost(&fact.path))
        );
        let finding = Finding::new(ID, Level::Warn, message, INSTALLER_FIX);
        Some(finding.in_layer(layer).at_path(&fact.path, fact.size))
    }

    /// The complaint about `ROCm`.
    pub(super) fn rocm(&self, seen: &Seen<'_>) -> Option<Finding> {
        let trace = self.traces.rocm.as_deref();
        let Some((layer, hipcc)) = self.parts(Part::Hipcc).next() else {
            let message =
                format!("the image was built for ROCm development: the build names `{}`", trace?);
            return Some(Finding::new(ID, Level::Warn, message, ROCM_FIX));
        };
        let header = self.parts(Part::HipHeader).next().map(|(_, fact)| fact.path.as_str());
        let package = self.packages.iter().copied().find(|name| packages::is_rocm_package(name));
        let with = header.or(package).or(trace).map(|with| format!(" with `{with}`"));
        let level = if with.is_some() { Level::Deny } else { Level::Warn };
        let message = format!(
            "the image carries the ROCm development toolkit: `{}`{}{}",
            hipcc.path,
            with.unwrap_or_default(),
            seen.fate_words(layer.index, &hipcc.path)
        );
        let finding = Finding::new(ID, level, message, ROCM_FIX);
        Some(finding.in_layer(layer).at_path(&hipcc.path, hipcc.size))
    }
}

const ROCM_FIX: &str = "compile in a `rocm/dev-*` stage and copy the result onto a runtime base; \
    PyTorch's ROCm wheels bring the libraries along";

/// What is packed in a file shares its fate.
fn outermost(path: &str) -> &str {
    path.split(SEPARATOR).next().unwrap_or(path)
}

fn root(fact: &Fact) -> &str {
    fact.particular("root").unwrap_or_default()
}

//! `cuda-devel`: images that carry a GPU development toolkit.
//!
//! # What it finds
//! NVIDIA's devel bases by the variables they set, by toolkit files (also copied from another
//! stage, squashed or moved), by the package databases, by base image names and by the history;
//! NGC framework images; `ROCm`'s development images. One finding names all evidence.
//!
//! # Why it matters
//! A devel base adds 3-6 GB of compilers, headers and static libraries that serve no request.
//!
//! # What to do instead
//! Compile in a devel stage, run on a base or runtime image.

mod bases;
mod evidence;
mod installers;
mod packages;
mod surroundings;
mod toolkit;
mod traces;

use self::evidence::Evidence;
use self::packages::Database;
use self::toolkit::Part;
use super::{Meta, Needs, Rule, Seen, Settings, Want};
use crate::model::{Entry, EntryKind, Fact, Finding, Level, RuleId};
use crate::scan::Limits;
use crate::scan::inside::Closed;

/// The rule.
pub struct CudaDevel;

/// Name of this rule.
pub const ID: RuleId = RuleId::new("cuda-devel");

static META: Meta = Meta {
    id: ID,
    title: "CUDA development image",
    what: "Looks for a GPU toolkit made for compiling: the variables that only NVIDIA's devel \
        images set (`NV_*_DEV_*`, link stubs in `LIBRARY_PATH`), nvcc or the compiler behind it \
        together with headers, static libraries or stubs of the same toolkit, wherever it was \
        copied to, development packages in the databases of dpkg and rpm, base names and \
        install commands, NGC framework images, ROCm's hipcc with its headers; the files also \
        in archives, packages and installers. Two pieces of evidence that belong together \
        refuse; one alone warns, such as nvcc kept for kernels that are compiled at run time, \
        and so does nvcc in a conda environment, or an installer that cannot be opened. Wheels \
        of torch, triton and NVIDIA's libraries never count.",
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

impl Rule for CudaDevel {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn want(&self, entry: &Entry<'_>, head: &[u8]) -> Want {
        if !matches!(entry.kind, EntryKind::File | EntryKind::HardLink) {
            return Want::Nothing;
        }
        match toolkit::part(entry, head) {
            Some((Part::Packages, _)) => match packages::database(entry.path) {
                Some(Database::Dpkg) => Want::Whole,
                Some(Database::Rpm) => Want::Windows,
                Some(Database::DpkgList) | None => Want::Head,
            },
            Some(_) => Want::Head,
            None if installers::is_archive(entry, head) => Want::Inside,
            None if installers::is_closed(entry, head) => Want::Head,
            None => Want::Nothing,
        }
    }

    fn look(&self, entry: &Entry<'_>, content: &[u8], _limits: &Limits, facts: &mut Vec<Fact>) {
        let Some(database) = packages::database(entry.path) else {
            if let Some((part, root)) = toolkit::part(entry, content) {
                let fact = Fact::new(ID, part.as_str(), entry.path, entry.size);
                facts.push(fact.with("root", root));
            } else if installers::is_closed(entry, content) {
                facts.push(Fact::new(ID, Part::Installer.as_str(), entry.path, entry.size));
            }
            return;
        };
        let names = match database {
            Database::Dpkg => packages::in_dpkg(content),
            Database::DpkgList => {
                packages::listed_package(entry.path).map(str::to_owned).into_iter().collect()
            }
            Database::Rpm => packages::in_rpm(content),
        };
        if !names.is_empty() {
            let fact = Fact::new(ID, Part::Packages.as_str(), entry.path, entry.size);
            facts.push(fact.with("names", names.join(" ")));
        }
    }

    fn closed(&self, entry: &Entry<'_>, _why: Closed, facts: &mut Vec<Fact>) {
        if installers::is_installer(entry) {
            facts.push(Fact::new(ID, Part::Installer.as_str(), entry.path, entry.size));
        }
    }

    fn needs(&self, settings: &Settings) -> Needs {
        Needs { bases: settings.texts(&bases::DENIED), ..Needs::default() }
    }

    fn judge(&self, seen: &Seen<'_>, settings: &Settings) -> Vec<Finding> {
        let evidence = Evidence::of(seen);
        let mut findings = bases::findings(seen, &settings.texts(&bases::DENIED));
        findings.extend(evidence.cuda(seen));
        findings.extend(evidence.installer(seen));
        findings.extend(evidence.rocm(seen));
        findings
    }
}

#[cfg(test)]
mod tests;

//! What lies around a compiler, from the listings: whether its directory is a conda environment,
//! how large the toolkit is, and who compiles at run time. Read when all layers are known: before
//! that a listing proves nothing, and judging must be quick.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Seen;

/// Packages that compile kernels when they run, the most telling first. `triton` comes with every
/// torch and brings its own assembler.
const RUN_TIME_COMPILERS: &[&str] =
    &["vllm", "sglang", "flashinfer", "tensorrt_llm", "deepspeed", "triton"];
/// Most toolkits that are measured.
const MAX_ROOTS: usize = 8;

/// What the listings say.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    /// Directories with conda's own records.
    environments: BTreeSet<String>,
    /// Position in [`RUN_TIME_COMPILERS`].
    compiler: Option<usize>,
    sizes: BTreeMap<String, u64>,
}

impl Surroundings {
    /// Looks around the toolkits at `roots`. `None` while layers are unread.
    pub(super) fn of<'r>(seen: &Seen<'_>, roots: impl Iterator<Item = &'r str>) -> Option<Self> {
        let mut found = Self::default();
        found.sizes.extend(roots.take(MAX_ROOTS).map(|root| (root.to_owned(), 0)));
        if found.sizes.is_empty() || !seen.is_complete() {
            return None;
        }
        for (_, facts) in seen.layers() {
            for listed in facts.into_iter().flat_map(|facts| facts.listing.iter()) {
                found.note(&listed.path, listed.size);
            }
        }
        Some(found)
    }

    fn note(&mut self, path: &str, size: u64) {
        if let Some((environment, record)) = path.split_once("/conda-meta/")
            && (record == "history" || record.rsplit('.').next() == Some("json"))
            && !self.environments.contains(environment)
        {
            self.environments.insert(environment.to_owned());
        }
        if let Some((_, rest)) = path.split_once("-packages/") {
            let package = rest.split('/').next().unwrap_or(rest);
            let known = RUN_TIME_COMPILERS.iter().position(|name| *name == package);
            self.compiler = self.compiler.into_iter().chain(known).min();
        }
        for (root, sum) in &mut self.sizes {
            if path.strip_prefix(root.as_str()).is_some_and(|rest| rest.starts_with('/')) {
                *sum = sum.saturating_add(size);
            }
        }
    }

    /// Whether a toolkit lies in an environment that conda made.
    pub(super) fn is_in_conda(&self, root: &str) -> bool {
        self.environments.iter().any(|environment| is_above(environment, root))
    }

    /// A package that compiles kernels when it runs.
    pub(super) fn run_time_compiler(&self) -> Option<&'static str> {
        RUN_TIME_COMPILERS.get(self.compiler?).copied()
    }

    /// Bytes of all that lies below a root in all layers, if that is a toolkit's own directory.
    pub(super) fn size(&self, root: &str) -> Option<u64> {
        let is_shared = root.is_empty() || matches!(root, "usr" | "usr/local" | "opt");
        self.sizes.get(root).copied().filter(|_| !is_shared)
    }
}

/// Whether `environment` is `root` or a directory above it.
pub(super) fn is_above(environment: &str, root: &str) -> bool {
    root.strip_prefix(environment).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

//! Problems of a configuration: every one with the path of its key, all of them at once.

use std::fmt;

use super::files::Sources;

/// Most problems that are shown; a file of another program would give hundreds.
const MAX_SHOWN: usize = 50;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Path of the key, such as `policy.rules.image-size.level`; empty for the file as a whole.
    pub path: String,
    /// What is wrong, with a hint where there is one.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.text)
    }
}

/// A configuration that cannot be used: all its problems.
#[derive(Debug, Clone, thiserror::Error)]
pub struct ConfigError {
    /// Name of the file, if it came from one.
    pub file: Option<String>,
    /// The problems, in the order of their paths. At least one.
    pub problems: Vec<Problem>,
    /// What was read, so that a watcher notices when it changes.
    pub(super) sources: Sources,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.as_deref().unwrap_or("configuration");
        match self.problems.as_slice() {
            [problem] => return write!(f, "{file}: {problem}"),
            problems => write!(f, "{file}: {} problems", problems.len())?,
        }
        for problem in self.problems.iter().take(MAX_SHOWN) {
            write!(f, "\n  {problem}")?;
        }
        match self.problems.len().saturating_sub(MAX_SHOWN) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

/// Collects problems while a configuration is read.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    /// Notes a problem of the key at `path`.
    pub(super) fn add(&mut self, path: impl Into<String>, text: impl Into<String>) {
        self.0.push(Problem { path: path.into(), text: text.into() });
    }

    /// Keeps the value of a result and notes its error.
    pub(super) fn keep<T>(&mut self, path: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|text| self.add(path, text)).ok()
    }

    /// Whether one of the keys of `section` has a problem.
    pub(super) fn has_any_in(&self, section: &str) -> bool {
        self.0.iter().any(|problem| problem.path.starts_with(section))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All that were noted, those of one section together.
    pub(super) fn into_vec(mut self) -> Vec<Problem> {
        self.0.sort_by(|one, other| one.path.cmp(&other.path));
        self.0
    }
}

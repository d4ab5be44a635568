//! The application's own source and configuration: literals, pairs and URLs in it are a warning,
//! the values of a Kubernetes Secret more than that. What packages bring is searched for tokens
//! only: their defaults and examples look like passwords.

use super::super::secrets::assignments::{self, Style};
use super::super::secrets::tokens::Found;
use super::super::secrets::{Strength, commands, urls};
use super::places::{self, Place};
use super::{MAX_PER_FILE, kubernetes, packed, sqlite};
use crate::model::Entry;

/// Source and configuration above this size is data; it is only searched for tokens.
const MAX_SOURCE_BYTES: usize = 256 * 1024;

/// How a source is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// A programming language.
    Code,
    /// The same in a browser, where programs are packed into one long line.
    Web,
    /// Pairs of names and values.
    Configuration,
    /// YAML and JSON, which may describe Kubernetes objects.
    Objects,
    /// Commands.
    Shell,
    /// Jupyter's notebooks, with the results of their cells.
    Notebook,
    /// Lists of packages and other plain text: only URLs.
    Text,
}

/// How the file of that entry is to be read, when it is the application's own.
pub(super) fn source(entry: &Entry<'_>) -> Option<Source> {
    let system = ["etc/", "var/", "bin/", "sbin/", "usr/bin/", "usr/sbin/", "lib/", "lib64/"];
    let kind = by_name(entry.name()).or_else(|| by_extension(entry.extension()))?;
    let own = !system.iter().any(|root| entry.path.starts_with(root))
        && !packed::is_packed(entry.path)
        && places::place(entry.path) == Place::Application;
    own.then_some(kind)
}

/// Whether it is a store of the application's in which texts lie as they were written: `SQLite`'s
/// files, what vim leaves of a file that is being edited.
pub(super) fn is_store(entry: &Entry<'_>, head: &[u8]) -> bool {
    (head.starts_with(sqlite::MAGIC) || head.starts_with(b"b0VIM "))
        && places::place(entry.path) == Place::Application
}

fn by_name(name: &str) -> Option<Source> {
    let starts = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
    if starts(&["Dockerfile", "Containerfile", "Makefile", "Jenkinsfile", "Procfile", "Justfile"]) {
        Some(Source::Shell)
    } else if matches!(name, "Pipfile" | ".gitmodules" | ".editorconfig") {
        Some(Source::Configuration)
    } else {
        None
    }
}

fn by_extension(extension: &str) -> Option<Source> {
    Some(match extension.to_ascii_lowercase().as_str() {
        "js" | "mjs" | "cjs" => Source::Web,
        "py" | "ts" | "jsx" | "tsx" | "go" | "rb" | "php" | "java" | "kt" | "scala" | "rs"
        | "r" | "jl" | "lua" | "pl" | "cs" | "swift" | "c" | "cc" | "cpp" => Source::Code,
        "toml" | "ini" | "cfg" | "conf" | "config" | "properties" | "tf" | "hcl" | "xml"
        | "jsonc" | "json5" | "service" | "tpl" | "j2" => Source::Configuration,
        "yaml" | "yml" | "json" => Source::Objects,
        "sh" | "bash" | "zsh" | "fish" | "ps1" | "bat" | "cmd" | "mk" | "dockerfile" => {
            Source::Shell
        }
        "ipynb" => Source::Notebook,
        "txt" | "in" | "sql" | "lock" => Source::Text,
        _ => return None,
    })
}

impl Source {
    /// Whether a file of this kind may well be longer than what is searched.
    pub(super) fn is_data(self) -> bool {
        matches!(self, Self::Objects | Self::Notebook | Self::Text | Self::Web)
    }

    /// What may be secret in a text of this kind.
    pub(super) fn find(self, text: &str) -> Found {
        if text.len() > MAX_SOURCE_BYTES && self != Self::Notebook {
            return Found::default();
        }
        let mut found = match self {
            Self::Code | Self::Web => pairs(text, Style::Code),
            Self::Configuration | Self::Objects => pairs(text, Style::Configuration),
            Self::Notebook => pairs(text, Style::Notebook),
            Self::Shell => {
                let mut found = pairs(text, Style::Configuration);
                found.sightings.extend(commands::find(text, MAX_PER_FILE));
                found
            }
            Self::Text => Found::default(),
        };
        if self == Self::Objects {
            kubernetes::leave_references(text, &mut found.sightings);
        }
        found.sightings.extend(urls::find(text, MAX_PER_FILE));
        for sighting in &mut found.sightings {
            sighting.strength = Strength::Weak;
        }
        if self == Self::Objects {
            found.sightings.extend(kubernetes::find(text, MAX_PER_FILE));
        }
        found
    }
}

fn pairs(text: &str, style: Style) -> Found {
    assignments::search(text, MAX_PER_FILE, style)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EntryKind;

    fn kind(path: &str) -> Option<Source> {
        source(&Entry { path, kind: EntryKind::File, size: 100, link: None })
    }

    #[test]
    fn the_applications_own_is_read() {
        let table = [
            ("app/main.py", Some(Source::Code)),
            ("app/Config.YAML", Some(Source::Objects)),
            ("app/run.ipynb", Some(Source::Notebook)),
            ("app/requirements.txt", Some(Source::Text)),
            ("app/Dockerfile.prod", Some(Source::Shell)),
            ("app/settings.ini", Some(Source::Configuration)),
            ("app/web.config", Some(Source::Configuration)),
            ("app/model.bin", None),
            ("etc/ssl/openssl.cnf.ini", None),
            ("usr/lib/python3/dist-packages/x.py", None),
            ("app/tests/x.py", None),
        ];
        for (path, expected) in table {
            assert_eq!(kind(path), expected, "{path}");
        }
    }

    #[test]
    fn the_size_is_capped_but_for_notebooks() {
        let line = "password = 'hunter2secure'\n";
        for (size, code) in [(MAX_SOURCE_BYTES, 1), (MAX_SOURCE_BYTES + 1, 0)] {
            let text = line.to_owned() + &"x".repeat(size - line.len());
            assert_eq!(Source::Code.find(&text).sightings.len(), code, "{size}");
            assert_eq!(Source::Notebook.find(&text).sightings.len(), 1, "{size}");
        }
    }
}

//! The application's own source and configuration: literals, pairs and URLs in it are a warning,
//! the values of a Kubernetes Secret more than that. What packages bring is searched for tokens
//! only: their defaults and examples look like passwords.

use super::super::secrets::assignments::{self, Style};
use super::super::secrets::tokens::Found;
use super::super::secrets::{Strength, commands, urls};
use super::places::{self, Place};
use super::{MAX_PER_FILE, kubernetes, named, packed, sqlite};
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
    /// The same of systemd, where the pairs of a program's environment stand behind a name.
    Unit,
    /// Commands.
    Shell,
    /// Jupyter's notebooks, with the results of their cells.
    Notebook,
    /// Lists of packages and other plain text: only URLs.
    Text,
}

/// How the file of that entry is to be read, when it is the application's own. What commands and
/// base images left in `/etc` and `/var` is sorted out when all is known.
pub(super) fn source(entry: &Entry<'_>, head: &[u8]) -> Option<Source> {
    const SYSTEM: &[&str] = &["bin/", "sbin/", "usr/bin/", "usr/sbin/", "lib/", "lib64/"];
    const WEB: &[&str] = &["var/task/", "var/www/", "var/app/", "var/opt/"];
    let is_below = |roots: &[&str]| roots.iter().any(|root| entry.path.starts_with(root));
    let name = named::without_backup(entry.name());
    let kind = by_name(name)
        .or_else(|| by_extension(name.rsplit_once('.').map_or("", |(_, extension)| extension)))
        .or_else(|| by_folder(entry.path))
        .or_else(|| by_interpreter(entry, head))?;
    let own = !is_below(SYSTEM)
        && (is_below(WEB) || !entry.path.starts_with("var/"))
        && !packed::is_packed(entry.path)
        && places::place(entry.path) == Place::Application;
    own.then_some(kind)
}

/// Folders of systems whose files have no extension.
fn by_folder(path: &str) -> Option<Source> {
    if path.starts_with("etc/default/") {
        Some(Source::Configuration)
    } else if path.starts_with("etc/cron.") {
        Some(Source::Shell)
    } else {
        None
    }
}

/// Scripts without an extension. Those of conda's programs are not the application's.
fn by_interpreter(entry: &Entry<'_>, head: &[u8]) -> Option<Source> {
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    if !entry.extension().is_empty() || entry.path.contains("conda/bin/") {
        return None;
    }
    let line = std::str::from_utf8(line).ok()?.trim_end();
    let mut words = line.split(['/', ' ']).rev();
    let of = |word: &str| match word.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.') {
        "sh" | "bash" | "dash" | "zsh" | "ash" | "ksh" => Some(Source::Shell),
        "python" | "node" | "perl" | "ruby" | "php" => Some(Source::Code),
        _ => None,
    };
    words.find_map(of)
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
    } else if matches!(name, "Pipfile" | ".gitmodules" | ".editorconfig")
        // Those of tests hold made up values, mostly.
        || matches!(name, "env" | ".env.test" | ".env.ci" | "test.env" | "ci.env")
    {
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
        | "jsonc" | "json5" | "tpl" | "j2" => Source::Configuration,
        "yaml" | "yml" | "json" => Source::Objects,
        "sh" | "bash" | "zsh" | "fish" | "ps1" | "bat" | "cmd" | "mk" | "dockerfile" => {
            Source::Shell
        }
        "service" => Source::Unit,
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
            // Blanks, so that every byte keeps its place.
            Self::Unit => pairs(
                &text
                    .replace("Environment=\"", "            \"")
                    .replace("Environment=", "            "),
                Style::Configuration,
            ),
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
        read(path, b"")
    }

    fn read(path: &str, head: &[u8]) -> Option<Source> {
        source(&Entry { path, kind: EntryKind::File, size: 100, link: None }, head)
    }

    #[test]
    fn scripts_say_what_reads_them() {
        for (path, head, expected) in [
            ("app/run", "#!/bin/sh\nset -e\n", Some(Source::Shell)),
            ("app/run", "#!/usr/bin/env bash\r\n", Some(Source::Shell)),
            ("app/run", "#!/usr/bin/env -S python3.12 -u\n", Some(Source::Code)),
            ("app/run", "#!/usr/bin/awk -f\n", None),
            ("app/run", "sh", None),
            ("app/run.dat", "#!/bin/sh\n", None),
            ("usr/bin/run", "#!/bin/sh\n", None),
            ("opt/conda/bin/run", "#!/bin/sh\n", None),
        ] {
            assert_eq!(read(path, head.as_bytes()), expected, "{path} {head}");
        }
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
            ("app/settings.py~", Some(Source::Code)),
            ("app/.env.test", Some(Source::Configuration)),
            ("etc/myapp/config.yaml", Some(Source::Objects)),
            ("etc/systemd/system/t.service", Some(Source::Unit)),
            ("etc/default/trainer", Some(Source::Configuration)),
            ("etc/cron.d/j", Some(Source::Shell)),
            ("etc/passwd", None),
            ("var/task/app.py", Some(Source::Code)),
            ("var/lib/x/app.py", None),
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

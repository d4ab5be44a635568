//! What lists of dependencies say of the source: that they install it, and which other lists they
//! include.
//! Sources: pip's requirements file format; conda's environment files, which have it inside.

use std::collections::BTreeSet;

use super::projects;
use super::{ID, Place};
use crate::model::{Entry, EntryKind, Fact};
use crate::rules::Seen;
use crate::rules::installs::{Manager, is_file_at};

/// Kind of the fact about a list that names the source itself (`-e .`, `./lib`).
pub(super) const NEEDS_SOURCE: &str = "needs-source";
/// Kind of the fact about a project whose install runs its own source (`postinstall`).
pub(super) const RUNS_SOURCE: &str = "runs-source";
/// Kind of the fact about a project of several (workspaces).
pub(super) const HAS_MEMBERS: &str = "has-members";
/// Kind of the fact about a project with packages in folders of the source, which an option
/// leaves out.
pub(super) const HAS_PATHS: &str = "has-paths";
/// Kind of the fact about a list that includes others.
const INCLUDES: &str = "includes";
/// The particular with their paths, as written.
const FILES: &str = "files";

/// Most lists that one includes, and the longest path of one in bytes. Those beyond count as a
/// need of the source: then nothing is advised that would break.
const MAX_INCLUDES: usize = 8;
const MAX_INCLUDE_BYTES: usize = 100;
/// Most lists that one install reads, and most facts about lists of one image. Each install of a
/// history of 1 MiB asks for them.
const MAX_LISTS: usize = 8;
const MAX_FACTS: usize = 1000;

/// Whether an entry may be a list of pip's packages, or is the file of a project.
pub(super) fn is_read(entry: &Entry<'_>) -> bool {
    let is_requirements = entry.extension() == "txt"
        && (entry.name().contains("requirements")
            || entry.name().contains("constraints")
            || entry.parent().rsplit('/').next() == Some("requirements"));
    let is_list = is_requirements || is_environment(entry.name());
    entry.kind == EntryKind::File && is_list || projects::is_read(entry)
}

fn is_environment(name: &str) -> bool {
    const STEMS: &[&str] = &["environment", "conda", "env"];
    let stem = name.strip_suffix(".yml").or_else(|| name.strip_suffix(".yaml"));
    stem.is_some_and(|stem| STEMS.iter().any(|known| stem.starts_with(known)))
}

/// What a list says, as facts.
pub(super) fn facts(entry: &Entry<'_>, content: &[u8]) -> Vec<Fact> {
    let text = String::from_utf8_lossy(content);
    let says = if projects::is_read(entry) {
        projects::says(entry, content)
    } else if is_environment(entry.name()) {
        Says::of(pip_items(&text))
    } else {
        Says::of(text.lines())
    };
    let fact = |kind| Fact::new(ID, kind, entry.path, entry.size);
    let kinds = says.kinds.iter().map(|kind| fact(kind));
    let includes = Some(says.includes.join(" ")).filter(|files| !files.is_empty());
    kinds.chain(includes.map(|files| fact(INCLUDES).with(FILES, files))).collect()
}

/// The items of `pip:` in an environment of conda.
fn pip_items(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().map(str::trim).skip_while(|line| *line != "- pip:").skip(1);
    lines.filter_map(|line| line.strip_prefix("- ")).map(|item| item.trim_matches(['"', '\'', ' ']))
}

/// What one file says.
#[derive(Default)]
pub(super) struct Says {
    /// Kinds of facts without particulars.
    kinds: BTreeSet<&'static str>,
    includes: Vec<String>,
}

impl Says {
    /// The same and this kind of fact.
    pub(super) fn noting(mut self, kind: &'static str) -> Self {
        self.kinds.insert(kind);
        self
    }

    fn needs_source(&mut self, is_so: bool) {
        self.kinds.extend(is_so.then_some(NEEDS_SOURCE));
    }

    fn of<'a>(lines: impl Iterator<Item = &'a str>) -> Self {
        let mut says = Self::default();
        for line in lines {
            says.line(line.trim().trim_start_matches('\u{feff}'));
        }
        says
    }

    fn line(&mut self, line: &str) {
        const LISTS: &[&str] = &["--requirement", "--constraint", "-r", "-c"];
        let line = line.split(" #").next().unwrap_or(line).trim_end();
        if let Some(file) = value(line, LISTS) {
            self.include(file);
        } else if let Some(place) = value(line, &["--editable", "--find-links", "-e", "-f"]) {
            self.needs_source(!place.contains("://") || place.starts_with("file:"));
        } else if !line.starts_with(['#', '-']) {
            self.needs_source(is_local(line));
        }
    }

    fn include(&mut self, file: &str) {
        if file.contains("://") {
            return;
        }
        let is_plain = !file.contains([' ', '$']) && file.len() <= MAX_INCLUDE_BYTES;
        if is_plain && self.includes.len() < MAX_INCLUDES {
            self.includes.push(file.to_owned());
        } else {
            self.needs_source(true);
        }
    }
}

/// What follows one of these options.
fn value<'a>(line: &'a str, options: &[&str]) -> Option<&'a str> {
    let rest = options.iter().find_map(|option| line.strip_prefix(option))?;
    Some(rest.trim_start_matches(['=', ' ', '\t']))
}

/// Whether a requirement is a directory or a file and not a package of an index.
fn is_local(line: &str) -> bool {
    let place = line.split_once('@').map_or(line, |(_, place)| place).trim_start();
    if place.starts_with(['.', '/', '~']) || place.starts_with("file:") {
        return true;
    }
    let word = line.split([' ', ';', '[']).next().unwrap_or_default();
    let is_archive = [".whl", ".tar.gz", ".zip"].iter().any(|end| word.ends_with(end));
    !line.contains("://") && !word.contains('@') && (is_archive || word.contains('/'))
}

/// What is known of an image's lists.
pub(super) struct Lists<'a> {
    facts: Vec<&'a Fact>,
}

impl<'a> Lists<'a> {
    /// One more than [`MAX_FACTS`] at most.
    pub(super) fn of(seen: &Seen<'a>) -> Self {
        let most = MAX_FACTS.saturating_add(1);
        Self { facts: seen.facts(&ID).map(|(_, fact)| fact).take(most).collect() }
    }

    /// Whether one of the files that an install calls by these names needs the source, itself or
    /// by what it includes. What is too much to tell does.
    pub(super) fn need_source(&self, files: &[&str]) -> bool {
        let is_named = |fact: &&&Fact| files.iter().any(|file| is_file_at(&fact.path, file));
        let start = self.facts.iter().filter(is_named).map(|fact| fact.path.clone()).collect();
        let all = self.with_included(start);
        let is_needing = |fact: &&Fact| fact.kind == NEEDS_SOURCE && all.contains(&fact.path);
        all.len() > MAX_LISTS || self.facts.len() > MAX_FACTS || self.facts.iter().any(is_needing)
    }

    /// What is said of the project that an install by `manager` finds there: kinds of facts. Where
    /// the folder is not known, whatever is said of any project in the source counts.
    pub(super) fn said_of(&self, manager: Manager, place: &Place<'_>) -> BTreeSet<&'a str> {
        let Some(name) = projects::file_of(manager) else { return BTreeSet::new() };
        if self.facts.len() > MAX_FACTS {
            return BTreeSet::from([NEEDS_SOURCE]);
        }
        let below = |folder: &str| {
            let is_named = |rest: &str| rest.rsplit('/').next() == Some(name);
            let of_source = |fact: &&&Fact| path_below(&fact.path, folder).is_some_and(is_named);
            self.facts.iter().filter(of_source).map(|fact| fact.kind.as_str()).collect()
        };
        let Some(folder) = place.folder else { return below(place.source.unwrap_or_default()) };
        let is_there = |fact: &&&Fact| path_below(&fact.path, folder) == Some(name);
        let said: BTreeSet<&str> =
            self.facts.iter().filter(is_there).map(|fact| fact.kind.as_str()).collect();
        if said.contains(HAS_MEMBERS) { below(folder) } else { said }
    }

    /// The list at a path without its first slash, and all that it includes.
    pub(super) fn read_by(&self, path: String) -> BTreeSet<String> {
        self.with_included(BTreeSet::from([path]))
    }

    /// One more than [`MAX_LISTS`] at most, unless there are more to begin with.
    fn with_included(&self, start: BTreeSet<String>) -> BTreeSet<String> {
        let mut left: Vec<String> = start.iter().cloned().collect();
        let mut all = start;
        while let Some(path) = left.pop() {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let of_path = |fact: &&&Fact| fact.kind == INCLUDES && fact.path == path;
            let names = self.facts.iter().filter(of_path).filter_map(|fact| fact.particular(FILES));
            for file in names.flat_map(|names| names.split(' ')) {
                let Some(file) = resolved(folder, file) else { continue };
                if all.len() <= MAX_LISTS && all.insert(file.clone()) {
                    left.push(file);
                }
            }
        }
        all
    }
}

/// A path without its first slash, as seen from a folder; `None` when only the build knows.
pub(super) fn resolved(folder: &str, path: &str) -> Option<String> {
    if path.contains(['$', '*', '?']) || path.starts_with('~') {
        return None;
    }
    let from = if path.starts_with('/') { "" } else { folder };
    let mut parts: Vec<&str> = Vec::new();
    for part in from.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The rest of a path below a directory, both without the first slash.
pub(super) fn path_below<'p>(path: &'p str, directory: &str) -> Option<&'p str> {
    if directory.is_empty() || path == directory {
        return Some(path.strip_prefix(directory).unwrap_or(path));
    }
    path.strip_prefix(directory)?.strip_prefix('/')
}

/// Names of files that list dependencies.
pub(super) fn is_name(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "pyproject.toml",
        "setup.cfg",
        "uv.lock",
        "poetry.lock",
        "pdm.lock",
        "Pipfile",
        "Pipfile.lock",
        "environment.yml",
        "environment.yaml",
        "conda.yml",
        "conda.yaml",
        "package.json",
        "package-lock.json",
        "npm-shrinkwrap.json",
        "yarn.lock",
        "pnpm-lock.yaml",
        "bun.lock",
        "bun.lockb",
        "Gemfile",
        "Gemfile.lock",
        "go.mod",
        "go.sum",
    ];
    let is_requirements = name.contains("requirements") || name.contains("constraints");
    let is_text = matches!(name.rsplit_once('.'), Some((_, "txt" | "in")));
    NAMES.contains(&name) || (is_requirements && is_text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(path: &str, text: &str) -> String {
        let entry = Entry { path, kind: EntryKind::File, size: 1, link: None };
        assert!(is_read(&entry), "{path}");
        let word = |fact: &Fact| match fact.particular(FILES) {
            Some(files) => format!("{} {files}", fact.kind),
            None => fact.kind.clone(),
        };
        facts(&entry, text.as_bytes()).iter().map(word).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn knows_what_lists_need() {
        for needs in [
            "torch\n-e .\n",
            "--editable=./lib\n",
            "./lib\n",
            "../lib\n",
            "/app/lib",
            "libs/foo",
            "libs/foo[extra] ; python_version > '3'",
            "foo @ file:///app/libs/foo",
            "foo@file:libs/foo",
            "foo @ ./libs/foo",
            "file:///app/libs/foo",
            "foo-1.0-py3-none-any.whl",
            "--find-links ./wheels",
            "-f wheels",
            "-e file:///app/x",
        ] {
            assert_eq!(says("app/requirements.txt", needs), NEEDS_SOURCE, "{needs}");
        }
        for none in [
            "torch==2.5.1 # see docs/x",
            "-e git+https://x/y",
            "foo @ git+https://x/y@main",
            "https://x/y-1.0.whl",
            "foo @ https://x/y-1.0.whl",
            "--find-links https://download.pytorch.org/whl/torch_stable.html",
            "--index-url https://x/simple",
            "-r https://x/y.txt",
            "# ./lib",
            "",
        ] {
            assert_eq!(says("app/requirements.txt", none), "", "{none}");
        }
    }

    #[test]
    fn knows_what_lists_include() {
        let text = "-r base.txt # why\n-c ../constraints.txt\n--requirement=./x.txt\ntorch\n";
        let expected = "includes base.txt ../constraints.txt ./x.txt";
        assert_eq!(says("app/requirements/prod.txt", text), expected);
        let text = "channels:\n  - x/label/y\n  - https://x/y\ndependencies:\n  - pip\n  - pip:\n    - -r requirements.txt\n    - torch\n";
        assert_eq!(says("app/environment.yml", text), "includes requirements.txt");
        assert_eq!(says("app/env.yaml", "dependencies:\n- pip:\n  - -e .\n"), NEEDS_SOURCE);
        for (count, expected) in [(MAX_INCLUDES, false), (MAX_INCLUDES + 1, true)] {
            let lines: Vec<String> = (0..count).map(|number| format!("-r r{number}.txt")).collect();
            let found = says("app/requirements.txt", &lines.join("\n"));
            assert_eq!(found.starts_with(NEEDS_SOURCE), expected, "{count}");
        }
        for (length, expected) in [(MAX_INCLUDE_BYTES, false), (MAX_INCLUDE_BYTES + 1, true)] {
            let found = says("app/requirements.txt", &format!("-r {}", "x".repeat(length)));
            assert_eq!(found == NEEDS_SOURCE, expected, "{length}");
        }
    }

    #[test]
    fn resolves_paths() {
        for (folder, path, expected) in [
            ("app", "requirements.txt", Some("app/requirements.txt")),
            ("app/requirements", "../base.txt", Some("app/base.txt")),
            ("app", "/tmp//x", Some("tmp/x")),
            ("", "./x/", Some("x")),
            ("app", "../../../x", Some("x")),
            ("app", "$X", None),
            ("app", "~/x", None),
        ] {
            assert_eq!(resolved(folder, path).as_deref(), expected, "{folder} {path}");
        }
    }
}

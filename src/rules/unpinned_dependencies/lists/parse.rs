//! Reads lists of dependencies, line by line: they come from images, and a parser of all of YAML
//! is a large door for a small question.

use serde::Deserialize;

use super::super::pins;

/// What a list names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Line, from 1 (0 when unknown), and name of each that is not fixed.
    pub(super) loose: Vec<(u64, String)>,
    /// How many there are in all.
    pub(super) all: usize,
    /// Other lists it includes, a few of them.
    pub(super) includes: Vec<String>,
}

/// Most lines read, and most of the other lists that are noted. The largest locked lists have
/// 20,000 lines of hashes.
const MAX_LINES: usize = 100_000;
const MAX_INCLUDES: usize = 5;
/// Longest path of another list.
const MAX_INCLUDE: usize = 100;

/// Lines with their numbers, joined where a backslash continues them.
fn lines(text: &str) -> impl Iterator<Item = (u64, String)> {
    let mut numbered = (1_u64..).zip(text.lines().take(MAX_LINES));
    std::iter::from_fn(move || {
        let (number, first) = numbered.next()?;
        let mut line = first.to_owned();
        while line.ends_with('\\') && !line.trim_start().starts_with('#') {
            line.pop();
            let Some((_, next)) = numbered.next() else { break };
            line.push_str(next);
        }
        Some((number, line))
    })
}

/// A requirements file of pip. Constraints or hashes for all of it fix what it names.
pub(super) fn requirements(text: &str) -> Found {
    let mut found = Found::default();
    let mut is_fixed = false;
    for (number, line) in lines(text) {
        let line = line.trim().trim_start_matches('\u{feff}');
        if let Some(file) = value(line, &["--requirement", "-r"]) {
            let file = file.trim_start_matches("./");
            let is_plain = !file.contains(' ') && file.len() <= MAX_INCLUDE;
            if is_plain && found.includes.len() < MAX_INCLUDES {
                found.includes.push(file.to_owned());
            }
        } else if value(line, &["--constraint", "-c"]).is_some() || line == "--require-hashes" {
            is_fixed = true;
        } else if let Some(address) = value(line, &["--editable", "-e"]) {
            found.note(number, address, pins::python);
        } else if !line.is_empty() && !line.starts_with(['#', '-']) {
            found.note(number, line, pins::python);
        }
    }
    if is_fixed {
        found.loose.clear();
    }
    found
}

/// What follows one of these options.
fn value<'a>(line: &'a str, options: &[&str]) -> Option<&'a str> {
    let rest = options.iter().find_map(|option| line.strip_prefix(option))?;
    let rest = rest.split(" #").next().unwrap_or(rest);
    Some(rest.trim_start_matches(['=', ' ', '\t']).trim())
}

impl Found {
    fn note(&mut self, number: u64, word: &str, loose: fn(&str) -> Option<String>) {
        self.all = self.all.saturating_add(1);
        if let Some(name) = loose(word) {
            self.loose.push((number, name));
        }
    }
}

/// An environment of conda: the items of `dependencies`, and those of `pip` in it.
pub(super) fn environment(text: &str) -> Found {
    let mut found = Found::default();
    let mut is_inside = false;
    let mut pip: Option<usize> = None;
    for (number, line) in lines(text) {
        let bare = line.trim_start();
        let indent = line.len().saturating_sub(bare.len());
        let bare = bare.split(" #").next().unwrap_or(bare).trim_end();
        let Some(item) = bare.strip_prefix("- ") else {
            let is_key = !bare.is_empty() && !bare.starts_with('#') && indent == 0;
            if is_key {
                (is_inside, pip) = (bare == "dependencies:", None);
            }
            continue;
        };
        pip = pip.filter(|outer| indent > *outer);
        let item = item.trim().trim_matches(['"', '\'']);
        if !is_inside {
            continue;
        }
        if item == "pip:" {
            pip = Some(indent);
        } else {
            found.note(number, item, if pip.is_some() { requirement } else { pins::conda });
        }
    }
    found
}

/// An item of `pip:`, which may be an option.
fn requirement(item: &str) -> Option<String> {
    if item.starts_with('-') { None } else { pins::python(item) }
}

#[derive(Deserialize)]
struct Package {
    #[serde(default)]
    dependencies: serde_json::Map<String, serde_json::Value>,
}

/// The dependencies of a `package.json`; nothing when it is none.
pub(super) fn package(content: &[u8]) -> Found {
    let mut found = Found::default();
    let Ok(package) = serde_json::from_slice::<Package>(content) else { return found };
    for (name, version) in &package.dependencies {
        let version = version.as_str().unwrap_or_default();
        // Other places (`workspace:`, `file:`, URLs) say for themselves what they are.
        let is_elsewhere = version.contains(':') || version.contains('/');
        let loose =
            if is_elsewhere || pins::is_exact_node(version) { |_: &str| None } else { pins::node };
        found.note(0, name, loose);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(found: &Found) -> String {
        let names: Vec<String> =
            found.loose.iter().map(|(line, name)| format!("{line}:{name}")).collect();
        format!("{} of {} [{}]", names.join(" "), found.all, found.includes.join(" "))
    }

    #[test]
    fn reads_requirements() {
        let text = "# comment\n--index-url https://ci:t0k3n@pypi.corp/simple\ntorch==2.5.1\nnumpy>=1.2 # why\n\n\
            -r base.txt\n-e git+https://github.com/a/b#egg=b\n-e .\npandas \\\n  ==2.0\nscipy\n";
        insta::assert_snapshot!(shown(&requirements(text)), @"4:numpy 7:b 11:scipy of 6 [base.txt]");
        let hashed = "torch==2.5.1 \\\n    --hash=sha256:4f \\\n    --hash=sha256:5a\nnumpy --hash=sha256:aa\n";
        insta::assert_snapshot!(shown(&requirements(hashed)), @" of 2 []");
        insta::assert_snapshot!(shown(&requirements("-c constraints.txt\ntorch\nnumpy")), @" of 2 []");
        insta::assert_snapshot!(shown(&requirements("\u{feff}torch\r\nnumpy==1\r\n")), @"1:torch of 2 []");
    }

    #[test]
    fn reads_environments() {
        let text = "name: ml\nchannels:\n  - conda-forge\ndependencies:\n  - python=3.12\n  - numpy\n  \
            - 'scipy>=1' # why\n  - pip\n  - pip:\n      - torch==2.5.1\n      - einops\n      - -r x.txt\n  \
            - cuda-version=12\nprefix: /opt\nother:\n  - loose\n";
        insta::assert_snapshot!(shown(&environment(text)), @"6:numpy 7:scipy 8:pip 11:einops of 8 []");
        let flat = "dependencies:\n- numpy\n- pip:\n  - einops\n- scipy=1\n";
        insta::assert_snapshot!(shown(&environment(flat)), @"2:numpy 4:einops of 3 []");
    }

    #[test]
    fn reads_packages() {
        let text = br#"{"dependencies":{"a":"^1.2.3","b":"1.2.3","c":"*","d":"file:../d","e":"github:x/y","f":null}}"#;
        insta::assert_snapshot!(shown(&package(text)), @"0:a 0:c 0:f of 6 []");
        for none in [&b"{}"[..], b"[]", b"x", b"{\"dependencies\":[]}"] {
            assert_eq!(package(none), Found::default());
        }
    }

    #[test]
    fn the_number_of_lines_is_capped() {
        for (count, expected) in
            [(MAX_LINES - 1, MAX_LINES - 1), (MAX_LINES, MAX_LINES), (MAX_LINES + 1, MAX_LINES)]
        {
            assert_eq!(requirements(&"torch\n".repeat(count)).all, expected);
        }
    }
}

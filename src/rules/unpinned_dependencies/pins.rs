//! Whether a requirement fixes a version, in the spelling of each package manager. Each function
//! returns the name of a package that is free to change, and `None` for one that is fixed, or
//! that cannot be known (variables), or that is no requirement at all.
//! Sources: PEP 440, PEP 508, conda's match specifications, npm's package specifications.

use std::sync::LazyLock;

use regex::Regex;

/// Longest name; npm allows 214 letters, real ones stay far below.
const MAX_NAME: usize = 100;

/// A name as indexes compare it (PEP 503).
pub(super) fn normal(name: &str) -> String {
    name.to_ascii_lowercase().replace(['_', '.'], "-")
}

/// A requirement of pip: `torch`, `torch>=2`, `torch[extra] @ https://...`, `git+https://...`.
pub(super) fn python(word: &str) -> Option<String> {
    let word = word.split(" #").next().unwrap_or(word);
    let word = without_marker(word).trim();
    if is_unknown(word) || word.starts_with('-') || word.contains("--hash") {
        return None;
    }
    if word.contains("://") {
        return address(word);
    }
    let (name, rest) = named(word)?;
    let rest = without_extras(rest);
    // `name/path` and `C:\path` are paths, `name @ ./path` too.
    if rest.starts_with(['/', '\\', ':', '@']) {
        return None;
    }
    let is_exact = rest.split(',').any(|clause| is_exact(clause.trim_matches(['(', ')', ' '])));
    let is_bound = rest.is_empty() || rest.starts_with(['>', '<', '~', '!', '=', '^', '(', ',']);
    (is_bound && !is_exact).then(|| name.to_owned())
}

/// Environment markers, which may follow a URL only behind a blank.
fn without_marker(word: &str) -> &str {
    let mark = if word.contains("://") { " ;" } else { ";" };
    word.split(mark).next().unwrap_or(word)
}

/// `==1.2`, `===1.2`, and conda's `=1.2`; not `==1.*`.
fn is_exact(clause: &str) -> bool {
    let version = clause.trim_start_matches('=').trim();
    clause.starts_with('=') && !version.is_empty() && !version.ends_with(".*") && version != "*"
}

/// What only the build's shell knows.
fn is_unknown(word: &str) -> bool {
    word.contains(['$', '{', '`', '%', '*']) && !word.contains(".*") && !word.contains("=*")
}

/// A name and what follows it.
fn named(word: &str) -> Option<(&str, &str)> {
    let is_part =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let end = word.find(|letter| !is_part(letter)).unwrap_or(word.len());
    let (name, rest) = word.split_at_checked(end)?;
    let is_name = name.starts_with(|letter: char| letter.is_ascii_alphanumeric());
    (is_name && name.len() <= MAX_NAME).then_some((name, rest.trim()))
}

fn without_extras(rest: &str) -> &str {
    let extras = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    extras.map_or(rest, |(_, rest)| rest.trim())
}

/// A package at a URL: pinned by a commit, a tag or the version in a file's name.
fn address(word: &str) -> Option<String> {
    let (before, url) = word.split_once("://")?;
    let (_, path) = url.split_once('/')?;
    let path = path.split(['#', '?']).next().unwrap_or(path);
    let is_git = before.ends_with("git") || before.contains("git+") || path.contains(".git");
    let is_loose = if is_git { is_loose_commit(path) } else { is_loose_archive(path) };
    let name = before.split('@').next().and_then(named).filter(|_| before.contains('@'));
    let repository = || {
        let last = path.split('@').next()?.trim_end_matches('/').rsplit('/').next()?;
        named(last.trim_end_matches(".git")).map(|(name, _)| name)
    };
    let name = name.map(|(name, _)| name).or_else(repository)?;
    is_loose.then(|| name.to_owned())
}

/// Names that move: everything else behind `@` is a commit or a tag.
pub(super) fn is_branch(reference: &str) -> bool {
    const BRANCHES: &[&str] = &[
        "main",
        "master",
        "develop",
        "development",
        "dev",
        "nightly",
        "trunk",
        "HEAD",
        "latest",
        "next",
    ];
    BRANCHES.contains(&reference.trim_start_matches("refs/heads/").trim_start_matches("origin/"))
}

fn is_loose_commit(path: &str) -> bool {
    path.rsplit_once('@').is_none_or(|(_, reference)| is_loose_reference(reference))
}

#[expect(clippy::expect_used, reason = "constant expression, compiled by the tests")]
static VERSION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(refs/tags/.*|[0-9a-f]{7,64}|([\w.]+[-_/])*[A-Za-z]{0,8}\.?\d\w*([._+-]\w+)*)$")
        .expect("compiles")
});

/// Whether a reference is neither a commit nor a tag that names a version: a branch, and a tag
/// such as `stable`, will be another commit tomorrow.
pub(super) fn is_loose_reference(reference: &str) -> bool {
    is_branch(reference) || !(is_unknown(reference) || VERSION.is_match(reference))
}

/// Name of a list of dependencies at an address that moves.
pub(super) fn remote_list(file: &str) -> Option<String> {
    let (_, path) = file.split_once("://")?.1.split_once('/')?;
    let path = path.split(['#', '?']).next().unwrap_or(path);
    let (name, _) = named(path.rsplit('/').next()?)?;
    (!is_unknown(path) && is_loose_archive(path)).then(|| name.to_owned())
}

fn is_loose_archive(path: &str) -> bool {
    let stem = |part: &str| part.split('.').next().map_or(part.to_owned(), str::to_owned);
    path.contains("refs/heads/")
        || path.split('/').any(|part| is_branch(part) || is_branch(&stem(part)))
}

/// A package of conda: `numpy`, `numpy>=1.2`, `conda-forge::numpy=1.2`.
pub(super) fn conda(word: &str) -> Option<String> {
    let word = word.rsplit("::").next().unwrap_or(word).trim();
    if is_unknown(word) || word.contains("://") || word.starts_with(['.', '/', '@', '_']) {
        return None;
    }
    let (name, rest) = named(word)?;
    let is_file =
        [".tar.bz2", ".conda", ".yml", ".yaml", ".txt"].iter().any(|end| name.ends_with(end));
    let is_exact = rest.split(',').any(|clause| is_exact(clause.trim()));
    let has_version = rest.starts_with('[') || rest.starts_with(|c: char| c.is_ascii_digit());
    (!is_exact && !has_version && !is_file).then(|| name.to_owned())
}

#[expect(clippy::expect_used, reason = "constant expression, compiled by the tests")]
static EXACT_NODE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^=?v?\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?$").expect("compiles"));

/// A package of npm: `left-pad`, `@scope/name@^1`.
pub(super) fn node(word: &str) -> Option<String> {
    let word = word.trim();
    let is_elsewhere = word.starts_with(['.', '/', '~'])
        || word.contains(':')
        || word.rsplit_once('.').is_some_and(|(_, end)| end == "tgz");
    if is_elsewhere || word.contains(['$', '{', '`']) {
        return None;
    }
    let at = word.char_indices().skip(1).find(|(_, letter)| *letter == '@').map(|(at, _)| at);
    let (name, version) = at.and_then(|at| word.split_at_checked(at)).unwrap_or((word, ""));
    let (scope, bare) =
        name.strip_prefix('@').and_then(|name| name.split_once('/')).unwrap_or(("", name));
    let is_name = named(bare).is_some_and(|(_, rest)| rest.is_empty())
        && (scope.is_empty() || named(scope).is_some_and(|(_, rest)| rest.is_empty()));
    (is_name && !is_exact_node(version.trim_start_matches('@'))).then(|| name.to_owned())
}

/// Whether a version in `package.json` or on npm's command line is one and no range.
pub(super) fn is_exact_node(version: &str) -> bool {
    EXACT_NODE.is_match(version.trim())
}

/// A package of the distribution: `curl`, `curl=7.88.1`, `curl-7.88.1-1.el9`.
pub(super) fn system(word: &str) -> Option<String> {
    if is_unknown(word) || word.starts_with(['.', '/', '@']) || word.contains(['=', '*']) {
        return None;
    }
    let is_versioned_rpm = word
        .split('-')
        .skip(1)
        .any(|part| part.starts_with(|c: char| c.is_ascii_digit()) && part.contains('.'));
    let (name, _) = named(word)?;
    (!is_versioned_rpm).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_which_python_requirements_are_fixed() {
        for fixed in [
            "torch==2.5.1",
            "torch == 2.5.1",
            "torch===2.5.1+cu124",
            "torch[x]==2.5.1",
            "torch>=2,==2.5.1",
            "torch (==2.5.1)",
            "numpy==1.26.4; python_version < '3.13'",
            "torch==${TORCH}",
            "${PACKAGES}",
            "$X",
            "torch @ https://download.pytorch.org/whl/cu124/torch-2.5.1-cp312-cp312-linux_x86_64.whl",
            "https://example.com/x-1.2.tar.gz",
            "git+https://github.com/a/b@4f2a7b9c",
            "git+https://ci:t0k3n@github.com/a/b.git@v1.2#egg=b",
            "b @ git+ssh://git@github.com/a/b@v2",
            "./x",
            "/x/y.whl",
            "../x",
            "name @ file:///x",
            "name @ ./x",
            "",
            "-e",
            "a/b",
            "C:\\x",
            "--hash=x",
            "!x",
            "torch==2.5.1 --hash=sha256:abc",
            "torch==2.5.1 # comment",
            "# torch",
        ] {
            assert_eq!(python(fixed), None, "{fixed}");
        }
        for (loose, name) in [
            ("torch", "torch"),
            ("torch>=2", "torch"),
            ("torch~=2.5", "torch"),
            ("torch==2.*", "torch"),
            ("torch!=2.0", "torch"),
            ("torch[x,y]", "torch"),
            ("torch [x] >= 2", "torch"),
            ("torch<3,>=2", "torch"),
            ("numpy ; python_version < '3.13'", "numpy"),
            ("numpy # comment", "numpy"),
            ("git+https://github.com/a/b", "b"),
            ("git+https://github.com/a/b.git@main", "b"),
            ("git+ssh://git@github.com/a/b", "b"),
            ("c @ git+https://x:y@github.com/a/b.git", "c"),
            ("https://github.com/a/b/archive/refs/heads/x.zip", "x.zip"),
            ("https://github.com/a/b/archive/main.zip", "main.zip"),
        ] {
            assert_eq!(python(loose).as_deref(), Some(name), "{loose}");
        }
    }

    #[test]
    fn knows_which_references_are_fixed() {
        for (reference, expected) in [
            ("4f2a7b9c", true),
            ("0123456789abcdef0123456789abcdef01234567", true),
            ("release-0.15.2", true),
            ("2024.1", true),
            ("v2rc1", true),
            ("v2.5.1+cu124", true),
            ("refs/tags/stable", true),
            ("${TAG}", true),
            ("main", false),
            ("origin/main", false),
            ("stable", false),
            ("feature/faster", false),
            ("4f2a7", true),
            ("", false),
        ] {
            assert_eq!(!is_loose_reference(reference), expected, "{reference}");
            let word = format!("git+https://github.com/a/b.git@{reference}");
            assert_eq!(python(&word).is_none(), expected, "{word}");
        }
    }

    #[test]
    fn knows_which_remote_lists_move() {
        for (file, expected) in [
            ("https://raw.githubusercontent.com/a/b/main/requirements.txt", true),
            ("https://x/a/b/refs/heads/x/requirements.txt?raw=1", true),
            ("https://raw.githubusercontent.com/a/b/v1.2/requirements.txt", false),
            ("https://raw.githubusercontent.com/a/b/${V}/main/requirements.txt", false),
            ("requirements.txt", false),
            ("main/requirements.txt", false),
        ] {
            let name = remote_list(file);
            assert_eq!(name.as_deref() == Some("requirements.txt"), expected, "{file}");
        }
    }

    #[test]
    fn knows_which_conda_and_npm_packages_are_fixed() {
        for fixed in [
            "numpy=1.26",
            "numpy==1.26.4",
            "numpy=1.26=py312_0",
            "x::numpy=1",
            "numpy 1.26",
            "/x",
            "a.yml",
            "numpy[version='1']",
            "$X",
            "pkg.conda",
        ] {
            assert_eq!(conda(fixed), None, "{fixed}");
        }
        for (loose, name) in [
            ("numpy", "numpy"),
            ("numpy>=1.2", "numpy"),
            ("conda-forge::numpy", "numpy"),
            ("numpy=*", "numpy"),
        ] {
            assert_eq!(conda(loose).as_deref(), Some(name), "{loose}");
        }
        for fixed in [
            "a@1.2.3",
            "@s/a@1.2.3-rc.1",
            "./a",
            "git+https://x/y",
            "github:a/b",
            "a.tgz",
            "a@$V",
            "a@npm:b@1",
        ] {
            assert_eq!(node(fixed), None, "{fixed}");
        }
        for (loose, name) in [
            ("a", "a"),
            ("@s/a", "@s/a"),
            ("a@^1.2.3", "a"),
            ("a@latest", "a"),
            ("a@10", "a"),
            ("@s/a@1.x", "@s/a"),
        ] {
            assert_eq!(node(loose).as_deref(), Some(name), "{loose}");
        }
    }

    #[test]
    fn knows_which_system_packages_are_fixed() {
        for fixed in
            ["curl=7.88.1-10", "curl-7.88.1-1.el9", "./x.deb", "$X", "@development", "lib*"]
        {
            assert_eq!(system(fixed), None, "{fixed}");
        }
        for loose in ["curl", "libgl1-mesa-glx", "python3.12", "cuda-nvcc-12-8"] {
            assert_eq!(system(loose).as_deref(), Some(loose), "{loose}");
        }
    }

    proptest::proptest! {
        #[test]
        fn hostile_words_are_no_panic(word in "([\\[\\]@:/=<>~!;,. #$*-]|git\\+|://|[a-zä0-9]{1,4}){0,20}") {
            for loose in [python, conda, node, system] {
                if let Some(name) = loose(&word) {
                    proptest::prop_assert!(name.len() <= 2 * MAX_NAME + 2 && !name.contains([' ', '=', ':']), "{}", name);
                }
            }
        }
    }
}

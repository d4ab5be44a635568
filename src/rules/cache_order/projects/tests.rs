//! What files of projects say.

use super::*;
use crate::rules::cache_order::lists::facts;

fn said(path: &str, content: &[u8], size: usize) -> String {
    let size = u64::try_from(size).unwrap();
    let entry = Entry { path, kind: EntryKind::File, size, link: None };
    assert!(is_read(&entry), "{path}");
    let kinds: Vec<String> = facts(&entry, content).iter().map(|fact| fact.kind.clone()).collect();
    kinds.join(" ")
}

fn of_package(text: &str) -> String {
    said("app/package.json", text.as_bytes(), text.len())
}

fn of_pyproject(text: &str) -> String {
    said("app/pyproject.toml", text.as_bytes(), text.len())
}

#[test]
fn knows_scripts_that_run_the_source() {
    for name in ["preinstall", "install", "postinstall", "prepare", "prepublish"] {
        let text = format!(r#"{{"scripts": {{"{name}": "node scripts/x.js"}}}}"#);
        assert_eq!(of_package(&text), RUNS_SOURCE, "{name}");
    }
    for script in [
        "npm run build",
        "husky install && npm run build",
        "patch-package",
        "npx prisma generate",
        "tsc",
        "./setup.sh",
    ] {
        let text = format!(r#"{{"scripts": {{"prepare": "{script}"}}}}"#);
        assert_eq!(of_package(&text), RUNS_SOURCE, "{script}");
    }
    for script in [
        "husky",
        "husky install",
        "is-ci || husky install",
        "npx only-allow pnpm",
        "npx --yes only-allow@1 pnpm",
        "lefthook install || true",
        "exit 0",
        "",
    ] {
        let text = format!(r#"{{"scripts": {{"prepare": "{script}"}}}}"#);
        assert_eq!(of_package(&text), "", "{script}");
    }
    for name in ["build", "test", "prepack", "prepublishOnly", "start"] {
        let text = format!(r#"{{"scripts": {{"{name}": "node scripts/x.js"}}}}"#);
        assert_eq!(of_package(&text), "", "{name}");
    }
}

#[test]
fn knows_packages_of_the_source() {
    for version in [
        "file:./libs/a",
        "file:a.tgz",
        "link:../a",
        "portal:./a",
        "patch:left-pad@1#x.patch",
        "./libs/a",
        "../a",
        "/srv/a",
        "~/a",
        "a-1.0.0.tgz",
    ] {
        for table in ["dependencies", "devDependencies", "optionalDependencies"] {
            let text = format!(r#"{{"{table}": {{"a": "{version}"}}}}"#);
            assert_eq!(of_package(&text), NEEDS_SOURCE, "{table} {version}");
        }
    }
    for version in [
        "^1.0.0",
        "npm:b@1",
        "git+https://x/y.git",
        "https://x/y.tgz",
        "owner/repository",
        "github:a/b",
    ] {
        let text = format!(r#"{{"dependencies": {{"a": "{version}"}}}}"#);
        assert_eq!(of_package(&text), "", "{version}");
    }
    for (text, expected) in [
        (r#"{"workspaces": ["packages/*"]}"#, HAS_MEMBERS),
        (r#"{"dependencies": {"a": "workspace:*"}}"#, HAS_MEMBERS),
        (r#"{"pnpm": {"patchedDependencies": {"a@1": "patches/a.patch"}}}"#, NEEDS_SOURCE),
        (r#"{"peerDependencies": {"a": "file:./a"}}"#, ""),
        ("\u{feff}{}", ""),
        (r#"{"scripts": 1, "dependencies": [1], "workspace": 2}"#, ""),
        ("{", NEEDS_SOURCE),
        ("[]", NEEDS_SOURCE),
        ("", NEEDS_SOURCE),
    ] {
        assert_eq!(of_package(text), expected, "{text}");
    }
}

#[test]
fn knows_what_pyproject_takes_from_the_source() {
    for (text, expected) in [
        ("[tool.uv.sources]\nlib = { path = \"libs/lib\", editable = true }\n", HAS_PATHS),
        ("[tool.uv.sources]\nlib={path='libs/lib'}\n", HAS_PATHS),
        ("[tool.uv.sources]\nlib = [\n  { path = \"x.whl\", marker = \"y\" },\n]\n", HAS_PATHS),
        ("[tool.uv.sources.lib]\npath = \"libs/lib\"\n", HAS_PATHS),
        ("[tool.uv.sources]\nlib.path = \"libs/lib\"\n", HAS_PATHS),
        ("[tool.uv]\nsources = { lib = { path = \"libs/lib\" } }\n", HAS_PATHS),
        ("[tool.uv.sources]\nlib = { workspace = true }\n", HAS_MEMBERS),
        ("[tool.uv.workspace]\nmembers = [\"packages/*\"]\n", HAS_MEMBERS),
        ("[tool.uv]\nworkspace = { members = [\"a\"] }\n", HAS_MEMBERS),
        ("[tool.uv]\nworkspace.members = [\"a\"]\n", HAS_MEMBERS),
        ("[tool.poetry.dependencies]\na = { path = \"../a\", develop = true }\n", HAS_PATHS),
        ("[tool.poetry.group.dev.dependencies]\na = {path = \"a\"}\n", HAS_PATHS),
        ("[tool.poetry.dependencies.a]\npath = \"a\"\n", HAS_PATHS),
        ("[tool.poetry.dependencies]\na = { path = \"a-1.whl\" }\n", NEEDS_SOURCE),
        ("[project]\ndependencies = [\"a @ file:///${PROJECT_ROOT}/a\"]\n", NEEDS_SOURCE),
        ("[tool.uv.sources]\nlib = { git = \"https://x/y\" }\n", ""),
        ("[tool.uv.sources]\n# lib = { path = \"libs/lib\" }\n", ""),
        ("[tool.uv.sources]\nlib = { workspace = false }\n", ""),
        ("[tool.poetry]\ninclude = [{ path = \"tests\" }]\n", ""),
        ("[tool.poetry.dependencies]\npython = \"^3.12\"\npathspec = \"1\"\n", ""),
        ("[tool.uv.sources]\nx = { index = \"y\" }\n[tool.other]\npath = \"z\"\n", ""),
        ("[tool.coverage]\npath = \"x\"\n[project]\nreadme = {file = \"README.md\"}\n", ""),
        ("", ""),
    ] {
        assert_eq!(of_pyproject(text), expected, "{text}");
    }
}

#[test]
fn what_is_too_large_counts_as_needing_the_source() {
    for (length, expected) in [(MAX_BYTES - 1, ""), (MAX_BYTES, ""), (MAX_BYTES + 1, NEEDS_SOURCE)]
    {
        let text = format!("{{{}}}", " ".repeat(length - 2));
        assert_eq!(of_package(&text), expected, "{length}");
    }
    assert_eq!(said("app/package.json", b"{}", 3), NEEDS_SOURCE, "cut off");
}

#[test]
fn installed_packages_are_not_read() {
    for path in [
        "app/node_modules/a/package.json",
        "usr/lib/python3/dist-packages/x/pyproject.toml",
        "app/.venv/lib/python3.12/site-packages/a/package.json",
        "app/package.json.bak",
    ] {
        let entry = Entry { path, kind: EntryKind::File, size: 1, link: None };
        assert!(!is_read(&entry), "{path}");
    }
}

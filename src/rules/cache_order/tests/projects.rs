//! Projects whose install needs more of the source than their file and the lock.

use super::super::super::testing::{Sample, file};
use super::*;

/// What is found when a source with these files, and some code, is copied before `run`.
fn words(run: &str, files: &[(&str, &str)]) -> String {
    let files = files.iter().map(|(path, text)| file(&format!("app/{path}"), text));
    let files: Vec<_> = files.chain([file("app/main.js", "x")]).collect();
    Sample::of(&CacheOrder)
        .built(BASE)
        .step("WORKDIR /app")
        .layer("COPY . .", &files)
        .layer(&format!("RUN {run}"), &[])
        .words()
}

fn fix(run: &str, files: &[(&str, &str)]) -> String {
    let words = words(run, files);
    words.split_once("fix: ").unwrap_or_else(|| panic!("nothing of {run}: {files:?}")).1.to_owned()
}

const LOCK: (&str, &str) = ("package-lock.json", "{}");
const SCRIPT: &str = r#"{"scripts": {"postinstall": "node scripts/x.js"}}"#;
const HOOKS: &str = r#"{"scripts": {"prepare": "husky"}}"#;
const FOLDER: &str = r#"{"dependencies": {"a": "file:./libs/a"}}"#;
const MEMBERS: &str = r#"{"workspaces": ["packages/*"]}"#;

#[test]
fn installs_that_run_the_source_come_behind_it() {
    for (run, path, package) in [
        ("npm ci", "package.json", SCRIPT),
        ("npm install", "package.json", SCRIPT),
        ("yarn install --frozen-lockfile", "package.json", SCRIPT),
        ("npm ci", "package.json", FOLDER),
        ("npm ci --ignore-scripts", "package.json", FOLDER),
        ("cd web && npm ci", "web/package.json", SCRIPT),
        ("npm --prefix web ci", "web/package.json", FOLDER),
        ("poetry install", "pyproject.toml", "[tool.poetry.dependencies]\na = {path = \"a.whl\"}"),
    ] {
        assert_eq!(words(run, &[(path, package), LOCK]), "", "{run} {package}");
    }
    let member = ("packages/a/package.json", SCRIPT);
    assert_eq!(words("npm ci", &[("package.json", MEMBERS), member, LOCK]), "");
}

#[test]
fn installs_that_do_without_it_are_still_reported() {
    for (run, files) in [
        ("npm ci", [("package.json", HOOKS), LOCK]),
        ("npm ci --ignore-scripts", [("package.json", SCRIPT), LOCK]),
        ("npm ci", [("package.json", r#"{"scripts": {"build": "tsc"}}"#), LOCK]),
        ("npm ci", [("web/package.json", SCRIPT), LOCK]),
        ("npm ci", [("node_modules/a/package.json", SCRIPT), LOCK]),
        ("cd web && npm ci", [("web/package.json", "{}"), LOCK]),
        ("npm install -g serve", [("package.json", SCRIPT), LOCK]),
        ("pip install torch", [("package.json", SCRIPT), LOCK]),
    ] {
        assert!(words(run, &files).contains("comes before"), "{run} {files:?}");
    }
}

#[test]
fn workspaces_of_node_are_split_in_words() {
    let with = |run: &str, lock: (&'static str, &'static str)| {
        let members = [("packages/a/package.json", "{}"), ("packages/b/package.json", "{}")];
        let installed = ("node_modules/c/package.json", "{}");
        fix(run, &[("package.json", MEMBERS), lock, members[0], members[1], installed])
    };
    insta::assert_snapshot!(with("npm ci", LOCK), @"write `COPY package.json package-lock.json ./`, then `RUN npm ci`, then `COPY . .`");
    insta::assert_snapshot!(with("yarn install", ("yarn.lock", "")), @"split the install out of this line and put it, with its clean-up, before `COPY . .`; before it, `COPY` only what it reads: `package.json`, `yarn.lock`, `packages/a/package.json`, `packages/b/package.json`");
    let pnpm = [("package.json", "{}"), ("pnpm-lock.yaml", ""), ("pnpm-workspace.yaml", "")];
    insta::assert_snapshot!(fix("pnpm install", &pnpm), @"split the install out of this line and put it, with its clean-up, before `COPY . .`; before it, `COPY` only what it reads: `package.json`, `pnpm-lock.yaml`");
}

/// Confirmed with uv 0.13: with nothing but these two files there, each first line ends well, and
/// none does with `--no-install-project` or `--locked`.
#[test]
fn uv_leaves_out_all_that_is_in_the_source() {
    const MEMBERS: &str = "[tool.uv.sources]\na = { workspace = true }\n[tool.uv.workspace]\nmembers = [\"packages/*\"]\n";
    const PATHS: &str = "[tool.uv.sources]\na = { path = \"libs/a\" }\n";
    let with = |text: &'static str, run: &str| {
        let member = ("packages/a/pyproject.toml", "[project]\nname = \"a\"\n");
        fix(run, &[("pyproject.toml", text), ("uv.lock", ""), member])
    };
    insta::assert_snapshot!(with("[project]\n", "uv sync --frozen"), @"write `COPY pyproject.toml uv.lock ./`, then `RUN uv sync --frozen --no-install-project`, then `COPY . .`, then `RUN uv sync --frozen`");
    insta::assert_snapshot!(with(MEMBERS, "uv sync --frozen"), @"write `COPY pyproject.toml uv.lock ./`, then `RUN uv sync --frozen --no-install-workspace`, then `COPY . .`, then `RUN uv sync --frozen`");
    insta::assert_snapshot!(with(PATHS, "uv sync --frozen"), @"write `COPY pyproject.toml uv.lock ./`, then `RUN uv sync --frozen --no-install-local`, then `COPY . .`, then `RUN uv sync --frozen`");
    insta::assert_snapshot!(with(MEMBERS, "uv sync"), @"write `COPY pyproject.toml uv.lock ./`, then `RUN uv sync --frozen --no-install-workspace`, then `COPY . .`, then `RUN uv sync`");
    insta::assert_snapshot!(with(MEMBERS, "uv sync --locked --no-dev"), @"write `COPY pyproject.toml uv.lock ./`, then `RUN uv sync --no-dev --frozen --no-install-workspace`, then `COPY . .`, then `RUN uv sync --locked --no-dev`");
    insta::assert_snapshot!(with(MEMBERS, "uv sync --frozen --no-install-project"), @"write `COPY pyproject.toml uv.lock ./`, then `RUN uv sync --frozen --no-install-project --no-install-workspace`, then `COPY . .`, then `RUN uv sync --frozen --no-install-project`");
    insta::assert_snapshot!(with(MEMBERS, "uv sync --frozen --no-install-local"), @"write `COPY pyproject.toml uv.lock ./`, then `RUN uv sync --frozen --no-install-local`, then `COPY . .`");
    insta::assert_snapshot!(with(PATHS, "uv sync --frozen --no-install-workspace"), @"write `COPY pyproject.toml uv.lock ./`, then `RUN uv sync --frozen --no-install-workspace --no-install-local`, then `COPY . .`, then `RUN uv sync --frozen --no-install-workspace`");
    let member = ("packages/a/pyproject.toml", PATHS);
    let nested = [("pyproject.toml", MEMBERS), ("uv.lock", ""), member];
    insta::assert_snapshot!(fix("uv sync --frozen", &nested), @"write `COPY pyproject.toml uv.lock ./`, then `RUN uv sync --frozen --no-install-local`, then `COPY . .`, then `RUN uv sync --frozen`");
    let unlocked = [("pyproject.toml", MEMBERS)];
    assert!(fix("uv sync", &unlocked).starts_with("split the install"), "no lock");
}

/// Confirmed with Poetry 2.5, which refuses `--no-root` alone.
#[test]
fn poetry_leaves_out_folders_of_the_source() {
    const PATHS: &str = "[tool.poetry.dependencies]\na = { path = \"libs/a\" }\n";
    let with = |run: &str| fix(run, &[("pyproject.toml", PATHS), ("poetry.lock", "")]);
    insta::assert_snapshot!(with("poetry install"), @"write `COPY pyproject.toml poetry.lock ./`, then `RUN poetry install --no-root --no-directory`, then `COPY . .`, then `RUN poetry install`");
    insta::assert_snapshot!(with("poetry install --no-root"), @"write `COPY pyproject.toml poetry.lock ./`, then `RUN poetry install --no-root --no-directory`, then `COPY . .`, then `RUN poetry install --no-root`");
    insta::assert_snapshot!(with("poetry install && make"), @"split the install out of this line and put it, with `--no-root --no-directory` and its clean-up, before `COPY . .`; before it, `COPY` only what it reads: `pyproject.toml`, `poetry.lock`");
}

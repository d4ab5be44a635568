//! Dockerfiles in the right order, in the wrong one, and those that only look wrong.

mod projects;

use super::super::testing::{Sample, file};
use super::*;
use crate::model::dockerfile::samples;

const BASE: &[&str] = &["+# debian.sh --arch 'amd64'", "CMD [\"bash\"]"];

/// A Dockerfile on Debian; what copies brings code and lists.
fn dockerfile(lines: &[&str]) -> Sample {
    let mut sample = Sample::of(&CacheOrder).built(BASE);
    for line in lines {
        let (keyword, rest) = line.split_once(' ').unwrap();
        sample = match keyword {
            "RUN" => sample.built(&[&format!("+RUN /bin/sh -c {rest} # buildkit")]),
            "COPY" | "ADD" => {
                let files = [file("app/main.py", "x"), file("app/requirements.txt", "torch==1\n")];
                sample.layer(&format!("{line} # buildkit"), &files)
            }
            _ => sample.step(line),
        };
    }
    sample
}

#[test]
fn lists_first_then_the_source_passes() {
    let table: [&[&str]; 12] = [
        &["COPY requirements.txt .", "RUN pip install -r requirements.txt", "COPY . ."],
        &["COPY . .", "RUN pip install ."],
        &["COPY . .", "RUN pip install --no-cache-dir -e .[dev]"],
        &["COPY . .", "RUN pip install --upgrade pip setuptools wheel && python setup.py build"],
        &[
            "COPY pyproject.toml uv.lock .",
            "RUN uv sync --frozen --no-install-project",
            "COPY . .",
            "RUN uv sync --frozen",
        ],
        &[
            "COPY pyproject.toml .",
            "RUN poetry install --no-root",
            "COPY . .",
            "RUN poetry install",
        ],
        &[
            "COPY req.txt .",
            "RUN pip install -r req.txt",
            "COPY . .",
            "RUN pip install --no-deps .",
        ],
        &["COPY package.json .", "RUN npm ci", "COPY . .", "RUN npm run build && npm install"],
        &["COPY src/ /app/src/", "RUN pip install -r requirements.txt"],
        &["COPY --from=build / /", "COPY /opt/venv /opt/venv", "COPY / /", "RUN pip install torch"],
        &["COPY . .", "RUN make && cargo build && apt-get install -y ./x.deb"],
        &["COPY . .", "CMD [\"python\"]"],
    ];
    for lines in table {
        assert_eq!(dockerfile(lines).words(), "", "{lines:?}");
    }
}

#[test]
fn the_source_before_the_dependencies_is_reported() {
    let sample = dockerfile(&[
        "WORKDIR /app",
        "COPY . .",
        "RUN pip install -r requirements.txt",
        "RUN pip install torch",
    ]);
    insta::assert_snapshot!(sample.words(), @r"
    deny: every change of the code installs the dependencies again: `COPY . .` comes before `RUN pip install -r requirements.txt` (layer 2, 1000 B)
      fix: write `COPY requirements.txt ./`, then `RUN pip install -r requirements.txt`, then `COPY . .`
    ");
    assert_eq!(sample.findings()[0].layer.as_ref().unwrap().index, 1);
}

fn fix_of(lines: &[&str]) -> String {
    dockerfile(lines).findings()[0].fix.clone()
}

#[test]
fn each_manager_has_its_own_remedy() {
    let fix = |copy: &str, run: &str| fix_of(&["WORKDIR /app", copy, &format!("RUN {run}")]);
    insta::assert_snapshot!(fix("COPY . /app", "pip install -r /app/requirements/prod.txt -r b.txt"), @"write `COPY requirements/prod.txt requirements/`, `COPY b.txt ./`, then `RUN pip install -r /app/requirements/prod.txt -r b.txt`, then `COPY . /app`");
    insta::assert_snapshot!(fix("COPY . .", "pip install -c c.txt -r requirements.txt"), @"write `COPY requirements.txt c.txt ./`, then `RUN pip install -c c.txt -r requirements.txt`, then `COPY . .`");
    insta::assert_snapshot!(fix("COPY . .", "uv sync --frozen"), @"write `COPY pyproject.toml uv.lock ./`, then `RUN uv sync --frozen --no-install-project`, then `COPY . .`, then `RUN uv sync --frozen`");
    insta::assert_snapshot!(fix("COPY . .", "poetry install --only main"), @"write `COPY pyproject.toml poetry.lock ./`, then `RUN poetry install --only main --no-root`, then `COPY . .`, then `RUN poetry install --only main`");
    insta::assert_snapshot!(fix("ADD . .", "conda env update -f environment.yml"), @"write `COPY environment.yml ./`, then `RUN conda env update -f environment.yml`, then `ADD . .`");
    insta::assert_snapshot!(fix("COPY . .", "apt-get update && apt-get install -y libgl1"), @"move `RUN apt-get update && apt-get install -y libgl1` before `COPY . .`: it needs no file of the source");
    insta::assert_snapshot!(fix("COPY . .", "pip install 'torch>=2' numpy"), @"move `RUN pip install 'torch>=2' numpy` before `COPY . .`: it needs no file of the source");
}

#[test]
fn remedies_keep_the_options_and_the_cleaning_up() {
    let fix = |run: &str| fix_of(&["WORKDIR /app", "COPY . .", &format!("RUN {run}")]);
    insta::assert_snapshot!(fix("npm ci --omit=dev"), @"write `COPY package.json package-lock.json ./`, then `RUN npm ci --omit=dev`, then `COPY . .`");
    insta::assert_snapshot!(fix("npm ci && npm cache clean --force"), @"write `COPY package.json package-lock.json ./`, then `RUN npm ci && npm cache clean --force`, then `COPY . .`");
    insta::assert_snapshot!(fix("uv sync --frozen --no-dev"), @"write `COPY pyproject.toml uv.lock ./`, then `RUN uv sync --frozen --no-dev --no-install-project`, then `COPY . .`, then `RUN uv sync --frozen --no-dev`");
    insta::assert_snapshot!(fix("uv sync --frozen --no-install-project"), @"write `COPY pyproject.toml uv.lock ./`, then `RUN uv sync --frozen --no-install-project`, then `COPY . .`");
    insta::assert_snapshot!(fix("uv sync --frozen && rm -rf /root/.cache"), @"split the install out of this line and put it, with `--no-install-project` and its clean-up, before `COPY . .`; before it, `COPY` only what it reads: `pyproject.toml`, `uv.lock`");
    insta::assert_snapshot!(fix("apt-get update && apt-get install -y git && rm -rf /var/lib/apt/lists/*"), @"move `RUN apt-get update && apt-get install -y git && rm -rf /var/lib/apt/lists/*` before `COPY . .`: it needs no file of the source");
    insta::assert_snapshot!(fix("conda env update -f environment.yml && conda clean -afy"), @"write `COPY environment.yml ./`, then `RUN conda env update -f environment.yml && conda clean -afy`, then `COPY . .`");
}

/// What the author's line says beyond its packages would be lost, or mean something else.
#[test]
fn lines_that_do_more_are_split_in_words() {
    let fix = |run: &str| fix_of(&["WORKDIR /app", "COPY . .", &format!("RUN {run}")]);
    insta::assert_snapshot!(fix("cd backend && pip install -r requirements.txt"), @"split the install out of this line and put it, with its clean-up, before `COPY . .`; before it, `COPY` only what it reads from its folder: `requirements.txt`");
    insta::assert_snapshot!(fix("cd web && npm ci"), @"split the install out of this line and put it, with its clean-up, before `COPY . .`; before it, `COPY` only what it reads from its folder: `package.json`, `package-lock.json`");
    insta::assert_snapshot!(fix("npm --prefix web ci"), @"split the install out of this line and put it, with its clean-up, before `COPY . .`; before it, `COPY` only what it reads from its folder: `package.json`, `package-lock.json`");
    insta::assert_snapshot!(fix("pip install ./wheels/foo.whl && pip install --find-links ./wheels foo==1.0"), @"split the install out of this line and put it, with its clean-up, before `COPY . .`; before it, `COPY` only what it reads: `./wheels`");
    insta::assert_snapshot!(fix("pip install -r requirements.txt && pip install -e ."), @"split the install out of this line and put it, with its clean-up, before `COPY . .`; before it, `COPY` only what it reads: `requirements.txt`");
    insta::assert_snapshot!(fix("npm install && npm run build"), @"split the install out of this line and put it, with its clean-up, before `COPY . .`; before it, `COPY` only what it reads: `package.json`, `package-lock.json`");
    insta::assert_snapshot!(fix("poetry install && make"), @"split the install out of this line and put it, with `--no-root` and its clean-up, before `COPY . .`; before it, `COPY` only what it reads: `pyproject.toml`, `poetry.lock`");
    insta::assert_snapshot!(fix("set -e\npip install -r requirements.txt\n"), @"split the install out of this line and put it, with its clean-up, before `COPY . .`; before it, `COPY` only what it reads: `requirements.txt`");
    insta::assert_snapshot!(fix("apt-get update && apt-get install -y $(cat packages.txt)"), @"split the install out of this line and put it, with its clean-up, before `COPY . .`");
}

#[test]
fn files_are_copied_from_where_they_are_to_where_the_line_looks() {
    insta::assert_snapshot!(fix_of(&["WORKDIR /app", "COPY . .", "WORKDIR backend", "RUN pip install -r requirements.txt"]), @"write `COPY backend/requirements.txt ./`, then `RUN pip install -r requirements.txt`, then `COPY . .`; move the lines between that it needs along with it");
    insta::assert_snapshot!(fix_of(&["WORKDIR /app", "COPY . /srv", "RUN npm ci"]), @"split the install out of this line and put it, with its clean-up, before `COPY . /srv`; before it, `COPY` only what it reads: `package.json`, `package-lock.json`");
    insta::assert_snapshot!(fix_of(&["WORKDIR /app", "COPY requirements.txt /tmp/", "COPY . .", "RUN pip install -r /tmp/requirements.txt"]), @"move `RUN pip install -r /tmp/requirements.txt` before `COPY . .`: it needs no file of the source");
    insta::assert_snapshot!(fix_of(&["WORKDIR ${HOME}", "COPY . .", "RUN pip install -r requirements.txt"]), @"split the install out of this line and put it, with its clean-up, before `COPY . .`; before it, `COPY` only what it reads: `requirements.txt`");
    insta::assert_snapshot!(fix_of(&["COPY . .", "RUN pip install -r requirements.txt"]), @"write `COPY requirements.txt ./`, then `RUN pip install -r requirements.txt`, then `COPY . .`");
    let sample = dockerfile(&["WORKDIR /app", "COPY . .", "RUN pip install torch"]);
    let sample = sample.env(&["PIP_CONSTRAINT=/app/constraints.txt"]);
    insta::assert_snapshot!(sample.findings()[0].fix, @"write `COPY constraints.txt ./`, then `RUN pip install torch`, then `COPY . .`");
}

#[test]
fn files_that_are_there_are_named() {
    let with = |files: &[super::super::testing::File]| {
        Sample::of(&CacheOrder)
            .built(BASE)
            .step("WORKDIR /app")
            .layer("COPY . .", files)
            .layer("RUN npm install", &[])
            .findings()[0]
            .fix
            .clone()
    };
    let package = || file("app/package.json", "{}");
    insta::assert_snapshot!(with(&[file("app/main.js", ""), package()]), @"write `COPY package.json ./`, then `RUN npm install`, then `COPY . .`");
    let files = [
        file("app/.npmrc", ""),
        file("app/main.js", ""),
        package(),
        file("app/web/package-lock.json", ""),
    ];
    insta::assert_snapshot!(with(&files), @"write `COPY package.json .npmrc ./`, then `RUN npm install`, then `COPY . .`");
}

#[test]
fn lists_that_lists_include_are_copied_too() {
    let with = |list: (&str, &str), run: &str| {
        let files = [
            file("app/main.py", ""),
            file(list.0, list.1),
            file("app/requirements.txt", "-r requirements/base.txt\n"),
            file("app/requirements/base.txt", "-c ../constraints.txt\ntorch\n"),
        ];
        Sample::of(&CacheOrder)
            .built(BASE)
            .step("WORKDIR /app")
            .layer("COPY . .", &files)
            .layer(run, &[])
            .words()
    };
    let fix = |list, run| with(list, run).split_once("fix: ").unwrap().1.to_owned();
    let environment =
        ("app/environment.yml", "dependencies:\n  - pip:\n    - -r requirements.txt\n");
    insta::assert_snapshot!(fix(environment, "RUN pip install -r requirements.txt"), @"write `COPY constraints.txt requirements.txt ./`, `COPY requirements/base.txt requirements/`, then `RUN pip install -r requirements.txt`, then `COPY . .`");
    insta::assert_snapshot!(fix(environment, "RUN conda env update -f environment.yml"), @"write `COPY constraints.txt environment.yml requirements.txt ./`, `COPY requirements/base.txt requirements/`, then `RUN conda env update -f environment.yml`, then `COPY . .`");
    let needing = ("app/constraints.txt", "foo @ file:///app/libs/foo\n");
    assert_eq!(with(needing, "RUN pip install -r requirements.txt"), "", "needs the source");
}

#[test]
fn other_spellings_do_not_hide_it() {
    for (copy, run) in [
        ("COPY ./ ./", "python3 -m pip install -r requirements.txt"),
        ("ADD . /app", "/opt/venv/bin/pip3.12 install torch"),
        ("COPY --chown=app . .", "bash -lc 'pip install torch'"),
        ("COPY [\".\", \"/app\"]", "set -ex; sudo -H pip install torch"),
        ("COPY * /app/", "PIP_NO_CACHE_DIR=1 pip install torch"),
        ("COPY . .", "cat requirements.txt | xargs -n 1 pip install torch"),
        ("COPY . .", "set -e\npip install -r requirements.txt\nmake\n"),
    ] {
        let words = dockerfile(&[copy, &format!("RUN {run}")]).words();
        assert!(words.contains("comes before"), "{copy} {run}: {words}");
    }
}

#[test]
fn the_classic_builder_is_seen_through() {
    let classic = |files: &[super::super::testing::File]| {
        Sample::of(&CacheOrder)
            .built(&["+/bin/sh -c #(nop) ADD file:1 in / ", "/bin/sh -c #(nop)  CMD [\"bash\"]"])
            .layer("/bin/sh -c #(nop) COPY dir:4f2a in . ", files)
            .layer("/bin/sh -c pip install -r requirements.txt", &[])
    };
    let list = file("app/requirements.txt", "");
    assert_eq!(classic(&[file("app/requirements/a.txt", "")]).words(), "");
    let finding = classic(&[list, file("app/main.py", "")]).findings()[0].clone();
    insta::assert_snapshot!(finding.fix, @"split the install out of this line and put it, with its clean-up, before the `COPY` of the source; before it, `COPY` only what it reads: `requirements.txt`");
    insta::assert_snapshot!(finding.message, @"every change of the code installs the dependencies again: `COPY dir:4f2a in .` comes before `RUN pip install -r requirements.txt` (layer 2, 1000 B)");
}

#[test]
fn a_list_that_names_the_source_needs_it() {
    for (list, expected) in [
        ("torch\n-e .\n", true),
        ("--editable=./lib\n", true),
        ("foo @ file:///app/libs/foo\n", true),
        ("libs/foo\n", true),
        ("./lib\n", true),
        ("-e git+https://x/y\n", false),
    ] {
        let sample = Sample::of(&CacheOrder)
            .built(BASE)
            .layer("COPY . .", &[file("app/requirements.txt", list), file("app/main.py", "")])
            .layer("RUN pip install -r requirements.txt", &[]);
        assert_eq!(sample.findings().is_empty(), expected, "{list}");
    }
}

#[test]
fn a_context_without_code_changes_with_its_lists_only() {
    let files = [file("requirements.txt", ""), file("Dockerfile", ""), file("README.md", "")];
    let sample = Sample::of(&CacheOrder)
        .layer("COPY . .", &files)
        .layer("RUN pip install -r requirements.txt", &[]);
    assert_eq!(sample.words(), "");
}

#[test]
fn nothing_is_said_before_all_is_known() {
    let sample = dockerfile(&["COPY . .", "RUN pip install torch"]).unread("COPY x /x", 1);
    assert_eq!(sample.words(), "");
}

#[test]
fn vendors_of_base_images_are_not_blamed() {
    for known in samples::ALL {
        for own in [&[][..], samples::APP] {
            let sample = Sample::of(&CacheOrder).built(known.steps).built(own);
            assert_eq!(sample.words(), "", "{}", known.name);
        }
    }
}

#[test]
fn secrets_in_the_lines_are_not_repeated() {
    let sample = dockerfile(&[
        "COPY . .",
        "RUN pip install -i https://ci:t0pS3cr3t99@pypi.corp/simple torch",
    ]);
    let words = sample.words();
    assert!(words.contains("pypi.corp") && !words.contains("t0pS"), "{words}");
}

#[test]
fn the_number_of_installs_looked_at_is_capped() {
    let with = |count: usize| {
        let line = "pip install . ; ".repeat(count);
        let run = format!("RUN {line} pip install torch");
        dockerfile(&["COPY . .", &run]).findings().len()
    };
    for (count, expected) in [(MAX_INSTALLS - 2, 1), (MAX_INSTALLS - 1, 1), (MAX_INSTALLS, 0)] {
        assert_eq!(with(count), expected, "{count}");
    }
}

//! Dockerfiles in the right order, in the wrong one, and those that only look wrong.

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

#[test]
fn each_manager_has_its_own_remedy() {
    let fix = |copy: &str, run: &str| {
        dockerfile(&[copy, &format!("RUN {run}")]).findings()[0].fix.clone()
    };
    insta::assert_snapshot!(fix("COPY . /app", "pip install -r /app/requirements/prod.txt -r b.txt"), @"write `COPY prod.txt /app/requirements/`, `COPY b.txt ./`, then `RUN pip install -r /app/requirements/prod.txt -r b.txt`, then `COPY . /app`");
    insta::assert_snapshot!(fix("COPY . .", "uv sync --frozen"), @"write `COPY pyproject.toml uv.lock ./`, then `RUN uv sync --frozen --no-install-project`, then `COPY . .`, then `RUN uv sync --frozen`");
    insta::assert_snapshot!(fix("COPY . /srv/", "npm install && npm run build"), @"write `COPY package.json package-lock.json /srv/`, then `RUN npm ci`, then `COPY . /srv/`");
    insta::assert_snapshot!(fix("ADD . .", "conda env update -f environment.yml"), @"write `COPY environment.yml ./`, then `RUN conda env update -f environment.yml`, then `ADD . .`");
    insta::assert_snapshot!(fix("COPY . .", "apt-get update && apt-get install -y libgl1"), @"write `RUN apt-get update && apt-get install -y libgl1` before `COPY . .`: it needs no file of the source");
    insta::assert_snapshot!(fix("COPY . .", "pip install 'torch>=2' numpy"), @"write `RUN pip install 'torch>=2' numpy` before `COPY . .`: it needs no file of the source");
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
    insta::assert_snapshot!(classic(&[list, file("app/main.py", "")]).findings()[0].message, @"every change of the code installs the dependencies again: `COPY dir:4f2a in .` comes before `RUN pip install -r requirements.txt` (layer 2, 1000 B)");
}

#[test]
fn a_list_that_names_the_source_needs_it() {
    for (list, expected) in [
        ("torch\n-e .\n", true),
        ("--editable=./lib\n", true),
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

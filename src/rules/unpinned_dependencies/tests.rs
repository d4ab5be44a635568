//! Fixed dependencies, free ones, and free ones in disguise.

use super::super::testing::{File, Sample, file};
use super::*;
use crate::model::dockerfile::samples;
use crate::rules::settings::SettingValue;

const BASE: &[&str] = &["+# debian.sh --arch 'amd64'", "CMD [\"bash\"]"];

fn debian() -> Sample {
    Sample::of(&UnpinnedDependencies).built(BASE)
}

fn run(line: &str) -> Sample {
    debian().built(&[&format!("+RUN /bin/sh -c {line} # buildkit")])
}

fn with_file(files: &[File]) -> Sample {
    debian().layer("COPY . . # buildkit", files)
}

#[test]
fn fixed_versions_pass() {
    for line in [
        "pip install torch==2.5.1 numpy==1.26.4",
        "pip install --upgrade pip setuptools wheel uv",
        "pip install -r requirements.txt",
        "pip install -c constraints.txt torch",
        "pip install . && pip install -e .[dev] && pip install dist/x.whl",
        "pip install torch==${TORCH_VERSION} ${EXTRA}",
        "pip install git+https://github.com/a/b@4f2a7b9c",
        "uv sync --frozen",
        "conda install -y numpy=1.26 pytorch::pytorch=2.5.1",
        "npm ci && npm install -g npm serve@14.2.1",
        "apt-get update && apt-get install -y curl git",
        "git clone -b v1.2 https://github.com/a/b",
        "curl https://example.com/install.sh | sh",
    ] {
        assert_eq!(run(line).words(), "", "{line}");
    }
}

#[test]
fn free_versions_are_reported() {
    let words = |line: &str| run(line).words();
    insta::assert_snapshot!(words("pip install torch 'numpy>=1.26' scipy==1.14 && pip install a b c d"), @r"
    deny: 6 packages without a fixed version: `torch`, `numpy`, `a`, `b`, `c` and 1 more
      fix: name the versions (`pip install torch==<version>`), or install from a file with all of them: `pip freeze > requirements.txt`, or `uv pip compile requirements.in --generate-hashes -o requirements.txt`
    ");
    insta::assert_snapshot!(words("conda install -y -c conda-forge numpy"), @r"
    deny: 1 package without a fixed version: `numpy`
      fix: name the versions (`conda install numpy=<version>`), or create the environment from an exported file (`conda env export`, `conda-lock`)
    ");
    insta::assert_snapshot!(words("npm install -g @scope/cli serve@latest"), @r"
    deny: 2 packages without a fixed version: `@scope/cli`, `serve`
      fix: name the versions (`@scope/cli@<version>`), or install from `package.json` and its lock file with `npm ci`
    ");
    insta::assert_snapshot!(words("git clone --depth 1 https://github.com/a/b && cd b && make"), @r"
    warn: 1 repository cloned at no particular commit: `b`
      fix: name a tag (`git clone --branch <tag> --depth 1`), or check out a commit in the same `RUN`
    ");
    insta::assert_snapshot!(words("pip install -r https://ci:t0k3n@example.com/a/main/requirements.txt"), @r"
    deny: 1 list of dependencies from a branch, which moves: `requirements.txt`
      fix: name a commit in the address, or keep `requirements.txt` with the source
    ");
    insta::assert_snapshot!(words("npm install"), @r"
    warn: dependencies resolved without a lock file: `RUN npm install`
      fix: commit `package-lock.json`, copy it before and install with `npm ci`
    ");
}

#[test]
fn other_spellings_do_not_hide_them() {
    for line in [
        "python3 -m pip install torch",
        "/opt/venv/bin/pip3.12 install torch",
        "bash -lc \"pip install torch\"",
        "set -ex\npip install \\\n    torch\n",
        "sudo -H -u app pip install torch",
        "uv pip install --system torch",
        "conda run -n ml pip install torch",
        "pip install torch>=2.5",
        "pip install torch==2.*",
        "pip install --index-url https://x/simple torch > /dev/null 2>&1",
        "bash <<EOF\npip install torch\nEOF",
        "echo '# buildkit' && pip install torch",
    ] {
        let words = run(line).words();
        assert!(words.contains("1 package without a fixed version: `torch`"), "{line}: {words}");
    }
}

#[test]
fn a_later_checkout_may_have_chosen_the_commit() {
    let sample = run("git clone https://github.com/a/b")
        .built(&["+RUN /bin/sh -c cd b && git checkout 4f2a7b9c # buildkit"]);
    assert_eq!(sample.words(), "");
}

#[test]
fn lists_are_read() {
    let list = "torch==2.5.1\nnumpy\npandas>=2\n-r base.txt\n";
    let files = [file("app/requirements.txt", list), file("app/base.txt", "x")];
    let sample = with_file(&files);
    assert_eq!(sample.level(), Some(Level::Warn));
    let sample = sample.built(&["+RUN /bin/sh -c pip install -r requirements.txt # buildkit"]);
    insta::assert_snapshot!(sample.words(), @r"
    deny: `app/requirements.txt` line 2: 2 of 3 dependencies without a fixed version: `numpy`, `pandas`
      fix: write the versions that were tested: `pip freeze > requirements.txt`, or with hashes `uv pip compile requirements.in --generate-hashes -o requirements.txt`
    ");
    let finding = &sample.findings()[0];
    assert_eq!(finding.path.as_deref(), Some("app/requirements.txt"));
}

#[test]
fn lists_that_lists_include_are_read() {
    let sample = with_file(&[
        file("app/requirements/prod.txt", "-r base.txt\n"),
        file("app/requirements/base.txt", "torch\n"),
        file("app/requirements/dev.txt", "pytest\n"),
    ])
    .built(&["+RUN /bin/sh -c pip install -r requirements/prod.txt # buildkit"]);
    insta::assert_snapshot!(sample.words(), @r"
    deny: `app/requirements/base.txt` line 1: 1 of 1 dependencies without a fixed version: `torch`
      fix: write the versions that were tested: `pip freeze > requirements.txt`, or with hashes `uv pip compile requirements.in --generate-hashes -o requirements.txt`
    ");
}

#[test]
fn environments_and_packages_are_read() {
    let environment = "dependencies:\n  - python=3.12\n  - numpy\n  - pip:\n    - torch\n";
    let sample = with_file(&[file("app/environment.yml", environment)])
        .built(&["+RUN /bin/sh -c conda env create -f environment.yml # buildkit"]);
    insta::assert_snapshot!(sample.findings()[0].message, @"`app/environment.yml` line 3: 2 of 3 dependencies without a fixed version: `numpy`, `torch`");

    let package = file("app/package.json", r#"{"dependencies":{"express":"^4.18.2"}}"#);
    let install = "+RUN /bin/sh -c npm install # buildkit";
    // A lock file that the installation wrote itself fixes nothing.
    let made = [file("app/package-lock.json", "{}")];
    let sample = with_file(&[package]).layer("RUN /bin/sh -c npm install # buildkit", &made);
    assert_eq!(sample.findings().len(), 2, "{}", sample.words());
    insta::assert_snapshot!(sample.findings()[1].message, @"`app/package.json`: 1 of 1 dependencies without a fixed version: `express`");
    let files =
        [file("app/package.json", r#"{"dependencies":{"a":"^1.0.0"}}"#), file("app/yarn.lock", "")];
    let locked = with_file(&files).built(&[&install.replace("npm", "yarn")]);
    assert_eq!(locked.words(), "");
}

#[test]
fn lists_of_others_are_left_alone() {
    for path in [
        "usr/local/lib/python3.12/site-packages/x/requirements.txt",
        "usr/share/doc/x/requirements.txt",
        "opt/conda/pkgs/x/info/requirements.txt",
        "app/node_modules/x/package.json",
        "app/docs/requirements.txt",
        "app/tests/requirements.txt",
        "app/third_party/x/requirements.txt",
        "app/requirements-dev.txt",
        "var/lib/x/environment.yml",
    ] {
        let list = "torch\ndependencies:\n  - torch\n";
        assert_eq!(with_file(&[file(path, list)]).words(), "", "{path}");
    }
    // Built elsewhere: nobody installs here.
    let package = file("app/package.json", r#"{"dependencies":{"a":"^1.0.0"}}"#);
    assert_eq!(with_file(&[package]).words(), "");
    // The lock file decides.
    let files = [file("app/requirements.txt", "torch\n"), file("app/uv.lock", "")];
    assert_eq!(with_file(&files).built(&["+RUN /bin/sh -c uv sync # buildkit"]).words(), "");
}

#[test]
fn a_list_that_is_replaced_does_not_count() {
    let sample = with_file(&[file("app/requirements.txt", "torch\n")])
        .layer("COPY . . # buildkit", &[file("app/requirements.txt", "torch==2.5.1\n")]);
    assert_eq!(sample.words(), "");
}

#[test]
fn base_images_by_latest_are_reported() {
    let mut sample = debian();
    sample.image.manifest.annotations.insert(
        "org.opencontainers.image.base.name".into(),
        "docker.io/library/python:latest".into(),
    );
    insta::assert_snapshot!(sample.words(), @r"
    deny: the base image has no fixed version: `docker.io/library/python:latest`
      fix: name a version and, better, a digest: `FROM python:3.12-slim@sha256:<digest>`
    ");
    let mut sample = debian();
    sample.image.config.history[0].comment = "FROM docker.io/library/python:3.12".into();
    assert_eq!(sample.words(), "");
}

#[test]
fn vendors_of_base_images_are_not_blamed() {
    for known in samples::ALL {
        let sample = Sample::of(&UnpinnedDependencies).built(known.steps).built(samples::APP);
        assert_eq!(sample.words(), "", "{}", known.name);
    }
}

#[test]
fn the_policy_chooses_kinds_and_names() {
    let mut sample = run("pip install torch einops && apt-get install -y curl");
    sample.settings.set(&ALLOW, SettingValue::Texts(vec!["Einops".into()]));
    sample.settings.set(&KINDS, SettingValue::Texts(vec!["pip".into(), "system".into()]));
    insta::assert_snapshot!(sample.findings()[0].message, @"2 packages without a fixed version: `torch`, `curl`");
    sample.settings.set(&KINDS, SettingValue::Texts(vec![]));
    assert_eq!(sample.words(), "");
}

#[test]
fn constraints_of_the_author_fix_versions() {
    let steps = ["ENV PIP_CONSTRAINT=/c.txt A=b", "+RUN /bin/sh -c pip install torch # buildkit"];
    assert_eq!(debian().built(&steps).words(), "");
    let blank = ["ENV PIP_CONSTRAINT=", "+RUN /bin/sh -c pip install torch # buildkit"];
    assert_ne!(debian().built(&blank).words(), "");
}

#[test]
fn constraints_of_the_base_image_fix_versions_in_lists_too() {
    let sample = || {
        with_file(&[file("app/requirements.txt", "torch\n")]).built(&[
            "+RUN /bin/sh -c pip install torch # buildkit",
            "+RUN /bin/sh -c pip install -r requirements.txt # buildkit",
        ])
    };
    assert_eq!(sample().findings().len(), 2);
    assert_eq!(sample().env(&["PIP_CONSTRAINT=/app/constraints.txt"]).words(), "");
    assert_eq!(sample().env(&["PIP_CONSTRAINT="]).findings().len(), 2);
}

#[test]
fn a_list_that_was_not_installed_is_not_blamed() {
    let with = |line: &str| {
        debian()
            .layer("COPY requirements.lock ./", &[file("app/requirements.lock", "torch==2.5.1\n")])
            .built(&[&format!("+RUN /bin/sh -c {line} # buildkit")])
            .layer("COPY . . # buildkit", &[file("app/requirements.txt", "torch\n")])
            .level()
    };
    assert_eq!(with("pip install -r requirements.lock"), None);
    assert_eq!(with("pip install -r ${LIST}"), Some(Level::Warn));
    assert_eq!(with("conda env create -f environment.lock.yml"), Some(Level::Warn));
    assert_eq!(with("make"), Some(Level::Warn));
}

#[test]
fn secrets_are_not_repeated() {
    for line in [
        "pip install -i https://ci:t0pS3cr3t99@pypi.corp/simple torch",
        "pip install git+https://ci:t0pS3cr3t99@github.com/a/b.git",
        "pip install --token t0pS3cr3t99 torch",
        "git clone https://t0pS3cr3t99@github.com/a/b",
        "npm install -g --//registry/:_authToken t0pS3cr3t99 serve",
    ] {
        let words = run(line).words();
        assert!(!words.is_empty() && !words.contains("t0pS"), "{line}: {words}");
    }
}

#[test]
fn a_line_with_thousands_of_packages_makes_a_short_finding() {
    let names: Vec<String> = (0..5000).map(|n| format!("p{n}")).collect();
    let sample = run(&format!("pip install {}", names.join(" ")));
    insta::assert_snapshot!(sample.findings()[0].message, @"5000 packages without a fixed version: `p0`, `p1`, `p2`, `p3`, `p4` and 4995 more");
}

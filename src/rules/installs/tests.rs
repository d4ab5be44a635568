//! Command lines of package managers.

use super::*;
use crate::model::dockerfile::commands;

/// `manager named [files] flags` of the only install of a line.
fn shown(line: &str) -> String {
    let commands = commands(line);
    let Some(install) = commands.iter().find_map(install) else { return String::new() };
    let flags = [
        (install.is_project, " project"),
        (install.is_source, " source"),
        (install.is_fixed, " fixed"),
    ];
    let flags: String = flags.iter().filter(|(is_set, _)| *is_set).map(|(_, word)| *word).collect();
    let further = [("-c", &install.constraints), ("-f", &install.folders)];
    let further: String = further
        .iter()
        .flat_map(|(option, places)| places.iter().map(move |place| format!(" {option} {place}")))
        .collect();
    format!(
        "{:?} {} [{}]{further}{flags}",
        install.manager,
        install.named.join(" "),
        install.files.join(" ")
    )
}

#[test]
fn reads_pip_and_its_kin() {
    let table = [
        ("pip install torch numpy==1.26", "Pip torch numpy==1.26 []"),
        ("pip3.12 --no-cache-dir install -U --pre torch", "Pip torch []"),
        ("python3 -m pip install -qr requirements.txt", "Pip  [requirements.txt]"),
        ("pip install --requirement=a.txt -rb.txt -r c.txt", "Pip  [a.txt b.txt c.txt]"),
        ("pip install -i https://u:p@x/simple --extra-index-url y torch", "Pip torch []"),
        ("pip install --what-is-this s3cr3t torch", "Pip torch []"),
        ("pip install .", "Pip  [] source"),
        ("pip install -e '.[dev]' torch", "Pip torch [] source"),
        ("pip install --editable ./src/x", "Pip  [] source"),
        ("pip install dist/*.whl", "Pip  [] source"),
        ("pip install git+https://github.com/a/b", "Pip git+https://github.com/a/b []"),
        ("pip install -c constraints.txt torch", "Pip torch [] -c constraints.txt fixed"),
        ("pip install -f ./wheels --find-links https://x/y torch", "Pip torch [] -f ./wheels"),
        ("pip install --require-hashes -r a.txt", "Pip  [a.txt] fixed"),
        ("PIP_CONSTRAINT=c.txt pip install torch", "Pip torch [] -c c.txt fixed"),
        ("pip install --upgrade pip && true", "Pip pip []"),
        ("pip install -- -x", "Pip -x []"),
        ("uv pip install --system --torch-backend=auto torch", "Pip torch []"),
        ("uv pip sync requirements.txt", "Pip  [requirements.txt]"),
        ("pip-sync requirements.txt", "Pip  [requirements.txt]"),
        ("uv tool install ruff", "Pip ruff []"),
        ("uv sync --frozen --no-dev", "Uv  [] project fixed"),
        ("uv sync", "Uv  [] project"),
        ("uv add torch", "Uv torch []"),
        ("uv venv /x", ""),
        ("pip uninstall -y torch", ""),
        ("pip download install", ""),
        ("pip", ""),
        ("pipx install ruff", "Pip ruff []"),
        ("poetry install --no-root --only main", "Poetry  [] project"),
        ("poetry install --only-root", "Poetry  [] source"),
        ("poetry add torch", "Poetry torch []"),
        ("pipenv install --deploy --system", "Pipenv  [] project fixed"),
        ("pdm sync --no-self", "Pdm  [] project"),
    ];
    for (line, expected) in table {
        assert_eq!(shown(line), expected, "{line}");
    }
}

#[test]
fn reads_other_managers() {
    let table = [
        ("conda install -y -n ml -c conda-forge numpy=1.26 scipy", "Conda numpy=1.26 scipy []"),
        ("mamba create --name ml python=3.12", "Conda python=3.12 []"),
        ("conda env create -f environment.yml -n env", "Conda  [environment.yml] project"),
        ("micromamba install -y -f /tmp/env.yaml", "Conda  [/tmp/env.yaml]"),
        ("conda create -n env --file conda-linux-64.lock", "Conda  [conda-linux-64.lock]"),
        ("conda clean -afy", ""),
        ("conda init", ""),
        ("npm ci --omit=dev", "Npm  [] project fixed"),
        ("npm install", "Npm  [] project"),
        ("npm i -g @scope/a@1.2.3 b --registry https://x", "Npm @scope/a@1.2.3 b []"),
        ("npm run build", ""),
        ("yarn", "Yarn  [] project"),
        ("yarn install --frozen-lockfile", "Yarn  [] project fixed"),
        ("yarn global add serve", "Yarn serve []"),
        ("yarn build", ""),
        ("yarn --version", ""),
        ("pnpm install --frozen-lockfile", "Pnpm  [] project fixed"),
        ("bundle install", "Bundler  [] project"),
        ("go mod download", "Go  [] project fixed"),
        ("go build ./...", ""),
        ("apt-get -qq -o Dpkg::Use-Pty=0 install -y curl git=1.2", "System curl git=1.2 []"),
        ("apt-get install -y ./x.deb", "System ./x.deb [] source"),
        ("apk add --no-cache --virtual .build gcc", "System gcc []"),
        ("apt-get update", ""),
        ("dnf install -y gcc", "System gcc []"),
        ("make install", ""),
        ("", ""),
    ];
    for (line, expected) in table {
        assert_eq!(shown(line), expected, "{line}");
    }
}

#[test]
fn finds_files_by_how_commands_call_them() {
    for (written, expected) in [
        ("requirements.txt", true),
        ("./requirements.txt", true),
        ("/app/requirements.txt", true),
        ("app/requirements.txt", true),
        ("irements.txt", false),
        ("/tmp/requirements.txt", false),
        ("", false),
        ("/", false),
    ] {
        assert_eq!(is_file_at("app/requirements.txt", written), expected, "{written}");
    }
}

proptest::proptest! {
    #[test]
    fn hostile_lines_are_no_panic(
        line in "(pip|uv|conda|npm|apt-get|yarn|poetry) (install |add |env |sync |-r|--?[a-zä]{0,3}=?|[ .@/]|[a-zä]{1,4}){0,20}"
    ) {
        for command in commands(&line) {
            let _ = install(&command);
        }
    }
}

//! One image that passes, one that fails, some that hide; and the measured false positives.

use super::super::settings::SettingValue;
use super::super::testing::{File, Sample, entry, file, sized};
use super::*;
use crate::model::EntryKind;

const MIB: u64 = 1 << 20;
const COPY: &str = "COPY . /app # buildkit";

fn filled(path: &str, size: u64) -> File {
    sized(path, b"\x01", size)
}

fn one(created_by: &str, files: &[File]) -> Sample {
    Sample::of(&DevFiles).layer(created_by, files)
}

/// The files that make a directory a repository.
fn repository(root: &str, bytes: u64) -> [File; 2] {
    [
        filled(&format!("{root}/.git/objects/pack/pack-1.pack"), bytes),
        file(&format!("{root}/.git/HEAD"), "ref: refs/heads/main\n"),
    ]
}

#[test]
fn ordinary_applications_pass() {
    let site = "usr/local/lib/python3.12/site-packages";
    let sample = Sample::of(&DevFiles)
        .layer("ADD file:1 in /", &[filled("usr/share/doc/x/test/data/y.csv", 40 * MIB)])
        .step("CMD [\"bash\"]")
        .layer(
            "RUN /bin/sh -c pip install -r requirements.txt # buildkit",
            &[
                filled(&format!("{site}/pandas/tests/io/data/x.csv"), 15 * MIB),
                filled(&format!("{site}/sklearn/datasets/data/x.csv"), 15 * MIB),
                filled(&format!("{site}/torch/__pycache__/x.pyc"), 15 * MIB),
                filled("root/nltk_data/corpora/wordnet.zip", 30 * MIB),
            ],
        )
        // What an editable install clones and needs.
        .layer("RUN pip install -e git+https://x#egg=y", &repository("app/src/y", 40 * MIB))
        .layer(
            COPY,
            &[
                file("app/main.py", "x"),
                file("app/data/loader.py", "x"),
                file("app/data/labels.csv", "a,b\n"),
                filled("app/tests/test_main.py", 30_000),
                filled("app/__pycache__/main.cpython-312.pyc", 20_000),
                file("app/Dockerfile", "FROM x"),
                file("app/third/.git", "gitdir: ../.git/modules/third\n"),
                filled("app/checkpoints/model.safetensors", 500 * MIB),
            ],
        )
        .layer("RUN python -m compileall /app", &[filled("app/__pycache__/x.pyc", 9 * MIB)])
        .layer(
            "COPY /app/.venv /app/.venv # buildkit",
            &[
                file("app/.venv/pyvenv.cfg", "home = /usr/local/bin"),
                filled("app/.venv/lib/x.so", 90 * MIB),
            ],
        );
    assert_eq!(sample.words(), "");
}

#[test]
fn a_copied_working_tree_is_reported() {
    let [pack, head] = repository("app", 40 * MIB);
    let sample = one(
        COPY,
        &[
            pack,
            head,
            file("app/.venv/pyvenv.cfg", "home = /opt/homebrew/bin"),
            filled("app/.venv/lib/python3.12/site-packages/torch/lib/x.dylib", 200 * MIB),
            filled("app/data/train.csv", 300 * MIB),
            filled("app/data/test.csv", 30 * MIB),
            filled("app/notebooks/eda.ipynb", 3 * MIB),
            filled("app/tests/test_main.py", 20_000),
            filled("app/tests/big.json", 2 * MIB),
            filled("app/__pycache__/main.cpython-312.pyc", 20_000),
            filled("app/.pytest_cache/v/x", 2_000),
            filled("app/wandb/run-1/output.log", 5 * MIB),
            file("app/.vscode/settings.json", "{}"),
            file("app/Dockerfile", "FROM x"),
        ],
    );
    insta::assert_snapshot!(sample.words(), @r"
    deny: Git repository of 40.0 MiB in the image: `app/.git`
      fix: add `.git` to `.dockerignore`; where the version is needed, pass it as a build argument, or mount `.git` for one RUN (`--mount=type=bind,source=.git,target=.git`)
    deny: virtual environment of the build machine in the image: `app/.venv`, 200.0 MiB
      fix: add `.venv` and `venv` to `.dockerignore`, and install the packages in the image: those of another machine hardly run in it
    warn: data or archives of 330.0 MiB in 2 files: `app/data/train.csv` and others
      fix: add them to `.dockerignore`; mount data or download it when the container starts; delete an archive in the RUN that unpacks it
    warn: development leftovers of 10.0 MiB: notebooks (1 file, 3.0 MiB), tests (2 files, 2.0 MiB), outputs of training runs (1 file, 5.0 MiB), caches of test tools (1 file, 2.0 KiB), compiled Python (1 file, 19.5 KiB), editors' files (1 file, 2 B), Dockerfiles (1 file, 6 B)
      fix: write into `.dockerignore`, a line each: `**/*.ipynb` `**/tests` `**/test` `wandb` `mlruns` `runs` `outputs` `**/.pytest_cache` `**/.mypy_cache` `**/.ruff_cache` `**/.ipynb_checkpoints` `**/__pycache__` `.vscode` `.idea` `**/.DS_Store` `Dockerfile*` `docker-compose*`
    ");
    let paths: Vec<_> = sample.findings().into_iter().filter_map(|found| found.path).collect();
    assert_eq!(paths, ["app/.git", "app/.venv", "app/data/train.csv", "app"]);
}

#[test]
fn what_a_later_layer_deletes_is_still_there() {
    let gone = entry("app/.git", EntryKind::Whiteout);
    let sample = one(COPY, &repository("app", MIB)).layer("RUN rm -rf .git", &[gone]);
    let words = sample.words();
    assert!(words.contains("`app/.git` (deleted by layer 1 but still in the image)"), "{words}");
}

#[test]
fn the_origin_of_a_layer_decides() {
    let git = |created_by: &str, bytes| one(created_by, &repository("app", bytes)).level();
    let table = [
        (COPY, 10, Some(Level::Deny)),
        ("/bin/sh -c #(nop) COPY dir:4f in /app ", 10, Some(Level::Warn)),
        ("COPY /app /app # buildkit", 10, Some(Level::Warn)),
        ("RUN git clone https://x /app", MIB - 100, None),
        ("RUN git clone https://x /app", MIB, Some(Level::Warn)),
        ("RUN pip install -e git+https://x", 10 * MIB, None),
        // An import without a history hides nothing.
        ("", 10, Some(Level::Warn)),
        ("bazel build ...", 10, Some(Level::Warn)),
    ];
    for (created_by, bytes, expected) in table {
        assert_eq!(git(created_by, bytes), expected, "{created_by} {bytes}");
    }
    let base = one(COPY, &repository("app", MIB)).step("CMD [\"x\"]").layer("RUN x", &[]);
    assert_eq!(base.words(), "", "the base image's");

    let venv = [file("app/.venv/pyvenv.cfg", "x")];
    assert_eq!(one(COPY, &venv).level(), Some(Level::Deny));
    for staged in ["COPY /app /app", "/bin/sh -c #(nop) COPY dir:4f in /app ", "RUN uv sync"] {
        assert_eq!(one(staged, &venv).level(), None, "{staged}");
    }
    let compiled = [filled("app/__pycache__/x.pyc", 2 * MIB)];
    assert_eq!(one(COPY, &compiled).level(), Some(Level::Warn));
    assert_eq!(one("COPY /app /app", &compiled).level(), None);
    assert_eq!(one("RUN pytest", &compiled).level(), None);
    let archive = [filled("tmp/source.tar.gz", 20 * MIB)];
    assert_eq!(one("RUN curl -O https://x", &archive).level(), Some(Level::Warn));
}

#[test]
fn a_clone_has_its_own_remedy() {
    let sample = one("RUN git clone https://x /opt/ui", &repository("opt/ui", 90 * MIB));
    insta::assert_snapshot!(sample.words(), @r"
    warn: Git repository of 90.0 MiB in the image: `opt/ui/.git`
      fix: `ADD https://host/repository.git#tag /src` leaves `.git` out; or delete it in the RUN that clones
    ");
}

#[test]
fn a_repository_hides_nowhere() {
    for root in ["app", "srv/x/y", "workspace", "opt/svc", "home/me/x", "root/x", "tmp/x", "code"] {
        assert_eq!(one(COPY, &repository(root, MIB)).level(), Some(Level::Deny), "{root}");
    }
    // A working directory of `/` and files right below it.
    let root = [filled(".git/objects/pack/x.pack", MIB)];
    assert!(one("COPY . .", &root).words().contains("`.git`"));
    // A name alone is no repository.
    assert_eq!(one(COPY, &[filled("app/.git/notes.txt", MIB)]).level(), None);
    let mut sample = one(COPY, &repository("usr/local/bot", MIB));
    assert_eq!(sample.level(), None);
    sample.image.config.working_dir = "/usr/local/bot/".into();
    assert_eq!(sample.level(), Some(Level::Deny));
}

#[test]
fn small_things_count_from_a_size_on() {
    let tests = |bytes| one(COPY, &[filled("app/tests/x.json", bytes)]).level();
    assert_eq!(tests(MIB - 1), None);
    assert_eq!(tests(MIB), Some(Level::Warn));
    let data = |bytes| one(COPY, &[filled("app/data/x.csv", bytes)]).level();
    assert_eq!(data(10 * MIB - 1), None);
    assert_eq!(data(10 * MIB), Some(Level::Warn));
    let mut sample = one(COPY, &[filled("app/data/x.csv", 5), filled("app/tests/x", 5)]);
    sample.settings.set(&MIN_DATA_SIZE, SettingValue::Number(5));
    sample.settings.set(&MIN_SIZE, SettingValue::Number(5));
    assert_eq!(sample.findings().len(), 2);
    let split = (0..4).fold(Sample::of(&DevFiles), |sample, number| {
        let path = format!("srv{number}/part.parquet");
        sample.layer("COPY part /srv", &[filled(&path, 3 * MIB)])
    });
    assert!(split.words().contains("12.0 MiB in 4 files"), "{}", split.words());
}

#[test]
fn many_repositories_have_their_right_paths() {
    let files = |count: u32| -> Vec<File> {
        (0..count).flat_map(|number| repository(&format!("app/d{number:02}"), 2)).collect()
    };
    insta::assert_snapshot!(one(COPY, &files(32)).findings()[0].message, @"Git repository of 736 B in the image: `app/d31/.git` and 31 more");
    insta::assert_snapshot!(one(COPY, &files(40)).findings()[0].message, @"Git repository of 920 B in the image: `app/d31/.git` and at least 32 more");
    let long = format!("app/{}", "x/".repeat(300));
    let words = one(COPY, &repository(long.trim_end_matches('/'), 2)).words();
    assert!(words.contains("in the image: `app/x/x") && words.contains("and others"), "{words}");
}

/// `pip install --target` and R install data of packages where applications lie.
#[test]
fn data_of_installed_packages_is_no_leftover() {
    let boto = [
        filled("var/task/botocore/data/ec2/service-2.json.gz", 20 * MIB),
        filled("var/task/boto3/data/x.txt", 20 * MIB),
        file("var/task/boto3-1.35.0.dist-info/METADATA", "Name: boto3"),
    ];
    assert_eq!(one("RUN pip install -t /var/task boto3", &boto).words(), "");
    assert_eq!(one("COPY /install /var/task # buildkit", &boto).words(), "");
    // Below the application.
    let libs = [
        filled("app/libs/botocore/data/ec2/service-2.json.gz", 20 * MIB),
        file("app/libs/boto3-1.35.0.dist-info/METADATA", "Name: boto3"),
    ];
    assert_eq!(one("RUN pip install -t /app/libs boto3", &libs).words(), "");
    let library = [filled("opt/R/4.4/lib/R/library/ISLR/data/Rdata.rdb", 20 * MIB)];
    assert_eq!(one("RUN R -e 'install.packages(\"ISLR\")'", &library).words(), "");
    // What the author copied, and archives that were downloaded.
    let data = [
        filled("app/data/train.bin.txt", 20 * MIB),
        file("app/vendor/boto3-1.35.0.dist-info/METADATA", "Name: boto3"),
    ];
    assert_eq!(one(COPY, &data).level(), Some(Level::Warn));
    let archive = [filled("app/data/corpus.zip", 20 * MIB)];
    assert_eq!(one("RUN curl -o /app/data/corpus.zip x", &archive).level(), Some(Level::Warn));
}

#[test]
fn notebooks_count_unless_they_are_what_the_image_runs() {
    let mut sample = one(COPY, &[filled("app/eda.ipynb", 9_000)]);
    insta::assert_snapshot!(sample.words(), @r"
    warn: development leftovers of 8.8 KiB: notebooks (1 file, 8.8 KiB)
      fix: write into `.dockerignore`, a line each: `**/*.ipynb`
    ");
    sample.image.config.cmd = vec!["start-notebook.py".into()];
    assert_eq!(sample.words(), "");
    sample.image.config.cmd = vec!["python".into(), "main.py".into()];
    assert_eq!(sample.level(), Some(Level::Warn));
    sample.image.config.entrypoint = vec!["sh".into(), "-c".into(), "exec jupyter lab".into()];
    assert_eq!(sample.words(), "");
}

#[test]
fn caches_are_another_rules() {
    let files = [filled("srv/c/_cacache/content-v2/tests/x.zip", 40 * MIB)];
    assert_eq!(one(COPY, &files).words(), "");
}

#[test]
fn partial_facts_never_take_back() {
    let [pack, head] = repository("app", MIB);
    let partial = one(COPY, &[pack, head]).unread("RUN rm -rf /app/.git", 10);
    assert_eq!(partial.level(), Some(Level::Deny));
}

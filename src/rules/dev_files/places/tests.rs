//! Which paths are leftovers of development, and which only look like it.

use super::*;

fn at(path: &str) -> Option<(&'static str, String, bool)> {
    let entry = Entry { path, kind: EntryKind::File, size: 1000, link: None };
    leftover(&entry).map(|found| (found.kind, found.root.to_owned(), found.is_proof))
}

#[test]
fn knows_leftovers() {
    let table = [
        ("app/.git/objects/pack/pack-1.pack", GIT, "app", true),
        ("app/.git/HEAD", GIT, "app", false),
        (".git/objects/ab/cd", GIT, "", true),
        ("srv/x/third/.git/objects/ab/cd", GIT, "srv/x/third", true),
        ("tmp/flash-attention/.git/objects/pack/x", GIT, "tmp/flash-attention", true),
        ("app/.venv/pyvenv.cfg", VENV, "app/.venv", true),
        ("app/venv/lib/python3.12/site-packages/x.py", VENV, "app/venv", false),
        ("app/src/__pycache__/main.cpython-312.pyc", BYTECODE, "app", false),
        ("workspace/.pytest_cache/v/cache/lastfailed", TOOL_CACHES, "workspace", false),
        ("app/node_modules/.cache/babel/x.json", TOOL_CACHES, "app", false),
        ("app/.vscode/settings.json", EDITORS, "app", false),
        ("app/assets/.DS_Store", EDITORS, "app", false),
        ("home/me/proj/wandb/run-1/x.log", RUNS, "home/me", false),
        ("app/tests/test_main.py", TESTS, "app", false),
        ("tests/test_main.py", TESTS, "tests", false),
        ("root/train.ipynb", NOTEBOOKS, "root", false),
        ("x.ipynb", NOTEBOOKS, "", false),
        ("app/data/train.bin.txt", IN_DATA, "app", false),
        ("app/data/train.csv", DATA, "app", false),
        ("var/task/boto3-1.35.dist-info/METADATA", INSTALLED, "var/task", true),
        ("app/libs/boto3-1.35.dist-info/METADATA", INSTALLED, "app/libs", true),
        ("opt/svc/big.parquet", DATA, "opt/svc", false),
        ("usr/src/app/dump.tar.gz", DATA, "usr/src/app", false),
        ("usr/local/bot/x.csv", DATA, "usr/local/bot", false),
        ("usr/local/src/ffmpeg/x.tar.xz", DATA, "usr/local/src/ffmpeg", false),
        ("app/Dockerfile", BUILD_FILES, "app", false),
    ];
    for (path, kind, root, is_proof) in table {
        assert_eq!(at(path), Some((kind, root.to_owned(), is_proof)), "{path}");
    }
}

#[test]
fn leaves_alone_what_was_installed_and_what_is_code() {
    let site = "usr/local/lib/python3.12/site-packages";
    let table = [
        &format!("{site}/numpy/tests/test_core.py"),
        &format!("{site}/torch/__pycache__/x.pyc"),
        &format!("{site}/sklearn/datasets/data/iris.csv"),
        "usr/lib/python3/__pycache__/os.pyc",
        "opt/conda/lib/python3.12/tests/x.py",
        "root/miniconda3/data/x.csv",
        "opt/app/lib/python3.12/site-packages/x/data/y.csv",
        "app/node_modules/x/test/y.js",
        "root/.nvm/.git/objects/x",
        "root/.oh-my-zsh/.git/objects/x",
        "root/.pyenv/.git/objects/x",
        "root/.cache/x/data/y.csv",
        "root/nltk_data/corpora/wordnet.zip",
        "opt/nvidia/samples/x.ipynb",
        "opt/rocm-6.3/share/x.zip",
        "usr/share/doc/x/test/y",
        "usr/local/cuda-12.8/samples/x.zip",
        "usr/src/linux-headers-6/test/x",
        "var/lib/x/data/y.csv",
        "app/.git",
        "app/models/user.py",
        "app/data/loader.py",
        "app/checkpoints/model.safetensors",
        "app/checkpoints/load.py",
        "app/config.json",
        "app/static/video.mp4",
        "app/web/public/manual.zip",
        "app/static/data/x.csv",
        "var/task/boto3-1.35.dist-info/data/x.csv",
        "etc/x.csv",
    ];
    for path in table {
        assert_eq!(at(path), None, "{path}");
    }
    let link = Entry { path: "app/x.ipynb", kind: EntryKind::Symlink, size: 0, link: None };
    assert_eq!(leftover(&link), None);
}

#[test]
fn the_working_directory_says_what_is_an_application() {
    let table = [
        ("app/x", "", true),
        ("x", "", true),
        ("usr/src/app/x", "", true),
        ("usr/app/x", "", true),
        ("usr/local/bot/x", "", false),
        ("usr/local/bot/x", "usr/local/bot", true),
        ("usr/local/bot/x", "usr/local/bot/src", true),
        ("usr/local/bot/x", "usr/local/botany", false),
        ("usr/local/bot/x", "usr/local", false),
        ("usr/lib/x/y", "usr/lib/x", false),
        ("usr/share/x/y", "usr/share/x", false),
    ];
    for (path, working_dir, expected) in table {
        assert_eq!(is_application(path, working_dir), expected, "{path} in {working_dir}");
    }
}

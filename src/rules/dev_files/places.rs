//! Which files are leftovers of development, and where an application may lie. `data/`, `tests/`
//! and `models/` are also names of packages, so what package managers install is left out
//! (`research/content.md` section 4.4).

use crate::model::{Entry, EntryKind};

/// The repository: `.git`.
pub(super) const GIT: &str = "git";
/// A virtual environment.
pub(super) const VENV: &str = "venv";
/// Data and archives, by how their names end.
pub(super) const DATA: &str = "data";
/// What lies in a directory for data, whatever it is.
pub(super) const IN_DATA: &str = "in-data";
/// A directory that packages were installed to with `pip install --target`.
pub(super) const INSTALLED: &str = "installed";
/// Jupyter notebooks.
pub(super) const NOTEBOOKS: &str = "notebooks";
/// Compiled Python.
pub(super) const BYTECODE: &str = "bytecode";
/// Directories of tests.
pub(super) const TESTS: &str = "tests";
/// Caches of test tools and linters.
pub(super) const TOOL_CACHES: &str = "tool-caches";
/// Settings of editors and what file managers leave.
pub(super) const EDITORS: &str = "editors";
/// Logs and outputs of training runs.
pub(super) const RUNS: &str = "runs";
/// Dockerfiles and Compose files.
pub(super) const BUILD_FILES: &str = "build-files";

/// What a file is a leftover of.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Leftover<'a> {
    /// Kind in facts.
    pub(super) kind: &'static str,
    /// The directory that tells it from others of its kind.
    pub(super) root: &'a str,
    /// Whether it proves that its directory is what its name says.
    pub(super) is_proof: bool,
}

/// What a file is a leftover of, if of anything. Asked for every entry.
pub(super) fn leftover<'a>(entry: &Entry<'a>) -> Option<Leftover<'a>> {
    let area = area(entry.path)?;
    if entry.kind != EntryKind::File {
        return None;
    }
    let mut start = 0;
    let mut around = Around::default();
    while let Some((part, rest)) = entry.path.get(start..).and_then(|rest| rest.split_once('/')) {
        match directory(part, rest, entry) {
            Directory::Installed => return None,
            Directory::Of(GIT) => {
                let root = entry.path.get(..start).unwrap_or_default().trim_end_matches('/');
                return Some(Leftover { kind: GIT, root, is_proof: rest.starts_with("objects/") });
            }
            Directory::Of(VENV) => {
                let end = start.saturating_add(part.len());
                let root = entry.path.get(..end).unwrap_or_default();
                return Some(Leftover { kind: VENV, root, is_proof: rest == "pyvenv.cfg" });
            }
            Directory::Of(INSTALLED) => {
                let root = entry.path.get(..start).unwrap_or_default().trim_end_matches('/');
                return Some(Leftover { kind: INSTALLED, root, is_proof: true });
            }
            Directory::Of(kind) => return Some(Leftover { kind, root: area, is_proof: false }),
            Directory::Data => around.is_data = true,
            Directory::Served => around.is_served = true,
            Directory::Other => {}
        }
        start = start.saturating_add(part.len()).saturating_add(1);
    }
    file(entry, around).map(|kind| Leftover { kind, root: area, is_proof: false })
}

/// What the directories on the way to a file say about it.
#[derive(Default, Clone, Copy)]
struct Around {
    is_data: bool,
    is_served: bool,
}

/// What a directory on the way to a file says about it.
enum Directory {
    /// Of that kind.
    Of(&'static str),
    /// Package managers, or tools that install themselves, put it there.
    Installed,
    /// Holds data, if its files are such.
    Data,
    /// Holds what the application shows to its users: videos, archives to download.
    Served,
    /// Nothing.
    Other,
}

fn directory(part: &str, rest: &str, entry: &Entry<'_>) -> Directory {
    match part {
        ".git" => Directory::Of(GIT),
        ".venv" | "venv" => Directory::Of(VENV),
        "__pycache__" => Directory::Of(BYTECODE),
        ".pytest_cache" | ".mypy_cache" | ".ruff_cache" | ".tox" | ".nox" | ".hypothesis"
        | ".ipynb_checkpoints" | "htmlcov" => Directory::Of(TOOL_CACHES),
        "node_modules" if rest.starts_with(".cache/") => Directory::Of(TOOL_CACHES),
        ".vscode" | ".idea" | "__MACOSX" => Directory::Of(EDITORS),
        "wandb" | "mlruns" | "lightning_logs" | "outputs" | "runs" | "checkpoints"
            if !is_code(entry) && !is_weights(entry) =>
        {
            Directory::Of(RUNS)
        }
        "tests" | "test" => Directory::Of(TESTS),
        "data" | "datasets" => Directory::Data,
        "static" | "public" | "assets" | "media" | "www" | "htdocs" => Directory::Served,
        _ if part.ends_with(".dist-info") && rest == "METADATA" => Directory::Of(INSTALLED),
        _ if is_installed(part) => Directory::Installed,
        _ => Directory::Other,
    }
}

/// Where package managers install, and tools that are their own repository: `.nvm`, `.pyenv`,
/// `.oh-my-zsh`. NLTK's data is needed at run time.
fn is_installed(part: &str) -> bool {
    let stem = part.trim_end_matches(|letter: char| letter.is_ascii_digit());
    part.starts_with('.')
        || matches!(
            part,
            "site-packages" | "dist-packages" | "node_modules" | "nltk_data" | "pkgs" | "vcpkg"
        )
        || matches!(
            stem,
            "conda" | "miniconda" | "anaconda" | "miniforge" | "mambaforge" | "micromamba"
        )
        || part.ends_with(".dist-info")
}

/// The kind of a file by its own name.
fn file(entry: &Entry<'_>, around: Around) -> Option<&'static str> {
    let name = entry.name().to_ascii_lowercase();
    match name.as_str() {
        ".ds_store" | "thumbs.db" => return Some(EDITORS),
        ".coverage" => return Some(TOOL_CACHES),
        name if is_build_file(name) => return Some(BUILD_FILES),
        name if extension_of(name) == "ipynb" => return Some(NOTEBOOKS),
        _ => {}
    }
    if around.is_served {
        return None;
    }
    if DATA_ENDS.iter().any(|end| name.ends_with(end)) {
        return Some(DATA);
    }
    (around.is_data && !is_code(entry) && !is_weights(entry)).then_some(IN_DATA)
}

/// Whether a file of that name in lower case is for building or composing images.
fn is_build_file(name: &str) -> bool {
    let is_compose = name.starts_with("docker-compose") || name.starts_with("compose.");
    name == "dockerfile"
        || name.starts_with("dockerfile.")
        || (is_compose && matches!(extension_of(name), "yml" | "yaml"))
}

fn extension_of(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// Ends of names that data and archives have. `HDF5` and `NumPy` are the matter of `model-weights`.
const DATA_ENDS: &[&str] = &[
    ".csv",
    ".tsv",
    ".parquet",
    ".jsonl",
    ".ndjson",
    ".arrow",
    ".feather",
    ".avro",
    ".orc",
    ".tfrecord",
    ".tfrecords",
    ".zip",
    ".tar",
    ".tar.gz",
    ".tgz",
    ".tar.bz2",
    ".tar.xz",
    ".tar.zst",
    ".7z",
    ".rar",
    ".csv.gz",
    ".jsonl.gz",
    ".json.gz",
    ".mdb",
    ".wav",
    ".mp4",
];

fn is_code(entry: &Entry<'_>) -> bool {
    matches!(
        entry.extension(),
        "py" | "pyi"
            | "pyx"
            | "so"
            | "js"
            | "ts"
            | "tsx"
            | "jsx"
            | "mjs"
            | "css"
            | "html"
            | "rs"
            | "go"
            | "java"
            | "jar"
            | "c"
            | "h"
            | "cc"
            | "cpp"
            | "cu"
            | "sh"
            | "r"
            | "sql"
            | "whl"
    )
}

/// What `model-weights` judges.
fn is_weights(entry: &Entry<'_>) -> bool {
    matches!(
        entry.extension().to_ascii_lowercase().as_str(),
        "safetensors"
            | "gguf"
            | "pt"
            | "pth"
            | "ckpt"
            | "onnx"
            | "bin"
            | "h5"
            | "hdf5"
            | "keras"
            | "pb"
            | "tflite"
            | "npz"
            | "npy"
            | "pkl"
            | "joblib"
            | "engine"
            | "plan"
            | "nemo"
            | "ot"
            | "msgpack"
            | "params"
            | "model"
    )
}

/// Directories of the system, where nobody keeps an application.
const SYSTEM: &[&str] = &[
    "bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "libexec", "proc", "run",
    "sbin", "sys", "nix", "snap", "include", "share", "games", "man", "go", "cargo", "rustup",
];

/// Vendors' directories below `/opt`.
const VENDORS: &[&str] = &[
    "nvidia",
    "intel",
    "amazon",
    "aws",
    "google",
    "microsoft",
    "hpcx",
    "tensorrt",
    "venv",
    "java",
    "spark",
    "hadoop",
    "ros",
    "az",
    "oracle",
    "ibm",
    "bitnami",
];

/// The directory that an application may be, and that a file lies in; empty for the root.
fn area(path: &str) -> Option<&str> {
    let mut ends = path.match_indices('/').map(|(at, _)| at);
    let Some(first_end) = ends.next() else { return Some("") };
    let first = path.get(..first_end)?;
    let second = || -> Option<(&str, &str)> {
        let root = path.get(..path.match_indices('/').nth(1)?.0)?;
        Some((root, root.get(first_end.saturating_add(1)..)?))
    };
    match first {
        "usr" => below_usr(path),
        "var" => second()
            .filter(|(_, name)| matches!(*name, "task" | "www" | "app"))
            .map(|(root, _)| root),
        "opt" => second()
            .filter(|(_, name)| {
                !VENDORS.contains(name) && !name.starts_with("rocm") && !name.starts_with("cuda")
            })
            .map(|(root, _)| root),
        "home" => second().map(|(root, _)| root),
        _ => (!SYSTEM.contains(&first)).then_some(first),
    }
}

/// `usr/src/app`, `usr/app`, `usr/local/app`: common where there is no better tradition.
fn below_usr(path: &str) -> Option<&str> {
    let parts: Vec<&str> = path.splitn(5, '/').collect();
    let (directories, depth) = match parts.as_slice() {
        ["usr", "src", name, _, ..] if !name.starts_with("linux") => (name, 3),
        ["usr", "local", name, _, ..] if *name != "src" => (name, 3),
        ["usr", "local", "src", name, _] => (name, 4),
        ["usr", name, _, ..] if !matches!(*name, "local" | "src") => (name, 2),
        _ => return None,
    };
    let is_system = SYSTEM.contains(directories) || directories.starts_with("cuda");
    let end = path.match_indices('/').nth(depth - 1)?.0;
    if is_system { None } else { path.get(..end) }
}

/// Whether applications lie in `area`, given the working directory without its slash. Below
/// `/usr` there is too much else: only where the working directory says so, but for `usr/src`.
pub(super) fn is_application(path: &str, working_dir: &str) -> bool {
    let Some(area) = area(path) else { return false };
    let is_common = !area.starts_with("usr/")
        || area.starts_with("usr/src/")
        || matches!(area, "usr/app" | "usr/local/app");
    let is_within = |path: &str, root: &str| {
        path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    is_common || is_within(working_dir, area)
}

#[cfg(test)]
mod tests;

//! Which files are the caches of package managers, build tools and libraries: by their usual
//! places, and by layouts that only they have, because `PIP_CACHE_DIR` moves the place.
//! Source: `research/content.md` section 4.3, and the tools' own documentation.

/// A kind of cache.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// The word kept in facts.
    pub(super) id: &'static str,
    /// What it is called.
    pub(super) words: &'static str,
    /// How to keep it out of the image. `{mount}` stands for the mount of a cache in its place.
    pub(super) fix: &'static str,
    /// Whether environments hard-link to its files, which then are no waste.
    pub(super) is_linked: bool,
    /// Whether nothing needs it at run time.
    pub(super) is_sure: bool,
}

const fn kind(id: &'static str, words: &'static str, fix: &'static str) -> Kind {
    Kind { id, words, fix, is_linked: false, is_sure: true }
}

impl Kind {
    const fn linked(self) -> Self {
        Self { is_linked: true, ..self }
    }

    /// One that may be there on purpose.
    const fn doubtful(self) -> Self {
        Self { is_sure: false, ..self }
    }
}

const DELETE: &str = "delete it at the end of the RUN that fills it, or keep it out with {mount}";
const KEEP_KERNELS: &str = "nothing, if kernels were compiled ahead on purpose; otherwise delete \
    the cache in the RUN that fills it, or mount a volume there";

static PIP: Kind = kind("pip", "pip cache", "`pip install --no-cache-dir`, or {mount}");
static PIPENV: Kind =
    kind("pipenv", "Pipenv cache", "end the RUN that installs with `pipenv --clear`, or {mount}");
static PIP_TOOLS: Kind = kind("pip-tools", "pip-tools cache", DELETE);
static UV: Kind =
    kind("uv", "uv cache", "`uv sync --no-cache`, or {mount} with `UV_LINK_MODE=copy`").linked();
static POETRY: Kind = kind("poetry", "Poetry cache", "`poetry install --no-cache`, or {mount}");
static PDM: Kind =
    kind("pdm", "PDM cache", "end the RUN that installs with `pdm cache clear`, or {mount}");
static CONDA: Kind =
    kind("conda", "conda package cache", "end the RUN that installs with `conda clean -afy`")
        .linked();
static PIXI: Kind = kind(
    "pixi",
    "pixi or rattler cache",
    "end the RUN that installs with `pixi clean cache --yes`, or {mount}",
)
.linked();
static APT_LISTS: Kind = kind(
    "apt-lists",
    "apt package lists",
    "end the RUN that has `apt-get update` with `rm -rf /var/lib/apt/lists/*`",
);
static APT: Kind =
    kind("apt", "apt cache", "end the RUN that installs with `apt-get clean`, or {mount}");
static DNF: Kind =
    kind("dnf", "dnf or yum cache", "end the RUN that installs with `dnf clean all`");
static ZYPPER: Kind =
    kind("zypper", "zypper cache", "end the RUN that installs with `zypper clean --all`");
static APK: Kind = kind("apk", "apk cache", "`apk add --no-cache`");
static NPM: Kind =
    kind("npm", "npm cache", "`npm ci && npm cache clean --force` in one RUN, or {mount}");
static YARN: Kind =
    kind("yarn", "Yarn cache", "`yarn install --frozen-lockfile && yarn cache clean` in one RUN");
static PNPM: Kind = kind("pnpm", "pnpm store", "{mount} for `pnpm install`").linked();
static CARGO: Kind =
    kind("cargo", "Cargo registry", "build in a stage of its own and copy the binary out of it");
static GO: Kind =
    kind("go", "Go module and build cache", "build in a stage of its own and copy the binary out");
static JAVA: Kind = kind(
    "java",
    "Maven or Gradle repository",
    "build in a stage of its own and copy the jar out of it",
)
.doubtful();
static HUGGING_FACE: Kind = kind(
    "hugging-face",
    "datasets in the Hugging Face cache",
    "do not load datasets in RUN; mount a volume and set `HF_HOME` to it",
);
static TORCH: Kind = kind("torch", "torch cache", DELETE).doubtful();
static KERNELS: Kind = kind("kernels", "cache of compiled kernels", KEEP_KERNELS).doubtful();
static PRE_COMMIT: Kind =
    kind("pre-commit", "pre-commit environments", "do not run pre-commit in the image");
static COMPILER: Kind = kind("compiler", "cache of a build tool", DELETE);
static MATPLOTLIB: Kind = kind("matplotlib", "matplotlib cache", DELETE).doubtful();

static KINDS: &[&Kind] = &[
    &PIP,
    &PIPENV,
    &PIP_TOOLS,
    &UV,
    &POETRY,
    &PDM,
    &CONDA,
    &PIXI,
    &APT_LISTS,
    &APT,
    &DNF,
    &ZYPPER,
    &APK,
    &NPM,
    &YARN,
    &PNPM,
    &CARGO,
    &GO,
    &JAVA,
    &HUGGING_FACE,
    &TORCH,
    &KERNELS,
    &PRE_COMMIT,
    &COMPILER,
    &MATPLOTLIB,
];

/// The kind of that name.
pub(super) fn find(id: &str) -> Option<&'static Kind> {
    KINDS.iter().copied().find(|kind| kind.id == id)
}

/// Caches that always lie in one place.
const SYSTEM: &[(&str, &Kind)] = &[
    ("var/lib/apt/lists/", &APT_LISTS),
    ("var/cache/apt/", &APT),
    ("var/cache/dnf/", &DNF),
    ("var/cache/yum/", &DNF),
    ("var/cache/libdnf5/", &DNF),
    ("var/cache/zypp/", &ZYPPER),
    ("var/cache/apk/", &APK),
    ("etc/apk/cache/", &APK),
];

/// The cache that a file lies in, and the cache's root directory. Asked for every file.
pub(super) fn place(path: &str) -> Option<(&'static Kind, &str)> {
    if path.starts_with("var/") || path.starts_with("etc/") {
        let system = SYSTEM.iter().find(|(root, _)| path.starts_with(root));
        if let Some((root, kind)) = system {
            return Some((kind, root.trim_end_matches('/')));
        }
    }
    let mut start = 0;
    let mut before = "";
    while let Some((part, rest)) = path.get(start..).and_then(|rest| rest.split_once('/')) {
        if let Some((kind, length)) = named(before, part, rest) {
            return Some((kind, path.get(..start.saturating_add(length)).unwrap_or(path)));
        }
        start = start.saturating_add(part.len()).saturating_add(1);
        before = part;
    }
    None
}

/// The cache that a directory `part` is or begins, given the one above and what follows; and how
/// much of `part/rest` is its root.
fn named(before: &str, part: &str, rest: &str) -> Option<(&'static Kind, usize)> {
    let below = |kind, directory: &str| {
        rest.strip_prefix(directory)
            .filter(|rest| rest.starts_with('/'))
            .map(|_| (kind, part.len().saturating_add(1).saturating_add(directory.len())))
    };
    match part {
        ".cache" => {
            let (tool, rest) = rest.split_once('/')?;
            in_home(tool, rest).map(|kind| (kind, part.len() + 1 + tool.len()))
        }
        "_cacache" => Some((&NPM, part.len())),
        ".cargo" => below(&CARGO, "registry").or_else(|| below(&CARGO, "git/db")),
        "cargo" if is_cargo_home(rest) => {
            below(&CARGO, "registry").or_else(|| below(&CARGO, "git/db"))
        }
        "go" => below(&GO, "pkg/mod"),
        ".m2" => below(&JAVA, "repository"),
        ".gradle" => below(&JAVA, "caches"),
        ".triton" => below(&KERNELS, "cache"),
        ".pnpm-store" => Some((&PNPM, part.len())),
        "pnpm" => below(&PNPM, "store").filter(|_| before == "share" || before.is_empty()),
        "pkgs" => is_conda(before, rest).then_some((&CONDA, part.len())),
        ".ccache" => Some((&COMPILER, part.len())),
        "http" | "http-v2" => is_pip_page(rest).then_some((&PIP, part.len())),
        _ if is_uv_bucket(part, rest) => Some((&UV, part.len())),
        _ if part.starts_with("datasets--") => {
            let is_hub = rest.starts_with("blobs/") || rest.starts_with("snapshots/");
            is_hub.then_some((&HUGGING_FACE, part.len()))
        }
        _ => None,
    }
}

/// A tool's directory below `.cache`. What is not listed may be needed: browsers of Playwright,
/// for one.
fn in_home(tool: &str, rest: &str) -> Option<&'static Kind> {
    Some(match tool {
        "pip" => &PIP,
        "pipenv" => &PIPENV,
        "pip-tools" => &PIP_TOOLS,
        "uv" => &UV,
        "pypoetry" => &POETRY,
        "pdm" => &PDM,
        "rattler" | "pixi" => &PIXI,
        "conda" | "mamba" => &CONDA,
        "yarn" => &YARN,
        "pnpm" => &PNPM,
        "node-gyp" | "bazel" | "bazelisk" | "ccache" | "sccache" => &COMPILER,
        "go-build" => &GO,
        "pre-commit" => &PRE_COMMIT,
        "matplotlib" => &MATPLOTLIB,
        "vllm" | "flashinfer" | "torch_extensions" | "torchinductor" => &KERNELS,
        "huggingface" => return is_dataset(rest).then_some(&HUGGING_FACE),
        // Checkpoints, and the models that libraries keep beside, are the matter of `model-weights`.
        "torch" => {
            let is_code = rest.starts_with("hub/") && !rest.starts_with("hub/checkpoints/");
            return (is_code || rest.starts_with("kernels/")).then_some(&TORCH);
        }
        _ => return None,
    })
}

/// Whether what lies below `.cache/huggingface` is no model, which `model-weights` judges.
fn is_dataset(rest: &str) -> bool {
    ["datasets/", "hub/datasets--", "hub/spaces--", "metrics/", "evaluate/"]
        .iter()
        .any(|start| rest.starts_with(start))
}

/// Whether a directory without the dot is `CARGO_HOME`, as in the `rust` images.
fn is_cargo_home(rest: &str) -> bool {
    ["registry/cache/", "registry/src/", "registry/index/", "git/db/"]
        .iter()
        .any(|start| rest.starts_with(start))
}

/// Directories that conda and its kin are installed to, without dot and number.
const CONDA_ROOTS: &[&str] =
    &["conda", "miniconda", "anaconda", "miniforge", "mambaforge", "mamba", "micromamba"];

/// A package cache of conda and its kin, by the name of the installation or by its archives.
fn is_conda(before: &str, rest: &str) -> bool {
    let name = before.trim_start_matches('.').trim_end_matches(|c: char| c.is_ascii_digit());
    let named = CONDA_ROOTS.contains(&name);
    let extension = rest.rsplit_once('.').map_or("", |(_, extension)| extension);
    let is_archive = !rest.contains('/')
        && (extension == "conda" || rest.ends_with(".tar.bz2"))
        && rest.matches('-').count() >= 2;
    named || is_archive
}

/// pip files its pages as `http-v2/a/b/c/d/e/abcde...`, so that no directory grows large.
fn is_pip_page(rest: &str) -> bool {
    let mut parts = rest.split('/');
    let mut start = String::new();
    for part in parts.by_ref().take(5) {
        if part.len() != 1 || !part.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return false;
        }
        start.push_str(part);
    }
    start.len() == 5 && parts.next().is_some_and(|name| name.starts_with(&start))
}

/// uv's buckets: `archive-v0`, `wheels-v5`, `sdists-v9`, `built-wheels-v3`, `simple-v16`. Others
/// number their directories, too: what uv puts in each decides.
fn is_uv_bucket(part: &str, rest: &str) -> bool {
    let Some((first, below)) = rest.split_once('/') else { return false };
    let is_source = matches!(first, "pypi" | "index" | "url" | "path" | "git" | "editable");
    match bucket(part) {
        Some("archive") => is_uv_id(first),
        Some("simple") => is_source && below.rsplit('.').next() == Some("rkyv"),
        Some("wheels" | "sdists" | "built-wheels") => is_source,
        _ => false,
    }
}

/// The name of a directory `<name>-v<number>`.
fn bucket(part: &str) -> Option<&str> {
    let (name, version) = part.rsplit_once("-v")?;
    (!version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit())).then_some(name)
}

/// uv names unpacked archives by 21 random letters, or by a sum.
fn is_uv_id(part: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    part.len() >= 20 && part.bytes().all(is_letter)
}

/// The directory to mount a cache at so that what lies at `root` stays out of the image; `None`
/// when `root` tells nothing.
pub(super) fn mount(root: &str) -> Option<&str> {
    let (parent, last) = root.rsplit_once('/').unwrap_or(("", root));
    let is_inner = matches!(last, "_cacache" | "http" | "http-v2") || bucket(last).is_some();
    Some(if is_inner { parent } else { root }).filter(|root| !root.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_caches_wherever_they_lie() {
        let table = [
            ("root/.cache/pip/http-v2/a/b/c/d/e/abcdef.body", "pip", "root/.cache/pip"),
            ("home/app/.cache/pip/wheels/ab/x.whl", "pip", "home/app/.cache/pip"),
            (".cache/pip/selfcheck/x", "pip", ".cache/pip"),
            ("opt/app-root/src/.cache/uv/wheels-v5/x", "uv", "opt/app-root/src/.cache/uv"),
            // Moved by PIP_CACHE_DIR, UV_CACHE_DIR, npm_config_cache, HF_HOME, CONDA_PKGS_DIRS.
            ("srv/c/http-v2/0/1/a/b/c/01abc55", "pip", "srv/c/http-v2"),
            ("srv/c/archive-v0/Xy_3Xy_3Xy_3Xy_3Xy_3x/numpy/core.so", "uv", "srv/c/archive-v0"),
            ("srv/c/wheels-v5/pypi/numpy/2.1.0-cp312.msgpack", "uv", "srv/c/wheels-v5"),
            ("srv/c/sdists-v9/index/0a1b/x/1.0/src/x.py", "uv", "srv/c/sdists-v9"),
            ("srv/c/simple-v16/pypi/numpy.rkyv", "uv", "srv/c/simple-v16"),
            ("srv/c/_cacache/content-v2/sha512/aa/bb/x", "npm", "srv/c/_cacache"),
            ("srv/hf/hub/datasets--o--d/blobs/aa", "hugging-face", "srv/hf/hub/datasets--o--d"),
            ("srv/pkgs/numpy-2.1.0-py312_0.conda", "conda", "srv/pkgs"),
            ("root/.npm/_cacache/index-v5/a", "npm", "root/.npm/_cacache"),
            (
                "root/.cache/huggingface/datasets/d/x.arrow",
                "hugging-face",
                "root/.cache/huggingface",
            ),
            ("root/.cache/torch/hub/o_r_main/hubconf.py", "torch", "root/.cache/torch"),
            ("root/.cache/vllm/torch_compile_cache/a/x", "kernels", "root/.cache/vllm"),
            ("root/.triton/cache/AB/kernel.cubin", "kernels", "root/.triton/cache"),
            ("opt/conda/pkgs/numpy-2.1.0-py312_0/info/index.json", "conda", "opt/conda/pkgs"),
            ("opt/conda/pkgs/cache/497deca9.json", "conda", "opt/conda/pkgs"),
            ("root/micromamba/pkgs/x.tar.bz2", "conda", "root/micromamba/pkgs"),
            ("var/lib/apt/lists/deb_dists_x_Packages.lz4", "apt-lists", "var/lib/apt/lists"),
            ("var/cache/apt/archives/gcc.deb", "apt", "var/cache/apt"),
            ("var/cache/dnf/x.solv", "dnf", "var/cache/dnf"),
            ("var/cache/apk/APKINDEX.tar.gz", "apk", "var/cache/apk"),
            ("usr/local/cargo/registry/cache/x/serde.crate", "cargo", "usr/local/cargo/registry"),
            ("root/.cargo/git/db/x/pack", "cargo", "root/.cargo/git/db"),
            ("root/go/pkg/mod/cache/download/x.zip", "go", "root/go/pkg/mod"),
            ("root/.m2/repository/a.jar", "java", "root/.m2/repository"),
            ("root/.local/share/pnpm/store/v3/files/00/x", "pnpm", "root/.local/share/pnpm/store"),
        ];
        for (path, kind, root) in table {
            let found = place(path).map(|(kind, root)| (kind.id, root));
            assert_eq!(found, Some((kind, root)), "{path}");
        }
    }

    #[test]
    fn knows_where_a_mount_helps() {
        let table = [
            ("home/node/.npm/_cacache", Some("home/node/.npm")),
            ("root/.cache/pip", Some("root/.cache/pip")),
            ("srv/c/http-v2", Some("srv/c")),
            ("srv/c/archive-v0", Some("srv/c")),
            ("archive-v0", None),
            ("_cacache", None),
            ("", None),
        ];
        for (root, expected) in table {
            assert_eq!(mount(root), expected, "{root}");
        }
    }

    #[test]
    fn leaves_alone_what_only_looks_like_it() {
        let table = [
            "root/.cache/pip",
            "root/.cache/ms-playwright/chromium-1/chrome",
            "root/.cache/huggingface/hub/models--o--m/blobs/aa",
            "root/.cache/huggingface/xet/x/chunk-cache/a",
            "root/.cache/torch/hub/checkpoints/resnet.pth",
            "root/nltk_data/corpora/x.zip",
            "var/cache/fontconfig/x.cache-7",
            "var/cache/debconf/templates.dat",
            "var/lib/dpkg/status",
            "app/http/a/b/c.py",
            "app/pkgs/tool.py",
            "home/mambauser/pkgs/tool.py",
            "app/cargo/registry/models.py",
            "usr/local/lib/python3.12/site-packages/botocore/data/x.json",
            "usr/local/lib/node_modules/npm/node_modules/cacache/index.js",
            "usr/local/go/pkg/include/x.h",
            "app/data/datasets--notes.txt",
            "app/wheels-vendored/x.whl",
            "app/prompts/simple-v2/en.txt",
            "app/prompts/simple-v2/pypi/en.txt",
            "app/archive-v1/index.html",
            "app/archive-v1/2024/index.html",
            "app/wheels-v2/front/left.png",
            "app/sdists-v1",
            "",
        ];
        for path in table {
            assert_eq!(place(path), None, "{path}");
        }
        assert!(KINDS.iter().all(|kind| find(kind.id) == Some(kind)));
    }
}

//! Which files belong to build tools. Only what is certain: `python:3.12-slim` has `Python.h`,
//! wheels are full of headers, and pip's `cmake` and `ninja` come along with other packages
//! (`research/content.md` sections 4.2 and 4.4).

use crate::model::{Entry, EntryKind};

/// A kind of build tool.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tool {
    /// The word kept in facts.
    pub(super) id: &'static str,
    /// What it is called.
    pub(super) words: &'static str,
    /// Whether it is reason enough to complain.
    pub(super) is_compiler: bool,
}

const fn compiler(id: &'static str, words: &'static str) -> Tool {
    Tool { id, words, is_compiler: true }
}

const fn beside(id: &'static str, words: &'static str) -> Tool {
    Tool { id, words, is_compiler: false }
}

/// GNU's C compiler, and what every other one of GNU's needs.
pub(super) const GCC: &str = "gcc";
/// GNU's C++ compiler.
pub(super) const GXX: &str = "g++";
/// GNU make.
pub(super) const MAKE: &str = "make";
/// Compiles kernels at run time, by name.
pub(super) const JIT: &str = "jit";
/// A test tool, by name.
pub(super) const TEST_TOOL: &str = "test-tool";
/// A test tool that somebody asked for: no other package brought it.
pub(super) const ASKED_TEST_TOOL: &str = "asked-test-tool";
/// A test tool that pip did not install: uv and conda say of all that they were asked for.
pub(super) const UNTOLD_TEST_TOOL: &str = "untold-test-tool";
/// Headers of the system.
pub(super) const HEADERS: &str = "headers";
/// Static libraries of the system.
pub(super) const STATIC_LIBRARIES: &str = "static-libraries";

/// The tools, in the order in which they are named.
pub(super) static TOOLS: &[Tool] = &[
    compiler(GCC, "gcc"),
    compiler(GXX, "g++"),
    compiler("gfortran", "gfortran"),
    compiler("clang", "clang"),
    compiler("rust", "Rust"),
    compiler("go", "Go"),
    beside("cmake", "CMake"),
    beside(MAKE, "make"),
];

/// What an entry says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part<'a> {
    /// Kind in facts.
    pub(super) kind: &'static str,
    /// Name of the package, where there are several of one kind.
    pub(super) name: &'a str,
    /// Whether it proves that the tool is there.
    pub(super) is_proof: bool,
}

const fn proof(kind: &'static str) -> Part<'static> {
    Part { kind, name: "", is_proof: true }
}

const fn bytes(kind: &'static str) -> Part<'static> {
    Part { kind, name: "", is_proof: false }
}

/// Programs below this are scripts and wrappers.
const LEAST_PROGRAM_BYTES: u64 = 64 * 1024;

/// The part of a build tool that an entry is. Asked for every entry.
pub(super) fn part<'a>(entry: &Entry<'a>) -> Option<Part<'a>> {
    if !matches!(entry.kind, EntryKind::File | EntryKind::HardLink) || is_elsewhere(entry.path) {
        return None;
    }
    if let Some(inside) = in_packages(entry.path) {
        return package(inside);
    }
    compiled(entry).or_else(|| toolchain(entry)).or_else(|| system(entry)).or_else(|| jit(entry))
}

/// A package that compiles at run time, put elsewhere by `pip install --target`.
fn jit(entry: &Entry<'_>) -> Option<Part<'static>> {
    let package = entry.path.strip_suffix("/__init__.py")?.rsplit('/').next()?;
    let name = JITS.iter().find(|name| **name == package)?;
    Some(Part { kind: JIT, name, is_proof: true })
}

/// GPU toolkits are the matter of `cuda-devel`, package caches that of `package-cache`.
fn is_elsewhere(path: &str) -> bool {
    path.starts_with("usr/local/cuda") || path.starts_with("opt/rocm") || path.contains("/pkgs/")
}

/// What is below a Python package directory.
fn in_packages(path: &str) -> Option<&str> {
    let (_, inside) =
        path.split_once("/site-packages/").or_else(|| path.split_once("/dist-packages/"))?;
    Some(inside)
}

/// GNU's compilers proper: `usr/lib/gcc/x86_64-linux-gnu/12/cc1`, `usr/libexec/gcc/...` of newer
/// distributions, `<prefix>/libexec/gcc/x86_64-conda-linux-gnu/...`; whatever the drivers in
/// `bin` are called.
fn compiled(entry: &Entry<'_>) -> Option<Part<'static>> {
    let (_, rest) = entry.path.rsplit_once("/gcc/")?;
    let (triplet, _) = rest.split_once('/')?;
    if triplet.matches('-').count() < 2 {
        return None;
    }
    Some(match entry.name() {
        "cc1" => proof(GCC),
        "cc1plus" => proof(GXX),
        "f951" => proof("gfortran"),
        _ => bytes(GCC),
    })
}

/// Toolchains that bring a directory of their own.
fn toolchain(entry: &Entry<'_>) -> Option<Part<'static>> {
    let (path, name) = (entry.path, entry.name());
    let is_program = entry.size >= LEAST_PROGRAM_BYTES;
    if name.starts_with("librustc_driver-") {
        return Some(proof("rust"));
    }
    if path.contains("/rustlib/") || path.contains("rustup/toolchains/") {
        return Some(bytes("rust"));
    }
    if is_program && (path.ends_with("go/bin/go") || is_debian_go(path)) {
        return Some(proof("go"));
    }
    if ["usr/local/go/", "usr/lib/go-", "usr/share/go-"].iter().any(|dir| path.starts_with(dir)) {
        return Some(bytes("go"));
    }
    let in_bin = entry.parent().ends_with("bin");
    if is_program && in_bin && is_clang(name) {
        return Some(proof("clang"));
    }
    if name.starts_with("libclang-cpp.so") {
        return Some(bytes("clang"));
    }
    if is_program && in_bin && name == "cmake" {
        return Some(proof("cmake"));
    }
    path.starts_with("usr/share/cmake-").then_some(bytes("cmake"))
}

fn is_debian_go(path: &str) -> bool {
    path.starts_with("usr/lib/go-") && path.ends_with("/bin/go")
}

/// `clang`, `clang-15`, `clang++`; not `clang-format`, which pip installs too.
fn is_clang(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("clang") else { return false };
    let version = rest.strip_prefix("++").unwrap_or(rest);
    version.is_empty()
        || version.strip_prefix('-').is_some_and(|version| {
            !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit())
        })
}

/// What belongs to compilers in the system's directories.
fn system(entry: &Entry<'_>) -> Option<Part<'static>> {
    let inside = entry.path.strip_prefix("usr/")?;
    if inside.starts_with("include/") {
        return Some(bytes(HEADERS));
    }
    if inside.starts_with("lib") && entry.extension() == "a" {
        return Some(bytes(STATIC_LIBRARIES));
    }
    let program = inside.strip_prefix("bin/")?;
    if program == "make" && entry.size >= LEAST_PROGRAM_BYTES {
        return Some(proof(MAKE));
    }
    // `x86_64-linux-gnu-gcc-12`, `x86_64-linux-gnu-ld.bfd` and so on.
    (program.contains("-linux-gnu") || program.contains("-redhat-linux-")).then_some(bytes(GCC))
}

/// Python packages that compile at run time: Triton and `torch.compile` need a C compiler and
/// `Python.h`, the samplers a C++ compiler.
const JITS: &[&str] = &[
    "torch",
    "triton",
    "vllm",
    "sglang",
    "flashinfer",
    "flashinfer_python",
    "deepspeed",
    "pytensor",
    "theano",
    "cmdstanpy",
    "pystan",
    "tvm",
    "tensorrt_llm",
];

/// Test tools, with the packages that are theirs.
const TEST_TOOLS: &[(&str, &[&str])] = &[
    ("pytest", &["pytest", "_pytest"]),
    ("mypy", &["mypy", "mypyc"]),
    ("ruff", &["ruff"]),
    ("black", &["black", "blib2to3"]),
    ("pylint", &["pylint"]),
    ("flake8", &["flake8"]),
    ("coverage", &["coverage"]),
    ("tox", &["tox"]),
    ("nox", &["nox"]),
    ("isort", &["isort"]),
    ("pre_commit", &["pre_commit"]),
    ("bandit", &["bandit"]),
    ("pyright", &["pyright"]),
];

/// What a file in a Python package directory says.
fn package(inside: &str) -> Option<Part<'static>> {
    let (top, rest) = inside.split_once('/')?;
    let record = top.strip_suffix(".dist-info").or_else(|| top.strip_suffix(".egg-info"));
    if let Some(record) = record {
        let name = record.split_once('-').map_or(record, |(name, _)| name);
        return recorded(&name.to_ascii_lowercase().replace('-', "_"), rest);
    }
    if rest == "__init__.py"
        && let Some(name) = JITS.iter().find(|name| **name == top)
    {
        return Some(Part { kind: JIT, name, is_proof: true });
    }
    let (name, _) = TEST_TOOLS.iter().find(|(_, packages)| packages.contains(&top))?;
    Some(Part { kind: TEST_TOOL, name, is_proof: false })
}

/// What a file of an installation record says. pip notes in `REQUESTED` that a package was asked
/// for, and not only needed by another one (Gradio needs ruff).
fn recorded(name: &str, file: &str) -> Option<Part<'static>> {
    let (name, _) = TEST_TOOLS.iter().find(|(tool, _)| *tool == name)?;
    match file {
        "METADATA" | "PKG-INFO" => Some(Part { kind: TEST_TOOL, name, is_proof: true }),
        "REQUESTED" => Some(Part { kind: ASKED_TEST_TOOL, name, is_proof: true }),
        _ => None,
    }
}

/// The test tool whose installation record says at `path` which program installed it.
pub(super) fn installer(path: &str) -> Option<&'static str> {
    let (record, _) = in_packages(path.strip_suffix("/INSTALLER")?)?.split_once('-')?;
    let record = record.to_ascii_lowercase();
    TEST_TOOLS.iter().map(|(name, _)| *name).find(|name| *name == record)
}

/// The Debian package whose file list lies at `path`, if it is one for compiling only.
pub(super) fn dev_package(path: &str) -> Option<&str> {
    let name = path.strip_prefix("var/lib/dpkg/info/")?.strip_suffix(".list")?;
    let name = name.split_once(':').map_or(name, |(name, _)| name);
    name.ends_with("-dev").then_some(name)
}

/// Whether a C compiler for kernels at run time needs the package: it comes with `gcc`, or has
/// `Python.h`.
pub(super) fn is_of_compiler(package: &str) -> bool {
    let starts = ["libgcc-", "libstdc++-", "python3", "libpython3"];
    starts.iter().any(|start| package.starts_with(start))
        || matches!(
            package,
            "libc6-dev"
                | "linux-libc-dev"
                | "libcrypt-dev"
                | "libnsl-dev"
                | "libtirpc-dev"
                | "libexpat1-dev"
                | "zlib1g-dev"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str) -> Option<(&'static str, String, bool)> {
        let entry = Entry { path, kind: EntryKind::File, size: 1 << 20, link: None };
        part(&entry).map(|part| (part.kind, part.name.to_owned(), part.is_proof))
    }

    #[test]
    fn knows_tools_by_what_cannot_be_renamed() {
        let table = [
            ("usr/lib/gcc/x86_64-linux-gnu/12/cc1", GCC, true),
            ("usr/libexec/gcc/aarch64-linux-gnu/14/cc1", GCC, true),
            ("usr/libexec/gcc/x86_64-alpine-linux-musl/13.2.1/cc1plus", GXX, true),
            ("opt/rh/gcc-toolset-13/root/usr/libexec/gcc/x86_64-redhat-linux/13/cc1", GCC, true),
            ("opt/conda/libexec/gcc/x86_64-conda-linux-gnu/13.3.0/cc1plus", GXX, true),
            ("opt/tools/libexec/gcc/x86_64-pc-linux-gnu/13.2.0/f951", "gfortran", true),
            ("usr/lib/gcc/x86_64-linux-gnu/12/libgcc.a", GCC, false),
            ("usr/bin/x86_64-linux-gnu-ld.bfd", GCC, false),
            ("usr/lib/llvm-15/bin/clang", "clang", true),
            ("usr/bin/clang-18", "clang", true),
            ("usr/lib/x86_64-linux-gnu/librustc_driver-0a1b.so", "rust", true),
            ("root/.rustup/toolchains/stable-x/lib/librustc_driver-0a.so", "rust", true),
            ("root/.rustup/toolchains/stable-x/bin/cargo", "rust", false),
            ("usr/local/go/bin/go", "go", true),
            ("usr/lib/go-1.19/bin/go", "go", true),
            ("usr/local/go/src/fmt/print.go", "go", false),
            ("usr/bin/cmake", "cmake", true),
            ("usr/share/cmake-3.25/Modules/X.cmake", "cmake", false),
            ("usr/bin/make", "make", true),
            ("usr/include/x86_64-linux-gnu/openssl/conf.h", HEADERS, false),
            ("usr/lib/x86_64-linux-gnu/libc.a", STATIC_LIBRARIES, false),
            ("lib/gcc/i586-linux-gnu/10/cc1", GCC, true),
        ];
        for (path, kind, is_proof) in table {
            assert_eq!(at(path), Some((kind, String::new(), is_proof)), "{path}");
        }
    }

    #[test]
    fn knows_python_packages() {
        let site = "usr/local/lib/python3.12/site-packages";
        let table = [
            ("torch/__init__.py", Some((JIT, "torch", true))),
            ("pytest-8.3.0.dist-info/METADATA", Some((TEST_TOOL, "pytest", true))),
            ("pytest-8.3.0.dist-info/REQUESTED", Some((ASKED_TEST_TOOL, "pytest", true))),
            ("pre_commit-4.0.dist-info/METADATA", Some((TEST_TOOL, "pre_commit", true))),
            ("_pytest/nodes.py", Some((TEST_TOOL, "pytest", false))),
            ("pytest_asyncio-0.2.dist-info/METADATA", None),
            ("mypy_extensions-1.0.dist-info/METADATA", None),
            ("pytest-8.3.0.dist-info/RECORD", None),
            ("torch/include/ATen/ATen.h", None),
            ("torch/lib/libtorch.a", None),
            ("cmake/data/bin/cmake", None),
            ("numpy/tests/test_core.py", None),
            ("distutils-precedence.pth", None),
        ];
        for (path, expected) in table {
            let expected = expected.map(|(kind, name, is_proof)| (kind, name.to_owned(), is_proof));
            assert_eq!(at(&format!("{site}/{path}")), expected, "{path}");
        }
        assert_eq!(at("app/libs/torch/__init__.py"), Some((JIT, "torch".into(), true)));
        assert_eq!(
            at("usr/lib/python3/dist-packages/pytest-7.2.egg-info/PKG-INFO").map(|part| part.0),
            Some(TEST_TOOL)
        );
    }

    #[test]
    fn knows_installers() {
        let site = "usr/lib/python3.12/site-packages";
        assert_eq!(installer(&format!("{site}/pytest-9.2.0.dist-info/INSTALLER")), Some("pytest"));
        for path in
            ["numpy-2.4.6.dist-info/INSTALLER", "pytest-9.2.0.dist-info/RECORD", "INSTALLER"]
        {
            assert_eq!(installer(&format!("{site}/{path}")), None, "{path}");
        }
    }

    #[test]
    fn leaves_alone_what_is_no_build_tool() {
        for path in [
            "usr/local/include/python3.12/Python.h",
            "usr/local/bin/cmake.py",
            "usr/local/cuda-12.8/bin/nvcc",
            "opt/rocm-6.3.0/lib/llvm/bin/clang-18",
            "opt/conda/pkgs/gcc_impl/libexec/gcc/x86_64-conda-linux-gnu/13/cc1",
            "opt/conda/bin/x86_64-conda-linux-gnu-ld",
            "opt/conda/include/zlib.h",
            "usr/bin/clang-format-15",
            "usr/lib/x86_64-linux-gnu/libgcc_s.so.1",
            "usr/lib/x86_64-linux-gnu/libLLVM-15.so.1",
            "app/gcc/main.py",
            "app/gcc/my-own-tool/cc1.py",
            "home/u/go/bin/gopls",
        ] {
            let found = at(path).filter(|(_, _, is_proof)| *is_proof);
            assert_eq!(found, None, "{path}");
        }
        let script = Entry { path: "usr/bin/cmake", kind: EntryKind::File, size: 300, link: None };
        assert_eq!(part(&script), None);
    }

    #[test]
    fn reads_names_of_packages() {
        let table = [
            ("var/lib/dpkg/info/libssl-dev:amd64.list", Some("libssl-dev")),
            ("var/lib/dpkg/info/libffi-dev.list", Some("libffi-dev")),
            ("var/lib/dpkg/info/libssl3:amd64.list", None),
            ("var/lib/dpkg/info/libssl-dev:amd64.md5sums", None),
        ];
        for (path, expected) in table {
            assert_eq!(dev_package(path), expected, "{path}");
        }
        for name in ["libc6-dev", "libgcc-12-dev", "python3.11-dev", "libpython3-dev"] {
            assert!(is_of_compiler(name), "{name}");
        }
        assert!(!is_of_compiler("libssl-dev") && !is_of_compiler("dpkg-dev"));
    }
}

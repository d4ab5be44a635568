//! One image that passes, one that fails, some that hide; and the measured false positives.

use super::super::settings::SettingValue;
use super::super::testing::{File, Sample, entry, file, sized};
use super::*;

const MIB: u64 = 1 << 20;
const SITE: &str = "usr/local/lib/python3.12/site-packages";

fn filled(path: &str, size: u64) -> File {
    sized(path, b"\x7fELF", size)
}

fn list(package: &str) -> File {
    file(&format!("var/lib/dpkg/info/{package}.list"), "/usr\n")
}

/// `apt-get install gcc`.
fn gcc() -> Vec<File> {
    vec![
        filled("usr/lib/gcc/x86_64-linux-gnu/12/cc1", 31 * MIB),
        filled("usr/lib/gcc/x86_64-linux-gnu/12/lto1", 30 * MIB),
        filled("usr/bin/x86_64-linux-gnu-lto-dump-12", 30 * MIB),
        filled("usr/include/stdio.h", 30_000),
        filled("usr/lib/x86_64-linux-gnu/libc.a", 6 * MIB),
        list("libc6-dev:amd64"),
        list("libgcc-12-dev:amd64"),
        list("linux-libc-dev:amd64"),
        list("libcrypt-dev:amd64"),
    ]
}

/// `apt-get install build-essential`.
fn build_essential() -> Vec<File> {
    let mut files = gcc();
    files.push(filled("usr/lib/gcc/x86_64-linux-gnu/12/cc1plus", 33 * MIB));
    files.push(filled("usr/bin/make", 250_000));
    files.push(list("libstdc++-12-dev:amd64"));
    files.push(list("dpkg-dev"));
    files
}

fn herd() -> Vec<File> {
    ["libffi-dev:amd64", "libssl-dev:amd64", "libpq-dev", "libxml2-dev:amd64"].map(list).into()
}

fn package(name: &str) -> File {
    file(&format!("{SITE}/{name}"), "x")
}

fn torch() -> Vec<File> {
    vec![package("torch/__init__.py"), package("triton/__init__.py")]
}

fn one(files: &[File]) -> Sample {
    Sample::of(&BuildTools).layer("RUN apt-get install ...", files)
}

fn all(parts: Vec<Vec<File>>) -> Vec<File> {
    parts.into_iter().flatten().collect()
}

#[test]
fn ordinary_images_pass() {
    let slim = [
        filled("usr/local/include/python3.12/Python.h", 10_000),
        filled("usr/local/lib/libpython3.12.so.1.0", 6 * MIB),
        filled("usr/lib/x86_64-linux-gnu/libgcc_s.so.1", 100_000),
        filled("usr/lib/x86_64-linux-gnu/libLLVM-15.so.1", 110 * MIB),
        list("libssl3:amd64"),
        list("gcc-12-base:amd64"),
    ];
    let wheels = [
        filled(&format!("{SITE}/torch/include/ATen/ATen.h"), 40 * MIB),
        filled(&format!("{SITE}/tensorflow/include/x.h"), 266 * MIB),
        filled(&format!("{SITE}/nvidia/cuda_runtime/lib/libcudart_static.a"), 2 * MIB),
        filled(&format!("{SITE}/triton/backends/nvidia/bin/ptxas"), 35 * MIB),
        filled(&format!("{SITE}/cmake/data/bin/cmake"), 12 * MIB),
        package("torch/__init__.py"),
        package("numpy/tests/test_core.py"),
        package("mypy_extensions-1.0.dist-info/METADATA"),
        // What Gradio needs and nobody asked for.
        package("ruff-0.6.0.dist-info/METADATA"),
        filled("usr/local/bin/ruff", 25 * MIB),
    ];
    let runtime = [
        filled("usr/local/cuda-12.8/targets/x86_64-linux/lib/libcublas.so.12", 500 * MIB),
        filled("opt/conda/bin/x86_64-conda-linux-gnu-ld", 3 * MIB),
        filled("opt/conda/include/zlib.h", 100_000),
        filled("opt/conda/lib/libz.a", 200_000),
        filled("usr/bin/git", 4 * MIB),
        filled("usr/bin/make", 250_000),
        filled("usr/bin/cmake", 11 * MIB),
    ];
    let sample = Sample::of(&BuildTools)
        .layer("ADD file:1 in /", &slim)
        .layer("RUN pip install torch", &wheels)
        .layer("RUN x", &runtime);
    assert_eq!(sample.words(), "");
}

#[test]
fn compilers_are_reported() {
    let sample = Sample::of(&BuildTools)
        .layer("ADD file:1 in /", &[filled("bin/sh", MIB)])
        .step("CMD [\"bash\"]")
        .layer("RUN apt-get install build-essential", &all(vec![build_essential(), herd()]))
        .layer("RUN apt-get install cmake", &[filled("usr/bin/cmake", 11 * MIB)]);
    insta::assert_snapshot!(sample.words(), @r"
    deny: build tools of 141.3 MiB in the image: gcc, g++, CMake, make, 5 `-dev` packages (`dpkg-dev`, `libffi-dev`, `libpq-dev`, ...)
      fix: compile in a build stage and copy the result onto a slim base: `COPY --from=build /opt/venv /opt/venv`; or install, compile and purge in one RUN
    ");
    let finding = &sample.findings()[0];
    assert_eq!(finding.layer.as_ref().map(|layer| layer.index), Some(1));
    assert_eq!(finding.path.as_deref(), Some("usr/lib/gcc/x86_64-linux-gnu/12/cc1"));
}

/// Triton and `torch.compile` need a C compiler at run time.
#[test]
fn a_compiler_for_kernels_passes_and_a_workshop_warns() {
    let python = || vec![list("python3.11-dev"), list("libpython3.11-dev:amd64")];
    let gxx = || vec![filled("usr/lib/gcc/x86_64-linux-gnu/12/cc1plus", 33 * MIB)];
    let cmake = || vec![filled("usr/bin/cmake", 11 * MIB)];
    let go = || vec![filled("usr/local/go/bin/go", 13 * MIB)];
    let table = [
        (vec![gcc(), torch()], None),
        (vec![gcc(), python(), torch()], None),
        (vec![gcc(), gxx(), torch()], None),
        (vec![build_essential(), torch()], Some(Level::Warn)),
        (vec![gcc(), cmake(), torch()], Some(Level::Warn)),
        (vec![gcc(), herd(), torch()], Some(Level::Warn)),
        (vec![go(), torch()], Some(Level::Warn)),
        (vec![gcc()], Some(Level::Deny)),
        (vec![build_essential()], Some(Level::Deny)),
    ];
    for (number, (parts, expected)) in table.into_iter().enumerate() {
        assert_eq!(one(&all(parts)).level(), expected, "case {number}");
    }
    insta::assert_snapshot!(one(&all(vec![build_essential(), torch()])).words(), @r"
    warn: build tools of 130.3 MiB in the image: gcc, g++, make, 1 `-dev` package (`dpkg-dev`); torch may need a C compiler at run time, not all of this
      fix: compile in a build stage and copy the result onto a slim base: `COPY --from=build /opt/venv /opt/venv`; or install, compile and purge in one RUN
    ");
}

#[test]
fn the_base_image_is_named_as_what_brings_them() {
    let sample = Sample::of(&BuildTools)
        .layer("RUN apt-get install gcc", &all(vec![build_essential(), herd()]))
        .step("CMD [\"python3\"]")
        .layer("COPY . /app", &[file("app/main.py", "x")]);
    insta::assert_snapshot!(sample.words(), @r"
    deny: build tools of 130.3 MiB in the image: gcc, g++, make, 5 `-dev` packages (`dpkg-dev`, `libffi-dev`, `libpq-dev`, ...)
      fix: the base image brings them: take its `-slim` or runtime variant, compile in a build stage, and copy the result: `COPY --from=build /opt/venv /opt/venv`
    ");
}

#[test]
fn what_is_deleted_is_not_this_rules() {
    let gone = |path| entry(path, EntryKind::Whiteout);
    let sample = one(&gcc()).layer(
        "RUN apt-get purge gcc",
        &[gone("usr/lib/gcc"), gone("usr/lib/x86_64-linux-gnu/libc.a"), gone("usr/include")],
    );
    assert_eq!(sample.words(), "");
    let unread = one(&gcc()).unread("RUN apt-get purge gcc", 10);
    assert_eq!(unread.words(), "", "the next layer may delete it");
}

#[test]
fn renamed_and_moved_compilers_are_found() {
    for path in [
        "opt/conda/libexec/gcc/x86_64-conda-linux-gnu/13.3.0/cc1plus",
        "opt/tools/libexec/gcc/x86_64-pc-linux-gnu/13.2.0/cc1",
        "usr/bin/clang-18",
        "opt/llvm/bin/clang",
        "root/.rustup/toolchains/stable/lib/librustc_driver-0a.so",
        "usr/local/go/bin/go",
        "srv/go/bin/go",
    ] {
        // The drivers are gone, the compiler is not.
        let sample = one(&[filled(path, 20 * MIB), entry("usr/bin/.wh.gcc", EntryKind::Whiteout)]);
        assert_eq!(sample.level(), Some(Level::Deny), "{path}");
    }
}

#[test]
fn the_least_size_counts_all_together() {
    let cc1 = |bytes| filled("usr/lib/gcc/x86_64-linux-gnu/12/cc1", bytes);
    let header = filled("usr/include/x.h", 2 * MIB);
    assert_eq!(one(&[cc1(8 * MIB - 1), header]).level(), None);
    let header = filled("usr/include/x.h", 2 * MIB);
    assert_eq!(one(&[cc1(8 * MIB), header]).level(), Some(Level::Deny));
    let mut sample = one(&gcc());
    sample.settings.set(&MIN_SIZE, SettingValue::Number(1 << 30));
    assert_eq!(sample.level(), None);
}

#[test]
fn headers_without_a_compiler_warn() {
    let headers = || vec![filled("usr/include/GL/gl.h", 12 * MIB)];
    insta::assert_snapshot!(one(&all(vec![headers(), herd()])).words(), @r"
    warn: development headers and libraries of 12.0 MiB in the image: 4 `-dev` packages (`libffi-dev`, `libpq-dev`, `libssl-dev`, ...)
      fix: install the run-time library instead (`libgl1`, not `libgl1-mesa-dev`), and leave `-dev` packages to a build stage
    ");
    let two = vec![list("libgl1-mesa-dev"), list("libx11-dev")];
    assert_eq!(one(&all(vec![headers(), two])).words(), "");
    assert_eq!(one(&herd()).words(), "");
}

#[test]
fn test_tools_that_somebody_asked_for() {
    let record = |name: &str, file: &str| package(&format!("{name}.dist-info/{file}"));
    let asked = [
        record("pytest-8.3.0", "METADATA"),
        record("pytest-8.3.0", "REQUESTED"),
        filled(&format!("{SITE}/_pytest/nodes.py"), 2 * MIB),
        record("mypy-1.11.0", "METADATA"),
        record("mypy-1.11.0", "REQUESTED"),
        // What Gradio needs.
        record("ruff-0.6.0", "METADATA"),
    ];
    insta::assert_snapshot!(one(&asked).words(), @r"
    deny: test tools of 2.0 MiB in the image: mypy, pytest
      fix: keep them in a requirements file of their own, which only the tests' stage installs
    ");
    let needed = [record("pytest-8.3.0", "METADATA")];
    assert_eq!(one(&needed).level(), None, "another package needs it");
    let by_uv = [
        record("pytest-8.3.0", "METADATA"),
        record("pytest-8.3.0", "REQUESTED"),
        file(&format!("{SITE}/pytest-8.3.0.dist-info/INSTALLER"), "uv"),
    ];
    assert_eq!(one(&by_uv).level(), None, "uv says so of every package");
    let two = |installer: &str| {
        let names = ["pytest-8.3.0", "mypy-1.11.0"];
        let files = names.into_iter().flat_map(|name| {
            let path = format!("{SITE}/{name}.dist-info/INSTALLER");
            [record(name, "METADATA"), file(&path, installer)]
        });
        one(&files.collect::<Vec<_>>()).level()
    };
    assert_eq!(two("pip\n"), None, "pip would say so");
    for installer in ["uv", "conda", "Poetry 1.8.3"] {
        assert_eq!(two(installer), Some(Level::Warn), "{installer}");
    }
    let by_conda = [
        record("pytest-8.3.0", "METADATA"),
        record("pytest-8.3.0", "REQUESTED"),
        file(&format!("{SITE}/pytest-8.3.0.dist-info/INSTALLER"), "conda\n"),
    ];
    assert_eq!(one(&by_conda).level(), None, "conda says so of every package");

    let alone = one(&all(vec![gcc(), by_uv.into()])).words();
    assert!(!alone.contains("pytest"), "{alone}");
    let both = one(&all(vec![gcc(), asked.into()])).words();
    assert!(both.contains("gcc, mypy, pytest"), "{both}");
    assert!(both.contains("; test tools: "), "{both}");
}

#[test]
fn names_of_packages_are_bounded() {
    let flood: Vec<File> = (0..5000).map(|number| list(&format!("lib{number:04}-dev"))).collect();
    let sample = one(&all(vec![gcc(), flood, vec![list(&format!("a{}-dev", "x".repeat(500)))]]));
    let facts = &sample.facts[0].as_ref().unwrap().facts;
    assert!(facts.len() < 10, "{}", facts.len());
    let words = sample.words();
    assert!(
        words.contains("5001 `-dev` packages (`lib0000-dev`, `lib0001-dev`, `lib0002-dev`, ...)"),
        "{words}"
    );
}

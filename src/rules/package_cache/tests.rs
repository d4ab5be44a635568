//! One image that passes, one that fails, some that hide; and the measured false positives.

use super::super::settings::SettingValue;
use super::super::testing::{File, Sample, entry, file, link, sized};
use super::*;

const MIB: u64 = 1 << 20;

fn filled(path: &str, size: u64) -> File {
    sized(path, b"\x01", size)
}

fn one(created_by: &str, files: &[File]) -> Sample {
    Sample::of(&PackageCache).layer(created_by, files)
}

#[test]
fn an_ordinary_install_passes() {
    let site = "usr/local/lib/python3.12/site-packages";
    let sample = one(
        "RUN --mount=type=cache,target=/root/.cache/pip pip install torch",
        &[
            // What cache mounts and apt leave.
            entry("root/.cache/pip", EntryKind::Directory),
            entry("root/.cache/uv", EntryKind::Directory),
            entry("var/lib/apt/lists/partial", EntryKind::Directory),
            entry("var/lib/apt/lists/auxfiles", EntryKind::Directory),
            file("var/lib/apt/lists/lock", ""),
            file("var/cache/apt/archives/lock", ""),
            entry("var/lib/apt/lists/.wh.deb_Packages", EntryKind::Whiteout),
            filled(&format!("{site}/torch/lib/libtorch_cuda.so"), 520 * MIB),
            filled(&format!("{site}/botocore/data/ec2.json.gz"), 20 * MIB),
            filled("root/.cache/matplotlib/fontlist-v390.json", MIB / 2),
            filled("root/.cache/ms-playwright/chromium-1/chrome", 200 * MIB),
            filled("var/cache/fontconfig/x.cache-7", 2 * MIB),
        ],
    );
    assert_eq!(sample.words(), "");
}

#[test]
fn caches_are_reported_by_kind_with_their_remedy() {
    let sample = Sample::of(&PackageCache)
        .layer(
            "RUN pip install torch",
            &[
                filled("root/.cache/pip/http-v2/a/b/c/d/e/abcde1.body", 700 * MIB),
                filled("root/.cache/pip/wheels/aa/x.whl", 4 * MIB),
            ],
        )
        .layer(
            "RUN apt-get update && apt-get install -y gcc",
            &[filled("var/lib/apt/lists/deb_Packages.lz4", 45 * MIB)],
        )
        .layer("RUN npm ci", &[filled("root/.npm/_cacache/content-v2/sha512/a/b", 9 * MIB)]);
    insta::assert_snapshot!(sample.words(), @r"
    deny: apt package lists of 45.0 MiB: `var/lib/apt/lists`
      fix: end the RUN that has `apt-get update` with `rm -rf /var/lib/apt/lists/*`
    deny: npm cache of 9.0 MiB: `root/.npm/_cacache`
      fix: `npm ci && npm cache clean --force` in one RUN, or `RUN --mount=type=cache,target=/root/.npm`
    deny: pip cache of 704.0 MiB: `root/.cache/pip`
      fix: `pip install --no-cache-dir`, or `RUN --mount=type=cache,target=/root/.cache/pip`
    ");
    let finding = &sample.findings()[2];
    assert_eq!(finding.path.as_deref(), Some("root/.cache/pip"));
    assert_eq!(finding.layer.as_ref().map(|layer| layer.index), Some(0));
}

#[test]
fn each_tool_has_its_own_remedy_at_the_right_place() {
    let fix = |path: &str| one("RUN x", &[filled(path, 5 * MIB)]).findings()[0].fix.clone();
    insta::assert_snapshot!(fix("root/.cache/pdm/http/x"), @"end the RUN that installs with `pdm cache clear`, or `RUN --mount=type=cache,target=/root/.cache/pdm`");
    insta::assert_snapshot!(fix("root/.cache/rattler/cache/pkgs/x"), @"end the RUN that installs with `pixi clean cache --yes`, or `RUN --mount=type=cache,target=/root/.cache/rattler`");
    insta::assert_snapshot!(fix("root/.cache/pipenv/depcache/x"), @"end the RUN that installs with `pipenv --clear`, or `RUN --mount=type=cache,target=/root/.cache/pipenv`");
    insta::assert_snapshot!(fix("home/node/.npm/_cacache/content-v2/sha512/a/b"), @"`npm ci && npm cache clean --force` in one RUN, or `RUN --mount=type=cache,target=/home/node/.npm,uid=<uid>`");
    insta::assert_snapshot!(fix("srv/c/http-v2/0/1/a/b/c/01abc55.body"), @"`pip install --no-cache-dir`, or `RUN --mount=type=cache,target=/srv/c`");
    insta::assert_snapshot!(fix("var/cache/apt/archives/gcc.deb"), @"end the RUN that installs with `apt-get clean`, or `RUN --mount=type=cache,target=/var/cache/apt,sharing=locked`");
}

#[test]
fn what_a_later_layer_deletes_is_still_pulled() {
    let sample = one(
        "RUN apt-get update",
        &[
            filled("var/lib/apt/lists/deb_main_Packages.lz4", 40 * MIB),
            filled("var/lib/apt/lists/deb_main_InRelease", MIB),
        ],
    )
    .layer(
        "RUN rm -rf /var/lib/apt/lists/*",
        &[
            // `rm -rf lists/*` touches the directory and deletes what is in it.
            entry("var/lib/apt/lists", EntryKind::Directory),
            entry("var/lib/apt/lists/deb_main_InRelease", EntryKind::Whiteout),
            entry("var/lib/apt/lists/deb_main_Packages.lz4", EntryKind::Whiteout),
        ],
    );
    insta::assert_snapshot!(sample.words(), @r"
    deny: apt package lists of 41.0 MiB: `var/lib/apt/lists` (deleted by layer 1 but still in the image)
      fix: end the RUN that has `apt-get update` with `rm -rf /var/lib/apt/lists/*`
    ");
}

#[test]
fn a_directory_that_is_touched_again_stays() {
    let sample = one("RUN pip install a", &[filled("root/.cache/pip/wheels/a.whl", 9 * MIB)])
        .layer("RUN pip install b", &[entry("root/.cache/pip", EntryKind::Directory)]);
    assert!(!sample.words().contains("still in the image"), "{}", sample.words());
}

#[test]
fn the_layers_of_the_base_image_are_told_apart() {
    let sample =
        one("/bin/sh -c apt-get update", &[filled("var/lib/apt/lists/deb_Packages", 30 * MIB)])
            .step("/bin/sh -c #(nop)  CMD [\"bash\"]")
            .layer("RUN apt-get update", &[filled("var/lib/apt/lists/deb_Packages", 31 * MIB)]);
    insta::assert_snapshot!(sample.words(), @r"
    deny: apt package lists of 31.0 MiB: `var/lib/apt/lists`
      fix: end the RUN that has `apt-get update` with `rm -rf /var/lib/apt/lists/*`
    deny: apt package lists of 30.0 MiB in the base image: `var/lib/apt/lists` (overwritten by layer 1 but still in the image)
      fix: the base image brought it: take a slimmer one, or tell its maintainers; deleting it in a layer of yours frees nothing
    ");
}

#[test]
fn many_small_caches_add_up() {
    let build = |layers: usize, bytes: u64| {
        (0..layers).fold(Sample::of(&PackageCache), |sample, number| {
            let path = format!("home/u{number}/.cache/pip/wheels/x.whl");
            sample.layer("RUN pip install x", &[filled(&path, bytes)])
        })
    };
    assert_eq!(build(1, MIB - 1).level(), None);
    assert_eq!(build(1, MIB).level(), Some(Level::Deny));
    assert_eq!(build(3, MIB / 4).level(), None);
    let words = build(4, MIB / 4).words();
    assert!(words.contains("1.0 MiB: `home/u3/.cache/pip` and in 3 more places"), "{words}");
}

#[test]
fn the_least_size_is_the_policys() {
    let mut sample = one("RUN pip install x", &[filled("root/.cache/pip/x", 5 * MIB)]);
    sample.settings.set(&MIN_SIZE, SettingValue::Number(5 * MIB + 1));
    assert_eq!(sample.level(), None);
    sample.settings.set(&MIN_SIZE, SettingValue::Number(5 * MIB));
    assert_eq!(sample.level(), Some(Level::Deny));
}

#[test]
fn a_moved_cache_is_found() {
    for path in [
        "srv/c/http-v2/0/1/a/b/c/01abc55.body",
        "opt/x/archive-v0/Xy3Xy3Xy3Xy3Xy3Xy3Xy3/numpy/core.so",
        "tmp/n/_cacache/content-v2/sha512/aa/x",
        "mnt/hub/datasets--o--d/blobs/aa",
        "srv/pkgs/numpy-2.1.0-py312_0.conda",
    ] {
        assert_eq!(one("RUN x", &[filled(path, 5 * MIB)]).level(), Some(Level::Deny), "{path}");
    }
}

#[test]
fn models_in_caches_are_not_this_rules() {
    let files = [
        filled("root/.cache/huggingface/hub/models--o--m/blobs/aa", 500 * MIB),
        filled("root/.cache/torch/hub/checkpoints/resnet.pth", 100 * MIB),
        filled("root/.cache/torch/sentence_transformers/m/model.safetensors", 90 * MIB),
    ];
    assert_eq!(one("RUN python warm.py", &files).words(), "");
}

#[test]
fn compiled_kernels_may_be_meant() {
    let sample = one("RUN warm", &[filled("root/.triton/cache/AB/kernel.cubin", 80 * MIB)]);
    insta::assert_snapshot!(sample.words(), @r"
    warn: cache of compiled kernels of 80.0 MiB: `root/.triton/cache`
      fix: nothing, if kernels were compiled ahead on purpose; otherwise delete the cache in the RUN that fills it, or mount a volume there
    ");
}

/// uv and conda hard-link from the cache into environments. Whichever name comes first in the
/// archive has the bytes.
#[test]
fn files_that_an_environment_links_to_are_no_waste() {
    let cached = "root/.cache/uv/archive-v0/Xy/torch/lib/libtorch.so";
    let installed = "usr/local/lib/python3.12/site-packages/torch/lib/libtorch.so";
    let pulled = "opt/conda/pkgs/numpy-2.1.0-py312_0/lib/libx.so";
    let linked = [
        link("opt/conda/lib/libother.so", EntryKind::File, ""),
        filled(pulled, 60 * MIB),
        link(
            "opt/conda/pkgs/other-1-0/lib/libother.so",
            EntryKind::HardLink,
            "opt/conda/lib/libother.so",
        ),
        link(
            "opt/conda/share/libx.so",
            EntryKind::HardLink,
            "./opt/conda/pkgs/numpy-2.1.0-py312_0/lib/libx.so",
        ),
        filled(cached, 500 * MIB),
        link(installed, EntryKind::HardLink, cached),
    ];
    assert_eq!(one("RUN uv pip install --system torch", &linked).words(), "");

    // A link from cache to cache is no use.
    let unused = [filled(cached, 500 * MIB), link("root/.cache/uv/x", EntryKind::HardLink, cached)];
    assert_eq!(one("RUN uv sync", &unused).level(), Some(Level::Deny));
    // Two links free the bytes once, and nothing else with them.
    let other = "root/.cache/uv/archive-v0/Zz/other.so";
    let twice = [
        filled(cached, 500 * MIB),
        filled(other, 2 * MIB),
        link("a", EntryKind::HardLink, cached),
        link("b", EntryKind::HardLink, cached),
    ];
    let words = one("RUN uv sync", &twice).words();
    assert!(words.contains("uv cache of 2.0 MiB"), "{words}");
}

#[test]
fn hard_links_are_followed_up_to_a_cap() {
    let mut tally = CacheTally::default();
    for number in 0..MAX_LINKED {
        tally.linked.insert(u64::try_from(number).unwrap(), 1);
    }
    let path = "opt/conda/pkgs/a-1-0.conda";
    let file = Entry { path, kind: EntryKind::File, size: 9, link: None };
    tally.note(&file);
    assert!(Box::new(tally).facts().is_empty(), "at the cap");

    let mut tally = CacheTally::default();
    for number in 1..MAX_LINKED {
        tally.linked.insert(u64::try_from(number).unwrap(), 1);
    }
    tally.note(&file);
    assert_eq!(Box::new(tally).facts()[0].size, 9, "below the cap");
}

#[test]
fn partial_facts_never_take_back() {
    let full = one("RUN pip install a", &[filled("root/.cache/pip/x", 5 * MIB)]);
    let partial = one("RUN pip install a", &[filled("root/.cache/pip/x", 5 * MIB)])
        .unread("RUN rm -rf /root/.cache", 10);
    assert_eq!((full.level(), partial.level()), (Some(Level::Deny), Some(Level::Deny)));
}

//! Space that later layers waste, by reason.

use super::super::testing::{Sample, entry, file, link, sized};
use super::*;
use crate::model::EntryKind;
use crate::rules::settings::SettingValue;

const MIB: u64 = 1 << 20;
const BASE: &[&str] = &["+# debian.sh", "CMD [\"bash\"]"];

/// A base image with one file of 200 MiB.
fn debian() -> Sample {
    Sample::of(&WastedSpace)
        .layer("# debian.sh", &[sized("usr/lib/big.so", "", 200 * MIB)])
        .step("CMD [\"bash\"]")
}

fn gone(path: &str) -> super::super::testing::File {
    entry(path, EntryKind::Whiteout)
}

#[test]
fn an_image_that_cleans_up_where_it_builds_passes() {
    let sample = debian()
        .layer(
            "RUN apt-get install x && rm -rf /var/lib/apt/lists/*",
            &[sized("usr/bin/x", "", 90 * MIB)],
        )
        .layer("COPY --chown=app . .", &[sized("app/data", "", 90 * MIB)])
        .layer("RUN useradd app", &[file("etc/passwd", "x")]);
    assert_eq!(sample.words(), "");
}

#[test]
fn what_a_later_layer_deletes_is_reported() {
    let sample = debian()
        .layer(
            "RUN curl -O https://x/cuda.run",
            &[sized("tmp/cuda.run", "", 300 * MIB), sized("tmp/b", "", MIB)],
        )
        .layer(
            "RUN sh /tmp/cuda.run && rm -rf /tmp/cuda.run /tmp/b",
            &[gone("tmp/cuda.run"), gone("tmp/b")],
        );
    insta::assert_snapshot!(sample.words(), @r"
    deny: layer 2 (`RUN sh /tmp/cuda.run && rm -rf /tmp/cuda.run /tmp/b`) deletes 301.0 MiB of layer 1 (2 files, 60 % of the image); the largest is `tmp/cuda.run` with 300.0 MiB
      fix: delete in the `RUN` that creates (`RUN <create> && <use> && rm -rf ...`), or do both in a build stage and copy the result
    ");
    let finding = &sample.findings()[0];
    assert_eq!((finding.layer.as_ref().unwrap().index, finding.size), (1, Some(301 * MIB)));
}

#[test]
fn each_reason_has_its_own_words() {
    let words = |made: &str, by: &str, above: super::super::testing::File| {
        let sample = debian().layer(made, &[sized("app/x", "", 100 * MIB)]).layer(by, &[above]);
        sample.words()
    };
    let again = || sized("app/x", "", 100 * MIB);
    insta::assert_snapshot!(words("COPY x /app", "RUN rm -r /app", gone("app")), @r"
    deny: layer 2 (`RUN rm -r /app`) deletes 100.0 MiB of layer 1 (1 file, 33 % of the image); the largest is `app/x` with 100.0 MiB
      fix: what is copied stays in its layer: bring it in with `RUN --mount=type=bind,source=...,target=...`, unpack it in a build stage, or list it in `.dockerignore`
    ");
    insta::assert_snapshot!(words("COPY x /app", "RUN chown -R app /app", again()), @r"
    deny: layer 2 (`RUN chown -R app /app`) changes owners or modes of 100.0 MiB of layer 1 (1 file, 25 % of the image); the largest is `app/x` with 100.0 MiB
      fix: set them while copying (`COPY --chown=<user> --chmod=<mode>`) or in the `RUN` that creates the files: changing them later stores every file a second time
    ");
    insta::assert_snapshot!(words("COPY x /app", "COPY --chown=app x /app", again()), @r"
    deny: layer 2 (`COPY --chown=app x /app`) writes again 100.0 MiB of layer 1 (1 file, 25 % of the image); the largest is `app/x` with 100.0 MiB
      fix: write each file once, in its final form
    ");
    insta::assert_snapshot!(words("RUN pip install x", "RUN pip install -U x", sized("app/x", "", MIB)), @r"
    deny: layer 2 (`RUN pip install -U x`) replaces 100.0 MiB of layer 1 (1 file, 33 % of the image); the largest is `app/x` with 100.0 MiB
      fix: install the final version at once: what is replaced stays stored
    ");
    insta::assert_snapshot!(words("COPY x /app", "COPY . /app", again()), @r"
    deny: layer 2 (`COPY . /app`) writes again 100.0 MiB of layer 1 (1 file, 25 % of the image); the largest is `app/x` with 100.0 MiB
      fix: write each file once, in its final form
    ");
    let base = |by: &str, above| debian().layer(by, &[above]).findings()[0].clone();
    let words = |finding: Finding| format!("{}\n{}", finding.message, finding.fix);
    insta::assert_snapshot!(words(base("RUN rm -rf /usr/lib", gone("usr/lib"))), @r"
    layer 1 (`RUN rm -rf /usr/lib`) deletes 200.0 MiB of layer 0 (1 file, 100 % of the image); the largest is `usr/lib/big.so` with 200.0 MiB
    deleting from a base image frees nothing: start from a smaller one, or copy what is needed out of it with `COPY --from`
    ");
    insta::assert_snapshot!(words(base("RUN apt-get upgrade -y", sized("usr/lib/big.so", "", MIB))), @r"
    layer 1 (`RUN apt-get upgrade -y`) upgrades 200.0 MiB of layer 0 (1 file, 99 % of the image); the largest is `usr/lib/big.so` with 200.0 MiB
    take a newer base image instead of upgrading its packages
    ");
    insta::assert_snapshot!(words(base("RUN pip install -U torch", sized("usr/lib/big.so", "", MIB))), @r"
    layer 1 (`RUN pip install -U torch`) replaces 200.0 MiB of layer 0 (1 file, 99 % of the image); the largest is `usr/lib/big.so` with 200.0 MiB
    the base image brings another version: start from one with the version that is wanted, or from a slim one without it
    ");
}

#[test]
fn hiding_it_among_directories_and_small_files_does_not_help() {
    let many: Vec<_> = (0..600).map(|n| sized(&format!("opt/a/{n}"), "", MIB / 4)).collect();
    let sample =
        debian().layer("RUN build", &many).layer("RUN clean", &[entry("opt", EntryKind::Opaque)]);
    insta::assert_snapshot!(sample.findings()[0].message, @"layer 2 (`RUN clean`) deletes 150.0 MiB of layer 1 (600 files, 42 % of the image); the largest is `opt/a/0` with 256.0 KiB");
}

#[test]
fn other_names_of_a_file_take_no_space() {
    let names = [
        sized("opt/conda/lib/x", "", 100 * MIB),
        link("opt/conda/pkgs/x", EntryKind::HardLink, "opt/conda/lib/x"),
    ];
    let sample = debian().layer("RUN conda", &names).layer("RUN clean", &[gone("opt/conda/pkgs")]);
    assert_eq!(sample.words(), "");
    let over = link("opt/conda/lib/x", EntryKind::HardLink, "etc/y");
    let sample = debian().layer("RUN conda", &names).layer("RUN link", &[over]);
    assert_eq!(sample.words(), "", "the other name still shows the bytes");
    let over = link("opt/conda/lib/x", EntryKind::HardLink, "etc/y");
    let above = [over, gone("opt/conda/pkgs")];
    let sample = debian().layer("RUN conda", &names).layer("RUN link", &above);
    assert_eq!(sample.findings()[0].size, Some(100 * MIB));
}

/// uv and conda link packages from their caches: the archive has the bytes under the name in the
/// cache, which comes first, and the environment shows them when the cache is gone.
#[test]
fn what_a_hard_link_keeps_is_not_wasted() {
    let cached = "root/.cache/uv/archive-v0/Xy3Xy3Xy3Xy3Xy3Xy3Xy3/torch/lib/libtorch.so";
    let other = "root/.cache/uv/archive-v0/Zz3Xy3Xy3Xy3Xy3Xy3Xy3/other/lib/libother.so";
    let installed = "usr/local/lib/python3.12/site-packages/torch/lib/libtorch.so";
    let install = || {
        let files = [
            sized(cached, "", 80 * MIB),
            sized(other, "", 60 * MIB),
            link(installed, EntryKind::HardLink, cached),
        ];
        debian().layer("RUN uv pip install --system torch", &files)
    };
    let sample = install().layer("RUN rm -rf /root/.cache", &[gone("root/.cache")]);
    insta::assert_snapshot!(sample.findings()[0].message, @"layer 2 (`RUN rm -rf /root/.cache`) deletes 60.0 MiB of layer 1 (1 file, 17 % of the image); the largest is `root/.cache/uv/archive-v0/Zz3Xy3Xy3Xy3Xy3Xy3Xy3/other/lib/libother.so` with 60.0 MiB");
    let above = [gone("root/.cache"), gone("usr/local/lib/python3.12")];
    let sample = install().layer("RUN rm -rf everything", &above);
    assert_eq!(sample.findings()[0].size, Some(140 * MIB), "neither name is left");
    let again = sized(installed, "", 80 * MIB);
    let sample = install().layer("RUN chown -R app /", &[gone("root/.cache"), again]);
    assert_eq!(sample.findings()[0].size, Some(140 * MIB), "the link was replaced");
}

#[test]
fn both_thresholds_count() {
    let wasting = |bytes: u64, of: u64| {
        debian()
            .layer("RUN a", &[sized("x", "", bytes), sized("y", "", of)])
            .layer("RUN b", &[gone("x")])
    };
    for (bytes, of, expected) in [
        (50 * MIB - 1, 0, false),
        (50 * MIB, 0, true),
        (50 * MIB, 750 * MIB, true),
        (50 * MIB, 751 * MIB, false),
    ] {
        assert_eq!(!wasting(bytes, of).findings().is_empty(), expected, "{bytes} {of}");
    }
    let mut sample = wasting(50 * MIB, 0);
    sample.settings.set(&MIN_SIZE, SettingValue::Number(51 * MIB));
    assert_eq!(sample.words(), "");
}

#[test]
fn small_pairs_are_summed_up() {
    let mut sample = debian();
    for layer in 0..8 {
        let path = format!("x{layer}");
        sample = sample
            .layer(&format!("RUN make {layer}"), &[sized(&path, "", 20 * MIB)])
            .layer(&format!("RUN rm {layer}"), &[gone(&path)]);
    }
    let messages: Vec<String> =
        sample.findings().into_iter().map(|finding| finding.message).collect();
    assert_eq!(messages.len(), 4);
    insta::assert_snapshot!(messages[3], @"5 more pairs of layers waste 100.0 MiB together");
}

#[test]
fn what_the_base_wastes_in_itself_is_its_vendors() {
    let sample = Sample::of(&WastedSpace)
        .layer("RUN make", &[sized("x", "", 500 * MIB)])
        .layer("RUN rm x", &[gone("x")])
        .step("CMD [\"bash\"]")
        .layer("COPY app /app", &[file("app", "x")]);
    assert_eq!(sample.words(), "");
    assert_eq!(Sample::of(&WastedSpace).built(BASE).words(), "");
}

#[test]
fn nothing_is_said_before_all_is_known() {
    let sample = debian()
        .layer("RUN make", &[sized("x", "", 500 * MIB)])
        .layer("RUN rm x", &[gone("x")])
        .unread("COPY a b", 1);
    assert_eq!(sample.words(), "");
}

//! Few layers, many, and many that are one in disguise.

use super::super::testing::Sample;
use super::*;
use crate::model::dockerfile::samples;
use crate::rules::settings::SettingValue;

const BASE: &[&str] = &["+# debian.sh", "CMD [\"bash\"]"];
const MIB: u64 = 1 << 20;

/// A Dockerfile on Debian: instruction and size of its layer in MiB.
fn dockerfile(lines: &[(&str, u64)]) -> Sample {
    let sample = Sample::of(&LayerCount).built(BASE);
    lines.iter().fold(sample, |sample, (line, size)| sample.unread(line, size * MIB))
}

#[test]
fn separate_lines_for_separate_managers_pass() {
    let sample = dockerfile(&[
        ("RUN apt-get update && apt-get install -y libgl1", 60),
        ("RUN pip install torch==2.5.1", 2000),
        ("RUN pip install -r requirements.txt", 300),
        ("RUN python -m nltk.downloader punkt", 40),
        ("RUN useradd app", 0),
        ("RUN mkdir /data", 0),
        ("COPY . .", 1),
        ("RUN make", 1),
        ("RUN make install", 1),
    ]);
    assert_eq!(sample.words(), "");
}

#[test]
fn small_lines_in_a_row_are_reported() {
    let lines = ["RUN mkdir /a", "RUN chmod 755 /a", "RUN ln -s /a /b", "RUN useradd app"];
    let row = |count: usize| {
        let lines: Vec<(&str, u64)> =
            lines.iter().cycle().take(count).map(|line| (*line, 0)).collect();
        dockerfile(&lines)
    };
    assert_eq!(row(4).words(), "");
    insta::assert_snapshot!(row(5).words(), @r"
    deny: 5 `RUN` lines in a row where 1 would do: from `RUN mkdir /a` to `RUN mkdir /a`
      fix: join them with `&&`, or write one `RUN <<EOF` block; keep apart only what is large and changes at another pace
    ");
    let mut sample = row(5);
    sample.settings.set(&MAX_FOLDABLE_RUNS, SettingValue::Number(4));
    assert_eq!(sample.words(), "");
}

#[test]
fn size_and_spelling_do_not_hide_a_row() {
    let sample = dockerfile(&[
        ("RUN pip install torch", 2000),
        ("RUN python3 -m pip install numpy", 20),
        ("RUN bash -c 'pip3 install scipy'", 40),
        ("RUN uv pip install pandas", 40),
        ("RUN /opt/venv/bin/pip install scikit-learn", 40),
    ]);
    insta::assert_snapshot!(sample.findings()[0].message, @"5 `RUN` lines in a row where 1 would do: from `RUN pip install torch` to `RUN /opt/venv/bin/pip install scikit-learn`");
    let parted = Sample::of(&LayerCount).built(BASE).built(&[
        "+RUN a",
        "ARG X",
        "+RUN b",
        "LABEL x=y",
        "+RUN c",
        "+RUN d",
        "+RUN e",
    ]);
    assert_eq!(parted.findings().len(), 1);
    let apart = Sample::of(&LayerCount)
        .built(BASE)
        .built(&["+RUN a", "+RUN b", "+RUN c", "USER x", "+RUN d", "+RUN e", "+RUN f"]);
    assert_eq!(apart.words(), "");
}

#[test]
fn too_many_layers_are_reported() {
    let copies = |count: usize| {
        let lines = vec![("COPY a /a", 1); count];
        dockerfile(&lines).findings().into_iter().map(|finding| finding.message).collect::<Vec<_>>()
    };
    assert_eq!(copies(40), Vec::<String>::new());
    insta::assert_snapshot!(copies(41).join("\n"), @"the Dockerfile makes 41 layers: the limit is 40");
    insta::assert_snapshot!(copies(100).join("\n"), @"101 layers (1 of the base image and 100 of its own): the limit is 100, container runtimes mount 127");
    insta::assert_snapshot!(copies(127).join("\n"), @"128 layers (1 of the base image and 127 of its own): container runtimes mount at most 127");
    let nix = (0..100).fold(Sample::of(&LayerCount), |sample, _| sample.unread("", MIB));
    assert_eq!(nix.words(), "");
}

#[test]
fn vendors_of_base_images_are_not_blamed() {
    for known in samples::ALL {
        for own in [&[][..], samples::APP] {
            let sample = Sample::of(&LayerCount).built(known.steps).built(own);
            assert_eq!(sample.words(), "", "{}", known.name);
        }
    }
}

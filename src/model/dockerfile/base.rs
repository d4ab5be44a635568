//! Where the base image's lines end. Nobody is to be blamed for what the vendor wrote, and
//! builders do not say where that is; all signs are the author's to forge, so nothing that
//! matters for safety may hang on this.
//!
//! Signs, the furthest counts: Buildah's remark, a change of the builder, the `CMD` that base
//! images end with, and lines that only known vendors write.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};

use crate::model::image::History;

/// How many steps belong to the base image, counted from the first. `texts` are the steps'
/// instructions as their authors wrote them.
pub(super) fn end(history: &[History], texts: &[Cow<'_, str>]) -> usize {
    if let Some(exact) = buildah(history) {
        return exact;
    }
    let signs = [change_of_builder(history), command(history, texts), vendor(texts)];
    signs.into_iter().max().unwrap_or(0)
}

/// Who wrote a step, as far as it tells.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Builder {
    BuildKit,
    Kaniko,
    /// Docker's before BuildKit, and Buildah, which imitates it.
    Classic,
}

fn builder(step: &History) -> Option<Builder> {
    if step.author == "kaniko" {
        Some(Builder::Kaniko)
    } else if step.comment.starts_with("buildkit") {
        Some(Builder::BuildKit)
    } else {
        step.created_by.starts_with("/bin/sh -c").then_some(Builder::Classic)
    }
}

/// Buildah remarks `FROM <image>` on the first step of its own. When another builder came later,
/// that says nothing about the last image.
fn buildah(history: &[History]) -> Option<usize> {
    let first = history.iter().rposition(|step| step.comment.starts_with("FROM "))?;
    let is_other =
        |step: &History| matches!(builder(step), Some(Builder::BuildKit | Builder::Kaniko));
    let own = history.get(first..).unwrap_or_default();
    (!own.iter().any(is_other)).then_some(first)
}

/// One build has one builder. A layer that some tool put on top (`crane append`) has none.
fn change_of_builder(history: &[History]) -> usize {
    let last = history.iter().rev().find_map(builder);
    let is_other = |step: &History| builder(step).is_some() && builder(step) != last;
    history.iter().rposition(is_other).map_or(0, |at| at.saturating_add(1))
}

/// Base images end with `CMD` or `ENTRYPOINT`; those at the very end are the image's own, and so
/// are those between lines that were built together.
fn command(history: &[History], texts: &[Cow<'_, str>]) -> usize {
    let is_command = |number: &usize| {
        let text = texts.get(*number).map_or("", |text| text);
        let makes_none = history.get(*number).is_some_and(|step| step.empty_layer);
        makes_none && (text.starts_with("CMD ") || text.starts_with("ENTRYPOINT "))
    };
    let Some(last_layer) = history.iter().rposition(|step| !step.empty_layer) else { return 0 };
    (0..last_layer)
        .rev()
        .filter(is_command)
        .find(|number| !is_within_one_build(history, *number))
        .map_or(0, |number| number.saturating_add(1))
}

/// Base images are older than what is built on them. This much older at least, or both come from
/// one Dockerfile with several targets.
const APART: SignedDuration = SignedDuration::from_mins(10);

/// Whether a step is as old as the next one that made a layer. Times that a tool has made equal,
/// for reproducible builds, tell nothing.
fn is_within_one_build(history: &[History], number: usize) -> bool {
    let behind = history.get(number..).unwrap_or_default();
    let next = behind.iter().find(|step| !step.empty_layer);
    let time = |step: Option<&History>| step.and_then(time_of);
    let (Some(this), Some(next)) = (time(history.get(number)), time(next)) else { return false };
    let is_told = time(history.first()).is_none_or(|first| first != this || first != next);
    is_told && this.duration_until(next).abs() < APART
}

/// When a step was made; the beginning of time is what tools write for "never mind".
fn time_of(step: &History) -> Option<Timestamp> {
    let time: Timestamp = step.created.parse().ok()?;
    (time.as_second() > 86_400).then_some(time)
}

/// Lines that only the vendors of known images write, by how they begin. Many of these images
/// end without `CMD`.
const VENDOR_LINES: &[&str] = &[
    "ENV NV_",
    "ENV NVARCH=",
    "ENV NVIDIA_REQUIRE_CUDA=",
    "ENV NVIDIA_PRODUCT_NAME=",
    "ENV NVIDIA_BUILD_ID=",
    "LABEL maintainer=NVIDIA CORPORATION",
    "LABEL com.nvidia.cudnn.version=",
    "LABEL com.nvidia.build.",
    "COPY NGC-DL-CONTAINER-LICENSE /",
    "COPY bashrc /etc/bash.bashrc",
    "RUN chmod a+rwx /etc/bash.bashrc",
    "LABEL maintainer=Jupyter Project",
];

/// Words in `RUN` lines of theirs.
const VENDOR_WORDS: &[&str] = &["/nvidia/build-scripts/", "${NV_"];

/// Images whose last lines anybody could have written, behind one that only the vendor writes:
/// `(begin, end)`.
const VENDOR_SPANS: &[(&str, &str)] = &[
    ("LABEL com.nvidia.volumes.needed=nvidia_driver", "WORKDIR /workspace"),
    ("LABEL maintainer=Jupyter Project", "WORKDIR /home/jovyan"),
];

/// NVIDIA's development images end with exactly this; others append to it.
const LAST_OF_CUDA_DEVEL: &[&str] = &[
    "ENV LIBRARY_PATH=/usr/local/cuda/lib64/stubs",
    "ENV LIBRARY_PATH=/usr/local/cuda/lib64/stubs:",
];

fn vendor(texts: &[Cow<'_, str>]) -> usize {
    let lines = texts.iter().rposition(|text| is_vendors(text));
    let spans = VENDOR_SPANS.iter().filter_map(|(begin, end)| {
        let first = texts.iter().rposition(|text| text.starts_with(begin))?;
        let last = texts.iter().skip(first).position(|text| text.trim() == *end)?;
        first.checked_add(last)
    });
    lines.into_iter().chain(spans).max().map_or(0, |at| at.saturating_add(1))
}

fn is_vendors(text: &str) -> bool {
    VENDOR_LINES.iter().any(|line| text.starts_with(line))
        || LAST_OF_CUDA_DEVEL.contains(&text)
        || (text.starts_with("RUN ") && VENDOR_WORDS.iter().any(|word| text.contains(word)))
}

#[cfg(test)]
mod tests {
    use super::super::{samples::history, texts};
    use super::*;

    fn cut(history: &[History]) -> usize {
        end(history, &texts(history))
    }

    const OWN: &[&str] =
        &["+WORKDIR /app", "+COPY . . # buildkit", "+RUN /bin/sh -c pip install . # buildkit"];

    #[test]
    fn finds_the_end_of_the_base_image() {
        let debian = &["+# debian.sh --arch 'amd64'", "CMD [\"bash\"]"][..];
        let python =
            &["ENV LANG=C.UTF-8", "+RUN /bin/sh -c make # buildkit", "CMD [\"python3\"]"][..];
        let classic = &["+/bin/sh -c #(nop) ADD file:1 in / ", "+/bin/sh -c apt-get update"][..];
        let table: [(Vec<&str>, usize); 8] = [
            ([debian, python, OWN, &["CMD [\"run\"]"]].concat(), 5),
            ([debian, OWN].concat(), 2),
            (OWN.to_vec(), 0),
            ([OWN, &["ENTRYPOINT [\"x\"]", "CMD [\"run\"]"]].concat(), 0),
            ([classic, OWN].concat(), 2),
            ([debian, classic, &["+/bin/sh -c pip install x"]].concat(), 2),
            (vec!["CMD x", "ENTRYPOINT y"], 0),
            (vec![], 0),
        ];
        for (steps, expected) in table {
            assert_eq!(cut(&history(&steps)), expected, "{steps:?}");
        }
    }

    #[test]
    fn believes_buildah_unless_another_builder_came_later() {
        let mut steps = history(&[
            "+# debian.sh",
            "+/bin/sh -c pip install x",
            "/bin/sh -c #(nop)  CMD x",
            "+/bin/sh -c y",
        ]);
        steps[1].comment = "FROM docker.io/library/python:3.12-slim".into();
        assert_eq!(cut(&steps), 1);
        steps.extend(history(OWN));
        assert_eq!(cut(&steps), 4);
    }

    #[test]
    fn knows_kaniko_by_its_name() {
        let mut steps = history(&["+ADD rootfs # buildkit", "+COPY . .", "+RUN pip install x"]);
        for step in steps.iter_mut().skip(1) {
            step.author = "kaniko".into();
        }
        assert_eq!(cut(&steps), 1);
    }

    #[test]
    fn a_layer_put_on_top_by_a_tool_does_not_make_all_below_a_base() {
        let mut steps = history(OWN);
        steps.push(History { created_by: "crane append".into(), ..History::default() });
        assert_eq!(cut(&steps), 0);
    }

    #[test]
    fn what_was_built_together_is_one_image() {
        let (old, new) = ("2026-03-01T08:00:00Z", "2026-11-01T10:00:00.5+02:00");
        let near = "2026-11-01T08:09:59Z";
        let table = [
            ([old, old, new, new], 2),
            ([old, new, near, near], 0),
            ([old, new, "2026-11-01T08:10:01Z", near], 2),
            ([new, new, new, new], 2),
            (["", new, "yesterday", new], 2),
            (["1970-01-01T00:00:00Z"; 4], 2),
            ([old, "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z", new], 2),
        ];
        for (times, expected) in table {
            let mut steps = history(&["+ADD rootfs", "CMD x", "+COPY a b", "+COPY c d"]);
            for (step, time) in steps.iter_mut().zip(times) {
                step.created = time.to_owned();
            }
            assert_eq!(cut(&steps), expected, "{times:?}");
        }
    }

    #[test]
    fn authors_may_write_about_cuda() {
        let own = [
            "+RUN /bin/sh -c ln -s /usr/local/cuda/lib64/stubs/libcuda.so /usr/lib # buildkit",
            "ENV LIBRARY_PATH=/usr/local/cuda/lib64/stubs:/opt/lib",
            "ENV NVIDIA_VISIBLE_DEVICES=all",
            "+COPY . . # buildkit",
        ];
        assert_eq!(cut(&history(&own)), 0);
    }
}

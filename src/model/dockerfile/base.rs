//! Where the base image's lines end. Nobody is to be blamed for what the vendor wrote, and
//! builders do not say where that is; all signs are the author's to forge, so only warnings may
//! hang on this.

use super::written;
use crate::model::image::History;

/// Words in instructions that only vendors of GPU images write.
const VENDOR_WORDS: &[&str] = &[
    "/nvidia/build-scripts",
    "NGC-DL-CONTAINER-LICENSE",
    "NV_CUDA_",
    "NV_LIB",
    "NV_NVML_",
    "NVARCH=",
    "NVIDIA_REQUIRE_CUDA",
    "NVIDIA_PRODUCT_NAME",
    "NVIDIA_BUILD_ID",
    "/usr/local/cuda/lib64/stubs",
    "cudatools@nvidia.com",
];

/// How many steps belong to the base image, counted from the first.
pub(super) fn end(history: &[History]) -> usize {
    [buildah(history), command(history), vendor(history)].into_iter().max().unwrap_or(0)
}

/// Buildah remarks `FROM <image>` on the first step of its own.
fn buildah(history: &[History]) -> usize {
    history.iter().rposition(|step| step.comment.starts_with("FROM ")).unwrap_or(0)
}

/// Base images end with `CMD` or `ENTRYPOINT`; those at the very end are the image's own.
fn command(history: &[History]) -> usize {
    let Some(last_layer) = history.iter().rposition(|step| !step.empty_layer) else { return 0 };
    let before = history.get(..last_layer).unwrap_or_default();
    let is_command = |step: &History| {
        let text = written(&step.created_by);
        step.empty_layer && (text.starts_with("CMD") || text.starts_with("ENTRYPOINT"))
    };
    before.iter().rposition(is_command).map_or(0, |at| at.saturating_add(1))
}

/// Vendors of GPU images put theirs on top of a distribution's, and often end with `ENV`.
fn vendor(history: &[History]) -> usize {
    let is_vendor = |step: &History| VENDOR_WORDS.iter().any(|word| step.created_by.contains(word));
    history.iter().rposition(is_vendor).map_or(0, |at| at.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps; those that begin with `+` made a layer.
    fn history(steps: &[&str]) -> Vec<History> {
        steps
            .iter()
            .map(|text| History {
                created_by: text.trim_start_matches('+').to_owned(),
                empty_layer: !text.starts_with('+'),
                ..History::default()
            })
            .collect()
    }

    #[test]
    fn finds_the_end_of_the_base_image() {
        let debian = ["+# debian.sh --arch 'amd64'", "CMD [\"bash\"]"];
        let python = ["ENV LANG=C.UTF-8", "+RUN /bin/sh -c make # buildkit", "CMD [\"python3\"]"];
        let own =
            ["WORKDIR /app", "+COPY . . # buildkit", "+RUN /bin/sh -c pip install . # buildkit"];
        let table: [(Vec<&str>, usize); 7] = [
            ([&debian[..], &python, &own, &["CMD [\"run\"]"]].concat(), 5),
            ([&debian[..], &own].concat(), 2),
            (own.to_vec(), 0),
            ([&own[..], &["ENTRYPOINT [\"x\"]", "CMD [\"run\"]"]].concat(), 0),
            (
                [
                    &[
                        "+/bin/sh -c #(nop) ADD file:1 in / ",
                        "/bin/sh -c #(nop)  CMD [\"bash\"]",
                        "ENV NV_CUDA_LIB_VERSION=12.8",
                        "+RUN apt-get install cuda",
                        "ENV LIBRARY_PATH=/usr/local/cuda/lib64/stubs",
                    ][..],
                    &own,
                ]
                .concat(),
                5,
            ),
            (vec!["CMD x", "ENTRYPOINT y"], 0),
            (vec![], 0),
        ];
        for (steps, expected) in table {
            assert_eq!(end(&history(&steps)), expected, "{steps:?}");
        }
        let mut buildah = history(&["+ADD rootfs", "+/bin/sh -c pip install x"]);
        buildah[1].comment = "FROM docker.io/library/python:3.12-slim".into();
        assert_eq!(end(&buildah), 1);
    }
}

//! Where the files of a layer come from: the build context, another stage, a clone. Only what an
//! author put there is a leftover of development.

use crate::model::Image;
use crate::model::dockerfile::{Instruction, Step, commands, steps};

/// Where the files of a layer come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The base image.
    Base,
    /// `COPY` or `ADD` of files whose names the history tells.
    Context,
    /// The same by the classic builder, which tells a checksum only and hides `--from`.
    Sum,
    /// `COPY --from`.
    Stage,
    /// `RUN git clone`.
    Clone,
    /// Another `RUN`.
    Run,
    /// The history does not tell.
    Unknown,
}

/// The origin of each layer, by index.
pub(super) fn origins(image: &Image) -> Vec<Origin> {
    let mut origins = vec![Origin::Unknown; image.manifest.layers.len()];
    for step in steps(image) {
        if let Some(origin) = step.layer.and_then(|layer| origins.get_mut(layer)) {
            *origin = of(&step);
        }
    }
    origins
}

fn of(step: &Step<'_>) -> Origin {
    if step.is_base {
        return Origin::Base;
    }
    match step.instruction() {
        Some(Instruction::Copy(copied)) if copied.is_from_stage() => Origin::Stage,
        Some(Instruction::Copy(copied)) if copied.sources.iter().all(|source| is_sum(source)) => {
            Origin::Sum
        }
        Some(Instruction::Copy(_)) => Origin::Context,
        Some(Instruction::Run(line)) => {
            let clones =
                commands(line).iter().any(|run| run.program() == "git" && run.has("clone"));
            if clones { Origin::Clone } else { Origin::Run }
        }
        Some(Instruction::Other(..)) | None => Origin::Unknown,
    }
}

/// `dir:4f2a...`, `multi:...`, `file:...`.
fn is_sum(source: &str) -> bool {
    ["dir:", "file:", "multi:"].iter().any(|kind| source.starts_with(kind))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Sample;
    use super::*;

    #[test]
    fn tells_origins_apart() {
        let table = [
            ("COPY . /app # buildkit", Origin::Context),
            ("ADD --chown=1:1 data.tar.gz /data # buildkit", Origin::Context),
            ("COPY /app /app # buildkit", Origin::Stage),
            ("/bin/sh -c #(nop) COPY dir:4f2a in /app ", Origin::Sum),
            ("RUN /bin/sh -c cd /opt && git clone --depth 1 https://x # buildkit", Origin::Clone),
            ("RUN /bin/sh -c pip install git+https://x # buildkit", Origin::Run),
            ("WORKDIR /app", Origin::Unknown),
            ("bazel build ...", Origin::Unknown),
        ];
        for (created_by, expected) in table {
            let sample = Sample::of(&super::super::DevFiles).unread(created_by, 1);
            assert_eq!(origins(&sample.image), [expected], "{created_by}");
        }
        let base = Sample::of(&super::super::DevFiles)
            .unread("COPY . /app", 1)
            .step("CMD [\"x\"]")
            .unread("COPY . /app", 1);
        assert_eq!(origins(&base.image), [Origin::Base, Origin::Context]);
    }
}

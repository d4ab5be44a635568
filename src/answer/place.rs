//! Where a finding is: path, size, layer and the instruction that made the layer, in few words.

use super::plain::{joined, line};
use crate::model::{Finding, dockerfile};

/// The parts of a place that the finding's own message does not name already.
pub fn of(finding: &Finding, most_instruction: usize) -> Vec<String> {
    let mut parts = Vec::new();
    if let Some(path) = finding.path.as_deref()
        && !path.is_empty()
    {
        let shown = format!("`{}`", line(path, 200));
        if !finding.message.contains(&format!("`{path}`")) && !finding.message.contains(&shown) {
            parts.push(shown);
        }
    }
    if let Some(size) = finding.size.map(super::size)
        && finding.size != Some(0)
        && !names_size(&finding.message, &size)
    {
        parts.push(size);
    }
    if let Some(layer) = &finding.layer {
        let instruction = layer.created_by.as_deref().map(|by| instruction(by, most_instruction));
        parts.push(match instruction.filter(|instruction| !instruction.is_empty()) {
            Some(instruction) => format!("layer {} (`{instruction}`)", layer.index),
            None => format!("layer {}", layer.index),
        });
    }
    parts
}

/// Whether a message names a size: `4.6 GiB`, but not as the end of `14.6 GiB`.
fn names_size(message: &str, size: &str) -> bool {
    message.match_indices(size).any(|(at, _)| {
        let before = message.get(..at).unwrap_or_default();
        !before.ends_with(|letter: char| letter.is_ascii_digit() || letter == '.')
    })
}

/// An instruction as its author wrote it, on one line.
pub fn instruction(created_by: &str, most: usize) -> String {
    line(&joined(&dockerfile::written(created_by)), most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Level, RuleId};

    #[test]
    fn names_only_what_the_message_does_not() {
        let places = |message: &str, path: &str, bytes: u64| {
            let finding = Finding::new(RuleId::new("x"), Level::Warn, message, "fix");
            of(&finding.at_path(path, bytes), 80).join(", ")
        };
        let table = [
            // The letters of a path may be those of a word.
            ("notebooks (1 file)", "notebooks", 2, "`notebooks`, 2 B"),
            ("`notebooks/a` is left", "notebooks", 2, "`notebooks`, 2 B"),
            ("`notebooks` is left, 2 B", "notebooks", 2, ""),
            ("`a\\u{1b}b` is left, 2 B", "a\u{1b}b", 2, ""),
            ("`a` has 12 B", "a", 2, "2 B"),
            ("`a` has 12 B, 2 B lost", "a", 2, ""),
            ("`a`", "a", 0, ""),
        ];
        for (message, path, bytes, expected) in table {
            assert_eq!(places(message, path, bytes), expected, "{message}");
        }
    }

    #[test]
    fn shows_instructions_as_they_were_written() {
        let table = [
            ("COPY models/ /app/models # buildkit", "COPY models/ /app/models"),
            ("RUN /bin/sh -c pip install torch # buildkit", "RUN pip install torch"),
            ("/bin/sh -c #(nop)  CMD [\"python\"]", "CMD [\"python\"]"),
            (
                "/bin/sh -c apt-get update &&     apt-get install -y gcc",
                "RUN apt-get update && apt-get install -y gcc",
            ),
            ("RUN |2 TOKEN=hunter2 B=c d /bin/sh -c make all # buildkit", "RUN make all"),
            ("|1 TOKEN=hunter2 /bin/sh -c make", "RUN make"),
            ("|1 TOKEN=hunter2 make", "..."),
            ("RUN /bin/bash -c conda install x", "RUN conda install x"),
            (
                "RUN /bin/sh -c apt-get update\napt-get install -y git\n # buildkit",
                "RUN apt-get update; apt-get install -y git",
            ),
            ("bazel build ...", "bazel build ..."),
            ("", ""),
        ];
        for (created_by, expected) in table {
            assert_eq!(instruction(created_by, 80), expected);
        }
        assert_eq!(instruction(&"x".repeat(200), 20).chars().count(), 20);
        assert_eq!(instruction("RUN a\x1b[2J", 80), "RUN a\\u{1b}[2J");
    }
}

//! Where a finding is: path, size, layer and the instruction that made the layer, in few words.

use super::plain::line;
use crate::model::{Finding, dockerfile};

/// The parts of a place that the finding's own message does not name already.
pub fn of(finding: &Finding, most_instruction: usize) -> Vec<String> {
    let mut parts = Vec::new();
    if let Some(path) = finding.path.as_deref()
        && !path.is_empty()
        && !finding.message.contains(path)
    {
        parts.push(format!("`{}`", line(path, 200)));
    }
    if let Some(size) = finding.size.map(super::size)
        && finding.size != Some(0)
        && !finding.message.contains(&size)
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

/// An instruction as its author wrote it, on one line.
pub fn instruction(created_by: &str, most: usize) -> String {
    let written = dockerfile::written(created_by);
    let words: Vec<&str> = written.split_whitespace().collect();
    line(&words.join(" "), most)
}

#[cfg(test)]
mod tests {
    use super::*;

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

//! What builders put around an instruction when they write it down: shells, build arguments,
//! remarks.

use std::borrow::Cow;

use super::MAX_INSTRUCTION_BYTES;

/// An instruction as its author wrote it: without what builders put around it.
///
/// The values of build arguments (`RUN |2 TOKEN=... OTHER=...`) are left out, too: they may be
/// secrets.
pub fn written(created_by: &str) -> Cow<'_, str> {
    let text = created_by.get(..created_by.floor_char_boundary(MAX_INSTRUCTION_BYTES));
    let text = without_remarks(text.unwrap_or_default().trim());
    let (is_run, bare) = match text.strip_prefix("RUN ") {
        Some(rest) => (true, rest.trim_start()),
        None => (false, text),
    };
    let bare = without_build_arguments(bare);
    let shell = behind_shell(bare).or_else(|| behind_environment(bare));
    match shell.map(|rest| (rest, rest.strip_prefix("#(nop)"))) {
        Some((_, Some(instruction))) => Cow::Borrowed(instruction.trim()),
        Some((rest, None)) => Cow::Owned(format!("RUN {rest}")),
        None if is_run && bare.len() == text.len() => Cow::Borrowed(text),
        None if is_run => Cow::Owned(format!("RUN {bare}")),
        None => Cow::Borrowed(bare),
    }
}

/// Leaves out what stands behind: BuildKit's mark and Buildah's `|unsetLabel=true|...`. Only at
/// the very end: in the middle they are the author's, and would hide what follows.
fn without_remarks(text: &str) -> &str {
    let text = text.strip_suffix("# buildkit").map_or(text, str::trim_end);
    match text.split_once("|unsetLabel=") {
        Some((before, behind)) if !behind.contains(char::is_whitespace) => before,
        _ => text,
    }
}

/// Shells that builders run instructions with, wherever they lie.
const SHELLS: &[&str] = &["sh", "bash", "ash", "dash", "zsh", "_dockerfile_shell.sh"];

/// Most options in front of a shell's `-c`. In `sh -o sh -o sh ...` every word begins a shell with
/// all that follow as its options, which must not be read again for each.
const MAX_OPTIONS: usize = 20;

/// What follows `/bin/sh -c`, `/bin/bash -euo pipefail -c` and the like.
fn behind_shell(text: &str) -> Option<&str> {
    let (program, mut rest) = word(text)?;
    let name = program.rsplit('/').next().unwrap_or(program);
    if !SHELLS.contains(&name) {
        return None;
    }
    if name.starts_with('_') {
        return Some(rest);
    }
    for _ in 0..MAX_OPTIONS {
        let (option, behind) = word(rest)?;
        let letters = option.strip_prefix('-')?;
        rest = behind;
        if letters.ends_with('c') && !letters.starts_with('-') {
            // The author's own `bash -c "..."`: builders do not quote.
            let is_quoted = rest.starts_with(['"', '\'']) && !program.starts_with('/');
            return (!is_quoted).then_some(rest);
        }
        if letters.ends_with(['o', 'O']) && !letters.starts_with('-') {
            rest = word(rest)?.1;
        }
    }
    None
}

/// What follows `conda run -n name /bin/bash -c`, a `SHELL` that conda's documentation advises.
fn behind_environment(text: &str) -> Option<&str> {
    let (program, rest) = word(text)?;
    let name = program.rsplit('/').next().unwrap_or(program);
    let (command, mut rest) = word(rest)?;
    if !matches!(name, "conda" | "mamba" | "micromamba") || command != "run" {
        return None;
    }
    // Options and their values, few of them.
    for _ in 0..8 {
        if let Some(script) = behind_shell(rest) {
            return Some(script);
        }
        rest = word(rest)?.1;
    }
    None
}

/// The first word and what follows it.
fn word(text: &str) -> Option<(&str, &str)> {
    let (word, rest) = text.split_once(char::is_whitespace)?;
    Some((word, rest.trim_start()))
}

/// Leaves out `|2 TOKEN=... OTHER=...` in front of a command.
fn without_build_arguments(text: &str) -> &str {
    let list = text.strip_prefix('|').and_then(|rest| rest.split_once(' '));
    let Some((count, rest)) = list else { return text };
    let Ok(count) = count.parse::<usize>() else { return text };
    // Values may hold blanks, so the end of the list is only known by the shell behind it: the
    // first one that so many assignments stand before.
    behind_assignments(rest, count).and_then(from_shell).unwrap_or("...")
}

/// What follows that many words that begin like `NAME=`.
fn behind_assignments(text: &str, count: usize) -> Option<&str> {
    let is_assignment = |word: &str| {
        word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        })
    };
    let mut rest = text;
    let mut left = count;
    while left > 0 {
        let (word, behind) = rest.split_once(' ')?;
        left = left.saturating_sub(usize::from(is_assignment(word)));
        rest = behind;
    }
    Some(rest)
}

/// A text from the first word on that is a shell with its options.
fn from_shell(text: &str) -> Option<&str> {
    let mut rest = text;
    loop {
        // Most words are told by their first letter; a value may hold 64 KiB of them.
        let may_be = rest.starts_with(['/', 's', 'b', 'a', 'd', 'z', 'c', 'm']);
        if may_be && (behind_shell(rest).is_some() || behind_environment(rest).is_some()) {
            return Some(rest);
        }
        rest = rest.split_once(' ')?.1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_every_builder_writes() {
        let table = [
            ("COPY models/ /app/models # buildkit", "COPY models/ /app/models"),
            ("RUN /bin/sh -c pip install torch # buildkit", "RUN pip install torch"),
            ("RUN |1 TARGETARCH=amd64 /bin/sh -c make # buildkit", "RUN make"),
            ("/bin/sh -c #(nop)  CMD [\"python\"]", "CMD [\"python\"]"),
            ("/bin/sh -c #(nop) COPY dir:4f in /app ", "COPY dir:4f in /app"),
            ("/bin/sh -c apt-get update", "RUN apt-get update"),
            ("RUN |2 TOKEN=hunter2 B=c d /bin/sh -c make all # buildkit", "RUN make all"),
            ("|1 TOKEN=hunter2 /bin/sh -c make", "RUN make"),
            ("|1 TOKEN=hunter2 make", "..."),
            ("RUN |1 TOKEN=hunter2 make # buildkit", "RUN ..."),
            ("RUN |2 A=/bin/sh -c x B=y /bin/bash -eo pipefail -c make", "RUN make"),
            ("RUN |1 A=b /bin/sh -c make && su x /bin/sh -c y", "RUN make && su x /bin/sh -c y"),
            ("RUN /bin/bash -o pipefail -c conda install x", "RUN conda install x"),
            ("RUN /bin/bash --login -c make # buildkit", "RUN make"),
            ("RUN /usr/bin/bash -euxo pipefail -lc make # buildkit", "RUN make"),
            ("RUN /usr/local/bin/_dockerfile_shell.sh make x # buildkit", "RUN make x"),
            ("RUN conda run -n ml /bin/bash -c pip install x # buildkit", "RUN pip install x"),
            ("RUN conda run -n ml pip install x", "RUN conda run -n ml pip install x"),
            ("RUN bash -c \"pip install x\"", "RUN bash -c \"pip install x\""),
            ("RUN bash script.sh -c x", "RUN bash script.sh -c x"),
            ("RUN bash -c pip install x # buildkit", "RUN pip install x"),
            ("RUN pip install x", "RUN pip install x"),
            ("/bin/sh -c pip install x|unsetLabel=true|", "RUN pip install x"),
            ("/bin/sh -c echo '|unsetLabel=' && make", "RUN echo '|unsetLabel=' && make"),
            (
                "RUN /bin/sh -c echo '# buildkit' && make # buildkit",
                "RUN echo '# buildkit' && make",
            ),
            ("bazel build ...", "bazel build ..."),
            ("|x", "|x"),
            ("", ""),
        ];
        for (created_by, expected) in table {
            assert_eq!(written(created_by), expected);
        }
    }

    #[test]
    fn long_instructions_are_cut() {
        for (length, expected) in [(-1, -1), (0, 0), (1, 0)] {
            let cap = isize::try_from(MAX_INSTRUCTION_BYTES).unwrap();
            let text = "x".repeat(usize::try_from(cap + length).unwrap());
            assert_eq!(isize::try_from(written(&text).len()).unwrap(), cap + expected);
        }
    }

    #[test]
    fn values_with_many_blanks_or_shells_hide_nothing() {
        for count in [0, 98, 99, 100, 101, 5000] {
            let line = |value: &str| {
                let values = value.repeat(count);
                written(&format!("RUN |1 PKGS=a {values}/bin/sh -c pip install torch # buildkit"))
                    .into_owned()
            };
            assert_eq!(line("b "), "RUN pip install torch", "{count}");
            assert_eq!(line("sh sh -x "), "RUN pip install torch", "{count}");
        }
        let shells = format!("|1 {}A=b /bin/sh -c make", "sh -c x ".repeat(5000));
        assert_eq!(written(&shells), "RUN make");
        assert_eq!(written(&"|1 A=b sh -o ".replace("-o ", &"-o sh ".repeat(9000))), "...");
        assert_eq!(written("|0 /bin/sh -c make"), "RUN make");
    }

    #[test]
    fn the_number_of_options_is_capped() {
        for (count, expected) in [(18, true), (19, true), (20, false)] {
            let line = format!("RUN |1 A=b /bin/bash {}-c make", "-e ".repeat(count));
            assert_eq!(written(&line) == "RUN make", expected, "{count}");
        }
    }
}

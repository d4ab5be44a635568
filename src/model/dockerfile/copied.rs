//! `COPY` and `ADD`: what is copied from where.

/// A `COPY` or `ADD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied<'a> {
    /// What is copied; the classic builder only tells a checksum, such as `dir:4f2a...`.
    pub sources: Vec<&'a str>,
    /// Where to.
    pub destination: &'a str,
    /// Options in front, such as `--chown=app`. BuildKit keeps few of them.
    pub options: Vec<&'a str>,
}

impl<'a> Copied<'a> {
    /// Reads what follows the keyword, also the list form and the classic builder's
    /// `dir:<sum> in /app`.
    pub(super) fn parse(rest: &'a str) -> Option<Self> {
        let is_blank =
            |letter: char| letter.is_whitespace() || matches!(letter, '[' | ']' | ',' | '"');
        let words = || rest.split(is_blank).filter(|word| !word.is_empty());
        let options: Vec<&str> = words().take_while(|word| word.starts_with("--")).collect();
        let mut sources: Vec<&str> = words().skip(options.len()).collect();
        let destination = sources.pop()?;
        if sources.last() == Some(&"in") && sources.iter().any(|word| word.contains(':')) {
            sources.pop();
        }
        (!sources.is_empty()).then_some(Self { sources, destination, options })
    }

    /// Whether the whole build context is copied. The classic builder does not tell.
    pub fn is_whole_context(&self) -> bool {
        let is_whole = |source: &str| match source.trim_end_matches(['/', '.']) {
            // `COPY / /` copies another stage, whose name builders leave out: nobody unpacks
            // the build context over the root.
            "" => source.starts_with(['.', '/']) && self.destination != "/",
            source => matches!(source, "*" | "./*" | "**" | "./**"),
        };
        !self.has("--from") && self.sources.iter().any(|source| is_whole(source))
    }

    /// Whether it surely copies from another stage or image: most builders leave `--from` out,
    /// but an absolute path is hardly one of the build context.
    pub fn is_from_stage(&self) -> bool {
        let is_absolute = |source: &str| source.len() > 1 && source.starts_with('/');
        self.has("--from") || self.sources.iter().all(|source| is_absolute(source))
    }

    /// Whether it is the copy of a directory of which only a checksum is known.
    pub fn is_unnamed_directory(&self) -> bool {
        matches!(self.sources.as_slice(), [source] if source.starts_with("dir:"))
    }

    /// Whether it has that option, such as `--chown`.
    pub fn has(&self, option: &str) -> bool {
        self.options.iter().any(|given| given.split('=').next() == Some(option))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_is_copied() {
        let table = [
            (". .", true, false),
            ("./ /app", true, false),
            ("./. /app", true, false),
            ("--chown=1:1 . /app", true, false),
            ("--from=build . /app", false, true),
            ("[\".\", \"/app\"]", true, false),
            ("* /app/", true, false),
            ("./* /app/", true, false),
            ("a . /app/", true, false),
            ("src /app", false, false),
            (".. /app", true, false),
            (".env /app", false, false),
            ("*.txt .", false, false),
            ("/opt/venv /opt/venv", false, true),
            ("/ /", false, false),
            ("/ /app", true, false),
            ("requirements.txt .", false, false),
            ("dir:4f2a in /app", false, false),
        ];
        for (text, whole, staged) in table {
            let copied = Copied::parse(text).unwrap();
            assert_eq!(
                (copied.is_whole_context(), copied.is_from_stage()),
                (whole, staged),
                "{text}"
            );
        }
    }

    #[test]
    fn knows_the_classic_builders_checksums() {
        for (text, expected) in
            [("dir:4f2a in . ", true), ("file:4f2a in . ", false), ("multi:4f in /app/", false)]
        {
            assert_eq!(Copied::parse(text).unwrap().is_unnamed_directory(), expected, "{text}");
        }
    }
}

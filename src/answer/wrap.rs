//! Lines of a page: colours, and paragraphs that hang under their first word. Words longer than
//! the page are never broken, because they are paths and digests that somebody will copy; nor is
//! what stands between backticks, as long as it fits on a line.

use super::table::Style;

/// Narrowest page that is wrapped to: below, every line would hold one word.
const MIN_WIDTH: usize = 40;

/// What a colour says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    Good,
    Bad,
    Doubtful,
    Faint,
}

impl Paint {
    /// ANSI "select graphic rendition" (ECMA-48, 8.3.117).
    fn code(self) -> &'static str {
        match self {
            Self::Good => "\x1b[1;32m",
            Self::Bad => "\x1b[1;31m",
            Self::Doubtful => "\x1b[1;33m",
            Self::Faint => "\x1b[2m",
        }
    }
}

/// A page that is being written.
pub(crate) struct Layout {
    style: Style,
    page: String,
}

impl Layout {
    pub(crate) fn new(style: Style) -> Self {
        Self { style, page: String::new() }
    }

    pub(crate) fn finish(self) -> String {
        self.page
    }

    pub(crate) fn blank(&mut self) {
        self.page.push('\n');
    }

    pub(crate) fn raw_line(&mut self, text: &str) {
        self.page.push_str(text);
        self.page.push('\n');
    }

    pub(crate) fn painted_line(&mut self, paint: Paint, painted: &str, plain: &str) {
        let line = if self.style.colour {
            format!("{}{painted}\x1b[0m{plain}", paint.code())
        } else {
            format!("{painted}{plain}")
        };
        self.raw_line(&line);
    }

    pub(crate) fn faint_line(&mut self, text: &str) {
        self.painted_line(Paint::Faint, text, "");
    }

    /// `text` behind `lead`; further lines start under the first word.
    pub(crate) fn paragraph(&mut self, lead: &str, text: &str) {
        let Some(width) = self.style.width.map(|width| width.max(MIN_WIDTH)) else {
            self.raw_line(&format!("{lead}{text}"));
            return;
        };
        let indent = lead.chars().count();
        let mut line = lead.to_owned();
        let mut columns = indent;
        for word in pieces(text, width.saturating_sub(indent)) {
            let length = word.chars().count();
            let is_first = columns == indent;
            // A line of a job's output that begins with `::` is a command to GitHub's runner.
            let may_begin = !word.starts_with("::");
            if !is_first && may_begin && columns + 1 + length > width {
                self.raw_line(&line);
                line = " ".repeat(indent);
                columns = indent;
            } else if !is_first {
                line.push(' ');
                columns += 1;
            }
            line.push_str(&word);
            columns += length;
        }
        self.raw_line(&line);
    }
}

/// What may stand on lines of its own: words, and quoted spans of at most `most` characters.
fn pieces(text: &str, most: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut span: Vec<&str> = Vec::new();
    for word in text.split(' ') {
        let toggles = word.matches('`').count() % 2 == 1;
        let is_end = span.is_empty() != toggles;
        span.push(word);
        if is_end {
            pieces.extend(whole(&std::mem::take(&mut span), most));
        }
    }
    // A backtick that is never closed quotes nothing.
    pieces.extend(span.into_iter().map(str::to_owned));
    pieces
}

fn whole(words: &[&str], most: usize) -> Vec<String> {
    let span = words.join(" ");
    if span.chars().count() <= most {
        vec![span]
    } else {
        words.iter().map(|word| (*word).to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(text: &str, width: usize) -> String {
        let mut page = Layout::new(Style { colour: false, width: Some(width) });
        page.paragraph("  - ", text);
        page.finish()
    }

    #[test]
    fn hangs_under_the_first_word_and_breaks_no_word() {
        let path = "a/".repeat(30);
        let text = format!("one two three four five six seven eight nine {path} ten");
        insta::assert_snapshot!(wrapped(&text, 40), @r"
        - one two three four five six seven
          eight nine
          a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/
          ten
        ");
        assert_eq!(wrapped("a b", 1), "  - a b\n");
        assert_eq!(wrapped("", 80), "  - \n");
    }

    #[test]
    fn keeps_what_is_quoted_together_where_it_fits() {
        insta::assert_snapshot!(wrapped("holds weights, here layer 1 (`COPY . .`), and more of it", 40), @r"
        - holds weights, here layer 1
          (`COPY . .`), and more of it
        ");
        let long = format!("see `{}end` there", "word ".repeat(9));
        assert_eq!(wrapped(&long, 40).lines().count(), 2);
        insta::assert_snapshot!(wrapped("a stray ` is no reason to keep all that follows", 40), @r"
        - a stray ` is no reason to keep all
          that follows
        ");
        let at = |length: usize| wrapped(&format!("a `{} y`", "x".repeat(length)), 40);
        assert_eq!(at(32).lines().last().map(str::len), Some(40));
        assert!(at(33).ends_with("x\n    y`\n"), "{}", at(33));
    }

    #[test]
    fn no_line_begins_like_a_command() {
        let page = wrapped(&format!("{} ::add-mask::x {}", "y".repeat(35), "z".repeat(40)), 40);
        assert!(page.lines().all(|line| !line.trim().starts_with("::")), "{page}");
    }

    #[test]
    fn fills_lines_to_the_last_column() {
        let at = |length: usize| wrapped(&format!("{} y", "x".repeat(length)), 40).lines().count();
        assert_eq!((at(33), at(34), at(35)), (1, 1, 2));
    }
}

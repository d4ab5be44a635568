//! The commands of a `RUN` line, split well enough to tell which program gets which words.
//! No shell: nothing is expanded, and what is quoted stays one word.

mod program;

/// Most commands read in one line, and most words of all.
const MAX_COMMANDS: usize = 1000;
const MAX_WORDS: usize = 20_000;
/// How deep scripts within scripts (`bash -c "bash -c ..."`) are read.
const MAX_DEPTH: u8 = 3;
/// Most documents of one line; each is a search through the lines that follow.
const MAX_DOCUMENTS: usize = 50;

/// One simple command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Command {
    words: Vec<String>,
    /// Where the program stands, behind what only runs it.
    start: usize,
}

impl Command {
    /// Name of the program, without its directory; empty when there is none. What only runs
    /// another program (`sudo`, `python -m`, `conda run`) is none.
    pub fn program(&self) -> &str {
        self.argv().first().map_or("", |word| program::name(word))
    }

    /// Words behind the program.
    pub fn arguments(&self) -> impl Iterator<Item = &str> {
        self.argv().iter().skip(1).map(String::as_str)
    }

    /// Whether one of the words behind the program is `word`.
    pub fn has(&self, word: &str) -> bool {
        self.arguments().any(|argument| argument == word)
    }

    /// Value of a variable that is set for this command only.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.words
            .iter()
            .map_while(|word| program::assignment(word))
            .find_map(|(given, value)| (given == name).then_some(value))
    }

    fn argv(&self) -> &[String] {
        self.words.get(self.start..).unwrap_or_default()
    }

    /// The command of all its words. Looks for the program once: everybody asks for it.
    fn of(words: Vec<String>) -> Self {
        let start = words.len().saturating_sub(program::unwrapped(&words).len());
        Self { words, start }
    }
}

/// The commands of a line of shell, in order, also those behind `&&`, `;` and pipes, in `$(...)`
/// and in scripts that a shell is given. Redirections and documents (`<<EOF`) are left out.
pub fn commands(line: &str) -> Vec<Command> {
    let mut split = Split::default();
    split.read(line, 0);
    split.done
}

#[derive(Default)]
struct Split {
    quote: Option<char>,
    word: Option<String>,
    next: Next,
    documents: Vec<Document>,
    command: Vec<String>,
    done: Vec<Command>,
    words: usize,
    documents_read: usize,
}

/// What the next word is.
#[derive(Default, PartialEq, Eq, Clone, Copy)]
enum Next {
    #[default]
    Word,
    /// A file that something is redirected to or from.
    Target,
    /// The last line of a document.
    Delimiter,
}

/// A document in the lines that follow.
struct Document {
    delimiter: String,
    /// Whether a shell runs it.
    is_script: bool,
}

impl Split {
    fn read(&mut self, line: &str, depth: u8) {
        let mut letters = line.chars();
        while let Some(letter) = letters.next() {
            if self.is_full() {
                break;
            }
            let rest = letters.as_str();
            match (self.quote, letter) {
                (Some(quote), _) if letter == quote => self.quote = None,
                (None, '\'' | '"') => self.open(letter),
                (None | Some('"'), '\\') => match letters.next() {
                    // A continued line, unless quoted.
                    Some('\n') | None => {}
                    Some(escaped) => self.word.get_or_insert_default().push(escaped),
                },
                (None, '\n') => {
                    self.end_command(depth);
                    letters = self.skip_documents(rest, depth).chars();
                }
                (None, '<' | '>') => letters = self.redirect(letter, rest).chars(),
                (None, '&') if rest.starts_with('>') => self.end_word(),
                (None, ';' | '&' | '|' | '(' | ')' | '`') => self.end_command(depth),
                (None, '#') if self.word.is_none() => {
                    letters = rest.find('\n').and_then(|at| rest.get(at..)).unwrap_or("").chars();
                }
                (None, letter) if letter.is_whitespace() => self.end_word(),
                (_, letter) => self.word.get_or_insert_default().push(letter),
            }
        }
        self.quote = None;
        self.end_command(depth);
    }

    fn open(&mut self, quote: char) {
        self.quote = Some(quote);
        self.word.get_or_insert_default();
    }

    /// Reads the arrow, of which the first letter is gone; the rest of the line is returned.
    fn redirect<'a>(&mut self, arrow: char, rest: &'a str) -> &'a str {
        // The number in `2>file` belongs to the arrow.
        let is_number = |word: &mut String| word.chars().all(|letter| letter.is_ascii_digit());
        if self.word.take_if(is_number).is_none() {
            self.end_word();
        }
        let document = rest.strip_prefix('<').filter(|_| arrow == '<');
        if let Some(rest) = document.filter(|rest| !rest.starts_with('<')) {
            self.next = Next::Delimiter;
            return rest.strip_prefix('-').unwrap_or(rest);
        }
        self.next = if rest.starts_with('(') { Next::Word } else { Next::Target };
        rest.trim_start_matches(['<', '>', '&', '|'])
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        match std::mem::take(&mut self.next) {
            Next::Word => self.command.push(word),
            Next::Target => {}
            Next::Delimiter if self.documents_read >= MAX_DOCUMENTS => {}
            Next::Delimiter => {
                self.documents_read = self.documents_read.saturating_add(1);
                let program = program::unwrapped(&self.command).first();
                let is_script = program.is_some_and(|word| program::is_shell(program::name(word)));
                self.documents.push(Document { delimiter: word, is_script });
            }
        }
        self.words = self.words.saturating_add(1);
    }

    fn end_command(&mut self, depth: u8) {
        self.end_word();
        self.next = Next::Word;
        let command = Command::of(std::mem::take(&mut self.command));
        match program::script(command.argv()) {
            Some(script) if depth < MAX_DEPTH => self.read(&script, depth.saturating_add(1)),
            _ if command.words.is_empty() => {}
            _ => self.done.push(command),
        }
    }

    /// Skips the documents that begin at a new line, but reads those that a shell runs. One
    /// without an end is none: a lone `<<` must not hide the lines that follow.
    fn skip_documents<'a>(&mut self, mut rest: &'a str, depth: u8) -> &'a str {
        for document in std::mem::take(&mut self.documents) {
            let Some((body, behind)) = split_at_line(rest, &document.delimiter) else { break };
            if document.is_script && depth < MAX_DEPTH {
                self.read(body, depth.saturating_add(1));
            }
            rest = behind;
        }
        rest
    }

    fn is_full(&self) -> bool {
        self.done.len() >= MAX_COMMANDS || self.words >= MAX_WORDS
    }
}

/// What stands before and behind the first line that is `delimiter`.
fn split_at_line<'a>(text: &'a str, delimiter: &str) -> Option<(&'a str, &'a str)> {
    let mut start = 0_usize;
    for line in text.split_inclusive('\n') {
        let end = start.saturating_add(line.len());
        if line.trim_start_matches('\t').trim_end() == delimiter {
            return Some((text.get(..start)?, text.get(end..)?));
        }
        start = end;
    }
    None
}

#[cfg(test)]
mod tests;

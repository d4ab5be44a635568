//! The commands of a `RUN` line, split well enough to tell which program gets which words.
//! No shell: nothing is expanded, and what is quoted stays one word.

/// Most commands read in one line, and most words of all.
const MAX_COMMANDS: usize = 1000;
const MAX_WORDS: usize = 20_000;

/// One simple command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Command {
    words: Vec<String>,
}

/// Words in front of a program that are none: they run another one.
const WRAPPERS: &[&str] =
    &["sudo", "exec", "time", "env", "nice", "command", "then", "do", "else", "if", "!", "{", "("];

impl Command {
    /// Name of the program, without its directory; empty when there is none.
    pub fn program(&self) -> &str {
        self.argv().next().map_or("", |word| word.rsplit('/').next().unwrap_or(word))
    }

    /// Words behind the program.
    pub fn arguments(&self) -> impl Iterator<Item = &str> {
        self.argv().skip(1)
    }

    /// Whether one of the words behind the program is `word`.
    pub fn has(&self, word: &str) -> bool {
        self.arguments().any(|argument| argument == word)
    }

    /// Program and words, without assignments and wrappers in front.
    fn argv(&self) -> impl Iterator<Item = &str> {
        let is_front = |word: &&str| {
            let assigns = word.split_once('=').is_some_and(|(name, _)| is_name(name));
            assigns || WRAPPERS.contains(word)
        };
        self.words.iter().map(String::as_str).skip_while(is_front)
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// The commands of a line of shell, in order, also those behind `&&`, `;` and pipes.
pub fn commands(line: &str) -> Vec<Command> {
    let mut split = Split::default();
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        if split.is_full() {
            break;
        }
        match (split.quote, letter) {
            (Some(quote), _) if letter == quote => split.quote = None,
            (None, '\'' | '"') => split.open(letter),
            (None | Some('"'), '\\') => match letters.next() {
                // A continued line, unless quoted.
                Some('\n') => {}
                Some(escaped) => split.word.get_or_insert_default().push(escaped),
                None => {}
            },
            (None, ';' | '&' | '|' | '\n' | '(' | ')') => split.end_command(),
            (None, '#') if split.word.is_none() => {
                while letters.next_if(|letter| *letter != '\n').is_some() {}
            }
            (None, letter) if letter.is_whitespace() => split.end_word(),
            (_, letter) => split.word.get_or_insert_default().push(letter),
        }
    }
    split.end_command();
    split.done
}

#[derive(Default)]
struct Split {
    quote: Option<char>,
    word: Option<String>,
    command: Command,
    done: Vec<Command>,
    words: usize,
}

impl Split {
    fn open(&mut self, quote: char) {
        self.quote = Some(quote);
        self.word.get_or_insert_default();
    }

    fn end_word(&mut self) {
        if let Some(word) = self.word.take() {
            self.command.words.push(word);
            self.words = self.words.saturating_add(1);
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        if !self.command.words.is_empty() {
            self.done.push(std::mem::take(&mut self.command));
        }
    }

    fn is_full(&self) -> bool {
        self.done.len() >= MAX_COMMANDS || self.words >= MAX_WORDS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> Vec<String> {
        let one = |command: &Command| {
            let arguments: Vec<&str> = command.arguments().collect();
            format!("{} {arguments:?}", command.program())
        };
        commands(line).iter().map(one).collect()
    }

    #[test]
    fn splits_commands() {
        insta::assert_debug_snapshot!(
            shown("set -e; A=1 B='x y' sudo /usr/bin/apt-get update && \\\n pip install 'torch>=2' \"a b\" # end\n(cd /x || exit) | tee; if true; then conda install -y gcc; fi"),
            @r#"
        [
            "set [\"-e\"]",
            "apt-get [\"update\"]",
            "pip [\"install\", \"torch>=2\", \"a b\"]",
            "cd [\"/x\"]",
            "exit []",
            "tee []",
            "true []",
            "conda [\"install\", \"-y\", \"gcc\"]",
            "fi []",
        ]
        "#);
        assert_eq!(shown("echo 'a;b' \"c && d\" e\\;f"), ["echo [\"a;b\", \"c && d\", \"e;f\"]"]);
        assert_eq!(shown(""), Vec::<String>::new());
        assert_eq!(shown("\\"), Vec::<String>::new());
    }

    #[test]
    fn the_number_of_commands_and_words_is_capped() {
        for (count, expected) in [(999, 999), (1000, 1000), (1001, 1000)] {
            assert_eq!(commands(&"a;".repeat(count)).len(), expected);
        }
        for (count, expected) in [(19_999, 19_999), (20_000, 20_000), (20_001, 20_000)] {
            assert_eq!(commands(&"a ".repeat(count))[0].words.len(), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn hostile_lines_are_no_panic(line in "([ ;&|\\\\'\"#\n()=]|[a-zä]{1,4}){0,60}") {
            for command in commands(&line) {
                let _ = (command.program(), command.arguments().count());
            }
        }
    }
}

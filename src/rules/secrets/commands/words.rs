//! Words and commands of shell text. No shell is parsed: words end at blanks, commands at
//! operators and line ends, outside quotes.

/// Most words looked at in one text.
const MAX_WORDS: usize = 50_000;
/// Most commands inside each other.
const MAX_DEPTH: usize = 100;

/// One word of shell text, quotes included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word<'a> {
    /// Its place in the text, in bytes.
    pub(super) start: usize,
    /// As written.
    pub(super) text: &'a str,
}

impl<'a> Word<'a> {
    /// Without quotes, and without what the list form of instructions puts around words.
    pub(super) fn plain(&self) -> &'a str {
        self.text.trim_matches(['"', '\'', '[', ']', ','])
    }

    /// Without the folder of a program.
    fn program(&self) -> &'a str {
        let plain = self.plain();
        plain.rsplit('/').next().unwrap_or(plain)
    }

    fn is_option(&self) -> bool {
        self.plain().starts_with('-')
    }

    /// `>`, `2>x`, `<<<`.
    pub(super) fn is_redirection(&self) -> bool {
        self.text.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(['<', '>'])
    }
}

/// The words between two operators.
#[derive(Debug, Default)]
pub(super) struct Command<'a> {
    /// All of them, what stands in front of the program included.
    pub(super) words: Vec<Word<'a>>,
    /// The number of the command whose output it reads.
    pub(super) source: Option<usize>,
}

/// What is run, and with what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'c, 'a> {
    /// The program, without its folder; empty when there is none.
    pub(super) program: &'a str,
    /// The words behind it.
    pub(super) arguments: &'c [Word<'a>],
}

impl<'c, 'a> Call<'c, 'a> {
    /// Words that are no options, up to the first redirection; what stands behind an option
    /// counts.
    pub(super) fn operands(&self) -> Vec<&'c Word<'a>> {
        self.arguments
            .iter()
            .take_while(|word| !word.is_redirection())
            .filter(|word| !word.is_option() && word.text != "\\")
            .collect()
    }

    /// Whether one of the words is this one.
    pub(super) fn has(&self, option: &str) -> bool {
        self.arguments.iter().any(|word| word.plain() == option)
    }
}

/// Words in front of a program: instructions, shells, what the shell knows itself, and programs
/// that run another.
const PREFIXES: &[&str] = &[
    "RUN",
    "CMD",
    "ENTRYPOINT",
    "HEALTHCHECK",
    "#",
    "sh",
    "bash",
    "ash",
    "dash",
    "zsh",
    "pipefail",
    "sudo",
    "env",
    "exec",
    "command",
    "nohup",
    "time",
    "timeout",
    "nice",
    "xargs",
    "eatmydata",
    "tini",
    "dumb-init",
    "if",
    "then",
    "else",
    "elif",
    "do",
    "while",
    "until",
    "!",
    "{",
    "\\",
];
/// Programs that run another one somewhere behind their own operands.
const CARRIERS: &[&str] = &["ssh", "chroot", "gosu", "su-exec"];
/// The same, with `exec`.
const EXECUTORS: &[&str] = &["docker", "podman", "nerdctl", "kubectl", "docker-compose"];
/// Programs looked for behind those.
const CARRIED: &[&str] =
    &["curl", "mysql", "mysqldump", "mysqladmin", "mariadb", "redis-cli", "mongosh", "htpasswd"];

impl<'a> Command<'a> {
    /// The program is the first word that does not stand in front of one: a package or a file
    /// may have a program's name.
    pub(super) fn call(&self) -> Call<'_, 'a> {
        let mut prefix = "";
        let mut is_value = false;
        for (number, word) in self.words.iter().enumerate() {
            let program = word.program();
            if std::mem::take(&mut is_value) {
                continue;
            }
            if word.is_option() {
                is_value = prefix == "sudo" && matches!(word.plain(), "-u" | "-g" | "-h" | "-p");
            } else if PREFIXES.contains(&program) {
                prefix = program;
            } else if !program.is_empty() && !is_assignment(word.text) && !is_number(program) {
                let arguments = self.words.get(number.saturating_add(1)..).unwrap_or_default();
                return carried(Call { program, arguments });
            }
        }
        Call { program: "", arguments: &[] }
    }
}

/// `docker exec db mysql -px` runs `mysql`.
fn carried<'c, 'a>(call: Call<'c, 'a>) -> Call<'c, 'a> {
    let executes = EXECUTORS.contains(&call.program) && call.has("exec");
    if !executes && !CARRIERS.contains(&call.program) {
        return call;
    }
    let inner = call.arguments.iter().position(|word| CARRIED.contains(&word.program()));
    let inner = inner.and_then(|at| call.arguments.get(at..)).and_then(<[_]>::split_first);
    inner.map_or(call, |(word, arguments)| Call { program: word.program(), arguments })
}

/// `A=b` in front of a program.
fn is_assignment(text: &str) -> bool {
    let name = text.trim_start_matches(['"', '\'']).split_once('=').map(|(name, _)| name);
    name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
}

/// The number of arguments in `RUN |2 A=b`, the seconds of `timeout 30s`.
fn is_number(text: &str) -> bool {
    let number = text.strip_suffix(['s', 'm', 'h']).unwrap_or(text);
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// The commands of a text.
pub(super) fn commands(text: &str) -> Vec<Command<'_>> {
    let mut splitter = Splitter { commands: vec![Command::default()], stack: vec![0], words: 0 };
    let (mut start, mut quote, mut before) = (None, None, ' ');
    for (at, letter) in text.char_indices() {
        let breaks = quote.is_none()
            && (letter.is_whitespace() || matches!(letter, ';' | '&' | '|' | '(' | ')'));
        quote = match (quote, letter) {
            (None, '"' | '\'') => Some(letter),
            (Some(open), _) if open == letter => None,
            (open, _) => open,
        };
        if breaks {
            splitter.word(text, start.take(), at);
            splitter.operator(before, letter);
        } else if start.is_none() {
            start = Some(at);
        }
        before = letter;
        if splitter.words >= MAX_WORDS {
            return splitter.commands;
        }
    }
    splitter.word(text, start, text.len());
    splitter.commands
}

/// Puts words into commands.
struct Splitter<'a> {
    commands: Vec<Command<'a>>,
    /// The commands around the one that is read, and that one.
    stack: Vec<usize>,
    words: usize,
}

impl<'a> Splitter<'a> {
    fn word(&mut self, text: &'a str, start: Option<usize>, end: usize) {
        let Some((start, text)) = start.and_then(|at| Some((at, text.get(at..end)?))) else {
            return;
        };
        self.words = self.words.saturating_add(1);
        let current = self.stack.last().copied();
        if let Some(command) = current.and_then(|number| self.commands.get_mut(number)) {
            command.words.push(Word { start, text });
        }
        if text == "{" {
            self.next(None);
        }
    }

    fn operator(&mut self, before: char, letter: char) {
        match (before, letter) {
            ('|', '|') => self.next(None),
            (_, '|') => self.next(self.stack.last().copied()),
            // `2>&1` and a continued line.
            ('>' | '<', '&') | ('\\', '\n') => {}
            (_, '(') if self.stack.len() < MAX_DEPTH => {
                let number = self.fresh(None);
                self.stack.push(number);
            }
            (_, ')') if self.stack.len() > 1 => {
                self.stack.pop();
            }
            (_, ';' | '&' | '\n' | '(' | ')') => self.next(None),
            _ => {}
        }
    }

    fn next(&mut self, source: Option<usize>) {
        let number = self.fresh(source);
        if let Some(current) = self.stack.last_mut() {
            *current = number;
        }
    }

    /// A new command, or the last one while it has no words: operators alone take no memory.
    fn fresh(&mut self, source: Option<usize>) -> usize {
        let last = self.commands.len().saturating_sub(1);
        if let Some(command) = self.commands.last_mut().filter(|command| command.words.is_empty()) {
            command.source = source.filter(|source| *source != last);
            return last;
        }
        self.commands.push(Command { words: Vec::new(), source });
        last.saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_begin_commands() {
        for (text, expected) in [
            ("a x && b y; c | d || e\nf \\\n g & h", "a b c d e f h"),
            ("RUN |2 A=b C=d /bin/sh -c curl x", "curl"),
            ("sudo -E -u ml timeout 30s /usr/bin/curl -x", "curl"),
            ("CMD [\"curl\" \"-u\"]", "curl"),
            ("apt-get install mysql curl login", "apt-get"),
            ("mysql -u$(whoami) -px 2>&1 -c", "mysql whoami"),
            ("f() { curl x; }; (cd y && make) && z", "f curl } cd z make"),
            ("docker exec -it db mysql -px", "mysql"),
            ("conda install mysql curl", "conda"),
            ("a 'b && c' d", "a"),
            ("/bin/bash -eo pipefail -c wget x", "wget"),
            ("", ""),
            (")) ((", ""),
        ] {
            let commands = commands(text);
            let mut programs: Vec<_> = commands.iter().map(|it| it.call().program).collect();
            programs.retain(|program| !program.is_empty());
            let mut expected: Vec<_> = expected.split_whitespace().collect();
            programs.sort_unstable();
            expected.sort_unstable();
            assert_eq!(programs, expected, "{text}");
        }
    }

    #[test]
    fn hostile_operators_take_no_memory() {
        for text in [";", "(", ")", "|", "()", "&|("] {
            assert!(commands(&text.repeat(10_000)).len() <= MAX_DEPTH, "{text}");
        }
        let text = "a;".repeat(MAX_WORDS + 10);
        assert!(commands(&text).len() <= MAX_WORDS + 1);
    }

    #[test]
    fn pipes_know_their_source() {
        let commands = commands("a | b || c | d");
        let sources: Vec<_> = commands.iter().map(|command| command.source).collect();
        assert_eq!(sources, [None, Some(0), None, Some(2)]);
    }
}

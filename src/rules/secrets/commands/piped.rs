//! Values that programs read from their input: `echo x | docker login --password-stdin`,
//! `passwd --stdin <<< x`, `echo "root:x" | chpasswd`; and logins written for netrc.

use std::sync::LazyLock;

use regex::Regex;

use super::words::{Call, Command, Word};
use super::{Value, behind_mark, password, programs, token};

/// What a program reads.
#[derive(Clone, Copy)]
enum Input {
    Password,
    Token,
    /// `user:password`.
    Login,
}

/// The value that the command reads, if it stands there.
pub(super) fn find(commands: &[Command<'_>], command: &Command<'_>) -> Option<Value> {
    let input = input(command)?;
    let written = command.source.and_then(|source| commands.get(source)).and_then(written);
    let (word, skipped) = written.map(|word| (word, 0)).or_else(|| here(command))?;
    match input {
        Input::Login => behind_mark(&word, ':'),
        Input::Password => Some(password(behind(&word, skipped))),
        Input::Token => Some(token(behind(&word, skipped))),
    }
}

fn behind(word: &Word<'_>, skipped: usize) -> std::ops::Range<usize> {
    let text = word.text.get(skipped..).unwrap_or_default();
    super::unquoted(word.start.saturating_add(skipped), text)
}

fn input(command: &Command<'_>) -> Option<Input> {
    let call = command.call();
    match call.program {
        "chpasswd" => Some(Input::Login),
        "passwd" if call.has("--stdin") => Some(Input::Password),
        "gh" | "glab" if call.has("--with-token") || call.has("--stdin") => Some(Input::Token),
        _ if programs::is_login(call) && call.has("--password-stdin") => Some(Input::Password),
        _ if asks_for_password(command) => Some(Input::Password),
        _ => None,
    }
}

/// `sudo -S` reads its password.
fn asks_for_password(command: &Command<'_>) -> bool {
    let mut words = command.words.iter().map(Word::plain).skip_while(|word| *word != "sudo");
    words.next().is_some()
        && words.take_while(|word| word.starts_with('-')).any(|word| word == "-S")
}

/// What `echo` and `printf` write: their last word.
fn written<'a>(command: &Command<'a>) -> Option<Word<'a>> {
    let call: Call<'_, 'a> = command.call();
    let is_written = matches!(call.program, "echo" | "printf");
    call.operands().last().filter(|_| is_written).map(|word| **word)
}

/// `<<< x`, `<<<x`: the word, and how many of its bytes do not count.
fn here<'a>(command: &Command<'a>) -> Option<(Word<'a>, usize)> {
    let at = command.words.iter().position(|word| word.text.starts_with("<<<"))?;
    let sign = command.words.get(at)?;
    if sign.text.len() > 3 {
        return Some((*sign, 3));
    }
    command.words.get(at.checked_add(1)?).map(|word| (*word, 0))
}

/// `machine x login y password z`, on one line or with `\n` between.
pub(super) fn netrc(text: &str) -> Vec<Value> {
    if !text.contains("machine ") {
        return Vec::new();
    }
    let values = NETRC.captures_iter(text).filter_map(|found| found.get(1));
    values.map(|value| password(value.range())).collect()
}

#[expect(clippy::expect_used, reason = "a constant expression, compiled by the tests")]
static NETRC: LazyLock<Regex> = LazyLock::new(|| {
    const GAP: &str = r"(?:[ \t\r\n]|\\[nrt]){1,20}";
    let name = r#"[^\s'"\\]{1,200}"#;
    Regex::new(&format!("machine {name}{GAP}login {name}{GAP}password ({name})")).expect("compiles")
});

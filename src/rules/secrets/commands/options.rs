//! Values behind options and commands: `--password x`, `curl -u user:x`, `docker login -p x`,
//! `mysql -px`, `vault login x`, `aws configure set name x`, `-H "X-Api-Key: x"`; also in the list
//! form of instructions, `["--password" "x"]`.

use std::ops::Range;

use super::{Value, Word, unquoted};

/// Programs whose short options are known.
const PROGRAMS: &[&str] = &[
    "curl",
    "wget",
    "sshpass",
    "login",
    "mysql",
    "mysqldump",
    "mysqladmin",
    "mariadb",
    "redis-cli",
    "htpasswd",
    "smbclient",
];
/// Commands with a secret as the word behind.
const COMMANDS: &[(&str, &str)] = &[
    ("vault", "login"),
    ("ngrok", "authtoken"),
    ("config", "add-authtoken"),
    ("snyk", "auth"),
    ("cargo", "login"),
    ("wandb", "login"),
];

/// The values behind options and commands.
pub(super) fn find(words: &[Word<'_>]) -> Vec<Value> {
    let mut values = Vec::new();
    let mut program = "";
    let mut before = "";
    for (number, word) in words.iter().enumerate() {
        let option = plain(word);
        let next = words.get(number.saturating_add(1));
        if PROGRAMS.contains(&option) {
            program = option;
        }
        values.extend(attached(program, word));
        values.extend(next.and_then(|next| behind(program, (before, option), next)));
        values.extend(next.and_then(|next| {
            let value = words.get(number.saturating_add(2))?;
            setting((before, option), next, value)
        }));
        if plain(word) == "chpasswd" {
            values.extend(words.get(..number).and_then(piped));
        }
        before = option;
    }
    values
}

fn plain<'a>(word: &Word<'a>) -> &'a str {
    word.text.trim_matches(['"', '\'', '[', ','])
}

fn password(span: Range<usize>) -> Value {
    Value { name: "password".to_owned(), span }
}

/// `-phunter2`, `-uuser:hunter2`.
fn attached(program: &str, word: &Word<'_>) -> Option<Value> {
    let span = unquoted(word.start, word.text);
    let is_mysql = program.starts_with("mysql") || program == "mariadb";
    if (program == "sshpass" || is_mysql) && word.text.starts_with("-p") && word.text.len() > 6 {
        return Some(password(span.start.checked_add(2)?..span.end));
    }
    if program == "curl" && word.text.starts_with("-u") && word.text.len() > 2 {
        return behind_colon(word, span);
    }
    None
}

/// The value in the word behind an option or a command.
fn behind(program: &str, (before, option): (&str, &str), next: &Word<'_>) -> Option<Value> {
    let span = unquoted(next.start, next.text);
    if next.text.starts_with('-') {
        return None;
    }
    if COMMANDS.contains(&(before, option)) {
        return Some(Value { name: "token".to_owned(), span });
    }
    if !option.starts_with('-') || option.contains('=') {
        return None;
    }
    match (program, option) {
        ("curl", "-u" | "--user" | "--proxy-user") | ("smbclient", "-U") => {
            behind_colon(next, span)
        }
        (_, "-H" | "--header") => header(next, &span),
        ("sshpass" | "login", "-p") | ("redis-cli", "-a") => Some(password(span)),
        _ => option.strip_prefix("--").map(|name| Value { name: name.to_owned(), span }),
    }
}

/// `config set name value`.
fn setting((before, option): (&str, &str), name: &Word<'_>, value: &Word<'_>) -> Option<Value> {
    let is_set = option == "set" && matches!(before, "config" | "configure");
    let name = plain(name).rsplit(':').next()?;
    let span = unquoted(value.start, value.text);
    (is_set && !name.starts_with('-')).then(|| Value { name: name.to_owned(), span })
}

/// `X-Api-Key: value` in quotes.
fn header(word: &Word<'_>, span: &Range<usize>) -> Option<Value> {
    let (name, value) = word.text.split_once(':')?;
    let name = name.trim_start_matches(['"', '\'']);
    let length = value.trim_start().trim_end_matches(['"', '\'']).len();
    Some(Value { name: name.to_owned(), span: span.end.checked_sub(length)?..span.end })
}

/// `echo "root:hunter2"` in front of `chpasswd`.
fn piped(before: &[Word<'_>]) -> Option<Value> {
    let word = before.last()?;
    behind_colon(word, unquoted(word.start, word.text))
}

fn behind_colon(word: &Word<'_>, span: Range<usize>) -> Option<Value> {
    let colon = word.text.find(':')?;
    let start = word.start.checked_add(colon)?.checked_add(1)?;
    (start < span.end).then(|| password(start..span.end))
}

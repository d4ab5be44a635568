//! Values behind options of any program: `--password x`, `-H "X-Api-Key: x"`; also in the list
//! form of instructions, `["--password" "x"]`.

use super::words::Word;
use super::{Value, names, whole};

/// The values behind options.
pub(super) fn find(words: &[Word<'_>]) -> impl Iterator<Item = Value> {
    words.windows(2).filter_map(|pair| match pair {
        [option, value] => behind(option.plain(), value),
        _ => None,
    })
}

/// The value in the word behind an option.
fn behind(option: &str, value: &Word<'_>) -> Option<Value> {
    if value.text.starts_with('-') || value.is_redirection() || option.contains('=') {
        return None;
    }
    if matches!(option, "-H" | "--header") {
        return header(value);
    }
    // `--disabled-password ml` takes none.
    let name = option.strip_prefix("--").filter(|name| !names::is_flag(name))?;
    Some(Value { name: name.to_owned(), span: whole(value) })
}

/// `X-Api-Key: value` in quotes.
fn header(word: &Word<'_>) -> Option<Value> {
    let (name, value) = word.text.split_once(':')?;
    let name = name.trim_start_matches(['"', '\'']);
    let length = value.trim_start().trim_end_matches(['"', '\'']).len();
    let end = whole(word).end;
    // The key of Artifactory has none of the words in its name.
    let name =
        if name.eq_ignore_ascii_case("x-jfrog-art-api") { "X-JFrog-Art-Api-Key" } else { name };
    Some(Value { name: name.to_owned(), span: end.checked_sub(length)?..end })
}

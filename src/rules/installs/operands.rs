//! Options and what is none, on the command lines of package managers.

/// How a manager spells its options.
pub(super) struct Spelling {
    /// Long options without a value; so is every other that begins with `--no-`.
    pub(super) flags: &'static [&'static str],
    /// Those among `--no-...` that have one.
    pub(super) valued: &'static [&'static str],
    /// Letters of short options with a value.
    pub(super) letters: &'static str,
}

/// Walks over `(option, value)`; an operand is a value without an option. The word behind an
/// option that is not known is its value: a package is better missed than a secret repeated.
pub(super) struct Operands<'w, 'a> {
    words: std::slice::Iter<'w, &'a str>,
    spelling: &'static Spelling,
    is_over: bool,
}

impl<'w, 'a> Operands<'w, 'a> {
    pub(super) fn new(words: &'w [&'a str], spelling: &'static Spelling) -> Self {
        Self { words: words.iter(), spelling, is_over: false }
    }

    fn long(&mut self, option: &'a str) -> (Option<&'a str>, Option<&'a str>) {
        if let Some((option, value)) = option.split_once('=') {
            return (Some(option), Some(value));
        }
        let Spelling { flags, valued, .. } = self.spelling;
        let is_flag = flags.contains(&option) || option.starts_with("--no-");
        if is_flag && !valued.contains(&option) {
            return (Some(option), None);
        }
        (Some(option), self.words.next().copied())
    }

    /// `-r file`, `-rfile`, `-qr file`.
    fn short(&mut self, cluster: &'a str) -> (Option<&'a str>, Option<&'a str>) {
        let letters = cluster.strip_prefix('-').unwrap_or_default();
        let has_value = |letter: char| self.spelling.letters.contains(letter);
        let Some(at) = letters.find(has_value) else { return (Some(cluster), None) };
        let mut rest = letters.get(at..).unwrap_or_default().chars();
        let letter = rest.next();
        let value = Some(rest.as_str().trim_start_matches('=')).filter(|value| !value.is_empty());
        let name = OPTIONS.iter().find(|name| name.chars().nth(1) == letter).copied();
        (name.or(Some(cluster)), value.or_else(|| self.words.next().copied()))
    }
}

/// Names of short options, which may stand in the middle of a word.
const OPTIONS: &[&str] = &["-r", "-c", "-e", "-f"];

impl<'a> Iterator for Operands<'_, 'a> {
    type Item = (Option<&'a str>, Option<&'a str>);

    fn next(&mut self) -> Option<Self::Item> {
        let word = *self.words.next()?;
        Some(match word {
            "--" if !self.is_over => {
                self.is_over = true;
                (Some(word), None)
            }
            _ if self.is_over => (None, Some(word)),
            _ if word.starts_with("--") => self.long(word),
            _ if word.len() > 1 && word.starts_with('-') => self.short(word),
            _ => (None, Some(word)),
        })
    }
}

/// All operands.
pub(super) fn named<'a>(words: &[&'a str], spelling: &'static Spelling) -> Vec<&'a str> {
    Operands::new(words, spelling)
        .filter_map(|(option, value)| if option.is_none() { value } else { None })
        .collect()
}

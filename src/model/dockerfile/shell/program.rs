//! Which program a command really runs: behind assignments, keywords, `sudo`, `python -m`, and in
//! the scripts that shells are given.

/// A word that runs the one behind its options: `(name, options with a value, own words)`.
const WRAPPERS: &[(&str, &[&str], usize)] = &[
    ("builtin", &[], 0),
    ("chroot", &[], 1),
    ("command", &[], 0),
    ("do", &[], 0),
    ("elif", &[], 0),
    ("else", &[], 0),
    ("env", &["-u", "-C", "-S", "--unset", "--chdir"], 0),
    ("exec", &["-a"], 0),
    ("fakeroot", &[], 0),
    ("gosu", &[], 1),
    ("if", &[], 0),
    ("ionice", &["-c", "-n"], 0),
    ("nice", &["-n"], 0),
    ("nohup", &[], 0),
    ("runuser", &["-u", "-g"], 0),
    ("stdbuf", &["-i", "-o", "-e"], 0),
    ("su-exec", &[], 1),
    ("sudo", &["-u", "-g", "-h", "-p", "-C", "--user", "--group"], 0),
    ("then", &[], 0),
    ("time", &["-f", "-o"], 0),
    ("timeout", &["-k", "-s"], 1),
    ("until", &[], 0),
    ("while", &[], 0),
    ("xargs", &["-n", "-P", "-I", "-L", "-a", "-d", "-E", "-s"], 0),
    ("xvfb-run", &["-s", "-n", "-a"], 0),
    ("!", &[], 0),
    ("{", &[], 0),
];

/// Programs whose subcommand `run` runs another in an environment.
const ENVIRONMENTS: &[&str] =
    &["conda", "mamba", "micromamba", "poetry", "uv", "pipenv", "pdm", "hatch", "rye"];
/// Options of `run` with a value.
const RUN_OPTIONS: &[&str] =
    &["-n", "-p", "-e", "--name", "--prefix", "--cwd", "--with", "--python", "--project", "--env"];
/// Options of Python with a value.
const PYTHON_OPTIONS: &[&str] = &["-W", "-X"];

/// A program's name without its directory.
pub(super) fn name(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

/// `NAME=value` in front of a command.
pub(super) fn assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (!name.is_empty() && is_name(name)).then_some((name, value))
}

/// Most wrappers around one program.
const MAX_WRAPPERS: usize = 20;

/// Program and words, without what stands in front of them.
pub(super) fn unwrapped(words: &[String]) -> &[String] {
    let mut words = without_assignments(words);
    for _ in 0..MAX_WRAPPERS {
        let Some((first, rest)) = words.split_first() else { break };
        let Some(inner) = inner(name(first), rest) else { break };
        words = without_assignments(inner);
    }
    words
}

fn without_assignments(words: &[String]) -> &[String] {
    let count = words.iter().take_while(|word| assignment(word).is_some()).count();
    words.get(count..).unwrap_or_default()
}

/// The words that a wrapper runs; `None` when it is none.
fn inner<'a>(program: &str, rest: &'a [String]) -> Option<&'a [String]> {
    if let Some((_, valued, own)) = WRAPPERS.iter().find(|(name, ..)| *name == program) {
        return Some(behind_options(rest, valued).get(*own..).unwrap_or_default());
    }
    if ENVIRONMENTS.contains(&program) {
        let (first, rest) = rest.split_first()?;
        return (first == "run").then(|| behind_options(rest, RUN_OPTIONS));
    }
    if program.starts_with("python") || program.starts_with("pypy") {
        return module(rest);
    }
    None
}

fn behind_options<'a>(mut words: &'a [String], valued: &[&str]) -> &'a [String] {
    while let Some((option, rest)) = words.split_first().filter(|(word, _)| word.starts_with('-')) {
        let skipped = usize::from(valued.contains(&option.as_str()));
        words = rest.get(skipped..).unwrap_or_default();
    }
    words
}

/// What follows `-m`, also together with other options.
fn module(mut words: &[String]) -> Option<&[String]> {
    loop {
        let (option, rest) = words.split_first()?;
        if option == "-m" {
            return Some(rest);
        }
        let letters = option.strip_prefix('-')?;
        if letters.starts_with('c') {
            return None;
        }
        if letters.ends_with('m') && !letters.starts_with('-') {
            return Some(rest);
        }
        let skipped = usize::from(PYTHON_OPTIONS.contains(&option.as_str()));
        words = rest.get(skipped..)?;
    }
}

/// Whether a program runs scripts that are given as text.
pub(super) fn is_shell(program: &str) -> bool {
    matches!(program, "sh" | "bash" | "ash" | "dash" | "zsh" | "ksh" | "su")
}

/// The script that a shell is given: `bash -lc "..."`, `eval "..."`.
pub(super) fn script(argv: &[String]) -> Option<String> {
    let (program, arguments) = argv.split_first()?;
    if name(program) == "eval" {
        return Some(arguments.join(" "));
    }
    if !is_shell(name(program)) {
        return None;
    }
    let is_script = |option: &String| {
        option.starts_with('-') && !option.starts_with("--") && option.ends_with('c')
    };
    let at = arguments.iter().position(is_script)?;
    arguments.get(at.checked_add(1)?).cloned()
}

//! Values behind options and operands of programs that are known: `curl -u user:x`,
//! `docker login -p x`, `mysql -px`, `vault login x`, `aws configure set name x`.
//! Sources: the programs' own references of their command lines.

use super::words::{Call, Word};
use super::{Value, behind_mark, password, token, whole};

/// How an option takes its value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `-p x`.
    Behind,
    /// `-px`; alone it asks for it.
    Attached,
    /// Both.
    Either,
}

/// Short options with a password.
const OPTIONS: &[(&str, &str, Form)] = &[
    ("login", "-p", Form::Either),
    ("mysql", "-p", Form::Attached),
    ("redis-cli", "-a", Form::Behind),
    ("mongosh", "-p", Form::Behind),
    ("twine", "-p", Form::Either),
    ("keytool", "-storepass", Form::Behind),
    ("keytool", "-keypass", Form::Behind),
];
/// Clients of `MySQL`.
const MYSQL: &[&str] = &[
    "mysql",
    "mysqldump",
    "mysqladmin",
    "mysqlimport",
    "mariadb",
    "mariadb-dump",
    "mariadb-admin",
];
/// Programs with a subcommand `login`, to which `-p` is a password.
const LOGINS: &[&str] = &[
    "docker", "podman", "nerdctl", "buildah", "skopeo", "helm", "oras", "crane", "regctl", "az",
    "oc", "cf", "ibmcloud",
];
/// Subcommands with a secret as the operand behind.
const COMMANDS: &[(&str, &[&str])] = &[
    ("vault", &["login"]),
    ("ngrok", &["authtoken"]),
    ("ngrok", &["config", "add-authtoken"]),
    ("snyk", &["auth"]),
    ("cargo", &["login"]),
    ("wandb", &["login"]),
];
/// Programs that install packages of a system: `pass=1.7.4-6` is one.
const INSTALLERS: &[&str] = &[
    "apt-get",
    "apt",
    "aptitude",
    "apk",
    "dnf",
    "microdnf",
    "tdnf",
    "yum",
    "zypper",
    "conda",
    "mamba",
    "micromamba",
];

/// Whether the operands are names of packages.
pub(super) fn is_installer(call: Call<'_, '_>) -> bool {
    INSTALLERS.contains(&call.program) && (call.has("install") || call.has("add"))
}

/// Whether it is a login to a registry or a cloud.
pub(super) fn is_login(call: Call<'_, '_>) -> bool {
    LOGINS.contains(&call.program)
        && call.operands().iter().take(2).any(|word| word.plain() == "login")
}

/// The values behind options and operands.
pub(super) fn find(call: Call<'_, '_>) -> Vec<Value> {
    let mut values = options(call);
    match call.program {
        "curl" => values.extend(pairs(call.arguments, curl)),
        "smbclient" => values.extend(pairs(call.arguments, smbclient)),
        "sshpass" => values.extend(sshpass(call.arguments)),
        "htpasswd" => values.extend(htpasswd(call)),
        "openssl" => values.extend(call.arguments.iter().filter_map(openssl)),
        _ => values.extend(operand(call)),
    }
    values.extend(setting(call));
    values
}

/// The values of every two words.
fn pairs(
    words: &[Word<'_>],
    value: fn(&Word<'_>, Option<&Word<'_>>) -> Option<Value>,
) -> Vec<Value> {
    let next = words.iter().skip(1).map(Some).chain([None]);
    words.iter().zip(next).filter_map(|(word, next)| value(word, next)).collect()
}

/// What is left of the word behind its first bytes.
fn rest(word: &Word<'_>, skipped: usize) -> Option<Value> {
    let span = whole(word);
    let start = span.start.checked_add(skipped)?;
    (start < span.end).then(|| password(start..span.end))
}

fn options(call: Call<'_, '_>) -> Vec<Value> {
    let is_mysql = MYSQL.contains(&call.program);
    let program = if is_mysql { "mysql" } else { call.program };
    let program = if is_login(call) { "login" } else { program };
    let mut values = Vec::new();
    for (_, option, form) in OPTIONS.iter().filter(|(known, ..)| *known == program) {
        values.extend(short(call.arguments, option, *form));
    }
    values
}

fn short(words: &[Word<'_>], option: &str, form: Form) -> Vec<Value> {
    let next = words.iter().skip(1).map(Some).chain([None]);
    let value = |(word, next): (&Word<'_>, Option<&Word<'_>>)| {
        let behind = word.plain().strip_prefix(option)?;
        match behind.len() {
            0 if form != Form::Attached => {
                next.filter(|next| !next.text.starts_with('-')).map(|next| password(whole(next)))
            }
            5.. if form != Form::Behind => rest(word, option.len()),
            _ => None,
        }
    };
    words.iter().zip(next).filter_map(value).collect()
}

/// `-u user:x`, also behind other letters: `-sSLu user:x`.
fn curl(word: &Word<'_>, next: Option<&Word<'_>>) -> Option<Value> {
    const FLAGS: &str = "0123456#aBfGgIijJkLlNnOpqRSsv";
    let plain = word.plain();
    let is_long = matches!(plain, "--user" | "--proxy-user");
    let letters = plain.strip_prefix('-')?.trim_start_matches(|c| FLAGS.contains(c));
    match letters.strip_prefix(['u', 'U']) {
        _ if is_long => behind_mark(next?, ':'),
        Some("") => behind_mark(next?, ':'),
        Some(_) => behind_mark(word, ':'),
        None => None,
    }
}

/// `-U user%x`.
fn smbclient(word: &Word<'_>, next: Option<&Word<'_>>) -> Option<Value> {
    let login = next.filter(|_| matches!(word.plain(), "-U" | "--user"))?;
    behind_mark(login, '%').or_else(|| behind_mark(login, ':'))
}

/// Its own options stand in front of the command it runs: behind it, `-p` is that command's.
fn sshpass(words: &[Word<'_>]) -> Vec<Value> {
    let own = words.iter().take_while(|word| word.text.starts_with('-')).count();
    let own = words.get(..own.saturating_add(1).min(words.len())).unwrap_or_default();
    short(own, "-p", Form::Either)
}

/// `-bc file user x`, `-nb user x`.
fn htpasswd(call: Call<'_, '_>) -> Option<Value> {
    let has = |letter| {
        let short = |word: &Word<'_>| word.text.starts_with('-') && !word.text.starts_with("--");
        call.arguments.iter().any(|word| short(word) && word.text.contains(letter))
    };
    let place = if has('n') { 1 } else { 2 };
    let operands = call.operands();
    operands.get(place).filter(|_| has('b')).map(|word| password(whole(word)))
}

/// `-passin pass:x`.
fn openssl(word: &Word<'_>) -> Option<Value> {
    word.plain().starts_with("pass:").then(|| rest(word, 5))?
}

/// The operand directly behind a subcommand, or behind options without values of their own.
fn operand(call: Call<'_, '_>) -> Option<Value> {
    if !COMMANDS.iter().any(|(program, _)| *program == call.program) {
        return None;
    }
    let operands = call.operands();
    let texts: Vec<&str> = operands.iter().map(|word| word.plain()).collect();
    let matches = |verbs: &[&str]| texts.starts_with(verbs);
    let (_, verbs) =
        COMMANDS.iter().find(|(program, verbs)| *program == call.program && matches(verbs))?;
    let value = operands.get(verbs.len())?;
    let at = call.arguments.iter().position(|word| word.start == value.start)?;
    let before = call.arguments.get(at.checked_sub(1)?)?.plain();
    let is_operand = !before.starts_with('-') || matches!(before, "--relogin" | "--cloud" | "--");
    is_operand.then(|| token(whole(value)))
}

/// Settings written by a subcommand: `config set name x`.
fn setting(call: Call<'_, '_>) -> Option<Value> {
    let operands = call.operands();
    let texts: Vec<&str> = operands.iter().map(|word| word.plain()).collect();
    let word = |at: usize| operands.get(at).map(|word| whole(word));
    let named =
        |name: &str, at| Some(Value { name: name.rsplit(':').next()?.to_owned(), span: word(at)? });
    match (call.program, texts.as_slice()) {
        ("poetry" | "composer", ["config", name, _, _, ..]) if name.starts_with("http-basic.") => {
            word(3).map(password)
        }
        ("poetry", ["config", name, _, ..]) if name.starts_with("pypi-token.") => {
            word(2).map(token)
        }
        ("mc", ["alias", "set", ..]) => word(5).map(password),
        ("mc", ["config", "host", "add", ..]) => word(6).map(password),
        ("dvc", ["remote", "modify", _, name, ..]) => named(name, 4),
        ("npm" | "pnpm", ["set", name, ..]) => named(name, 2),
        (_, ["config" | "configure", "set", name, ..]) => named(name, 3),
        _ => None,
    }
}

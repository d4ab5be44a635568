//! The command line: the words and options of each subcommand. What they do is in one file each
//! below. Data goes to stdout, progress and logs to stderr.

pub mod certs;
pub mod check;
pub mod config;
pub mod logs;
pub mod progress;
pub mod rules;
pub mod serve;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::TypedValueParser as _;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Keeps overloaded and unsafe ML images out of registries and clusters.
///
/// Environment: `PLIMSOLL_CONFIG` names the configuration file, `PLIMSOLL_LOG` filters the log
/// (such as `info` or `plimsoll=debug`), `NO_COLOR` switches colours off.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the webhook.
    ///
    /// Without a configuration it works too: self-signed certificate, SQLite store, default policy.
    Serve(ConfigFile),
    /// Check images and say what is wrong, where, and what to do instead.
    ///
    /// Exit code: 0 when every image is allowed (warnings or not), 1 when at least one is denied,
    /// 2 when something could not be decided or went wrong.
    Check(Check),
    /// Show every rule, or all about one.
    Rules(Rules),
    /// Check the configuration, or print its JSON Schema.
    #[command(subcommand)]
    Config(Config),
    /// Make a CA and a server certificate for development; print the caBundle.
    Certs(Certs),
}

/// Names the configuration file.
#[derive(Debug, Clone, Default, Args)]
pub struct ConfigFile {
    /// Configuration file (YAML). Without one the defaults hold.
    // Clap's own parser of paths refuses the empty text, see `named`.
    #[arg(
        long = "config",
        value_name = "FILE",
        env = "PLIMSOLL_CONFIG",
        hide_env_values = true,
        value_parser = clap::builder::OsStringValueParser::new().map(PathBuf::from)
    )]
    pub path: Option<PathBuf>,
}

impl ConfigFile {
    /// The file, unless the name is empty, as an unset variable of a manifest becomes.
    pub fn named(&self) -> Option<&Path> {
        self.path.as_deref().filter(|path| !path.as_os_str().is_empty())
    }
}

/// Options of `check`.
#[derive(Debug, Clone, Args)]
pub struct Check {
    /// A reference (`registry.example.com/ml/app:1.4`), an OCI layout (a folder `oci:DIR[:TAG]`
    /// or an archive `oci-archive:FILE[:TAG]`, as `docker buildx build -o type=oci` writes it) or
    /// an archive of `docker save` (`docker-archive:FILE[:REF]`).
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<String>,
    /// Configuration file.
    #[command(flatten)]
    pub config: ConfigFile,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
    /// Judge only this platform of a multi-platform image. May be repeated.
    #[arg(long, value_name = "OS/ARCH", value_parser = platform)]
    pub platform: Vec<String>,
    /// Speak HTTP without TLS to the registries of the IMAGEs.
    #[arg(long)]
    pub plain_http: bool,
    /// Read every layer to its end, also when a denial is certain.
    ///
    /// Images on disk are read so anyway, and with `-o sarif` or `-o github` all are.
    #[arg(long)]
    pub all: bool,
    /// Scan every layer anew, and remember nothing.
    #[arg(long)]
    pub no_cache: bool,
}

fn platform(written: &str) -> Result<String, String> {
    if crate::config::is_platform(written) {
        return Ok(written.to_owned());
    }
    Err("expected `os/arch` or `os/arch/variant`".to_owned())
}

/// How `check` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Table,
    /// One JSON object per image, one after the other: a stream that `jq` reads.
    Json,
    /// One SARIF 2.1.0 log of all images, for code scanning.
    Sarif,
    /// Annotations for a GitHub Actions job.
    Github,
}

/// Options of `rules`.
#[derive(Debug, Clone, Args)]
pub struct Rules {
    /// Name of the rule to show.
    #[arg(value_name = "RULE")]
    pub rule: Option<String>,
    /// Print the list as a Markdown table, with the settings.
    #[arg(long, conflicts_with = "rule")]
    pub markdown: bool,
}

/// What to do with the configuration.
#[derive(Debug, Clone, Subcommand)]
pub enum Config {
    /// Tell all problems of a configuration file with the paths of their keys.
    Check {
        /// The file.
        #[arg(value_name = "FILE", env = "PLIMSOLL_CONFIG", hide_env_values = true)]
        file: PathBuf,
    },
    /// Print the JSON Schema of the configuration file.
    Schema,
}

/// Options of `certs`.
#[derive(Debug, Clone, Args)]
pub struct Certs {
    /// Folder for ca.crt, ca.key, tls.crt and tls.key; made when missing.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// DNS name or IP address of the server. May be repeated.
    #[arg(
        long,
        value_name = "NAME",
        default_values = crate::tls::DEFAULT_HOSTS
    )]
    pub host: Vec<String>,
    /// Overwrite existing files.
    #[arg(long)]
    pub force: bool,
}

/// Runs the command. Errors are for the caller to print, once.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Serve(config) => serve::run(&config),
        Command::Check(check) => check::run(&check),
        Command::Rules(rules) => rules::run(&rules),
        Command::Config(config) => config::run(&config),
        Command::Certs(certs) => certs::run(&certs),
    }
}

/// An error and its causes on one line. Many an error repeats its cause's words in its own, for
/// the log; those are not told twice.
pub fn told(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| {
        match (told.is_empty(), told.contains(&cause)) {
            (true, _) => cause,
            (false, true) => told,
            (false, false) => format!("{told}: {cause}"),
        }
    })
}

/// <https://no-color.org>: present and not empty, whatever its value, means no colour.
fn wants_colour() -> bool {
    is_colour(std::env::var_os("NO_COLOR").as_deref())
}

fn is_colour(no_color: Option<&std::ffi::OsStr>) -> bool {
    no_color.is_none_or(std::ffi::OsStr::is_empty)
}

/// Writes to stdout. A reader that went away (`plimsoll rules | head`) is no error.
fn print(text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn causes_are_told_once() {
        let gone = || std::io::Error::new(std::io::ErrorKind::NotFound, "gone");
        let file = crate::tls::TlsError::File { path: "/a".into(), source: gone() };
        assert_eq!(told(&file.into()), "cannot access `/a`: gone");
        assert_eq!(told(&anyhow::Error::new(gone()).context("cannot write")), "cannot write: gone");
    }

    #[test]
    fn no_color_switches_colours_off() {
        assert!(is_colour(None));
        assert!(is_colour(Some("".as_ref())));
        assert!(!is_colour(Some("0".as_ref())));
    }
}

//! `plimsoll check`: asks for the verdict of each image, prints it, and makes the exit code.
//! How a verdict is reached is behind [`Checks`].

pub mod engine;

mod slip;

use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;

use self::engine::Engine;

use super::progress::Progress;
use super::{Check, Output};
use crate::answer::table::{self, Style};
use crate::answer::wrap::Layout;
use crate::answer::{github, json, plain, sarif};
use crate::config::{Config, ConfigError, Registry};
use crate::model::verdict::ImageSummary;
use crate::model::{Decision, Platform, Verdict};
use crate::policy::Platforms;
use crate::registry::UnlistedRegistries;

/// Something that can tell the verdict of an image.
#[async_trait]
pub trait Checks: Send + Sync {
    /// The verdict of IMAGE as written on the command line. The error is for what names no image.
    async fn check(&self, image: &str) -> Result<Verdict, Unnamed>;
}

/// What was written names no image.
#[derive(Debug)]
pub struct Unnamed {
    /// Why, for people.
    pub reason: String,
    /// The same as a verdict, so that readers of JSON get one object for each IMAGE.
    pub verdict: Box<Verdict>,
}

/// How bad it is, in the order of the exit codes that win over each other: something that could
/// not be decided says less than a denial, but a script must not take it for "all were judged".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Outcome {
    /// Every image is allowed.
    #[default]
    Allowed,
    /// At least one is denied, and all were decided.
    Denied,
    /// At least one could not be decided, or an error.
    Unknown,
}

impl Outcome {
    /// Contract: DESIGN.md section 4.1.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Allowed => 0,
            Self::Denied => 1,
            Self::Unknown => 2,
        }
    }

    fn of(decision: Decision) -> Self {
        match decision {
            Decision::Allow => Self::Allowed,
            Decision::Deny => Self::Denied,
            Decision::Undecided => Self::Unknown,
        }
    }
}

/// What is printed of a verdict.
pub struct Shown {
    /// The form.
    pub output: Output,
    /// Colours and width of tables.
    pub style: Style,
    /// The platforms that were asked for.
    pub platforms: Platforms,
}

impl Shown {
    fn table(&self, verdict: &Verdict) -> String {
        let mut table = table::render(verdict, self.style);
        if let Some(note) = self.missed(verdict) {
            let mut page = Layout::new(self.style);
            page.paragraph("note: ", &note);
            table.push_str(&page.finish());
        }
        table
    }

    /// The verdict of the image at `index`; nothing where all make one document.
    fn text(&self, verdict: &Verdict, index: usize) -> String {
        match self.output {
            Output::Json => format!("{}\n", json::pretty(verdict)),
            Output::Github => github::commands(verdict),
            Output::Sarif => String::new(),
            Output::Table if index > 0 => format!("\n{}", self.table(verdict)),
            Output::Table => self.table(verdict),
        }
    }

    /// What is told apart from the verdict, because its form has no place for it.
    fn aside(&self, verdict: &Verdict) -> String {
        let note = self.missed(verdict).filter(|_| self.output != Output::Table);
        let image = || plain::line(&verdict.image, 300);
        note.map(|note| format!("note: {}: {note}\n", image())).unwrap_or_default()
    }

    /// Words for platforms that were asked for and that no image is for. If it is none of them, all
    /// are judged, which must not look as if one had been found.
    fn missed(&self, verdict: &Verdict) -> Option<String> {
        let Platforms::Listed(wanted) = &self.platforms else { return None };
        let is_missed = |wanted: &&String| !verdict.images.iter().any(|is| may_be(is, wanted));
        let missed: Vec<&str> = wanted.iter().filter(is_missed).map(String::as_str).collect();
        let names = plain::line(&missed.join(", "), 200);
        match verdict.images.len() {
            0 => None,
            _ if missed.is_empty() => None,
            // What could not be read may be for it.
            _ if missed.len() < wanted.len() => {
                verdict.undecided.is_empty().then(|| format!("no image is listed for {names}"))
            }
            1 => Some(format!("no image is listed for {names}, so the only one was judged")),
            _ => Some(format!("no image is listed for {names}, so all were judged")),
        }
    }
}

/// Whether an image may be for a platform; one of an unknown platform may be for any.
fn may_be(image: &ImageSummary, wanted: &str) -> bool {
    let mut parts = image.platform.splitn(3, '/').map(str::to_owned);
    let (Some(os), Some(architecture)) = (parts.next(), parts.next()) else { return true };
    let is_unknown = os == "unknown" || architecture == "unknown";
    is_unknown || Platform { os, architecture, variant: parts.next() }.matches(wanted)
}

/// Runs the subcommand.
pub fn run(check: &Check) -> anyhow::Result<ExitCode> {
    super::logs::init(super::logs::Audience::Person);
    let config = configured(check)?;
    let platforms = config.policy.platforms.clone();
    let shown = Shown { output: check.output, style: style_of_stdout(), platforms };
    let outcome = tokio::runtime::Runtime::new()?.block_on(async {
        let progress = Arc::new(Progress::stderr());
        let engine = Engine::build(check, config, &progress).await?;
        let (mut stdout, mut stderr) = (io::stdout(), io::stderr());
        let outcome =
            check_all(&check.images, &engine, &shown, &progress, &mut stdout, &mut stderr).await;
        progress.finish();
        engine.finish().await;
        anyhow::Ok(outcome?)
    })?;
    Ok(ExitCode::from(outcome.exit_code()))
}

/// The configuration with the command line's options in it.
pub fn configured(check: &Check) -> Result<Config, ConfigError> {
    let mut config = Config::load_or_default(check.config.named())?;
    if !check.platform.is_empty() {
        config.policy.platforms = Platforms::Listed(check.platform.clone());
    }
    // Whoever types the command chooses whom we talk to, as with `docker pull`; with a
    // configuration the answer should be the webhook's.
    if check.config.named().is_none() || config.unlisted == UnlistedRegistries::Any {
        config.registries.extend(Registry::any());
    }
    for registry in &mut config.registries {
        registry.plain_http |= check.plain_http;
    }
    Ok(config)
}

/// Checks the images one after the other; each verdict is printed when it is there.
pub async fn check_all(
    images: &[String],
    checks: &dyn Checks,
    shown: &Shown,
    progress: &Progress,
    stdout: &mut (dyn Write + Send),
    stderr: &mut (dyn Write + Send),
) -> io::Result<Outcome> {
    let mut outcome = Outcome::default();
    // A SARIF log is one document, so it has to wait for all.
    let mut logged = Vec::new();
    for (index, image) in images.iter().enumerate() {
        progress.image(image);
        match checks.check(image).await {
            Ok(verdict) => {
                outcome = outcome.max(Outcome::of(verdict.decision));
                let (text, aside) = (shown.text(&verdict, index), shown.aside(&verdict));
                progress.suspend(|| {
                    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())?;
                    stderr.write_all(aside.as_bytes())
                })?;
                if shown.output == Output::Sarif {
                    logged.push(verdict);
                }
            }
            Err(Unnamed { reason, verdict }) => {
                outcome = Outcome::Unknown;
                let (image, reason) = (plain::line(image, 300), plain::line(&reason, 1000));
                progress.suspend(|| {
                    match shown.output {
                        Output::Json => writeln!(stdout, "{}", json::pretty(&verdict))?,
                        Output::Github => {
                            stdout.write_all(github::commands(&verdict).as_bytes())?;
                        }
                        Output::Sarif | Output::Table => {}
                    }
                    writeln!(stderr, "error: {image}: {reason}")
                })?;
                if shown.output == Output::Sarif {
                    logged.push(*verdict);
                }
            }
        }
    }
    progress.finish();
    if shown.output == Output::Sarif {
        writeln!(stdout, "{}", sarif::log(&logged))?;
    }
    Ok(outcome)
}

/// How to print to stdout: coloured and wrapped on a terminal, plain when piped.
pub fn style_of_stdout() -> Style {
    let is_terminal = io::stdout().is_terminal();
    let colour = is_terminal && super::wants_colour();
    let width = if is_terminal { comfy_table::Table::new().width().map(usize::from) } else { None };
    Style { colour, width }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::message::tests::{allowed, denied, not_known};
    use crate::registry::credentials::Credentials;
    use clap::Parser as _;

    struct Canned;

    #[async_trait]
    impl Checks for Canned {
        async fn check(&self, image: &str) -> Result<Verdict, Unnamed> {
            match image {
                "allowed" => Ok(allowed()),
                "denied" => Ok(denied()),
                "not-known" => Ok(not_known()),
                other => {
                    let verdict = Box::new(Verdict { image: other.to_owned(), ..not_known() });
                    Err(Unnamed { reason: "not an image reference".to_owned(), verdict })
                }
            }
        }
    }

    async fn checked(images: &[&str], output: Output) -> (Outcome, String, String) {
        let images: Vec<String> = images.iter().map(|image| (*image).to_owned()).collect();
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let outcome = check_all(
            &images,
            &Canned,
            &Shown { output, style: Style::default(), platforms: Platforms::All },
            &Progress::hidden(),
            &mut stdout,
            &mut stderr,
        )
        .await
        .unwrap();
        (outcome, String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
    }

    #[tokio::test]
    async fn the_worst_makes_the_exit_code() {
        for (images, code) in [
            (&["allowed"][..], 0),
            (&["allowed", "allowed"], 0),
            (&["denied", "allowed"], 1),
            (&["not-known"], 2),
            (&["not-known", "denied"], 2),
            (&["denied", "bad\x1b"], 2),
        ] {
            assert_eq!(checked(images, Output::Table).await.0.exit_code(), code, "{images:?}");
        }
    }

    #[tokio::test]
    async fn json_is_a_stream_of_objects() {
        let (_, stdout, stderr) = checked(&["allowed", "bad", "denied"], Output::Json).await;
        let stream = serde_json::Deserializer::from_str(&stdout).into_iter::<Verdict>();
        let verdicts: Vec<Verdict> = stream.map(Result::unwrap).collect();
        let bad = Verdict { image: "bad".to_owned(), ..not_known() };
        assert_eq!(verdicts, [allowed(), bad, denied()]);
        assert_eq!(stderr, "error: bad: not an image reference\n");
    }

    #[tokio::test]
    async fn a_sarif_log_is_one_document() {
        let (outcome, stdout, _) = checked(&["allowed", "bad", "denied"], Output::Sarif).await;
        let log: serde_json::Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(log["runs"].as_array().unwrap().len(), 1);
        assert_eq!(log["runs"][0]["properties"]["images"].as_array().unwrap().len(), 3);
        assert_eq!(outcome, Outcome::Unknown);
    }

    #[tokio::test]
    async fn annotations_come_image_by_image() {
        let (_, stdout, stderr) = checked(&["denied", "bad"], Output::Github).await;
        let lines: Vec<&str> =
            stdout.lines().filter(|line| line.starts_with("plimsoll: ")).collect();
        assert_eq!(
            lines,
            [
                "plimsoll: denied: registry.example.com/ml/app:1.4",
                "plimsoll: could not be decided about: bad",
            ]
        );
        assert_eq!(stderr, "error: bad: not an image reference\n");
    }

    #[test]
    fn a_missing_platform_is_told() {
        let shown = |wanted: &[&str], output: Output| {
            let wanted = wanted.iter().map(|platform| (*platform).to_owned()).collect();
            Shown { output, style: Style::default(), platforms: Platforms::Listed(wanted) }
        };
        let note = |wanted: &[&str], verdict: &Verdict| {
            let shown = shown(wanted, Output::Table);
            assert_eq!(shown.aside(verdict), "");
            shown.table(verdict).lines().find(|line| line.starts_with("note: ")).map(str::to_owned)
        };
        insta::assert_snapshot!(note(&["linux/s390x"], &denied()).unwrap(), @"note: no image is listed for linux/s390x, so all were judged");
        insta::assert_snapshot!(note(&["linux/s390x", "linux/arm64"], &allowed()).unwrap(), @"note: no image is listed for linux/s390x, linux/arm64, so the only one was judged");
        insta::assert_snapshot!(note(&["linux/s390x", "linux/arm64"], &denied()).unwrap(), @"note: no image is listed for linux/s390x");
        assert_eq!(note(&["linux/amd64", "linux/arm64"], &denied()), None);
        let partly = Verdict { undecided: not_known().undecided, ..denied() };
        assert_eq!(note(&["linux/s390x", "linux/arm64"], &partly), None);
        for output in [Output::Json, Output::Sarif, Output::Github] {
            assert_eq!(
                shown(&["linux/s390x"], output).aside(&allowed()),
                "note: registry.example.com/ml/app:1.4: no image is listed for linux/s390x, so \
                 the only one was judged\n"
            );
            assert_eq!(shown(&["linux/amd64"], output).aside(&allowed()), "");
        }
        assert_eq!(note(&["linux/s390x"], &not_known()), None);
        let mut unknown = allowed();
        unknown.images[0].platform = "unknown/unknown".to_owned();
        assert_eq!(note(&["linux/s390x"], &unknown), None);
    }

    #[tokio::test]
    async fn tables_stand_apart() {
        let (_, stdout, _) = checked(&["allowed", "denied"], Output::Table).await;
        assert!(stdout.contains("7 known\n\nDENIED  "), "{stdout}");
    }

    fn parsed(arguments: &[&str]) -> Check {
        let line = [&["plimsoll", "check", "x"], arguments].concat();
        match crate::cli::Cli::try_parse_from(line).unwrap().command {
            crate::cli::Command::Check(check) => check,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn options_go_into_the_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("plimsoll.yaml");
        std::fs::write(&file, "registries: [{host: r.example.com}]").unwrap();
        let path = file.to_str().unwrap();

        // An empty name is no file, whatever the environment of the test run says.
        let config = configured(&parsed(&["--config", ""])).unwrap();
        assert_eq!(config.policy.platforms, Platforms::All);
        assert!(config.registries[0].host.matches("anything.example.com:5000"));
        assert!(!config.registries[0].plain_http);
        // Whatever the user logged in with, docker, podman or skopeo.
        assert_eq!(config.registries[0].credentials, Credentials::DefaultDockerConfig);

        let options = ["--config", path, "--platform", "linux/amd64", "--plain-http"];
        let config = configured(&parsed(&options)).unwrap();
        assert_eq!(config.policy.platforms, Platforms::Listed(vec!["linux/amd64".into()]));
        assert_eq!(config.registries.len(), 1);
        assert!(config.registries[0].plain_http);
    }
}

//! `plimsoll config check|schema`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::config::Config;

/// Runs the subcommand.
pub fn run(command: &super::Config) -> anyhow::Result<ExitCode> {
    match command {
        super::Config::Check { file } => check(file),
        super::Config::Schema { file } => schema(file.as_deref()),
    }
}

fn check(file: &Path) -> anyhow::Result<ExitCode> {
    let config = Config::load(file)?;
    super::print(&format!("{}: ok, policy {}\n", file.display(), config.policy.hash()))?;
    Ok(ExitCode::SUCCESS)
}

fn schema(file: Option<&Path>) -> anyhow::Result<ExitCode> {
    let schema = format!("{:#}\n", crate::config::json_schema());
    match file {
        Some(file) => std::fs::write(file, schema)
            .with_context(|| format!("cannot write `{}`", file.display()))?,
        None => super::print(&schema)?,
    }
    Ok(ExitCode::SUCCESS)
}

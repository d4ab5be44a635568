//! `plimsoll serve`: starts the runtime and hands over to [`crate::serve`].

use std::path::Path;
use std::process::ExitCode;

use super::{ConfigFile, logs};

/// Runs until it is told to stop.
pub fn run(config: &ConfigFile) -> anyhow::Result<ExitCode> {
    logs::init(logs::Audience::Machine);
    tokio::runtime::Runtime::new()?
        .block_on(Box::pin(crate::serve::main(config.named().map(Path::to_owned))))
        .map_err(Into::into)
}

//! `plimsoll serve`: starts the runtime and hands over to [`crate::serve`].

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use super::{ConfigFile, logs};

/// Runs until it is told to stop.
pub fn run(config: &ConfigFile) -> anyhow::Result<ExitCode> {
    logs::init(logs::Audience::Machine);
    let runtime = tokio::runtime::Runtime::new()?;
    let ended = runtime.block_on(Box::pin(crate::serve::main(config.named().map(Path::to_owned))));
    // A thread in the middle of a file must not hold up the end of the process.
    runtime.shutdown_timeout(Duration::from_secs(2));
    Ok(ended?)
}

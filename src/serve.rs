//! Wiring of `plimsoll serve`.

use std::path::PathBuf;
use std::process::ExitCode;

/// Stub.
#[expect(clippy::unused_async, reason = "the signature is fixed, the wiring is not there yet")]
pub async fn main(_config: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not wired yet")
}

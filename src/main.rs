//! Parse, dispatch, exit code. Errors are printed here, once.

use std::process::ExitCode;

use clap::Parser as _;
use plimsoll::cli::{Cli, run, told};

/// Exit code of every error; `check` uses 1 for a denied image.
const ERROR: u8 = 2;

fn main() -> ExitCode {
    // Fails only when one is installed already, which serves as well.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    run(Cli::parse()).unwrap_or_else(|error| {
        eprint_error(&error);
        ExitCode::from(ERROR)
    })
}

#[expect(clippy::print_stderr, reason = "the one place where errors are printed")]
fn eprint_error(error: &anyhow::Error) {
    eprintln!("error: {}", told(error));
}

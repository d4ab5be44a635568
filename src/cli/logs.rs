//! The log: on stderr, filtered by `PLIMSOLL_LOG`.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::uptime;

/// Environment variable with the filter, such as `info` or `plimsoll=debug`.
pub const VARIABLE: &str = "PLIMSOLL_LOG";

/// Who reads the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// A log collector: one JSON object a line, from level info on. Text on a terminal.
    Machine,
    /// Somebody who waits for a command: text, from level warn on.
    Person,
}

/// Starts logging. Once per process; later calls change nothing.
pub fn init(audience: Audience) {
    let usual = match audience {
        Audience::Machine => "info",
        Audience::Person => "warn",
    };
    let is_terminal = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(std::env::var(VARIABLE).ok().as_deref(), usual))
        .with_writer(std::io::stderr)
        .with_ansi(is_terminal && super::wants_colour());
    // A logger that is set already serves as well.
    let _ = if audience == Audience::Machine && !is_terminal {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.with_timer(uptime()).try_init()
    };
}

/// What was asked for, or the usual when nothing readable was.
fn filter(written: Option<&str>, usual: &str) -> EnvFilter {
    written
        .filter(|written| !written.trim().is_empty())
        .and_then(|written| EnvFilter::try_new(written).ok())
        .unwrap_or_else(|| EnvFilter::new(usual))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreadable_filter_falls_back() {
        assert_eq!(filter(Some("plimsoll=debug"), "warn").to_string(), "plimsoll=debug");
        assert_eq!(filter(Some("a=b=c"), "warn").to_string(), "warn");
        assert_eq!(filter(Some(" "), "warn").to_string(), "warn");
        assert_eq!(filter(None, "info").to_string(), "info");
    }
}

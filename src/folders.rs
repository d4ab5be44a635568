//! The user's own folders, after the XDG base directory specification. A crate would do it too,
//! under a licence of another kind, for these lines.

use std::path::PathBuf;

/// Where caches go: `$XDG_CACHE_HOME`, by default `~/.cache`.
pub(crate) fn cache() -> Option<PathBuf> {
    of("XDG_CACHE_HOME", ".cache")
}

/// Where data goes: `$XDG_DATA_HOME`, by default `~/.local/share`.
pub(crate) fn data() -> Option<PathBuf> {
    of("XDG_DATA_HOME", ".local/share")
}

fn of(variable: &str, usual: &str) -> Option<PathBuf> {
    std::env::var_os(variable)
        .map(PathBuf::from)
        // The specification has relative paths ignored.
        .filter(|folder| folder.is_absolute())
        .or_else(|| Some(std::env::home_dir()?.join(usual)))
}

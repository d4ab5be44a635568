//! A store in memory, for tests and for `check --no-cache`.

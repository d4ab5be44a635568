//! Wiring of `plimsoll serve`.

//! Wiring of `plimsoll serve`.

pub mod listen;

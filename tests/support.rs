//! What the integration tests stand on.

pub mod image;

pub mod registry;

//! A docker archive file as a registry.

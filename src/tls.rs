//! Server certificates: loaded, made, reloaded.

//! Blob streams: verified, resumed.

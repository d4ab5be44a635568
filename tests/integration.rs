//! Tests through the crate's public face: one binary, so it is linked once.

#![expect(unreachable_pub, reason = "nothing is outside; `pub` marks what tests may use")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy.toml allows them in tests, but not in what tests call"
)]

mod support;

mod registry_faults;

mod local_images;

mod resolving;

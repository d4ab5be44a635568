//! What the integration tests stand on.

pub mod app;
pub mod docker_registry;
pub mod image;
pub mod process;
pub mod registry;
pub mod reviews;
pub mod samples;
pub mod scrape;
pub mod wait;
pub mod words;

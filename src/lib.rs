//! Plimsoll keeps overloaded and unsafe machine-learning images out of registries and clusters.
//!
//! The path of one image: receive -> resolve -> fetch -> scan -> judge -> answer. The modules
//! stand in reading order.

// The story, and the nouns it is told in.
pub mod inspector;

pub mod model;

// 1. receive
pub mod receive;

pub mod jobs;

// 2. resolve
pub mod resolve;

// 3. fetch
pub mod registry;

// 4. scan (pure)
pub mod scan;

// 5. judge (pure)
pub mod rules;

pub mod policy;

pub mod judge;

// 6. answer (pure)
pub mod answer;

// What stays and what is told.
pub mod store;

pub mod metrics;

pub mod tls;

// Wiring and the command line.
pub mod config;

pub mod serve;

pub mod cli;

mod folders;

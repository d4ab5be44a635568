//! `POST /validate` as the API server sees it: over TLS, with a registry behind it that behaves
//! or does not. What is in an answer, when it comes, what it counts.

mod bad_input;
mod policies;
mod pressure;
mod sharing;
mod verdicts;

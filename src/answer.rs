//! Step 6, answer: a verdict in the words of whoever asked. Pure. Whatever comes from an image
//! passes through [`plain`] before anybody sees it.

pub mod github;
pub mod group;
pub mod json;
pub mod message;
pub mod place;
pub mod plain;

pub mod review;
pub mod sarif;
pub mod table;
pub(crate) mod wrap;

use crate::model::Cause;

/// A size as people read it, in binary units.
pub fn size(bytes: u64) -> String {
    bytesize::ByteSize::b(bytes).display().iec().to_string()
}

/// `1 layer`, `2 layers`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// What the reader can do about something that could not be decided.
pub fn hint(cause: Cause) -> &'static str {
    match cause {
        Cause::RegistryUnreachable => "check that the registry is up and reachable, then try again",
        Cause::RegistryDenied => "check `registries[].credentials` for this registry",
        Cause::NotFound => "check the name, tag and digest, and that the push has ended",
        Cause::RateLimited => "log in to the registry, mirror it, or try again later",
        Cause::Deadline => "try again: the scan goes on, and what was read is remembered",
        Cause::UnlistedRegistry => "ask the operator to add the registry to `registries`",
        Cause::StoreUnavailable => "check the store's disk or database, then try again",
        Cause::Overloaded => "try again later, or raise the limits under `scan` and `admission`",
    }
}

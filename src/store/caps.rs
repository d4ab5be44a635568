//! How much a store keeps. Everything that outsiders can make grow has an end: the oldest rows go,
//! the queue refuses, texts are cut. Nothing here does I/O.

use jiff::Timestamp;

/// Longest body of a dead letter, in bytes: enough for every registry's event with a few images.
pub const LETTER_BODY_BYTES: usize = 64 << 10;
/// Longest reason kept with a job or dead letter, in bytes.
pub const REASON_BYTES: usize = 4 << 10;
/// Largest record in bytes of JSON. A layer of 300,000 entries takes about 10 MiB; SQLite itself
/// ends at 1 GB.
pub const RECORD_BYTES: usize = 256 << 20;

/// Most verdicts or dead letters in one answer, whatever was asked for.
pub const LIST_ROWS: u32 = 1000;

/// How many rows of each kind are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Layers whose facts are kept; the oldest go and are scanned again when asked for.
    pub layers: u32,
    /// Resolved manifests and indexes; the oldest go.
    pub images: u32,
    /// Tags whose digest is remembered; those not seen for longest go. A pipeline that tags every
    /// commit makes new ones without end.
    pub tags: u32,
    /// Verdicts in the log; the oldest go. At about 2 KiB each, 100 MiB.
    pub verdicts: u32,
    /// Dead letters; the oldest go. At most 64 KiB each, 640 MiB if somebody tries.
    pub dead_letters: u32,
    /// Jobs waiting or running. When full, nothing more is accepted: a sender that is told so
    /// tries again later, one whose event was dropped does not.
    pub jobs: u32,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            layers: 200_000,
            images: 200_000,
            tags: 500_000,
            verdicts: 50_000,
            dead_letters: 10_000,
            jobs: 100_000,
        }
    }
}

/// The start of `text`, at most `bytes` long, cut between characters.
pub(super) fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default()
}

/// A time as every store keeps it: cut down to the microsecond, as PostgreSQL does.
pub(super) fn kept(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

/// `now + lease`; the end of time if that is beyond it.
pub(super) fn lease_end(now: Timestamp, lease: std::time::Duration) -> Timestamp {
    now.checked_add(lease).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_below_at_and_above_the_cap_and_between_characters() {
        let table = [
            ("abc", 4, "abc"),
            ("abc", 3, "abc"),
            ("abc", 2, "ab"),
            ("aä", 2, "a"),
            ("aä", 3, "aä"),
            ("ä", 0, ""),
        ];
        for (text, bytes, expected) in table {
            assert_eq!(cut(text, bytes), expected, "{text} {bytes}");
        }
    }

    #[test]
    fn a_lease_cannot_overflow() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(lease_end(now, std::time::Duration::MAX), Timestamp::MAX);
        assert_eq!(lease_end(now, std::time::Duration::from_secs(2)).as_second(), 2);
    }
}

//! Ways to misbehave.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// One way to misbehave.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Answers as it should, and uses up a turn.
    Nothing,
    /// Answers with this status and no challenge.
    Status(u16),
    /// Answers with this status, this header and this body.
    Answer(u16, &'static str, String, String),
    /// Never answers.
    Hang,
    /// Does nothing before this is cancelled; then what the next fault says, or as it should.
    Until(CancellationToken),
    /// Announces the whole body and breaks the connection after so many bytes of it.
    CutAfter(u64),
    /// Announces the whole body and falls silent after so many bytes of it.
    StallAfter(u64),
    /// Sends one byte at a time, this far apart.
    Trickle(Duration),
    /// Sends other bytes of the right length.
    WrongBytes,
    /// Announces and sends only so many bytes.
    Shorter(u64),
    /// Sends only so many bytes, unannounced, and ends as if they were all.
    ShorterChunked(u64),
    /// Announces and sends so many bytes more.
    Longer(u64),
    /// Sends so many bytes more, unannounced.
    LongerChunked(u64),
    /// Answers a range request with everything.
    IgnoreRange,
    /// Answers a range request with a range that claims to begin one byte too early.
    WrongRange,
    /// Redirects to the same path there, with a signature in the query.
    Redirect(String),
    /// Redirects to exactly this address.
    RedirectExactly(String),
    /// Claims this digest.
    ClaimDigest(String),
}

impl Fault {
    /// Whether it holds nothing back any more.
    fn is_over(&self) -> bool {
        matches!(self, Self::Until(released) if released.is_cancelled())
    }
}

/// What is asked of clients.
#[derive(Debug, Clone)]
pub enum Auth {
    /// Nothing.
    None,
    /// User and password with every request.
    Basic(&'static str, &'static str),
    /// A token from `/token`, which wants user and password.
    Token(&'static str, &'static str),
    /// A token from `/token`, which gives one to anybody.
    AnonymousToken,
    /// A token from `/token`, which wants this refresh token.
    RefreshToken(&'static str),
    /// A token from somewhere else.
    Realm(String),
}

#[derive(Default)]
pub(super) struct Faults(Vec<(String, Fault, u32)>);

impl Faults {
    pub(super) fn add(&mut self, part: &str, fault: Fault, times: u32) {
        self.0.push((part.to_owned(), fault, times));
    }

    /// The fault for a request, used up once.
    pub(super) fn take(&mut self, path: &str) -> Option<Fault> {
        let (_, fault, times) = self.0.iter_mut().find(|(part, fault, times)| {
            *times > 0 && path.contains(part.as_str()) && !fault.is_over()
        })?;
        *times = times.saturating_sub(u32::from(*times != u32::MAX));
        Some(fault.clone())
    }
}

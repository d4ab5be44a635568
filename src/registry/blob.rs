//! Downloads of blobs: verified while they stream, resumed where they broke. Bytes that were
//! handed out cannot be taken back, so wrong ones end the stream with an error; a response whose
//! length alone is wrong (a proxy's error page with status 200) is given up for another one.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::header::CONTENT_RANGE;
use reqwest::{Response, StatusCode};
use tokio::time::Instant;

use super::host::{Ask, Host};
use super::request;
use super::retry::{Failure, Patience};
use super::verify::Verifier;
use super::{BlobStream, FetchError};
use crate::model::{Descriptor, Reference};

/// Bytes that must come for the attempts to be counted anew, and within [`Timeouts::document`].
/// A registry that drips a few bytes into each of many connections, or for hours into one, is as
/// good as dead.
///
/// [`Timeouts::document`]: super::Timeouts::document
const MIN_PROGRESS_BYTES: u64 = 64 * 1024;

/// A download in progress.
pub(super) struct Download {
    host: Arc<Host>,
    reference: Reference,
    path: String,
    verifier: Verifier,
    patience: Patience,
    body: Option<Body>,
    /// What `verifier` had seen when the attempts were last counted anew.
    counted_from: u64,
    /// How long the registry has been waited for since. Time that the reader of the blob takes
    /// between chunks is not the registry's.
    waited: Duration,
}

/// One response's body.
struct Body {
    response: Response,
    /// Bytes at its start that are there already, because the registry ignored `Range`.
    skip: u64,
}

impl Download {
    /// Connects; everything that can be refused at once is.
    pub(super) async fn start(
        host: Arc<Host>,
        reference: &Reference,
        blob: &Descriptor,
    ) -> Result<Self, FetchError> {
        let mut download = Self {
            patience: Patience::new(&host.retry),
            host,
            reference: reference.clone(),
            path: format!("blobs/{}", blob.digest),
            verifier: Verifier::new(blob),
            body: None,
            counted_from: 0,
            waited: Duration::ZERO,
        };
        download.connect().await?;
        Ok(download)
    }

    pub(super) fn into_stream(self) -> BlobStream {
        stream::try_unfold(self, |mut download| async move {
            Ok(download.next().await?.map(|chunk| (chunk, download)))
        })
        .into_stream()
        .boxed()
    }

    /// The next bytes; `None` when all were there and were right.
    async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        loop {
            match self.timed_chunk().await {
                Ok(Some(chunk)) => {
                    if chunk.is_empty() {
                        continue;
                    }
                    match self.verifier.take(&chunk) {
                        Ok(()) => self.note_progress(),
                        // Nothing was handed out yet: the next response may be the right one.
                        Err(error) if self.verifier.seen() == 0 => {
                            self.reconnect(Failure::passing(error)).await?;
                            continue;
                        }
                        Err(error) => return Err(error),
                    }
                    return Ok(Some(chunk));
                }
                // All is there: whatever the connection does now does not matter.
                Ok(None) | Err(_) if self.verifier.is_full() => {
                    return self.verifier.finish().map(|()| None);
                }
                Ok(None) => self.reconnect(self.broken_off()).await?,
                Err(failure) => self.reconnect(failure).await?,
            }
        }
    }

    /// The next chunk of this connection, if it does not trickle.
    async fn timed_chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        let started = Instant::now();
        let chunk = self.chunk().await;
        self.waited = self.waited.saturating_add(started.elapsed());
        if self.waited <= self.host.timeouts.document || self.verifier.is_full() {
            return chunk;
        }
        let text = self.ask().subject().text("too slow");
        Err(Failure::passing(FetchError::Unreachable(text)))
    }

    /// The next chunk of this connection, without what is there already.
    async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        let subject = self.ask().subject();
        let Some(body) = &mut self.body else { return Ok(None) };
        let chunk = request::next_chunk(&mut body.response, &subject, &*self.host.observer).await?;
        let Some(mut chunk) = chunk else { return Ok(None) };
        let known = usize::try_from(body.skip).unwrap_or(usize::MAX).min(chunk.len());
        chunk.advance(known);
        body.skip = body.skip.saturating_sub(u64::try_from(known).unwrap_or(u64::MAX));
        Ok(Some(chunk))
    }

    fn note_progress(&mut self) {
        if self.verifier.seen().saturating_sub(self.counted_from) >= MIN_PROGRESS_BYTES {
            self.counted_from = self.verifier.seen();
            self.waited = Duration::ZERO;
            self.patience.renew();
        }
    }

    async fn reconnect(&mut self, failure: Failure) -> Result<(), FetchError> {
        self.body = None;
        self.waited = Duration::ZERO;
        self.patience.wait(failure).await?;
        self.connect().await
    }

    async fn connect(&mut self) -> Result<(), FetchError> {
        loop {
            let opened = match self.host.get(&self.ask()).await {
                Ok(response) => self.accept(response),
                // The registry holds fewer bytes than the descriptor says.
                Err(Failure { status: Some(416), .. }) if self.verifier.seen() > 0 => {
                    return Err(self.verifier.mismatch("shorter than its descriptor says"));
                }
                Err(failure) => Err(failure),
            };
            match opened {
                Ok(body) => {
                    self.body = Some(body);
                    return Ok(());
                }
                Err(failure) => self.patience.wait(failure).await?,
            }
        }
    }

    /// Looks at a response's status and headers: does it carry what is missing? One that does not
    /// may be somebody else's, so it counts as an attempt and not as the registry's last word.
    fn accept(&self, response: Response) -> Result<Body, Failure> {
        let seen = self.verifier.seen();
        let is_partial = response.status() == StatusCode::PARTIAL_CONTENT;
        if is_partial && range_start(&response) != Some(seen) {
            let text = self.ask().subject().text("another range than asked for");
            return Err(Failure::passing(FetchError::Unreachable(text)));
        }
        let skip = if is_partial { 0 } else { seen };
        let missing = self.verifier.size().saturating_sub(seen).saturating_add(skip);
        let wrong = match response.content_length() {
            Some(length) if length > missing => "longer than its descriptor says",
            Some(length) if length < missing => "shorter than its descriptor says",
            _ => return Ok(Body { response, skip }),
        };
        Err(Failure::passing(self.verifier.mismatch(wrong)))
    }

    fn ask(&self) -> Ask<'_> {
        Ask {
            from: self.verifier.seen(),
            is_document: false,
            ..Ask::document(&self.reference, &self.path)
        }
    }

    /// A body of unannounced length that ended early. It shows nothing about the blob: proxies
    /// end bodies like that when their own connection breaks. If the registry has no more, it
    /// says so with 416.
    fn broken_off(&self) -> Failure {
        let text = self.ask().subject().text("ended early");
        Failure::passing(FetchError::Unreachable(text))
    }
}

/// First byte of a `Content-Range: bytes 5-9/10`.
fn range_start(response: &Response) -> Option<u64> {
    let value = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    value.trim().strip_prefix("bytes")?.trim_start().split_once('-')?.0.trim().parse().ok()
}

//! One blob on its way to facts: an async task feeds a bounded channel, one thread decompresses,
//! another walks the archive and looks. All in bounded memory, whatever the blob's size.

use std::io::{self, BufRead, Read};
use std::ops::ControlFlow;

use bytes::{Buf as _, Bytes};
use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::model::{Descriptor, Fact, LayerFacts};
use crate::registry::{BlobStream, FetchError};
use crate::scan::decompress::Decoder;
use crate::scan::seams::Seams;
use crate::scan::{LayerScan, Limits, Observer, ScanError, SourceFailure};

/// Chunks in flight between network and decompressor. A chunk is what one read of the socket
/// gave, at most some hundred KiB: an early refusal must not have read megabytes ahead.
const STORED_CHUNKS: usize = 4;
/// Plain buffers in flight between decompressor and archive walk, and the size of each.
const PLAIN_BUFFERS: usize = 4;
const PLAIN_BUFFER_BYTES: usize = 256 * 1024;

/// Called with all facts of the layer so far and the index of the first new one, in the scanning
/// thread. `Break` ends the scan.
pub(super) type OnFacts = Box<dyn FnMut(&[Fact], usize) -> ControlFlow<()> + Send>;

/// Why a layer has no facts.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The registry failed.
    Fetch(FetchError),
    /// Nobody wants to know any more.
    Stopped,
}

/// Reads, verifies and scans one blob.
pub(super) async fn read_layer(
    stream: BlobStream,
    blob: Descriptor,
    limits: Limits,
    on_facts: OnFacts,
    cancel: CancellationToken,
) -> Result<LayerFacts, ReadError> {
    let (stored_in, stored_out) = mpsc::channel(STORED_CHUNKS);
    let (plain_in, plain_out) = mpsc::channel(PLAIN_BUFFERS);
    let (used_in, used_out) = mpsc::channel(PLAIN_BUFFERS);
    let feed = feed(stream, stored_in, cancel.clone());
    let (decode_limits, seams) = (limits.clone(), Seams::default());
    let decode_seams = seams.clone();
    let decode = tokio::task::spawn_blocking(move || {
        let stored = Stored { chunks: stored_out, current: Bytes::new(), ended: false };
        decode(stored, Buffers { full: plain_in, used: used_out }, &decode_limits, &decode_seams)
    });
    let scan = tokio::task::spawn_blocking(move || {
        let mut observer = Told(on_facts);
        let plain = Plain { buffers: plain_out, used: used_in, current: Vec::new(), at: 0 };
        let scan = LayerScan::new(&blob.digest, blob.size, &limits, &mut observer);
        let scanned = scan.over(seams).read_archive(plain);
        if matches!(scanned, Err(ScanError::Stopped)) {
            // Nobody needs the rest: it must not even be drained.
            cancel.cancel();
        }
        scanned
    });
    let (moved, decoded, scanned) = tokio::join!(feed, decode, scan);
    match (moved, decoded, scanned) {
        (_, _, Ok(Err(ScanError::Stopped))) | (Err(ReadError::Stopped), _, _) => {
            Err(ReadError::Stopped)
        }
        (Err(error), _, _) => Err(error),
        (Ok(()), Ok(Ok(())), Ok(Ok(facts))) => Ok(facts),
        (Ok(()), _, _) => Err(broke_off()),
    }
}

/// A stage ended without a word. Only a bug in it can do that; nothing follows for the image.
fn broke_off() -> ReadError {
    ReadError::Fetch(FetchError::Unreachable("the scan of a layer broke off".into()))
}

/// Moves the stream into the channel, until its end or until nobody wants to know.
async fn feed(
    mut stream: BlobStream,
    chunks: mpsc::Sender<Option<Bytes>>,
    cancel: CancellationToken,
) -> Result<(), ReadError> {
    let moved = async {
        loop {
            let chunk = stream.next().await.transpose().map_err(ReadError::Fetch)?;
            let is_last = chunk.is_none();
            chunks.send(chunk).await.map_err(|_| broke_off())?;
            if is_last {
                return Ok(());
            }
        }
    };
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(ReadError::Stopped),
        moved = moved => moved,
    }
}

/// The decompressing thread's end of the bridge to the scan.
struct Buffers {
    full: mpsc::Sender<io::Result<Vec<u8>>>,
    /// Come back from the scan to be filled again: new ones would have to be zeroed, gigabytes
    /// over a layer.
    used: mpsc::Receiver<Vec<u8>>,
}

impl Buffers {
    /// As many plain bytes as fit, and the error that ended them. An empty buffer is the end.
    fn fill(&mut self, decoder: &mut impl Read) -> (Vec<u8>, io::Result<()>) {
        let mut buffer = self.used.try_recv().unwrap_or_default();
        buffer.resize(PLAIN_BUFFER_BYTES, 0);
        let mut filled = 0;
        let mut outcome = Ok(());
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match decoder.read(rest) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        buffer.truncate(filled);
        (buffer, outcome)
    }
}

/// Decompresses into buffers, then drains the source so that the feed sees (and the stream
/// verifies) every byte of the blob, also where nobody wants the plain ones any more.
fn decode(stored: Stored, mut buffers: Buffers, limits: &Limits, seams: &Seams) -> io::Result<()> {
    let mut decoder = match Decoder::new(stored, limits, seams) {
        Ok(decoder) => decoder,
        Err(error) => {
            let copy = io::Error::new(error.kind(), SourceFailure(error.to_string().into()));
            // The scan learns it too; when it has gone there is nobody left to tell.
            let _ = buffers.full.blocking_send(Err(copy));
            return Err(error);
        }
    };
    loop {
        let (buffer, outcome) = buffers.fill(&mut decoder);
        let is_last = buffer.is_empty() || outcome.is_err();
        // What came before an error is still content to be looked at; the error comes next. It
        // must not get lost: a decompressor that is asked again just ends, and a wrong checksum
        // or a lie about sizes would look like a good layer.
        let told = buffers.full.blocking_send(Ok(buffer)).and_then(|()| match outcome {
            Ok(()) => Ok(()),
            Err(error) => buffers.full.blocking_send(Err(error)),
        });
        if told.is_err() || is_last {
            break;
        }
    }
    // The scan need not wait for the rest to be drained.
    drop(buffers);
    match decoder.into_source() {
        Some(mut rest) => io::copy(&mut rest, &mut io::sink()).map(drop),
        None => Ok(()),
    }
}

/// The stored bytes as a reader, for the decompressing thread. They are read where the network
/// put them.
struct Stored {
    chunks: mpsc::Receiver<Option<Bytes>>,
    current: Bytes,
    ended: bool,
}

impl BufRead for Stored {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.current.is_empty() && !self.ended {
            match self.chunks.blocking_recv() {
                Some(Some(chunk)) => self.current = chunk,
                Some(None) => self.ended = true,
                None => {
                    return Err(io::Error::other(SourceFailure("the download broke off".into())));
                }
            }
        }
        Ok(&self.current)
    }

    fn consume(&mut self, count: usize) {
        self.current.advance(count.min(self.current.len()));
    }
}

impl Read for Stored {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        read_ahead(self, buffer)
    }
}

/// Copies out of what a reader holds anyway.
fn read_ahead(reader: &mut impl BufRead, buffer: &mut [u8]) -> io::Result<usize> {
    let mut ahead = reader.fill_buf()?;
    let count = ahead.read(buffer)?;
    reader.consume(count);
    Ok(count)
}

/// The plain bytes as a reader, for the scanning thread.
struct Plain {
    buffers: mpsc::Receiver<io::Result<Vec<u8>>>,
    /// Where buffers go that were read.
    used: mpsc::Sender<Vec<u8>>,
    current: Vec<u8>,
    at: usize,
}

impl BufRead for Plain {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at >= self.current.len() {
            self.at = 0;
            // One that does not fit, or that nobody takes, is freed.
            let _ = self.used.try_send(std::mem::take(&mut self.current));
            self.current = match self.buffers.blocking_recv() {
                // Nothing came before an error, which comes next.
                Some(Ok(buffer)) if buffer.is_empty() => {
                    self.buffers.blocking_recv().transpose()?.unwrap_or_default()
                }
                Some(buffer) => buffer?,
                None => Vec::new(),
            };
        }
        Ok(self.current.get(self.at..).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.at += count;
    }
}

impl Read for Plain {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        read_ahead(self, buffer)
    }
}

struct Told(OnFacts);

impl Observer for Told {
    fn observe(&mut self, layer: &LayerFacts, known: usize) -> ControlFlow<()> {
        (self.0)(&layer.facts, known)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use futures_util::stream;

    use super::*;
    use crate::model::Digest;

    static JUNK: &[u8] = &[0xff; 65_536];

    fn blob() -> Descriptor {
        serde_json::from_value(serde_json::json!({"digest": Digest::of(b"x"), "size": 9})).unwrap()
    }

    fn whole() -> OnFacts {
        Box::new(|_, _| ControlFlow::Continue(()))
    }

    async fn read(stream: BlobStream, on_facts: OnFacts) -> Result<LayerFacts, ReadError> {
        read_layer(stream, blob(), Limits::default(), on_facts, CancellationToken::new()).await
    }

    /// A stream that counts how much of it was taken.
    fn counted(chunk: &'static [u8], chunks: usize, taken: &Arc<AtomicU64>) -> BlobStream {
        let taken = Arc::clone(taken);
        stream::iter(0..chunks)
            .map(move |_| {
                taken.fetch_add(chunk.len().try_into().unwrap(), Ordering::SeqCst);
                Ok(Bytes::from_static(chunk))
            })
            .boxed()
    }

    #[tokio::test]
    async fn an_archive_becomes_facts() {
        let facts = read(stream::iter([Ok(Bytes::from_static(&[0; 1024]))]).boxed(), whole()).await;
        assert!(facts.unwrap().whole);
    }

    /// More than all buffers together, and no two parts alike.
    fn archive() -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for number in 0..100_u32 {
            let size = 20_000 + number * 77;
            let content: Vec<u8> = (0..size).flat_map(|at| (at * number).to_le_bytes()).collect();
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len().try_into().unwrap());
            header.set_cksum();
            archive.append_data(&mut header, format!("file-{number}"), &content[..]).unwrap();
        }
        archive.into_inner().unwrap()
    }

    #[tokio::test]
    async fn facts_are_those_of_a_scan_in_one_piece() {
        let plain = archive();
        assert!(plain.len() > 2 * PLAIN_BUFFERS * PLAIN_BUFFER_BYTES);
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::Write::write_all(&mut encoder, &plain).unwrap();
        for stored in [plain, encoder.finish().unwrap()] {
            let limits = Limits::default();
            let mut all = crate::scan::ReadAll;
            let at_once = crate::scan::scan_layer(
                &stored[..],
                &blob().digest,
                blob().size,
                &limits,
                &mut all,
            );
            for piece in [1009, 300_000] {
                let chunks: Vec<_> =
                    stored.chunks(piece).map(Bytes::copy_from_slice).map(Ok).collect();
                let facts = read(stream::iter(chunks).boxed(), whole()).await.unwrap();
                assert_eq!(facts, *at_once.as_ref().unwrap());
                assert_eq!(facts.listing.iter().count(), 100);
            }
        }
    }

    #[test]
    fn a_used_buffer_shows_nothing_of_what_it_held() {
        let (full, _) = mpsc::channel(1);
        let (used_in, used) = mpsc::channel(2);
        used_in.try_send(vec![9; PLAIN_BUFFER_BYTES]).unwrap();
        used_in.try_send(vec![9; 5]).unwrap();
        let mut buffers = Buffers { full, used };
        let bytes = vec![7; PLAIN_BUFFER_BYTES + 3];
        let mut source = bytes.as_slice();
        assert_eq!(buffers.fill(&mut source).0, bytes[..PLAIN_BUFFER_BYTES]);
        assert_eq!(buffers.fill(&mut source).0, [7; 3]);
        assert!(buffers.fill(&mut source).0.is_empty());
    }

    #[tokio::test]
    async fn damaged_content_is_drained_so_that_the_stream_can_verify() {
        let taken = Arc::default();
        let facts = read(counted(JUNK, 100, &taken), whole()).await.unwrap();
        assert_eq!(facts.facts.len(), 1);
        assert_eq!(taken.load(Ordering::SeqCst), 6_553_600);
    }

    #[tokio::test]
    async fn an_error_behind_content_is_not_lost() {
        use std::io::Write as _;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&[0; 1024]).unwrap();
        let mut wrong_sum = encoder.finish().unwrap();
        let at = wrong_sum.len() - 8;
        wrong_sum[at] ^= 1;
        let facts = read(stream::iter([Ok(Bytes::from(wrong_sum))]).boxed(), whole()).await;
        let facts = facts.unwrap().facts;
        assert_eq!((facts.len(), facts[0].kind.as_str()), (1, "decompression-failed"));
    }

    #[tokio::test]
    async fn a_failure_at_the_very_end_voids_all_facts() {
        let mismatch = stream::iter([
            Ok(Bytes::from_static(&[0; 1024])),
            Err(FetchError::Mismatch("sha256".into())),
        ]);
        let result = read(mismatch.boxed(), whole()).await;
        assert!(matches!(result, Err(ReadError::Fetch(FetchError::Mismatch(_)))));
    }

    #[tokio::test]
    async fn stopping_stops_the_download_at_once() {
        let taken = Arc::default();
        let stop: OnFacts = Box::new(|_, _| ControlFlow::Break(()));
        let result = read(counted(JUNK, 10_000, &taken), stop).await;
        assert!(matches!(result, Err(ReadError::Stopped)));
        assert!(taken.load(Ordering::SeqCst) < 4 << 20);
    }
}

//! Zstandard frames, told apart by their headers (RFC 8878 section 3). The decoder gets every
//! byte of the frames that hold data. Skippable frames it gets empty: their content is kept or
//! counted here, because zstd:chunked has its index there and anything else may hide there.

use std::io::{self, BufRead, Read};

use super::super::seams::Seams;
use super::ContentDefect;
use crate::rules::unreadable_layer::Defect;

const FRAME: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Low half-byte free.
const SKIPPABLE: [u8; 3] = [0x2a, 0x4d, 0x18];
/// Magic, descriptor, window, dictionary, content size.
const MAX_HEADER: usize = 18;
const BLOCK_HEADER: usize = 3;
const CHECKSUM: u64 = 4;

/// Hands out a blob's frames, noting where each begins.
pub(super) struct Frames<R> {
    source: R,
    seams: Seams,
    /// Position in the blob.
    position: u64,
    /// A header that was read and not yet handed out.
    header: Vec<u8>,
    handed_out: usize,
    /// Bytes behind it that go out as they are.
    body: u64,
    next: Next,
    /// How many frames there were, skippable ones too.
    begun: u64,
    /// Plain position at which the current frame began, and what it says to unpack to.
    open: Option<(u64, u64)>,
}

/// What comes behind the body.
#[derive(Clone, Copy)]
enum Next {
    Frame,
    Block {
        has_checksum: bool,
    },
    /// Nothing that is known: the decoder has to say what is wrong.
    Unknown,
}

impl<R: BufRead> Frames<R> {
    pub(super) fn new(source: R, seams: &Seams) -> Self {
        Self {
            source,
            seams: seams.clone(),
            position: 0,
            header: Vec::with_capacity(MAX_HEADER),
            handed_out: 0,
            body: 0,
            next: Next::Frame,
            begun: 0,
            open: None,
        }
    }

    pub(super) fn source(&self) -> &R {
        &self.source
    }

    pub(super) fn into_source(self) -> R {
        self.source
    }

    /// Reads the next header. Nothing is there to hand out afterwards only at the end.
    fn advance(&mut self) -> io::Result<()> {
        self.header.clear();
        self.handed_out = 0;
        match self.next {
            Next::Frame => self.frame(),
            Next::Block { has_checksum } => self.block(has_checksum),
            Next::Unknown => {
                self.body = u64::MAX;
                Ok(())
            }
        }
    }

    fn frame(&mut self) -> io::Result<()> {
        self.close()?;
        let start = self.position;
        self.read_header(FRAME.len())?;
        self.begun += u64::from(!self.header.is_empty());
        if super::is_flood(self.begun, self.seams.plain()) {
            let detail = format!("{} zstd frames with hardly any content", self.begun);
            return Err(ContentDefect::error(Defect::BombRatio, detail));
        }
        match self.header.as_slice() {
            [first, rest @ ..] if *rest == SKIPPABLE && first & 0xf0 == 0x50 => self.skippable(),
            magic if magic == FRAME => {
                self.seams.begin(start);
                self.read_header(1)?;
                let descriptor = self.header.last().copied().unwrap_or_default();
                let (others, size) = lengths(descriptor);
                self.read_header(others)?;
                self.read_header(size)?;
                let said = self.header.get(self.header.len().saturating_sub(size)..);
                self.open = said.and_then(content_size).map(|size| (self.seams.plain(), size));
                self.next = Next::Block { has_checksum: descriptor & 4 != 0 };
                Ok(())
            }
            _ => {
                self.next = Next::Unknown;
                Ok(())
            }
        }
    }

    /// Behind a frame. The library asks for its size only where its last block has content; Go's
    /// reader always does.
    fn close(&mut self) -> io::Result<()> {
        match self.open.take() {
            Some((start, said)) if self.seams.plain().checked_sub(start) != Some(said) => {
                let detail = "a zstd frame of another size than it says";
                Err(ContentDefect::error(Defect::DecompressionFailed, detail))
            }
            _ => Ok(()),
        }
    }

    fn block(&mut self, has_checksum: bool) -> io::Result<()> {
        self.read_header(BLOCK_HEADER)?;
        let [low, middle, high] = *self.header.as_slice() else {
            self.next = Next::Unknown;
            return Ok(());
        };
        let header = u32::from_le_bytes([low, middle, high, 0]);
        let (is_last, kind, size) = (header & 1 == 1, (header >> 1) & 3, header >> 3);
        // A run-length block has one byte, whatever it unpacks to.
        self.body = if kind == 1 { 1 } else { u64::from(size) };
        if is_last {
            self.body += if has_checksum { CHECKSUM } else { 0 };
            self.next = Next::Frame;
        }
        Ok(())
    }

    /// Takes a skippable frame's content away; the decoder gets the header with no length.
    fn skippable(&mut self) -> io::Result<()> {
        self.read_header(4)?;
        let Some(&[a, b, c, d]) = self.header.get(4..) else {
            return Ok(());
        };
        let length = u32::from_le_bytes([a, b, c, d]);
        self.header.truncate(FRAME.len());
        self.header.extend_from_slice(&[0; 4]);
        let mut content = self.source.by_ref().take(u64::from(length));
        // Not by what happens to be buffered: the outcome must not hang on how bytes arrive.
        let mut bytes = Vec::new();
        content.by_ref().take(4).read_to_end(&mut bytes)?;
        let room = usize::try_from(length).ok().filter(|length| self.seams.may_keep(*length));
        let taken = if bytes == FRAME && room.is_some() {
            content.read_to_end(&mut bytes)?;
            let taken = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            self.seams.keep(bytes);
            taken
        } else {
            let start = u64::try_from(bytes.len()).unwrap_or(0);
            let taken = io::copy(&mut content, &mut io::sink())?.saturating_add(start);
            self.seams.hide(taken);
            taken
        };
        self.position += taken;
        if taken < u64::from(length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    /// Adds up to `count` bytes to the header; fewer at the end of the blob.
    fn read_header(&mut self, count: usize) -> io::Result<()> {
        let most = u64::try_from(count).unwrap_or(u64::MAX);
        let read = self.source.by_ref().take(most).read_to_end(&mut self.header)?;
        self.position += u64::try_from(read).unwrap_or(0);
        Ok(())
    }
}

/// Bytes of a frame header behind its descriptor: window and dictionary, then the content's size.
fn lengths(descriptor: u8) -> (usize, usize) {
    let is_single_segment = descriptor & 0x20 != 0;
    let window = usize::from(!is_single_segment);
    let dictionary = match descriptor & 3 {
        0 => 0,
        1 => 1,
        2 => 2,
        _ => 4,
    };
    let size = match descriptor >> 6 {
        0 => usize::from(is_single_segment),
        1 => 2,
        2 => 4,
        _ => 8,
    };
    (window + dictionary, size)
}

/// The size in a frame header; `None` when it has none.
fn content_size(field: &[u8]) -> Option<u64> {
    let mut bytes = [0; 8];
    bytes.get_mut(..field.len())?.copy_from_slice(field);
    let number = u64::from_le_bytes(bytes);
    match field.len() {
        0 => None,
        2 => Some(number + 256),
        _ => Some(number),
    }
}

impl<R: BufRead> BufRead for Frames<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.handed_out >= self.header.len() && self.body == 0 {
            self.advance()?;
        }
        if let Some(header) = self.header.get(self.handed_out..).filter(|rest| !rest.is_empty()) {
            return Ok(header);
        }
        let ahead = self.source.fill_buf()?;
        let most = usize::try_from(self.body).unwrap_or(usize::MAX).min(ahead.len());
        Ok(ahead.get(..most).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        let header = count.min(self.header.len().saturating_sub(self.handed_out));
        self.handed_out += header;
        let body = count - header;
        if body > 0 {
            self.source.consume(body);
            let body = u64::try_from(body).unwrap_or(u64::MAX);
            self.position = self.position.saturating_add(body);
            self.body = self.body.saturating_sub(body);
        }
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ahead = self.fill_buf()?;
        let count = ahead.len().min(buffer.len());
        if let (Some(room), Some(bytes)) = (buffer.get_mut(..count), ahead.get(..count)) {
            room.copy_from_slice(bytes);
        }
        self.consume(count);
        Ok(count)
    }
}

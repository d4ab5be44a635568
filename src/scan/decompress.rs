//! The compressed bytes of a layer as plain ones. The format is told by magic bytes and never by
//! media type, as containerd does. Gzip may have many members (eStargz always has); what follows
//! the last one must be zeros. Caps on size and ratio stop decompression bombs here, before
//! anything downstream sees them.

mod frames;

use std::io::{self, BufRead, Chain, Cursor, Read};

use flate2::GzHeader;
use flate2::bufread::GzDecoder;

use self::frames::Frames;
use super::entries::begins_archive;
use super::seams::Seams;
use super::{Limits, SourceFailure};
use crate::rules::unreadable_layer::Defect;

/// Largest zstd window, as a power of two: 64 MiB are allocated at a frame's word. Builders stay
/// below 8 MiB; only `zstd --long` and `--ultra` go higher.
pub(super) const WINDOW_LOG_MAX: u32 = 26;

/// Bytes that tell how a blob is compressed: bzip2 has the longest start that no file name has.
const MAGIC_BYTES: usize = 10;
/// Bytes that tell a blob from an archive that is not compressed: its first block.
const HEAD_BYTES: usize = 512;
/// Gzip members, or zstd frames, that may be empty; eStargz has one, a careless writer some.
const FREE_MEMBERS: u64 = 10_000;
/// Least plain bytes per member or frame beyond: every file's header takes 512.
const LEAST_MEMBER_BYTES: u64 = 128;
/// Longest field of a gzip header that is what it should be: a name, a block size, a footer.
const HONEST_FIELD_BYTES: usize = 64;

/// What the *bytes* of a layer do wrong, carried through `io::Error`.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct ContentDefect {
    /// The kind of damage.
    pub defect: Defect,
    /// Particulars for people.
    pub detail: String,
}

impl ContentDefect {
    /// The defect as an `io::Error`, to travel through readers.
    pub fn error(defect: Defect, detail: impl Into<String>) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, Self { defect, detail: detail.into() })
    }
}

/// A failed read: of the source, or because of what the bytes say.
#[derive(Debug)]
pub enum Failure {
    /// The source failed; nothing follows for the image.
    Source(io::Error),
    /// The content is damaged or hostile.
    Content(ContentDefect),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if has_cause::<SourceFailure>(&error) {
            return Self::Source(error);
        }
        let detail = error.to_string();
        let defect = if error.kind() == io::ErrorKind::UnexpectedEof {
            Defect::Truncated
        } else {
            Defect::DecompressionFailed
        };
        match error.downcast::<ContentDefect>() {
            Ok(content) => Self::Content(content),
            Err(_) => Self::Content(ContentDefect { defect, detail }),
        }
    }
}

/// Whether an error of type `T` is among the causes of `error`.
fn has_cause<T: std::error::Error + 'static>(error: &io::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = match error.get_ref() {
        Some(inner) => Some(inner),
        None => None,
    };
    while let Some(error) = cause {
        if error.is::<T>() {
            return true;
        }
        // An io::Error inside an error hides its own inner error from `source`.
        if let Some(io) = error.downcast_ref::<io::Error>()
            && has_cause::<T>(io)
        {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Source with the sniffed bytes put back. Read in place: nothing is copied on the way in.
type Input<R> = Counted<Chain<Cursor<Vec<u8>>, R>>;

struct Counted<R> {
    inner: R,
    count: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count += u64::try_from(count).unwrap_or(u64::MAX);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.inner.consume(count);
        self.count += u64::try_from(count).unwrap_or(u64::MAX);
    }
}

enum Format<R: BufRead> {
    Plain(Input<R>),
    Gzip(Box<GzDecoder<Input<R>>>),
    Zstd(Box<zstd::stream::read::Decoder<'static, Frames<Input<R>>>>),
    /// What readers take for different things, or only some can read.
    Refused(Input<R>, Defect, &'static str),
    /// Between two gzip members, or ended.
    Moved,
}

/// Reads a layer's plain bytes out of its stored ones.
pub struct Decoder<R: BufRead> {
    format: Format<R>,
    limits: Limits,
    seams: Seams,
    produced: u64,
    /// Gzip members behind the first one.
    members: u64,
    ended: bool,
}

impl<R: BufRead> Decoder<R> {
    /// Looks at the first bytes of `source` to choose the format. What only it sees goes to
    /// `seams`.
    pub fn new(mut source: R, limits: &Limits, seams: &Seams) -> io::Result<Self> {
        let mut head = Vec::with_capacity(HEAD_BYTES);
        let most = u64::try_from(HEAD_BYTES).unwrap_or(u64::MAX);
        source.by_ref().take(most).read_to_end(&mut head)?;
        let compression = Compression::sniff(&head);
        // A name may be a magic number: who knows that one decompresses, who does not unpacks.
        let is_both = compression != Compression::None && begins_archive(&head);
        let input = Counted { inner: Cursor::new(head).chain(source), count: 0 };
        let format = match compression {
            Compression::None => Format::Plain(input),
            Compression::Other(method) => {
                Format::Refused(input, Defect::UnknownCompression, method)
            }
            Compression::Gzip | Compression::Zstd if is_both => {
                Format::Refused(input, Defect::AmbiguousEntry, "compressed, and an archive too")
            }
            Compression::Gzip => {
                seams.begin(0);
                Format::Gzip(Box::new(GzDecoder::new(input)))
            }
            Compression::Zstd => {
                let frames = Frames::new(input, seams);
                let mut decoder = zstd::stream::read::Decoder::with_buffer(frames)?;
                decoder.window_log_max(WINDOW_LOG_MAX)?;
                Format::Zstd(Box::new(decoder))
            }
        };
        let (limits, seams) = (limits.clone(), seams.clone());
        Ok(Self { format, limits, seams, produced: 0, members: 0, ended: false })
    }

    /// Gives the rest of the source back, to be drained so that its digest can be verified.
    pub fn into_source(self) -> Option<impl Read> {
        match self.format {
            Format::Plain(input) | Format::Refused(input, ..) => Some(input),
            Format::Gzip(decoder) => Some(decoder.into_inner()),
            Format::Zstd(decoder) => Some(decoder.finish().into_source()),
            Format::Moved => None,
        }
    }

    fn consumed(&self) -> u64 {
        match &self.format {
            Format::Plain(input) | Format::Refused(input, ..) => input.count,
            Format::Gzip(decoder) => decoder.get_ref().count,
            Format::Zstd(decoder) => decoder.get_ref().source().count,
            Format::Moved => 0,
        }
    }

    /// Goes on to the next gzip member. `false` at the end of the source.
    fn next_member(&mut self) -> io::Result<bool> {
        let Format::Gzip(decoder) = std::mem::replace(&mut self.format, Format::Moved) else {
            return Ok(false);
        };
        let header = decoder.header().cloned();
        let mut input = decoder.into_inner();
        let outcome = self.between_members(header.as_ref(), &mut input);
        self.format = match outcome {
            Ok(true) => Format::Gzip(Box::new(GzDecoder::new(input))),
            Ok(false) | Err(_) => Format::Plain(input),
        };
        outcome
    }

    /// What a member's header hides, whether another one follows, and whether that is still sane.
    fn between_members(
        &mut self,
        header: Option<&GzHeader>,
        input: &mut Input<R>,
    ) -> io::Result<bool> {
        if let Some(header) = header {
            note_header(header, &self.seams);
        }
        if !at_member(input)? {
            return Ok(false);
        }
        self.members += 1;
        if is_flood(self.members, self.produced) {
            let members = self.members;
            let detail = format!("{members} gzip members with hardly any content");
            return Err(ContentDefect::error(Defect::BombRatio, detail));
        }
        self.seams.begin(input.count);
        Ok(true)
    }

    fn check_caps(&mut self, count: usize) -> io::Result<()> {
        self.produced = self.produced.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        self.seams.produced(self.produced);
        if self.produced > self.limits.unpacked_bytes {
            let limit = crate::answer::size(self.limits.unpacked_bytes);
            return Err(ContentDefect::error(
                Defect::TooManyBytes,
                format!("unpacks to more than {limit}"),
            ));
        }
        if self.produced > self.limits.ratio_from_bytes
            && self.produced / self.consumed().max(1) > self.limits.ratio
        {
            let ratio = self.limits.ratio;
            return Err(ContentDefect::error(
                Defect::BombRatio,
                format!("unpacks to more than {ratio} times its size"),
            ));
        }
        Ok(())
    }
}

/// The library's words for a window over the cap say nothing of a window.
fn named_window(error: io::Error) -> io::Error {
    if !error.to_string().contains("requires too much memory") {
        return error;
    }
    let limit = crate::answer::size(1 << WINDOW_LOG_MAX);
    ContentDefect::error(
        Defect::DecompressionFailed,
        format!("zstd window larger than {limit} (hint: compress without `--long`)"),
    )
}

/// Whether so many members or frames hold hardly any content: a flood of empty ones keeps a
/// processor busy at ten bytes each.
fn is_flood(members: u64, produced: u64) -> bool {
    members > FREE_MEMBERS && produced / members < LEAST_MEMBER_BYTES
}

/// Whether another gzip member follows. Zeros up to the end are padding (as gzip(1) has it);
/// anything else could be read by one reader and ignored by another.
fn at_member<R: BufRead>(input: &mut Input<R>) -> io::Result<bool> {
    let mut padded = false;
    loop {
        let ahead = input.fill_buf()?;
        match ahead.first() {
            None => return Ok(false),
            Some(0x1f) if !padded => return Ok(true),
            Some(0) => {
                padded = true;
                let zeros = ahead.iter().take_while(|byte| **byte == 0).count();
                input.consume(zeros);
            }
            Some(_) => {
                return Err(ContentDefect::error(
                    Defect::TrailingData,
                    "bytes follow the compressed data",
                ));
            }
        }
    }
}

impl<R: BufRead> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ended || buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let count = match &mut self.format {
                Format::Plain(input) => input.read(buffer),
                Format::Refused(_, defect, detail) => Err(ContentDefect::error(*defect, *detail)),
                Format::Gzip(decoder) => decoder.read(buffer),
                Format::Zstd(decoder) => decoder.read(buffer).map_err(named_window),
                Format::Moved => Ok(0),
            }?;
            if count > 0 {
                self.check_caps(count)?;
                return Ok(count);
            }
            if !matches!(self.format, Format::Gzip(_)) || !self.next_member()? {
                self.ended = true;
                return Ok(0);
            }
        }
    }
}

/// Notes what a gzip header says besides: the footer of eStargz, or bytes of somebody's own.
fn note_header(header: &GzHeader, seams: &Seams) {
    let extra = header.extra().unwrap_or_default();
    if let Some(place) = extra.strip_suffix(b"STARGZ")
        && let Some((_, digits)) = place.split_last_chunk::<16>()
        && let Ok(digits) = std::str::from_utf8(digits)
        && let Ok(place) = u64::from_str_radix(digits, 16)
    {
        seams.footer(place);
    }
    let fields = [Some(extra), header.filename(), header.comment()];
    let beyond = |field: &[u8]| field.len().saturating_sub(HONEST_FIELD_BYTES);
    let hidden: usize = fields.into_iter().flatten().map(beyond).sum();
    seams.hide(u64::try_from(hidden).unwrap_or(u64::MAX));
}

/// How a blob is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all, as far as magic bytes tell.
    None,
    /// Gzip, RFC 1952.
    Gzip,
    /// Zstandard, RFC 8878, or one of its skippable frames.
    Zstd,
    /// A method by its name that some runtimes read and containerd does not. What is a tar archive
    /// to containerd may be a valid stream to Docker at the same time, so it is not read at all.
    Other(&'static str),
}

impl Compression {
    /// Tells by the first ten bytes.
    pub fn sniff(head: &[u8]) -> Self {
        match head.get(..MAGIC_BYTES).unwrap_or(head) {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A', b'Y', b'&', b'S', b'Y']
            | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90] => {
                Self::Other("bzip2")
            }
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Other("xz"),
            [0x04, 0x22, 0x4d, 0x18, ..] => Self::Other("lz4"),
            _ => Self::None,
        }
    }
}

#[cfg(test)]
mod tests;

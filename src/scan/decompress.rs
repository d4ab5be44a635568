//! The compressed bytes of a layer as plain ones. The format is told by magic bytes and never by
//! media type, as containerd does. Gzip may have many members (eStargz always has); what follows
//! the last one must be zeros. Caps on size and ratio stop decompression bombs here, before
//! anything downstream sees them.

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use flate2::bufread::GzDecoder;

use super::{Limits, SourceFailure};
use crate::rules::unreadable_layer::Defect;

const BUFFER_BYTES: usize = 64 * 1024;
/// Largest zstd window, as a power of two: 64 MiB are allocated at a frame's word. Builders stay
/// below 8 MiB; only `zstd --long` and `--ultra` go higher.
const WINDOW_LOG_MAX: u32 = 26;

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

/// Source with the sniffed bytes put back.
type Input<R> = BufReader<Counted<Chain<Cursor<Vec<u8>>, R>>>;

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

enum Format<R: Read> {
    Plain(Input<R>),
    Gzip(Box<GzDecoder<Input<R>>>),
    Zstd(Box<zstd::stream::read::Decoder<'static, Input<R>>>),
    /// Between two gzip members, or ended.
    Moved,
}

/// Reads a layer's plain bytes out of its stored ones.
pub struct Decoder<R: Read> {
    format: Format<R>,
    limits: Limits,
    produced: u64,
    ended: bool,
}

impl<R: Read> Decoder<R> {
    /// Looks at the first bytes of `source` to choose the format.
    pub fn new(mut source: R, limits: &Limits) -> io::Result<Self> {
        let mut magic = Vec::with_capacity(4);
        source.by_ref().take(4).read_to_end(&mut magic)?;
        let compression = Compression::sniff(&magic);
        let counted = Counted { inner: Cursor::new(magic).chain(source), count: 0 };
        let input = BufReader::with_capacity(BUFFER_BYTES, counted);
        let format = match compression {
            Compression::None => Format::Plain(input),
            Compression::Gzip => Format::Gzip(Box::new(GzDecoder::new(input))),
            Compression::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
                decoder.window_log_max(WINDOW_LOG_MAX)?;
                Format::Zstd(Box::new(decoder))
            }
        };
        Ok(Self { format, limits: limits.clone(), produced: 0, ended: false })
    }

    /// Gives the rest of the source back, to be drained so that its digest can be verified.
    pub fn into_source(self) -> Option<impl Read> {
        match self.format {
            Format::Plain(input) => Some(input),
            Format::Gzip(decoder) => Some(decoder.into_inner()),
            Format::Zstd(decoder) => Some(decoder.finish()),
            Format::Moved => None,
        }
    }

    fn consumed(&self) -> u64 {
        match &self.format {
            Format::Plain(input) => input.get_ref().count,
            Format::Gzip(decoder) => decoder.get_ref().get_ref().count,
            Format::Zstd(decoder) => decoder.get_ref().get_ref().count,
            Format::Moved => 0,
        }
    }

    /// Goes on to the next gzip member. `false` at the end of the source.
    fn next_member(&mut self) -> io::Result<bool> {
        let Format::Gzip(decoder) = std::mem::replace(&mut self.format, Format::Moved) else {
            return Ok(false);
        };
        let mut input = decoder.into_inner();
        let outcome = at_member(&mut input);
        self.format = match outcome {
            Ok(true) => Format::Gzip(Box::new(GzDecoder::new(input))),
            Ok(false) | Err(_) => Format::Plain(input),
        };
        outcome
    }

    fn check_caps(&mut self, count: usize) -> io::Result<()> {
        self.produced = self.produced.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
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

/// Whether another gzip member follows. Zeros up to the end are padding (as gzip(1) has it);
/// anything else could be read by one reader and ignored by another.
fn at_member<R: Read>(input: &mut Input<R>) -> io::Result<bool> {
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

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ended || buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let count = match &mut self.format {
                Format::Plain(input) => input.read(buffer),
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

/// How a blob is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all, as far as magic bytes tell.
    None,
    /// Gzip, RFC 1952.
    Gzip,
    /// Zstandard, RFC 8878, or one of its skippable frames.
    Zstd,
}

impl Compression {
    /// Tells by the first four bytes.
    pub fn sniff(magic: &[u8]) -> Self {
        match magic {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 1).unwrap()
    }

    fn decode_with(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, Failure> {
        let mut plain = Vec::new();
        Decoder::new(bytes, limits)?.read_to_end(&mut plain)?;
        Ok(plain)
    }

    fn decode(bytes: &[u8]) -> Result<Vec<u8>, Failure> {
        decode_with(bytes, &Limits::default())
    }

    fn defect(result: Result<Vec<u8>, Failure>) -> Defect {
        match result {
            Err(Failure::Content(content)) => content.defect,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn reads_every_format_by_magic() {
        let skippable = [&[0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..], &zstd(b"ab")].concat();
        let table: [(Vec<u8>, &[u8]); 9] = [
            (gzip(b"hello"), b"hello"),
            ([gzip(b"he"), gzip(b""), gzip(b"llo")].concat(), b"hello"),
            ([gzip(b"hello"), vec![0; 70_000]].concat(), b"hello"),
            (zstd(b"hello"), b"hello"),
            ([zstd(b"he"), zstd(b"llo")].concat(), b"hello"),
            (skippable, b"ab"),
            (b"plain text".to_vec(), b"plain text"),
            (b"x".to_vec(), b"x"),
            (Vec::new(), b""),
        ];
        for (stored, plain) in table {
            assert_eq!(decode(&stored).unwrap(), plain, "{stored:?}");
        }
    }

    #[test]
    fn names_what_is_wrong() {
        let whole = gzip(&[7; 5000]);
        let (cut, _) = whole.split_at(whole.len() - 9);
        assert_eq!(defect(decode(cut)), Defect::Truncated);
        assert_eq!(defect(decode(&[gzip(b"x"), b"junk".to_vec()].concat())), Defect::TrailingData);
        let hidden_member = [gzip(b"x"), vec![0; 9], gzip(b"hidden")].concat();
        assert_eq!(defect(decode(&hidden_member)), Defect::TrailingData);
        let mut wrong_sum = whole.clone();
        let at = wrong_sum.len() - 6;
        wrong_sum[at] ^= 1;
        assert_eq!(defect(decode(&wrong_sum)), Defect::DecompressionFailed);
        let frame = zstd(&[7; 5000]);
        assert_eq!(defect(decode(&frame[..frame.len() - 2])), Defect::Truncated);
        assert_eq!(
            defect(decode(&[zstd(b"x"), b"junk".to_vec()].concat())),
            Defect::DecompressionFailed
        );
    }

    #[test]
    fn caps_are_exact() {
        let stored = gzip(&vec![0; 100_000]);
        let limits = |bytes| Limits { unpacked_bytes: bytes, ..Limits::default() };
        assert!(decode_with(&stored, &limits(100_001)).is_ok());
        assert!(decode_with(&stored, &limits(100_000)).is_ok());
        assert_eq!(defect(decode_with(&stored, &limits(99_999))), Defect::TooManyBytes);

        let ratio = u64::try_from(100_000 / stored.len()).unwrap();
        let limits = |ratio| Limits { ratio_from_bytes: 99_999, ratio, ..Limits::default() };
        assert!(decode_with(&stored, &limits(ratio)).is_ok());
        assert_eq!(defect(decode_with(&stored, &limits(ratio - 1))), Defect::BombRatio);
        let later = Limits { ratio_from_bytes: 100_000, ratio: 1, ..Limits::default() };
        assert!(decode_with(&stored, &later).is_ok());
    }

    #[test]
    fn a_zstd_window_cannot_take_all_memory() {
        // Magic number, no flags, the window's logarithm less 10, then one empty last block.
        let frame = |log: u8| vec![0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3, 1, 0, 0];
        assert_eq!(decode(&frame(25)).unwrap(), b"");
        assert_eq!(decode(&frame(26)).unwrap(), b"");
        for log in [27, 31, 41] {
            let Err(Failure::Content(found)) = decode(&frame(log)) else { panic!("{log}") };
            assert_eq!(found.defect, Defect::DecompressionFailed);
            assert_eq!(
                found.detail,
                "zstd window larger than 64.0 MiB (hint: compress without `--long`)"
            );
        }
    }

    #[test]
    fn a_failing_source_is_not_the_images_fault() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other(SourceFailure("connection lost".into())))
            }
        }
        for start in [gzip(&[7; 5000]), zstd(&[7; 5000]), b"plain".to_vec()] {
            let source = Cursor::new(start[..start.len() - 3].to_vec()).chain(Broken);
            let error = Decoder::new(source, &Limits::default())
                .and_then(|mut decoder| decoder.read_to_end(&mut Vec::new()))
                .unwrap_err();
            assert!(matches!(Failure::from(error), Failure::Source(_)));
        }
    }

    #[test]
    fn the_source_can_be_drained_after_an_error() {
        let stored = [gzip(b"x"), b"junk and more".to_vec()].concat();
        let mut decoder = Decoder::new(&stored[..], &Limits::default()).unwrap();
        decoder.read_to_end(&mut Vec::new()).unwrap_err();
        let mut rest = Vec::new();
        decoder.into_source().unwrap().read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"junk and more");
    }
}

//! A zip archive read from its start, without seeking: local headers one after the other (APPNOTE
//! sections 4.3.7 and 4.5.3). What the central directory at the end says otherwise is not seen;
//! a gap in the walk is an error, so that nothing hides there.

use std::cell::Cell;
use std::io::{self, BufRead, Read};

use flate2::bufread::DeflateDecoder;

use super::inside::Metered;

/// Flag: the content is encrypted.
const ENCRYPTED: u16 = 1;
/// Flag: sizes follow the content instead of preceding it.
const SIZES_FOLLOW: u16 = 1 << 3;
/// Extra field with sizes of 64 bits.
const ZIP64: u16 = 1;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
const ZSTANDARD: u16 = 93;
/// Largest zstd window inside an archive, as a power of two.
pub(super) const WINDOW_LOG_MAX: u32 = 23;

/// One file of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ZipMember {
    /// Name, uncleaned.
    pub(super) name: Vec<u8>,
    /// Bytes of content, the larger of packed and unpacked: either may lie. `None` when neither
    /// is told in front of it.
    pub(super) size: Option<u64>,
    packed: Option<u64>,
    method: u16,
    is_encrypted: bool,
}

impl ZipMember {
    /// Whether its content can be read: neither encrypted nor packed by a method that is not
    /// known here (LZMA, bzip2, xz).
    pub(super) fn is_readable(&self) -> bool {
        !self.is_encrypted && [STORED, DEFLATED, ZSTANDARD].contains(&self.method)
    }
}

/// Walks the members of a zip archive.
pub(super) struct Zip<R> {
    source: R,
    /// A signature that was read ahead.
    signature: Option<[u8; 4]>,
}

impl<R: BufRead> Zip<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, signature: None }
    }

    /// The next member, whose content must then be [read](Self::content). `None` at the central
    /// directory or the end.
    pub(super) fn next_member(&mut self) -> io::Result<Option<ZipMember>> {
        let signature = match self.signature.take() {
            Some(signature) => signature,
            None if self.source.fill_buf()?.is_empty() => return Ok(None),
            None => self.bytes()?,
        };
        match signature {
            [b'P', b'K', 3, 4] => self.header().map(Some),
            [b'P', b'K', 1, 2] | [b'P', b'K', 5 | 6, 6] => Ok(None),
            _ => Err(damaged("no header where one belongs")),
        }
    }

    fn header(&mut self) -> io::Result<ZipMember> {
        let [_, _, flags @ .., _, _, _, _, _, _, _, _] = self.bytes::<14>()?;
        let [f0, f1, m0, m1] = flags;
        let (flags, method) = (u16::from_le_bytes([f0, f1]), u16::from_le_bytes([m0, m1]));
        let packed = u32::from_le_bytes(self.bytes()?);
        let unpacked = u32::from_le_bytes(self.bytes()?);
        let name = u16::from_le_bytes(self.bytes()?);
        let extra = u16::from_le_bytes(self.bytes()?);
        let name = self.many(name)?;
        let extra = self.many(extra)?;
        let mut sizes = (u64::from(packed), u64::from(unpacked));
        if packed == u32::MAX || unpacked == u32::MAX {
            sizes = long_sizes(&extra).unwrap_or(sizes);
        }
        let are_told = flags & SIZES_FOLLOW == 0 || sizes.0 > 0;
        Ok(ZipMember {
            name,
            size: are_told.then_some(sizes.0.max(sizes.1)),
            packed: are_told.then_some(sizes.0),
            method,
            is_encrypted: flags & ENCRYPTED != 0,
        })
    }

    /// Shows the content of `member`, unpacked where the method is known, and goes to its end.
    /// What unpacks is taken from `left`.
    pub(super) fn content<T>(
        &mut self,
        member: &ZipMember,
        left: &Cell<u64>,
        show: &mut dyn FnMut(&mut dyn Read) -> T,
    ) -> io::Result<T> {
        let method = if member.is_readable() { member.method } else { STORED };
        let Some(packed) = member.packed else {
            return self.unsized_content(method, left, show);
        };
        let mut content = self.source.by_ref().take(packed);
        let shown = match method {
            DEFLATED => show(&mut Metered { inner: &mut DeflateDecoder::new(&mut content), left }),
            ZSTANDARD => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(&mut content)?;
                decoder.window_log_max(WINDOW_LOG_MAX)?;
                show(&mut Metered { inner: &mut decoder, left })
            }
            _ => show(&mut content),
        };
        io::copy(&mut content, &mut io::sink())?;
        if content.limit() > 0 { Err(damaged("it ends early")) } else { Ok(shown) }
    }

    /// Content whose size follows it: only what marks its own end can be passed.
    fn unsized_content<T>(
        &mut self,
        method: u16,
        left: &Cell<u64>,
        show: &mut dyn FnMut(&mut dyn Read) -> T,
    ) -> io::Result<T> {
        if method != DEFLATED {
            show(&mut self.source);
            return Err(damaged("a member without a size"));
        }
        let mut decoder = DeflateDecoder::new(&mut self.source);
        let mut metered = Metered { inner: &mut decoder, left };
        let shown = show(&mut metered);
        io::copy(&mut metered, &mut io::sink())?;
        self.descriptor()?;
        Ok(shown)
    }

    /// Checksum and sizes behind a content: with or without signature, in 32 or 64 bits. The
    /// next signature tells.
    fn descriptor(&mut self) -> io::Result<()> {
        if self.bytes()? == *b"PK\x07\x08" {
            self.bytes::<4>()?;
        }
        self.bytes::<8>()?;
        let mut next: [u8; 4] = self.bytes()?;
        if !next.starts_with(b"PK") {
            self.bytes::<4>()?;
            next = self.bytes()?;
        }
        self.signature = Some(next);
        Ok(())
    }

    fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.source.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn many(&mut self, count: u16) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::from(count)];
        self.source.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

/// `(packed, unpacked)` of the extra field for large files, which a local header has both of.
fn long_sizes(mut extra: &[u8]) -> Option<(u64, u64)> {
    loop {
        let (head, rest) = extra.split_first_chunk::<4>()?;
        let [k0, k1, l0, l1] = *head;
        let (field, next) = rest.split_at_checked(u16::from_le_bytes([l0, l1]).into())?;
        if u16::from_le_bytes([k0, k1]) == ZIP64 {
            let (unpacked, field) = field.split_first_chunk::<8>()?;
            let (packed, _) = field.split_first_chunk::<8>()?;
            return Some((u64::from_le_bytes(*packed), u64::from_le_bytes(*unpacked)));
        }
        extra = next;
    }
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

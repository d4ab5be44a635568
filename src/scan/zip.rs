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
            [b'P', b'K', 1, 2] | [b'P', b'K', 5 | 6, 6] => {
                self.signature = Some(signature);
                Ok(None)
            }
            _ => Err(damaged("no header where one belongs")),
        }
    }

    /// Passes the central directory (APPNOTE sections 4.3.12 to 4.3.16) and the comment, to what
    /// stands behind the archive. Behind a directory that is cut off stands nothing.
    pub(super) fn finish(mut self) -> io::Result<R> {
        match self.pass_directory() {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
            _ => Ok(self.source),
        }
    }

    fn pass_directory(&mut self) -> io::Result<()> {
        loop {
            let signature = match self.signature.take() {
                Some(signature) => signature,
                None => self.bytes()?,
            };
            let length = match signature {
                [b'P', b'K', 1, 2] => self.directory_entry()?,
                [b'P', b'K', 6, 6] => u64::from_le_bytes(self.bytes()?),
                [b'P', b'K', 6, 7] => 16,
                [b'P', b'K', 5, 5] => u64::from(u16::from_le_bytes(self.bytes()?)),
                [b'P', b'K', 5, 6] => {
                    self.skip(16)?;
                    let comment = u16::from_le_bytes(self.bytes()?);
                    return self.skip(comment.into());
                }
                _ => return Err(damaged("no record where one belongs")),
            };
            self.skip(length)?;
        }
    }

    /// Length of what follows the fixed part of a record of the central directory.
    fn directory_entry(&mut self) -> io::Result<u64> {
        self.skip(24)?;
        let mut length = 0_u64;
        for _ in 0..3 {
            length += u64::from(u16::from_le_bytes(self.bytes()?));
        }
        self.skip(12)?;
        Ok(length)
    }

    fn skip(&mut self, count: u64) -> io::Result<()> {
        let skipped = io::copy(&mut self.source.by_ref().take(count), &mut io::sink())?;
        if skipped == count { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
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
        if method == STORED {
            let mut content = UntilDescriptor::new(&mut self.source);
            let shown = show(&mut content);
            io::copy(&mut content, &mut io::sink())?;
            return Ok(shown);
        }
        if method != DEFLATED {
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

/// A stored content whose size follows it: it ends where a descriptor tells as many bytes as there
/// were. Only descriptors with signature are known by that, which everybody writes.
struct UntilDescriptor<'a, R> {
    source: &'a mut R,
    /// The last sixteen bytes that were read: signature, checksum and both sizes.
    last: u128,
    read: u64,
    is_ended: bool,
}

impl<'a, R: BufRead> UntilDescriptor<'a, R> {
    fn new(source: &'a mut R) -> Self {
        Self { source, last: 0, read: 0, is_ended: false }
    }

    /// Takes the next byte; gives back the one that is surely content.
    fn step(&mut self, byte: u8) -> Option<u8> {
        let [oldest, ..] = self.last.to_be_bytes();
        let content = (self.read >= 16).then_some(oldest);
        self.last = (self.last << 8) | u128::from(byte);
        self.read = self.read.saturating_add(1);
        let [p, k, seven, eight, _, _, _, _, s0, s1, s2, s3, ..] = self.last.to_be_bytes();
        let size = u64::from(u32::from_le_bytes([s0, s1, s2, s3]));
        self.is_ended =
            [p, k, seven, eight] == *b"PK\x07\x08" && size.checked_add(16) == Some(self.read);
        content
    }
}

impl<R: BufRead> Read for UntilDescriptor<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while !self.is_ended && filled < buffer.len() {
            let bytes = self.source.fill_buf()?.first().copied();
            let byte = bytes.ok_or_else(|| damaged("a member without a size"))?;
            self.source.consume(1);
            if let Some(content) = self.step(byte)
                && let Some(place) = buffer.get_mut(filled)
            {
                *place = content;
                filled += 1;
            }
        }
        Ok(filled)
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

//! Readers that count, and that stop where they may read no more.

use std::cell::Cell;
use std::io::{self, BufRead, Read};

use crate::scan::entries::Archive;

/// Reads no more than the allowance, of which nothing is left when it was too small.
pub(in crate::scan) struct Metered<'a> {
    pub(in crate::scan) inner: &'a mut dyn Read,
    pub(in crate::scan) left: &'a Cell<u64>,
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let left = self.left.get().checked_sub(u64::try_from(count).unwrap_or(u64::MAX));
        self.left.set(left.unwrap_or(0));
        left.map(|_| count).ok_or_else(|| io::Error::other("unpacks to too much"))
    }
}

/// Counts what is read.
pub(super) struct Counted<'a> {
    pub(super) inner: &'a mut dyn Read,
    pub(super) count: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count = self.count.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(count)
    }
}

/// Reads until the buffer has so many bytes or there are no more.
pub(super) fn read_up_to(
    most: usize,
    content: &mut dyn Read,
    buffer: &mut Vec<u8>,
) -> io::Result<usize> {
    let missing = most.saturating_sub(buffer.len());
    content.take(u64::try_from(missing).unwrap_or(u64::MAX)).read_to_end(buffer)
}

/// Content of an archive's current member.
pub(super) struct Content<'a, R>(pub(super) &'a mut Archive<R>);

impl<R: BufRead> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_content(buffer).map_err(|_| io::Error::other("the archive ends early"))
    }
}

/// Goes to the first byte that is not zero; true when there is none.
pub(super) fn skip_zeros(source: &mut dyn BufRead) -> io::Result<bool> {
    loop {
        let bytes = source.fill_buf()?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let (is_end, is_all) = (bytes.is_empty(), zeros == bytes.len());
        source.consume(zeros);
        if is_end || !is_all {
            return Ok(is_end);
        }
    }
}

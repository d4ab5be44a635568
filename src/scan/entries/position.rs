//! A reader that knows how far it has come.

use std::io::{self, BufRead, Read, Seek};

/// Counts the bytes taken from `source`.
pub(super) struct Positioned<R> {
    source: R,
    position: u64,
}

impl<R> Positioned<R> {
    /// At the start.
    pub(super) fn new(source: R) -> Self {
        Self { source, position: 0 }
    }

    /// Bytes taken so far.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    fn advance(&mut self, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.position = self.position.saturating_add(count);
    }
}

impl<R: Seek> Positioned<R> {
    /// Goes on `count` bytes without reading them; also past the end, where nothing is read then.
    pub(super) fn pass(&mut self, count: u64) -> io::Result<()> {
        let step = i64::try_from(count)
            .map_err(|_| io::Error::new(io::ErrorKind::UnexpectedEof, "content without end"))?;
        self.source.seek_relative(step)?;
        self.position = self.position.saturating_add(count);
        Ok(())
    }
}

impl<R: BufRead> Read for Positioned<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.advance(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Positioned<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.source.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.source.consume(count);
        self.advance(count);
    }
}

//! Where the time of a scan goes: `scan-shares BLOB...` reads stored layers from files (which
//! should be in the page cache) and prints the processor time that each stage takes of one
//! thread. Processor time, so that whatever else the machine does matters little.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement, not the product")]
#![expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "figures for people")]

use std::cell::Cell;
use std::fs::File;
use std::io::{BufReader, Read};
use std::time::Duration;

use plimsoll::model::digest::Algorithm;
use plimsoll::model::{Digest, Hasher, LayerFacts};
use plimsoll::scan::decompress::Decoder;
use plimsoll::scan::entries::Archive;
use plimsoll::scan::seams::Seams;
use plimsoll::scan::{LayerScan, Limits, ReadAll};
use rustix::time::{ClockId, clock_gettime};

/// As much as `plimsoll` has in each of its buffers.
const BUFFER_BYTES: usize = 256 * 1024;

fn main() {
    for path in std::env::args().skip(1) {
        let digest = digested(&path);
        let walk = walked(&path);
        let (facts, scan) = scanned(&path, &digest.found);
        let stages = [
            ("read", scan.source),
            ("digest", digest.took),
            ("inflate", scan.plain.saturating_sub(scan.source)),
            ("tar", walk.beyond_plain()),
            ("rules", scan.beyond_plain().saturating_sub(walk.beyond_plain())),
        ];
        print(&facts, &stages);
    }
}

fn print(facts: &LayerFacts, stages: &[(&str, Duration)]) {
    let total: f64 = stages.iter().map(|(_, took)| took.as_secs_f64()).sum();
    let (stored, plain) = (facts.compressed_bytes as f64, facts.unpacked_bytes as f64);
    println!(
        "{:.2} GB stored, {:.2} GB of files, {} facts: {total:.2} s of processor time",
        stored / 1e9,
        plain / 1e9,
        facts.facts.len()
    );
    for (name, took) in stages {
        let took = took.as_secs_f64();
        println!("  {name:<8} {took:6.2} s  {:5.1} %", 100.0 * took / total);
    }
}

/// Processor time of this thread.
fn now() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

/// A reader whose time is added up.
struct Timed<'a, R> {
    inner: R,
    spent: &'a Cell<Duration>,
}

impl<R: Read> Read for Timed<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let started = now();
        let count = self.inner.read(buffer);
        self.spent.set(self.spent.get() + (now().saturating_sub(started)));
        count
    }
}

/// What one pass over a layer took.
struct Pass {
    /// Reading the stored bytes.
    source: Duration,
    /// The same, and making them plain.
    plain: Duration,
    /// All of it.
    total: Duration,
}

impl Pass {
    fn beyond_plain(&self) -> Duration {
        self.total.saturating_sub(self.plain)
    }
}

/// Lets `pass` read the plain bytes of a stored layer.
fn timed<T>(path: &str, pass: impl FnOnce(&mut dyn Read, Seams) -> T) -> (T, Pass) {
    let (source, plain, seams) = (Cell::default(), Cell::default(), Seams::default());
    let started = now();
    let file = Timed { inner: File::open(path).unwrap(), spent: &source };
    let file = BufReader::with_capacity(BUFFER_BYTES, file);
    let decoder = Decoder::new(file, &Limits::default(), &seams).unwrap();
    let result = pass(&mut Timed { inner: decoder, spent: &plain }, seams);
    let pass =
        Pass { source: source.get(), plain: plain.get(), total: now().saturating_sub(started) };
    (result, pass)
}

struct Digested {
    found: Digest,
    took: Duration,
}

/// The digest alone.
fn digested(path: &str) -> Digested {
    let mut file = File::open(path).unwrap();
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut took = Duration::ZERO;
    loop {
        let count = file.read(&mut buffer).unwrap();
        if count == 0 {
            return Digested { found: hasher.finish(), took };
        }
        let started = now();
        hasher.update(buffer.get(..count).unwrap());
        took += now().saturating_sub(started);
    }
}

/// The archive's members, and no look at any.
fn walked(path: &str) -> Pass {
    let walk = |plain: &mut dyn Read, _: Seams| {
        let plain = BufReader::with_capacity(BUFFER_BYTES, plain);
        let mut archive = Archive::new(plain, &Limits::default());
        while archive.next_member().is_ok_and(|member| member.is_some()) {}
    };
    timed(path, walk).1
}

/// The whole scan.
fn scanned(path: &str, digest: &Digest) -> (LayerFacts, Pass) {
    let stored = std::fs::metadata(path).unwrap().len();
    timed(path, |plain, seams| {
        let plain = BufReader::with_capacity(BUFFER_BYTES, plain);
        LayerScan::new(digest, stored, &Limits::default(), &mut ReadAll)
            .over(seams)
            .read_archive(plain)
            .unwrap()
    })
}

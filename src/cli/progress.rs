//! Progress bars of `check`: bytes and layers, on stderr, only when it is a terminal. Counts
//! either way, so that what is counted can be tested.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::answer::plain;
use crate::inspector::Watcher;

/// How often bars are redrawn when nothing arrives, so that a stalled registry is seen to stall.
const TICK: Duration = Duration::from_millis(100);

/// Shows how far the check of one image after the other has come.
pub struct Progress {
    bars: MultiProgress,
    bytes_bar: ProgressBar,
    layers_bar: ProgressBar,
    bytes: AtomicU64,
}

impl Progress {
    /// Draws on stderr if it is a terminal, and nowhere otherwise.
    pub fn stderr() -> Self {
        if std::io::stderr().is_terminal() {
            let progress = Self::on(ProgressDrawTarget::stderr());
            progress.bytes_bar.enable_steady_tick(TICK);
            progress
        } else {
            Self::hidden()
        }
    }

    /// Draws nowhere.
    pub fn hidden() -> Self {
        Self::on(ProgressDrawTarget::hidden())
    }

    fn on(target: ProgressDrawTarget) -> Self {
        let bars = MultiProgress::with_draw_target(target);
        let bytes_bar = bars.add(ProgressBar::no_length().with_style(bytes_style()));
        let layers_bar = bars.add(ProgressBar::no_length().with_style(layers_style()));
        Self { bars, bytes_bar, layers_bar, bytes: AtomicU64::new(0) }
    }

    /// The check of an image begins.
    pub fn image(&self, name: &str) {
        self.bytes.store(0, Ordering::Relaxed);
        self.bytes_bar.reset();
        self.bytes_bar.set_message(plain::line(name, 60));
        self.layers_bar.reset();
        self.layers_bar.unset_length();
    }

    /// So many more layers have to be read, of so many bytes in total.
    pub fn layers_expected(&self, layers: u64, bytes: u64) {
        self.layers_bar.set_length(self.layers_bar.length().unwrap_or(0) + layers);
        self.bytes_bar.set_length(self.bytes_bar.length().unwrap_or(0) + bytes);
    }

    /// A layer was read, or its facts were known.
    pub fn layer_done(&self) {
        self.layers_bar.inc(1);
    }

    /// Takes the bars away while `write` prints, so that the two do not mix.
    pub fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bars.suspend(write)
    }

    /// Takes the bars away for good.
    pub fn finish(&self) {
        self.bytes_bar.finish_and_clear();
        self.layers_bar.finish_and_clear();
    }

    /// Bytes read for this image so far.
    pub fn bytes_read(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Layers done for this image so far.
    pub fn layers_done(&self) -> u64 {
        self.layers_bar.position()
    }
}

impl Watcher for Progress {
    fn layers_expected(&self, layers: u64, bytes: u64) {
        Self::layers_expected(self, layers, bytes);
    }

    fn layer_done(&self) {
        Self::layer_done(self);
    }

    fn bytes(&self, count: u64) {
        self.bytes.fetch_add(count, Ordering::Relaxed);
        self.bytes_bar.inc(count);
    }
}

fn bytes_style() -> ProgressStyle {
    style("{spinner} {msg}  {bytes} of {total_bytes}, {bytes_per_sec}")
}

fn layers_style() -> ProgressStyle {
    style("  {wide_bar} {pos}/{len} layers")
}

fn style(template: &str) -> ProgressStyle {
    // The templates are constants, and a test reads them.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_per_image() {
        let progress = Progress::hidden();
        progress.image("one");
        progress.layers_expected(2, 100);
        progress.bytes(60);
        progress.bytes(40);
        progress.layer_done();
        assert_eq!((progress.bytes_read(), progress.layers_done()), (100, 1));
        progress.image("two");
        assert_eq!((progress.bytes_read(), progress.layers_done()), (0, 0));
        assert_eq!(progress.suspend(|| 7), 7);
        progress.finish();
    }

    #[test]
    fn templates_are_sound() {
        for template in [
            "{spinner} {msg}  {bytes} of {total_bytes}, {bytes_per_sec}",
            "  {wide_bar} {pos}/{len} layers",
        ] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}

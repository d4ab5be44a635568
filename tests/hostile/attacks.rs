//! The hostile set: images made to get past the scanner, or to break it. Each has a name, and the
//! one thing that must be said of it. Where runtimes accept an oddity, so do we, and the image
//! holds model weights in that very place: what is allowed must still be seen.
//!
//! Shared by the test, which asserts, and by `examples/hostile-images.rs`, which writes them for
//! `make hostile`. The large ones are for the latter only. (Its modules have their paths written
//! out because both include this file, each from elsewhere.)

#[path = "attacks/floods.rs"]
pub mod floods;
#[path = "attacks/headers.rs"]
pub mod headers;
#[path = "attacks/images.rs"]
pub mod images;
#[path = "attacks/lazy.rs"]
pub mod lazy;
#[path = "attacks/pack.rs"]
pub mod pack;
#[path = "attacks/paths.rs"]
pub mod paths;
#[path = "attacks/streams.rs"]
pub mod streams;

use std::path::Path;

use super::image::{BuiltImage, ImageBuilder, write_layout};

/// One hostile image.
pub struct Attack {
    /// Kebab-case name.
    pub name: &'static str,
    /// The rule that has to deny it.
    pub rule: &'static str,
    /// What its message has to say.
    pub words: &'static str,
    make: Make,
}

/// How an attack is made.
enum Make {
    /// The stored bytes of an only layer.
    Layer(fn() -> Vec<u8>),
    /// An image.
    Image(fn() -> BuiltImage),
    /// A whole layout.
    Layout(fn(&Path)),
}

/// The rule for what cannot be read.
pub const UNREADABLE: &str = "unreadable-layer";
/// The rule for what was planted.
pub const WEIGHTS: &str = "model-weights";
/// What it says of the file that [`pack::weights`] is.
pub const PLANTED: &str = "safetensors weights";

impl Attack {
    /// One whose only layer is refused.
    pub fn unreadable(name: &'static str, words: &'static str, layer: fn() -> Vec<u8>) -> Self {
        Self { name, rule: UNREADABLE, words, make: Make::Layer(layer) }
    }

    /// One whose layer hides weights that must be found.
    pub fn planted(name: &'static str, layer: fn() -> Vec<u8>) -> Self {
        Self { name, rule: WEIGHTS, words: PLANTED, make: Make::Layer(layer) }
    }

    /// One that is an image of its own making.
    pub fn image(
        name: &'static str,
        rule: &'static str,
        words: &'static str,
        image: fn() -> BuiltImage,
    ) -> Self {
        Self { name, rule, words, make: Make::Image(image) }
    }

    /// One that is no image but a folder.
    pub fn layout(
        name: &'static str,
        rule: &'static str,
        words: &'static str,
        layout: fn(&Path),
    ) -> Self {
        Self { name, rule, words, make: Make::Layout(layout) }
    }

    /// The stored bytes of its only layer, where that is all there is to it.
    pub fn layer(&self) -> Option<Vec<u8>> {
        match self.make {
            Make::Layer(layer) => Some(layer()),
            Make::Image(_) | Make::Layout(_) => None,
        }
    }

    /// Writes it as an OCI layout with the tag `1`.
    pub fn write(&self, dir: &Path) {
        match self.make {
            Make::Layer(layer) => write_layout(dir, "1", &holding(layer())),
            Make::Image(image) => write_layout(dir, "1", &image()),
            Make::Layout(layout) => layout(dir),
        }
    }
}

/// An image with one layer of those stored bytes.
pub fn holding(layer: Vec<u8>) -> BuiltImage {
    ImageBuilder::new().raw_layer("COPY . /app # buildkit", layer).build()
}

/// All that a test can afford.
pub fn small() -> Vec<Attack> {
    [headers::all(), paths::all(), streams::all(), lazy::all(), images::all()]
        .into_iter()
        .flatten()
        .collect()
}

/// Those that take gigabytes to unpack, or minutes to make.
pub fn large() -> Vec<Attack> {
    floods::all()
}

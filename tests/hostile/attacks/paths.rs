//! Names that two readers clean differently, and files that are there under other names.

use super::super::image::{BuiltImage, ImageBuilder, LayerBuilder};
use super::pack::{end, entry, file, link, long_name, packed, plain_weights, weights};
use super::{Attack, PLANTED, WEIGHTS};

/// Weights under that name.
fn named(name: &[u8]) -> Vec<u8> {
    packed(&[entry(name, b'0', &weights()), end()])
}

/// Weights that a later layer deletes.
fn deleted_later() -> BuiltImage {
    let weights =
        LayerBuilder::new("COPY . /app # buildkit").file("app/model.safetensors", weights());
    let above = LayerBuilder::new("RUN /bin/sh -c rm /app/model.safetensors # buildkit")
        .delete("app/model.safetensors");
    ImageBuilder::new().layer(&weights).layer(&above).build()
}

/// The attacks of this kind.
pub fn all() -> Vec<Attack> {
    let mut attacks = names();
    attacks.extend(whiteouts());
    attacks
}

fn names() -> Vec<Attack> {
    vec![
        Attack::planted("duplicate-path-harmless-last", || {
            let name = "app/model.safetensors";
            packed(&[file(name, &weights()), file(name, b"x"), end()])
        }),
        Attack::planted("duplicate-path-harmless-first", || {
            let name = "app/model.safetensors";
            packed(&[file(name, b"x"), file(name, &weights()), end()])
        }),
        Attack::planted("dot-slash-path", || named(b"./././app//./model.safetensors")),
        Attack::planted("absolute-path", || named(b"//app/model.safetensors")),
        Attack::unreadable("climbing-path", "leaves the root", || named(b"app/../../etc/x")),
        Attack::planted("climbing-path-with-weights", || named(b"../app/model.safetensors")),
        Attack::planted("empty-name", || named(b"")),
        Attack::planted("name-with-trailing-slash", || named(b"app/model.safetensors/")),
        Attack::planted("name-that-is-not-utf-8", || named(b"app/\xff\xfe\x80")),
        Attack::planted("name-with-backslashes", || named(b"app\\..\\model.safetensors")),
        Attack::planted("name-with-escape-codes", || named(b"app/\x1b[2Jmodel.safetensors")),
        Attack::planted("name-of-a-text-file", || named(b"app/README.md")),
        Attack::planted("file-below-a-symlink", || {
            let model = file("app/link/model.safetensors", &weights());
            packed(&[link("app/link", b'2', "/usr/share/doc"), model, end()])
        }),
        Attack::unreadable("name-of-100-kB", "more than 4096 bytes", || {
            packed(&[long_name(&"n".repeat(100_000)), file("x", b""), end()])
        }),
        Attack::planted("name-of-100-kB-with-weights", || {
            packed(&[long_name(&"n/".repeat(50_000)), plain_weights()])
        }),
        Attack::unreadable("name-of-2-MB", "an extension header of", || {
            packed(&[long_name(&"n".repeat(2 << 20)), file("x", b""), end()])
        }),
    ]
}

fn whiteouts() -> Vec<Attack> {
    vec![
        Attack::unreadable("whiteout-without-a-name", "names nothing", || {
            packed(&[file("app/.wh.", b""), end()])
        }),
        Attack::unreadable("whiteout-of-the-parent", "names nothing", || {
            packed(&[file("app/.wh...", b""), end()])
        }),
        Attack::planted("whiteout-with-weights", || named(b"app/.wh.model.safetensors")),
        Attack::planted("opaque-marker-with-weights", || named(b"app/.wh..wh..opq")),
        Attack::planted("aufs-hard-link-folder", || {
            let blob = file(".wh..wh.plnk/1.2", &weights());
            packed(&[blob, link("app/model", b'1', ".wh..wh.plnk/1.2"), end()])
        }),
        Attack::image("weights-deleted-later", WEIGHTS, PLANTED, deleted_later),
    ]
}

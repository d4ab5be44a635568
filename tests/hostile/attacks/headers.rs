//! Archives whose headers say two things: what one reader skips, another unpacks.

use super::Attack;
use super::pack::{
    BLOCK, changed, end, entry, file, harmless, header, link, long_name, member, noise, packed,
    pax, plain_weights, weights,
};

const SIZE_AT: usize = 124;
const CHECKSUM_AT: usize = 148;
const MAGIC_AT: usize = 257;
const PREFIX_AT: usize = 345;
const TRAILER_AT: usize = 508;

/// A file of no bytes, with weights where its content would be if it had any.
fn file_over_weights() -> Vec<u8> {
    [member(&header(b"empty", b'0', 0), b""), plain_weights()].concat()
}

fn size_field(field: &[u8; 12], content: &[u8]) -> Vec<u8> {
    member(&changed(header(b"app/model.safetensors", b'0', 0), SIZE_AT, field), content)
}

/// An archive whose first checksum has a NUL in front, which Go's reader passes over.
pub fn checksum_behind_a_nul(mut archive: Vec<u8>) -> Vec<u8> {
    assert_eq!(archive[CHECKSUM_AT], b'0');
    archive[CHECKSUM_AT] = 0;
    archive
}

/// The attacks of this kind.
pub fn all() -> Vec<Attack> {
    let mut attacks = extensions();
    attacks.extend(fields());
    attacks.extend(types());
    attacks.extend(ends());
    attacks
}

fn extensions() -> Vec<Attack> {
    vec![
        Attack::unreadable("pax-size-hides-an-entry", "PAX says 0 bytes", || {
            packed(&[pax(&[("size", b"0")]), file("a", &plain_weights()), end()])
        }),
        Attack::planted("pax-size-behind-an-empty-header", || {
            let size = weights().len().to_string();
            let empty = header(b"app/model.safetensors", b'0', 0);
            packed(&[pax(&[("size", size.as_bytes())]), member(&empty, &weights()), end()])
        }),
        Attack::unreadable("pax-before-gnu-long-name", "in front of a GNU long name", || {
            packed(&[pax(&[("size", b"512")]), long_name("a"), file_over_weights()])
        }),
        Attack::unreadable("pax-and-gnu-name-differ", "give two names", || {
            packed(&[long_name("a"), pax(&[("path", b"b")]), file("c", b""), end()])
        }),
        Attack::unreadable("pax-path-twice", "says two things", || {
            packed(&[pax(&[("path", b"a"), ("path", b"b")]), file("c", b""), end()])
        }),
        Attack::unreadable("two-pax-headers", "two extension headers", || {
            let (size, time) = (pax(&[("size", b"1024")]), pax(&[("mtime", b"1")]));
            packed(&[size, time, file_over_weights()])
        }),
        Attack::unreadable("two-gnu-long-names", "two extension headers", || {
            packed(&[long_name("a"), long_name("b"), file("c", b""), end()])
        }),
        Attack::unreadable("pax-name-with-nul", "runtimes refuse", || {
            packed(&[pax(&[("path", b"app/a\0.safetensors")]), file("c", b""), end()])
        }),
        Attack::unreadable("pax-global-header-renames", "a global header sets names", || {
            packed(&[entry(b"g", b'g', b"10 path=x\n"), file("c", b""), end()])
        }),
        Attack::unreadable("global-header-behind-pax", "a global header follows", || {
            let global = entry(b"g", b'g', b"13 comment=x\n");
            packed(&[pax(&[("size", b"1024")]), global, file_over_weights()])
        }),
        Attack::unreadable("extension-without-entry", "ends behind an extension", || {
            packed(&[file("a", b""), long_name("b"), end()])
        }),
        Attack::unreadable("pax-header-of-a-gigabyte", "an extension header of", || {
            packed(&[member(&header(b"pax", b'x', 1 << 30), b"11 path=a/b\n")])
        }),
        Attack::unreadable("pax-comment-of-100-kB", "longer than any extended attribute", || {
            packed(&[pax(&[("comment", &noise(100_000))]), file("a", b"x"), end()])
        }),
        Attack::unreadable("malformed-pax-record", "malformed PAX record", || {
            packed(&[file("a", b""), entry(b"p", b'x', b"999 path=a\n"), file_over_weights()])
        }),
    ]
}

fn fields() -> Vec<Attack> {
    vec![
        Attack::planted("binary-size", || {
            let mut field = [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            field[4..].copy_from_slice(&u64::try_from(weights().len()).unwrap().to_be_bytes());
            packed(&[size_field(&field, &weights()), end()])
        }),
        Attack::unreadable("negative-binary-size", "unreadable size", || {
            packed(&[file("a", b""), size_field(&[0xff; 12], b""), plain_weights()])
        }),
        Attack::unreadable("binary-size-over-64-bits", "unreadable size", || {
            let mut field = [0_u8; 12];
            (field[0], field[2]) = (0x80, 1);
            packed(&[file("a", b""), size_field(&field, b""), plain_weights()])
        }),
        Attack::unreadable("huge-binary-size", "the archive ends inside", || {
            let field = [0x80, 0, 0, 0, 0x7f, 0xff, 0, 0, 0, 0, 0, 0];
            packed(&[size_field(&field, b""), plain_weights()])
        }),
        Attack::unreadable("octal-size-with-garbage", "unreadable size", || {
            packed(&[file("a", b""), size_field(b"0000000000x\0", b""), plain_weights()])
        }),
        Attack::unreadable("mode-with-garbage", "a header field that is no number", || {
            let odd = changed(header(b"a", b'0', 0), 100, b"rw-r--r-");
            packed(&[member(&odd, b""), end()])
        }),
        Attack::unreadable("bad-checksum", "bad checksum", || {
            let mut broken = file("b", b"");
            broken[0] ^= 1;
            packed(&[file("a", b""), broken, plain_weights()])
        }),
        Attack::planted("checksum-behind-a-nul", || {
            packed(&[checksum_behind_a_nul(plain_weights())])
        }),
        Attack::planted("signed-checksum", || {
            let mut old =
                header(b"app/m\xf6del.safetensors", b'0', weights().len().try_into().unwrap());
            // As Sun's tar added up: bytes over 127 are negative.
            let sum = old.cksum().unwrap() - 256;
            old.as_mut_bytes()[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            packed(&[member(&old, &weights()), end()])
        }),
        Attack::planted("oldest-header-format", || {
            let size = weights().len().try_into().unwrap();
            let old = changed(header(b"app/model.safetensors", b'0', size), MAGIC_AT, &[0; 8]);
            packed(&[member(&changed(old, 156, &[0]), &weights()), end()])
        }),
        Attack::unreadable("gnu-times-as-prefix", "name prefix differently", || {
            packed(&[member(&changed(header(b"a", b'0', 0), PREFIX_AT, b"etc"), b""), end()])
        }),
        Attack::unreadable("star-prefix", "name prefix differently", || {
            let star = changed(header(b"a", b'0', 0), MAGIC_AT, b"ustar\x0000");
            let star = changed(changed(star, PREFIX_AT, &[b'p'; 140]), TRAILER_AT, b"tar\0");
            packed(&[member(&star, b""), end()])
        }),
    ]
}

fn types() -> Vec<Attack> {
    vec![
        Attack::unreadable("type-7", "an entry of type `7`", || {
            packed(&[entry(b"app/a", b'7', b"x"), end()])
        }),
        Attack::planted("type-7-with-weights", || {
            packed(&[entry(b"app/model.safetensors", b'7', &weights()), end()])
        }),
        Attack::planted("vendor-type-with-weights", || {
            packed(&[entry(b"app/model.safetensors", b'D', &weights()), end()])
        }),
        Attack::unreadable("old-gnu-sparse", "sparse", || {
            packed(&[entry(b"app/a", b'S', b""), end()])
        }),
        Attack::unreadable("pax-sparse-0.1", "sparse", || {
            let map = pax(&[("GNU.sparse.map", b"0,1"), ("GNU.sparse.size", b"99")]);
            packed(&[map, file("a", b"x"), end()])
        }),
        Attack::unreadable("pax-sparse-1.0", "sparse", || {
            let one = [("GNU.sparse.major", &b"1"[..]), ("GNU.sparse.name", b"etc/x")];
            packed(&[pax(&one), file("a", b"1\n0\n1\n"), end()])
        }),
        Attack::unreadable("hard-link-with-content", "bytes of content", || {
            packed(&[entry(b"h", b'1', &plain_weights())])
        }),
        Attack::unreadable("directory-with-content", "bytes of content", || {
            packed(&[entry(b"d/", b'5', &plain_weights())])
        }),
        Attack::unreadable("device-with-content", "bytes of content", || {
            packed(&[entry(b"c", b'3', &plain_weights())])
        }),
        Attack::unreadable("old-directory-with-content", "bytes of content", || {
            let size = plain_weights().len().try_into().unwrap();
            packed(&[member(&changed(header(b"d/", b'0', size), 156, &[0]), &plain_weights())])
        }),
        Attack::planted("hard-link-to-weights", || {
            let blob = file("opt/blob", &weights());
            packed(&[blob, link("app/model.bin", b'1', "opt/blob"), end()])
        }),
    ]
}

fn ends() -> Vec<Attack> {
    vec![
        Attack::unreadable("data-behind-the-end", "data follows the end", || {
            packed(&[harmless(), plain_weights()])
        }),
        Attack::unreadable("data-behind-one-zero-block", "data follows the end", || {
            packed(&[file("a", b""), vec![0; BLOCK], plain_weights()])
        }),
        Attack::unreadable("cut-in-content", "ends inside entry", || {
            packed(&[file("a", &[7; 5000])[..3000].to_vec()])
        }),
        Attack::unreadable("cut-in-padding", "ends inside entry", || {
            packed(&[file("a", b"x")[..600].to_vec()])
        }),
        Attack::unreadable("cut-in-header", "ends inside entry", || {
            packed(&[file("a", b"x"), file("b", b"")[..100].to_vec()])
        }),
        Attack::unreadable("no-archive", "is no tar archive", || packed(&[weights()])),
    ]
}

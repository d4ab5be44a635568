//! Archives and streams put together byte by byte, as no builder would.

use std::io::Write as _;

use tar::{EntryType, Header};

pub use super::super::image::gzip;

/// Size of a tar block.
pub const BLOCK: usize = 512;

/// A raw header with a right checksum, of GNU's kind.
pub fn header(name: &[u8], kind: u8, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name);
    header.set_entry_type(EntryType::new(kind));
    header.set_mode(0o644);
    header.set_size(size);
    header.set_cksum();
    header
}

/// A header changed by hand, its checksum set right again.
pub fn changed(mut header: Header, at: usize, bytes: &[u8]) -> Header {
    header.as_mut_bytes()[at..at + bytes.len()].copy_from_slice(bytes);
    header.set_cksum();
    header
}

/// A header and content, padded.
pub fn member(header: &Header, content: &[u8]) -> Vec<u8> {
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

/// A member of that type.
pub fn entry(name: &[u8], kind: u8, content: &[u8]) -> Vec<u8> {
    member(&header(name, kind, content.len().try_into().unwrap()), content)
}

/// A file.
pub fn file(name: &str, content: &[u8]) -> Vec<u8> {
    entry(name.as_bytes(), b'0', content)
}

/// A link of that type.
pub fn link(name: &str, kind: u8, target: &str) -> Vec<u8> {
    member(&changed(header(name.as_bytes(), kind, 0), 157, target.as_bytes()), b"")
}

/// The records of a PAX header.
pub fn records(records: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (key, value) in records {
        let rest = [b" ", key.as_bytes(), b"=", value, b"\n"].concat();
        let mut length = rest.len() + 1;
        while length.to_string().len() + rest.len() != length {
            length += 1;
        }
        body.extend(length.to_string().bytes());
        body.extend(rest);
    }
    body
}

/// A PAX header.
pub fn pax(pairs: &[(&str, &[u8])]) -> Vec<u8> {
    entry(b"pax", b'x', &records(pairs))
}

/// A GNU long name.
pub fn long_name(name: &str) -> Vec<u8> {
    entry(b"././@LongLink", b'L', format!("{name}\0").as_bytes())
}

/// The two blocks at an archive's end.
pub fn end() -> Vec<u8> {
    vec![0; 2 * BLOCK]
}

/// Size of [`weights`]: more than is refused anywhere in an image's own files.
pub const WEIGHTS_BYTES: usize = 11 << 20;

/// A whole safetensors file that compresses well.
pub fn weights() -> Vec<u8> {
    let size = WEIGHTS_BYTES - 4096;
    let tensor =
        format!(r#"{{"w":{{"dtype":"F32","shape":[{}],"data_offsets":[0,{size}]}}}}"#, size / 4);
    let mut file = u64::try_from(tensor.len()).unwrap().to_le_bytes().to_vec();
    file.extend_from_slice(tensor.as_bytes());
    file.resize(file.len() + size, 0x3f);
    file
}

/// Weights as an ordinary file of an archive, with its end.
pub fn plain_weights() -> Vec<u8> {
    [file("app/model.safetensors", &weights()), end()].concat()
}

/// An archive without fault.
pub fn harmless() -> Vec<u8> {
    [file("app/main.py", b"print()\n"), end()].concat()
}

/// Members as one gzip stream.
pub fn packed(members: &[Vec<u8>]) -> Vec<u8> {
    gzip(&members.concat())
}

/// Zstandard at the fastest level.
pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

/// A skippable frame.
pub fn skippable(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_le_bytes();
    [&[0x50, 0x2a, 0x4d, 0x18], &length[..], content].concat()
}

/// One gzip member with an extra field.
pub fn gzip_with_extra(extra: &[u8], content: &[u8]) -> Vec<u8> {
    let builder = flate2::GzBuilder::new().extra(extra);
    let mut encoder = builder.write(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Bytes that do not compress.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .flatten()
    .take(length)
    .collect()
}

/// A zip archive of one stored member.
pub fn zip(name: &str, content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(content.len()).unwrap().to_le_bytes();
    let length = u16::try_from(name.len()).unwrap().to_le_bytes();
    let mut start = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
    start.extend([size, size].concat());
    start.extend([length[0], length[1], 0, 0]);
    start.extend(name.as_bytes());
    [&start, content, b"PK\x05\x06", &[0; 18]].concat()
}

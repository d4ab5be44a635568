//! What members of packed files are called: `<path>!/<member>`, of bounded length.

use super::SEPARATOR;
use crate::model::entry::clean_path;
use crate::rules::secrets::text::cut;

/// Longest name of a member. Every rule reads every path, so a long one on each of a million
/// members of nothing would cost minutes.
pub const MAX_NAME_BYTES: usize = 1024;
/// How much of an archive's own path is kept in front of its members.
const MAX_PREFIX_BYTES: usize = 512;

/// Path of an archive's member, of whose name no more is kept than may be shown.
pub(super) fn path_of(archive: &str, member: &[u8]) -> String {
    let raw = String::from_utf8_lossy(member.get(..MAX_NAME_BYTES).unwrap_or(member));
    let clean = clean_path(&raw).unwrap_or_else(|| raw.replace("..", "_"));
    format!("{}{SEPARATOR}{clean}", cut(archive, MAX_PREFIX_BYTES))
}

/// Path of what a compressed file unpacks to.
pub(super) fn within(path: &str) -> String {
    format!(
        "{}{SEPARATOR}{}",
        cut(path, MAX_PREFIX_BYTES),
        cut(stem(path).as_str(), MAX_NAME_BYTES)
    )
}

/// Its name.
fn stem(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name.rsplit_once('.') {
        Some((stem, "gz" | "zst" | "zstd" | "zz" | "zlib" | "z" | "Z")) => stem.to_owned(),
        Some((stem, "tgz" | "tzst")) => format!("{stem}.tar"),
        _ => name.to_owned(),
    }
}

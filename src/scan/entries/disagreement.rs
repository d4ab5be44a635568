//! What two honest readers could see differently in one member, or what runtimes refuse. Each
//! check names the attack or the readers it is about.

use tar::{EntryType, Header};

use super::extensions::{Extensions, number};
use super::fields;
use crate::model::entry::{OPAQUE_NAME, WHITEOUT_PREFIX};
use crate::rules::unreadable_layer::Defect;

/// A defect of one member with its particulars.
pub(super) type Disagreement = (Defect, String);

/// The first thing that is wrong with a member, if any.
pub(super) fn of(
    header: &Header,
    header_size: u64,
    extensions: &Extensions,
    path: &[u8],
) -> Option<Disagreement> {
    sizes(header_size, extensions)
        .or_else(|| names(extensions))
        .or_else(|| prefix(header, extensions))
        .or_else(|| sparse(header, extensions))
        .or_else(|| refused(header, extensions))
        .or_else(|| whiteout(path))
}

fn headers(detail: &str) -> Disagreement {
    (Defect::HeaderDisagreement, detail.to_owned())
}

fn ambiguous(detail: &str) -> Disagreement {
    (Defect::AmbiguousEntry, detail.to_owned())
}

/// CVE-2026-33055: whoever takes the header's size finds other members.
fn sizes(header_size: u64, extensions: &Extensions) -> Option<Disagreement> {
    let size = extensions.size().and_then(number)?;
    if header_size == 0 || header_size == size {
        return None;
    }
    Some(headers(&format!("PAX says {size} bytes, the header {header_size}")))
}

fn names(extensions: &Extensions) -> Option<Disagreement> {
    if extensions.is_pax_first {
        return Some(headers("a PAX header stands in front of a GNU long name"));
    }
    let pax = extensions.pax.as_ref()?;
    let differ = |long: &Option<Vec<u8>>, pax: &Option<Vec<u8>>| matches!((long, pax), (Some(long), Some(pax)) if long != pax);
    if differ(&extensions.long_name, &pax.path) {
        return Some(headers("PAX and GNU long name give two names"));
    }
    if differ(&extensions.long_link, &pax.link) {
        return Some(headers("PAX and GNU long name give two link targets"));
    }
    if pax.is_contradicting {
        return Some(headers("a PAX header says two things of one entry"));
    }
    None
}

fn prefix(header: &Header, extensions: &Extensions) -> Option<Disagreement> {
    let is_renamed = extensions.path().is_some();
    if is_renamed || header.path_bytes() == fields::go_path(header) {
        return None;
    }
    Some(headers("readers take the header's name prefix differently"))
}

fn sparse(header: &Header, extensions: &Extensions) -> Option<Disagreement> {
    let is_sparse = header.entry_type() == EntryType::GNUSparse
        || extensions.pax.as_ref().is_some_and(|pax| pax.is_sparse);
    is_sparse.then(|| (Defect::SparseEntry, "a sparse entry".to_owned()))
}

/// What stops containerd, Docker and Podman, while others read on.
fn refused(header: &Header, extensions: &Extensions) -> Option<Disagreement> {
    if extensions.pax.as_ref().is_some_and(|pax| pax.is_refused) {
        return Some(ambiguous("a PAX record that runtimes refuse"));
    }
    if extensions.pax.as_ref().is_some_and(|pax| pax.is_oversized) {
        let detail = "a PAX record longer than any extended attribute";
        return Some((Defect::HiddenData, detail.to_owned()));
    }
    if !fields::are_numbers(header) {
        return Some(ambiguous("a header field that is no number"));
    }
    let flag = fields::type_flag(header);
    if matches!(flag, 0 | b'0'..=b'6') {
        return None;
    }
    // `7` is a file in POSIX, others are vendors': GNU's volume labels, dumped directories.
    Some(ambiguous(&format!("an entry of type `{}`", char::from(flag).escape_default())))
}

/// Whiteouts that delete the directory they are in, or the one above (Docker), or that are an
/// error (containerd).
fn whiteout(path: &[u8]) -> Option<Disagreement> {
    let name = path.split(|byte| *byte == b'/').rfind(|part| !part.is_empty() && *part != b".")?;
    if name == OPAQUE_NAME.as_bytes() {
        return None;
    }
    let deleted = name.strip_prefix(WHITEOUT_PREFIX.as_bytes())?;
    if matches!(deleted, b"" | b"." | b"..") {
        return Some(ambiguous("a whiteout that names nothing in its directory"));
    }
    None
}

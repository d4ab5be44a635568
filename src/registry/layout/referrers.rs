//! What refers to a manifest of a layout: `index.json` lists it next to the images, by its
//! `subject` or under the tags that are used where there is no referrers API.

use super::{FetchError, Place, Referrers, index, manifest, name};
use crate::model::{Descriptor, Digest, Document, Referrer, referrer};

/// Most bytes of manifests that are read in search of referrers.
const MAX_READ_BYTES: u64 = 32 * 1024 * 1024;

/// Looks through the layout's list.
pub(super) fn find(place: &Place, subject: &Digest) -> Referrers {
    let index = match index(place) {
        Ok((index, _)) => index,
        Err(error) => return Referrers::missed(error),
    };
    let mut referrers = Referrers::default();
    let mut bytes = 0_u64;
    for child in index.manifests.iter().filter(|child| child.digest != *subject) {
        if bytes >= MAX_READ_BYTES {
            let what = "list of referrers";
            referrers.take(Err(FetchError::TooLarge { what, limit: MAX_READ_BYTES }));
            break;
        }
        referrers.take(of_child(place, child, subject, &mut bytes));
    }
    referrers
}

/// What a line of the list contributes.
fn of_child(
    place: &Place,
    child: &Descriptor,
    subject: &Digest,
    read: &mut u64,
) -> Result<Vec<Referrer>, FetchError> {
    let raw = match manifest(place, &child.digest) {
        Ok(raw) => raw.bytes,
        // Copies of a layout often hold some of its images only.
        Err(FetchError::NotFound(_)) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    *read = read.saturating_add(u64::try_from(raw.len()).unwrap_or(u64::MAX));
    let tag = name(child);
    if tag.as_ref() == Some(&referrer::list_tag(subject))
        && matches!(Document::parse(&raw), Ok(Document::Index(_)))
    {
        return Ok(referrer::list(&raw).unwrap_or_default());
    }
    let attached = referrer::attached(&raw);
    let is_cosigned = tag.is_some() && tag == referrer::cosign_tag(subject);
    let refers = is_cosigned || attached.subject.as_ref() == Some(subject);
    let referrer = Referrer { digest: child.digest.clone(), types: attached.types };
    Ok(refers.then_some(referrer).into_iter().collect())
}

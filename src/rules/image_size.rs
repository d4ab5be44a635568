//! `image-size`: images that are too large to pull.
//!
//! # What it finds
//! The compressed sum of one platform's layers, from the manifest alone, and the sum of all file
//! bytes in the layers as far as they have been read. Files that a later layer deletes count:
//! they are pulled and unpacked all the same.
//!
//! # Why it matters
//! Size is start-up time, registry traffic and disk on every node.
//!
//! # What to do instead
//! Slim base, multi-stage build, CPU wheels where there is no GPU, weights outside the image.

use super::{Meta, Rule, Seen, Setting, Settings};
use crate::answer::size;
use crate::model::image::Layer;
use crate::model::{Finding, Level, RuleId};

/// The rule.
pub struct ImageSize;

/// Name of this rule.
pub const ID: RuleId = RuleId::new("image-size");

const MAX_COMPRESSED: Setting = Setting::bytes(
    "max-compressed",
    3 << 30,
    "most bytes of all layers as stored in the registry, per platform",
);
const MAX_UNPACKED: Setting =
    Setting::bytes("max-unpacked", 12 << 30, "most bytes of all files in all layers, per platform");

static META: Meta = Meta {
    id: ID,
    title: "image is too large",
    what: "Adds up the layers of each platform: compressed bytes from the manifest, before any \
        layer is read, and file bytes once the layers are known. Files deleted by a later layer \
        count, because they are pulled and unpacked all the same. The report names the largest \
        layer and the instruction that made it.",
    why: "Every node that runs the image pulls it first. A 10 GB image adds minutes to every \
        cold start and every scale-up, fills node disks until the kubelet evicts pods, and pays \
        for registry traffic each time.",
    fix: "Start from a slim or runtime base (`python:3.12-slim`, `nvidia/cuda:*-base`), build in \
        one stage and copy the virtual environment into another, install CPU wheels where there \
        is no GPU (`pip install torch --index-url https://download.pytorch.org/whl/cpu`), use \
        `pip install --no-cache-dir`, and mount or download model weights instead of copying \
        them in.",
    level: Level::Deny,
    settings: &[MAX_COMPRESSED, MAX_UNPACKED],
};

/// The remedy in a line; `Meta` says more.
const FIX: &str = "start from a slim or runtime base, copy the virtual environment out of a build \
    stage, use CPU wheels where there is no GPU, and mount weights and data instead of copying them";

impl Rule for ImageSize {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn judge(&self, seen: &Seen<'_>, settings: &Settings) -> Vec<Finding> {
        let compressed =
            seen.layers().map(|(layer, _)| (layer, layer.descriptor.size)).collect::<Vec<_>>();
        let unpacked = seen
            .layers()
            .filter_map(|(layer, facts)| Some((layer, facts?.unpacked_bytes)))
            .collect::<Vec<_>>();
        let kinds = [
            ("compressed", compressed, settings.number(&MAX_COMPRESSED), true),
            ("unpacked", unpacked, settings.number(&MAX_UNPACKED), seen.is_complete()),
        ];
        kinds
            .into_iter()
            .filter_map(|(kind, layers, limit, whole)| over(kind, layers, limit, whole))
            .collect()
    }
}

/// A finding when the layers' sizes add up to more than `limit`. `whole`: no layer is missing.
fn over(kind: &str, mut layers: Vec<(Layer<'_>, u64)>, limit: u64, whole: bool) -> Option<Finding> {
    let total = layers.iter().fold(0_u64, |sum, (_, bytes)| sum.saturating_add(*bytes));
    if total <= limit {
        return None;
    }
    layers.sort_by_key(|(layer, bytes)| (std::cmp::Reverse(*bytes), layer.index));
    let (largest, bytes) = *layers.first()?;
    let at_least = if whole { "" } else { "at least " };
    let message = format!(
        "{kind} size is {at_least}{}, the limit is {}; the largest layer has {}",
        size(total),
        size(limit),
        size(bytes),
    );
    let mut finding = Finding::new(ID, Level::Deny, message, FIX).in_layer(largest);
    finding.size = Some(total);
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Sample, sized};
    use super::*;
    use crate::rules::settings::SettingValue;

    const GIB: u64 = 1 << 30;

    #[test]
    fn a_small_image_passes() {
        let sample = Sample::of(&ImageSize)
            .unread("FROM python:3.12-slim", GIB)
            .layer("RUN pip install torch", &[sized("usr/lib/x.so", "", 11 * GIB)]);
        assert_eq!(sample.words(), "");
    }

    #[test]
    fn the_limit_itself_is_allowed() {
        for (bytes, level) in
            [(3 * GIB - 1, None), (3 * GIB, None), (3 * GIB + 1, Some(Level::Deny))]
        {
            assert_eq!(Sample::of(&ImageSize).unread("COPY x", bytes).level(), level, "{bytes}");
        }
    }

    #[test]
    fn a_large_image_is_refused_from_the_manifest_alone() {
        let sample = Sample::of(&ImageSize)
            .step("ENV A=b")
            .unread("FROM python:3.12", GIB / 4)
            .unread("RUN pip install -i https://ci:t0psecr3t@pypi.corp/simple torch", 5 * GIB)
            .unread("COPY models/ /app/models # buildkit", 4 * GIB);
        let findings = sample.findings();
        assert_eq!(findings.len(), 1);
        insta::assert_snapshot!(findings[0].message, @"compressed size is 9.2 GiB, the limit is 3.0 GiB; the largest layer has 5.0 GiB");
        assert_eq!(findings[0].layer.as_ref().unwrap().index, 1);
        assert_eq!(findings[0].size, Some(9 * GIB + GIB / 4));
    }

    #[test]
    fn hiding_behind_good_compression_does_not_help() {
        // Zeros compress a thousandfold; the disk of the node does not.
        let sample = Sample::of(&ImageSize)
            .layer("RUN make-data", &[sized("data", "", 13 * GIB)])
            .unread("RUN rm data", 10);
        let findings = sample.findings();
        insta::assert_snapshot!(findings[0].message, @"unpacked size is at least 13.0 GiB, the limit is 12.0 GiB; the largest layer has 13.0 GiB");
    }

    #[test]
    fn sizes_that_overflow_do_not_wrap() {
        let sample = Sample::of(&ImageSize).unread("a", u64::MAX).unread("b", u64::MAX);
        assert_eq!(sample.level(), Some(Level::Deny));
    }

    #[test]
    fn the_limits_are_settings() {
        let mut sample = Sample::of(&ImageSize).unread("COPY x", 4 * GIB);
        sample.settings.set(&MAX_COMPRESSED, SettingValue::Number(8 * GIB));
        assert_eq!(sample.level(), None);
    }
}

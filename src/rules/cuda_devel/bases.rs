//! Base images that the operator denies by name. An image is built on one if its uncompressed
//! layers begin with the base's: those digests stay the same when a registry or a mirror
//! compresses the layers anew (`research/content.md` section 1.8).
//!
//! They are taken as the configuration writes them. Who lies about them gets an image that does
//! not run: containerd, Docker and CRI-O compare each with the layer when they unpack it. Who
//! squashes the layers gets past this, and then what is in them tells.

use super::super::around::Base;
use super::super::{Seen, Setting};
use super::ID;
use crate::model::{Finding, Level};

/// The setting.
pub(super) const DENIED: Setting = Setting::references(
    "denied-bases",
    "images that nothing may be built on, such as `nvidia/cuda:12.8.1-devel-ubuntu24.04`; \
     compared layer by layer, whatever the image calls itself",
);

const DENIED_FIX: &str = "build on another base image; keep this one for a build stage and copy \
    the result out of it with `COPY --from=build`";
const UNKNOWN_FIX: &str = "check `denied-bases`, and that its registry is listed under \
    `registries` and can be reached";

/// Complains about an image that is built on one of the bases `denied`, or is one of them.
pub(super) fn findings(seen: &Seen<'_>, denied: &[String]) -> Vec<Finding> {
    let bases: Vec<&Base> =
        seen.bases().iter().filter(|base| denied.contains(&base.name)).collect();
    let diff_ids = &seen.image.config.diff_ids;
    let built_on = bases.iter().filter(|base| is_base(base, diff_ids)).map(|base| {
        let message = format!("the image is built on a denied base image: `{}`", base.name);
        Finding::new(ID, Level::Deny, message, DENIED_FIX)
    });
    built_on.chain(unknown(&bases)).collect()
}

/// Whether the layers begin with those of a base, for any of its platforms.
fn is_base(base: &Base, diff_ids: &[String]) -> bool {
    let known = base.diff_ids.iter().flatten();
    // Everything begins with nothing.
    known.filter(|layers| !layers.is_empty()).any(|layers| diff_ids.starts_with(layers))
}

/// One warning for all that could not be compared: nobody's rollout stops because a base's
/// registry is down.
fn unknown(bases: &[&Base]) -> Option<Finding> {
    let unknown =
        bases.iter().filter_map(|base| base.diff_ids.as_ref().err().map(|why| (&base.name, why)));
    let unknown: Vec<_> = unknown.collect();
    let (name, why) = unknown.first()?;
    let message = match unknown.len() {
        1 => format!("denied base image `{name}` could not be compared: {why}"),
        count => format!(
            "{count} denied base images could not be compared, the first is `{name}`: {why}"
        ),
    };
    Some(Finding::new(ID, Level::Warn, message, UNKNOWN_FIX))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Sample;
    use super::super::CudaDevel;
    use super::*;
    use crate::rules::settings::SettingValue;

    fn base(name: &str, platforms: &[&[&str]]) -> Base {
        let layers = |ids: &&[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        Base { name: name.to_owned(), diff_ids: Ok(platforms.iter().map(layers).collect()) }
    }

    fn image(diff_ids: &[&str], bases: Vec<Base>) -> Sample {
        let mut sample = Sample::of(&CudaDevel);
        sample.image.config.diff_ids = diff_ids.iter().map(|id| (*id).to_owned()).collect();
        let names = bases.iter().map(|base| base.name.clone()).collect();
        sample.settings.set(&DENIED, SettingValue::Texts(names));
        sample.around.bases = bases.into();
        sample
    }

    #[test]
    fn an_image_begins_with_its_base() {
        /// Diff ids of an image, those of a base's platforms, whether one begins the other.
        type Row = (&'static [&'static str], &'static [&'static [&'static str]], bool);
        let table: [Row; 9] = [
            (&["a", "b", "c"], &[&["a", "b"]], true),
            (&["a", "b"], &[&["a", "b"]], true),
            (&["a", "b"], &[&["x"], &["a"]], true),
            (&["a"], &[&["a", "b"]], false),
            (&["x", "a", "b"], &[&["a", "b"]], false),
            (&["a", "x"], &[&["a", "b"]], false),
            (&["a"], &[&[]], false),
            (&[], &[&[]], false),
            (&["a"], &[], false),
        ];
        for (diff_ids, platforms, expected) in table {
            let level = image(diff_ids, vec![base("b", platforms)]).level();
            assert_eq!(level == Some(Level::Deny), expected, "{diff_ids:?} {platforms:?}");
        }
    }

    #[test]
    fn a_finding_names_the_base() {
        let name = "nvidia/cuda:12.8.1-devel-ubuntu24.04";
        insta::assert_snapshot!(image(&["a", "b"], vec![base(name, &[&["a"]])]).words(), @r"
        deny: the image is built on a denied base image: `nvidia/cuda:12.8.1-devel-ubuntu24.04`
          fix: build on another base image; keep this one for a build stage and copy the result out of it with `COPY --from=build`
        ");
    }

    #[test]
    fn what_cannot_be_compared_is_a_warning() {
        let unknown = |name: &str| Base {
            name: name.to_owned(),
            diff_ids: Err("registry is not listed (hint: add it to `registries`): `r`".to_owned()),
        };
        insta::assert_snapshot!(image(&["a"], vec![unknown("r/b")]).words(), @r"
        warn: denied base image `r/b` could not be compared: registry is not listed (hint: add it to `registries`): `r`
          fix: check `denied-bases`, and that its registry is listed under `registries` and can be reached
        ");
        let several = image(&["a"], vec![unknown("r/b"), base("y", &[&["a"]]), unknown("r/c")]);
        insta::assert_snapshot!(several.words(), @r"
        deny: the image is built on a denied base image: `y`
          fix: build on another base image; keep this one for a build stage and copy the result out of it with `COPY --from=build`
        warn: 2 denied base images could not be compared, the first is `r/b`: registry is not listed (hint: add it to `registries`): `r`
          fix: check `denied-bases`, and that its registry is listed under `registries` and can be reached
        ");
    }

    #[test]
    fn bases_that_this_subject_may_stand_on_do_not_count() {
        let mut sample = image(&["a"], vec![base("b", &[&["a"]])]);
        sample.settings.set(&DENIED, SettingValue::Texts(Vec::new()));
        assert!(sample.findings().is_empty());
    }
}

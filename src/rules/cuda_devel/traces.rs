//! Traces of a development base in the configuration and the manifest: names of variables,
//! search paths, base image names, commands of the history. Counts over all of NVIDIA's
//! Dockerfiles: `research/content.md` section 1.1.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::super::Seen;
use crate::model::Image;
use crate::model::dockerfile::{Instruction, Step};

/// What the configuration and the manifest say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Traces {
    /// Names of variables that only NVIDIA's devel images set.
    pub(super) variables: Vec<String>,
    /// `LIBRARY_PATH` holds the toolkit's link stubs.
    pub(super) stubs: bool,
    /// NGC framework image, by its product name.
    pub(super) framework: Option<String>,
    /// Base image whose tag says devel.
    pub(super) base: Option<String>,
    /// Development packages or installers in the history.
    pub(super) history: Option<String>,
    /// The layer whose instruction that is.
    pub(super) history_layer: Option<usize>,
    /// `ROCm`'s development packages in the history, or a development base.
    pub(super) rocm: Option<String>,
}

/// Versions stand in the text, or as the variables they came from: tensorflow has
/// `cuda-command-line-tools-${CUDA/./-}`.
#[expect(clippy::expect_used, reason = "constant expression, compiled by the tests")]
static PACKAGES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"cuda-(?:minimal-build|command-line-tools|libraries-dev(?:el)?|nvml-dev(?:el)?|cudart-dev(?:el)?|toolkit|compiler)-(?:[0-9]+-[0-9]+\b|\$\{?[A-Za-z_]+)|\bnvidia-cuda-toolkit\b",
    )
    .expect("PACKAGES compiles")
});

#[expect(clippy::expect_used, reason = "constant expression, compiled by the tests")]
static ROCM_PACKAGES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?:^|[\s/])(?:rocm-dev|rocm-hip-sdk|hip-dev|rocm-hip-runtime-dev(?:el)?)(?:[\s=]|$)",
    )
    .expect("ROCM_PACKAGES compiles")
});

/// Variables of devel images without the word DEV in them.
const OTHER_VARIABLES: &[&str] = &["NV_NVPROF_VERSION", "NV_CUDA_NSIGHT_COMPUTE_VERSION"];
/// Where the name of a base image is written, as an annotation or as a label.
const BASE_NAME: &str = "org.opencontainers.image.base.name";
/// Longest name shown, in characters.
const SHOWN: usize = 120;

/// Reads the traces of one image.
pub(super) fn traces(seen: &Seen<'_>) -> Traces {
    let image = seen.image;
    let values = |wanted: &'static str| {
        image.config.env_pairs().filter(move |(name, _)| *name == wanted).map(|(_, value)| value)
    };
    let variables: BTreeSet<&str> = image
        .config
        .env_pairs()
        .map(|(name, _)| name)
        .filter(|name| is_devel_variable(name))
        .collect();
    let steps = seen.steps();
    let history = history(steps);
    Traces {
        variables: variables.into_iter().map(shown).collect(),
        stubs: values("LIBRARY_PATH").any(|path| path.split(':').any(is_stubs)),
        framework: values("NVIDIA_PRODUCT_NAME").find(|name| is_framework(name)).map(shown),
        base: base(image, is_devel_image),
        history_layer: history.as_ref().and_then(|(step, _)| step.layer),
        history: history.map(|(_, text)| text),
        rocm: base(image, |name| name.contains("rocm/dev-")).or_else(|| rocm(steps)),
    }
}

/// `NV_<component>_DEV` and `NV_<component>_DEV_<what>`; blanked ones keep their name.
/// `NV_CUDA_LIB_VERSION` is set by runtime images too.
fn is_devel_variable(name: &str) -> bool {
    let component = name
        .strip_prefix("NV_")
        .is_some_and(|rest| rest.ends_with("_DEV") || rest.contains("_DEV_"));
    component || OTHER_VARIABLES.contains(&name)
}

fn is_stubs(component: &str) -> bool {
    let component = component.trim_end_matches('/');
    component.starts_with("/usr/local/cuda") && component.ends_with("/stubs")
}

/// The devel image this one was built from, by annotation, label or buildah's remark.
fn base(image: &Image, is_wanted: impl Fn(&str) -> bool) -> Option<String> {
    let written = [image.manifest.annotations.get(BASE_NAME), image.config.labels.get(BASE_NAME)];
    let remarks = image.config.history.iter().filter_map(|step| step.comment.strip_prefix("FROM "));
    written
        .into_iter()
        .flatten()
        .map(String::as_str)
        .chain(remarks)
        .find(|name| is_wanted(name))
        .map(shown)
}

/// NGC's framework images are all made for development.
const NGC_FRAMEWORKS: &[&str] =
    &["pytorch", "tensorflow", "jax", "nemo", "mxnet", "paddlepaddle", "modulus", "physicsnemo"];

/// Whether a product of that name is such an image. Servers and inference libraries (Triton,
/// TensorRT) set the variable and the link stubs too, and are made to be run.
fn is_framework(product: &str) -> bool {
    let first = product.split([' ', '-', ':']).next().unwrap_or(product).to_ascii_lowercase();
    NGC_FRAMEWORKS.contains(&first.as_str())
}

/// `nvidia/cuda:12.8.0-cudnn-devel-ubuntu22.04`, `nvcr.io/nvidia/pytorch:25.10-py3`.
fn is_devel_image(name: &str) -> bool {
    let name = name.split('@').next().unwrap_or(name).trim();
    let accelerator = ["cuda", "nvidia", "pytorch", "tensorflow", "rocm"];
    let last = name.rsplit('/').next().unwrap_or(name);
    let (repository, tag) = last.split_once(':').unwrap_or((last, ""));
    (name.starts_with("nvcr.io/nvidia/") && NGC_FRAMEWORKS.contains(&repository))
        || (accelerator.iter().any(|word| name.contains(word))
            && tag.split(['-', '_']).any(|word| word == "devel"))
}

/// The step that installs development packages, and its words.
fn history<'s, 'a>(steps: &'s [Step<'a>]) -> Option<(&'s Step<'a>, String)> {
    steps.iter().find_map(|step| {
        let text = step.written();
        if text.contains("installCUDA.sh") && text.contains("DEVEL=1") {
            return Some((step, "DEVEL=1 installCUDA.sh".to_owned()));
        }
        installed(step, packages).map(|name| (step, name))
    })
}

/// The development packages that a text names, without the variables of which the match has only
/// the start. The configuration packages come with every base image.
fn packages(text: &str) -> Vec<String> {
    let rest = |end: usize| text.get(end..).unwrap_or_default();
    let found = PACKAGES.find_iter(text).filter(|found| !rest(found.end()).starts_with("-config"));
    let name = |text: &str| shown(text.split("-$").next().unwrap_or(text));
    found.map(|found| name(found.as_str())).collect()
}

fn rocm(steps: &[Step<'_>]) -> Option<String> {
    let packages = |text: &str| {
        ROCM_PACKAGES.find_iter(text).map(|found| shown(found.as_str().trim())).collect()
    };
    steps.iter().find_map(|step| installed(step, packages))
}

/// Programs that name packages without installing them.
const SPEAKERS: &[&str] = &["apt-mark", "echo", "printf", "sed", "grep", "awk", "rm", "test", "["];
/// Words with which package managers take packages away.
const REMOVALS: &[&str] = &["remove", "purge", "autoremove", "autopurge", "erase", "uninstall"];

/// The first package that a step installs and keeps.
fn installed(step: &Step<'_>, packages: impl Fn(&str) -> Vec<String>) -> Option<String> {
    let mut named = packages(step.written());
    if named.is_empty() {
        return None;
    }
    match step.instruction() {
        Some(Instruction::Run(_)) => {}
        Some(_) => return None,
        // No Dockerfile's line: nothing tells what it does.
        None => return named.into_iter().next(),
    }
    for command in step.commands() {
        let is_removal = command.arguments().any(|word| REMOVALS.contains(&word));
        if !is_removal && !SPEAKERS.contains(&command.program()) {
            continue;
        }
        let words: Vec<&str> = command.arguments().collect();
        for name in packages(&words.join(" ")) {
            if is_removal {
                named.retain(|known| *known != name);
            } else if let Some(at) = named.iter().position(|known| *known == name) {
                named.remove(at);
            }
        }
    }
    named.into_iter().next()
}

fn shown(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_devel_variables() {
        for name in [
            "NV_CUDA_CUDART_DEV_VERSION",
            "NV_NVML_DEV_VERSION",
            "NV_LIBNCCL_DEV_PACKAGE",
            "NV_CUDNN_PACKAGE_DEV",
            "NV_NVPROF_VERSION",
        ] {
            assert!(is_devel_variable(name), "{name}");
        }
        for name in [
            "NV_CUDA_LIB_VERSION",
            "NV_CUDNN_PACKAGE",
            "NV_LIBCUBLAS_VERSION",
            "NVIDIA_REQUIRE_CUDA",
            "NVIDIA_VISIBLE_DEVICES",
            "CUDA_VERSION",
            "NVARCH",
            "NV_DEVICE",
            "MY_DEV_VERSION",
        ] {
            assert!(!is_devel_variable(name), "{name}");
        }
    }

    #[test]
    fn knows_devel_images() {
        for name in [
            "docker.io/nvidia/cuda:12.8.0-cudnn-devel-ubuntu22.04",
            "nvidia/cuda:11.8.0-devel@sha256:00",
            "pytorch/pytorch:2.5.1-cuda12.4-cudnn9-devel",
            "nvcr.io/nvidia/pytorch:25.10-py3",
            "nvcr.io/nvidia/cuda-dl-base:25.01-cuda12.8-devel-ubuntu24.04",
            "localhost:5000/nvidia/cuda:12-devel",
        ] {
            assert!(is_devel_image(name), "{name}");
        }
        for name in [
            "nvidia/cuda:12.8.0-runtime-ubuntu22.04",
            "pytorch/pytorch:2.5.1-cuda12.4-cudnn9-runtime",
            "fedora:devel",
            "nvcr.io/nvidia/tritonserver:25.10-py3",
            "registry.corp/ml/development:12-runtime",
            "nvidia/developer-tools:1",
            "",
        ] {
            assert!(!is_devel_image(name), "{name}");
        }
    }

    #[test]
    fn splits_the_library_path() {
        for (path, expected) in [
            ("/usr/local/cuda/lib64/stubs", true),
            ("/usr/local/cuda/lib64/stubs:", true),
            ("/opt/lib:/usr/local/cuda/lib64/stubs", true),
            ("/usr/local/cuda/lib64", false),
            ("/opt/stubs", false),
        ] {
            assert_eq!(path.split(':').any(is_stubs), expected, "{path}");
        }
    }
}

//! Platforms, and which of them a runtime takes for which. Runtimes do not compare the words: they
//! know other spellings of them, and fall back to what their processor runs as well.
//! Sources: containerd/platforms `database.go` (spellings) and `compare.go` (`platformVector`);
//! containers/image `pkg/platform` (a child without variant).

use std::fmt;

use serde::{Deserialize, Serialize};

/// Operating system and processor an image is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub struct Platform {
    /// Operating system, such as `linux`.
    #[serde(default)]
    pub os: String,
    /// Processor architecture in Go's words, such as `amd64`.
    #[serde(default)]
    pub architecture: String,
    /// Variant of the architecture, such as `v8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl Platform {
    /// Whether a machine of the kind `wanted` (`os/arch` or `os/arch/variant`) may be given an
    /// image for this platform: in any spelling, or because the machine runs this as well. A
    /// variant that one side leaves out may be any.
    pub fn matches(&self, wanted: &str) -> bool {
        let mut parts = wanted.splitn(3, '/');
        let mut part = || parts.next().filter(|part| !part.is_empty());
        let (Some(os), Some(architecture)) = (part(), part()) else { return false };
        let wanted = Plain::new(os, architecture, part());
        wanted.runs(&Plain::new(&self.os, &self.architecture, self.variant.as_deref()))
    }

    /// Whether it calls itself `unknown/unknown`, as BuildKit calls what stands next to images.
    /// No runtime picks that out of an index.
    pub fn is_nobodys(&self) -> bool {
        [&self.os, &self.architecture].into_iter().all(|part| lower(part) == "unknown")
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known =
            |text: &str| if text.is_empty() { "unknown".to_owned() } else { text.to_owned() };
        write!(f, "{}/{}", known(&self.os), known(&self.architecture))?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

/// A platform in the one spelling that is compared.
#[derive(Debug, PartialEq, Eq)]
struct Plain {
    os: String,
    architecture: String,
    /// Nothing where none is written.
    variant: Option<String>,
}

impl Plain {
    fn new(os: &str, architecture: &str, variant: Option<&str>) -> Self {
        let os = match lower(os) {
            os if os == "macos" => "darwin".to_owned(),
            os => os,
        };
        let written = variant.map(lower).filter(|variant| !variant.is_empty());
        let architecture = lower(architecture);
        let (architecture, variant) = match architecture.as_str() {
            "i386" => ("386", None),
            "x86_64" | "x86-64" => ("amd64", written),
            "aarch64" => ("arm64", written),
            "armhf" => ("arm", Some("v7".to_owned())),
            "armel" => ("arm", Some("v6".to_owned())),
            other => (other, written),
        };
        Self { os, architecture: architecture.to_owned(), variant }
    }

    /// Whether a machine of this kind runs what is for `other`.
    fn runs(&self, other: &Self) -> bool {
        let architectures = (self.architecture.as_str(), other.architecture.as_str());
        let is_run = match architectures {
            (own, others) if own == others => self.runs_variant(other),
            ("amd64", "386") | ("arm64", "arm") => true,
            _ => false,
        };
        self.os == other.os && is_run
    }

    /// Variants that count up run what came before.
    fn runs_variant(&self, other: &Self) -> bool {
        let (Some(own), Some(others)) = (&self.variant, &other.variant) else { return true };
        let runs_older = || Some(level(others)? <= level(own)?);
        own == others || runs_older().unwrap_or(false)
    }
}

/// `v8.5` as `(8, 5)`; with or without the letter.
fn level(variant: &str) -> Option<(u32, u32)> {
    let numbers = variant.strip_prefix('v').unwrap_or(variant);
    let (major, minor) = numbers.split_once('.').unwrap_or((numbers, "0"));
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Lower case letter by letter, as Go has it: there, a dotted capital I becomes a plain `i`.
fn lower(text: &str) -> String {
    text.chars().filter_map(|letter| letter.to_lowercase().next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        let mut parts = text.splitn(3, '/').map(str::to_owned);
        let mut part = || parts.next();
        Platform {
            os: part().unwrap_or_default(),
            architecture: part().unwrap_or_default(),
            variant: part(),
        }
    }

    #[test]
    fn every_spelling_is_the_same_platform() {
        let table = [
            ("linux/amd64", "linux/x86_64"),
            ("linux/amd64", "linux/X86-64"),
            ("linux/amd64", "Linux/AMD64"),
            ("linux/amd64", "L\u{130}NUX/amd64"),
            ("linux/amd64", "linux/amd64/v1"),
            ("linux/amd64/v1", "linux/amd64"),
            ("linux/arm64", "linux/aarch64"),
            ("linux/arm64", "linux/arm64/v8"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64/8"),
            ("linux/arm64/v8", "linux/aarch64/V8"),
            ("linux/arm/v7", "linux/armhf"),
            ("linux/arm/v7", "linux/arm"),
            ("linux/arm/v6", "linux/armel"),
            ("linux/arm/v6", "linux/arm"),
            ("linux/386", "linux/i386"),
            ("darwin/arm64", "macOS/arm64"),
            ("linux/x86_64", "linux/amd64"),
            ("linux/aarch64/v8", "linux/arm64"),
        ];
        for (wanted, child) in table {
            assert!(platform(child).matches(wanted), "{wanted} {child}");
        }
    }

    #[test]
    fn what_a_machine_falls_back_to_is_for_it() {
        let table = [
            ("linux/amd64", "linux/386", true),
            ("linux/amd64/v3", "linux/amd64/v2", true),
            ("linux/amd64/v3", "linux/386", true),
            ("linux/amd64/v2", "linux/amd64/v3", false),
            ("linux/arm64", "linux/arm/v8", true),
            ("linux/arm64", "linux/armhf", true),
            ("linux/arm64/v8", "linux/arm/v5", true),
            ("linux/arm64/v8.2", "linux/arm64/v8.1", true),
            ("linux/arm64/v9", "linux/arm64/v8.5", true),
            ("linux/arm64/v9.1", "linux/arm64/v9", true),
            ("linux/arm64/v8", "linux/arm64/v9", false),
            ("linux/arm/v7", "linux/arm/v6", true),
            ("linux/arm/v6", "linux/arm/v7", false),
            ("linux/386", "linux/amd64", false),
            ("linux/arm", "linux/arm64", false),
            ("linux/arm64", "linux/386", false),
            ("linux/amd64", "windows/amd64", false),
            ("windows/amd64", "windows/386", true),
            ("linux/s390x", "linux/amd64", false),
            ("linux/mips64le/softfloat", "linux/mips64le/hardfloat", false),
            ("linux/mips64le/softfloat", "linux/mips64le", true),
            ("linux", "linux/amd64", false),
            ("linux/", "linux/", false),
        ];
        for (wanted, child, expected) in table {
            assert_eq!(platform(child).matches(wanted), expected, "{wanted} {child}");
        }
    }

    #[test]
    fn nobody_asks_for_unknown() {
        for (text, expected) in [
            ("unknown/unknown", true),
            ("Unknown/UNKNOWN", true),
            ("linux/unknown", false),
            ("/", false),
            ("unknown/amd64", false),
        ] {
            assert_eq!(platform(text).is_nobodys(), expected, "{text}");
        }
    }
}

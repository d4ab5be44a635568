//! A rule's settings: declared once in its `Meta` as constants with defaults, so configuration,
//! JSON Schema and `plimsoll rules` need no code per rule.

use std::collections::BTreeMap;

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};

use crate::model::Reference;

/// Type and default of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingKind {
    /// A number of bytes, written like `3GiB`.
    Bytes(u64),
    /// A plain number.
    Count(u64),
    /// A list of texts.
    Texts(&'static [&'static str]),
    /// A list of image references, none of them by default.
    References,
}

/// Most references in one list: each is asked of a registry, once in a while.
pub const MAX_REFERENCES: usize = 100;

/// One setting of one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Kebab-case key.
    pub name: &'static str,
    /// Type and default.
    pub kind: SettingKind,
    /// What it does.
    pub help: &'static str,
}

impl Setting {
    /// A setting in bytes.
    pub const fn bytes(name: &'static str, default: u64, help: &'static str) -> Self {
        Self { name, kind: SettingKind::Bytes(default), help }
    }

    /// A setting that is a number.
    pub const fn count(name: &'static str, default: u64, help: &'static str) -> Self {
        Self { name, kind: SettingKind::Count(default), help }
    }

    /// A setting that is a list of texts.
    pub const fn texts(
        name: &'static str,
        default: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self { name, kind: SettingKind::Texts(default), help }
    }

    /// A setting that is a list of image references.
    pub const fn references(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: SettingKind::References, help }
    }

    /// Reads a configured value of this setting. The error says what was expected.
    pub fn parse(&self, value: &serde_json::Value) -> Result<SettingValue, String> {
        use serde_json::Value;
        match (self.kind, value) {
            (SettingKind::Bytes(_), Value::Number(number)) => number
                .as_u64()
                .map(SettingValue::Number)
                .ok_or_else(|| format!("expected a size such as `3GiB`, got `{number}`")),
            (SettingKind::Bytes(_), Value::String(text)) => text
                .parse::<ByteSize>()
                .map(|size| SettingValue::Number(size.as_u64()))
                .map_err(|_| format!("expected a size such as `3GiB`, got `{text}`")),
            (SettingKind::Bytes(_), other) => {
                Err(format!("expected a size such as `3GiB`, got `{other}`"))
            }
            (SettingKind::Count(_), other) => other
                .as_u64()
                .map(SettingValue::Number)
                .ok_or_else(|| format!("expected a whole number, got `{other}`")),
            (SettingKind::Texts(_), Value::Array(items)) => {
                items.iter().map(text).collect::<Result<_, _>>().map(SettingValue::Texts)
            }
            (SettingKind::References, Value::Array(items)) => references(items),
            (SettingKind::Texts(_), other) => {
                Err(format!("expected a list of texts, got `{other}`"))
            }
            (SettingKind::References, other) => {
                Err(format!("expected a list of image references, got `{other}`"))
            }
        }
    }

    /// The default as it is written in the configuration.
    pub fn default_text(&self) -> String {
        match self.kind {
            SettingKind::Bytes(bytes) => written_size(bytes),
            SettingKind::Count(count) => count.to_string(),
            SettingKind::Texts(texts) => format!("[{}]", texts.join(", ")),
            SettingKind::References => "[]".to_owned(),
        }
    }
}

fn text(item: &serde_json::Value) -> Result<String, String> {
    let text = item.as_str().map(str::to_owned);
    text.ok_or_else(|| format!("expected a list of texts, got `{item}` in it"))
}

fn references(items: &[serde_json::Value]) -> Result<SettingValue, String> {
    if items.len() > MAX_REFERENCES {
        let count = items.len();
        return Err(format!("expected at most {MAX_REFERENCES} image references, got {count}"));
    }
    let reference = |item| {
        let text = text(item)?;
        match text.parse::<Reference>() {
            Ok(_) => Ok(text),
            Err(error) => {
                let shown: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
                Err(format!("{}: `{shown}`", error.reason()))
            }
        }
    };
    items.iter().map(reference).collect::<Result<_, _>>().map(SettingValue::Texts)
}

/// A size in the largest unit that leaves no fraction.
fn written_size(bytes: u64) -> String {
    const UNITS: [(u32, &str); 4] = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let fits = |(shift, _): &&(u32, &str)| bytes > 0 && bytes.trailing_zeros() >= *shift;
    match UNITS.iter().find(fits) {
        Some((shift, unit)) => format!("{}{unit}", bytes >> shift),
        None => format!("{bytes}B"),
    }
}

/// A configured value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SettingValue {
    /// Bytes or a count.
    Number(u64),
    /// A list.
    Texts(Vec<String>),
}

/// The configured values of one rule; what is not set has the setting's default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Settings(BTreeMap<String, SettingValue>);

impl Settings {
    /// Sets a value, replacing an earlier one.
    pub fn set(&mut self, setting: &Setting, value: SettingValue) {
        self.0.insert(setting.name.to_owned(), value);
    }

    /// These settings, overridden by those of `other` that are set.
    #[must_use]
    pub fn overridden_by(&self, other: &Self) -> Self {
        let mut merged = self.clone();
        merged.0.extend(other.0.iter().map(|(name, value)| (name.clone(), value.clone())));
        merged
    }

    /// Value of a setting in bytes or of a count.
    pub fn number(&self, setting: &Setting) -> u64 {
        match (self.0.get(setting.name), setting.kind) {
            (Some(SettingValue::Number(value)), _) => *value,
            (_, SettingKind::Bytes(default) | SettingKind::Count(default)) => default,
            (_, SettingKind::Texts(_) | SettingKind::References) => 0,
        }
    }

    /// Value of a list.
    pub fn texts(&self, setting: &Setting) -> Vec<String> {
        match (self.0.get(setting.name), setting.kind) {
            (Some(SettingValue::Texts(texts)), _) => texts.clone(),
            (_, SettingKind::Texts(default)) => {
                default.iter().map(|text| (*text).to_owned()).collect()
            }
            (_, SettingKind::Bytes(_) | SettingKind::Count(_) | SettingKind::References) => {
                Vec::new()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SIZE: Setting = Setting::bytes("min-size", 10, "");
    const NAMES: Setting = Setting::texts("names", &["a"], "");

    #[test]
    fn defaults_are_written_as_they_are_read() {
        for (bytes, text) in [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1KiB"),
            (1536, "1536B"),
            (10 << 20, "10MiB"),
            (3 << 30, "3GiB"),
            (1 << 50, "1024TiB"),
        ] {
            let setting = Setting::bytes("size", bytes, "");
            assert_eq!(setting.default_text(), text);
            assert_eq!(setting.parse(&json!(text)), Ok(SettingValue::Number(bytes)), "{text}");
        }
    }

    #[test]
    fn references_are_checked_and_few() {
        const BASES: Setting = Setting::references("bases", "");
        let error = |value| BASES.parse(&value).unwrap_err();
        let good = json!(["nvidia/cuda:12.8.1-devel-ubuntu24.04", "r.example.com/base"]);
        assert!(BASES.parse(&good).is_ok());
        assert_eq!(BASES.parse(&json!([])), Ok(SettingValue::Texts(vec![])));
        insta::assert_snapshot!(error(json!(["a", "NVIDIA/cuda"])), @"not an image reference (upper case in the repository; hint: write the name in lower case): `NVIDIA/cuda`");
        insta::assert_snapshot!(error(json!(["nvidia/cuda:*-devel"])), @"not an image reference (invalid reference format): `nvidia/cuda:*-devel`");
        insta::assert_snapshot!(error(json!("a")), @r#"expected a list of image references, got `"a"`"#);
        insta::assert_snapshot!(error(json!([1])), @"expected a list of texts, got `1` in it");
        for count in [MAX_REFERENCES - 1, MAX_REFERENCES, MAX_REFERENCES + 1] {
            let many = json!(vec!["a"; count]);
            assert_eq!(BASES.parse(&many).is_ok(), count <= MAX_REFERENCES, "{count}");
        }
        insta::assert_snapshot!(error(json!(vec!["a"; 101])), @"expected at most 100 image references, got 101");
        assert_eq!(BASES.default_text(), "[]");
        assert!(Settings::default().texts(&BASES).is_empty());
    }

    #[test]
    fn parses_and_merges() {
        assert_eq!(SIZE.parse(&json!("3GiB")), Ok(SettingValue::Number(3 << 30)));
        assert_eq!(SIZE.parse(&json!(17)), Ok(SettingValue::Number(17)));
        for bad in [json!("big"), json!(-1), json!(null), json!([1])] {
            assert!(SIZE.parse(&bad).is_err(), "{bad}");
        }
        assert_eq!(NAMES.parse(&json!(["x"])), Ok(SettingValue::Texts(vec!["x".into()])));
        assert!(NAMES.parse(&json!([1])).is_err());

        let mut base = Settings::default();
        assert_eq!(base.number(&SIZE), 10);
        assert_eq!(base.texts(&NAMES), ["a"]);
        base.set(&SIZE, SettingValue::Number(20));
        let mut scope = Settings::default();
        scope.set(&NAMES, SettingValue::Texts(vec![]));
        let merged = base.overridden_by(&scope);
        assert_eq!(merged.number(&SIZE), 20);
        assert!(merged.texts(&NAMES).is_empty());
    }
}

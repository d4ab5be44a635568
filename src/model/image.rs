//! One platform's image: manifest, configuration and the layers with the instruction that made
//! each. Source: OCI image-spec config.md.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::manifest::{Manifest, null_as_default};
use super::{Descriptor, Digest, Platform, lookalike};

/// Largest image configuration we read, in bytes. Real ones stay below 100 kB.
pub const MAX_CONFIG_BYTES: u64 = 8 * 1024 * 1024;

/// One step of the build, from the configuration's `history`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct History {
    /// The instruction, in the builder's own spelling.
    #[serde(default, deserialize_with = "null_as_default")]
    pub created_by: String,
    /// Builder's remark; buildah writes `FROM <image>` here.
    #[serde(default, deserialize_with = "null_as_default")]
    pub comment: String,
    /// Who made it, as the builder was told.
    #[serde(default, deserialize_with = "null_as_default")]
    pub author: String,
    /// When, in RFC 3339, as written.
    #[serde(default, deserialize_with = "null_as_default")]
    pub created: String,
    /// Whether the step made no layer.
    #[serde(default, deserialize_with = "null_as_default")]
    pub empty_layer: bool,
}

/// The parts of an image configuration that rules look at.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ImageConfig {
    /// `NAME=value` pairs.
    pub env: Vec<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Default command.
    pub cmd: Vec<String>,
    /// Entry point.
    pub entrypoint: Vec<String>,
    /// Working directory.
    pub working_dir: String,
    /// User the process runs as.
    pub user: String,
    /// Command of the health check, with Docker's `CMD` or `CMD-SHELL` in front.
    #[serde(default)]
    pub healthcheck: Vec<String>,
    /// Instructions for images built on this one.
    #[serde(default)]
    pub on_build: Vec<String>,
    /// Shell of the build's instructions.
    #[serde(default)]
    pub shell: Vec<String>,
    /// Who made the image.
    #[serde(default)]
    pub author: String,
    /// `NAME=value` pairs, and labels as such, of the container the classic builder used last.
    #[serde(default)]
    pub build_env: Vec<String>,
    /// Commands of that container.
    #[serde(default)]
    pub build_cmd: Vec<String>,
    /// The build's steps, first to last.
    pub history: Vec<History>,
    /// Digests of the uncompressed layers, base first. As written, unverified.
    pub diff_ids: Vec<String>,
    /// Platform the configuration names.
    pub platform: Platform,
}

#[derive(Deserialize)]
struct RawConfig {
    #[serde(default, deserialize_with = "null_as_default")]
    config: RawRuntime,
    #[serde(default)]
    container_config: Value,
    #[serde(default, deserialize_with = "null_as_default")]
    author: String,
    #[serde(default, deserialize_with = "null_as_default")]
    history: Vec<History>,
    #[serde(default, deserialize_with = "null_as_default")]
    rootfs: RawRootfs,
    #[serde(flatten)]
    platform: Platform,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct RawRuntime {
    #[serde(default, deserialize_with = "null_as_default")]
    env: Vec<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "null_as_default")]
    cmd: Vec<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    entrypoint: Vec<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    working_dir: String,
    #[serde(default, deserialize_with = "null_as_default")]
    user: String,
    #[serde(default)]
    healthcheck: Value,
    #[serde(default)]
    on_build: Value,
    #[serde(default)]
    shell: Value,
}

/// All texts in a value that nothing runs by; it is only searched, so its shape does not matter.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(object) => object.values().flat_map(texts).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// The texts of these members of a container's configuration.
fn texts_of(container: &Value, members: &[&str]) -> Vec<String> {
    members.iter().filter_map(|member| container.get(member)).flat_map(texts).collect()
}

/// Labels as `name=value`.
fn label_pairs(container: &Value) -> impl Iterator<Item = String> {
    let labels = container.get("Labels").and_then(Value::as_object);
    labels
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some(format!("{name}={}", value.as_str()?)))
}

#[derive(Deserialize, Default)]
struct RawRootfs {
    #[serde(default, deserialize_with = "null_as_default")]
    diff_ids: Vec<String>,
}

impl ImageConfig {
    /// Reads the bytes of an image configuration. The error is the parser's text.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let malformed = |error: serde_json::Error| error.to_string();
        let value = serde_json::from_slice(bytes).map_err(malformed)?;
        if let Some(key) = lookalike::find(&value, &lookalike::CONFIG) {
            return Err(format!("a key that other readers take for a known one: `{key}`"));
        }
        let raw: RawConfig = serde_json::from_slice(bytes).map_err(malformed)?;
        let container = &raw.container_config;
        let mut build_env = texts_of(container, &["Env"]);
        build_env.extend(label_pairs(container));
        Ok(Self {
            healthcheck: texts(&raw.config.healthcheck),
            on_build: texts(&raw.config.on_build),
            shell: texts(&raw.config.shell),
            author: raw.author,
            build_env,
            build_cmd: texts_of(
                container,
                &["Cmd", "Entrypoint", "Healthcheck", "OnBuild", "Shell"],
            ),
            env: raw.config.env,
            labels: raw.config.labels,
            cmd: raw.config.cmd,
            entrypoint: raw.config.entrypoint,
            working_dir: raw.config.working_dir,
            user: raw.config.user,
            history: raw.history,
            diff_ids: raw.rootfs.diff_ids,
            platform: raw.platform,
        })
    }

    /// Whether a runtime would find a file system in these bytes, which may be no configuration
    /// of an image at all. Broken JSON counts when other readers might still take it for one.
    pub fn has_rootfs(bytes: &[u8]) -> bool {
        let is_object = bytes.trim_ascii_start().starts_with(b"{");
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(object)) => {
                object.keys().any(|key| lookalike::folds_to(key, "rootfs"))
            }
            Ok(_) => false,
            Err(_) => is_object,
        }
    }

    /// `(name, value)` of each environment variable; one without `=` has an empty value.
    pub fn env_pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        pairs(&self.env)
    }

    /// The same of the build's last container.
    pub fn build_env_pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        pairs(&self.build_env)
    }
}

fn pairs(env: &[String]) -> impl Iterator<Item = (&str, &str)> {
    env.iter().map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// One platform's image, fully addressed by digests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Platform, from the index or else the configuration.
    pub platform: Platform,
    /// Digest of the manifest.
    pub digest: Digest,
    /// The manifest.
    pub manifest: Manifest,
    /// The configuration; empty when `defects` says that it cannot be read.
    pub config: ImageConfig,
    /// What is wrong with manifest or configuration themselves; judged by `unreadable-layer`.
    #[serde(default)]
    pub defects: Vec<String>,
}

/// A place in an image that a blob fills.
#[derive(Debug, Clone, Copy)]
pub struct Layer<'a> {
    /// Position, base first, from 0.
    pub index: usize,
    /// The blob.
    pub descriptor: &'a Descriptor,
    /// The instruction that made it, when the history tells.
    pub created_by: Option<&'a str>,
}

impl Image {
    /// The layers, base first, each with the history step that made it. Steps are matched in
    /// order, skipping empty ones; a history that is too short leaves the rest without.
    pub fn layers(&self) -> impl Iterator<Item = Layer<'_>> {
        let mut steps = self.config.history.iter().filter(|step| !step.empty_layer);
        self.manifest.layers.iter().enumerate().map(move |(index, descriptor)| Layer {
            index,
            descriptor,
            created_by: steps
                .next()
                .map(|step| step.created_by.as_str())
                .filter(|text| !text.is_empty()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_only_a_search_looks_at() {
        let config = ImageConfig::parse(
            br#"{"author":"me","config":{"Healthcheck":{"Test":["CMD","curl"],"Retries":3},
                "OnBuild":["RUN x"],"Shell":null},
                "container_config":{"Env":["A=1"],"Cmd":["/bin/sh"],"Labels":{"l":"2"}},
                "history":[{"author":"you"}]}"#,
        )
        .unwrap();
        assert_eq!(config.healthcheck, ["CMD", "curl"]);
        assert_eq!((config.on_build[0].as_str(), config.shell.len()), ("RUN x", 0));
        assert_eq!(config.build_env_pairs().collect::<Vec<_>>(), [("A", "1"), ("l", "2")]);
        assert_eq!((config.build_cmd, config.author), (vec!["/bin/sh".into()], "me".to_owned()));
        assert_eq!(config.history[0].author, "you");
    }

    #[test]
    fn configurations_stored_before_there_were_more_fields_read_back() {
        let mut stored = serde_json::to_value(ImageConfig::default()).unwrap();
        let fields = stored.as_object_mut().unwrap();
        for new in ["healthcheck", "on_build", "shell", "author", "build_env", "build_cmd"] {
            assert!(fields.remove(new).is_some(), "{new}");
        }
        assert_eq!(serde_json::from_value::<ImageConfig>(stored).unwrap(), ImageConfig::default());
        let step: History = serde_json::from_str(r#"{"created_by":"RUN x"}"#).unwrap();
        assert_eq!(step.created, "");
    }

    #[test]
    fn a_rootfs_is_found_however_it_is_spelled() {
        let table = [
            (&br#"{"rootfs":null}"#[..], true),
            (br#" {"RootFS":{}}"#, true),
            ("{\"rootf\u{17f}\":1}".as_bytes(), true),
            (b"{\"x\":\"\xff\",\"rootfs\":{}}", true),
            (b"{}", false),
            (br#"{"name":"chart","config":{"rootfs":1}}"#, false),
            (br#"["rootfs"]"#, false),
            (b"\x7fELF", false),
            (b"", false),
        ];
        for (bytes, expected) in table {
            let text = String::from_utf8_lossy(bytes);
            assert_eq!(ImageConfig::has_rootfs(bytes), expected, "{text}");
        }
    }

    #[test]
    fn reads_a_config_with_nulls_and_unknown_fields() {
        let config = ImageConfig::parse(
            br#"{"os":"linux","architecture":"arm64","variant":"v8","x":1,
                "config":{"Env":["A=b=c","D"],"Labels":null,"Cmd":null,"User":null},
                "history":[{"created_by":"RUN x","empty_layer":true},{"comment":null}],
                "rootfs":{"type":"layers","diff_ids":["sha256:1"]}}"#,
        )
        .unwrap();
        assert_eq!(config.env_pairs().collect::<Vec<_>>(), [("A", "b=c"), ("D", "")]);
        assert_eq!(config.platform.to_string(), "linux/arm64/v8");
        assert!(config.platform.matches("linux/arm64"));
        assert!(config.platform.matches("linux/arm64/v8"));
        assert!(!config.platform.matches("linux/amd64"));
        assert!(config.history[0].empty_layer);
        assert!(ImageConfig::parse(b"[1]").is_err());
        assert!(ImageConfig::parse(b"null").is_err());
        assert!(ImageConfig::parse(br#"{"config":{"Env":["A=1"],"env":["A=2"]}}"#).is_err());
    }
}

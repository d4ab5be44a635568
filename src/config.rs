//! Configuration: what was written (`raw`) becomes what is meant ([`Config`]), all problems at
//! once and each with the path of its key. Secrets are read here, from files; nothing is
//! contacted, created or written.

mod defaults;
mod files;
mod names;
mod network;
mod opened;
mod place;
mod policy;
mod problem;
mod raw;
mod schema;
mod secret;
mod shape;
pub mod watch;
mod work;
mod yaml;

use std::path::{Path, PathBuf};

pub use files::{MAX_CA_BYTES, MAX_SECRET_BYTES};
pub(crate) use names::nearest;
pub use network::{Certificate, Listen, Receiver, ReceiverAuth, Registry, Tls};
pub use place::Store;
pub(crate) use policy::is_platform;
pub use problem::{ConfigError, Problem};
pub use schema::of_config as json_schema;
pub use secret::Secret;
pub use work::{Admission, Events, Scan};
pub use yaml::MAX_CONFIG_BYTES;

use crate::policy::Policy;
use crate::registry::UnlistedRegistries;
use files::{Files, Sources};
use problem::Problems;
use raw::RawConfig;

/// The configuration of a running Plimsoll.
#[derive(Debug, Clone)]
pub struct Config {
    /// Addresses to listen on.
    pub listen: Listen,
    /// Certificates of the webhook listener.
    pub tls: Tls,
    /// Where facts, verdicts and jobs are kept.
    pub store: Store,
    /// Folder for what Plimsoll itself makes. May not exist yet.
    pub data_dir: PathBuf,
    /// Registries that may be contacted; the first whose host matches wins.
    pub registries: Vec<Registry>,
    /// What happens to the other registries.
    pub unlisted: UnlistedRegistries,
    /// Senders of push events, by unique name.
    pub receivers: Vec<Receiver>,
    /// How layers are read.
    pub scan: Scan,
    /// How admission reviews are answered.
    pub admission: Admission,
    /// How push events are worked off.
    pub events: Events,
    /// What is refused, for whom.
    pub policy: Policy,
    sources: Sources,
}

impl Default for Config {
    /// What `serve` without configuration uses. Looks at the file system to choose `data_dir`.
    fn default() -> Self {
        let (config, _) = Self::build(RawConfig::default(), Files::default(), Problems::default());
        config
    }
}

impl Config {
    /// Reads a file. Relative paths in it are relative to its folder.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::load_and(path, |_, _| {})
    }

    /// The same for `config check`: files that are read later are opened as well, and their
    /// problems told with all others.
    pub fn load_with_files(path: &Path) -> Result<Self, ConfigError> {
        Self::load_and(path, Self::check_files)
    }

    fn load_and(path: &Path, look: fn(&Self, &mut Problems)) -> Result<Self, ConfigError> {
        // Without its name, which stands in front of every problem.
        let read = files::read_unnamed(path, MAX_CONFIG_BYTES)
            .and_then(|bytes| String::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned()));
        let mut files = Files::new(path.parent().unwrap_or(Path::new("")));
        files.sources.note(path, read.as_ref().ok().map(String::as_bytes));
        let loaded = match read {
            Ok(text) => Self::parse_with(&text, files, look),
            Err(text) => {
                let mut problems = Problems::default();
                problems.add("", text);
                Err(ConfigError {
                    file: None,
                    problems: problems.into_vec(),
                    sources: files.sources,
                })
            }
        };
        loaded.map_err(|error| ConfigError { file: Some(path.display().to_string()), ..error })
    }

    /// The file if one is named, else [`Config::default`].
    pub fn load_or_default(path: Option<&Path>) -> Result<Self, ConfigError> {
        path.map_or_else(|| Ok(Self::default()), Self::load)
    }

    /// Reads YAML. Relative paths in it are relative to `base`.
    pub fn parse(text: &str, base: &Path) -> Result<Self, ConfigError> {
        Self::parse_with(text, Files::new(base), |_, _| {})
    }

    /// Names of the sections in which `new` differs, secrets and CA files included. For the log,
    /// and to tell which of them need a restart.
    pub fn changed_sections(&self, new: &Self) -> Vec<&'static str> {
        let registries = |config: &Self| -> Vec<_> {
            let parts = config.registries.iter().map(|registry| {
                let host = registry.host.as_str().to_owned();
                let files = (registry.credentials.clone(), registry.ca_pem.clone());
                (host, files, registry.plain_http)
            });
            parts.collect()
        };
        let sections = [
            ("listen", self.listen != new.listen),
            ("tls", self.tls != new.tls),
            ("store", self.store != new.store),
            ("data-dir", self.data_dir != new.data_dir),
            ("registries", registries(self) != registries(new)),
            ("unlisted-registries", self.unlisted != new.unlisted),
            ("receivers", self.receivers != new.receivers),
            ("scan", self.scan != new.scan),
            ("admission", self.admission != new.admission),
            ("events", self.events != new.events),
            ("policy", self.policy.hash() != new.policy.hash()),
        ];
        sections.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }

    fn parse_with(
        text: &str,
        files: Files,
        look: fn(&Self, &mut Problems),
    ) -> Result<Self, ConfigError> {
        let mut problems = Problems::default();
        let raw = read_raw(text, &mut problems);
        let (config, mut problems) = Self::build(raw.unwrap_or_default(), files, problems);
        look(&config, &mut problems);
        if problems.is_empty() {
            return Ok(config);
        }
        let problems = problems.into_vec();
        Err(ConfigError { file: None, problems, sources: config.sources })
    }

    fn build(raw: RawConfig, mut files: Files, mut problems: Problems) -> (Self, Problems) {
        let problems_ref = &mut problems;
        let data_dir = place::data_dir(raw.data_dir.as_deref(), &files, problems_ref);
        let unlisted = raw.unlisted_registries.unwrap_or_default();
        let registries =
            network::registries(raw.registries.unwrap_or_default(), &mut files, problems_ref);
        let receivers =
            network::receivers(raw.receivers.unwrap_or_default(), &mut files, problems_ref);
        network::receivers_are_listed(&receivers, &registries, unlisted, problems_ref);
        refuse_later_sections(raw.push_gate.as_ref(), raw.notify.as_ref(), problems_ref);
        let config = Self {
            listen: network::listen(&raw.listen.unwrap_or_default(), problems_ref),
            tls: network::tls(&raw.tls.unwrap_or_default(), &files, problems_ref),
            store: place::store(raw.store.as_deref(), &data_dir, &files, problems_ref),
            data_dir,
            registries,
            unlisted,
            receivers,
            scan: work::scan(raw.scan.unwrap_or_default(), problems_ref),
            admission: work::admission(&raw.admission.unwrap_or_default(), problems_ref),
            events: work::events(&raw.events.unwrap_or_default(), problems_ref),
            policy: policy::policy(raw.policy.unwrap_or_default(), problems_ref),
            sources: files.sources,
        };
        (config, problems)
    }
}

/// The text as typed raw configuration, without the parts that do not fit.
fn read_raw(text: &str, problems: &mut Problems) -> Option<RawConfig> {
    let mut value = problems.keep("", yaml::parse(text))?;
    shape::fit(&schema::of_config(), &mut value, problems);
    let raw = serde_json::from_value(value).map_err(|error| error.to_string());
    problems.keep("", raw)
}

/// Words for keys whose place is fixed but which do nothing yet.
const NOT_SUPPORTED: &str = "not supported by this version (hint: leave it out)";

/// Sections whose place is fixed but which this version cannot serve. Ignoring them would look
/// like protection that is not there.
fn refuse_later_sections(
    push_gate: Option<&serde_json::Value>,
    notify: Option<&serde_json::Value>,
    problems: &mut Problems,
) {
    if push_gate.is_some_and(is_written) {
        problems.add("push-gate", NOT_SUPPORTED);
    }
    if notify.is_some_and(is_written) {
        problems.add("notify", NOT_SUPPORTED);
    }
}

/// Whether a value says anything.
fn is_written(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Null => false,
        serde_json::Value::Array(items) => !items.is_empty(),
        serde_json::Value::Object(keys) => !keys.is_empty(),
        _ => true,
    }
}

#[cfg(test)]
mod tests;

//! What is written in the YAML file, key by key. The doc comments are the descriptions in
//! `plimsoll config schema`; the same schema tells [`super::shape`] which keys exist.
//! Meaning, defaults and cross-checks are not here but in the parent's other files.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::schema;
use crate::policy::{Mode, OnUndecided};
use crate::registry::UnlistedRegistries;

/// Configuration of Plimsoll. Everything has a default; the empty mapping `{}` is complete.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(title = "Plimsoll configuration")]
pub(super) struct RawConfig {
    /// Addresses to listen on.
    pub(super) listen: Option<RawListen>,
    /// Certificate of the webhook listener. Without one a self-signed one is made under `data-dir`.
    pub(super) tls: Option<RawTls>,
    /// Where facts, verdicts and jobs are kept: `sqlite:/path`, or `memory:` for trying out.
    pub(super) store: Option<String>,
    /// Folder for what Plimsoll itself makes: the self-signed certificate, the SQLite file.
    pub(super) data_dir: Option<String>,
    /// Registries that may be contacted, and how. The first match wins.
    pub(super) registries: Option<Vec<RawRegistry>>,
    /// What happens to registries that are not listed.
    pub(super) unlisted_registries: Option<UnlistedRegistries>,
    /// Senders of push events; each gets the path `/events/<name>`.
    pub(super) receivers: Option<Vec<RawReceiver>>,
    /// Push gate. Not supported by this version: only null.
    #[schemars(schema_with = "schema::anything")]
    pub(super) push_gate: Option<Value>,
    /// Outgoing webhooks. Not supported by this version: only empty.
    #[schemars(schema_with = "schema::anything")]
    pub(super) notify: Option<Value>,
    /// How layers are read.
    pub(super) scan: Option<RawScan>,
    /// How admission reviews are answered.
    pub(super) admission: Option<RawAdmission>,
    /// How push events are worked off.
    pub(super) events: Option<RawEvents>,
    /// What is refused, for whom.
    pub(super) policy: Option<RawPolicy>,
}

/// Addresses to listen on, `ip:port`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawListen {
    /// Webhook listener (TLS): admission, events, checks.
    pub(super) webhook: Option<String>,
    /// Admin listener (plain HTTP): metrics, liveness, readiness.
    pub(super) admin: Option<String>,
}

/// Files of the webhook listener's certificate, reread when they change.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawTls {
    /// Certificate chain, PEM.
    pub(super) cert: Option<String>,
    /// Private key, PEM.
    pub(super) key: Option<String>,
    /// CA certificates, PEM; with it, callers must show a certificate signed by one of them.
    pub(super) client_ca: Option<String>,
}

/// One registry, or many by a glob.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawRegistry {
    /// Host, with port if any. `*` stands for any characters: `*.example.com`.
    #[schemars(required)]
    pub(super) host: Option<String>,
    /// How to log in.
    pub(super) credentials: Option<RawCredentials>,
    /// CA certificates, PEM, for registries with a private CA.
    pub(super) ca: Option<String>,
    /// Speak HTTP without TLS. Default: false.
    pub(super) plain_http: Option<bool>,
}

/// How to log in to a registry.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawCredentials {
    /// A `config.json` as `docker login` writes it, or a mounted pull secret; reread at use.
    pub(super) docker_config: Option<String>,
}

/// One sender of push events.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawReceiver {
    /// Name, kebab-case; the path is `/events/<name>`.
    #[schemars(required)]
    pub(super) name: Option<String>,
    /// Shape of the events: `distribution` (CNCF Distribution, the registry image).
    #[schemars(required)]
    pub(super) kind: Option<String>,
    /// Host of the registry that sends; hosts inside events are not believed.
    #[schemars(required)]
    pub(super) registry: Option<String>,
    /// How the sender proves itself: exactly one of the keys.
    #[schemars(required)]
    pub(super) auth: Option<RawAuth>,
    /// What to do about a refused image. Not supported by this version: only empty.
    #[serde(default)]
    #[schemars(schema_with = "schema::anything")]
    pub(super) on_deny: Option<Value>,
}

/// How an event's sender proves itself: exactly one of the keys.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawAuth {
    /// File with the token of `Authorization: Bearer <token>`.
    pub(super) bearer_file: Option<String>,
    /// User name and password of `Authorization: Basic`.
    pub(super) basic: Option<RawBasic>,
    /// `true`: anybody may send. Events are hints, so the worst is useless work.
    pub(super) none: Option<bool>,
}

/// User name and password.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawBasic {
    /// User name.
    #[schemars(required)]
    pub(super) username: Option<String>,
    /// File with the password.
    #[schemars(required)]
    pub(super) password_file: Option<String>,
}

/// How layers are read.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawScan {
    /// Layers read at once, of one registry half as many. Default: four per processor, at least 8.
    pub(super) concurrency: Option<u64>,
    /// Longest time one layer may take. Default: 30m.
    #[schemars(schema_with = "schema::duration")]
    pub(super) layer_timeout: Option<Value>,
    /// Caps on what one layer may cost; beyond them it is unreadable.
    pub(super) limits: Option<RawLimits>,
}

/// Caps on what one layer may cost.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawLimits {
    /// Most bytes a layer may unpack to. Default: 256GiB.
    #[schemars(schema_with = "schema::size")]
    pub(super) unpacked_bytes: Option<Value>,
    /// Most entries in one layer. Default: 3000000.
    pub(super) entries: Option<u64>,
    /// Most bytes that the paths of one layer may take in memory. Default: 32MiB.
    #[schemars(schema_with = "schema::size")]
    pub(super) listing_bytes: Option<Value>,
    /// Longest path in bytes. Default: 4096.
    pub(super) path_bytes: Option<u64>,
    /// Unpacked bytes from which on the ratio counts. Default: 1GiB.
    #[schemars(schema_with = "schema::size")]
    pub(super) ratio_from_bytes: Option<Value>,
    /// Most unpacked bytes per compressed byte beyond that. Default: 400.
    pub(super) ratio: Option<u64>,
    /// How much of a text-like file is searched for secrets. Default: 8MiB.
    #[schemars(schema_with = "schema::size")]
    pub(super) text_bytes: Option<Value>,
    /// Most facts one rule may record in one layer. Default: 20000.
    pub(super) facts_per_rule: Option<u64>,
    /// Most bytes that the facts of one layer may take in memory. Default: 8MiB.
    #[schemars(schema_with = "schema::size")]
    pub(super) fact_bytes: Option<Value>,
}

/// How admission reviews are answered.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawAdmission {
    /// How long before the API server's timeout the answer goes out. Default: 1s.
    #[schemars(schema_with = "schema::duration")]
    pub(super) timeout_margin: Option<Value>,
    /// The timeout when the request does not name one. Default: 10s.
    #[schemars(schema_with = "schema::duration")]
    pub(super) default_timeout: Option<Value>,
    /// Reviews worked on at once; beyond that the cause is `overloaded`. Default: 256.
    pub(super) max_inflight: Option<u64>,
}

/// How push events are worked off.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawEvents {
    /// Images judged at once. Default: 2.
    pub(super) workers: Option<u64>,
    /// Tries before a job becomes a dead letter. Default: 8.
    pub(super) attempts: Option<u64>,
    /// How long a worker may be silent before another takes its job. Default: 5m.
    #[schemars(schema_with = "schema::duration")]
    pub(super) lease: Option<Value>,
}

/// What is refused, for whom.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawPolicy {
    /// Whether findings refuse or only warn.
    pub(super) mode: Option<Mode>,
    /// `all`, or a list of `os/arch` or `os/arch/variant`.
    #[schemars(schema_with = "schema::platforms")]
    pub(super) platforms: Option<Value>,
    /// What each cause of not knowing does; `default` is for the others.
    #[schemars(schema_with = "schema::undecided")]
    pub(super) undecided: Option<BTreeMap<String, Option<OnUndecided>>>,
    /// Level and settings of single rules.
    #[schemars(schema_with = "schema::rules")]
    pub(super) rules: Option<RawRules>,
    /// Overrides for some namespaces and repositories. The first match wins.
    pub(super) scopes: Option<Vec<RawScope>>,
    /// Dated, reasoned waivers.
    pub(super) exceptions: Option<Vec<RawException>>,
}

/// Rules by name, then their keys.
pub(super) type RawRules = BTreeMap<String, Option<BTreeMap<String, Value>>>;

/// Overrides for some namespaces and repositories.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawScope {
    /// What it is for. Both keys must match when both are written.
    #[serde(rename = "match")]
    #[schemars(required)]
    pub(super) matching: Option<RawMatch>,
    /// Mode, if overridden.
    pub(super) mode: Option<Mode>,
    /// Single keys of rules that are overridden.
    #[serde(default)]
    #[schemars(schema_with = "schema::rules")]
    pub(super) rules: Option<RawRules>,
}

/// What a scope is for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawMatch {
    /// Globs over Kubernetes namespaces.
    pub(super) namespaces: Option<Vec<String>>,
    /// Globs over `registry/repository`; `*` stays within one part, `**` does not.
    pub(super) repositories: Option<Vec<String>>,
}

/// A dated, reasoned waiver.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawException {
    /// Globs over `registry/repository`, or with `:tag` or `@digest` behind it.
    #[schemars(required)]
    pub(super) images: Option<Vec<String>>,
    /// Rules it waives.
    #[schemars(required)]
    pub(super) rules: Option<Vec<String>>,
    /// Last day it holds (UTC), `YYYY-MM-DD`.
    #[schemars(required)]
    pub(super) until: Option<String>,
    /// Why; shown wherever it applies.
    #[schemars(required)]
    pub(super) reason: Option<String>,
}

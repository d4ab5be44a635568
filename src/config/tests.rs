//! Whole configurations: what is read, and the words for what is wrong.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::*;
use crate::model::{Cause, Level, RuleId};
use crate::policy::{Mode, OnUndecided, Platforms};
use crate::registry::credentials::Credentials;
use crate::rules::Setting;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "t0ken\n").unwrap();
    std::fs::write(folder.path().join("password"), "hunter2\n").unwrap();
    std::fs::write(folder.path().join("ca.pem"), "-----BEGIN CERTIFICATE-----\n").unwrap();
    folder
}

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, folder().path())
}

fn problems(text: &str) -> String {
    let folder = folder();
    let error = Config::parse(text, folder.path()).unwrap_err().to_string();
    error.replace(&folder.path().display().to_string(), "/etc/plimsoll")
}

#[test]
fn nothing_written_means_the_defaults() {
    let written = parse("{}").unwrap();
    let default = Config::default();
    assert_eq!(written.listen, default.listen);
    assert_eq!(written.store, Store::Sqlite(default.data_dir.join("plimsoll.db")));
    assert_eq!(written.scan, default.scan);
    assert_eq!(written.scan.limits, crate::scan::Limits::default());
    assert_eq!(written.policy.hash(), Policy::default().hash());
    assert_eq!(written.unlisted, UnlistedRegistries::WellKnown);
    assert_eq!(written.tls, Tls { certificate: None, client_ca: None });
}

#[test]
fn every_section_null_means_the_defaults_too() {
    let schema = json_schema();
    let mut text = String::new();
    for key in schema["properties"].as_object().unwrap().keys() {
        writeln!(text, "{key}: null").unwrap();
    }
    assert_eq!(parse(&text).unwrap().listen, Config::default().listen);
    assert!(parse("policy: {rules: {image-size: null}, undecided: {default: null}}").is_ok());
}

#[test]
fn reads_a_whole_file() {
    let folder = folder();
    let text = r#"
listen: {webhook: "127.0.0.1:8443", admin: ":9090"}
tls: {cert: tls.crt, key: /keys/tls.key, client-ca: null}
store: "memory:"
data-dir: /srv/plimsoll
registries:
  - {host: registry.example.com, credentials: {docker-config: config.json}, ca: ca.pem}
  - {host: "*.local:5000", plain-http: true}
unlisted-registries: none
receivers:
  - {name: main, kind: distribution, registry: registry.example.com, auth: {bearer-file: token}, on-deny: []}
  - name: second
    kind: distribution
    registry: r.local:5000
    auth: {basic: {username: u, password-file: password}}
  - {name: third, kind: distribution, registry: r.local:5000, auth: {none: true}}
push-gate: null
notify: []
scan: {concurrency: null, layer-timeout: 1h, limits: {unpacked-bytes: 1GiB, entries: 5, ratio: 7, listing-bytes: 1MiB, fact-bytes: 2MiB}}
admission: {timeout-margin: 500ms, max-inflight: 8}
events: {workers: 1, attempts: 3, lease: 30s}
policy:
  mode: warn
  platforms: [linux/amd64, linux/arm64/v8]
  undecided: {default: warn, not-found: deny}
  rules: {image-size: {level: ignore}}
  scopes:
    - match: {namespaces: ["research-*"], repositories: ["registry.example.com/research/**"]}
      mode: enforce
      rules: {image-size: {level: warn}}
  exceptions:
    - {images: ["registry.example.com/legacy/**"], rules: [cuda-devel], until: 2027-01-31, reason: "JIT kernels, ML-142"}
"#;
    let config = Config::parse(text, folder.path()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.listen.admin.to_string(), "0.0.0.0:9090");
    let certificate = config.tls.certificate.as_ref().unwrap();
    assert_eq!(certificate.cert, folder.path().join("tls.crt"));
    assert_eq!(certificate.key, Path::new("/keys/tls.key"));
    assert_eq!(config.store, Store::Memory);
    assert_eq!(config.data_dir, Path::new("/srv/plimsoll"));
    let credentials = Credentials::DockerConfig(folder.path().join("config.json"));
    assert_eq!(config.registries[0].credentials, credentials);
    assert!(config.registries[0].ca_pem.is_some() && !config.registries[0].plain_http);
    assert!(config.registries[1].plain_http);
    assert_eq!(config.unlisted, UnlistedRegistries::None);
    assert_eq!(config.receivers[0].auth, ReceiverAuth::Bearer(Secret::new("t0ken")));
    assert!(matches!(&config.receivers[1].auth,
        ReceiverAuth::Basic { username, password } if username == "u" && password.matches(b"hunter2")));
    assert_eq!(config.receivers[2].auth, ReceiverAuth::None);
    assert_eq!(config.scan.layer_timeout, Duration::from_hours(1));
    assert_eq!(config.scan.limits.unpacked_bytes, 1 << 30);
    assert_eq!(config.scan.limits.listing_bytes, 1 << 20);
    assert_eq!(config.scan.limits.fact_bytes, 2 << 20);
    assert_eq!((config.scan.limits.entries, config.scan.limits.ratio), (5, 7));
    assert_eq!(config.admission.timeout_margin, Duration::from_millis(500));
    assert_eq!((config.events.workers, config.events.attempts), (1, 3));
    assert!(!format!("{config:?}").contains("hunter2"));
    reads_its_policy(&config.policy);
}

fn reads_its_policy(policy: &Policy) {
    let size = RuleId::new("image-size");
    assert_eq!(policy.mode, Mode::Warn);
    let platforms = vec!["linux/amd64".to_owned(), "linux/arm64/v8".to_owned()];
    assert_eq!(policy.platforms, Platforms::Listed(platforms));
    assert_eq!(policy.on_undecided(Cause::NotFound), OnUndecided::Deny);
    assert_eq!(policy.on_undecided(Cause::Deadline), OnUndecided::Warn);
    assert_eq!(policy.rules[&size].level, Some(Level::Ignore));
    assert_eq!(policy.scopes[0].rules[&size].level, Some(Level::Warn));
    assert_eq!(policy.scopes[0].mode, Some(Mode::Enforce));
    assert_eq!(policy.exceptions[0].until, jiff::civil::date(2027, 1, 31));
    assert_eq!(policy.exceptions[0].reason, "JIT kernels, ML-142");
}

#[test]
fn tells_all_problems_at_once() {
    insta::assert_snapshot!(problems(r#"
lisen: {}
listen: {webhook: 8443, admin: "nowhere", metrics: ":1"}
tls: {cert: tls.crt}
store: postgres://u:hunter2@db/plimsoll
registries:
  - {host: "https://r.example.com", plain-http: yes, insecure: true}
  - {ca: nothing.pem}
unlisted-registries: well-konwn
receivers:
  - {name: Main, kind: harbor, registry: r/x, auth: {bearer-file: token, none: true}, on-deny: [notify]}
  - {name: second, type: distribution, registry: r.example.com, auth: {}}
  - {name: third, kind: distribution, registry: r.example.com, auth: {basic: {username: "a:b", password-file: gone}}}
push-gate: {listen: ":443"}
notify: [{url: x}]
scan: {concurrency: 0, layer-timeout: 10, limits: {unpacked-bytes: big, entries: 0, ratio: -1}}
admission: {timeout-margin: 20s, max-inflight: many}
events: {attempts: 1000}
"#), @r"
    configuration: 32 problems
      admission.max-inflight: expected a whole number, got `many`
      admission.timeout-margin: leaves no time (hint: it must be shorter than `admission.default-timeout`)
      events.attempts: expected a number from 1 to 100, got `1000`
      lisen: unknown key (hint: did you mean `listen`?)
      listen.admin: expected an address such as `0.0.0.0:8443`, got `nowhere`
      listen.metrics: unknown key (hint: it is called `admin`)
      listen.webhook: expected a text, got `8443` (hint: write it in quotes)
      notify: not supported by this version (hint: leave it out)
      push-gate: not supported by this version (hint: leave it out)
      receivers[0].auth: expected exactly one of `bearer-file`, `basic`, `none: true`
      receivers[0].kind: not supported by this version: `harbor` (hint: supported: `distribution`)
      receivers[0].name: expected lower-case letters, digits and single hyphens (at most 63), got `Main`
      receivers[0].on-deny: not supported by this version (hint: leave it out)
      receivers[0].registry: expected a host such as `registry.example.com`, got `r/x` (hint: only the host; repositories go into `policy.scopes`)
      receivers[1].auth: expected exactly one of `bearer-file`, `basic`, `none: true`
      receivers[1].kind: missing
      receivers[1].type: unknown key (hint: it is called `kind`)
      receivers[2].auth.basic.password-file: cannot be read: No such file or directory (os error 2): `/etc/plimsoll/gone`
      receivers[2].auth.basic.username: empty, or has a colon or control characters: `a:b`
      registries[0].host: expected a host such as `registry.example.com`, got `https://r.example.com` (hint: leave out the scheme)
      registries[0].insecure: unknown key (hint: it is called `plain-http`)
      registries[0].plain-http: expected `true` or `false`, got `yes`
      registries[1].ca: cannot be read: No such file or directory (os error 2): `/etc/plimsoll/nothing.pem`
      registries[1].host: missing
      scan.concurrency: expected a number from 1 to 4096, got `0`
      scan.layer-timeout: expected a time span such as `10s` or `5m`, got `10`
      scan.limits.entries: expected more than 0
      scan.limits.ratio: expected a whole number, got `-1`
      scan.limits.unpacked-bytes: expected a size such as `3GiB`, got `big`
      store: PostgreSQL is not supported by this version (hint: use `sqlite:/path`)
      tls.key: missing (hint: `tls.cert` needs its key)
      unlisted-registries: expected one of `well-known`, `any`, `none`, got `well-konwn` (hint: did you mean `well-known`?)
    ");
}

#[test]
fn tells_all_problems_of_the_policy() {
    insta::assert_snapshot!(problems(r#"
policy:
  mode: monitor
  platforms: []
  undecided: {default: allow, deadlin: warn}
  rules:
    image-size: {level: off, severity: deny}
    cuda-devel: {level: false}
    image-sizes: {level: warn}
    secret-file: {level: Deny}
    model-weights: deny
  scopes:
    - {namespaces: [a]}
    - {match: {}}
    - {match: {repositories: ["["]}, rules: {secret-files: {}}}
  exceptions:
    - {images: [x], rules: [cuda-devl]}
    - {images: [], rules: [], until: soon, reason: " "}
    - {images: [3], rules: [cuda-devel], until: 2027-01-31, reason: x}
"#), @r"
    configuration: 23 problems
      policy.exceptions[0].reason: missing
      policy.exceptions[0].rules[0]: unknown rule: `cuda-devl` (hint: did you mean `cuda-devel`?)
      policy.exceptions[0].until: missing
      policy.exceptions[1].images: empty
      policy.exceptions[1].reason: empty
      policy.exceptions[1].rules: empty
      policy.exceptions[1].until: expected a date such as `2027-01-31`, got `soon`
      policy.exceptions[2].images[0]: expected a text, got `3` (hint: write it in quotes)
      policy.mode: expected one of `enforce`, `warn`, got `monitor`
      policy.platforms: expected `all` or a list such as `[linux/amd64]`, got an empty list
      policy.rules.cuda-devel.level: expected one of `deny`, `warn`, `ignore`, got `false` (hint: to switch a rule off, write `ignore`)
      policy.rules.image-size.level: expected one of `deny`, `warn`, `ignore`, got `off` (hint: to switch a rule off, write `ignore`)
      policy.rules.image-size.severity: unknown key (hint: it is called `level`)
      policy.rules.image-sizes: unknown key (hint: did you mean `image-size`?)
      policy.rules.model-weights: expected a mapping, got a text
      policy.rules.secret-file.level: expected one of `deny`, `warn`, `ignore`, got `Deny` (hint: did you mean `deny`?)
      policy.scopes[0].match: missing
      policy.scopes[0].namespaces: unknown key (hint: it is called `match.namespaces`)
      policy.scopes[1].match: matches everything (hint: write `namespaces` or `repositories`, or put the keys into `policy` itself)
      policy.scopes[2].match.repositories[0]: not a glob (unclosed character class; missing ']'): `[`
      policy.scopes[2].rules.secret-files: unknown key (hint: did you mean `secret-file`?)
      policy.undecided.deadlin: unknown key (hint: did you mean `deadline`?)
      policy.undecided.default: expected one of `deny`, `warn`, got `allow`
    ");
}

#[test]
fn a_single_problem_takes_one_line() {
    insta::assert_snapshot!(problems("polcy: {}"), @"configuration: polcy: unknown key (hint: did you mean `policy`?)");
    insta::assert_snapshot!(problems("listen: 3"), @"configuration: listen: expected a mapping, got a number");
    insta::assert_snapshot!(problems(""), @"configuration: empty (hint: write `{}` for the defaults)");
}

#[test]
fn hundreds_of_problems_stay_short() {
    let mut text = String::new();
    for key in 0..200 {
        writeln!(text, "key-{key}: 1").unwrap();
    }
    let problems = problems(&text);
    assert_eq!(problems.lines().count(), 52);
    assert!(problems.ends_with("and 150 more"), "{problems}");
}

#[test]
fn an_error_names_its_file() {
    let folder = folder();
    let path = folder.path().join("plimsoll.yaml");
    let error = Config::load(&path).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}: cannot be read", path.display())), "{error}");
    std::fs::write(&path, b"a: \xff").unwrap();
    assert!(Config::load(&path).unwrap_err().to_string().contains("not UTF-8"));
    std::fs::write(
        &path,
        "receivers: [{name: a, kind: distribution, registry: r, auth: {bearer-file: token}}]",
    )
    .unwrap();
    assert_eq!(Config::load(&path).unwrap().receivers.len(), 1);
}

#[test]
fn secrets_written_in_place_are_not_repeated() {
    for text in [
        "receivers: [{name: a, kind: distribution, registry: r, auth: hunter2}]",
        "receivers: [{name: a, kind: distribution, registry: r, auth: {token: hunter2}}]",
        "registries: [{host: r, credentials: hunter2}]",
        "registries: [{host: r, credentials: {password: hunter2}}]",
        "store: postgres://u:hunter2@db/x",
    ] {
        assert!(!problems(text).contains("hunter2"), "{text}");
    }
}

#[test]
fn receivers_of_unlisted_registries_are_told() {
    insta::assert_snapshot!(problems("
unlisted-registries: none
registries: [{host: '*.example.com'}]
receivers:
  - {name: one, kind: distribution, registry: r.example.com, auth: {none: true}}
  - {name: two, kind: distribution, registry: r.example.org, auth: {none: true}}
"), @"configuration: receivers[1].registry: registry is not listed, its images could not be read (hint: add it to `registries`): `r.example.org`");
}

#[test]
fn every_key_of_the_schema_is_described() {
    fn walk(path: &str, schema: &serde_json::Value, bare: &mut Vec<String>) {
        for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            // Rules' texts are theirs to write.
            let is_rule = path.contains(".rules.") || path.contains(".undecided.");
            if !is_rule && inner["description"].as_str().is_none_or(str::is_empty) {
                bare.push(path.clone());
            }
            walk(&path, inner, bare);
        }
    }
    let schema = json_schema();
    let mut bare = Vec::new();
    walk("", &schema, &mut bare);
    for (name, inner) in schema["$defs"].as_object().unwrap() {
        walk(name, inner, &mut bare);
    }
    assert!(bare.is_empty(), "{bare:?}");
}

/// A default as the schema tells it, `Default: X.` at the end of a description.
fn told(description: &str) -> Option<&str> {
    description.split_once("Default: ")?.1.strip_suffix('.')
}

#[test]
fn the_schema_tells_the_defaults_that_hold() {
    let schema = json_schema();
    let mut told: BTreeMap<String, &str> = BTreeMap::new();
    for (section, inner) in schema["$defs"].as_object().unwrap() {
        for (key, property) in inner["properties"].as_object().into_iter().flatten() {
            let default = property["description"].as_str().and_then(self::told);
            told.extend(default.map(|default| (format!("{section}.{key}"), default)));
        }
    }
    let Config { scan, admission, events, .. } = Config::default();
    let limits = scan.limits;
    let size = |bytes: u64| Setting::bytes("", bytes, "").default_text();
    let span = |span: Duration| {
        let span = jiff::SignedDuration::try_from(span).unwrap();
        format!("{span:#}")
    };
    let hold = [
        ("RawAdmission.default-timeout", span(admission.default_timeout)),
        ("RawAdmission.max-inflight", admission.max_inflight.to_string()),
        ("RawAdmission.timeout-margin", span(admission.timeout_margin)),
        ("RawEvents.attempts", events.attempts.to_string()),
        ("RawEvents.lease", span(events.lease)),
        ("RawEvents.workers", events.workers.to_string()),
        ("RawLimits.entries", limits.entries.to_string()),
        ("RawLimits.fact-bytes", size(limits.fact_bytes)),
        ("RawLimits.facts-per-rule", limits.facts_per_rule.to_string()),
        ("RawLimits.listing-bytes", size(limits.listing_bytes)),
        ("RawLimits.path-bytes", limits.path_bytes.to_string()),
        ("RawLimits.ratio", limits.ratio.to_string()),
        ("RawLimits.ratio-from-bytes", size(limits.ratio_from_bytes)),
        ("RawLimits.text-bytes", size(limits.text_bytes)),
        ("RawLimits.unpacked-bytes", size(limits.unpacked_bytes)),
        ("RawRegistry.plain-http", "false".to_owned()),
        ("RawScan.concurrency", "four per processor, at least 8".to_owned()),
        ("RawScan.layer-timeout", span(scan.layer_timeout)),
    ];
    let told: Vec<_> = told.iter().map(|(key, told)| (key.as_str(), (*told).to_owned())).collect();
    assert_eq!(told, hold);
}

#[test]
fn the_schema_knows_every_rule() {
    let schema = json_schema();
    for rule in crate::rules::RULES {
        let known = &schema["$defs"]["RawPolicy"]["properties"]["rules"]["properties"];
        let level = &known[rule.meta().id.as_str()]["properties"]["level"];
        assert_eq!(level["default"], rule.meta().level.as_str(), "{}", rule.meta().id);
    }
}

#[test]
fn names_of_receivers_are_unique() {
    let receiver = "{name: main, kind: distribution, registry: r, auth: {none: true}}";
    insta::assert_snapshot!(problems(&format!("receivers: [{receiver}, {receiver}]")), @"configuration: receivers[1].name: used twice: `main`");
}

#[test]
fn tells_what_changed() {
    let one = parse("{}").unwrap();
    assert!(one.changed_sections(&parse("policy: {}").unwrap()).is_empty());
    let other = parse(
        "{listen: {admin: ':1'}, registries: [{host: r}], scan: {concurrency: 3}, policy: {mode: warn}}",
    );
    let changed = one.changed_sections(&other.unwrap());
    assert_eq!(changed, ["listen", "registries", "scan", "policy"]);
}

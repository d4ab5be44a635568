//! `secret-config`: secrets in what everyone can read without pulling a layer.
//!
//! # What it finds
//! Token formats, passwords in URLs and plausible values under secret-sounding names, in ENV,
//! labels, annotations, the default command and the build history (where build arguments and
//! whole commands stay).
//!
//! # Why it matters
//! `docker inspect` and the registry's web page show the configuration to whoever can pull.
//!
//! # What to do instead
//! Build secrets (`RUN --mount=type=secret`) while building, the platform's secrets at run time.

use super::secrets::{MAX_INSTRUCTION_BYTES, Sighting, Strength, assignments, commands};
use super::secrets::{redact, text::cut, tokens, urls};
use super::{Meta, Rule, Seen, Settings};
use crate::model::image::Layer;
use crate::model::{Finding, Level, RuleId};

/// The rule.
pub struct SecretConfig;

/// Name of this rule.
pub const ID: RuleId = RuleId::new("secret-config");

static META: Meta = Meta {
    id: ID,
    title: "secret in the image configuration",
    what: "Searches environment variables, labels, annotations, command, entry point and the \
        build history (build arguments, ENV and ARG lines, commands) for tokens of known \
        formats, passwords inside URLs such as `PIP_INDEX_URL` and `DATABASE_URL`, and \
        plausible values under names such as `API_KEY` or `DB_PASSWORD`. References, \
        placeholders, paths, public keys and checksums are left alone; a doubtful value is a \
        warning. Values are never shown, only their length and a short fingerprint.",
    why: "The configuration is readable by whoever can pull the image, in every registry page \
        and by `docker inspect` and `docker history`. Build arguments look temporary and are \
        kept in the history for good.",
    fix: "While building: `RUN --mount=type=secret,id=token TOKEN=$(cat /run/secrets/token) ...`; \
        it leaves no trace. At run time: Kubernetes Secrets (`valueFrom.secretKeyRef`), \
        `docker run --env-file`, or a secrets manager. Revoke the value: everyone who could \
        pull the image may have it.",
    level: Level::Deny,
    settings: &[],
};

const RUNTIME_FIX: &str = "remove it from the Dockerfile and pass it when the container starts \
    (Kubernetes `valueFrom.secretKeyRef`, `docker run --env-file`); revoke the value, it must be \
    taken as known";
const BUILD_FIX: &str = "use a build secret, `RUN --mount=type=secret,id=token`, which leaves no \
    trace in the history as ARG and ENV do; revoke the value, it must be taken as known";

/// Most secrets reported of one image, and sightings of one text.
const MAX_SECRETS: usize = 100;

impl Rule for SecretConfig {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn judge(&self, seen: &Seen<'_>, _settings: &Settings) -> Vec<Finding> {
        let mut secrets: Vec<Secret<'_>> = Vec::new();
        for place in places(seen) {
            for sighting in place.search() {
                note(&mut secrets, &place, sighting);
            }
        }
        secrets.into_iter().map(Secret::into_finding).collect()
    }
}

/// One text of the configuration.
struct Place<'a> {
    /// Where it stands, in people's words.
    words: String,
    /// The name the text is a value of; none for commands.
    name: Option<&'a str>,
    text: std::borrow::Cow<'a, str>,
    layer: Option<Layer<'a>>,
    fix: &'static str,
}

impl Place<'_> {
    fn search(&self) -> Vec<Sighting> {
        let text = cut(&self.text, MAX_INSTRUCTION_BYTES);
        let mut found = tokens::find(text.as_bytes(), MAX_SECRETS);
        found.extend(urls::find(text, MAX_SECRETS));
        match self.name {
            Some(name) => found.extend(assignments::weigh(name, text).map(|strength| {
                Sighting::new(assignments::NAMED, 0, text.trim().as_bytes(), strength)
            })),
            None => found.extend(commands::find(text, MAX_SECRETS)),
        }
        found
    }
}

/// Every text of the configuration, ENV first: where a secret stands in both, that is its name.
fn places<'a>(seen: &Seen<'a>) -> Vec<Place<'a>> {
    let (config, manifest) = (&seen.image.config, &seen.image.manifest);
    let value = |kind: &str, name: &'a str, value: &'a str| Place {
        words: format!("{kind} `{}`", cut(name, 100)),
        name: Some(name),
        text: value.into(),
        layer: None,
        fix: RUNTIME_FIX,
    };
    let command = |words: &str, parts: &'a [String]| Place {
        words: words.to_owned(),
        name: None,
        text: parts.join(" ").into(),
        layer: None,
        fix: RUNTIME_FIX,
    };
    let labels = config.labels.iter().map(|(name, text)| value("label", name, text));
    let annotations =
        manifest.annotations.iter().map(|(name, text)| value("annotation", name, text));
    let commands = [
        command("the default command", &config.cmd),
        command("the entry point", &config.entrypoint),
    ];
    let variables =
        config.env_pairs().map(|(name, text)| value("environment variable", name, text));
    variables.chain(labels).chain(annotations).chain(commands).chain(steps(seen)).collect()
}

/// The steps of the history, each with the layer it made.
fn steps<'a>(seen: &Seen<'a>) -> impl Iterator<Item = Place<'a>> {
    let mut layers: Vec<Layer<'a>> = seen.layers().map(|(layer, _)| layer).collect();
    layers.reverse();
    seen.image.config.history.iter().enumerate().map(move |(number, step)| Place {
        words: format!("step {} of the build history", number.saturating_add(1)),
        name: None,
        text: step.created_by.as_str().into(),
        layer: if step.empty_layer { None } else { layers.pop() },
        fix: BUILD_FIX,
    })
}

/// One secret with all places where it stands.
struct Secret<'a> {
    sighting: Sighting,
    places: Vec<String>,
    layer: Option<Layer<'a>>,
    fix: &'static str,
}

fn note<'a>(secrets: &mut Vec<Secret<'a>>, place: &Place<'a>, sighting: Sighting) {
    let known = secrets.iter_mut().find(|known| known.sighting.fingerprint == sighting.fingerprint);
    if let Some(known) = known {
        known.sighting.strength = known.sighting.strength.max(sighting.strength);
        known.layer = known.layer.or(place.layer);
        if !known.places.contains(&place.words) {
            known.places.push(place.words.clone());
        }
        return;
    }
    let is_weak = |known: &Secret<'_>| known.sighting.strength == Strength::Weak;
    if secrets.len() >= MAX_SECRETS && sighting.strength == Strength::Strong {
        // A hundred doubtful values must not hide a sure one.
        if let Some(at) = secrets.iter().rposition(is_weak) {
            secrets.remove(at);
        }
    }
    if secrets.len() < MAX_SECRETS {
        secrets.push(Secret {
            sighting,
            places: vec![place.words.clone()],
            layer: place.layer,
            fix: place.fix,
        });
    }
}

impl Secret<'_> {
    /// What it is; the place already says the name of a variable.
    fn what(&self) -> String {
        let said = self.sighting.name.as_ref().is_some_and(|name| {
            self.places.first().is_some_and(|place| place.contains(name.as_str()))
        });
        if said { self.sighting.title.to_owned() } else { self.sighting.words() }
    }

    fn into_finding(self) -> Finding {
        let (verb, level) = match self.sighting.strength {
            Strength::Strong => ("holds", Level::Deny),
            Strength::Weak => ("may hold", Level::Warn),
        };
        let (first, others) = self.places.split_first().map_or(("", &[][..]), |(a, b)| (a, b));
        let also = match others {
            [] => String::new(),
            [other] => format!("; also in {other}"),
            [other, more @ ..] => format!("; also in {other} and {} more places", more.len()),
        };
        let message = format!(
            "{first} {verb} {} ({} characters, fingerprint {}){also}",
            self.what(),
            self.sighting.span.len(),
            self.sighting.fingerprint
        );
        let finding = Finding::new(ID, level, message, self.fix);
        let Some(layer) = self.layer else { return finding };
        let mut finding = finding.in_layer(layer);
        // The instruction repeats the value.
        if let Some(place) = &mut finding.layer {
            place.created_by = place.created_by.as_deref().map(redact);
        }
        finding
    }
}

#[cfg(test)]
mod tests {
    use super::super::secrets::tokens::tests::{BASE62, LETTERS, github, noise};
    use super::super::testing::Sample;
    use super::*;

    #[test]
    fn ordinary_base_images_pass() {
        let sample = Sample::of(&SecretConfig)
            .env(&[
                "PATH=/usr/local/nvidia/bin:/usr/local/cuda/bin:/usr/bin",
                "GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D",
                "GPG_KEYS=528995BFEDFBA7191D46839EF9BA0ADA31CBD89E 39B641343D8C104B2B146DC3F9C39DC0B9698544",
                "PYTHON_SHA256=c909157bb25ec114e5869124cc2a9c4a4d4c1e957ca4ff553f1edc692101154e",
                "PYTHON_GET_PIP_URL=https://github.com/pypa/get-pip/raw/def4aec84b261b939137dd1c69eff0aabb4a7bf4/public/get-pip.py",
                "NVIDIA_REQUIRE_CUDA=cuda>=12.8 brand=unknown,driver>=470,driver<471",
                "NVIDIA_GPGKEY_SUM=d0664fbbdb8c32356d45de36c5984617217b2d0bef41b93ccecd326ba3b80c87",
                "NV_CUDNN_PACKAGE=libcudnn9-cuda-12=9.7.0.66-1",
                "TOKENIZERS_PARALLELISM=false",
                "MAX_TOKENS=4096",
                "OPENAI_API_KEY=EMPTY",
                "ANTHROPIC_API_KEY=",
                "HF_TOKEN=${HF_TOKEN}",
                "HF_TOKEN_PATH=/run/secrets/hf_token_2026",
                "KEYCLOAK_URL=https://sso.corp/realms/ml",
                "ACCESS_LOG=/dev/stdout",
                "APT_KEY_DONT_WARN_ON_DANGEROUS_USAGE=DontWarn1",
                "PIP_NO_CREDENTIALS=0",
                "PIP_INDEX_URL=https://pypi.corp/simple",
                "DATABASE_URL=postgresql://postgres:postgres@localhost:5432/postgres",
                "SSH_AUTH_SOCK=/tmp/agent.12345678",
                "RABBITMQ_PGP_KEY_ID=0x0A9AF2115F4687BD29803A206B73A36E6026DFCA",
                "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE",
                "PWD=/workspace/project1",
            ])
            .label("org.opencontainers.image.revision", "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567")
            .label("maintainer", "NVIDIA CORPORATION <cudatools@nvidia.com>")
            .step("/bin/sh -c #(nop)  ARG TARGETARCH")
            .unread("RUN |1 TARGETARCH=amd64 /bin/sh -c apt-get update && apt-get install -y --no-install-recommends gnupg2 curl ca-certificates && curl -fsSLO https://developer.download.nvidia.com/compute/cuda/repos/ubuntu2204/${NVARCH}/cuda-keyring_1.1-1_all.deb && NVIDIA_GPGKEY_SUM=d0664fbbdb8c32356d45de36c5984617217b2d0bef41b93ccecd326ba3b80c87 && echo \"$NVIDIA_GPGKEY_SUM cuda.pub\" | sha256sum -c # buildkit", 10)
            .unread("RUN /bin/sh -c set -eux; for key in 4ED778F539E3634C779C87C6D7062848A1AB005C; do gpg --batch --keyserver hkps://keys.openpgp.org --recv-keys \"$key\"; done", 10)
            .unread("RUN --mount=type=secret,id=token TOKEN=$(cat /run/secrets/token) make", 10);
        assert_eq!(sample.words(), "");
    }

    #[test]
    fn secrets_are_refused_and_never_shown() {
        let token = format!("hf_{}", noise(34, LETTERS));
        let key = noise(24, BASE62);
        let table = [
            format!("HF_TOKEN={token}"),
            format!("HARMLESS={token}"),
            format!("SERVICE_API_KEY={key}"),
            "DB_PASSWORD=hunter2secure".to_owned(),
            "PIP_EXTRA_INDEX_URL=https://ci:t0psecr3t@pypi.corp/simple".to_owned(),
            "HTTPS_PROXY=http://svc:W1nter2026@proxy.corp:3128".to_owned(),
        ];
        for pair in &table {
            let sample = Sample::of(&SecretConfig).env(&[pair]);
            assert_eq!(sample.level(), Some(Level::Deny), "{pair}");
            let value = pair.split_once('=').unwrap().1;
            assert!(!sample.words().contains(value), "{pair}");
            assert!(!sample.words().contains("t0psecr3t"));
        }
        insta::assert_snapshot!(Sample::of(&SecretConfig).env(&[&table[3]]).words(), @r"
        deny: environment variable `DB_PASSWORD` holds a secret value (13 characters, fingerprint eaf5166a)
          fix: remove it from the Dockerfile and pass it when the container starts (Kubernetes `valueFrom.secretKeyRef`, `docker run --env-file`); revoke the value, it must be taken as known
        ");
    }

    #[test]
    fn build_arguments_are_found_in_the_history() {
        let token = github("ghp_");
        let sample = Sample::of(&SecretConfig)
            .step(&format!("ARG GH_TOKEN={token}"))
            .unread("COPY . . # buildkit", 1)
            .unread(&format!("RUN |2 GH_TOKEN={token} V=1 /bin/sh -c pip install x # buildkit"), 1);
        let findings = sample.findings();
        assert_eq!(findings.len(), 1, "one secret, one finding");
        let layer = findings[0].layer.as_ref().unwrap();
        assert_eq!(layer.index, 1);
        assert_eq!(
            layer.created_by.as_deref(),
            Some("RUN |2 GH_TOKEN=*** V=1 /bin/sh -c pip install x # buildkit")
        );
        let shown = serde_json::to_string(&findings).unwrap();
        assert!(!shown.contains(&token));
        insta::with_settings!({filters => vec![(r"fingerprint [0-9a-f]{8}", "fingerprint F")]}, {
            insta::assert_snapshot!(sample.words(), @r"
            deny: step 1 of the build history holds a GitHub token (40 characters, fingerprint F); also in step 3 of the build history
              fix: use a build secret, `RUN --mount=type=secret,id=token`, which leaves no trace in the history as ARG and ENV do; revoke the value, it must be taken as known
            ");
        });
    }

    #[test]
    fn hiding_in_commands_labels_and_annotations_does_not_help() {
        let key = noise(24, BASE62);
        let token = github("gho_");
        let label = Sample::of(&SecretConfig).label("build.info", &format!("x={token};y"));
        assert_eq!(label.level(), Some(Level::Deny));
        let mut command = Sample::of(&SecretConfig);
        command.image.config.entrypoint = ["serve", "--api-key", &key].map(str::to_owned).to_vec();
        assert_eq!(command.level(), Some(Level::Deny));
        let mut annotation = Sample::of(&SecretConfig);
        annotation.image.manifest.annotations.insert("ci.token".into(), key);
        assert_eq!(annotation.level(), Some(Level::Deny));
    }

    #[test]
    fn doubt_is_a_warning() {
        for pair in ["DB_PASSWORD=wintermute", "FERNET_KEY=qT9vLm4Zr1Xw8Kd2Pb"] {
            assert_eq!(Sample::of(&SecretConfig).env(&[pair]).level(), Some(Level::Warn), "{pair}");
        }
    }

    #[test]
    fn doubtful_values_push_no_sure_one_out() {
        let pairs: Vec<String> = (b'a'..=b'z')
            .flat_map(|a| (b'a'..=b'f').map(move |b| (char::from(a), char::from(b))))
            .map(|(a, b)| format!("K{a}{b}_PASSWORD=wintermute{a}{b}"))
            .collect();
        let mut pairs: Vec<&str> = pairs.iter().map(String::as_str).collect();
        pairs.push("LAST_PASSWORD=hunter2secure");
        let sample = Sample::of(&SecretConfig).env(&pairs);
        assert!(sample.words().contains("LAST_PASSWORD"));
        assert_eq!(sample.findings().len(), 100);
    }

    #[test]
    fn the_number_of_findings_is_capped() {
        for (count, expected) in [(99, 99), (100, 100), (101, 100)] {
            let pairs: Vec<String> =
                (0..count).map(|n| format!("K{n}_PASSWORD=hunter2secure{n}")).collect();
            let pairs: Vec<&str> = pairs.iter().map(String::as_str).collect();
            assert_eq!(Sample::of(&SecretConfig).env(&pairs).findings().len(), expected);
        }
    }
}

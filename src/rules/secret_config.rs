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

use super::secrets::assignments::{self, Style};
use super::secrets::{MAX_INSTRUCTION_BYTES, Sighting, Strength, commands};
use super::secrets::{redact, text::cut, tokens, urls};
use super::{Meta, Rule, Seen, Settings};
use crate::model::image::Layer;
use crate::model::{Finding, Image, ImageConfig, Level, RuleId};

/// The rule.
pub struct SecretConfig;

/// Name of this rule.
pub const ID: RuleId = RuleId::new("secret-config");

static META: Meta = Meta {
    id: ID,
    title: "secret in the image configuration",
    what: "Searches environment variables, labels, annotations, command, entry point and the \
        build history (build arguments, ENV and ARG lines, commands, comments), health check, \
        ONBUILD and the classic builder's last container for tokens of known \
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
        // The name says whether a value is meant to be read: `VITE_FIREBASE_API_KEY`.
        let pair = format!("{}={text}", cut(self.name.unwrap_or_default(), MAX_INSTRUCTION_BYTES));
        let mut found = tokens::find(pair.as_bytes(), MAX_SECRETS);
        found.extend(urls::find(text, MAX_SECRETS));
        // What has a name may hold commands and pairs as well: `JAVA_OPTS`, JSON in a label.
        found.extend(commands::find(text, MAX_SECRETS));
        found.extend(assignments::search(text, MAX_SECRETS, Style::Configuration).sightings);
        let whole = self.name.and_then(|name| assignments::weigh(name, unquoted(text)));
        found.extend(whole.map(|strength| {
            Sighting::new(assignments::NAMED, 0, unquoted(text).as_bytes(), strength)
        }));
        found
    }
}

/// The value without the quotes that some tools leave around it.
fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let inner = ['"', '\'']
        .iter()
        .find_map(|quote| text.strip_prefix(*quote).and_then(|text| text.strip_suffix(*quote)));
    inner.unwrap_or(text)
}

/// Every text of the configuration, ENV first: where a secret stands in both, that is its name.
fn places<'a>(seen: &Seen<'a>) -> Vec<Place<'a>> {
    let config = &seen.image.config;
    let variables = config.env_pairs().map(|pair| value("environment variable", pair, RUNTIME_FIX));
    let labels = config.labels.iter().map(|pair| value("label", names(pair), RUNTIME_FIX));
    let built = config
        .build_env_pairs()
        .map(|pair| value("variable of the build container", pair, BUILD_FIX));
    variables
        .chain(labels)
        .chain(annotations(seen.image))
        .chain(commands(config))
        .chain(built)
        .chain(steps(seen))
        .collect()
}

fn value<'a>(kind: &str, (name, text): (&'a str, &'a str), fix: &'static str) -> Place<'a> {
    let words = format!("{kind} `{}`", cut(name, 100));
    Place { words, name: Some(name), text: text.into(), layer: None, fix }
}

fn names<'a>((name, text): (&'a String, &'a String)) -> (&'a str, &'a str) {
    (name, text)
}

/// Annotations of the manifest and of what it links to.
fn annotations(image: &Image) -> impl Iterator<Item = Place<'_>> {
    let manifest = &image.manifest;
    let linked = manifest.layers.iter().chain([&manifest.config]);
    let linked = linked.flat_map(|descriptor| &descriptor.annotations);
    let all = manifest.annotations.iter().chain(linked);
    all.map(|pair| value("annotation", names(pair), RUNTIME_FIX))
}

/// Whatever is, or may have been, run.
fn commands(config: &ImageConfig) -> impl Iterator<Item = Place<'_>> {
    let all = [
        ("the default command", config.cmd.as_slice(), " ", RUNTIME_FIX),
        ("the entry point", &config.entrypoint, " ", RUNTIME_FIX),
        ("the health check", &config.healthcheck, " ", RUNTIME_FIX),
        ("the ONBUILD instructions", &config.on_build, "\n", BUILD_FIX),
        ("the build shell", &config.shell, " ", BUILD_FIX),
        ("the command of the build container", &config.build_cmd, " ", BUILD_FIX),
        ("the author", std::slice::from_ref(&config.author), "", BUILD_FIX),
    ];
    all.into_iter().map(|(words, parts, between, fix)| Place {
        words: words.to_owned(),
        name: None,
        text: parts.join(between).into(),
        layer: None,
        fix,
    })
}

/// The steps of the history, each with the layer it made, and what is remarked on them.
fn steps<'a>(seen: &Seen<'a>) -> impl Iterator<Item = Place<'a>> {
    let mut layers: Vec<Layer<'a>> = seen.layers().map(|(layer, _)| layer).collect();
    layers.reverse();
    seen.image.config.history.iter().enumerate().flat_map(move |(number, step)| {
        let layer = if step.empty_layer { None } else { layers.pop() };
        let place = move |what: &str, text: &'a str| Place {
            words: format!("{what} {} of the build history", number.saturating_add(1)),
            name: None,
            text: text.into(),
            layer,
            fix: BUILD_FIX,
        };
        [
            place("step", &step.created_by),
            place("the comment on step", &step.comment),
            place("the author of step", &step.author),
        ]
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
mod tests;

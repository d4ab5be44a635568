//! `secret-file`: secrets in the files of any layer.
//!
//! # What it finds
//! Credential files by name and content, private keys with a body, tokens of known formats in
//! every text; also in layers whose files a later layer deletes.
//!
//! # Why it matters
//! Whoever can pull the image can read every layer of it.
//!
//! # What to do instead
//! Build secrets while building, mounted secrets at run time, `.dockerignore` for the rest.
//!
//! Keys under a passphrase, values that may be something else and whatever lies in packages,
//! tests and documentation is a warning; test data inside packages is nothing.

mod binaries;
mod gates;
mod kubernetes;
mod named;
mod origins;
mod packed;
mod places;
mod source;
mod sqlite;
mod unsearched;

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;

use self::origins::Origins;
use self::places::Place;
use super::secrets::{Sighting, Strength, assignments, patterns, text, tokens};
use super::{Fate, Meta, Rule, Seen, Settings, Want};
use crate::model::image::Layer;
use crate::model::{Entry, EntryKind, Fact, Finding, Level, RuleId};
use crate::scan::deep::Window;
use crate::scan::{HEAD_BYTES, Limits};

/// The rule.
pub struct SecretFile;

/// Name of this rule.
pub const ID: RuleId = RuleId::new("secret-file");

static META: Meta = Meta {
    id: ID,
    title: "secret in a file",
    what: "Reads credential files (`.env`, `.npmrc`, `.netrc`, `.aws/credentials`, \
        `.docker/config.json`, kubeconfig, service account keys, shell histories and more) and \
        searches every text, notebooks and compiled Python included, for private keys and for \
        tokens of some 150 providers, also under base64, in every layer, also in files that a \
        later layer deletes. A name never counts without its content: an empty `.env`, a public \
        certificate, a placeholder or a published test key is no secret, and the checksums \
        inside GitHub, npm and age tokens are verified. Doubtful values, keys under a \
        passphrase and finds in packages, tests and documentation only warn. In pickles, \
        MessagePack, compiled Java (each up to 8 MiB) and memory dumps of the application only \
        tokens and keys count; other binaries are not searched, nor are archives of xz, bzip2, \
        7z and rar opened: one that is named like a backup is a warning. Values are never shown, \
        only length and a short fingerprint.",
    why: "Layers are files that anyone who can pull can unpack, including those that the final \
        file system no longer shows. Copied keys are found within hours of a repository \
        becoming public.",
    fix: "Add the file to `.dockerignore`. While building, mount it for the one instruction that \
        needs it: `RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci`. At run time, \
        mount a Kubernetes Secret. Revoke what was in the image: deleting the file in a later \
        layer does not remove it.",
    level: Level::Deny,
    settings: &[],
};

/// Most secrets noted in one file.
const MAX_PER_FILE: usize = 100;
/// Shorter files hold no secret.
const MIN_BYTES: u64 = 8;

impl Rule for SecretFile {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn want(&self, entry: &Entry<'_>, head: &[u8]) -> Want {
        if entry.kind != EntryKind::File || entry.size < MIN_BYTES {
            return Want::Nothing;
        }
        let wanted = text::is_searchable(entry.extension(), head)
            || named::named(entry.path).is_some()
            || source::is_store(entry, head)
            || binaries::is_searched(entry, head);
        let counts = !packed::is_packed(entry.path) || packed::counts(entry.path);
        match wanted && counts {
            _ if packed::is_wanted(entry, head) => Want::Inside,
            _ if unsearched::is_closed(entry, head) => Want::Head,
            true => Want::Whole,
            false => Want::Nothing,
        }
    }

    fn look(&self, entry: &Entry<'_>, content: &[u8], limits: &Limits, facts: &mut Vec<Fact>) {
        let head = content.get(..HEAD_BYTES).unwrap_or(content);
        if unsearched::is_closed(entry, head) {
            facts.push(unsearched::closed(entry));
            return;
        }
        let (named, source) = (named::named(entry.path), source::source(entry, head));
        if named.is_none() && binaries::is_searched(entry, head) {
            let texts = binaries::texts(content);
            return note(entry, sure(&texts), None, facts);
        }
        facts.extend(origins::owned(entry, content));
        let database = sqlite::unfolded(content);
        // Its bytes have no lines.
        let has_lines = database.is_none();
        let content = database.map_or_else(|| text::narrow(content), Cow::Owned);
        let search = tokens::search(&content, MAX_PER_FILE);
        let mut is_flooded = search.is_flooded;
        let mut found = search.sightings;
        // Only what is read as text is checked for being one.
        if named.is_some() || source.is_some() {
            let text = text::readable(&content);
            let more = match (named, source) {
                (Some(named), _) => gates::gate(named, &text, &content),
                (None, Some(source)) => source.find(&text),
                (None, None) => tokens::Found::default(),
            };
            is_flooded |= more.is_flooded;
            found.extend(more.sightings);
            let is_data = named.is_none() && source.is_some_and(source::Source::is_data);
            facts.extend(unsearched::rest(entry, limits).filter(|_| !is_data));
        }
        if is_flooded {
            facts.push(unsearched::flood(entry));
        }
        if places::is_wording(entry.path) {
            found.iter_mut().filter(|found| is_by_name(found)).for_each(|found| {
                found.strength = Strength::Weak;
            });
        }
        note(entry, found, has_lines.then(|| text::Lines::of(&content)), facts);
    }

    /// In data and logs of that length only what is surely a secret counts.
    fn look_on(&self, entry: &Entry<'_>, window: &Window<'_>, facts: &mut Vec<Fact>) {
        let content = text::narrow(window.bytes);
        let mut found = sure(&content);
        found.retain(|sighting| sighting.span.end > window.repeated);
        let mut lines = text::Lines::of(&content);
        for sighting in distinct(found) {
            let line = window.lines.saturating_add(lines.at(sighting.span.start));
            facts.push(fact(entry, &sighting, Some(line)));
        }
    }

    fn judge(&self, seen: &Seen<'_>, _settings: &Settings) -> Vec<Finding> {
        let origins = Origins::of(seen);
        let mut secrets: BTreeMap<(usize, &str), Secret<'_>> = BTreeMap::new();
        for (layer, fact) in seen.facts(&META.id) {
            let Some(level) = level(&origins, layer, fact) else { continue };
            // What was not searched has none, and is one find a layer.
            let fingerprint = fact.particular("fingerprint").unwrap_or(&fact.kind);
            let secret = secrets.entry((layer.index, fingerprint)).or_insert(Secret {
                layer,
                fact,
                level,
                others: 0,
            });
            secret.note(fact, level);
        }
        secrets.values().map(|secret| secret.finding(seen, &origins)).collect()
    }
}

/// Tokens and private keys of which there is no doubt.
fn sure(content: &[u8]) -> Vec<Sighting> {
    let mut found = tokens::find(content, MAX_PER_FILE);
    found.retain(|sighting| sighting.strength == Strength::Strong);
    found
}

/// Notes the sightings of one file, with the line of each where there are lines.
fn note(
    entry: &Entry<'_>,
    found: Vec<Sighting>,
    mut lines: Option<text::Lines<'_>>,
    facts: &mut Vec<Fact>,
) {
    for sighting in distinct(found) {
        let line = lines.as_mut().map(|lines| lines.at(sighting.span.start));
        facts.push(fact(entry, &sighting, line));
    }
}

/// The secrets of one file, in order, each place once.
fn distinct(mut found: Vec<Sighting>) -> Vec<Sighting> {
    found.sort_by_key(|sighting| (sighting.span.start, Reverse(sighting.strength)));
    // Of two at one place the strong one stays.
    found.dedup_by(|next, kept| {
        let overlaps = next.span.start < kept.span.end;
        if overlaps && next.strength > kept.strength {
            std::mem::swap(next, kept);
        }
        overlaps
    });
    // Nor may a hundred doubtful ones push a sure one out.
    found.sort_by_key(|sighting| (Reverse(sighting.strength), sighting.span.start));
    found.truncate(MAX_PER_FILE);
    found.sort_by_key(|sighting| sighting.span.start);
    found
}

fn fact(entry: &Entry<'_>, sighting: &Sighting, line: Option<u64>) -> Fact {
    let fact = Fact::new(ID, sighting.kind, entry.path, entry.size);
    let fact = if let Some(line) = line { fact.at_line(line) } else { fact };
    fact.with("what", sighting.words())
        .with("length", sighting.span.len().to_string())
        .with("fingerprint", sighting.fingerprint.clone())
        .with("strength", sighting.strength.as_str())
}

fn is_strong(fact: &Fact) -> bool {
    fact.particular("strength") == Some(Strength::Strong.as_str())
}

/// What a fact asks for, by its strength and its place; `None`: nothing at all.
fn level(origins: &Origins<'_>, layer: Layer<'_>, fact: &Fact) -> Option<Level> {
    if fact.kind == origins::OWNED {
        return None;
    }
    if fact.kind != unsearched::CLOSED && packed::is_packed(&fact.path) {
        return packed::level(fact);
    }
    // What a command wrote down there is in the history; what packages bring is full of examples.
    if origins.is_made(layer) && places::is_system(&fact.path) && is_guess(fact) {
        return None;
    }
    let is_login = is_strong(fact) && is_login(fact);
    match origins.place(layer, &fact.path) {
        Place::Application if is_strong(fact) && origins.is_open(layer, &fact.path) => {
            Some(Level::Warn)
        }
        Place::Application if is_strong(fact) => Some(Level::Deny),
        // `app/testing/prod.env` is no test, however its folder is called.
        Place::Packages | Place::Quiet if is_login => Some(Level::Deny),
        Place::PackageTests => is_login.then_some(Level::Warn),
        Place::Packages if !is_strong(fact) => None,
        _ => Some(Level::Warn),
    }
}

/// Whether it is what only a name or an address in some text makes a secret.
fn is_guess(fact: &Fact) -> bool {
    !is_strong(fact)
        && !is_token(fact)
        && !is_key(fact)
        && unsearched::words(fact).is_none()
        && named::named(&fact.path).is_none()
}

/// Whether it is a private key, alone or in a store.
fn is_key(fact: &Fact) -> bool {
    fact.kind.contains("private-key") || fact.kind == "key-store"
}

/// A provider's token in a credential file. Passwords and keys are made up for tests; tokens with
/// a provider's format are not, and packages have none in a `.env`.
fn is_login(fact: &Fact) -> bool {
    is_token(fact) && named::named(&fact.path).is_some()
}

/// Whether only its name, or the name of the file, makes it a secret.
fn is_by_name(sighting: &Sighting) -> bool {
    [assignments::NAMED.0, gates::BARE.0].contains(&sighting.kind)
}

/// Whether it has a provider's format.
fn is_token(fact: &Fact) -> bool {
    patterns::all().any(|pattern| pattern.kind == fact.kind)
}

/// One secret of one layer, in one file or several.
struct Secret<'a> {
    layer: Layer<'a>,
    fact: &'a Fact,
    level: Level,
    others: usize,
}

impl<'a> Secret<'a> {
    /// Another sighting of it; the worst one names it.
    fn note(&mut self, fact: &'a Fact, level: Level) {
        if fact.path != self.fact.path {
            self.others = self.others.saturating_add(1);
        }
        if level > self.level {
            (self.fact, self.level) = (fact, level);
        }
    }

    fn finding(&self, seen: &Seen<'_>, origins: &Origins<'_>) -> Finding {
        let fact = self.fact;
        if let Some((message, fix)) = unsearched::words(fact) {
            let finding = Finding::new(ID, self.level, message, fix).in_layer(self.layer);
            return finding.at_path(&fact.path, fact.size);
        }
        let what = fact.particular("what").unwrap_or("a secret");
        let length = fact.particular("length").unwrap_or("?");
        let fingerprint = fact.particular("fingerprint").unwrap_or("?");
        let line = fact.line.map(|line| format!(" line {line}")).unwrap_or_default();
        let verb = if is_strong(fact) { "holds" } else { "may hold" };
        let others = match self.others {
            0 => String::new(),
            1 => ", also in another file".to_owned(),
            count => format!(", also in {count} other files"),
        };
        let message = format!(
            "`{}`{line} {verb} {what} ({length} characters, fingerprint {fingerprint}){others}{}",
            fact.path,
            seen.fate_words(self.layer.index, packed::outermost(&fact.path))
        );
        let fate = seen.fate(self.layer.index, packed::outermost(&fact.path));
        let visible = fate == Fate::Visible;
        let remedy = fix_made(origins, self.layer, fact).unwrap_or_else(|| fix(fact, visible));
        Finding::new(ID, self.level, message, remedy)
            .in_layer(self.layer)
            .at_path(&fact.path, fact.size)
            .at_line(fact.line)
    }
}

/// The remedy for what a package made while it was installed.
fn fix_made(origins: &Origins<'_>, layer: Layer<'_>, fact: &Fact) -> Option<String> {
    match (origins.place(layer, &fact.path), origins.is_made(layer)) {
        (Place::HostKeys, true) => Some(
            "every container would have the same host key: delete it in the instruction that \
            installs the server (`rm -f /etc/ssh/ssh_host_*`) and run `ssh-keygen -A` at start"
                .to_owned(),
        ),
        (Place::HostKeys, false) => Some(
            "every container would have the same host key: leave it out of the build context \
            (`.dockerignore`), run `ssh-keygen -A` at start, and replace the key"
                .to_owned(),
        ),
        (Place::Generated, true) => Some(format!(
            "every container would have the same: delete it in the instruction that installs \
            the package (`rm -f /{}`) and let the container make its own at start",
            fact.path
        )),
        _ => None,
    }
}

/// The remedy for one secret.
fn fix(fact: &Fact, visible: bool) -> String {
    let instead = if is_key(fact) {
        "keep the key out of the build context (`.dockerignore`); for Git over SSH use `RUN \
         --mount=type=ssh`, at run time mount a Secret; replace the key pair"
    } else if named::named(&fact.path).is_some() {
        "add the file to `.dockerignore`, mount it only where a step needs it (`RUN \
         --mount=type=secret,id=...,target=...`) or at run time; revoke the value"
    } else {
        "read the value from the environment or a mounted file when the container starts; revoke it"
    };
    let deleted = if visible { "" } else { "; deleting it in a later layer does not remove it" };
    format!("{instead}{deleted}")
}

#[cfg(test)]
mod tests;

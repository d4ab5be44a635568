//! Kubernetes Secrets: base64 is no protection. The values under `data` are decoded and weighed
//! under their names; `stringData` is read like any other pair.

use std::ops::Range;

use super::super::secrets::{Sighting, Strength, assignments, encoded, tokens};
use super::gates;
use super::named::Named;

/// Longest value decoded, in bytes.
const MAX_VALUE_BYTES: usize = 64 * 1024;
/// Most values looked at in one file.
const MAX_VALUES: usize = 10_000;

/// Secrets in the manifests of a file, at most `most` of each strength.
pub(super) fn find(text: &str, most: usize) -> Vec<Sighting> {
    let found = documents(text)
        .filter(|(_, document)| is_secret(document))
        .flat_map(|(start, document)| values(start, document))
        .take(MAX_VALUES)
        .filter_map(|value| value.sighting());
    tokens::strongest(found, most)
}

/// Takes out what only has a name in documents whose values lie elsewhere, or are encrypted:
/// sealed and external secrets. `secretKey: db-password-2024x` is the name of a key there.
pub(super) fn leave_references(text: &str, found: &mut Vec<Sighting>) {
    if !GROUPS.iter().any(|group| text.contains(group)) {
        return;
    }
    let documents: Vec<Range<usize>> = documents(text)
        .filter(|(_, document)| is_reference(document))
        .map(|(start, document)| start..start.saturating_add(document.len()))
        .collect();
    found.retain(|sighting| {
        let is_inside = |range: &Range<usize>| range.contains(&sighting.span.start);
        sighting.kind != assignments::NAMED.0 || !documents.iter().any(is_inside)
    });
}

/// Bitnami's sealed secrets, the External Secrets operator, the CSI driver for secret stores.
const GROUPS: &[&str] = &["bitnami.com/", "external-secrets.io/", "secrets-store.csi.x-k8s.io/"];
const KINDS: &[&str] = &[
    "SealedSecret",
    "ExternalSecret",
    "ClusterExternalSecret",
    "PushSecret",
    "SecretStore",
    "ClusterSecretStore",
    "SecretProviderClass",
];

/// Whether the document is an object of one of them.
fn is_reference(document: &str) -> bool {
    let says = |key: &str, is: &dyn Fn(&str) -> bool| {
        document.lines().any(|line| {
            let clean = line.trim().trim_end_matches(',');
            let Some((name, value)) = clean.split_once(':') else { return false };
            let quotes = ['"', '\'', ' ', '{'];
            name.trim_matches(quotes) == key && is(value.trim_matches(quotes))
        })
    };
    says("apiVersion", &|value| GROUPS.iter().any(|group| value.starts_with(group)))
        && says("kind", &|value| KINDS.contains(&value))
}

/// The documents of a YAML stream with the offset of each.
fn documents(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut start = 0_usize;
    text.split("\n---").map(move |document| {
        let at = start;
        start = start.saturating_add(document.len()).saturating_add("\n---".len());
        (at, document)
    })
}

/// Whether a document says that it is a Secret, in YAML or JSON.
fn is_secret(document: &str) -> bool {
    document.match_indices("kind").any(|(at, _)| {
        let rest = document.get(at.saturating_add(4)..).unwrap_or_default();
        let rest = rest.trim_start_matches(['"', '\'']).trim_start_matches([' ', '\t']);
        let rest = rest.strip_prefix(':').unwrap_or_default().trim_start_matches([' ', '\t']);
        let rest = rest.trim_start_matches(['"', '\'']).strip_prefix("Secret");
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
    })
}

/// One pair of a Secret whose value is base64.
struct Value<'a> {
    name: &'a str,
    base64: &'a str,
    start: usize,
}

/// Every `name: value` of a document that is base64.
fn values(start: usize, document: &str) -> impl Iterator<Item = Value<'_>> {
    let is_end = |c: char| matches!(c, '\n' | ',' | '{' | '}');
    let mut at = start;
    document.split_inclusive(is_end).filter_map(move |part| {
        let here = at;
        at = at.saturating_add(part.len());
        let (name, value) = part.split_once(':')?;
        let trimmed = value.trim_end_matches(is_end).trim().trim_matches(['"', '\'']);
        let offset = name.len().checked_add(1)?.checked_add(value.find(trimmed)?)?;
        let name = name.trim().trim_matches(['"', '\'', '?', ' ']);
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
        let fits = (8..=MAX_VALUE_BYTES).contains(&trimmed.len()) && trimmed.bytes().all(is_base64);
        fits.then_some(Value { name, base64: trimmed, start: here.checked_add(offset)? })
    })
}

impl Value<'_> {
    fn sighting(&self) -> Option<Sighting> {
        let plain = encoded::base64(self.base64.as_bytes())?;
        let mut sighting = self.inside(&plain)?;
        sighting.span = self.start..self.start.saturating_add(self.base64.len());
        sighting.name.get_or_insert_with(|| self.name.chars().take(80).collect());
        Some(sighting)
    }

    /// What the decoded value holds: a token, a key, a login for a registry, or a plausible value
    /// under its name.
    fn inside(&self, plain: &[u8]) -> Option<Sighting> {
        let token = tokens::find(plain, 1).into_iter().max_by_key(|found| found.strength);
        if token.as_ref().is_some_and(|token| token.strength == Strength::Strong) {
            return token;
        }
        let text = std::str::from_utf8(plain).ok()?.trim();
        if self.name.starts_with(".docker") {
            return gates::gate(Named::Docker, text, plain).sightings.into_iter().next();
        }
        let strength = assignments::weigh(self.name, text)?;
        Some(Sighting::named(self.name, self.start, text.as_bytes(), strength)).or(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::secrets::encoded::tests::standard;
    use crate::rules::secrets::private_key::tests::pem;

    fn secret(name: &str, value: &str) -> String {
        let value = standard(value.as_bytes());
        format!("apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\ndata:\n  {name}: {value}\n")
    }

    #[test]
    fn values_are_decoded_and_weighed() {
        let strong = Some(Strength::Strong);
        let key = pem("EC PRIVATE KEY", 164);
        let login = r#"{"auths":{"r.corp":{"auth":"bWw6aHVudGVyMnNlY3VyZQ=="}}}"#;
        let table = [
            ("password", "hunter2secure", strong),
            ("POSTGRES_PASSWORD", "wintermute", Some(Strength::Weak)),
            ("api-key", "qT9vLm4Zr1Xw8Kd2Pb", strong),
            ("tls.key", &key, strong),
            (".dockerconfigjson", login, strong),
            ("password", "changeme", None),
            ("username", "administrator1", None),
            (".dockerconfigjson", r#"{"auths":{}}"#, None),
        ];
        for (name, value, expected) in table {
            let yaml = secret(name, value);
            let found = find(&yaml, 10);
            assert_eq!(found.first().map(|found| found.strength), expected, "{name}: {value}");
            if let Some(found) = found.first() {
                assert_eq!(yaml[found.span.clone()], standard(value.as_bytes()));
            }
            let json = format!(
                "{{\"kind\": \"Secret\", \"data\": {{\"{name}\": \"{}\"}}}}",
                standard(value.as_bytes())
            );
            assert_eq!(find(&json, 10).first().map(|found| found.strength), expected, "{json}");
        }
    }

    #[test]
    fn only_secrets_are_decoded() {
        let yaml = secret("password", "hunter2secure");
        for other in ["ConfigMap", "SealedSecret", "SecretProviderClass"] {
            let text = yaml.replace("kind: Secret", &format!("kind: {other}"));
            assert_eq!(find(&text, 10), [], "{other}");
        }
        let two = format!("{}---\n{yaml}", yaml.replace("kind: Secret", "kind: ConfigMap"));
        let found = find(&two, 10);
        assert_eq!(found.len(), 1);
        assert!(found[0].span.start > yaml.len());
    }
}

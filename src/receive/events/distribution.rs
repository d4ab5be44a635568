//! Events of CNCF distribution (`registry:2` and `:3`) and GitLab's fork of it.
//! Source: distribution `notifications/event.go`; `research/events.md` section 1.2.

use serde::Deserialize;

use super::{Batch, EventError, MAX_PUSHES, Push, Sender};
use crate::model::{Digest, Reference};

/// The sender.
pub struct Distribution;

/// `application/vnd.docker.distribution.events.v1+json` and `.v2+json`. An envelope may be
/// empty (`{}`) and hold any number of events, although today's code sends one.
#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    events: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Event {
    action: String,
    target: Target,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    #[serde(default)]
    media_type: String,
    #[serde(default)]
    digest: String,
    #[serde(default)]
    repository: String,
    #[serde(default)]
    tag: String,
}

impl Sender for Distribution {
    fn kind(&self) -> &'static str {
        "distribution"
    }

    fn read(&self, body: &[u8]) -> Result<Batch, EventError> {
        // As a map first: serde would read a list as a struct, too.
        let envelope: Envelope = serde_json::from_slice(body)
            .and_then(|map: serde_json::Map<_, _>| serde_json::from_value(map.into()))
            .map_err(|error| EventError(error.to_string()))?;
        if envelope.events.len() > MAX_PUSHES {
            let count = envelope.events.len();
            return Err(EventError(format!("too many events: {count} (limit {MAX_PUSHES})")));
        }
        let mut batch = Batch::default();
        for event in envelope.events {
            match serde_json::from_value::<Event>(event) {
                Ok(event) if event.is_manifest_push() => match event.target.push() {
                    Ok(push) => batch.pushes.push(push),
                    Err(reason) => batch.unreadable.push(reason),
                },
                Ok(_) => batch.ignored += 1,
                Err(error) => batch.unreadable.push(error.to_string()),
            }
        }
        Ok(batch)
    }
}

impl Event {
    /// Blobs and our own pulls make events too.
    fn is_manifest_push(&self) -> bool {
        let media_type = &self.target.media_type;
        let is_manifest = media_type.contains("manifest") || media_type.contains("image.index");
        self.action == "push" && is_manifest
    }
}

impl Target {
    fn push(self) -> Result<Push, String> {
        let digest: Digest = self.digest.parse().map_err(|error| format!("{error}"))?;
        // The host is only a stand-in: the receiver's comes from configuration.
        Reference::from_parts("registry.invalid", &self.repository, None, Some(&digest))
            .map_err(|error| error.to_string())?;
        let tag = Some(self.tag).filter(|tag| !tag.is_empty());
        Ok(Push { repository: self.repository, digest, tag })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(body: &Value) -> Batch {
        Distribution.read(body.to_string().as_bytes()).unwrap()
    }

    fn event(action: &str, media_type: &str) -> Value {
        json!({"action": action, "target": {"mediaType": media_type, "size": 7,
            "digest": Digest::of(b"m"), "repository": "ml/app", "tag": "1.4",
            "url": "https://elsewhere.example.com/v2/ml/app/manifests/x"},
            "request": {"host": "elsewhere.example.com"}})
    }

    #[test]
    fn takes_pushes_of_manifests_and_ignores_the_rest() {
        let batch = read(&json!({"events": [
            event("push", crate::model::manifest::OCI_MANIFEST),
            event("push", crate::model::manifest::DOCKER_LIST),
            event("push", "application/octet-stream"),
            event("pull", crate::model::manifest::OCI_MANIFEST),
            event("mount", "application/octet-stream"),
            {"action": "delete", "target": {"digest": Digest::of(b"m"), "repository": "ml/app"}},
        ]}));
        assert_eq!((batch.pushes.len(), batch.ignored, batch.unreadable.len()), (2, 4, 0));
        assert_eq!(batch.pushes[0].tag.as_deref(), Some("1.4"));
        assert_eq!(batch.pushes[0].repository, "ml/app");
    }

    #[test]
    fn an_empty_envelope_is_fine_and_junk_is_not() {
        assert_eq!(read(&json!({})), Batch::default());
        for junk in ["", "[]", "null", "{\"events\": 1}"] {
            assert!(Distribution.read(junk.as_bytes()).is_err(), "{junk}");
        }
    }

    #[test]
    fn one_unreadable_event_does_not_hide_the_others() {
        let good = event("push", crate::model::manifest::OCI_MANIFEST);
        let mut no_digest = good.clone();
        no_digest["target"]["digest"] = json!("");
        let mut evil = good.clone();
        evil["target"]["repository"] = json!("../../etc");
        let batch = read(&json!({"events": [no_digest, good, evil, {"action": 1}]}));
        assert_eq!((batch.pushes.len(), batch.unreadable.len()), (1, 3));
    }

    #[test]
    fn caps_events() {
        let of = |count: usize| {
            let body = json!({"events": vec![json!({"action": "pull", "target": {}}); count]});
            Distribution.read(body.to_string().as_bytes())
        };
        assert!(of(MAX_PUSHES - 1).is_ok());
        assert!(of(MAX_PUSHES).is_ok());
        assert!(of(MAX_PUSHES + 1).is_err());
    }

    #[test]
    fn reads_an_index_as_distribution_sends_it() {
        let sample = json!({"events": [{"id": "1", "timestamp": "2027-01-01T00:00:00Z",
            "action": "push", "target": {"mediaType": crate::model::manifest::OCI_INDEX,
            "digest": Digest::of(b"i"), "repository": "ml/app", "tag": "latest",
            "references": []}, "actor": {}, "source": {"addr": "r:5000"}}]});
        assert_eq!(read(&sample).pushes.len(), 1);
    }
}

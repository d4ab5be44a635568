//! AdmissionReview v1, the asking half: which images does an object want to run?
//! Invariant: pure. Sources: `research/admission.md` sections 4.1 and 4.2.
//!
//! Types are our own: the review is read leniently (any kind, unknown fields), and what cannot
//! be read still yields the uid, so that the caller gets a review back.

use serde::Deserialize;
use serde_json::Value;

/// Most images one object may name. A pod with a thousand containers is an attack on us.
pub const MAX_IMAGES: usize = 500;

/// What a review asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Echoed in the answer.
    pub uid: String,
    /// Namespace of the object; empty for cluster-scoped ones.
    pub namespace: String,
    /// `Kind namespace/name`, for the log.
    pub object: String,
    /// Whether the object will not be stored.
    pub dry_run: bool,
    /// The images to judge, or why there is nothing to judge.
    pub ask: Ask,
}

/// What is to be done about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Nothing in it could run something new: allowed.
    Nothing(&'static str),
    /// These images, each with the places that name it.
    Images(Vec<Wanted>),
    /// More than [`MAX_IMAGES`].
    TooMany(usize),
}

/// One image that an object wants to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The reference as written.
    pub image: String,
    /// Where, such as `spec.template.spec.containers[1]`.
    pub places: Vec<String>,
}

/// Why a body is no review.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ReviewError {
    /// Not JSON.
    #[error("malformed JSON: {0}")]
    Json(String),
    /// No `request.uid`: no answer could reach the caller.
    #[error("not an AdmissionReview: `request.uid` is missing")]
    Uid,
    /// A uid, but nothing else that can be understood.
    #[error("unreadable AdmissionReview: {detail}")]
    Unreadable {
        /// Echoed in the answer.
        uid: String,
        /// What is wrong.
        detail: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    kind: Kind,
    #[serde(default)]
    sub_resource: Option<String>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    namespace: String,
    operation: String,
    #[serde(default)]
    object: Value,
    #[serde(default)]
    old_object: Value,
    #[serde(default)]
    dry_run: Option<bool>,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(default)]
    group: String,
    kind: String,
}

impl Review {
    /// Reads the body of a `POST /validate`.
    pub fn parse(body: &[u8]) -> Result<Self, ReviewError> {
        let mut review: Value =
            serde_json::from_slice(body).map_err(|error| ReviewError::Json(error.to_string()))?;
        let uid = review
            .pointer("/request/uid")
            .and_then(Value::as_str)
            .filter(|uid| !uid.is_empty() && uid.len() <= 256)
            .ok_or(ReviewError::Uid)?
            .to_owned();
        let unreadable = |detail: String| ReviewError::Unreadable { uid: uid.clone(), detail };
        if review.get("apiVersion").and_then(Value::as_str) != Some("admission.k8s.io/v1") {
            return Err(unreadable("`apiVersion` must be `admission.k8s.io/v1`".into()));
        }
        let request = review.get_mut("request").map(Value::take).unwrap_or_default();
        let request: Request =
            serde_json::from_value(request).map_err(|error| unreadable(error.to_string()))?;
        Ok(Self {
            object: request.described(),
            dry_run: request.dry_run.unwrap_or(false),
            ask: request.ask(),
            namespace: request.namespace,
            uid,
        })
    }
}

impl Request {
    /// `Pod ml/app`; a generated name is not known yet.
    fn described(&self) -> String {
        let generated = self.object.pointer("/metadata/generateName").and_then(Value::as_str);
        let name = if self.name.is_empty() { generated.unwrap_or_default() } else { &self.name };
        format!("{} {}/{name}", self.kind.kind, self.namespace)
    }

    fn ask(&self) -> Ask {
        if !matches!(self.operation.as_str(), "CREATE" | "UPDATE") {
            return Ask::Nothing("nothing new runs by this operation");
        }
        if matches!(self.sub_resource.as_deref(), Some("status" | "scale")) {
            return Ask::Nothing("this subresource names no image");
        }
        // Finalizers are removed by updates: refusing those wedges the deletion.
        let deleted_at = self.object.pointer("/metadata/deletionTimestamp");
        if self.operation == "UPDATE" && deleted_at.is_some_and(|time| !time.is_null()) {
            return Ask::Nothing("the object is being deleted");
        }
        let wanted = images(&self.kind, &self.object);
        let old = images(&self.kind, &self.old_object);
        if self.operation == "UPDATE" && is_covered(&wanted, &old) {
            return Ask::Nothing("the update leaves the images unchanged");
        }
        match wanted.len() {
            0 => Ask::Nothing("the object names no image"),
            count if count > MAX_IMAGES => Ask::TooMany(count),
            _ => Ask::Images(wanted),
        }
    }
}

/// Whether every image was there before.
fn is_covered(wanted: &[Wanted], old: &[Wanted]) -> bool {
    wanted.iter().all(|wanted| old.iter().any(|old| old.image == wanted.image))
}

/// Path to the pod spec in each built-in kind.
fn pod_spec_path(kind: &Kind) -> Option<&'static [&'static str]> {
    const TEMPLATE: &[&str] = &["spec", "template", "spec"];
    Some(match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Pod") => &["spec"],
        ("", "ReplicationController")
        | ("apps", "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet")
        | ("batch", "Job") => TEMPLATE,
        ("batch", "CronJob") => &["spec", "jobTemplate", "spec", "template", "spec"],
        ("", "PodTemplate") => &["template", "spec"],
        _ => return None,
    })
}

/// The images of an object, each once, in the order in which they are named.
fn images(kind: &Kind, object: &Value) -> Vec<Wanted> {
    let Some(path) = pod_spec_path(kind) else { return Vec::new() };
    let spec = path.iter().try_fold(object, |value, key| value.get(key));
    let Some(spec) = spec else { return Vec::new() };
    let prefix = path.join(".");
    let mut wanted: Vec<Wanted> = Vec::new();
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        let containers = spec.get(list).and_then(Value::as_array).into_iter().flatten();
        for (index, container) in containers.enumerate() {
            // A Deployment template may leave the image out; the pod made from it may not.
            let Some(image) = container.get("image").and_then(Value::as_str) else { continue };
            add(&mut wanted, image, format!("{prefix}.{list}[{index}]"));
        }
    }
    let volumes = spec.get("volumes").and_then(Value::as_array).into_iter().flatten();
    for (index, volume) in volumes.enumerate() {
        if let Some(image) = volume.pointer("/image/reference").and_then(Value::as_str) {
            add(&mut wanted, image, format!("{prefix}.volumes[{index}].image"));
        }
    }
    wanted
}

fn add(wanted: &mut Vec<Wanted>, image: &str, place: String) {
    match wanted.iter_mut().find(|wanted| wanted.image == image) {
        Some(known) => known.places.push(place),
        None => wanted.push(Wanted { image: image.to_owned(), places: vec![place] }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod_spec(images: &[&str]) -> Value {
        let containers: Vec<Value> = images
            .iter()
            .enumerate()
            .map(|(index, image)| json!({"name": format!("c{index}"), "image": image}))
            .collect();
        json!({"containers": containers})
    }

    #[expect(clippy::needless_pass_by_value, reason = "callers make it on the spot")]
    fn review(group: &str, kind: &str, operation: &str, object: Value, old: Value) -> Value {
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
            "uid": "u-1", "kind": {"group": group, "version": "v1", "kind": kind},
            "operation": operation, "name": "app", "namespace": "ml",
            "object": object, "oldObject": old,
        }})
    }

    fn ask(review: &Value) -> Ask {
        Review::parse(review.to_string().as_bytes()).unwrap().ask
    }

    fn names(ask: &Ask) -> Vec<(&str, Vec<&str>)> {
        let Ask::Images(images) = ask else { panic!("{ask:?}") };
        images
            .iter()
            .map(|wanted| {
                (wanted.image.as_str(), wanted.places.iter().map(String::as_str).collect())
            })
            .collect()
    }

    #[test]
    fn finds_images_in_every_built_in_kind() {
        let spec = pod_spec(&["a"]);
        let template = json!({"spec": {"template": {"spec": spec}}});
        let table = [
            ("", "Pod", json!({"spec": spec}), "spec.containers[0]"),
            ("apps", "Deployment", template.clone(), "spec.template.spec.containers[0]"),
            ("apps", "ReplicaSet", template.clone(), "spec.template.spec.containers[0]"),
            ("apps", "StatefulSet", template.clone(), "spec.template.spec.containers[0]"),
            ("apps", "DaemonSet", template.clone(), "spec.template.spec.containers[0]"),
            ("", "ReplicationController", template.clone(), "spec.template.spec.containers[0]"),
            ("batch", "Job", template.clone(), "spec.template.spec.containers[0]"),
            ("", "PodTemplate", json!({"template": {"spec": spec}}), "template.spec.containers[0]"),
            (
                "batch",
                "CronJob",
                json!({"spec": {"jobTemplate": template}}),
                "spec.jobTemplate.spec.template.spec.containers[0]",
            ),
        ];
        for (group, kind, object, place) in table {
            let ask = ask(&review(group, kind, "CREATE", object, Value::Null));
            assert_eq!(names(&ask), [("a", vec![place])], "{kind}");
        }
    }

    #[test]
    fn finds_init_and_ephemeral_containers_and_image_volumes() {
        let object = json!({"spec": {
            "initContainers": [{"image": "i"}],
            "containers": [{"image": "a"}, {"image": "i"}, {"name": "none"}],
            "ephemeralContainers": [{"image": "e"}],
            "volumes": [{"emptyDir": {}}, {"image": {"reference": "v"}}],
        }});
        let ask = ask(&review("", "Pod", "CREATE", object, Value::Null));
        assert_eq!(
            names(&ask),
            [
                ("i", vec!["spec.initContainers[0]", "spec.containers[1]"]),
                ("a", vec!["spec.containers[0]"]),
                ("e", vec!["spec.ephemeralContainers[0]"]),
                ("v", vec!["spec.volumes[1].image"]),
            ]
        );
    }

    #[test]
    fn never_stands_in_the_way_of_deletion_or_unrelated_updates() {
        let pod = |images: &[&str]| json!({"spec": pod_spec(images)});
        let mut deleting = pod(&["bad"]);
        deleting["metadata"] = json!({"deletionTimestamp": "2027-01-01T00:00:00Z"});
        let table = [
            review("", "Pod", "DELETE", Value::Null, pod(&["bad"])),
            review("", "Pod", "CONNECT", json!({}), Value::Null),
            review("", "Pod", "UPDATE", deleting, pod(&["old"])),
            review("", "Pod", "UPDATE", pod(&["bad"]), pod(&["bad", "b"])),
            review("", "ConfigMap", "CREATE", json!({"data": {}}), Value::Null),
            review("", "Pod", "CREATE", json!({"spec": {"containers": []}}), Value::Null),
        ];
        for review in table {
            assert!(matches!(ask(&review), Ask::Nothing(_)), "{review}");
        }
        let mut created = review("", "Pod", "CREATE", pod(&["new"]), Value::Null);
        created["request"]["object"]["metadata"] =
            json!({"deletionTimestamp": "2027-01-01T00:00:00Z"});
        assert_eq!(names(&ask(&created)).len(), 1);
        let changed = review("", "Pod", "UPDATE", pod(&["new"]), pod(&["old"]));
        assert_eq!(names(&ask(&changed)).len(), 1);
        let mut status = review("", "Pod", "UPDATE", pod(&["new"]), pod(&["old"]));
        status["request"]["subResource"] = json!("status");
        assert!(matches!(ask(&status), Ask::Nothing(_)));
        status["request"]["subResource"] = json!("ephemeralcontainers");
        assert!(matches!(ask(&status), Ask::Images(_)));
    }

    #[test]
    fn a_zero_replica_object_is_judged() {
        let object = json!({"spec": {"replicas": 0, "template": {"spec": pod_spec(&["a"])}}});
        assert_eq!(
            names(&ask(&review("apps", "Deployment", "CREATE", object, Value::Null))).len(),
            1
        );
    }

    #[test]
    fn caps_images() {
        let of = |count: usize| {
            let images: Vec<String> = (0..count).map(|index| format!("i{index}")).collect();
            let images: Vec<&str> = images.iter().map(String::as_str).collect();
            ask(&review("", "Pod", "CREATE", json!({"spec": pod_spec(&images)}), Value::Null))
        };
        assert!(matches!(of(MAX_IMAGES - 1), Ask::Images(_)));
        assert!(matches!(of(MAX_IMAGES), Ask::Images(_)));
        assert_eq!(of(MAX_IMAGES + 1), Ask::TooMany(MAX_IMAGES + 1));
    }

    #[test]
    fn bad_reviews_are_told_apart() {
        let parse = |text: &str| Review::parse(text.as_bytes()).unwrap_err();
        assert!(matches!(parse("{"), ReviewError::Json(_)));
        for no_uid in ["{}", "[]", "null", r#"{"request":{}}"#, r#"{"request":{"uid":""}}"#] {
            assert_eq!(parse(no_uid), ReviewError::Uid, "{no_uid}");
        }
        let v1beta1 = r#"{"apiVersion":"admission.k8s.io/v1beta1","request":{"uid":"u"}}"#;
        let empty = r#"{"apiVersion":"admission.k8s.io/v1","request":{"uid":"u"}}"#;
        for unreadable in [v1beta1, empty] {
            assert!(matches!(parse(unreadable), ReviewError::Unreadable { uid, .. } if uid == "u"));
        }
    }
}

//! Admission reviews as the API server sends them.

use serde_json::{Value, json};

/// The uid of every review made here.
pub const UID: &str = "705ab4f5-6393-11e8-b7cc-42010a800002";

/// A pod that is created in namespace `ml` with one container of this image.
pub fn pod(image: impl std::fmt::Display) -> Value {
    pod_of(&json!({"containers": [{"name": "main", "image": image.to_string()}]}))
}

/// A pod that is created with this spec.
pub fn pod_of(spec: &Value) -> Value {
    let object = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "app", "namespace": "ml"}, "spec": spec});
    review("", "Pod", "CREATE", &object)
}

/// A Deployment that is created with one container of this image.
pub fn deployment(image: impl std::fmt::Display) -> Value {
    let spec = json!({"containers": [{"name": "main", "image": image.to_string()}]});
    let object = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "app", "namespace": "ml"},
        "spec": {"replicas": 2, "template": {"spec": spec}}});
    review("apps", "Deployment", "CREATE", &object)
}

/// Any operation on any object.
pub fn review(group: &str, kind: &str, operation: &str, object: &Value) -> Value {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": UID, "kind": {"group": group, "version": "v1", "kind": kind},
        "resource": {"group": group, "version": "v1", "resource": "any"},
        "requestKind": {"group": group, "version": "v1", "kind": kind},
        "name": "app", "namespace": "ml", "operation": operation, "dryRun": false,
        "userInfo": {"username": "admin", "groups": ["system:authenticated"]},
        "object": object, "oldObject": null, "options": null,
    }})
}

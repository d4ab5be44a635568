//! Keys that only look like the ones we read. Go's JSON decoder ignores case and lets the last
//! key win, so `{"layers": [good], "Layers": [bad]}` shows us the good layers and containerd the
//! bad ones. Documents with such keys are refused.

use serde_json::Value;

/// Keys of one kind of object, spelled as the specifications do.
pub(super) struct Shape {
    keys: &'static [&'static str],
    /// Members that hold an object, or a list of objects, of a known shape.
    members: &'static [(&'static str, &'static Shape)],
}

const PLATFORM: Shape = Shape { keys: &["os", "architecture", "variant"], members: &[] };
const DESCRIPTOR: Shape = Shape {
    keys: &["mediaType", "digest", "size", "urls", "annotations", "platform"],
    members: &[("platform", &PLATFORM)],
};

/// A manifest or index.
pub(super) const MANIFEST: Shape = Shape {
    keys: &[
        "schemaVersion",
        "mediaType",
        "config",
        "layers",
        "manifests",
        "annotations",
        "artifactType",
    ],
    members: &[("config", &DESCRIPTOR), ("layers", &DESCRIPTOR), ("manifests", &DESCRIPTOR)],
};

const RUNTIME: Shape =
    Shape { keys: &["Env", "Labels", "Cmd", "Entrypoint", "WorkingDir", "User"], members: &[] };
const ROOTFS: Shape = Shape { keys: &["type", "diff_ids"], members: &[] };
const HISTORY: Shape = Shape { keys: &["created_by", "comment", "empty_layer"], members: &[] };

/// An image configuration.
pub(super) const CONFIG: Shape = Shape {
    keys: &["os", "architecture", "variant", "config", "history", "rootfs"],
    members: &[("config", &RUNTIME), ("history", &HISTORY), ("rootfs", &ROOTFS)],
};

/// The first key that differs from a known one by case alone.
pub(super) fn find(value: &Value, shape: &Shape) -> Option<String> {
    match value {
        Value::Array(items) => items.iter().find_map(|item| find(item, shape)),
        Value::Object(object) => {
            let is_lookalike = |key: &&String| {
                let known = shape.keys.iter().find(|known| known.eq_ignore_ascii_case(key));
                known.is_some_and(|known| *known != key.as_str())
            };
            object.keys().find(is_lookalike).cloned().or_else(|| {
                shape.members.iter().find_map(|(key, shape)| find(object.get(*key)?, shape))
            })
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn finds_keys_that_differ_by_case_only() {
        let table = [
            (json!({"layers": [], "Layers": []}), Some("Layers")),
            (json!({"layers": [{"digest": "x", "Digest": "y"}]}), Some("Digest")),
            (json!({"manifests": [{"platform": {"OS": "linux"}}]}), Some("OS")),
            (json!({"layers": [{"annotations": {"Size": "1", "size": "2"}}], "Extra": 1}), None),
            (json!([1, null, "Layers"]), None),
        ];
        for (document, expected) in table {
            assert_eq!(find(&document, &MANIFEST).as_deref(), expected, "{document}");
        }
        let config = json!({"config": {"Env": [], "env": []}});
        assert_eq!(find(&config, &CONFIG).as_deref(), Some("env"));
        let labels = json!({"config": {"Labels": {"User": "a", "user": "b"}}, "container": "x"});
        assert_eq!(find(&labels, &CONFIG), None);
    }
}

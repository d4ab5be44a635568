//! Keys that only look like the ones we read. Go's JSON decoder ignores case and lets the last
//! key win, so `{"layers": [good], "Layers": [bad]}` shows us the good layers and containerd the
//! bad ones. Documents with such keys are refused. Its case folding is Unicode's, in which two
//! letters outside ASCII equal an ASCII one: the long s (`layerſ`) and the Kelvin sign.

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

const HEALTHCHECK: Shape = Shape { keys: &["Test"], members: &[] };
const RUNTIME: Shape = Shape {
    keys: &[
        "Env",
        "Labels",
        "Cmd",
        "Entrypoint",
        "WorkingDir",
        "User",
        "Healthcheck",
        "OnBuild",
        "Shell",
    ],
    members: &[("Healthcheck", &HEALTHCHECK)],
};
const ROOTFS: Shape = Shape { keys: &["type", "diff_ids"], members: &[] };
const HISTORY: Shape =
    Shape { keys: &["created_by", "comment", "author", "empty_layer"], members: &[] };

/// An image configuration.
pub(super) const CONFIG: Shape = Shape {
    keys: &[
        "os",
        "architecture",
        "variant",
        "config",
        "container_config",
        "author",
        "history",
        "rootfs",
    ],
    members: &[
        ("config", &RUNTIME),
        ("container_config", &RUNTIME),
        ("history", &HISTORY),
        ("rootfs", &ROOTFS),
    ],
};

/// A letter as Go's decoder compares it (`unicode.SimpleFold`). Of all letters outside ASCII only
/// these two fold into it, and every known key is ASCII.
fn folded(letter: char) -> char {
    match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    }
}

/// Whether Go takes `key` for `known`.
pub(crate) fn folds_to(key: &str, known: &str) -> bool {
    key.chars().map(folded).eq(known.chars().map(folded))
}

/// The first key that Go takes for a known one although it is spelled otherwise.
pub(super) fn find(value: &Value, shape: &Shape) -> Option<String> {
    match value {
        Value::Array(items) => items.iter().find_map(|item| find(item, shape)),
        Value::Object(object) => {
            let is_lookalike = |key: &&String| {
                let known = shape.keys.iter().find(|known| folds_to(key, known));
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

    /// Every other spelling that Go takes for `key`, one letter changed.
    fn spellings(key: &str) -> Vec<String> {
        let others = |letter: char| match letter {
            's' | 'S' => vec!['s', 'S', '\u{17f}'],
            'k' | 'K' => vec!['k', 'K', '\u{212a}'],
            letter => vec![letter.to_ascii_lowercase(), letter.to_ascii_uppercase()],
        };
        let mut spellings = Vec::new();
        for (at, letter) in key.char_indices() {
            for other in others(letter).into_iter().filter(|other| *other != letter) {
                let (before, after) = (&key[..at], &key[at + letter.len_utf8()..]);
                spellings.push(format!("{before}{other}{after}"));
            }
        }
        spellings
    }

    fn attack_every_key(parent: &'static Shape) {
        for key in parent.keys {
            assert_eq!(find(&json!({*key: 1}), parent), None, "{key}");
            for spelling in spellings(key) {
                let document = json!({*key: 1, spelling.as_str(): 2});
                assert_eq!(find(&document, parent).as_deref(), Some(spelling.as_str()));
                assert_eq!(find(&json!([{spelling.as_str(): 2}]), parent), Some(spelling));
            }
        }
        for (member, shape) in parent.members {
            for key in shape.keys {
                let spelling = spellings(key).remove(0);
                let document = json!({*member: [{spelling.as_str(): 1}]});
                assert!(find(&document, parent).is_some(), "{member}.{key}");
            }
            attack_every_key(shape);
        }
    }

    #[test]
    fn a_long_s_or_a_kelvin_sign_does_not_hide_a_second_key() {
        let hidden = json!({"layers": ["good"], "layer\u{17f}": ["bad"]});
        assert_eq!(find(&hidden, &MANIFEST).as_deref(), Some("layer\u{17f}"));
        attack_every_key(&MANIFEST);
        attack_every_key(&CONFIG);
        assert_eq!(find(&json!({"layerß": 1, "ⅼayers": 2, "layers ": 3}), &MANIFEST), None);
    }

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

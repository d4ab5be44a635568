//! A verdict as JSON (contract: DESIGN.md section 4.2), pretty, one object per image. Several
//! objects one after the other are a JSON stream, which `jq` and most parsers read.

use std::fmt::Write as _;

use crate::model::Verdict;

use super::plain::is_treacherous;

/// The object, without a line end behind it.
pub fn pretty(verdict: &Verdict) -> String {
    pretty_value(verdict)
}

/// The same of anything else.
pub(super) fn pretty_value(value: &impl serde::Serialize) -> String {
    escape(&serde_json::to_string_pretty(value).unwrap_or_default())
}

/// Escapes letters that JSON may leave bare but which a terminal would act upon. They occur only
/// inside of strings, so the value stays the same.
fn escape(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter != '\n' && is_treacherous(letter) {
            let mut units = [0; 2];
            for unit in letter.encode_utf16(&mut units) {
                // Writing to a String cannot fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(letter);
        }
    }
    // A command to GitHub's runner, anywhere in a line of a job's output.
    escaped.replace("##[", "#\\u0023[")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::message::tests::denied;

    #[test]
    fn escapes_without_changing_the_value() {
        let text = "a\u{9b}31m\u{202e}b\u{e0001}\nc\x1b é";
        let json = escape(&serde_json::to_string(text).unwrap());
        assert_eq!(json, r#""a\u009b31m\u202eb\udb40\udc01\nc\u001b é""#);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        let text = "a ##[add-mask]b ###[##[";
        let json = escape(&serde_json::to_string(text).unwrap());
        assert_eq!(json, r#""a #\u0023[add-mask]b ##\u0023[#\u0023[""#);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn keeps_the_contract() {
        let written = pretty(&denied());
        let value: serde_json::Value = serde_json::from_str(&written).unwrap();
        let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        insta::assert_snapshot!(keys.join(" "), @"complete decision digest exceptions findings image images policy stats undecided");
        let finding = serde_json::to_string_pretty(&denied().findings[1]).unwrap();
        let digest = denied().findings[1].layer.as_ref().unwrap().digest.to_string();
        insta::assert_snapshot!(finding.replace(&digest, "sha256:..."), @r#"
        {
          "rule": "model-weights",
          "level": "deny",
          "message": "holds model weights (safetensors)",
          "fix": "mount the weights at run time, or pull them when the container starts",
          "platform": "linux/amd64",
          "layer": {
            "index": 3,
            "digest": "sha256:...",
            "created_by": "COPY models/ /app/models # buildkit"
          },
          "path": "app/models/model.safetensors",
          "size": 4976698592
        }
        "#);
        insta::assert_snapshot!(serde_json::to_string(&denied().stats).unwrap(), @r#"{"bytes_read":1800000000,"layers_scanned":4,"layers_cached":7,"elapsed_ms":12345}"#);
        assert_eq!((&value["decision"], &value["complete"]), (&"deny".into(), &false.into()));
        let layer = &value["images"][0]["layers"][0];
        assert_eq!(layer["created_by"], "COPY models/ /app/models # buildkit");
    }
}

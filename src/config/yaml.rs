//! YAML text to a plain value, under a budget. Duplicate keys, further documents and alias
//! bombs are errors; YAML 1.1's `off` and `yes` stay texts instead of turning into booleans.

use serde_json::Value;
use serde_saphyr::UserMessageFormatter;
use serde_saphyr::options::{AliasLimits, DuplicateKeyPolicy, Options};

/// Largest configuration file, in bytes: what a `ConfigMap` can hold.
pub const MAX_CONFIG_BYTES: usize = 1024 * 1024;

/// Reads a document. The error is for people and names line and column.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    if text.len() > MAX_CONFIG_BYTES {
        return Err(format!("larger than {MAX_CONFIG_BYTES} bytes"));
    }
    let value: Value = serde_saphyr::from_str_with_options(text, options()).map_err(|error| {
        let text = error.without_snippet().render_with_formatter(&UserMessageFormatter);
        format!("not readable as YAML: {}", text.lines().collect::<Vec<_>>().join(" "))
    })?;
    match value {
        Value::Object(_) => Ok(value),
        // An editor that truncates and then writes must not look like "all defaults".
        Value::Null => Err("empty (hint: write `{}` for the defaults)".to_owned()),
        _ => Err("expected a mapping of keys to values".to_owned()),
    }
}

fn options() -> Options {
    let alias_limits: AliasLimits = serde_saphyr::alias_limits! {
        max_total_replayed_events: 10_000,
        max_replay_stack_depth: 8,
    };
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_documents: 1,
            max_depth: 32,
            max_events: 200_000,
            max_nodes: 100_000,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_total_scalar_bytes: MAX_CONFIG_BYTES,
            max_recorded_anchor_bytes: MAX_CONFIG_BYTES,
            max_recorded_anchor_events: 10_000,
            max_merge_keys: 100,
        },
        alias_limits: alias_limits,
        duplicate_keys: DuplicateKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_yaml_1_1_words_as_texts() {
        let value = parse("a: off\nb: yes\nc: 2027-01-31\nd: true\ne: 3").unwrap();
        assert_eq!(
            value,
            serde_json::json!({"a": "off", "b": "yes", "c": "2027-01-31", "d": true, "e": 3})
        );
    }

    #[test]
    fn refuses_what_two_readers_could_read_differently() {
        insta::assert_snapshot!(parse("a: 1\na: 2").unwrap_err(), @"not readable as YAML: duplicate mapping key `a` is not allowed here at line 2, column 1");
        insta::assert_snapshot!(parse("a: 1\n---\nb: 2").unwrap_err(), @"not readable as YAML: YAML document too large or too complex: limits breached: Documents { documents: 2 } at line 2, column 1");
        insta::assert_snapshot!(parse("a: [1").unwrap_err(), @"not readable as YAML: unclosed bracket '[' at line 1, column 4");
        insta::assert_snapshot!(parse("").unwrap_err(), @"empty (hint: write `{}` for the defaults)");
        insta::assert_snapshot!(parse("# nothing yet\n").unwrap_err(), @"empty (hint: write `{}` for the defaults)");
        insta::assert_snapshot!(parse("- a").unwrap_err(), @"expected a mapping of keys to values");
    }

    #[test]
    fn survives_bombs() {
        let bomb: Vec<String> = (1..9)
            .map(|level| {
                let alias = format!("*a{}", level - 1);
                format!("a{level}: &a{level} [{}]", [alias.as_str(); 9].join(", "))
            })
            .collect();
        assert!(parse(&format!("a0: &a0 [x]\n{}", bomb.join("\n"))).is_err());
        assert!(parse(&format!("a: {}{}", "[".repeat(5000), "]".repeat(5000))).is_err());
    }

    #[test]
    fn is_capped() {
        let of = |bytes: usize| format!("a: 1\n#{}", "x".repeat(bytes - 6));
        assert!(parse(&of(MAX_CONFIG_BYTES - 1)).is_ok());
        assert!(parse(&of(MAX_CONFIG_BYTES)).is_ok());
        assert_eq!(
            parse(&of(MAX_CONFIG_BYTES + 1)).unwrap_err(),
            format!("larger than {MAX_CONFIG_BYTES} bytes")
        );
    }
}

//! Holds what was written against the JSON Schema and notes everything that does not fit:
//! unknown keys, missing keys, wrong types and words. What does not fit is taken out, so that the
//! rest can still be read and its problems told in the same run.
//! Knows only as much of JSON Schema as the schema of the configuration uses.

use serde_json::{Map, Value};

use super::names::{also_called, nearest};
use super::problem::Problems;
use super::schema::{DURATION_FORMAT, OWN_FORMAT, SIZE_FORMAT};

/// Notes all that does not fit and takes it out of `value`.
pub(super) fn fit(schema: &Value, value: &mut Value, problems: &mut Problems) {
    let mut shape = Shape { root: schema, problems };
    shape.fits(schema, "", value);
}

struct Shape<'a> {
    root: &'a Value,
    problems: &'a mut Problems,
}

impl<'a> Shape<'a> {
    /// Whether `value` may stay (its inner parts may have been taken out).
    fn fits(&mut self, schema: &'a Value, path: &str, value: &mut Value) -> bool {
        let schema = self.resolved(schema);
        if value.is_null() || is_checked_later(schema) {
            return true;
        }
        if let Some(words) = words(schema) {
            return self.is_word(&words, path, value);
        }
        match (type_of(schema), value) {
            ("object", Value::Object(keys)) => {
                self.fit_keys(schema, path, keys);
                true
            }
            ("array", Value::Array(items)) => self.fit_items(schema, path, items),
            ("string", Value::String(_)) | ("boolean", Value::Bool(_)) => true,
            ("integer", Value::Number(number)) if number.is_u64() => true,
            (wanted, value) => {
                self.problems.add(path, mismatch(wanted, value));
                false
            }
        }
    }

    fn fit_keys(&mut self, schema: &'a Value, path: &str, keys: &mut Map<String, Value>) {
        let Some(known) = schema.get("properties").and_then(Value::as_object) else { return };
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        for name in required.filter_map(Value::as_str) {
            if keys.get(name).is_none_or(Value::is_null) {
                self.problems.add(join(path, name), "missing");
            }
        }
        let written: Vec<String> = keys.keys().cloned().collect();
        for name in written {
            let inner_path = join(path, &name);
            let stays = if let Some((inner, value)) = known.get(&name).zip(keys.get_mut(&name)) {
                self.fits(inner, &inner_path, value)
            } else {
                self.problems.add(&*inner_path, unknown_key(&inner_path, &name, known));
                false
            };
            if !stays {
                keys.remove(&name);
            }
        }
    }

    /// A list with a misfit goes as a whole: without it the places of the others would shift.
    fn fit_items(&mut self, schema: &'a Value, path: &str, items: &mut [Value]) -> bool {
        let Some(inner) = schema.get("items") else { return true };
        let mut stays = true;
        for (index, item) in items.iter_mut().enumerate() {
            let inner_path = format!("{path}[{index}]");
            if item.is_null() {
                self.problems.add(inner_path, "empty list entry");
                stays = false;
            } else {
                stays &= self.fits(inner, &inner_path, item);
            }
        }
        stays
    }

    fn is_word(&mut self, words: &[&str], path: &str, value: &Value) -> bool {
        if value.as_str().is_some_and(|text| words.contains(&text)) {
            return true;
        }
        let options = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        let hint = word_hint(words, value);
        self.problems.add(path, format!("expected one of {options}, got {}{hint}", shown(value)));
        false
    }

    /// Follows `$ref` and takes the part of `anyOf: [X, null]` that is not null.
    fn resolved(&self, mut schema: &'a Value) -> &'a Value {
        // References of a derived schema do not form chains longer than this.
        for _ in 0..8 {
            if let Some(pointer) = schema.get("$ref").and_then(Value::as_str) {
                let pointer = pointer.trim_start_matches('#');
                schema = self.root.pointer(pointer).unwrap_or(&Value::Null);
            } else if let Some(choices) = schema.get("anyOf").and_then(Value::as_array)
                && let Some(choice) = choices.iter().find(|choice| type_of(choice) != "null")
                && !is_checked_later(schema)
            {
                schema = choice;
            } else {
                break;
            }
        }
        schema
    }
}

fn is_checked_later(schema: &Value) -> bool {
    let format = schema.get("format").and_then(Value::as_str);
    format.is_some_and(|format| [SIZE_FORMAT, DURATION_FORMAT, OWN_FORMAT].contains(&format))
}

/// The type that a schema wants, besides null.
fn type_of(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(name)) => name,
        Some(Value::Array(names)) => {
            names.iter().filter_map(Value::as_str).find(|name| *name != "null").unwrap_or("null")
        }
        _ => "",
    }
}

/// The words that a schema allows, if it is a list of words.
fn words(schema: &Value) -> Option<Vec<&str>> {
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return Some(words.iter().filter_map(Value::as_str).collect());
    }
    let choices = schema.get("oneOf").and_then(Value::as_array)?;
    choices.iter().map(|choice| choice.get("const").and_then(Value::as_str)).collect()
}

fn word_hint(words: &[&str], value: &Value) -> String {
    let text = value.as_str().map(str::to_lowercase);
    // YAML 1.1 writers think `off` is a level; readers of it would make it `false`.
    let is_off = matches!(text.as_deref(), Some("off" | "no" | "false" | "none" | "disabled"))
        || *value == Value::Bool(false);
    if is_off && words.contains(&"ignore") {
        return " (hint: to switch a rule off, write `ignore`)".to_owned();
    }
    text.and_then(|text| nearest(&text, words.iter().copied()))
        .map(|word| format!(" (hint: did you mean `{word}`?)"))
        .unwrap_or_default()
}

fn unknown_key(path: &str, name: &str, known: &Map<String, Value>) -> String {
    let hint = also_called(path)
        .map(|now| format!(" (hint: it is called `{now}`)"))
        .or_else(|| {
            nearest(name, known.keys().map(String::as_str))
                .map(|close| format!(" (hint: did you mean `{close}`?)"))
        })
        .unwrap_or_else(|| {
            let all = known.keys().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
            format!(" (hint: known here: {all})")
        });
    format!("unknown key{hint}")
}

fn mismatch(wanted: &str, value: &Value) -> String {
    // A token written where a mapping belongs must not end up in a log.
    let kind = match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    };
    match wanted {
        "object" => format!("expected a mapping, got {kind}"),
        "array" => format!("expected a list, got {kind}"),
        "string" if value.is_number() || value.is_boolean() => {
            format!("expected a text, got {} (hint: write it in quotes)", shown(value))
        }
        "string" => format!("expected a text, got {kind}"),
        "boolean" => format!("expected `true` or `false`, got {}", shown(value)),
        _ => format!("expected a whole number, got {}", shown(value)),
    }
}

/// A written value as problems show it.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
        Value::String(text) => quoted(text),
        other => format!("`{other}`"),
    }
}

/// A written text as problems show it: short, and harmless to a terminal.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", crate::answer::plain::line(text, 80))
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

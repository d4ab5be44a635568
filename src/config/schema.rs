//! The JSON Schema of the configuration file. Derived from the raw types; the part under
//! `policy.rules` comes from each rule's `Meta`, so a new rule or setting needs nothing here.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::raw::RawConfig;
use crate::model::Cause;
use crate::rules::settings::MAX_REFERENCES;
use crate::rules::{Meta, RULES, Setting, SettingKind};

/// `format` of a value that is a size; checked where it is read, not by shape.
pub(super) const SIZE_FORMAT: &str = "size";
/// `format` of a value that is a time span; checked where it is read, not by shape.
pub(super) const DURATION_FORMAT: &str = "time-span";
/// `format` of a value that is checked where it is read, not by shape.
pub(super) const OWN_FORMAT: &str = "own";

/// The schema of the whole file (JSON Schema 2020-12).
pub fn of_config() -> Value {
    schemars::schema_for!(RawConfig).to_value()
}

pub(super) fn anything(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"format": OWN_FORMAT})
}

pub(super) fn size(_: &mut SchemaGenerator) -> Schema {
    size_schema().try_into().unwrap_or_default()
}

fn size_schema() -> Value {
    json!({
        "format": SIZE_FORMAT,
        "anyOf": [
            {"type": "integer", "minimum": 0},
            {"type": "string", "pattern": "^[0-9.]+ *([kKMGTP]i?)?B?$"},
            {"type": "null"}
        ]
    })
}

pub(super) fn duration(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "format": DURATION_FORMAT,
        "anyOf": [
            {"type": "string", "pattern": "^[0-9]+(ms|s|m|h)( ?[0-9]+(ms|s|m|h))*$"},
            {"type": "null"}
        ]
    })
}

pub(super) fn platforms(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "format": OWN_FORMAT,
        "anyOf": [
            {"const": "all"},
            {"type": "array", "items": {"type": "string"}, "minItems": 1},
            {"type": "null"}
        ]
    })
}

pub(super) fn undecided(_: &mut SchemaGenerator) -> Schema {
    let level = json!({"enum": ["deny", "warn"], "type": "string"});
    let mut properties = Map::from_iter([("default".to_owned(), level.clone())]);
    properties
        .extend(Cause::ALL.into_iter().map(|cause| (cause.as_str().to_owned(), level.clone())));
    json_schema!({
        "type": ["object", "null"], "properties": properties, "additionalProperties": false
    })
}

pub(super) fn rules(_: &mut SchemaGenerator) -> Schema {
    let properties: Map<String, Value> = RULES
        .iter()
        .map(|rule| rule.meta())
        .map(|meta| (meta.id.as_str().to_owned(), rule_schema(meta)))
        .collect();
    json_schema!({
        "type": ["object", "null"], "properties": properties, "additionalProperties": false
    })
}

fn rule_schema(meta: &Meta) -> Value {
    let level = json!({
        "description": "What its findings do at most.",
        "default": meta.level.as_str(),
        "enum": ["deny", "warn", "ignore"],
        "type": "string"
    });
    let mut properties = Map::from_iter([("level".to_owned(), level)]);
    properties.extend(
        meta.settings.iter().map(|setting| (setting.name.to_owned(), setting_schema(setting))),
    );
    json!({
        "description": meta.title,
        "type": ["object", "null"],
        "properties": properties,
        "additionalProperties": false
    })
}

fn setting_schema(setting: &Setting) -> Value {
    let mut schema = match setting.kind {
        SettingKind::Bytes(_) => size_schema(),
        SettingKind::Count(_) => json!({"type": "integer", "minimum": 0}),
        SettingKind::Texts(_) => json!({"type": "array", "items": {"type": "string"}}),
        SettingKind::References => {
            json!({"type": "array", "items": {"type": "string"}, "maxItems": MAX_REFERENCES})
        }
    };
    let default = match setting.kind {
        SettingKind::Bytes(bytes) => json!(bytes),
        SettingKind::Count(count) => json!(count),
        SettingKind::Texts(texts) => json!(texts),
        SettingKind::References => json!([]),
    };
    if let Some(object) = schema.as_object_mut() {
        object.insert("description".to_owned(), json!(setting.help));
        object.insert("default".to_owned(), default);
        // `Setting::parse` is the only judge of a setting's value.
        object.entry("format").or_insert_with(|| json!(OWN_FORMAT));
    }
    schema
}

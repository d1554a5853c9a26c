//! A custom parameter's value as it is written: a text, or what JSON has beside.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A text, a number, true or false, a list, or a table of these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ParameterValue(pub Value);

impl ParameterValue {
    /// Whether one of its texts has this in it.
    pub fn contains(&self, part: &str) -> bool {
        fn within(value: &Value, part: &str) -> bool {
            match value {
                Value::String(text) => text.contains(part),
                Value::Array(items) => items.iter().any(|item| within(item, part)),
                Value::Object(members) => members.values().any(|member| within(member, part)),
                Value::Null | Value::Bool(_) | Value::Number(_) => false,
            }
        }
        within(&self.0, part)
    }
}

impl JsonSchema for ParameterValue {
    fn schema_name() -> Cow<'static, str> {
        "ParameterValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A text, a number, true or false, a list, or a table of these. In a JSON body it is what it is here; elsewhere a list or table is its JSON text.",
            "type": ["string", "number", "boolean", "array", "object"],
            "additionalProperties": true
        })
    }
}

//! Where a mapped value is, as it is written: a place, several, or several joined.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// One place, several of which the first that has a value counts, or several together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Places {
    /// A member's name, a JSONPath, or `{token.…}`, `{id_token.…}`, `{callback.…}`.
    One(String),
    /// The first of them that is there, and neither null nor empty.
    FirstOf(Vec<String>),
    /// Written as a table.
    Table(PlacesTable),
}

/// A value that is put together or taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlacesTable {
    /// Alternatives, as the list has them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub first_of: Vec<String>,
    /// All of these, joined.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub all: Vec<String>,
    /// What stands between joined values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    /// What stands between the values of one text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
}

impl JsonSchema for Places {
    fn schema_name() -> Cow<'static, str> {
        "Places".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let list = |description: &str| {
            serde_json::json!({
                "type": "array", "items": { "type": "string" }, "description": description,
            })
        };
        let text =
            |description: &str| serde_json::json!({ "type": "string", "description": description });
        json_schema!({
            "description": "A place, a list of which the first that has a value counts, or a table with `all` or `first_of`.",
            "anyOf": [
                { "type": "string" },
                { "type": "array", "items": { "type": "string" } },
                {
                    "type": "object",
                    "properties": {
                        "first_of": list("Places of which the first that has a value counts."),
                        "all": list("Places whose values are joined, in this order."),
                        "separator": text("What stands between joined values. Default: a space, in `user_id` a `/`."),
                        "split": text("What stands between the values of one text, for `groups` and attributes."),
                    },
                    "additionalProperties": false
                }
            ]
        })
    }
}

/// A place, or several of which each is within what the one before it found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Within {
    /// A member's name, or a JSONPath.
    One(String),
    /// From the outermost to the innermost.
    Each(Vec<String>),
}

impl Within {
    /// The places, from the outermost to the innermost.
    pub fn places(&self) -> &[String] {
        match self {
            Self::One(place) => std::slice::from_ref(place),
            Self::Each(places) => places,
        }
    }
}

impl JsonSchema for Within {
    fn schema_name() -> Cow<'static, str> {
        "Within".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A member's name or a path, or a list of these.",
            "anyOf": [
                { "type": "string" },
                { "type": "array", "items": { "type": "string" } }
            ]
        })
    }
}

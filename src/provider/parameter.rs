//! A custom parameter, compiled: a text with places, or what JSON has beside.

use serde_json::Value;

use super::template::{Fill, Template, Unfilled};

/// A custom parameter's value.
#[derive(Debug, Clone)]
pub enum Parameter {
    /// A text, its places to be filled in.
    Text(Template),
    /// A number, true or false.
    Fixed(Value),
    /// A list.
    List(Vec<Parameter>),
    /// A table, in the order in which it is written.
    Table(Vec<(String, Parameter)>),
}

impl Parameter {
    /// The texts in it.
    pub fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Text(template) => vec![template],
            Self::Fixed(_) => Vec::new(),
            Self::List(items) => items.iter().flat_map(Self::templates).collect(),
            Self::Table(members) => members.iter().flat_map(|(_, m)| m.templates()).collect(),
        }
    }

    /// The value with its places filled in.
    pub fn fill(&self, fill: &Fill<'_>) -> Result<Value, Unfilled> {
        Ok(match self {
            Self::Text(template) => Value::String(template.fill(fill, str::to_owned)?),
            Self::Fixed(value) => value.clone(),
            Self::List(items) => {
                let items: Result<_, _> = items.iter().map(|item| item.fill(fill)).collect();
                Value::Array(items?)
            }
            Self::Table(members) => {
                let members: Result<_, Unfilled> = members
                    .iter()
                    .map(|(name, member)| Ok((name.clone(), member.fill(fill)?)))
                    .collect();
                Value::Object(members?)
            }
        })
    }

    /// As it stands in a query or form: a text as it is, all else as JSON.
    pub fn text(&self, fill: &Fill<'_>) -> Result<String, Unfilled> {
        Ok(match self.fill(fill)? {
            Value::String(text) => text,
            other => other.to_string(),
        })
    }
}

//! Request parameters in the order they came, duplicates and all.

use serde_json::Value;

use crate::config::RequiredParameters;
use crate::format;

/// A list of names and values.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads a query string or a form body.
    pub(crate) fn form(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    /// These, in this order.
    pub(crate) fn of(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// Reads a JSON object's members; what is not a string is taken as its JSON text.
    pub(crate) fn json(text: &[u8]) -> Option<Self> {
        match serde_json::from_slice(text).ok()? {
            Value::Object(members) => Some(Self(
                members
                    .iter()
                    .map(|(name, value)| (name.clone(), format::text(value)))
                    .collect(),
            )),
            _ => None,
        }
    }

    /// The first value of that name, unless it is empty: an empty parameter counts as absent
    /// (RFC 6749 §3.1).
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// The first name that occurs more than once.
    pub(crate) fn duplicate(&self) -> Option<&str> {
        self.0
            .iter()
            .enumerate()
            .find(|(index, (name, _))| self.0[..*index].iter().any(|(earlier, _)| earlier == name))
            .map(|(_, (name, _))| name.as_str())
    }

    /// Whether that name occurs more than once.
    pub(crate) fn repeats(&self, name: &str) -> bool {
        self.0.iter().filter(|(key, _)| key == name).count() > 1
    }

    /// What is wrong with the required parameters, if anything is.
    pub(crate) fn lacks(&self, required: &RequiredParameters) -> Option<String> {
        required
            .iter()
            .find_map(|(name, wanted)| match (self.get(name), wanted) {
                (None, _) => Some(format!("the parameter {name} is missing")),
                (Some(sent), Some(wanted)) if sent != wanted => {
                    Some(format!("the parameter {name} must be {wanted}"))
                }
                _ => None,
            })
    }

    /// All of them, in the order they came.
    pub(crate) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// All of them, form-encoded.
    pub(crate) fn encode(&self) -> String {
        encode(&self.0)
    }

    /// Adds those of another list.
    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

/// Form-encodes pairs.
pub(crate) fn encode(pairs: &[(String, String)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

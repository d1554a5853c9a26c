//! Mappings as they are sent and shown: as TOML or as JSON, without secrets.

use axum::body::Bytes;
use axum::http::{HeaderMap, header};
use serde_json::{Map, Value};

use super::Caller;
use super::reply::{Reply, media_type};
use crate::base::{ErrorCode, ProviderId};
use crate::document::convert::{pointer_to, to_json, to_toml};
use crate::document::redact::{redact, references, restore};
use crate::document::{Finding, structure};
use crate::http::problem::Problem;
use crate::provider::decode::strict_json;

pub(super) const TOML: &str = "application/toml";
const JSON: &str = "application/json";

/// A mapping that was sent.
pub(super) struct Draft {
    source: String,
    /// As it came, where it came as JSON.
    json: Option<Value>,
}

impl Draft {
    /// Reads a body of either kind.
    pub fn read(headers: &HeaderMap, body: &Bytes) -> Reply<Self> {
        match media_type(headers) {
            TOML => {
                let text = std::str::from_utf8(body);
                let text = text.map_err(|_| {
                    Problem::new(ErrorCode::MappingNotUtf8, "the mapping is not valid UTF-8")
                })?;
                Ok(Self {
                    source: text.to_owned(),
                    json: None,
                })
            }
            JSON => {
                let value = strict_json(body)
                    .map_err(|error| Problem::new(ErrorCode::RequestInvalid, error.to_string()))?;
                let source = to_toml(&value).map_err(|found| {
                    invalid(found, "a mapping is an object with the tables of its TOML")
                })?;
                Ok(Self {
                    source,
                    json: Some(value),
                })
            }
            _ => Err(Problem::new(
                ErrorCode::RequestContentType,
                "send the mapping as `Content-Type: application/toml` or `application/json`",
            )),
        }
    }

    /// The provider it is of, even if it has any other mistake.
    pub fn provider(&self) -> Option<ProviderId> {
        named_provider(&self.source)
    }

    /// The mapping with its stored secrets in place of `[redacted]`, and as the
    /// text that is stored where it says the same.
    pub fn text(&self, caller: &Caller, stored: Option<&str>) -> Reply<String> {
        let source = stored.map_or_else(|| self.source.clone(), |old| restore(&self.source, old));
        if caller.limit().is_some() {
            let foreign = references(&source, stored);
            if !foreign.is_empty() {
                let found = foreign.into_iter().map(|finding| self.place(finding));
                return Err(invalid(
                    found.collect(),
                    "the mapping names files or variables of the broker's host",
                ));
            }
        }
        // What came as TOML keeps its comments while it comes back as JSON.
        let same =
            self.json.is_some() && stored.is_some_and(|old| to_json(old) == to_json(&source));
        Ok(stored.filter(|_| same).map_or(source, str::to_owned))
    }

    fn place(&self, finding: Finding) -> Finding {
        match &self.json {
            Some(value) => {
                let pointer = pointer_to(value, &finding.key);
                finding.pointed(pointer)
            }
            None => finding,
        }
    }

    /// What a check found, with places in what was sent.
    pub fn findings(&self, findings: Vec<Finding>) -> Vec<Finding> {
        findings
            .into_iter()
            .map(|found| self.place(found))
            .collect()
    }

    /// A problem with the places of its findings in what was sent.
    pub fn problem(&self, problem: impl Into<Problem>) -> Problem {
        let mut problem = problem.into();
        problem.findings = self.findings(std::mem::take(&mut problem.findings));
        problem
    }
}

/// The id in a mapping that may have any other mistake.
pub(super) fn named_provider(source: &str) -> Option<ProviderId> {
    let (value, _, _) = structure::parse_toml(source);
    value.pointer("/provider/id")?.as_str()?.parse().ok()
}

/// A mapping that cannot be taken.
pub(super) fn invalid(findings: Vec<Finding>, detail: &str) -> Problem {
    Problem::new(ErrorCode::MappingInvalid, detail).with_findings(findings)
}

/// A mapping's text as it is shown.
pub(super) fn as_toml(source: &str) -> String {
    redact(source)
}

/// The same as JSON.
pub(super) fn as_json(source: &str) -> Map<String, Value> {
    match to_json(&redact(source)) {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

/// Whether the answer is wanted as TOML: where `Accept` (RFC 9110 §12.5.1) ranks
/// it above JSON.
pub(super) fn wants_toml(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    rank(accept, TOML) > rank(accept, JSON)
}

/// How much a media type is wanted, from 0 to 1000.
pub(super) fn rank(accept: &str, kind: &str) -> u32 {
    let whole = kind.split('/').next().unwrap_or_default();
    let mut best = (0, 0);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let exact = match name.as_str() {
            name if name == kind => 3,
            name if name.strip_suffix("/*") == Some(whole) => 2,
            "*/*" => 1,
            _ => continue,
        };
        let weight = parts
            .find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok())
            .unwrap_or(1.0)
            .clamp(0.0, 1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is between 0 and 1000"
        )]
        let weight = (weight * 1000.0) as u32;
        if exact > best.0 {
            best = (exact, weight);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_accepted_is_ranked() {
        for (accept, toml) in [
            ("application/toml", true),
            ("application/json", false),
            ("", false),
            ("*/*", false),
            ("application/*", false),
            ("application/json;q=0.5, application/toml", true),
            ("application/toml;q=0.2, */*;q=0.1", true),
            ("application/toml;q=0", false),
            ("text/html, application/toml;q=0.9, application/json", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap_or_else(|_| panic!()));
            assert_eq!(wants_toml(&headers), toml, "{accept}");
        }
    }
}

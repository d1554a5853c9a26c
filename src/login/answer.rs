//! Reading a provider's answer: whether it is a refusal, and what counts in it.

use serde_json::{Map, Value};

use super::error::{error_code, words as whole};
use super::refusal;
use crate::provider::decode::{self, DecodeError, Decoded, decode};
use crate::provider::inner::{self, Inner, Unfound};
use crate::provider::model::Answer;
use crate::provider::path;
use crate::provider::trace::Trace;

/// What an answer is.
pub(super) enum Read {
    /// A refusal, with the provider's own words where it has any.
    Refused(Option<Words>),
    /// A good one, which counts as it is.
    Document(Value),
    /// A good one, in which another counts.
    Inner(Result<Inner, Unfound>),
    /// Not to be read.
    Unreadable(DecodeError),
}

/// A provider's words about a refusal, as it wrote them.
pub(super) struct Words {
    code: Option<String>,
    text: Option<String>,
}

impl Words {
    const fn plain(text: String) -> Self {
        Self {
            code: None,
            text: Some(text),
        }
    }

    pub(super) const fn new(code: String, text: Option<String>) -> Self {
        Self {
            code: Some(code),
            text,
        }
    }

    /// Fit for a log line: some repeat the code or the secret that they don't like.
    pub(super) fn masked(&self, trace: &Trace) -> Option<String> {
        let in_full = |text: &String| whole(&trace.masked(text));
        let text = self.text.as_ref().map(in_full);
        let Some(code) = &self.code else {
            return text;
        };
        let code = trace.masked(code);
        Some(match text {
            Some(text) => format!("{}: {text}", error_code(&code)),
            None => whole(&code),
        })
    }
}

impl Read {
    /// Reads an answer.
    pub(super) fn of(
        answer: &Answer,
        status: u16,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Self {
        let decoded = decode(answer.format, content_type, body).and_then(bounded);
        if answer.is_good(status) {
            return match decoded {
                Ok(document) => Self::judged(answer, document),
                Err(error) => Self::Unreadable(error),
            };
        }
        Self::Refused(match decoded {
            Ok(document) => words(answer, &document),
            Err(_) => refusal::plain_words(content_type, body).map(Words::plain),
        })
    }

    /// Judges a document that has come with a good status.
    pub(super) fn judged(answer: &Answer, document: Value) -> Self {
        let refused = match &answer.success {
            Some(condition) => !condition.holds(&document),
            // Some say "error" within a 200.
            None => document.get("error").is_some_and(says_error),
        };
        if refused {
            return Self::Refused(words(answer, &document));
        }
        if answer.inner.is_empty() {
            return Self::Document(document);
        }
        Self::Inner(inner::find(&answer.inner, &document))
    }

    /// Judges a redirect by what its address says.
    pub(super) fn redirect(answer: &Answer, parameters: Map<String, Value>) -> Self {
        let document = Value::Object(parameters);
        if document.get("error").is_some_and(says_error) {
            return Self::Refused(words(answer, &document));
        }
        Self::Document(document)
    }

    /// Judges the claims of a token, which came in an answer's place.
    pub(super) fn judged_claims(answer: &Answer, claims: Value) -> Self {
        let format = answer.format;
        match bounded(Decoded {
            value: claims,
            format,
        }) {
            Ok(claims) => Self::judged(answer, claims),
            Err(error) => Self::Unreadable(error),
        }
    }

    /// The text of a body that is a token.
    pub(super) fn token(content_type: Option<&str>, body: &[u8]) -> String {
        decode::text(content_type, body).into_owned()
    }
}

fn bounded(decoded: Decoded) -> Result<Value, DecodeError> {
    if path::is_heavier(&decoded.value, path::MAX_TRAVERSAL_COST) {
        return Err(DecodeError::TooMany {
            format: decoded.format,
        });
    }
    Ok(decoded.value)
}

/// Whether a member named `error` says that there was one.
fn says_error(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(flag) => *flag,
        // QQ: `{"error":100019}`. Zero is how such servers say that all is well.
        Value::Number(number) => number.as_f64() != Some(0.0),
        _ => false,
    }
}

/// What a refusal says for itself.
fn words(answer: &Answer, document: &Value) -> Option<Words> {
    let Some(place) = &answer.error_message else {
        let (code, text) = refusal::words(document)?;
        let code = Some(code);
        return Some(Words { code, text });
    };
    let value = *place.matches(document).first()?;
    Some(Words::plain(match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }))
}

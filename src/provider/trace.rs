//! What was sent and what came, for people: with the secrets masked.

mod live;
mod text;

use std::borrow::Cow;

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::text::text;
use super::decode;
use super::extract::{Note, Profile};
use super::request::encode;
use crate::base::{Secret, Timestamp};
use crate::outbound::{PreparedRequest, Response};

/// The longest body that is kept, in characters.
const MAX_BODY: usize = 64 << 10;

/// The exchanges of one login. Switched off it keeps only what must not be
/// repeated, for words of the provider that end up in the log.
#[derive(Debug, Default)]
pub struct Trace {
    on: bool,
    secrets: Vec<(Cow<'static, str>, Secret)>,
    masks: Masks,
    /// The exchanges so far.
    pub exchanges: Vec<Exchange>,
    /// How each mapped value was found.
    pub notes: Vec<Note>,
    documents: Vec<(String, Value)>,
}

/// A trace that is kept: for its reader, and as a contract for `provider replay`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedTrace {
    /// The provider.
    pub provider: String,
    /// When the login was.
    pub recorded_at: String,
    /// The exchanges, secrets masked.
    pub exchanges: Vec<Exchange>,
    /// What the answers were read as: `token`, `id_token`, `userinfo`, `then NAME`.
    pub documents: Vec<(String, Value)>,
    /// How each mapped value was found.
    pub notes: Vec<Note>,
    /// Who logged in; absent where the login failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Profile>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// Why a login failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// At which step.
    pub step: String,
    /// The stable code.
    pub code: String,
    /// What happened, without secrets.
    pub message: String,
    /// The line of the mapping to look at, and where the wizard has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look_at: Option<String>,
}

/// One request and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// The login's step: `token`, `userinfo`.
    pub step: String,
    /// The request.
    pub request: MaskedMessage,
    /// The status and the answer; absent where none came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<MaskedMessage>,
    /// How long it took.
    pub elapsed_ms: u64,
    /// Why there is no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A message with its secrets masked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "MaskedMessage")]
pub struct MaskedMessage {
    /// `POST https://…`; empty for an answer.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub line: String,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
}

/// An answer's body as it was read.
fn text_of(response: &Response) -> Cow<'_, str> {
    let content_type = response.headers.get(CONTENT_TYPE);
    decode::text(
        content_type.and_then(|value| value.to_str().ok()),
        &response.body,
    )
}

impl Trace {
    /// A trace that keeps nothing: for live logins.
    pub fn off() -> Self {
        Self::default()
    }

    /// A trace that keeps everything.
    pub fn on() -> Self {
        Self {
            on: true,
            ..Self::default()
        }
    }

    /// Whether it keeps anything.
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// Makes a value known as a secret: it is shown as `{{name}}` wherever it stands.
    pub fn secret(&mut self, name: impl Into<Cow<'static, str>>, secret: &Secret) {
        let name = name.into();
        if self.on {
            self.masks.add(&name, secret.expose());
        } else {
            self.secrets.push((name, secret.clone()));
        }
    }

    /// A text with all secrets known so far masked, also where nothing is kept.
    pub fn masked(&self, text: &str) -> String {
        let mut masks = Masks::default();
        for (name, secret) in &self.secrets {
            masks.add(name, secret.expose());
        }
        self.masks.text(&masks.text(text))
    }

    /// Keeps a request that is about to be sent.
    pub fn request(&mut self, step: &str, request: &PreparedRequest) {
        if !self.on {
            return;
        }
        // A key of an API gateway, which the mapping writes into a header.
        for (name, value) in &request.headers {
            if live::names_a_token(name) {
                self.masks.add(name, value);
            }
            // A session of the provider's, which the mapping hands on.
            if name.eq_ignore_ascii_case(http::header::COOKIE.as_str()) {
                for value in live::cookies(value) {
                    self.masks.add("cookie", value);
                }
            }
        }
        self.exchanges.push(Exchange {
            step: step.to_owned(),
            request: self.masks.request(request),
            status: None,
            response: None,
            elapsed_ms: 0,
            error: None,
        });
    }

    /// Keeps the answer to the last request.
    pub fn response(&mut self, response: &Response) {
        let Some(last) = self.exchanges.last_mut().filter(|_| self.on) else {
            return;
        };
        last.status = Some(response.status);
        last.elapsed_ms = u64::try_from(response.elapsed.as_millis()).unwrap_or(u64::MAX);
        last.response = Some(MaskedMessage {
            line: String::new(),
            headers: headers(&response.headers, &self.masks),
            body: self.masks.text(&text_of(response)),
        });
    }

    /// Keeps why there is no answer to the last request.
    pub fn failed(&mut self, why: &str) {
        if let Some(last) = self.exchanges.last_mut().filter(|_| self.on) {
            last.error = Some(why.to_owned());
        }
    }

    /// Keeps what an answer was read as.
    pub fn document(&mut self, name: &str, document: &Value) {
        if self.on {
            self.documents.push((name.to_owned(), document.clone()));
        }
    }

    /// The trace to be kept, every secret that became known masked, those of
    /// earlier exchanges too: an answer is seen before the tokens in it are known.
    pub fn save(
        mut self,
        provider: String,
        now: Timestamp,
        identity: Option<Profile>,
        failure: Option<Failure>,
    ) -> SavedTrace {
        for exchange in &self.exchanges {
            let Some(response) = &exchange.response else {
                continue;
            };
            for (name, token) in live::tokens(&exchange.step, &response.body) {
                self.masks.add(&name, &token);
            }
            for (name, value) in &response.headers {
                if !name.eq_ignore_ascii_case("location") {
                    continue;
                }
                for (name, token) in live::in_location(&exchange.step, value) {
                    self.masks.add(&name, &token);
                }
            }
        }
        for (step, document) in &self.documents {
            for (name, token) in live::in_document(step, document) {
                self.masks.add(&name, &token);
            }
        }
        for exchange in &mut self.exchanges {
            for shown in std::iter::once(&mut exchange.request).chain(&mut exchange.response) {
                shown.line = self.masks.text(&shown.line);
                shown.body = self.masks.text(&shown.body);
                for (_, value) in &mut shown.headers {
                    *value = self.masks.text(value);
                }
            }
        }
        for (_, document) in &mut self.documents {
            self.masks.value(document);
        }
        SavedTrace {
            provider,
            recorded_at: now.rfc3339(),
            exchanges: self.exchanges,
            documents: self.documents,
            notes: self.notes,
            identity,
            failure,
        }
    }
}

fn headers(map: &HeaderMap, masks: &Masks) -> Vec<(String, String)> {
    map.iter()
        .map(|(name, value)| {
            let text = String::from_utf8_lossy(value.as_bytes());
            let shown = if name == http::header::SET_COOKIE {
                "{{cookie}}".to_owned()
            } else {
                masks.text(&text)
            };
            (name.to_string(), shown)
        })
        .collect()
}

/// Secrets and the names they are shown under.
#[derive(Default)]
pub struct Masks(Vec<(String, String)>);

impl std::fmt::Debug for Masks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Masks({})", self.0.len())
    }
}

impl Masks {
    /// Adds a secret in the forms in which it can stand in a message.
    pub fn add(&mut self, name: &str, secret: &str) {
        // Masking one or two letters would only scramble the text.
        if secret.len() < 4 {
            return;
        }
        let shown = format!("{{{{{name}}}}}");
        let form: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let json = serde_json::Value::from(secret).to_string();
        let json = json.trim_matches('"').to_owned();
        for form in [secret.to_owned(), encode(secret), form, json] {
            if !self.0.iter().any(|(known, _)| *known == form) {
                self.0.push((form, shown.clone()));
            }
        }
        // A secret that holds another one must be found first.
        self.0
            .sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
    }

    /// A text with all known secrets masked.
    pub fn text(&self, text: &str) -> String {
        let mut out: String = text.chars().take(MAX_BODY).collect();
        for (secret, shown) in &self.0 {
            if out.contains(secret.as_str()) {
                out = out.replace(secret.as_str(), shown);
            }
        }
        out
    }

    /// Masks all known secrets in the strings of a document.
    pub fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(members) => members.values_mut().for_each(|below| self.value(below)),
            _ => {}
        }
    }

    /// A request with all known secrets masked; Basic credentials always.
    pub fn request(&self, request: &PreparedRequest) -> MaskedMessage {
        let basic = |name: &str, value: &str| {
            if name.eq_ignore_ascii_case("authorization") && value.starts_with("Basic ") {
                "Basic {{client credentials}}".to_owned()
            } else {
                self.text(value)
            }
        };
        MaskedMessage {
            line: format!("{} {}", request.method, self.text(request.url.as_str())),
            headers: request
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), basic(name, value)))
                .collect(),
            body: request
                .body
                .as_deref()
                .map(|body| self.text(&String::from_utf8_lossy(body)))
                .unwrap_or_default(),
        }
    }
}

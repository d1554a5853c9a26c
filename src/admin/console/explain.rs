//! Why a test login failed, in a sentence, with the field to change and the places
//! in the answer that would have matched.

use axum::extract::Path;
use axum::response::IntoResponse;
use serde::Serialize;
use serde_json::Value;

use super::draft::{Open, TRIES, busy};
use super::fields::Kind;
use super::guard::Post;
use super::sentences::{problem, say};
use super::view::{Html, redirect_to};
use super::words::field;
use super::{State, edit};
use crate::provider::extract::member_path;
use crate::provider::infer;

/// What a page says of a failure.
#[derive(Debug, Serialize)]
pub(super) struct Explained {
    sentence: String,
    /// What the login says of it, without the key that it is about where a field is named.
    details: String,
    /// The step to change.
    step: Option<&'static str>,
    title: Option<String>,
    key: Option<&'static str>,
    label: Option<String>,
    /// Other places that look right, the best first.
    offers: Vec<Offer>,
}

/// A place in the answer that would have matched.
#[derive(Debug, Serialize)]
struct Offer {
    place: String,
    reason: String,
}

/// The id of a sentence about what happened, by its code.
fn happened(code: &str) -> &'static str {
    match code {
        "login.denied" => "explain.denied",
        "login.code_missing" => "explain.code_missing",
        "login.state_missing" => "explain.state_missing",
        "login.issuer_mismatch" => "explain.issuer_mismatch",
        "login.token_rejected" => "explain.token_rejected",
        "login.token_response_invalid" => "explain.token_response_invalid",
        "login.id_token_invalid" => "explain.id_token_invalid",
        "login.userinfo_rejected" => "explain.userinfo_rejected",
        "login.userinfo_not_found" => "explain.userinfo_not_found",
        "login.userinfo_invalid" => "explain.userinfo_invalid",
        "login.email_missing" => "explain.email_missing",
        "login.email_invalid" => "explain.email_invalid",
        "login.user_id_missing" => "explain.user_id_missing",
        "login.email_not_trusted" => "explain.email_not_trusted",
        "login.provider_unreachable" => "explain.unreachable",
        "login.provider_timeout" => "explain.timeout",
        "login.provider_busy" | "login.provider_failing" => "explain.busy",
        _ => "",
    }
}

/// The key of the mapping to look at, as the trace has it: in backticks.
fn key_of(failure: &Value) -> &str {
    let look_at = failure["look_at"].as_str().unwrap_or_default();
    look_at.split('`').nth(1).unwrap_or_default()
}

/// Explains the failure of a trace.
pub(super) fn explain(trace: &Value) -> Option<Explained> {
    let failure = trace.get("failure").filter(|failure| failure.is_object())?;
    let code = failure["code"].as_str().unwrap_or_default();
    let (key, sentence) = (key_of(failure), happened(code));
    let sentence = if sentence.is_empty() {
        code.parse::<crate::base::ErrorCode>()
            .map_or_else(|_| String::new(), |code| code.meaning().to_owned())
    } else {
        say(sentence)
    };
    let found = field(key);
    let message = failure["message"].as_str().unwrap_or_default();
    // The field is named and linked below.
    let bare = message.strip_prefix(&format!("`{key}`: "));
    let message = bare.filter(|_| found.is_some()).unwrap_or(message);
    Some(Explained {
        sentence,
        details: super::markup::sentence(&problem(message)),
        step: found.map(|(step, _)| step.id),
        title: found.map(|(step, _)| say(step.title)),
        key: found.map(|(_, field)| field.key),
        label: found.map(|(_, field)| say(field.label)),
        offers: offers(trace, key),
    })
}

/// What an answer was read as, or its body as it stands in the exchange.
fn document(trace: &Value, step: &str) -> Option<Value> {
    let documents = trace["documents"].as_array();
    let read = documents.into_iter().flatten().find(|pair| pair[0] == step);
    if let Some(pair) = read {
        return Some(pair[1].clone());
    }
    let exchanges = trace["exchanges"].as_array();
    let exchange = exchanges
        .into_iter()
        .flatten()
        .rfind(|exchange| exchange["step"] == step)?;
    serde_json::from_str(exchange["response"]["body"].as_str()?).ok()
}

fn offers(trace: &Value, key: &str) -> Vec<Offer> {
    if key == "token.response.access_token" {
        let mut found = Vec::new();
        if let Some(answer) = document(trace, "token") {
            tokens(&answer, "$", &mut found);
        }
        return found;
    }
    let profile = document(trace, "userinfo")
        .or_else(|| document(trace, "id_token"))
        .or_else(|| document(trace, "token"));
    let Some(profile) = profile else {
        return Vec::new();
    };
    let inferred = infer::infer(&profile);
    let list = match key {
        "userinfo.response.email" => inferred.email,
        "userinfo.response.user_id" => inferred.user_id,
        _ => Vec::new(),
    };
    list.into_iter()
        .map(|candidate| Offer {
            place: candidate.place,
            reason: candidate.reason,
        })
        .collect()
}

/// The members of a token answer that are named like an access token.
fn tokens(value: &Value, at: &str, found: &mut Vec<Offer>) {
    let Value::Object(members) = value else {
        return;
    };
    for (name, below) in members {
        let plain = name.to_ascii_lowercase();
        let other = ["refresh", "id_token", "idtoken", "type"];
        let simple = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let path = member_path(at, name);
        let fits = plain.contains("token") && !other.iter().any(|other| plain.contains(other));
        if below.is_string() && fits && found.len() < 5 {
            found.push(Offer {
                // The name of a member says it as well.
                place: if at == "$" && simple && !name.is_empty() {
                    name.clone()
                } else {
                    path.clone()
                },
                reason: say("explain.by_name"),
            });
        }
        tokens(below, &path, found);
    }
}

/// `POST …/adopt`: sets one field of a draft to a place that a test has found.
pub(super) async fn adopt(
    axum::extract::State(console): State,
    Path((account, draft)): Path<(String, String)>,
    post: Post,
) -> Html {
    let who = &post.who;
    let (key, place) = (post.get("key"), post.get("place").trim());
    let asked = field(key).filter(|(_, field)| matches!(field.kind, Kind::Text));
    let Some((_, field)) = asked.filter(|_| !place.is_empty()) else {
        return Ok(axum::http::StatusCode::BAD_REQUEST.into_response());
    };
    for _ in 0..TRIES {
        let mut open = Open::find(&console, who, &account, &draft).await?;
        let mut doc = open.doc();
        edit::set(&mut doc, field.key, place);
        open.take(doc.to_string());
        if open.keep(&console, who).await? {
            return Ok(redirect_to(&open.path("review")));
        }
    }
    Err(busy(who).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_missing_value_is_explained_with_the_places_that_have_it() {
        let trace = json!({
            "failure": { "step": "userinfo", "code": "login.email_missing", "message": "x", "look_at": "`userinfo.response.email` (step 4, user information)" },
            "documents": [["userinfo", { "data": { "mail": "ada@example.test", "uid": "u-7" } }]],
        });
        let explained = explain(&trace).unwrap();
        assert_eq!(explained.label.as_deref(), Some("User email key"));
        assert_eq!(explained.offers[0].place, "$.data.mail");
        let trace = json!({
            "failure": { "step": "token", "code": "login.token_response_invalid", "message": "x", "look_at": "`token.response.access_token` (step 3)" },
            "exchanges": [{ "step": "token", "response": { "headers": [], "body": "{\"data\":{\"access_token\":\"{{x}}\",\"refresh_token\":\"y\"}}" } }],
        });
        let explained = explain(&trace).unwrap();
        assert_eq!(explained.offers.len(), 1);
        assert_eq!(explained.offers[0].place, "$.data.access_token");
        assert!(explain(&json!({ "identity": {} })).is_none());
    }
}

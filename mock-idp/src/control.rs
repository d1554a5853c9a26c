//! `/control/…`: the instrument's knobs. Open to whoever reaches the port: it is a test server.

use hyper::{Method, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::config::Config;
use crate::faults::Faults;
use crate::request::Request;
use crate::state::Shared;

/// Answers a control request; none of them is written into the journal or spoilt by faults.
pub(crate) fn answer(shared: &Shared, request: &Request) -> Answer {
    let method = request.method.as_str();
    match (method, request.path.as_str()) {
        ("GET", "/control/journal") => show(&shared.journal.entries()),
        ("DELETE", "/control/journal") => {
            shared.journal.clear();
            done()
        }
        ("GET", "/control/faults") => show(&shared.faults()),
        ("PUT", "/control/faults") => match serde_json::from_slice::<Faults>(&request.body) {
            Ok(faults) => {
                shared.set_faults(faults);
                done()
            }
            Err(error) => refuse(&error.to_string()),
        },
        ("DELETE", "/control/faults") => {
            shared.set_faults(Faults::none());
            done()
        }
        ("GET", "/control/config") => show(&*shared.config()),
        ("PUT" | "PATCH", "/control/config") => match changed(shared, request) {
            Ok(config) => {
                shared.configure(|old| *old = config);
                done()
            }
            Err(error) => refuse(&error.to_string()),
        },
        ("POST", "/control/rotate_keys") => {
            shared.keys.rotate();
            done()
        }
        (_, "/control/journal") => Answer::method_not_allowed("GET, DELETE"),
        (_, "/control/faults") => Answer::method_not_allowed("GET, PUT, DELETE"),
        (_, "/control/config") => Answer::method_not_allowed("GET, PUT, PATCH"),
        (_, "/control/rotate_keys") => Answer::method_not_allowed("POST"),
        _ => Answer::not_found(),
    }
}

/// A new configuration: a whole one by PUT, a JSON merge patch (RFC 7396) by PATCH.
fn changed(shared: &Shared, request: &Request) -> serde_json::Result<Config> {
    let sent: Value = serde_json::from_slice(&request.body)?;
    if request.method == Method::PUT {
        return serde_json::from_value(sent);
    }
    let mut whole = serde_json::to_value(&*shared.config())?;
    merge(&mut whole, sent);
    serde_json::from_value(whole)
}

fn merge(target: &mut Value, patch: Value) {
    let Value::Object(changes) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Value::Object(members) = target else {
        return;
    };
    for (name, change) in changes {
        if change.is_null() {
            members.shift_remove(&name);
        } else {
            merge(members.entry(name).or_insert(Value::Null), change);
        }
    }
}

fn show(value: &impl Serialize) -> Answer {
    match serde_json::to_value(value) {
        Ok(value) => Answer::json(StatusCode::OK, value),
        Err(error) => Answer::json(
            StatusCode::INTERNAL_SERVER_ERROR,
            json!({ "error": "server_error", "error_description": error.to_string() }),
        ),
    }
}

fn done() -> Answer {
    Answer::empty(StatusCode::NO_CONTENT)
}

fn refuse(text: &str) -> Answer {
    Answer::json(
        StatusCode::BAD_REQUEST,
        json!({ "error": "invalid_request", "error_description": text }),
    )
}

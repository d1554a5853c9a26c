//! Applies faults to an answer.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{self, HeaderName};
use serde_json::{Value, json};

use super::{FaultKind, gzip};
use crate::answer::{Answer, Content};
use crate::body::Plan;
use crate::config::Config;
use crate::dotted;

/// An answer as it shall leave.
pub(crate) struct Spoilt {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(HeaderName, String)>,
    pub(crate) plan: Plan,
}

/// Applies the faults; none means: close the connection.
pub(crate) async fn spoil(
    endpoint: &str,
    config: &Config,
    mut answer: Answer,
    faults: &[FaultKind],
) -> Option<Spoilt> {
    for fault in faults {
        change_data(endpoint, config, &mut answer, fault);
    }
    let (content_type, mut bytes) = answer.render();
    let (status, mut headers) = (answer.status, answer.headers);
    if !content_type.is_empty() {
        headers.push((header::CONTENT_TYPE, content_type));
    }
    let mut plan = None;
    for fault in faults {
        change_bytes(fault, &mut bytes);
        match fault {
            FaultKind::Slow { ms } => tokio::time::sleep(Duration::from_millis(*ms)).await,
            FaultKind::Hang => std::future::pending::<()>().await,
            FaultKind::Close => return None,
            FaultKind::ExtraHeader { name, value } => {
                if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
                    headers.push((name, value.clone()));
                }
            }
            FaultKind::Huge { bytes, with_length } => {
                plan = Some(Plan::Huge {
                    bytes: *bytes,
                    with_length: *with_length,
                });
            }
            _ => {}
        }
    }
    // Last, since they send the bytes that all the others made.
    for fault in faults {
        match fault {
            FaultKind::Drip { ms_per_byte } => {
                let pause = Duration::from_millis(*ms_per_byte);
                plan = Some(Plan::Drip {
                    bytes: bytes.clone(),
                    pause,
                });
            }
            FaultKind::Cut { after_bytes } => {
                plan = Some(Plan::Cut {
                    bytes: bytes.clone(),
                    after: *after_bytes,
                });
            }
            _ => {}
        }
    }
    Some(Spoilt {
        status,
        headers,
        plan: plan.unwrap_or(Plan::Whole(bytes)),
    })
}

/// The answer a replacing fault gives.
pub(crate) fn replacement(fault: &FaultKind) -> Option<Answer> {
    let json_type = "application/json";
    Some(match fault {
        FaultKind::Huge { .. } => Answer::raw(StatusCode::OK, json_type, Vec::new()),
        FaultKind::GzipBomb { decoded_bytes } => {
            Answer::raw(StatusCode::OK, json_type, gzip::bomb(*decoded_bytes))
                .with(header::CONTENT_ENCODING, "gzip")
        }
        FaultKind::Html200 => Answer::html(
            StatusCode::OK,
            "<!doctype html><title>Maintenance</title><h1>We’ll be right back</h1>".into(),
        ),
        FaultKind::Empty200 => Answer::empty(StatusCode::OK),
        FaultKind::Empty400 => Answer::empty(StatusCode::BAD_REQUEST),
        FaultKind::Status {
            code,
            body,
            content_type,
            headers,
        } => {
            let mut answer = Answer::raw(status(*code), content_type, body.as_bytes());
            for (name, value) in headers {
                if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
                    answer = answer.with(name, value);
                }
            }
            answer
        }
        FaultKind::ErrorIn200 { body } => Answer::json(StatusCode::OK, body.clone()),
        FaultKind::Body { content_type, text } => {
            Answer::raw(StatusCode::OK, content_type, text.as_bytes())
        }
        FaultKind::Redirect {
            location,
            status: code,
        } => Answer::raw(status(*code), "text/plain", Vec::new()).with(header::LOCATION, location),
        FaultKind::NotJson => Answer::raw(StatusCode::OK, json_type, "this is not JSON"),
        _ => return None,
    })
}

fn status(code: u16) -> StatusCode {
    // 1xx would make the client wait for another answer.
    StatusCode::from_u16(code)
        .ok()
        .filter(|status| !status.is_informational())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Faults that change members before the answer is written.
fn change_data(endpoint: &str, config: &Config, answer: &mut Answer, fault: &FaultKind) {
    let Content::Data { value, .. } = &mut answer.content else {
        return;
    };
    match fault {
        FaultKind::Missing { field } => {
            dotted::remove(value, field);
        }
        FaultKind::Replace { field, value: new } => dotted::set(value, field, new.clone()),
        FaultKind::WrongTypes if endpoint == "token" => {
            let names = &config.token.response;
            let path = |name: &str| match &names.wrapper {
                Some(wrapper) => format!("{wrapper}.{name}"),
                None => name.to_owned(),
            };
            dotted::set(value, &path(&names.access_token), json!(true));
            if let Some(name) = &names.expires_in {
                dotted::set(value, &path(name), json!({ "seconds": 3600 }));
            }
            if let Some(name) = &names.token_type {
                dotted::set(value, &path(name), json!(["Bearer"]));
            }
        }
        FaultKind::WrongTypes => confuse(value),
        _ => {}
    }
}

/// Gives every member of an object another type.
fn confuse(value: &mut Value) {
    let Value::Object(members) = value else {
        return;
    };
    for member in members.values_mut() {
        match member {
            // Wrappers stay: it is the values in them that matter.
            Value::Object(_) => confuse(member),
            Value::String(text) => *member = json!({ "value": text }),
            Value::Number(number) => *member = json!([number]),
            Value::Bool(flag) => *member = json!(flag.to_string()),
            Value::Array(items) => *member = json!({ "items": items }),
            Value::Null => *member = json!(0),
        }
    }
}

/// Faults that change the written body.
fn change_bytes(fault: &FaultKind, bytes: &mut Vec<u8>) {
    match fault {
        FaultKind::Bom => {
            bytes.splice(0..0, [0xEF, 0xBB, 0xBF]);
        }
        FaultKind::InvalidUtf8 => {
            let at = bytes
                .windows(2)
                .position(|pair| pair == b":\"")
                .map_or(0, |at| at + 2);
            bytes.insert(at, 0xFF);
        }
        FaultKind::DuplicateMembers => {
            let Ok(Value::Object(members)) = serde_json::from_slice(bytes) else {
                return;
            };
            let twice: Vec<String> = members
                .iter()
                .flat_map(|(name, value)| {
                    let name = Value::from(name.as_str());
                    [format!("{name}:{value}"), format!("{name}:\"duplicate\"")]
                })
                .collect();
            *bytes = format!("{{{}}}", twice.join(",")).into_bytes();
        }
        FaultKind::DeepJson { depth } => {
            let nest = format!("{}{}", "[".repeat(*depth), "]".repeat(*depth));
            *bytes = match bytes.strip_prefix(b"{") {
                Some(rest) if rest != b"}" => {
                    [format!("{{\"deep\":{nest},").as_bytes(), rest].concat()
                }
                _ => nest.into_bytes(),
            };
        }
        _ => {}
    }
}

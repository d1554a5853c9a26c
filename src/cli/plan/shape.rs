//! Accounts and applications as a file has them: without what is a default, and
//! without what the broker adds.

use anyhow::anyhow;
use serde_json::{Map, Value};

use crate::account::Account;
use crate::authority::application::{ResponseAlg, Settings};
use crate::base::Timestamp;
use crate::document::convert;
use crate::operation::accounts::AccountView;

/// What the broker says of an account and no file does: a logo that is kept has an address
/// of its own.
const OF_ACCOUNTS: &[&str] = &["id", "created_at", "logo"];
/// The same of an application.
const OF_APPLICATIONS: &[&str] = &[
    "client_id",
    "client_secret",
    "secrets",
    "created_at",
    "last_used_at",
];

/// An account that the broker shows.
pub(super) fn account(shown: &Value) -> Value {
    bare(shown, OF_ACCOUNTS, &account_defaults())
}

/// What applications' tokens are signed with.
const ALG: &str = "id_token_signed_response_alg";
/// How a file says that its account decides that: TOML has no `null`.
const AS_ACCOUNT: &str = "account";

/// An application that the broker shows.
pub(super) fn application(shown: &Value) -> Value {
    let mut shown = shown.clone();
    if shown[ALG].is_null() {
        shown[ALG] = AS_ACCOUNT.into();
    }
    bare(&shown, OF_APPLICATIONS, &application_defaults())
}

/// An application that the broker shows, beside a file that may be older than the
/// default: where that says nothing, what follows its account goes on to.
pub(super) fn application_beside(shown: &Value, file: &Value) -> Value {
    let mut shown = application(shown);
    if file.get(ALG).is_none()
        && shown[ALG] == AS_ACCOUNT
        && let Some(members) = shown.as_object_mut()
    {
        members.remove(ALG);
    }
    shown
}

/// What is sent to make an account or application what its file says.
pub(super) fn body(mut file: Value) -> Value {
    if file[ALG] == AS_ACCOUNT {
        file[ALG] = Value::Null;
    }
    file
}

/// An account as its file says, with the defaults that the broker shows.
pub(super) fn account_file(id: &str, mut file: Map<String, Value>) -> Value {
    file.entry("name").or_insert_with(|| id.into());
    let stores = file.get_mut("stores").and_then(Value::as_array_mut);
    for store in stores.into_iter().flatten() {
        if let Value::Object(store) = store {
            store.entry("auth_path").or_insert_with(|| "/_auth".into());
        }
    }
    bare(&Value::Object(file), &[], &account_defaults())
}

/// An application as its file says.
pub(super) fn application_file(file: Map<String, Value>) -> Value {
    bare(&Value::Object(file), &[], &application_defaults())
}

/// What the broker shows of an account where its file says nothing, beside nothing.
fn account_defaults() -> Value {
    let Ok(id) = "new".parse() else {
        return Value::Null;
    };
    let account = Account::new(id, "", Vec::new(), Timestamp::from_secs(0));
    serde_json::to_value(AccountView::from(account)).unwrap_or_default()
}

/// The same of an application.
fn application_defaults() -> Value {
    let mut defaults = serde_json::to_value(Settings::default()).unwrap_or_default();
    defaults[ALG] = ResponseAlg::USUAL.as_str().into();
    defaults
}

/// The text of a file.
pub(super) fn toml(shape: &Value) -> anyhow::Result<String> {
    convert::to_toml(shape).map_err(|findings| {
        let why: Vec<String> = findings.iter().map(ToString::to_string).collect();
        anyhow!("{}", why.join("; "))
    })
}

fn bare(shown: &Value, without: &[&str], defaults: &Value) -> Value {
    let mut kept: Vec<(String, Value)> = Vec::new();
    for (key, value) in shown.as_object().into_iter().flatten() {
        let default = match value {
            Value::Null | Value::Bool(false) => true,
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
            _ => defaults.get(key) == Some(value),
        };
        if default || without.contains(&key.as_str()) {
            continue;
        }
        let mut value = value.clone();
        // Sets, in whatever order they were written.
        if let (true, Value::Array(items)) = (key == "scopes" || key == "grants", &mut value) {
            items.sort_by_key(ToString::to_string);
            items.dedup();
        }
        kept.push((key.clone(), value));
    }
    kept.sort_by(|one, other| one.0.cmp(&other.0));
    Value::Object(kept.into_iter().collect())
}

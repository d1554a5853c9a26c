//! Previews of a draft that may lack anything: what is missing or wrong is
//! stood in for, so that the rest is built by the code that builds real requests.

use toml_edit::DocumentMut;

use super::edit;
use crate::account::Mappings;
use crate::base::AccountId;
use crate::document::Finding;
use crate::provider::Provider;
use crate::provider::compile::{Context, compile_toml, without_file_advice};
use crate::provider::preview::{self, Step};
use crate::provider::trace::MaskedMessage;

/// What must be there for a preview.
const PREVIEW_KEYS: &[&str] = &[
    "provider.id",
    "provider.name",
    "client.id",
    "authorization.url",
    "token.url",
    "userinfo.url",
    "userinfo.response.user_id",
    "userinfo.response.email",
];
/// How often the compiler is asked what is still wrong.
const ROUNDS: usize = 6;

/// What a check of a draft finds, warnings too.
pub(super) fn check(source: &str, context: Context<'_>) -> Vec<Finding> {
    without_file_advice(match compile_toml(source, context) {
        Ok(provider) => provider.warnings,
        Err(findings) => findings,
    })
}

/// The requests of a draft.
pub(super) fn steps(source: &str, mappings: &Mappings, account: &AccountId) -> Vec<Step> {
    let Some(provider) = completed(source, mappings.context()) else {
        return Vec::new();
    };
    let redirect_uri = mappings.redirect_uri(account, &provider);
    let Ok(found) = preview::preview(&provider, Some(&redirect_uri)) else {
        return Vec::new();
    };
    let mut requests = found.requests;
    for step in &mut requests {
        for shown in [&mut step.request, &mut step.expected] {
            fill(shown);
        }
    }
    requests
}

/// The redirect URI that a draft will have, once it has an id.
pub(super) fn redirect_uri(
    source: &str,
    mappings: &Mappings,
    account: &AccountId,
) -> Option<String> {
    let provider = named(source, mappings)?;
    Some(mappings.redirect_uri(account, &provider))
}

/// Where its provider can tell of logouts, once it has an id.
pub(super) fn logout_uris(
    source: &str,
    mappings: &Mappings,
    account: &AccountId,
) -> Option<[String; 2]> {
    mappings.logout_uris(account, &named(source, mappings)?)
}

/// What a draft will be, once it has an id.
fn named(source: &str, mappings: &Mappings) -> Option<Provider> {
    let doc: DocumentMut = source.parse().ok()?;
    let id = edit::get(&doc, "provider.id");
    completed(source, mappings.context()).filter(|provider| provider.id.as_str() == id)
}

fn fill(shown: &mut MaskedMessage) {
    shown.line = preview::named(&shown.line);
    shown.body = preview::named(&shown.body);
    for (_, value) in &mut shown.headers {
        *value = preview::named(value);
    }
}

fn completed(source: &str, context: Context<'_>) -> Option<Provider> {
    let mut doc: DocumentMut = source.parse().ok()?;
    let openid = edit::get(&doc, "provider.kind") == "openid";
    let asks = edit::get(&doc, "userinfo.source");
    for key in PREVIEW_KEYS {
        let told = key.rsplit('.').next() == Some("url")
            && (openid || (*key == "userinfo.url" && !asks.is_empty() && asks != "request"));
        if edit::get(&doc, key).is_empty() && !told {
            stand_in(&mut doc, key);
        }
    }
    for _ in 0..ROUNDS {
        match compile_toml(&doc.to_string(), context) {
            Ok(provider) => return Some(provider),
            Err(findings) => {
                for finding in findings.iter().filter(|finding| finding.is_error()) {
                    stand_in(&mut doc, &finding.key);
                }
            }
        }
    }
    None
}

/// Puts something in a key's place that compiles, or takes the key out.
fn stand_in(doc: &mut DocumentMut, key: &str) {
    let text = match key {
        "provider.id" => "provider".to_owned(),
        "authorization.url" | "token.url" | "userinfo.url" => {
            let step = key.split('.').next().unwrap_or_default();
            preview::stand_in_url(step).to_owned()
        }
        "provider.issuer" => "https://issuer.invalid".to_owned(),
        "provider.name" | "client.id" | "userinfo.response.user_id" | "userinfo.response.email" => {
            let name = key.rsplit('.').next().unwrap_or_default();
            preview::stand_in(&match key {
                "client.id" => "client id".to_owned(),
                "provider.name" => "name".to_owned(),
                _ => format!("{} key", name.replace('_', " ")),
            })
        }
        "client.secret" => "a secret that is not shown".to_owned(),
        "" => return,
        _ => {
            edit::remove(doc, key);
            return;
        }
    };
    edit::remove(doc, key);
    edit::set(doc, key, &text);
}

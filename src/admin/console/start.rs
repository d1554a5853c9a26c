//! Where a mapping begins: empty, from the gallery, from a discovery document,
//! from a sample profile or from TOML; or as an edit of what is applied.

use axum::extract::{Path, Query};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use minijinja::{Value as TemplateValue, context};
use serde::Deserialize;
use serde_json::{Value, json};
use toml_edit::DocumentMut;
use url::Url;

use super::fields::STEPS;
use super::guard::{LoggedIn, Post};
use super::sentences::say;
use super::view::{Failed, Html, failing, page, provider_name, redirect_to, shown};
use super::{Console, State, edit};
use crate::account::Account;
use crate::account::draft::{self, Base, Draft};
use crate::account::mapping::BUILT_IN;
use crate::admin::reply;
use crate::base::{AccountId, ErrorCode};
use crate::document::redact::references;
use crate::operation::OperationError;
use crate::operator::session::Current;
use crate::outbound::{Limits, PreparedRequest};
use crate::provider::import::{Imported, import};
use crate::provider::{gallery, infer};
use crate::store::StoreError;

/// The most drafts of one set-up link.
const MOST_DRAFTS: usize = 20;

#[derive(Deserialize, Default)]
pub(super) struct StartQuery {
    from: Option<String>,
}

pub(super) async fn account(
    console: &Console,
    who: &Current,
    id: &str,
) -> Result<Account, Response> {
    let found = reply::account(&*console.admin.store, id).await;
    Ok(found.map_err(failing(who))?.value)
}

/// `GET …/new`
pub(super) async fn choose(
    axum::extract::State(console): State,
    LoggedIn(who): LoggedIn,
    Path(id): Path<String>,
    Query(from): Query<StartQuery>,
) -> Html {
    let account = account(&console, &who, &id).await?;
    let own = own(&console, &account.id).await.map_err(Failed::from)?;
    let values = context! { own, from => from.from };
    choices(&who, &account, StatusCode::OK, values)
}

/// The account's provider that is of nobody's gallery, of which it may have one.
async fn own(console: &Console, account: &AccountId) -> Result<Option<TemplateValue>, StoreError> {
    let all = console.admin.mappings.list(account).await?;
    let mut all = all.iter().map(|found| &found.value);
    let own = all.find(|mapping| !BUILT_IN.contains(&mapping.provider.as_str()));
    Ok(own.map(|mapping| {
        context! {
            name => mapping.name.as_str(),
            href => format!("/admin/accounts/{account}/providers/{}", mapping.provider),
        }
    }))
}

fn choices(who: &Current, account: &Account, status: StatusCode, more: TemplateValue) -> Html {
    let entries: Vec<Value> = gallery::all()
        .map(|(id, source)| json!({ "id": id, "name": provider_name(source, id), "about": gallery::about(source) }))
        .collect();
    let values = context! {
        title => say("common.set_up_a_provider"),
        nav => "accounts",
        account => context! { id => account.id.as_str(), name => account.name.as_str() },
        gallery => shown(entries),
    };
    page(
        Some(who),
        status,
        "choose.html",
        context! { ..more, ..values },
    )
}

/// `POST …/new`
pub(super) async fn begin(
    axum::extract::State(console): State,
    Path(id): Path<String>,
    post: Post,
) -> Html {
    let who = &post.who;
    let account = account(&console, who, &id).await?;
    let (from, text) = (post.get("from"), post.get("text"));
    let made = match from {
        "discovery" if text.trim_start().starts_with("http") => {
            match fetched(&console, &account, text.trim()).await {
                Ok(document) => discovered(&document),
                Err(problem) => Err(problem),
            }
        }
        "discovery" => discovered(text),
        "sample" => sampled(text),
        "import" => imported(text, &console.origin),
        "toml" => match text.parse::<DocumentMut>() {
            Ok(_) => Ok(text.replace("\r\n", "\n")),
            Err(error) => Err(format!("this is not TOML: {}", error.message())),
        },
        _ => Ok(edit::EMPTY.to_owned()),
    };
    let source = match made {
        Ok(source) => source,
        Err(problem) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            // Another broker's configuration may hold a secret: it is not shown again.
            let typed = if from == "import" { "" } else { text };
            let more = context! { from, typed, problem };
            return choices(who, &account, status, more);
        }
    };
    if let Some(foreign) = who
        .limit
        .as_ref()
        .and_then(|_| references(&source, None).pop())
    {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let more = context! { from, typed => text, problem => foreign.message };
        return choices(who, &account, status, more);
    }
    let draft = Draft::new(source, None, who.operator.email.as_str());
    open(&console, who, &account, &draft, STEPS[0].id).await
}

/// Keeps a draft and opens one of its pages.
pub(super) async fn open(
    console: &Console,
    who: &Current,
    account: &Account,
    draft: &Draft,
    at: &str,
) -> Html {
    let now = console.admin.clock.now();
    limit_drafts(console, who, &account.id).await?;
    let token = draft::create(&*console.admin.store, &account.id, draft, now)
        .await
        .map_err(|error| failing(who)(error.into()))?;
    let (id, token) = (&account.id, token.as_str());
    Ok(redirect_to(&format!(
        "/admin/accounts/{id}/drafts/{token}/{at}"
    )))
}

/// Refuses one more draft where a link has many.
async fn limit_drafts(console: &Console, who: &Current, account: &AccountId) -> Result<(), Failed> {
    if who.guest.is_none() {
        return Ok(());
    }
    let author = who.operator.email.as_str();
    let drafts = draft::list(&*console.admin.store, account, 500).await?;
    let own = drafts.iter().filter(|draft| draft.author == author).count();
    if own < MOST_DRAFTS {
        return Ok(());
    }
    let why = format!("you have {MOST_DRAFTS} drafts; discard those that are not needed");
    Err(OperationError::new(ErrorCode::SetupLinkTooMany, why).into())
}

/// `POST …/providers/{provider}/edit`
pub(super) async fn edit(
    axum::extract::State(console): State,
    Path((id, provider)): Path<(String, String)>,
    post: Post,
) -> Html {
    let who = &post.who;
    let account = account(&console, who, &id).await?;
    let (_, found) = super::super::providers::current(&console.admin, &id, &provider)
        .await
        .map_err(failing(who))?;
    let source = found.value.source.clone();
    let base = Base {
        provider: found.value.provider,
        version: found.version.0,
        number: found.value.number,
        source: found.value.source,
    };
    let draft = Draft::new(source, Some(base), who.operator.email.as_str());
    open(&console, who, &account, &draft, STEPS[0].id).await
}

/// The discovery document at an address, or of the issuer that it is. It is asked
/// for as the broker asks a provider, so it can point nowhere that a mapping can't.
async fn fetched(console: &Console, account: &Account, text: &str) -> Result<String, String> {
    let mut url: Url = text
        .parse()
        .map_err(|error| format!("this is not a valid address: {error}"))?;
    if !url.path().contains("/.well-known/") {
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{path}/.well-known/openid-configuration"));
    }
    let at = url.to_string();
    let request = PreparedRequest {
        method: Method::GET,
        url,
        headers: vec![("Accept".to_owned(), "application/json".to_owned())],
        body: None,
    };
    let lane = format!("{}/discovery", account.id);
    let outbound = &console.app.logins.outbound;
    let answer = outbound.send(&lane, request, &Limits::default()).await;
    let answer = answer.map_err(|error| format!("{at} could not be read: {error}"))?;
    if answer.status != 200 {
        return Err(format!(
            "{at} answers with status {}; paste the address of the issuer, or the document",
            answer.status
        ));
    }
    Ok(String::from_utf8_lossy(&answer.body).into_owned())
}

/// The mapping that an OpenID Connect discovery document, or one of RFC 8414, describes.
fn discovered(text: &str) -> Result<String, String> {
    let document: Value =
        serde_json::from_str(text.trim()).map_err(|error| format!("this is not JSON: {error}"))?;
    let get = |name: &str| {
        document
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let has = |name: &str, wanted: &str| {
        let list = document.get(name).and_then(Value::as_array);
        list.is_some_and(|list| list.iter().any(|item| item == wanted))
    };
    if get("authorization_endpoint").is_empty() {
        return Err("this document has no `authorization_endpoint`; paste the JSON found below `/.well-known/openid-configuration`".to_owned());
    }
    let mut doc: DocumentMut = edit::EMPTY.parse().unwrap_or_default();
    let mut set = |key: &str, text: &str| {
        if !text.is_empty() {
            edit::set(&mut doc, key, text);
        }
    };
    let openid = !get("jwks_uri").is_empty() && has("response_types_supported", "code");
    set("provider.issuer", get("issuer"));
    set("authorization.url", get("authorization_endpoint"));
    set("token.url", get("token_endpoint"));
    set("userinfo.url", get("userinfo_endpoint"));
    let methods = "token_endpoint_auth_methods_supported";
    if !has(methods, "client_secret_post") && (openid || has(methods, "client_secret_basic")) {
        set("client.authentication", "basic");
    }
    if openid {
        set("provider.kind", "openid");
        for (key, claim) in [
            ("user_id", "sub"),
            ("email", "email"),
            ("email_verified", "email_verified"),
            ("name", "name"),
        ] {
            set(&format!("userinfo.response.{key}"), claim);
        }
        let scopes = ["openid", "email", "profile"];
        let known = document.get("scopes_supported").is_some();
        let asked: Vec<&str> = scopes
            .into_iter()
            .filter(|scope| !known || has("scopes_supported", scope))
            .collect();
        let list: toml_edit::Array = asked.into_iter().collect();
        doc["authorization"]["scopes"] = toml_edit::value(list);
    }
    Ok(doc.to_string())
}

/// The mapping that another broker's configuration describes.
fn imported(text: &str, public_url: &str) -> Result<String, String> {
    let found = import(text, None, Some(public_url)).map_err(|error| error.to_string())?;
    match <[Imported; 1]>::try_from(found) {
        Ok([only]) => Ok(only.toml),
        Err(several) => Err(format!(
            "this configuration has several providers ({}); paste the part of one",
            several
                .iter()
                .map(|one| one.id.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        )),
    }
}

/// The mapping that a sample profile suggests.
fn sampled(text: &str) -> Result<String, String> {
    let sample = infer::read(text).map_err(|error| error.to_string())?;
    let found = infer::infer(&sample);
    if found.user_id.is_empty() && found.email.is_empty() {
        return Err(
            "nothing in this sample looks like an id or an email; paste the answer of the user information endpoint".to_owned(),
        );
    }
    let source = edit::EMPTY.replace("[userinfo.response]\n", &found.toml);
    // What was inferred is only as good as its text.
    match source.parse::<DocumentMut>() {
        Ok(_) => Ok(source),
        Err(error) => Err(error.message().to_owned()),
    }
}

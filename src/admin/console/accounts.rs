//! Accounts, their stores and their choices of authentication.

use axum::extract::{Path, Query};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use minijinja::{Value as TemplateValue, context};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::State;
use super::api::{Call, or_null, segment};
use super::guard::{LoggedIn, Post};
use super::view::{Html, failing, page, redirect_to, shown};
use crate::account::draft;
use crate::account::mapping::BUILT_IN;
use crate::base::ErrorCode;
use crate::http::problem::Problem;
use crate::operator::session::Current;
use crate::provider::gallery;
use crate::store::StoreError;

/// Where a list goes on, and what was just done.
#[derive(Deserialize, Default)]
pub(super) struct ListQuery {
    pub after: Option<String>,
    pub done: Option<String>,
}

/// `GET /admin/`
pub(super) async fn list(
    axum::extract::State(console): State,
    LoggedIn(who): LoggedIn,
    Query(place): Query<ListQuery>,
) -> Html {
    accounts(&console, &who, &place, StatusCode::OK, context! {}).await
}

async fn accounts(
    console: &super::Console,
    who: &Current,
    place: &ListQuery,
    status: StatusCode,
    form: TemplateValue,
) -> Html {
    let path = match &place.after {
        Some(after) => format!("/accounts?limit=50&after={}", segment(after)),
        None => "/accounts?limit=50".to_owned(),
    };
    let found = console
        .api
        .call(who, Call::get(path))
        .await
        .map_err(failing(who))?;
    let values = context! {
        title => "Accounts",
        nav => "accounts",
        accounts => shown(found["items"].clone()),
        next => found["next"].as_str(),
        done => place.done.as_deref(),
    };
    page(
        Some(who),
        status,
        "accounts.html",
        context! { ..form, ..values },
    )
}

/// `POST /admin/`: a new account.
pub(super) async fn create(axum::extract::State(console): State, post: Post) -> Html {
    let mut body = json!({ "id": post.get("id").trim() });
    if !post.get("name").trim().is_empty() {
        body["name"] = post.get("name").into();
    }
    if !post.get("origin").trim().is_empty() {
        let mut store = json!({ "origin": post.get("origin").trim() });
        if !post.get("auth_path").trim().is_empty() {
            store["auth_path"] = post.get("auth_path").trim().into();
        }
        body["stores"] = json!([store]);
    }
    let call = Call::new(Method::POST, "/accounts").json(body);
    match console.api.call(&post.who, call).await {
        Ok(made) => {
            let id = made["id"].as_str().unwrap_or_default();
            Ok(redirect_to(&format!(
                "/admin/accounts/{}?done=created",
                segment(id)
            )))
        }
        Err(problem) => {
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
            let form = context! {
                problem => shown(problem),
                form => context! {
                    id => post.get("id"),
                    name => post.get("name"),
                    origin => post.get("origin"),
                    auth_path => post.get("auth_path"),
                },
            };
            accounts(&console, &post.who, &ListQuery::default(), status, form).await
        }
    }
}

/// The known providers that a page shows at once.
const FIRST: [&str; 4] = ["google", "facebook", "apple", "microsoft"];

/// One way to log in, as the account has it or could have it.
#[derive(Serialize)]
struct Choice {
    id: String,
    name: String,
    about: String,
    /// The version that is applied.
    version: Option<u64>,
}

/// `GET /admin/accounts/{account}/`
pub(super) async fn show(
    axum::extract::State(console): State,
    LoggedIn(who): LoggedIn,
    Path(id): Path<String>,
    Query(place): Query<ListQuery>,
) -> Html {
    let values = context! { done => place.done };
    account(&console, &who, &id, StatusCode::OK, values).await
}

async fn account(
    console: &super::Console,
    who: &Current,
    id: &str,
    status: StatusCode,
    more: TemplateValue,
) -> Html {
    let path = format!("/accounts/{}", segment(id));
    let (account, version) = console
        .api
        .read(who, Call::get(path.as_str()))
        .await
        .map_err(failing(who))?;
    let drafts = drafts(console, id)
        .await
        .map_err(|error| failing(who)(error.into()))?;
    let providers = console
        .api
        .call(who, Call::get(format!("{path}/providers")))
        .await
        .map_err(failing(who))?;
    let applied: Vec<&Value> = providers["items"]
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    let of = |provider: &Value| Choice {
        id: provider["provider"].as_str().unwrap_or_default().to_owned(),
        name: provider["name"].as_str().unwrap_or_default().to_owned(),
        about: String::new(),
        version: provider["version"].as_u64(),
    };
    let custom = applied
        .iter()
        .find(|provider| provider["built_in"] != true)
        .map(|provider| of(provider));
    let mut built_in: Vec<Choice> = applied
        .iter()
        .filter(|provider| provider["built_in"] == true)
        .map(|provider| of(provider))
        .collect();
    for (name, source) in gallery::all().filter(|(name, _)| BUILT_IN.contains(name)) {
        if !built_in.iter().any(|choice| choice.id == name) {
            built_in.push(Choice {
                id: name.to_owned(),
                name: display_name(source, name),
                about: gallery::about(source).to_owned(),
                version: None,
            });
        }
    }
    // What is set up, then what most have, then the rest by name.
    let rank = |choice: &Choice| FIRST.iter().position(|id| *id == choice.id);
    built_in.sort_by_cached_key(|choice| {
        let rank = rank(choice).unwrap_or(FIRST.len());
        (choice.version.is_none(), rank, choice.name.to_lowercase())
    });
    let (built_in, others): (Vec<_>, Vec<_>) = built_in
        .into_iter()
        .partition(|choice| choice.version.is_some() || rank(choice).is_some());
    let values = context! {
        title => account["name"].as_str(),
        nav => "accounts",
        account => shown(account.clone()),
        etag => version,
        drafts,
        custom => custom.map(shown),
        built_in => shown(built_in),
        others => shown(others),
        public_url => console.origin.as_str(),
    };
    page(
        Some(who),
        status,
        "account.html",
        context! { ..more, ..values },
    )
}

/// The mappings in the making, the newest first.
async fn drafts(console: &super::Console, id: &str) -> Result<TemplateValue, StoreError> {
    let Ok(account) = id.parse() else {
        return Ok(TemplateValue::from(()));
    };
    let found = draft::list(&*console.admin.store, &account, 100).await?;
    let drafts = found.iter().rev().filter_map(|draft| {
        let token = draft.token()?;
        let base = draft.base.as_ref();
        Some(json!({
            "token": token.as_str(),
            "name": display_name(&draft.source, "A mapping without a name"),
            "editing": base.map(|base| base.number),
            "author": draft.author,
            // A draft is kept for so long from its beginning on.
            "until": token.expires_at().rfc3339(),
        }))
    });
    Ok(shown(drafts.collect::<Vec<_>>()))
}

/// The provider's name in a mapping of the gallery.
pub(super) fn display_name(source: &str, id: &str) -> String {
    let (value, _, _) = crate::document::structure::parse_toml(source);
    value
        .pointer("/provider/name")
        .and_then(Value::as_str)
        .unwrap_or(id)
        .to_owned()
}

/// Calls the API for a form of the account's page: back to the page, or the page
/// with the problem and what was typed.
async fn act(
    console: &super::Console,
    post: &Post,
    id: &str,
    call: Call<'_>,
    done: &str,
    which: &str,
) -> Html {
    match console.api.call(&post.who, call).await {
        Ok(_) => Ok(redirect_to(&format!(
            "/admin/accounts/{}?done={done}",
            segment(id)
        ))),
        Err(problem) => {
            let typed: serde_json::Map<String, Value> = post
                .form
                .iter()
                .filter(|(name, _)| *name != "csrf")
                .map(|(name, value)| (name.to_owned(), value.into()))
                .collect();
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
            // Sent again, it is refused again: the version stays what it was.
            let stale = problem.code == ErrorCode::AdminChangedMeanwhile;
            let etag = stale.then(|| post.get("etag").to_owned());
            let more = context! { problem => shown(problem), which, form => shown(typed), stale };
            let more = match etag {
                Some(etag) => context! { etag, ..more },
                None => more,
            };
            account(console, &post.who, id, status, more).await
        }
    }
}

pub(super) async fn change(
    axum::extract::State(console): State,
    Path(id): Path<String>,
    post: Post,
) -> Html {
    let optional = |name| or_null(post.get(name).trim());
    let body = json!({
        "name": post.get("name"),
        "logo_url": optional("logo_url"),
        "color": optional("color"),
        "signing_alg": optional("signing_alg"),
    });
    let call = Call::new(Method::PATCH, format!("/accounts/{}", segment(&id)))
        .json(body)
        .if_version(post.get("etag").parse().ok());
    act(&console, &post, &id, call, "saved", "settings").await
}

pub(super) async fn add_store(
    axum::extract::State(console): State,
    Path(id): Path<String>,
    post: Post,
) -> Html {
    let mut body = json!({ "origin": post.get("origin").trim() });
    if !post.get("auth_path").trim().is_empty() {
        body["auth_path"] = post.get("auth_path").trim().into();
    }
    let path = format!("/accounts/{}/stores", segment(&id));
    let call = Call::new(Method::PUT, path).json(body);
    act(&console, &post, &id, call, "store", "store").await
}

pub(super) async fn remove_store(
    axum::extract::State(console): State,
    Path(id): Path<String>,
    post: Post,
) -> Html {
    let origin = segment(post.get("origin"));
    let path = format!("/accounts/{}/stores?origin={origin}", segment(&id));
    let call = Call::new(Method::DELETE, path);
    act(&console, &post, &id, call, "store-removed", "store").await
}

/// Removes the account; its id has to be typed.
pub(super) async fn remove(
    axum::extract::State(console): State,
    Path(id): Path<String>,
    post: Post,
) -> Result<Response, Response> {
    if post.get("confirm").trim() != id {
        let problem = Problem::new(
            ErrorCode::AccountConfirm,
            format!("type `{id}` to remove the account"),
        );
        let more = context! { problem => shown(problem), which => "remove" };
        return account(
            &console,
            &post.who,
            &id,
            StatusCode::UNPROCESSABLE_ENTITY,
            more,
        )
        .await;
    }
    let call = Call::new(Method::DELETE, format!("/accounts/{}", segment(&id)));
    console
        .api
        .call(&post.who, call)
        .await
        .map_err(failing(&post.who))?;
    Ok(redirect_to("/admin/?done=removed"))
}

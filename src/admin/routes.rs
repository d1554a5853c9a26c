//! Every operation of the API.

mod accounts;
mod broker;
mod domains;
mod messages;
mod providers;
mod setup_links;
mod users;

use axum::Json;
use axum::http::Method;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::mappings::TOML;
use super::openapi;
use super::route::Route;
use crate::provider::file::ProviderFile;

/// A mapping that compiles, for the examples.
const MAPPING: &str = r#"[provider]
id = "acme"
name = "Acme Accounts"

[client]
id = "storefront-42"
secret = "the client secret"

[authorization]
url = "https://id.acme.example/oauth/authorize"

[token]
url = "https://id.acme.example/oauth/token"

[userinfo]
url = "https://id.acme.example/me"

[userinfo.response]
user_id = "userId"
email = "email"
"#;

fn mapping() -> Value {
    crate::document::convert::to_json(MAPPING).unwrap_or_default()
}

/// The OpenAPI document, which describes itself elsewhere.
struct OpenApi;

impl JsonSchema for OpenApi {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "OpenAPI".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "description": "An OpenAPI 3.1 document." })
    }
}

/// A mapping: the tables and keys of its TOML.
fn takes_mapping(operation: Route) -> Route {
    operation
        .takes_text(TOML, MAPPING)
        .takes::<ProviderFile>(mapping())
        .refuses(&[409, 422])
}

/// All operations, in the order of the document.
pub(super) fn operations() -> Vec<Route> {
    let mut all = vec![
        Route::handled(
            Method::GET,
            "/openapi.json",
            "getOpenApi",
            "This document",
            async || Json(openapi::document()),
        )
        .gives::<OpenApi>(200),
    ];
    all.extend(accounts::routes());
    all.extend(domains::routes());
    all.extend(messages::routes());
    all.extend(providers::operations());
    all.extend(setup_links::routes());
    all.extend(users::operations());
    all.extend(broker::operations());
    all
}

//! The API as an OpenAPI 3.1 document, made from the operations themselves.

use axum::http::Method;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use super::route::{Gives, Route, SchemaOf};
use super::routes::operations;
use crate::authority::scope::{ADMIN_READ, ADMIN_WRITE};
use crate::http::problem::Problem;

const ABOUT: &str = "\
Everything an operator can do, for programs.\n\n\
**Credentials.** An access token of an application with the grant `client_credentials` and the \
scope `admin:read`, for what is safe, or `admin:write`, for everything. An application of one account \
reaches that account only; what is another's is answered as what does not exist. On the Unix \
socket in the data directory no token is needed.\n\n\
**Changes.** What can change has an `ETag`. Send it back as `If-Match`, and a change is made only if \
nobody else made one meanwhile; else the answer is 412 and nothing is changed. `If-None-Match: *` \
creates and never overwrites. Without either, the last write wins. `PUT` is idempotent: the same \
body again changes nothing and writes no entry to the audit log.\n\n\
**Lists** come in pages: `limit` says how long, `after` takes the `next` of the page before, which is \
also the answer's `Link` with `rel=\"next\"`.\n\n\
**Problems** are `application/problem+json` (RFC 9457). `code` is stable; `findings` say where in a \
mapping something is wrong: by line and column in TOML, by JSON pointer (RFC 6901) in JSON.";

/// The document.
pub fn document() -> Value {
    let mut schemas = Schemas::new();
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations() {
        let described = describe(&operation, &mut schemas);
        let path = paths
            .entry(operation.path)
            .or_insert_with(|| path_item(operation.path));
        if let Some(item) = path.as_object_mut() {
            item.insert(operation.method.as_str().to_lowercase(), described);
        }
    }
    let problem = (schemas.answer)(&mut schemas.answers);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Vestibule admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "Apache 2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/api/v1" }],
        "security": [{ "oauth2": [] }],
        "paths": paths,
        "components": {
            "responses": {
                "Problem": {
                    "description": "What is wrong, and what to do about it.",
                    "content": { "application/problem+json": { "schema": problem } },
                },
            },
            "headers": {
                "ETag": {
                    "description": "The version of what was read or written, for `If-Match`.",
                    "schema": { "type": "string" },
                },
                "Link": {
                    "description": "The next page, with `rel=\"next\"` (RFC 8288); absent on the last.",
                    "schema": { "type": "string" },
                },
            },
            "parameters": {
                "IfMatch": {
                    "name": "If-Match",
                    "in": "header",
                    "description": "The `ETag` of what was read: the change is made only if that is still what is there.",
                    "schema": { "type": "string", "pattern": "^(\\*|\"[a-z0-9]+\")$" },
                    "example": "*",
                },
            },
            "securitySchemes": {
                "oauth2": {
                    "type": "oauth2",
                    "description": "On the Unix socket in the data directory, no credentials are needed.",
                    "flows": {
                        "clientCredentials": {
                            "tokenUrl": "/connect/token",
                            "scopes": { ADMIN_READ: "Read.", ADMIN_WRITE: "Read and change." },
                        },
                    },
                },
            },
            "schemas": schemas.take(),
        },
    })
}

/// Requests and answers have different schemas of one type: what has a default
/// may be missing in the one and never is in the other.
struct Schemas {
    requests: SchemaGenerator,
    answers: SchemaGenerator,
    answer: SchemaOf,
}

impl Schemas {
    fn new() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = "/components/schemas".into();
                settings.meta_schema = None;
            })
        };
        Self {
            requests: settings().into_generator(),
            answers: settings().for_serialize().into_generator(),
            answer: |schemas| schemas.subschema_for::<Problem>(),
        }
    }

    /// All that were asked for, by name. A type in both roles has one schema, that
    /// of the answer.
    fn take(&mut self) -> Map<String, Value> {
        let mut all = self.requests.take_definitions(true);
        all.extend(self.answers.take_definitions(true));
        all.sort_keys();
        all
    }
}

fn path_item(path: &str) -> Value {
    let parameters: Vec<Value> = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(path_parameter)
        .collect();
    if parameters.is_empty() {
        json!({})
    } else {
        json!({ "parameters": parameters })
    }
}

fn path_parameter(name: &str) -> Value {
    let (about, example) = match name {
        "account" => ("The account's id.", "acme"),
        "provider" => ("The provider's id.", "acme"),
        "user" => ("The user's id or email.", "ada@example.com"),
        "application" => ("The client id.", "orders"),
        "operator" => ("The operator's email.", "grace@example.com"),
        "key" => ("The key's `kid`, or `active`.", "active"),
        "login" => ("The support id, as the error page shows it.", "7k2m9qx4tz"),
        "session" => ("The session's id, as listed.", "AAABk…"),
        _ => ("Its id.", "…"),
    };
    let mut schema = json!({ "type": "string", "minLength": 1 });
    if matches!(name, "account" | "provider") {
        schema["pattern"] = "^[a-z0-9][a-z0-9-]{0,39}$".into();
    }
    if name == "application" {
        schema["pattern"] = "^[A-Za-z0-9._~-]{1,100}$".into();
    }
    json!({
        "name": name,
        "in": "path",
        "required": true,
        "description": about,
        "schema": schema,
        "example": example,
    })
}

fn describe(operation: &Route, schemas: &mut Schemas) -> Value {
    let safe = operation.method == Method::GET;
    let mut security = vec![json!({ "oauth2": [ADMIN_WRITE] })];
    if safe {
        security.insert(0, json!({ "oauth2": [ADMIN_READ] }));
    }
    let mut described = json!({
        "operationId": operation.id,
        "tags": [tag(operation.path)],
        "summary": operation.about,
        "security": security,
    });
    let mut parameters = match operation.query {
        Some(query) => query_parameters(query(&mut schemas.requests).as_value()),
        None => Vec::new(),
    };
    if operation.conditional {
        parameters.push(json!({ "$ref": "#/components/parameters/IfMatch" }));
    }
    if !parameters.is_empty() {
        described["parameters"] = parameters.into();
    }
    if !operation.takes.is_empty() {
        let mut content = Map::new();
        for takes in &operation.takes {
            let schema = match takes.schema {
                Some(schema) => schema(&mut schemas.requests).to_value(),
                None => json!({ "type": "string" }),
            };
            let body = json!({ "schema": schema, "example": takes.example });
            content.insert(takes.kind.to_owned(), body);
        }
        described["requestBody"] =
            json!({ "required": !operation.body_optional, "content": content });
    }
    let mut responses: Map<String, Value> = Map::new();
    for gives in &operation.gives {
        respond(&mut responses, operation, gives, schemas);
    }
    for status in refusals(operation) {
        let problem = json!({ "$ref": "#/components/responses/Problem" });
        responses.insert(status.to_string(), problem);
    }
    described["responses"] = responses.into();
    described
}

fn respond(
    responses: &mut Map<String, Value>,
    operation: &Route,
    gives: &Gives,
    schemas: &mut Schemas,
) {
    let response = responses
        .entry(gives.status.to_string())
        .or_insert_with(|| {
            let about = match gives.status {
                200 => "Done.",
                201 => "Created.",
                _ => "Done; there is nothing to say.",
            };
            json!({ "description": about })
        });
    if operation.tagged {
        response["headers"]["ETag"] = json!({ "$ref": "#/components/headers/ETag" });
    }
    if operation.query.is_some() && operation.id.starts_with("list") {
        response["headers"]["Link"] = json!({ "$ref": "#/components/headers/Link" });
    }
    if gives.kind.is_empty() {
        return;
    }
    let schema = match gives.schema {
        Some(schema) => schema(&mut schemas.answers).to_value(),
        None => json!({ "type": "string" }),
    };
    response["content"][gives.kind] = json!({ "schema": schema });
}

/// The statuses with which an operation can refuse.
fn refusals(operation: &Route) -> Vec<u16> {
    let mut all = vec![401, 403, 503];
    let has_path = operation.path.contains('{');
    if has_path {
        all.push(404);
    }
    if has_path || operation.query.is_some() || !operation.takes.is_empty() || operation.conditional
    {
        all.push(400);
    }
    if !operation.takes.is_empty() {
        all.extend([413, 415]);
    }
    if operation.conditional {
        all.push(412);
    }
    all.extend(operation.refuses);
    all.sort_unstable();
    all.dedup();
    all
}

/// What a path is about: the last kind of thing it names.
fn tag(path: &str) -> &str {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    match (parts.next(), parts.nth(1)) {
        (Some("accounts"), Some("preview" | "trials")) => "providers",
        (Some("accounts"), Some(below)) => below,
        (Some("openapi.json"), _) => "meta",
        (Some(first), _) => first,
        (None, _) => "meta",
    }
}

/// The members of an object as parameters of a query.
fn query_parameters(schema: &Value) -> Vec<Value> {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let members = schema["properties"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    members
        .into_iter()
        .map(|(name, mut schema)| {
            let about = schema
                .as_object_mut()
                .and_then(|schema| schema.shift_remove("description"))
                .unwrap_or_default();
            // A query has no null.
            if let Some(kinds) = schema["type"].as_array() {
                let kind = kinds.iter().find(|kind| *kind != "null").cloned();
                schema["type"] = kind.unwrap_or_default();
            }
            if let Some(real) = schema["anyOf"].as_array().and_then(|any| any.first()) {
                schema = real.clone();
            }
            let needed = required.contains(&json!(name));
            json!({
                "name": name,
                "in": "query",
                "required": needed,
                "description": about,
                "schema": schema,
            })
        })
        .collect()
}

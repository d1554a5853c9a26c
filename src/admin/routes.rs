//! Every operation of the API.

use axum::Json;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::mappings::TOML;
use super::operation::Operation;
use super::paging::{Page, Paging};
use super::{
    accounts, applications, audit, keys, openapi, operators, passwords, providers, trials, users,
    watch,
};
use crate::audit::Entry;
use crate::login::drift;
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
fn takes_mapping(operation: Operation) -> Operation {
    operation
        .takes_text(TOML, MAPPING)
        .takes::<ProviderFile>(mapping())
        .refuses(&[409, 422])
}

/// All operations, in the order of the document.
pub(super) fn operations() -> Vec<Operation> {
    let mut all = vec![
        Operation::get("/openapi.json", "getOpenApi", "This document", async || {
            Json(openapi::document())
        })
        .gives::<OpenApi>(200),
    ];
    all.extend(of_accounts());
    all.extend(of_providers());
    all.extend(of_users());
    all.extend(of_the_broker());
    all
}

fn of_accounts() -> Vec<Operation> {
    let stores = json!([{ "origin": "https://www.acme.example", "auth_path": "/_auth" }]);
    vec![
        Operation::get(
            "/accounts",
            "listAccounts",
            "Lists accounts",
            accounts::list,
        )
        .query::<Paging>()
        .gives::<Page<accounts::Shown>>(200),
        Operation::post(
            "/accounts",
            "createAccount",
            "Creates an account",
            accounts::create,
        )
        .takes::<accounts::NewAccount>(json!({ "id": "acme", "name": "Acme", "stores": stores }))
        .gives::<accounts::Shown>(201)
        .tagged()
        .refuses(&[409]),
        Operation::get(
            "/accounts/{account}",
            "getAccount",
            "Shows an account",
            accounts::show,
        )
        .gives::<accounts::Shown>(200)
        .tagged(),
        Operation::put(
            "/accounts/{account}",
            "putAccount",
            "Creates an account, or makes the one there is as described",
            accounts::put,
        )
        .takes::<accounts::WholeAccount>(
            json!({ "name": "Acme", "stores": stores, "color": "#0b5fff" }),
        )
        .gives::<accounts::Shown>(200)
        .gives::<accounts::Shown>(201)
        .tagged()
        .conditional(),
        Operation::patch(
            "/accounts/{account}",
            "changeAccount",
            "Changes an account",
            accounts::change,
        )
        .takes::<accounts::Change>(json!({ "name": "Acme Stores" }))
        .gives::<accounts::Shown>(200)
        .tagged()
        .conditional(),
        Operation::delete(
            "/accounts/{account}",
            "removeAccount",
            "Removes an account with its mappings, users, sessions and applications",
            accounts::remove,
        )
        .conditional(),
        Operation::get(
            "/accounts/{account}/stores",
            "listStores",
            "Lists an account's storefronts",
            accounts::stores,
        )
        .query::<Paging>()
        .gives::<Page<crate::account::StoreFront>>(200)
        .tagged(),
        Operation::put(
            "/accounts/{account}/stores",
            "putStore",
            "Adds a storefront, or gives the one at this origin another path; gives the account",
            accounts::put_store,
        )
        .takes::<accounts::StoreInput>(json!({ "origin": "https://shop.acme.example" }))
        .gives::<accounts::Shown>(200)
        .tagged()
        .conditional(),
        Operation::delete(
            "/accounts/{account}/stores",
            "removeStore",
            "Removes a storefront; gives the account",
            accounts::remove_store,
        )
        .query::<accounts::Which>()
        .gives_instead::<accounts::Shown>(200)
        .tagged()
        .conditional(),
    ]
}

fn of_providers() -> Vec<Operation> {
    let applied = |operation| {
        takes_mapping(operation)
            .gives::<providers::Shown>(200)
            .tagged()
            .conditional()
    };
    vec![
        Operation::get(
            "/accounts/{account}/providers",
            "listProviders",
            "Lists an account's providers",
            providers::list,
        )
        .query::<Paging>()
        .gives::<Page<providers::Shown>>(200),
        applied(Operation::post(
            "/accounts/{account}/providers",
            "applyMapping",
            "Applies a mapping to the provider that it names",
            providers::apply,
        )),
        Operation::get(
            "/accounts/{account}/providers/{provider}",
            "getProvider",
            "Shows a provider's mapping, secrets redacted",
            providers::show,
        )
        .gives::<providers::Shown>(200)
        .gives_text(200, TOML)
        .tagged(),
        applied(Operation::put(
            "/accounts/{account}/providers/{provider}",
            "putProvider",
            "Applies a mapping; a secret that is sent as `[redacted]` stays what it is",
            providers::put,
        )),
        Operation::delete(
            "/accounts/{account}/providers/{provider}",
            "removeProvider",
            "Removes a mapping; its versions stay",
            providers::remove,
        )
        .conditional(),
        Operation::get(
            "/accounts/{account}/providers/{provider}/history",
            "listVersions",
            "Lists a mapping's versions, the newest first",
            providers::history,
        )
        .query::<Paging>()
        .gives::<Page<providers::Shown>>(200),
        Operation::post(
            "/accounts/{account}/providers/{provider}/rollback",
            "rollBack",
            "Applies an earlier version again, as a new one",
            providers::rollback,
        )
        .takes::<providers::Rollback>(json!({ "version": 1 }))
        .gives::<providers::Shown>(200)
        .tagged()
        .conditional()
        .refuses(&[409, 422]),
        Operation::get(
            "/accounts/{account}/providers/{provider}/preview",
            "previewProvider",
            "The requests that the applied mapping sends, and the answers it expects",
            providers::preview,
        )
        .gives::<providers::Previewed>(200)
        .refuses(&[422]),
        takes_mapping(Operation::post(
            "/accounts/{account}/preview",
            "previewMapping",
            "The requests that a draft would send; nothing is sent or stored",
            providers::preview_draft,
        ))
        .gives::<providers::Previewed>(200),
        Operation::get(
            "/accounts/{account}/providers/{provider}/drift",
            "getDrift",
            "What is known of the provider's answers, and how they changed",
            watch::drift,
        )
        .gives::<drift::Shape>(200),
        Operation::delete(
            "/accounts/{account}/providers/{provider}/drift",
            "forgetDrift",
            "Takes what comes from now on as the norm",
            watch::forget_drift,
        )
        .conditional(),
        Operation::get(
            "/accounts/{account}/providers/{provider}/shadow",
            "getShadow",
            "What the shadow would have changed so far",
            watch::shadow,
        )
        .gives::<watch::ShownShadow>(200)
        .tagged(),
        takes_mapping(Operation::put(
            "/accounts/{account}/providers/{provider}/shadow",
            "putShadow",
            "Sets a mapping to be asked beside the live one, and not believed",
            watch::set_shadow,
        ))
        .gives_nothing()
        .tagged()
        .conditional(),
        Operation::delete(
            "/accounts/{account}/providers/{provider}/shadow",
            "removeShadow",
            "Stops asking the shadow",
            watch::remove_shadow,
        )
        .tagged()
        .conditional(),
        takes_mapping(Operation::post(
            "/accounts/{account}/trials",
            "openTrial",
            "Opens a test link for a draft; whoever follows it logs in without a user or a session",
            trials::open,
        ))
        .gives::<trials::OpenTrial>(201),
        Operation::get(
            "/accounts/{account}/trials/{trial}",
            "getTrial",
            "The trace of a test link's login",
            trials::show,
        )
        .gives::<trials::Trial>(200)
        .refuses(&[409]),
    ]
}

fn of_users() -> Vec<Operation> {
    vec![
        Operation::get(
            "/accounts/{account}/users",
            "listUsers",
            "Lists an account's users",
            users::list,
        )
        .query::<Paging>()
        .gives::<Page<users::ShownUser>>(200),
        Operation::post(
            "/accounts/{account}/users",
            "createUser",
            "Creates a user who has not logged in yet",
            passwords::create,
        )
        .takes::<passwords::NewUser>(json!({ "email": "ada@example.com", "name": "Ada" }))
        .gives::<users::ShownUser>(201)
        .tagged()
        .refuses(&[409]),
        Operation::get(
            "/accounts/{account}/users/{user}",
            "getUser",
            "Shows a user",
            users::show,
        )
        .gives::<users::ShownUser>(200)
        .tagged(),
        Operation::patch(
            "/accounts/{account}/users/{user}",
            "changeUser",
            "Disables a user, whose sessions end then, or says whose email is trusted",
            users::change,
        )
        .takes::<users::Change>(json!({ "disabled": true }))
        .gives::<users::ShownUser>(200)
        .tagged()
        .conditional(),
        Operation::put(
            "/accounts/{account}/users/{user}/password",
            "setPassword",
            "Gives a user a password, for applications with the grant `password`",
            passwords::set,
        )
        .takes::<passwords::Password>(json!({ "password": "difference engine" }))
        .gives_nothing()
        .conditional(),
        Operation::delete(
            "/accounts/{account}/users/{user}/password",
            "removePassword",
            "Takes a user's password away",
            passwords::remove,
        )
        .conditional(),
        Operation::delete(
            "/accounts/{account}/users/{user}/sessions",
            "revokeSessions",
            "Ends all sessions of a user",
            users::revoke_all,
        )
        .gives_instead::<users::Revoked>(200),
        Operation::get(
            "/accounts/{account}/sessions",
            "listSessions",
            "Lists an account's sessions",
            users::sessions,
        )
        .query::<Paging>()
        .gives::<Page<users::Shown>>(200),
        Operation::delete(
            "/accounts/{account}/sessions/{session}",
            "revokeSession",
            "Ends a session",
            users::revoke,
        ),
    ]
}

fn of_the_broker() -> Vec<Operation> {
    let application = json!({
        "name": "Orders",
        "account": "acme",
        "grants": ["client_credentials"],
        "scopes": ["orders"],
    });
    vec![
        Operation::get("/applications", "listApplications", "Lists applications", applications::list)
            .query::<applications::Filter>()
            .gives::<Page<applications::Shown>>(200)
            .refuses(&[404]),
        Operation::post(
            "/applications",
            "createApplication",
            "Creates an application; its secret is shown this once",
            applications::create,
        )
        .takes::<applications::Input>(application.clone())
        .gives::<applications::Shown>(201)
        .tagged()
        .refuses(&[404, 409]),
        Operation::get(
            "/applications/{application}",
            "getApplication",
            "Shows an application",
            applications::show,
        )
        .gives::<applications::Shown>(200)
        .tagged(),
        Operation::put(
            "/applications/{application}",
            "putApplication",
            "Creates an application under this client id, or makes the one there is as described; a secret is taken or made at its creation only",
            applications::put,
        )
        .takes::<applications::Input>(application)
        .gives::<applications::Shown>(200)
        .gives::<applications::Shown>(201)
        .tagged()
        .conditional()
        .refuses(&[409]),
        Operation::patch(
            "/applications/{application}",
            "changeApplication",
            "Changes an application",
            applications::change,
        )
        .takes::<applications::Change>(json!({ "name": "Order service" }))
        .gives::<applications::Shown>(200)
        .tagged()
        .conditional(),
        Operation::delete(
            "/applications/{application}",
            "removeApplication",
            "Removes an application; its tokens end",
            applications::remove,
        )
        .conditional(),
        Operation::post(
            "/applications/{application}/rotate",
            "rotateSecret",
            "Adds a secret, which is shown this once; the old one ends after a while",
            applications::rotate,
        )
        .takes::<applications::Rotation>(json!({ "overlap": "24h" }))
        .gives::<applications::Shown>(200)
        .tagged()
        .conditional(),
        Operation::get("/keys", "listKeys", "Lists signing keys; one tag for all of them", keys::list)
            .query::<Paging>()
            .gives::<Page<keys::Shown>>(200)
            .tagged()
            .refuses(&[409]),
        Operation::post(
            "/keys",
            "importKey",
            "Imports a key, which signs from the next rotation on",
            keys::import,
        )
        .takes::<keys::Import>(json!({ "file": "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCg==", "password": "of the file" }))
        .gives::<keys::Shown>(200)
        .tagged()
        .conditional()
        .refuses(&[409, 422]),
        Operation::post("/keys/prepare", "prepareKey", "Publishes the next key ahead of its use", keys::prepare)
            .gives::<keys::Shown>(200)
            .tagged()
            .conditional()
            .refuses(&[409]),
        Operation::post(
            "/keys/rotate",
            "rotateKeys",
            "Makes the next key the one that signs; the old one verifies until its last token ends",
            keys::rotate,
        )
        .takes::<keys::Rotation>(json!({ "withdraw": false }))
        .body_optional()
        .gives::<keys::Shown>(200)
        .tagged()
        .conditional()
        .refuses(&[409]),
        Operation::get(
            "/keys/{key}",
            "getKey",
            "Shows a key's public part; `active` names the one that signs",
            keys::show,
        )
        .gives::<keys::Shown>(200)
        .tagged(),
        Operation::get("/operators", "listOperators", "Lists operators", operators::list)
            .query::<Paging>()
            .gives::<Page<operators::Shown>>(200),
        Operation::post(
            "/operators",
            "createOperator",
            "Creates an operator; gives the link with which they choose a password",
            operators::create,
        )
        .takes::<operators::New>(json!({ "email": "grace@example.com", "name": "Grace" }))
        .gives::<operators::Invited>(201)
        .tagged()
        .refuses(&[409]),
        Operation::get("/operators/{operator}", "getOperator", "Shows an operator", operators::show)
            .gives::<operators::Shown>(200)
            .tagged(),
        Operation::patch(
            "/operators/{operator}",
            "changeOperator",
            "Changes an operator; a disabled one's sessions end",
            operators::change,
        )
        .takes::<operators::Edit>(json!({ "disabled": true }))
        .gives::<operators::Shown>(200)
        .tagged()
        .conditional(),
        Operation::delete(
            "/operators/{operator}",
            "removeOperator",
            "Removes an operator and ends their sessions",
            operators::remove,
        )
        .conditional(),
        Operation::post(
            "/operators/{operator}/invite",
            "inviteOperator",
            "Makes a link with which an operator chooses another password",
            operators::invite,
        )
        .gives::<operators::Invited>(200)
        .tagged()
        .conditional(),
        Operation::get(
            "/audit",
            "listAudit",
            "The audit log: a page of it, or all of it as JSON lines",
            audit::list,
        )
        .query::<audit::Which>()
        .gives::<Page<Entry>>(200)
        .gives_text(200, "application/jsonl"),
    ]
}

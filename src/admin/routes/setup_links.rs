//! Links by which an account's own people set up its providers.

use serde_json::json;

use crate::admin::route::{Body, Query, Route};
use crate::operation::setup_links::{self, Approval};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(
            "/accounts/{account}/setup-links",
            "listSetupLinks",
            "Lists an account's set-up links, the newest first, with what was handed in by them",
            |call, Query(paging)| async move {
                setup_links::list(&call.ops, &call.caller, call.at("account"), &paging).await
            },
        ),
        Route::post(
            "/accounts/{account}/setup-links",
            "createSetupLink",
            "Makes a link by which somebody sets up the account's providers without being an operator; it is opened once",
            |call, Body(new)| async move {
                setup_links::create(&call.ops, &call.caller, call.at("account"), new).await
            },
        )
        .example(json!({ "name": "Ada at Acme", "days": 7 }))
        .creates()
        .refuses(&[409]),
        Route::get(
            "/accounts/{account}/setup-links/{setup_link}",
            "getSetupLink",
            "Shows a set-up link, with what was handed in by it",
            |call, ()| async move {
                let (account, id) = (call.at("account"), call.at("setup_link"));
                setup_links::show(&call.ops, &call.caller, account, id).await
            },
        ),
        Route::delete(
            "/accounts/{account}/setup-links/{setup_link}",
            "revokeSetupLink",
            "Revokes a set-up link; its session ends at once, and what waits in it is forgotten",
            |call, ()| async move {
                let (account, id) = (call.at("account"), call.at("setup_link"));
                setup_links::revoke(&call.ops, &call.caller, account, id, &call.when).await
            },
        ),
        Route::post(
            "/accounts/{account}/setup-links/{setup_link}/approve",
            "approveHandIn",
            "Applies the mapping that was handed in by a set-up link",
            |call, Query(approval)| async move {
                let approval: Approval = approval;
                let (account, id) = (call.at("account"), call.at("setup_link"));
                let (ops, caller, when) = (&call.ops, &call.caller, &call.when);
                setup_links::approve(ops, caller, account, id, &approval, when).await
            },
        )
        .refuses(&[409, 422, 428]),
        Route::post(
            "/accounts/{account}/setup-links/{setup_link}/send-back",
            "sendBackHandIn",
            "Sends the mapping back that was handed in by a set-up link, with what is to be changed",
            |call, Body(answer)| async move {
                let (account, id) = (call.at("account"), call.at("setup_link"));
                let (ops, caller, when) = (&call.ops, &call.caller, &call.when);
                setup_links::send_back(ops, caller, account, id, answer, when).await
            },
        )
        .example(json!({ "why": "Use the production server." })),
    ]
}

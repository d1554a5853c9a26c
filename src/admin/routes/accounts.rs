//! Accounts and storefronts.

use axum::Json;
use serde_json::json;

use crate::admin::route::{Body, Query, Route};
use crate::operation::accounts::{self, StoreQuery};
use crate::operation::{access_keys, ways};

/// A logo of the documents: a square.
const LOGO: &str = "PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHZpZXdCb3g9IjAgMCA4IDgiPjxyZWN0IHdpZHRoPSI4IiBoZWlnaHQ9IjgiLz48L3N2Zz4=";

#[expect(clippy::too_many_lines, reason = "it is a list")]
pub(super) fn routes() -> Vec<Route> {
    let stores = json!([{ "origin": "https://www.acme.example", "auth_path": "/_auth" }]);
    vec![
        Route::get(
            "/accounts",
            "listAccounts",
            "Lists accounts, or those that are searched for",
            |call, Query(query)| async move { accounts::list(&call.ops, &call.caller, query).await },
        ),
        Route::post(
            "/accounts",
            "createAccount",
            "Creates an account",
            |call, Body(new)| async move { accounts::create(&call.ops, &call.caller, new).await },
        )
        .example(json!({ "id": "acme", "name": "Acme", "stores": stores }))
        .creates()
        .refuses(&[409]),
        Route::get(
            "/accounts/{account}",
            "getAccount",
            "Shows an account",
            |call, ()| async move { accounts::show(&call.ops, &call.caller, call.at("account")).await },
        ),
        Route::put(
            "/accounts/{account}",
            "putAccount",
            "Creates an account, or makes the one there is as described",
            |call, Body(whole)| async move {
                accounts::put(
                    &call.ops,
                    &call.caller,
                    call.at("account"),
                    whole,
                    &call.when,
                )
                .await
            },
        )
        .example(json!({ "name": "Acme", "stores": stores, "color": "#0b5fff" }))
        .may_create()
        .refuses(&[409]),
        Route::patch(
            "/accounts/{account}",
            "changeAccount",
            "Changes an account",
            |call, Body(change)| async move {
                accounts::change(
                    &call.ops,
                    &call.caller,
                    call.at("account"),
                    change,
                    &call.when,
                )
                .await
            },
        )
        .example(json!({ "name": "Acme Stores" })),
        Route::delete(
            "/accounts/{account}",
            "removeAccount",
            "Removes an account with its mappings, users, sessions and applications",
            |call, ()| async move {
                accounts::remove(&call.ops, &call.caller, call.at("account"), &call.when).await
            },
        ),
        Route::put(
            "/accounts/{account}/logo",
            "putLogo",
            "Keeps a logo for an account's pages; gives the account",
            |call, Body(logo)| async move {
                let account = call.at("account");
                accounts::set_logo(&call.ops, &call.caller, account, logo, &call.when).await
            },
        )
        .example(json!({ "image": LOGO })),
        Route::delete(
            "/accounts/{account}/logo",
            "removeLogo",
            "Removes the logo that is kept for an account's pages; gives the account",
            |call, ()| async move {
                let account = call.at("account");
                accounts::remove_logo(&call.ops, &call.caller, account, &call.when).await
            },
        ),
        Route::get(
            "/accounts/{account}/blocked",
            "listBlockedAddresses",
            "Lists addresses that get no codes for a while, since too many wrong ones were typed for them",
            |call, Query(paging)| async move {
                access_keys::list(&call.ops, &call.caller, call.at("account"), paging).await
            },
        ),
        Route::delete(
            "/accounts/{account}/blocked/{address}",
            "unblockAddress",
            "Lets an address get codes again",
            |call, ()| async move {
                access_keys::unblock(
                    &call.ops,
                    &call.caller,
                    call.at("account"),
                    call.at("address"),
                )
                .await
            },
        )
        .unconditional(),
        Route::get(
            "/accounts/{account}/ways",
            "listWays",
            "Lists an account's ways to log in, in their order, and when each was last used",
            |call, Query(paging)| async move {
                ways::list(&call.ops, &call.caller, call.at("account"), &paging).await
            },
        ),
        Route::delete(
            "/accounts/{account}/ways/{way}/sessions",
            "endSessionsOfWay",
            "Ends all sessions that a way to log in began, with what was granted in them",
            |call, ()| async move {
                let (account, way) = (call.at("account"), call.at("way"));
                let ended = ways::end_sessions(&call.ops, &call.caller, account, way);
                ended.await.map(Json)
            },
        )
        .unconditional(),
        Route::get(
            "/accounts/{account}/stores",
            "listStores",
            "Lists an account's storefronts, or those that are searched for",
            |call, Query(query)| async move {
                accounts::stores(&call.ops, &call.caller, call.at("account"), query).await
            },
        )
        .tagged(),
        Route::put(
            "/accounts/{account}/stores",
            "putStore",
            "Adds a storefront, or gives the one at this origin another path; gives the account",
            |call, Body(store)| async move {
                accounts::put_store(
                    &call.ops,
                    &call.caller,
                    call.at("account"),
                    store,
                    &call.when,
                )
                .await
            },
        )
        .example(json!({ "origin": "https://shop.acme.example" }))
        .refuses(&[409]),
        Route::delete(
            "/accounts/{account}/stores",
            "removeStore",
            "Removes a storefront; gives the account",
            |call, Query(StoreQuery { origin })| async move {
                accounts::remove_store(
                    &call.ops,
                    &call.caller,
                    call.at("account"),
                    &origin,
                    &call.when,
                )
                .await
            },
        ),
    ]
}

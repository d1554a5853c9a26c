//! Users, their passwords and their sessions.

use axum::Json;
use axum::http::Method;
use serde_json::json;

use crate::admin::paging::Page;
use crate::admin::route::{Body, Query, Route};
use crate::admin::{consents, grants, users};
use crate::operation::{logins, passwords, users as people};

#[expect(clippy::too_many_lines, reason = "it is a list")]
pub(super) fn operations() -> Vec<Route> {
    vec![
        Route::get(
            "/accounts/{account}/users",
            "listUsers",
            "Lists an account's users, or those that are searched for",
            |call, Query(query)| async move {
                people::list(&call.ops, &call.caller, call.at("account"), query).await
            },
        ),
        Route::post(
            "/accounts/{account}/users",
            "createUser",
            "Creates a user who has not logged in yet",
            |call, Body(new)| async move {
                people::create(&call.ops, &call.caller, call.at("account"), new).await
            },
        )
        .creates()
        .example(json!({ "email": "ada@example.com", "name": "Ada" }))
        .refuses(&[409]),
        Route::post(
            "/accounts/{account}/users/import",
            "importUsers",
            "Creates users of another system, 500 at most, or says what would become of them",
            |call, Body(users)| async move {
                let report = people::import(&call.ops, &call.caller, call.at("account"), users);
                report.await.map(Json)
            },
        )
        .example(json!({ "users": [{
            "email": "grace@example.com",
            "name": "Grace",
            "links": [{ "provider": "acme", "user_id": "9007" }],
        }] })),
        Route::get(
            "/accounts/{account}/users/{user}",
            "getUser",
            "Shows a user",
            |call, ()| async move {
                let (account, user) = (call.at("account"), call.at("user"));
                people::show(&call.ops, &call.caller, account, user).await
            },
        ),
        Route::patch(
            "/accounts/{account}/users/{user}",
            "changeUser",
            "Disables a user, whose sessions end then, or says whose email is trusted",
            |call, Body(change)| async move {
                let place = (call.at("account"), call.at("user"));
                people::change(&call.ops, &call.caller, place, change, &call.when).await
            },
        )
        .example(json!({ "disabled": true })),
        Route::delete(
            "/accounts/{account}/users/{user}",
            "deleteUser",
            "Removes a user with links, password, sessions and grants; the audit log keeps the id",
            |call, ()| async move {
                let place = (call.at("account"), call.at("user"));
                people::delete(&call.ops, &call.caller, place, &call.when).await
            },
        ),
        Route::get(
            "/accounts/{account}/users/{user}/export",
            "exportUser",
            "Gives all that is kept of a user",
            |call, ()| async move {
                let (account, user) = (call.at("account"), call.at("user"));
                people::detail(&call.ops, &call.caller, account, user).await
            },
        ),
        Route::delete(
            "/accounts/{account}/users/{user}/links",
            "unlinkUser",
            "Takes a link with a provider from a user, whose sessions and grants end",
            |call, Query(link)| async move {
                let place = (call.at("account"), call.at("user"));
                people::unlink(&call.ops, &call.caller, place, link, &call.when).await
            },
        ),
        Route::post(
            "/accounts/{account}/users/{user}/reverify",
            "reverifyUser",
            "Has a user prove their email again; their sessions and grants end",
            |call, ()| async move {
                let place = (call.at("account"), call.at("user"));
                people::reverify(&call.ops, &call.caller, place, &call.when).await
            },
        ),
        Route::put(
            "/accounts/{account}/users/{user}/password",
            "setPassword",
            "Gives a user a password, for applications with the grant `password`",
            |call, Body(password)| async move {
                let place = (call.at("account"), call.at("user"));
                people::set_password(&call.ops, &call.caller, place, password, &call.when).await
            },
        )
        .example(json!({ "password": "difference engine" })),
        Route::delete(
            "/accounts/{account}/users/{user}/password",
            "removePassword",
            "Takes a user's password away",
            |call, ()| async move {
                let place = (call.at("account"), call.at("user"));
                people::remove_password(&call.ops, &call.caller, place, &call.when).await
            },
        ),
        Route::post(
            "/accounts/{account}/users/{user}/password/expire",
            "expirePassword",
            "Lets a user's password count no more until they chose another one",
            |call, ()| async move {
                let (account, user) = (call.at("account"), call.at("user"));
                passwords::expire(&call.ops, &call.caller, account, user).await
            },
        )
        .unconditional(),
        Route::delete(
            "/accounts/{account}/users/{user}/sessions",
            "revokeSessions",
            "Ends all sessions of a user",
            |call, ()| async move {
                let (account, user) = (call.at("account"), call.at("user"));
                let ended = people::revoke_sessions(&call.ops, &call.caller, account, user);
                ended.await.map(Json)
            },
        ),
        Route::get(
            "/accounts/{account}/logins",
            "listLogins",
            "Lists an account's logins, the newest first, or those that are searched for",
            |call, Query(query)| async move {
                logins::list(&call.ops, &call.caller, call.at("account"), query).await
            },
        ),
        Route::get(
            "/logins/{login}",
            "getLogin",
            "Finds a login by its support id, in whichever account it was",
            |call, ()| async move {
                let found = logins::find(&call.ops, &call.caller, call.at("login"));
                found.await.map(Json)
            },
        ),
        Route::get(
            "/accounts/{account}/sessions",
            "listSessions",
            "Lists an account's sessions, or those of one user",
            |call, Query(query)| async move {
                people::sessions(&call.ops, &call.caller, call.at("account"), query).await
            },
        ),
        Route::handled(
            Method::DELETE,
            "/accounts/{account}/sessions/{session}",
            "revokeSession",
            "Ends a session",
            users::revoke,
        ),
        Route::handled(
            Method::GET,
            "/accounts/{account}/grants",
            "listGrants",
            "Lists what users granted to applications, while a token of it lives",
            grants::list,
        )
        .query::<grants::Filter>()
        .gives::<Page<grants::GrantView>>(200),
        Route::handled(
            Method::DELETE,
            "/accounts/{account}/grants",
            "revokeGrants",
            "Ends all grants of a user, to an application, or of one to the other",
            grants::revoke_all,
        )
        .query::<grants::Whose>()
        .gives_instead::<grants::Revoked>(200),
        Route::handled(
            Method::DELETE,
            "/accounts/{account}/grants/{grant}",
            "revokeGrant",
            "Ends a grant: its refresh and access tokens",
            grants::revoke,
        ),
        Route::handled(
            Method::GET,
            "/accounts/{account}/consents",
            "listConsents",
            "Lists what users allowed applications that have to ask",
            consents::list,
        )
        .query::<grants::Filter>()
        .gives::<Page<consents::ConsentView>>(200),
        Route::handled(
            Method::DELETE,
            "/accounts/{account}/consents",
            "withdrawConsent",
            "Takes a user's consent to an application back; what it gave ends",
            consents::withdraw,
        )
        .query::<consents::Which>(),
    ]
}

//! Users, their passwords and their sessions.

use axum::Json;
use axum::http::Method;
use serde_json::json;

use crate::admin::paging::{Page, Paging};
use crate::admin::route::{Body, Query, Route};
use crate::admin::{grants, passwords, users};
use crate::operation::passwords as people_passwords;
use crate::operation::users::{self as people, UserView};

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
        Route::handled(
            Method::POST,
            "/accounts/{account}/users",
            "createUser",
            "Creates a user who has not logged in yet",
            passwords::create,
        )
        .takes::<passwords::NewUser>(json!({ "email": "ada@example.com", "name": "Ada" }))
        .gives::<UserView>(201)
        .tagged()
        .refuses(&[409]),
        Route::get(
            "/accounts/{account}/users/{user}",
            "getUser",
            "Shows a user",
            |call, ()| async move {
                let (account, user) = (call.at("account"), call.at("user"));
                people::show(&call.ops, &call.caller, account, user).await
            },
        ),
        Route::handled(
            Method::PATCH,
            "/accounts/{account}/users/{user}",
            "changeUser",
            "Disables a user, whose sessions end then, or says whose email is trusted",
            users::change,
        )
        .takes::<users::Change>(json!({ "disabled": true }))
        .gives::<UserView>(200)
        .tagged()
        .conditional(),
        Route::handled(
            Method::PUT,
            "/accounts/{account}/users/{user}/password",
            "setPassword",
            "Gives a user a password, for applications with the grant `password`",
            passwords::set,
        )
        .takes::<passwords::Password>(json!({ "password": "difference engine" }))
        .gives_nothing()
        .conditional(),
        Route::handled(
            Method::DELETE,
            "/accounts/{account}/users/{user}/password",
            "removePassword",
            "Takes a user's password away",
            passwords::remove,
        )
        .conditional(),
        Route::post(
            "/accounts/{account}/users/{user}/password/expire",
            "expirePassword",
            "Lets a user's password count no more until they chose another one",
            |call, ()| async move {
                let (account, user) = (call.at("account"), call.at("user"));
                people_passwords::expire(&call.ops, &call.caller, account, user).await
            },
        )
        .unconditional(),
        Route::post(
            "/accounts/{account}/users/import",
            "importUsers",
            "Moves people of another system in, with what their passwords hash to there; at most 500 at once",
            |call, Body(people)| async move {
                let account = call.at("account");
                people_passwords::import(&call.ops, &call.caller, account, people)
                    .await
                    .map(Json)
            },
        )
        .example(json!({ "users": [{
            "email": "grace@example.com",
            "name": "Grace",
            "password_hash": "$2b$04$abcdefghijklmnopqrstuughE8Ev8uGFaUgY2cNEySvxngrb/Jzdm",
        }] })),
        Route::handled(
            Method::DELETE,
            "/accounts/{account}/users/{user}/sessions",
            "revokeSessions",
            "Ends all sessions of a user",
            users::revoke_all,
        )
        .gives_instead::<users::Revoked>(200),
        Route::handled(
            Method::GET,
            "/accounts/{account}/sessions",
            "listSessions",
            "Lists an account's sessions",
            users::sessions,
        )
        .query::<Paging>()
        .gives::<Page<users::SessionView>>(200),
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
    ]
}

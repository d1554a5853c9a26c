//! Users, their passwords and their sessions.

use serde_json::json;

use crate::admin::operation::Operation;
use crate::admin::paging::{Page, Paging};
use crate::admin::{passwords, users};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(
            "/accounts/{account}/users",
            "listUsers",
            "Lists an account's users",
            users::list,
        )
        .query::<Paging>()
        .gives::<Page<users::UserView>>(200),
        Operation::post(
            "/accounts/{account}/users",
            "createUser",
            "Creates a user who has not logged in yet",
            passwords::create,
        )
        .takes::<passwords::NewUser>(json!({ "email": "ada@example.com", "name": "Ada" }))
        .gives::<users::UserView>(201)
        .tagged()
        .refuses(&[409]),
        Operation::get(
            "/accounts/{account}/users/{user}",
            "getUser",
            "Shows a user",
            users::show,
        )
        .gives::<users::UserView>(200)
        .tagged(),
        Operation::patch(
            "/accounts/{account}/users/{user}",
            "changeUser",
            "Disables a user, whose sessions end then, or says whose email is trusted",
            users::change,
        )
        .takes::<users::Change>(json!({ "disabled": true }))
        .gives::<users::UserView>(200)
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
        .gives::<Page<users::SessionView>>(200),
        Operation::delete(
            "/accounts/{account}/sessions/{session}",
            "revokeSession",
            "Ends a session",
            users::revoke,
        ),
    ]
}

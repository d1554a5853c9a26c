//! The interface of VTEX ID, for stores whose front end speaks it: below the store's
//! own `/api/vtexid/`, where the account has `vtex_compatible` on.
//!
//! | file | addresses below `/api/vtexid` |
//! |---|---|
//! | `start` | `pub/authentication/start`, `startlogin`, `providers` |
//! | `validate` | `pub/authentication/accesskey/…`, `classic/…` |
//! | `oauth` | `pub/authentication/oauth/redirect`, `oauth/finish` |
//! | `exchange` | `audience/webstore/provider/oauth/exchange` |
//! | `who` | `pub/authenticated/user`, `user/info`, `credential/validate` and the like |
//! | `program` | `toolbelt/…`, and the login page that the command line of VTEX IO opens |
//! | `sessions` | `refreshtoken/…`, `pub/logout`, `sessions` |
//! | `machines` | `apptoken/login` |
//! | `session_manager` | not below it: `/api/sessions` |
//!
//! What clients send is read in all the forms in which they send it (`front`); what
//! they read is as they read it (`answer`). Two things differ on purpose: no address
//! ever has a token in it, and every address to go back to is checked.

mod answer;
mod exchange;
mod front;
mod machines;
mod oauth;
mod program;
mod session_manager;
mod sessions;
mod start;
mod validate;
mod who;

use axum::Router;
use axum::routing::{MethodRouter, get, post};

pub(super) use self::answer::set_cookies;
pub(super) use self::oauth::error_page;
use super::{Shared, method_not_allowed};

/// The methods of an address.
type Methods = fn() -> MethodRouter<Shared>;

/// The addresses, at the root for stores' own hosts and below an account for proxies
/// that name it.
pub(super) fn router() -> Router<Shared> {
    let routes: [(&str, Methods); 30] = [
        ("vtexid/pub/authentication/start", || {
            get(start::start).post(start::start)
        }),
        ("authenticator/v1/pub/authentication/start", || {
            post(start::start_login)
        }),
        ("vtexid/pub/authentication/startlogin", || {
            post(start::start_login)
        }),
        ("vtexid/pub/authentication/providers", || {
            get(start::providers)
        }),
        ("vtexid/pub/authentication/accesskey/send", || {
            post(validate::send)
                .get(validate::send)
                .head(method_not_allowed)
        }),
        ("vtexid/pub/authentication/accesskey/validate", || {
            post(validate::access_key)
                .get(validate::access_key)
                .head(method_not_allowed)
        }),
        ("vtexid/pub/authentication/classic/validate", || {
            post(validate::classic)
        }),
        ("vtexid/pub/authentication/classic/setpassword", || {
            post(validate::set_password)
        }),
        (
            "authenticator/v1/pub/authentication/classic/setpassword",
            || post(validate::set_password),
        ),
        ("vtexid/pub/authentication/oauth/redirect", || {
            get(oauth::redirect_to_provider).head(method_not_allowed)
        }),
        ("vtexid/oauth/finish", || get(oauth::finish)),
        ("vtexid/pub/authentication/finish", || get(oauth::finish)),
        ("vtexid/pub/authentication/redirect", || get(oauth::back)),
        ("vtexid/pub/authenticated/user", || get(who::user)),
        ("vtexid/user/info", || get(who::info)),
        ("vtexid/pvt/user/detailedinfo", || get(who::details)),
        ("vtexid/pub/authentication/userpreference", || {
            get(who::preference)
        }),
        ("vtexid/user/password/quickset", || {
            post(validate::first_password)
        }),
        ("vtexid/toolbelt/start", || post(program::start)),
        ("vtexid/toolbelt/callback", || {
            get(program::ask)
                .post(program::answered)
                .head(method_not_allowed)
        }),
        ("vtexid/toolbelt/validate", || post(program::validate)),
        ("vtexid/refreshtoken/admin", || {
            post(sessions::refresh_program)
        }),
        ("vtexid/credential/validate", || post(who::validate)),
        ("vtexid/apptoken/login", || post(machines::log_in)),
        ("vtexid/audience/webstore/provider/oauth/exchange", || {
            post(exchange::exchange)
        }),
        ("sessions", || {
            get(session_manager::read)
                .post(session_manager::write)
                .patch(session_manager::write)
        }),
        ("vtexid/refreshtoken/webstore", || post(sessions::refresh)),
        ("vtexid/pub/logout", || {
            get(sessions::logout).head(method_not_allowed)
        }),
        ("vtexid/sessions", || get(sessions::list)),
        ("vtexid/sessions/{session}/revoke", || {
            post(sessions::revoke)
        }),
    ];
    let mut router = Router::new();
    for base in ["/api", "/accounts/{account}/api"] {
        for (path, methods) in routes {
            router = router.route(&format!("{base}/{path}"), methods());
        }
    }
    for base in ["", "/accounts/{account}"] {
        let path = format!("{base}/_v/private/auth-server/v1/login");
        router = router.route(&path, get(program::log_in));
    }
    router
}

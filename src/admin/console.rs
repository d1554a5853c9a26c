//! The console at `/admin/`: pages over the admin API.
//!
//! What a page changes, it changes through the API's own routes, called in this
//! process in the operator's name: one set of rules, one audit log. Pages work
//! without scripts; `console.js` adds live previews and rows. Secrets never
//! reach a page: drafts keep them on this side.

mod accounts;
mod activity;
mod api;
mod application_policy;
mod applications;
mod arrival;
mod branding;
mod chart;
mod confirm;
mod device;
mod domains;
mod door;
mod draft;
mod edit;
mod editor;
mod expect;
mod explain;
mod fields;
mod form_token;
mod forms;
mod guard;
mod guest;
mod keys;
mod known;
mod lists;
mod log;
mod logins;
mod markup;
mod merge;
mod messages;
mod once;
mod people;
mod people_import;
mod profile;
mod proofs;
mod provider_sign_in;
mod providers;
mod resume;
mod review;
mod rights;
mod screens;
mod second_factor;
mod second_step;
mod sentences;
mod sessions;
mod settings;
mod setup;
mod setup_links;
mod shadow;
mod sign_in;
mod start;
mod stores;
mod trials;
mod view;
mod ways;
mod ways_screen;
mod wizard;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any, get, post};

use self::api::Api;
use super::Admin;
use crate::http::Shared;
use crate::operator::Operators;

/// What the pages work with.
struct Console {
    admin: Admin,
    app: Shared,
    api: Api,
    operators: Operators,
    /// The origin that browsers see.
    origin: String,
}

type State = axum::extract::State<Arc<Console>>;

/// The console of a broker.
pub fn router(admin: Admin, app: &Shared) -> Router {
    let console = Arc::new(Console {
        api: Api::new(super::routes(admin.clone())),
        operators: Operators::new(Arc::clone(&admin.store), Arc::clone(&admin.clock)),
        origin: app.logins.public_url.clone(),
        app: Shared::clone(app),
        admin,
    });
    let pages = Router::new()
        .route("/admin/", get(accounts::list).post(accounts::create))
        .route("/admin/applications", get(applications::list))
        .route(
            "/admin/new-application",
            get(applications::ask).post(applications::create),
        )
        .route(
            "/admin/applications/{application}",
            get(applications::show).post(applications::change),
        )
        .route(
            "/admin/applications/{application}/rotate",
            post(applications::rotate),
        )
        .route(
            "/admin/applications/{application}/remove",
            post(applications::remove),
        )
        .route("/admin/keys", get(keys::list))
        .route("/admin/keys/prepare", post(keys::prepare))
        .route("/admin/keys/rotate", post(keys::rotate))
        .route("/admin/keys/import", post(keys::import))
        .route("/admin/keys/{kid}/certificate.pem", get(keys::certificate))
        .route("/admin/keys/{kid}/public.pem", get(keys::public))
        .route("/admin/operators", get(log::operators).post(log::invite))
        .route("/admin/operators/change", post(log::change_operator))
        .route("/admin/operators/sign-out", post(sessions::end))
        .route("/admin/audit", get(log::audit))
        .route("/admin/audit.jsonl", get(log::export))
        .nest("/admin/accounts/{account}", account_pages())
        .merge(own_pages())
        .route("/admin/{*rest}", any(view::nothing))
        .layer(from_fn_with_state(Arc::clone(&console), once::only))
        .layer(from_fn_with_state(Arc::clone(&console), door::signed_in));
    signed_out_pages(&console)
        .merge(pages)
        .layer(DefaultBodyLimit::max(super::MAX_BODY))
        .layer(from_fn_with_state(Arc::clone(&console), door::spoken))
        .with_state(console)
}

/// The pages of an account.
fn account_pages() -> Router<Arc<Console>> {
    let provider = Router::new()
        .route("/", get(providers::show))
        .route("/edit", post(start::edit))
        .route("/rollback", post(providers::rollback))
        .route("/remove", post(providers::remove))
        .route("/forget-drift", post(providers::forget_drift))
        .route("/diff", get(providers::diff))
        .route("/shadow", get(shadow::show).post(shadow::set))
        .route("/shadow/promote", post(shadow::promote))
        .route("/shadow/remove", post(shadow::remove))
        .route("/trial", post(trials::open_applied));
    let draft = Router::new()
        .route("/", get(wizard::first_step))
        .route("/toml", get(editor::toml).post(editor::save_toml))
        .route("/review", get(review::review))
        .route("/apply", post(review::apply))
        .route("/hand-in", post(setup::hand_in))
        .route("/discard", post(review::discard))
        .route("/adopt", post(explain::adopt))
        .route("/trial", post(trials::open_draft))
        .route("/shadow", post(shadow::of_draft))
        .route("/{step}", get(wizard::step).post(wizard::save))
        .route("/{step}/preview", post(wizard::preview));
    let setup_link = Router::new()
        .route("/", get(setup_links::show))
        .route("/approve", post(setup_links::approve))
        .route("/send-back", post(setup_links::send_back))
        .route("/revoke", post(setup_links::revoke));
    Router::new()
        .route("/", get(accounts::show))
        .route("/setup", get(setup::home_page))
        .route("/domains", post(domains::begin))
        .route("/domains/check", post(domains::check))
        .route("/domains/lead", post(domains::lead))
        .route("/domains/remove", post(domains::remove))
        .route("/setup-links", post(setup_links::create))
        .nest("/setup-links/{setup_link}", setup_link)
        .route("/settings", get(settings::show).post(settings::change))
        .route("/branding", get(branding::show).post(branding::change))
        .route("/branding/logo", post(branding::upload))
        .route("/branding/logo/remove", post(branding::remove))
        .route("/activity", get(activity::show))
        .route("/activity/changes", get(activity::changes))
        .route("/ways/switch", post(ways::switch))
        .route("/ways/move", post(ways::shift))
        .route("/ways/passwords", post(ways::passwords))
        .route("/ways/email-first", post(ways::email_first))
        .route("/ways/domains", post(ways::domain))
        .route(
            "/application-policy",
            get(application_policy::show).post(application_policy::change),
        )
        .route("/messages", get(messages::show))
        .route("/messages/from", post(messages::from))
        .route("/messages/text", post(messages::text))
        .route("/messages/sample", post(messages::sample))
        .route("/messages/unblock", post(messages::unblock))
        .route("/stores", get(stores::list).post(stores::add))
        .route("/stores/remove", post(stores::remove))
        .route("/remove", post(settings::remove))
        .route("/new", get(start::choose).post(start::begin))
        .route("/new/{entry}", get(known::ask).post(known::begin))
        .nest("/providers/{provider}", provider)
        .nest("/drafts/{draft}", draft)
        .route("/trials/{trial}", get(trials::show))
        .route("/users", get(people::users).post(people_import::create))
        .route(
            "/users/import",
            get(people_import::ask).post(people_import::import),
        )
        .route("/users/{user}", get(people::user))
        .route("/users/{user}/export.json", get(people::export))
        .route("/users/delete", post(people::delete))
        .route("/users/unlink", post(people::unlink))
        .route("/users/reverify", post(people::reverify))
        .route("/users/change", post(people::change))
        .route("/users/revoke", post(people::revoke_all))
        .route("/logins", get(logins::list))
        .route("/sessions", get(people::sessions))
        .route("/sessions/revoke", post(people::revoke))
        .route("/grants", get(people::grants))
        .route("/grants/revoke", post(people::revoke_grant))
        .route("/consents/revoke", post(people::withdraw_consent))
}

/// What is an operator's own, whatever their role.
fn own_pages() -> Router<Arc<Console>> {
    Router::new()
        .route("/admin/logout", post(sign_in::log_out))
        .route("/admin/session", get(door::session))
        .route("/admin/profile", get(profile::show).post(profile::change))
        .route("/admin/profile/password", post(profile::change_password))
        .route("/admin/profile/sign-out", post(profile::sign_out))
        .route("/admin/profile/second-factor", get(second_factor::show))
        .route(
            "/admin/profile/second-factor/begin",
            post(second_factor::begin),
        )
        .route(
            "/admin/profile/second-factor/confirm",
            post(second_factor::confirm),
        )
        .route(
            "/admin/profile/second-factor/change",
            post(second_factor::change),
        )
        .route("/admin/device", get(device::ask).post(device::decide))
}

/// What is there for who is not logged in.
fn signed_out_pages(console: &Arc<Console>) -> Router<Arc<Console>> {
    Router::new()
        .route("/admin", get(sign_in::to_console))
        .route("/admin/login", get(sign_in::ask).post(sign_in::log_in))
        .route(
            "/admin/login/code",
            get(second_step::ask).post(second_step::finish),
        )
        .route(
            "/admin/login/start",
            get(provider_sign_in::start).head(view::no_head),
        )
        .route(
            "/admin/login/finish",
            // What looks at links with HEAD must not use up a ticket.
            get(provider_sign_in::finish).head(view::no_head),
        )
        .route(
            "/admin/welcome",
            get(sign_in::welcome).post(sign_in::accept),
        )
        .route("/admin/setup", get(setup::ask).post(setup::open))
        .route("/", get(sign_in::to_console))
        .route("/admin/favicon.svg", get(view::icon))
        .route("/admin/console.css", get(view::css))
        .route("/admin/console.js", get(view::js))
        .layer(from_fn_with_state(Arc::clone(console), once::only))
        .layer(from_fn(guard::signed_out))
}

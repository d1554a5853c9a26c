//! The pages. They work without scripts, with a keyboard, in light and in dark.

use hyper::StatusCode;

use crate::answer::Answer;
use crate::config::Config;
use crate::format::escape;
use crate::state::Shared;

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c2430;--soft:#566070;--paper:#fff;--ground:#eef1f5;\
--line:#8691a1;--strong:#1f5fbf;--on-strong:#fff;--bad:#a3141e;--bad-ground:#fdecec}\
@media(prefers-color-scheme:dark){:root{--ink:#e7ebf1;--soft:#a9b4c4;--paper:#1b222c;\
--ground:#11161d;--line:#6b7789;--strong:#8ab8ff;--on-strong:#0c1a2e;--bad:#ffb3b3;\
--bad-ground:#3b1a1d}}\
*{box-sizing:border-box}\
body{margin:0;padding:2rem 1rem;background:var(--ground);color:var(--ink);\
font:1rem/1.5 system-ui,sans-serif}\
main{max-width:26rem;margin:0 auto;padding:1.75rem;background:var(--paper);border-radius:.75rem;\
box-shadow:0 1px 3px rgb(0 0 0/.2)}\
h1{margin:.25rem 0 1rem;font-size:1.6rem;line-height:1.2}\
h2{margin:2rem 0 .5rem;font-size:1rem}\
p{margin:0 0 1rem;overflow-wrap:anywhere}\
.brand{margin:0;color:var(--soft);font-size:.9rem}\
label{display:block;margin:1rem 0 .25rem;font-weight:600}\
input{width:100%;padding:.6rem .7rem;border:1px solid var(--line);border-radius:.4rem;\
background:transparent;color:inherit;font:inherit}\
.row{display:flex;gap:.75rem;margin-top:1.5rem}\
button{flex:1;padding:.65rem 1rem;border:1px solid var(--strong);border-radius:.4rem;\
background:transparent;color:var(--strong);font:inherit;font-weight:600;cursor:pointer}\
button.first{background:var(--strong);color:var(--on-strong)}\
:focus-visible{outline:3px solid var(--strong);outline-offset:2px}\
.message{padding:.6rem .8rem;border-radius:.4rem;background:var(--bad-ground);color:var(--bad)}\
table{width:100%;border-collapse:collapse;font-size:.95rem}\
th,td{padding:.3rem .5rem .3rem 0;text-align:left;border-bottom:1px solid var(--ground)}\
a{color:var(--strong)}code{overflow-wrap:anywhere}";

/// What the login form shows.
pub(crate) struct LoginPage<'a> {
    pub(crate) client_id: &'a str,
    /// The authorization request, as it travels through the form.
    pub(crate) request: &'a str,
    pub(crate) username: &'a str,
    pub(crate) message: Option<&'a str>,
}

/// The login form.
pub(crate) fn login(config: &Config, page: &LoginPage<'_>) -> Answer {
    let message = page.message.map_or(String::new(), |text| {
        format!("<p class=\"message\" role=\"alert\">{}</p>", escape(text))
    });
    // The cursor goes to what is still to be typed.
    let (first, second) = if page.username.is_empty() {
        (" autofocus", "")
    } else {
        ("", " autofocus")
    };
    let body = format!(
        "<h1>Sign in</h1>\
         <p>to continue to <strong>{client}</strong></p>{message}\
         <form method=\"post\" action=\"login\">\
         <input type=\"hidden\" name=\"request\" value=\"{request}\">\
         <label for=\"username\">User name</label>\
         <input id=\"username\" name=\"username\" value=\"{username}\" autocomplete=\"username\" \
         autocapitalize=\"none\" spellcheck=\"false\" required{first}>\
         <label for=\"password\">Password</label>\
         <input id=\"password\" name=\"password\" type=\"password\" \
         autocomplete=\"current-password\" required{second}>\
         <div class=\"row\">\
         <button class=\"first\" type=\"submit\">Sign in</button>\
         <button type=\"submit\" name=\"action\" value=\"deny\" formnovalidate>Deny</button>\
         </div></form>{accounts}",
        client = escape(page.client_id),
        request = escape(page.request),
        username = escape(page.username),
        accounts = accounts(config),
    );
    Answer::html(StatusCode::OK, document("Sign in", &body))
}

/// The test accounts as a table.
fn accounts(config: &Config) -> String {
    let rows = config
        .accounts
        .iter()
        .map(|account| {
            let (name, password) = (escape(&account.username), escape(&account.password));
            format!("<tr><td><code>{name}</code></td><td><code>{password}</code></td></tr>")
        })
        .collect::<Vec<_>>()
        .concat();
    format!(
        "<h2 id=\"accounts\">Test accounts</h2><table aria-labelledby=\"accounts\"><thead><tr>\
         <th scope=\"col\">User name</th><th scope=\"col\">Password</th></tr></thead>\
         <tbody>{rows}</tbody></table>"
    )
}

/// An error that must not be sent on to anybody.
pub(crate) fn error(status: StatusCode, text: &str) -> Answer {
    let body = format!(
        "<h1>This sign-in can’t go on</h1><p class=\"message\" role=\"alert\">{}</p>\
         <p>The application that sent you here made a mistake. Go back to it and try again.</p>",
        escape(text)
    );
    Answer::html(status, document("Error", &body))
}

/// "You are signed out."
pub(crate) fn logged_out() -> Answer {
    let body = "<h1>You are signed out</h1><p>This browser is forgotten here.</p>";
    Answer::html(StatusCode::OK, document("Signed out", body))
}

/// The answer of `response_mode=form_post`: a form that sends itself, or by its button.
pub(crate) fn form_post(action: &str, pairs: &[(String, String)]) -> Answer {
    let fields = pairs
        .iter()
        .map(|(name, value)| {
            let (name, value) = (escape(name), escape(value));
            format!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">")
        })
        .collect::<Vec<_>>()
        .concat();
    let body = format!(
        "<h1>Almost there</h1><p>Your browser returns to the application.</p>\
         <form method=\"post\" action=\"{}\">{fields}<div class=\"row\">\
         <button class=\"first\" type=\"submit\">Continue</button></div></form>\
         <script>document.forms[0].submit()</script>",
        escape(action)
    );
    Answer::html(StatusCode::OK, document("Continue", &body))
}

/// The start page: what is here.
pub(crate) fn index(shared: &Shared, config: &Config) -> Answer {
    let endpoints = crate::openid::endpoints(config)
        .iter()
        .map(|path| format!("<li><code>{}{path}</code></li>", escape(&shared.origin)))
        .collect::<Vec<_>>()
        .concat();
    let body = format!(
        "<h1>A provider to test with</h1><p>Clients send people to the authorization endpoint; \
         they sign in with one of the accounts below.</p><h2>Endpoints</h2><ul>{endpoints}</ul>{}\
         <h2>This browser</h2><p><a href=\"logout\">Sign out</a></p>",
        accounts(config)
    );
    Answer::html(StatusCode::OK, document("Endpoints", &body))
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title} – Mock IdP</title><link rel=\"icon\" href=\"data:,\">\
         <style>{STYLE}</style></head><body><main>\
         <p class=\"brand\">Mock Identity Provider</p>{body}</main></body></html>\n"
    )
}

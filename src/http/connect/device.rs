//! The device grant (RFC 8628): where programs ask, and the page where people type the
//! code that a program shows.
//!
//! The page looks nothing up until it is posted, so that no link tries codes. Whoever
//! types a code logs in at the account whose application asks, sees what it asks for,
//! and says yes or no. What operators decide is decided in the console.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;

use super::answer::{BrokerOrigin, page};
use super::{address, answered, authorization as header_of, form};
use crate::account;
use crate::authority::OAuthError;
use crate::authority::client::Credentials;
use crate::authority::device::{Decision, DeviceAsk, UserCodeError};
use crate::base::digest;
use crate::http::failure::encode;
use crate::http::pages::{Ask, DeviceEnd, DevicePage, DeviceWrong, Lang, LangLink, Look};
use crate::http::server::ClientAddress;
use crate::http::site::{accept_language, from_page_at, html, look};
use crate::http::{App, Shared, redirect};
use crate::login::ReturnTo;
use crate::protocol::form::Pairs;

/// The longest text that is shown in the code's field again.
const MAX_SHOWN: usize = 20;

/// `POST /connect/device_authorization` (RFC 8628 §3.1)
pub(super) async fn authorization(
    State(app): State<Shared>,
    client: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let apart = client.as_ref().and_then(|Extension(client)| client.apart());
    let from = address(client);
    let result = async {
        let form = form(&headers, body)?;
        let credentials = Credentials::read(header_of(&headers)?, &form)?;
        let application = app.authority.authenticate(&credentials, from).await?;
        app.authority
            .device_authorization(&application, &form, apart)
            .await
    };
    answered(result.await)
}

/// `GET /connect/device`: the page for the code (RFC 8628 §3.3).
pub(super) async fn ask(State(app): State<Shared>, uri: Uri, headers: HeaderMap) -> Response {
    let query = Pairs::parse(uri.query().unwrap_or_default()).unwrap_or_default();
    let lang = Lang::choose(query.get("lang"), accept_language(&headers));
    let code = query.get("user_code").unwrap_or_default();
    code_page(&app, lang, code, None)
}

fn code_page(app: &App, lang: Lang, code: &str, wrong: Option<DeviceWrong>) -> Response {
    let code: String = code
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .take(MAX_SHOWN)
        .collect();
    let status = match wrong {
        None => StatusCode::OK,
        Some(DeviceWrong::Unknown) => StatusCode::UNPROCESSABLE_ENTITY,
        Some(DeviceWrong::TooMany) => StatusCode::TOO_MANY_REQUESTS,
    };
    let langs = Lang::ALL.map(|lang| LangLink {
        lang,
        href: format!("device?user_code={code}&lang={}", lang.tag()),
    });
    let shown = DevicePage {
        user_code: code,
        wrong,
        langs: langs.to_vec(),
    };
    html(status, app.pages.device(lang, &shown))
}

/// `POST /connect/device`: the code, and the answer to what it asks for.
pub(super) async fn posted(
    State(app): State<Shared>,
    client: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let from = client.and_then(|Extension(client)| client.apart());
    let result = async {
        let form = form(&headers, body)?;
        if !from_page_at(&app.logins.public_url, &headers) {
            return Err(OAuthError::request("the form is not of our page"));
        }
        let lang = Lang::choose(form.get("lang"), accept_language(&headers));
        let typed = form.get("user_code").unwrap_or_default();
        match app.authority.device_ask(typed, from).await {
            Ok(ask) => decide(&app, lang, &form, &ask, &headers).await,
            Err(UserCodeError::Unknown) => {
                Ok(code_page(&app, lang, typed, Some(DeviceWrong::Unknown)))
            }
            Err(UserCodeError::Wait(left)) => {
                let mut answer = code_page(&app, lang, typed, Some(DeviceWrong::TooMany));
                let seconds = HeaderValue::from(left.as_secs().max(1));
                answer.headers_mut().insert(header::RETRY_AFTER, seconds);
                Ok(answer)
            }
            Err(UserCodeError::Failed(error)) => Err(error),
        }
    };
    result
        .await
        .unwrap_or_else(|error| page(&app, &headers, &error))
}

async fn decide(
    app: &App,
    lang: Lang,
    form: &Pairs,
    ask: &DeviceAsk,
    headers: &HeaderMap,
) -> Result<Response, OAuthError> {
    let base = &app.logins.public_url;
    let Some(account) = &ask.account else {
        let console = format!("{base}/admin/device?user_code={}", ask.user_code);
        return Ok(redirect(StatusCode::SEE_OTHER, &console));
    };
    let place = BrokerOrigin::read(app, account, headers)
        .await?
        .ok_or_else(|| OAuthError::request("there is no such account"))?;
    let Some((token, session)) = &place.session else {
        let return_to = ReturnTo::device(&ask.user_code, base);
        let login = format!(
            "login?return_to={}&lang={}",
            encode(return_to.as_str()),
            lang.tag()
        );
        return Ok(redirect(StatusCode::SEE_OTHER, &place.store.url(&login)));
    };
    let found = account::get(&*app.logins.store, account).await?;
    let look = found
        .map(|found| look(app, &found.value))
        .unwrap_or_default();
    // Only who saw the question, in this session, answers it.
    let proof = digest::sha256_base64url(format!("device\n{token}\n{}", ask.user_code).as_bytes());
    let given = form.get("proof").unwrap_or_default();
    let saw = digest::same(given.as_bytes(), proof.as_bytes());
    let decision = match form.get("decision").filter(|_| saw) {
        Some("allow") => Decision::User(session),
        Some(_) => Decision::Deny,
        None => {
            let question = Ask {
                application: ask.application.name.clone(),
                user: session.email.clone(),
                scopes: ask.scopes.iter().map(str::to_owned).collect(),
                user_code: Some(ask.user_code.clone()),
                action: "device".to_owned(),
                fields: vec![
                    ("user_code", ask.user_code.clone()),
                    ("proof", proof),
                    ("lang", lang.tag().to_owned()),
                ],
                elsewhere: false,
            };
            return Ok(html(StatusCode::OK, app.pages.ask(&look, lang, &question)));
        }
    };
    let allowed = matches!(decision, Decision::User(_));
    let done = app.authority.device_decide(ask, decision).await?;
    Ok(ended(app, &look, lang, done && allowed))
}

fn ended(app: &App, look: &Look, lang: Lang, connected: bool) -> Response {
    let end = if connected {
        DeviceEnd::Connected
    } else {
        DeviceEnd::Refused
    };
    html(StatusCode::OK, app.pages.device_end(look, lang, end))
}

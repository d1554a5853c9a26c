//! `provider-token`: an application asks for the token that a user has at the
//! provider they logged in through.

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde_json::{Value, json};
use tracing::warn;

use super::{answered, authorization};
use crate::authority::access::bearer;
use crate::authority::{Code, OAuthError, scope};
use crate::http::Shared;
use crate::login::kept::KeptError;
use crate::protocol::form::Pairs;

/// `GET /connect/provider-token[?provider=…]`, with the user's access token, which
/// has the scope `provider_token`.
pub(super) async fn get(State(app): State<Shared>, uri: Uri, headers: HeaderMap) -> Response {
    answered(found(&app, &uri, &headers).await)
}

async fn found(app: &Shared, uri: &Uri, headers: &HeaderMap) -> Result<Value, OAuthError> {
    let token = bearer(authorization(headers)?)?;
    let access = app.authority.access(token).await?;
    let access = access
        .ok_or_else(|| OAuthError::new(Code::InvalidToken, "the access token does not count"))?;
    let lacking = |why: &'static str| OAuthError::new(Code::InsufficientScope, why);
    if !access.scopes.has(scope::PROVIDER_TOKEN) {
        return Err(lacking("the access token lacks the scope `provider_token`"));
    }
    // Who acts as a shopper does so here, and not elsewhere.
    let (Some(account), Some(user), None) = (&access.account, access.user, access.actor) else {
        return Err(lacking("only a user's own access token opens this"));
    };
    let query = Pairs::parse(uri.query().unwrap_or_default())
        .map_err(|error| OAuthError::request(error.to_string()))?;
    let provider = match query.get("provider").map(str::parse) {
        None => None,
        Some(Ok(provider)) => Some(provider),
        Some(Err(_)) => return Err(OAuthError::request("`provider` is not a provider's id")),
    };
    let kept = app.logins.provider_token(account, user, provider).await;
    let kept = kept.map_err(|error| match error {
        KeptError::None => OAuthError::new(Code::LoginRequired, error.to_string()),
        error => {
            warn!(account = %account, user = %user, why = %error, "a provider's token can't be given");
            let why = "the provider or the store can't be asked now; try again";
            OAuthError::new(Code::TemporarilyUnavailable, why)
        }
    })?;
    let now = app.logins.now();
    let mut answer = json!({
        "access_token": kept.access_token,
        "token_type": "Bearer",
        "provider": kept.provider,
    });
    if let Some(end) = kept.expires_at {
        answer["expires_in"] = end.since(now).as_secs().into();
    }
    if let Some(scope) = kept.scope {
        answer["scope"] = scope.into();
    }
    Ok(answer)
}

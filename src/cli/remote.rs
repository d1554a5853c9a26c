//! The admin API of a broker elsewhere: with an application's credentials, or as the
//! operator who logged in there (`sign_in`).

use std::time::Duration;

use anyhow::{Context, bail};
use http::{Method, StatusCode};
use serde_json::Value;

use super::api::RequestBody;
use super::endpoint::{Endpoint, origin};
use super::sign_in::{Kept, Tokens};
use crate::base::Secret;
use crate::outbound::PreparedRequest;

/// Its admin API.
pub(super) struct Remote {
    endpoint: Endpoint,
    token: Secret,
}

impl Remote {
    /// Finds out who calls: an application (RFC 6749 §4.4), or the operator who logged
    /// in there.
    pub async fn open(server: &str, timeout: Duration) -> anyhow::Result<Self> {
        let endpoint = Endpoint::open(server, timeout)?;
        let variable = |name: &str| std::env::var(name).ok();
        let (id, secret) = match (
            variable("VESTIBULE_CLIENT_ID"),
            variable("VESTIBULE_CLIENT_SECRET").map(Secret::new),
        ) {
            (Some(id), Some(secret)) => (id, secret),
            (None, None) => {
                let token = Tokens::read()?.of(&endpoint.server).map(Kept::token);
                let token = token.with_context(|| format!(
                    "nobody is logged in at {0}: `vestibule operator login --server {0}`; programs set an application's VESTIBULE_CLIENT_ID and VESTIBULE_CLIENT_SECRET instead, made with `vestibule app create --grant client_credentials --scope admin:read --scope admin:write`",
                    origin(&endpoint.server)
                ))?;
                let token = token.with_context(|| format!(
                    "the login at {0} has ended; begin another: `vestibule operator login --server {0}`",
                    origin(&endpoint.server)
                ))?;
                return Ok(Self { endpoint, token });
            }
            _ => bail!(
                "set both VESTIBULE_CLIENT_ID and VESTIBULE_CLIENT_SECRET, an application's, or neither"
            ),
        };
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", id.as_str()),
            ("client_secret", secret.expose()),
        ];
        let body = endpoint.post("/connect/token", &form).await?;
        match body.get("access_token").and_then(Value::as_str) {
            Some(token) => Ok(Self {
                token: Secret::new(token),
                endpoint,
            }),
            None => bail!(
                "{} gives no access token: {}",
                endpoint.server,
                body.get("error_description")
                    .and_then(Value::as_str)
                    .unwrap_or("it does not say why")
            ),
        }
    }

    /// Sends a request to the API.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<RequestBody>,
        accept: &str,
    ) -> anyhow::Result<(StatusCode, Vec<u8>)> {
        let mut headers = vec![
            ("Accept".to_owned(), accept.to_owned()),
            (
                "Authorization".to_owned(),
                format!("Bearer {}", self.token.expose()),
            ),
        ];
        let body = body.map(|sent| {
            headers.push(("Content-Type".to_owned(), sent.kind.to_owned()));
            sent.text.into_bytes()
        });
        let request = PreparedRequest {
            method,
            url: self.endpoint.server.join(&format!("/api/v1{path}"))?,
            headers,
            body,
        };
        let (status, body) = self.endpoint.exchange(request).await?;
        Ok((StatusCode::from_u16(status)?, body))
    }
}

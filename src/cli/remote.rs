//! The admin API of a broker elsewhere, with an application's credentials.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use http::{Method, StatusCode};
use serde_json::Value;
use url::{Host, Url};

use super::api::RequestBody;
use crate::base::{Secret, SystemClock};
use crate::outbound::{Limits, Outbound, Policy, PreparedRequest};

/// A broker elsewhere.
pub(super) struct Remote {
    outbound: Outbound,
    limits: Limits,
    server: Url,
    token: Secret,
}

/// What an operator names on the command line may be anywhere; plain http only
/// on this machine.
pub(super) fn policy(server: &Url) -> anyhow::Result<Policy> {
    let local = match server.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    if server.scheme() != "https" && !local {
        bail!("{server} must be https; http is for this machine only");
    }
    Ok(Policy {
        allow_networks: vec!["0.0.0.0/0".parse()?, "::/0".parse()?],
        allow_http: local,
        ..Policy::default()
    })
}

impl Remote {
    /// Gets an access token there (RFC 6749 §4.4).
    pub async fn open(server: &str, timeout: Duration) -> anyhow::Result<Self> {
        let server = Url::parse(server).with_context(|| format!("`{server}` is not a URL"))?;
        let variable = |name: &str| {
            std::env::var(name).map_err(|_| {
                anyhow::anyhow!(
                    "`--server` needs an application's VESTIBULE_CLIENT_ID and VESTIBULE_CLIENT_SECRET; make one with `vestibule app create --grant client_credentials --scope admin:read --scope admin:write`"
                )
            })
        };
        let (id, secret) = (
            variable("VESTIBULE_CLIENT_ID")?,
            Secret::new(variable("VESTIBULE_CLIENT_SECRET")?),
        );
        let outbound = Outbound::new(policy(&server)?, Arc::new(SystemClock))?;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &id)
            .append_pair("client_secret", secret.expose())
            .finish();
        let request = PreparedRequest {
            method: Method::POST,
            url: server.join("/connect/token")?,
            headers: vec![(
                "Content-Type".to_owned(),
                "application/x-www-form-urlencoded".to_owned(),
            )],
            body: Some(form.into_bytes()),
        };
        let limits = Limits {
            connect: timeout.min(Limits::default().connect),
            total: timeout,
            ..Limits::default()
        };
        let answer = outbound
            .send("server", request, &limits)
            .await
            .with_context(|| format!("{server} cannot be reached"))?;
        let body: Value = serde_json::from_slice(&answer.body)
            .with_context(|| format!("{server} answered {}", answer.status))?;
        match body.get("access_token").and_then(Value::as_str) {
            Some(token) => Ok(Self {
                outbound,
                limits,
                server,
                token: Secret::new(token),
            }),
            None => bail!(
                "{server} gives no access token: {}",
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
            url: self.server.join(&format!("/api/v1{path}"))?,
            headers,
            body,
        };
        let answer = self
            .outbound
            .send("server", request, &self.limits)
            .await
            .with_context(|| format!("{} cannot be reached", self.server))?;
        Ok((StatusCode::from_u16(answer.status)?, answer.body.to_vec()))
    }
}

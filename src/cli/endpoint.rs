//! A broker elsewhere, as far as any of its endpoints.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use http::Method;
use serde_json::Value;
use url::{Host, Url};

use crate::base::SystemClock;
use crate::outbound::{Limits, Outbound, Policy, PreparedRequest};

/// A broker elsewhere.
pub(super) struct Endpoint {
    outbound: Outbound,
    limits: Limits,
    /// Its address.
    pub server: Url,
}

/// What a broker is known by.
pub(super) fn origin(server: &Url) -> String {
    server.origin().ascii_serialization()
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

impl Endpoint {
    /// Checks the address.
    pub fn open(server: &str, timeout: Duration) -> anyhow::Result<Self> {
        let server = Url::parse(server).with_context(|| format!("`{server}` is not a URL"))?;
        let limits = Limits {
            connect: timeout.min(Limits::default().connect),
            total: timeout,
            ..Limits::default()
        };
        Ok(Self {
            outbound: Outbound::new(policy(&server)?, Arc::new(SystemClock))?,
            limits,
            server,
        })
    }

    /// Sends a form; gives status and body.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        form: &[(&str, &str)],
    ) -> anyhow::Result<(u16, Vec<u8>)> {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let request = PreparedRequest {
            method,
            url: self.server.join(path)?,
            headers: vec![(
                "Content-Type".to_owned(),
                "application/x-www-form-urlencoded".to_owned(),
            )],
            body: Some(form.into_bytes()),
        };
        self.exchange(request).await
    }

    /// Posts a form; the answer is JSON, whatever it says.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> anyhow::Result<Value> {
        let (status, body) = self.send(Method::POST, path, form).await?;
        serde_json::from_slice(&body).with_context(|| format!("{} answered {status}", self.server))
    }

    /// Sends a request; gives status and body.
    pub async fn exchange(&self, request: PreparedRequest) -> anyhow::Result<(u16, Vec<u8>)> {
        let answer = self
            .outbound
            .send("server", request, &self.limits)
            .await
            .with_context(|| format!("{} cannot be reached", self.server))?;
        Ok((answer.status, answer.body.to_vec()))
    }
}

//! As much of a browser as a login needs: cookies by host, redirects one at a
//! time, forms.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use cookie::Cookie;
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use url::Url;

/// A browser with one tab.
pub(super) struct Browser {
    client: Client<HttpConnector, Body>,
    /// By host, since cookies know no ports.
    jar: BTreeMap<(String, String), String>,
}

/// What came back.
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
    pub url: Url,
}

impl Answer {
    /// Where it redirects to, as a whole URL.
    pub fn location(&self) -> Option<Url> {
        let location = self.headers.get(header::LOCATION)?.to_str().ok()?;
        self.url.join(location).ok()
    }
}

impl Browser {
    pub fn new() -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            jar: BTreeMap::new(),
        }
    }

    pub fn cookie_names(&self, url: &Url) -> Vec<String> {
        let host = url.host_str().unwrap_or_default();
        self.jar
            .keys()
            .filter(|(of, _)| of == host)
            .map(|(_, name)| name.clone())
            .collect()
    }

    pub async fn get(&mut self, url: &Url) -> anyhow::Result<Answer> {
        self.send(Method::GET, url, None).await
    }

    pub async fn post(&mut self, url: &Url, form: &[(String, String)]) -> anyhow::Result<Answer> {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        self.send(Method::POST, url, Some(body)).await
    }

    async fn send(
        &mut self,
        method: Method,
        url: &Url,
        form: Option<String>,
    ) -> anyhow::Result<Answer> {
        let host = url.host_str().context("the address has a host")?.to_owned();
        let cookies: Vec<String> = self
            .jar
            .iter()
            .filter(|((of, _), _)| *of == host)
            .map(|((_, name), value)| format!("{name}={value}"))
            .collect();
        let mut request = Request::builder()
            .method(method)
            .uri(url.as_str())
            .header(header::ACCEPT, "text/html");
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        let body = match form {
            None => Body::empty(),
            Some(text) => {
                request = request
                    .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .header(header::ORIGIN, url.origin().ascii_serialization());
                Body::from(text)
            }
        };
        let answer = self.client.request(request.body(body)?).await?;
        let (parts, body) = answer.into_parts();
        for header in parts.headers.get_all(header::SET_COOKIE) {
            let cookie = Cookie::parse(header.to_str()?.to_owned())?;
            let key = (host.clone(), cookie.name().to_owned());
            if cookie.max_age().is_some_and(time::SignedDuration::is_zero) {
                self.jar.remove(&key);
            } else {
                self.jar.insert(key, cookie.value().to_owned());
            }
        }
        let body = String::from_utf8_lossy(&body.collect().await?.to_bytes()).into_owned();
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body,
            url: url.clone(),
        })
    }
}

/// A form of a page: where it goes and what is filled in already.
pub(super) struct Form {
    pub action: Url,
    pub fields: Vec<(String, String)>,
}

/// Finds the first form of a page that posts.
pub(super) fn form(page: &Answer) -> anyhow::Result<Form> {
    let lower = page.body.to_ascii_lowercase();
    let Some(start) = lower.find("<form") else {
        bail!("the page at {} has no form", page.url.path());
    };
    let end = lower[start..]
        .find("</form")
        .map_or(page.body.len(), |i| start + i);
    let html = &page.body[start..end];
    let tag = html.split('>').next().unwrap_or_default();
    let action = attribute(tag, "action").unwrap_or_default();
    let fields = html
        .split("<input")
        .skip(1)
        .map(|rest| rest.split('>').next().unwrap_or_default())
        .filter_map(|tag| {
            Some((
                attribute(tag, "name")?,
                attribute(tag, "value").unwrap_or_default(),
            ))
        })
        .collect();
    Ok(Form {
        action: page.url.join(&action)?,
        fields,
    })
}

/// Finds the first link of a page to such an address.
pub(super) fn link(page: &Answer, to: &str) -> anyhow::Result<Url> {
    let tags = page.body.split("<a").skip(1);
    let mut found = tags.filter_map(|rest| attribute(rest.split('>').next()?, "href"));
    let Some(href) = found.find(|href| href.starts_with(to)) else {
        bail!("the page at {} has no link to {to}", page.url.path());
    };
    Ok(page.url.join(&href)?)
}

/// The value of an attribute in double quotes.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let from = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    let to = tag[from..].find('"')? + from;
    Some(unescape(&tag[from..to]))
}

/// Text without HTML's character references, as far as pages escape anything.
fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let reference = rest[at..].split_once(';');
        let decoded = reference.and_then(|(name, after)| {
            let c = match &name[1..] {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                numeric => {
                    let digits = numeric.strip_prefix('#')?;
                    let code = match digits.strip_prefix(['x', 'X']) {
                        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                        None => digits.parse().ok()?,
                    };
                    char::from_u32(code)?
                }
            };
            Some((c, after))
        });
        match decoded {
            Some((c, after)) => {
                out.push(c);
                rest = after;
            }
            None => {
                out.push('&');
                rest = &rest[at + 1..];
            }
        }
    }
    out.push_str(rest);
    out
}

//! What a mapping sends and expects, before anything is sent.
//!
//! The requests come from [`super::request`], the code that builds the
//! real ones. Values that a login makes or receives are passed as markers of
//! letters and digits, which no encoding changes, and shown as `{{name}}`; so a
//! preview with the real values put in is the request, byte for byte.

mod expect;
mod render;

use schemars::JsonSchema;
use serde::Serialize;
use url::Url;

use self::expect::Expect;
pub use self::render::{curl, text};
use super::credentials;
use super::dpop;
use super::file::Kind;
use super::hosts::{PRETENDED, fill_url};
use super::model::{Client, ProfileSource, Provider, RedirectUri};
use super::request::{self, AuthorizationValues, BuildError, Demands, TokenValues};
use super::template::Fill;
use super::trace::MaskedMessage;
use crate::base::Secret;
use crate::outbound::PreparedRequest;

/// All requests of a login with one provider.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Preview {
    /// The provider.
    pub provider: String,
    /// The requests in the order they are made.
    pub requests: Vec<Step>,
}

/// One request and what is expected of its answer.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "PreviewedRequest")]
pub struct Step {
    /// Its name: `authorization`, `token`, `userinfo`.
    pub name: String,
    /// What it is for.
    pub title: String,
    /// The request, secrets and generated values as `{{name}}`.
    pub request: MaskedMessage,
    /// The answer the mapping expects.
    pub expected: MaskedMessage,
}

/// A value that has no value yet: its marker and the name it is shown under.
struct Marker(&'static str);

/// All markers. Each is unlike any text a mapping holds, and none contains another.
const MARKERS: &[(&str, &str)] = &[
    ("vstb0state0bts", "state"),
    ("vstb0nonce0bts", "nonce"),
    ("vstb0challenge0bts", "code_challenge"),
    ("vstb0verifier0bts", "code_verifier"),
    ("vstb0code0bts", "code"),
    ("vstb0secret0bts", "client_secret"),
    ("vstb0basic0bts", "client credentials"),
    ("vstb0assertion0bts", "client_assertion"),
    ("vstb0token0bts", "access_token"),
    ("vstb0app0bts", "app_access_token"),
    ("vstb0redirect0bts", "redirect_uri"),
    ("vstb0object0bts", "request_object"),
    ("vstb0reference0bts", "request_uri"),
];

/// Hosts that stand for endpoints which discovery will tell.
const ENDPOINTS: &[(&str, &str)] = &[
    (
        "https://vstb-authorization.invalid/",
        "{{authorization_endpoint}}",
    ),
    ("https://vstb-token.invalid/", "{{token_endpoint}}"),
    ("https://vstb-userinfo.invalid/", "{{userinfo_endpoint}}"),
    (
        "https://vstb-pushed.invalid/",
        "{{pushed_authorization_request_endpoint}}",
    ),
];

impl Marker {
    fn of(name: &str) -> Self {
        Self(
            MARKERS
                .iter()
                .find(|(_, shown)| *shown == name)
                .map_or("", |(marker, _)| marker),
        )
    }

    fn secret(name: &str) -> Secret {
        Secret::new(Self::of(name).0)
    }
}

/// A text to stand in a mapping for what is not filled in yet; previews show it
/// as `{{name}}`.
pub fn stand_in(name: &str) -> String {
    render::pretend(name)
}

/// The same for an endpoint: `authorization`, `token` or else `userinfo`.
pub fn stand_in_url(step: &str) -> &'static str {
    match step {
        "authorization" => ENDPOINTS[0].0,
        "token" => ENDPOINTS[1].0,
        _ => ENDPOINTS[2].0,
    }
}

/// Puts the names where the markers are.
pub fn named(text: &str) -> String {
    let mut out = text.to_owned();
    for (marker, name) in MARKERS {
        out = out.replace(marker, &format!("{{{{{name}}}}}"));
    }
    for (url, name) in ENDPOINTS {
        out = out.replace(url, name);
    }
    // A value that is the beginning of a URL, or all of it.
    let out = match out.split_once(PRETENDED) {
        Some((before, rest)) => {
            let whole = rest.split_once("0bts").is_some_and(|(_, path)| path == "/");
            let rest = if whole {
                rest.trim_end_matches('/')
            } else {
                rest
            };
            format!("{before}{rest}")
        }
        None => out,
    };
    render::pretended(&out)
}

/// The same with the proof that it carries where tokens are bound to a key.
fn proved(provider: &Provider, request: PreparedRequest) -> PreparedRequest {
    let mut request = request;
    if provider.client.dpop {
        let proof = "{{dpop_proof}}".to_owned();
        request.headers.push((dpop::HEADER.to_owned(), proof));
    }
    request
}

fn shown(request: &PreparedRequest) -> MaskedMessage {
    let body = request.body.as_deref().unwrap_or_default();
    MaskedMessage {
        line: format!("{} {}", request.method, named(request.url.as_str())),
        headers: request
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), named(value)))
            .collect(),
        body: named(&String::from_utf8_lossy(body)),
    }
}

fn endpoint(known: Option<&Url>, stand_in: &str) -> Result<Url, BuildError> {
    match known {
        Some(url) => Ok(url.clone()),
        None => Url::parse(stand_in).map_err(|_| BuildError::Url),
    }
}

/// Previews all requests of a login.
///
/// `redirect_uri` is the one to register, where it is known.
///
/// # Errors
/// What would also keep the real request from being built.
pub fn preview(provider: &Provider, redirect_uri: Option<&str>) -> Result<Preview, BuildError> {
    let store = match &provider.callback.redirect_uri {
        RedirectUri::Store(url) => Some(url.as_str()),
        RedirectUri::Own | RedirectUri::Shared => None,
    };
    let redirect_uri = store
        .or(redirect_uri)
        .unwrap_or(Marker::of("redirect_uri").0);
    let redirect_uri = &request::redirect_uri(provider, redirect_uri, Marker::of("state").0);
    let expect = Expect::of(provider);
    let mut requests = authorization(provider, redirect_uri, &expect)?;
    let secret = provider.client.secret.as_ref().map(|secret| {
        if secret.is_empty() {
            Secret::new("")
        } else {
            Marker::secret("client_secret")
        }
    });
    let app_token = provider
        .token
        .before
        .as_ref()
        .map(|_| Marker::secret("app_access_token"));
    let access_token = Marker::secret("access_token");
    let fill = Fill {
        client_id: &provider.client.id,
        client_secret: secret.as_ref(),
        code: Some(Marker::of("code").0),
        redirect_uri,
        access_token: Some(&access_token),
        app_access_token: app_token.as_ref(),
        pretend: Some(&render::pretend),
        ..Fill::default()
    };
    if let Some(before) = &provider.token.before {
        requests.push(Step {
            name: "before".to_owned(),
            title: "Fetch an application token".to_owned(),
            request: shown(&request::before(provider, before, &fill)?),
            expected: Expect::before(before),
        });
    }
    requests.push(token(provider, &fill, &expect)?);
    let userinfo = &provider.userinfo;
    let asks = matches!(
        userinfo.source,
        ProfileSource::Request | ProfileSource::IdTokenAndRequest
    );
    if asks {
        let stand_in = endpoint(None, ENDPOINTS[2].0)?;
        let discovered = (provider.kind == Kind::Openid).then_some(&stand_in);
        requests.push(Step {
            name: "userinfo".to_owned(),
            title: "Get user information".to_owned(),
            request: shown(&proved(
                provider,
                request::userinfo(&userinfo.request, &provider.hosts, discovered, &fill)?,
            )),
            expected: expect.userinfo(),
        });
    }
    for then in &userinfo.then {
        requests.push(Step {
            name: format!("then {}", then.name),
            title: format!(
                "Follow-up request; its result is `{}` in the profile",
                then.name
            ),
            request: shown(&proved(
                provider,
                request::userinfo(&then.request, &provider.hosts, None, &fill)?,
            )),
            expected: expect.then(then),
        });
    }
    Ok(Preview {
        provider: provider.name.clone(),
        requests,
    })
}

fn authorization(
    provider: &Provider,
    redirect_uri: &str,
    expect: &Expect<'_>,
) -> Result<Vec<Step>, BuildError> {
    let set = &provider.authorization;
    let secret = Marker::secret("client_secret");
    let fill = Fill {
        client_id: &provider.client.id,
        client_secret: Some(&secret),
        redirect_uri,
        pretend: Some(&render::pretend),
        ..Fill::default()
    };
    let endpoint = match &set.open_url {
        Some(url) => fill_url(url, &fill, &provider.hosts)?,
        None => endpoint(set.url.as_ref(), ENDPOINTS[0].0)?,
    };
    let values = AuthorizationValues {
        fill,
        state: Marker::of("state").0,
        code_challenge: Marker::of("code_challenge").0,
        nonce: (provider.kind == Kind::Openid).then_some(Marker::of("nonce").0),
        login_hint: None,
        demands: &Demands::default(),
    };
    let mut pairs = request::authorization_pairs(provider, &endpoint, values)?;
    if set.request_object {
        pairs = request::beside(provider, pairs, Marker::of("request_object").0.to_owned());
    }
    let mut steps = Vec::with_capacity(2);
    let url = if set.pushed == Some(true) {
        steps.push(pushed(provider, pairs)?);
        request::by_reference(provider, &endpoint, Marker::of("request_uri").0)
    } else {
        request::with_pairs(provider, &endpoint, &pairs)
    };
    steps.push(Step {
        name: "authorization".to_owned(),
        title: "Authorization request: the browser is redirected here".to_owned(),
        request: MaskedMessage {
            line: format!("GET {}", named(&url)),
            ..MaskedMessage::default()
        },
        expected: expect.callback(&named(redirect_uri)),
    });
    Ok(steps)
}

/// The request that is pushed (RFC 9126).
fn pushed<'p>(provider: &'p Provider, pairs: Vec<(&'p str, String)>) -> Result<Step, BuildError> {
    let known = provider.authorization.pushed_url.as_ref();
    let endpoint = endpoint(known, ENDPOINTS[3].0)?;
    let client = &provider.client;
    let secret = client
        .secret
        .as_ref()
        .map(|_| Marker::secret("client_secret"));
    let values = TokenValues {
        fill: Fill {
            client_id: &client.id,
            client_secret: secret.as_ref(),
            pretend: Some(&render::pretend),
            ..Fill::default()
        },
        code_verifier: "",
        authentication: client
            .authentication
            .unwrap_or_else(|| credentials::preferred(client)),
        client_assertion: Some(Marker::of("client_assertion").0),
        basic: Some(Marker::of("client credentials").0),
    };
    Ok(Step {
        name: "pushed".to_owned(),
        title: "Pushed authorization request: the broker sends it first".to_owned(),
        request: shown(&proved(
            provider,
            request::pushed(provider, &endpoint, pairs, &values)?,
        )),
        expected: Expect::pushed(),
    })
}

fn token(provider: &Provider, fill: &Fill<'_>, expect: &Expect<'_>) -> Result<Step, BuildError> {
    let endpoint = match &provider.token.open_url {
        Some(url) => fill_url(url, fill, &provider.hosts)?,
        None => endpoint(provider.token.url.as_ref(), ENDPOINTS[1].0)?,
    };
    let assertion = Marker::of("client_assertion").0;
    let values = TokenValues {
        fill: *fill,
        code_verifier: Marker::of("code_verifier").0,
        authentication: provider
            .client
            .authentication
            .unwrap_or_else(|| credentials::preferred(&provider.client)),
        client_assertion: Some(assertion),
        basic: Some(Marker::of("client credentials").0),
    };
    Ok(Step {
        name: "token".to_owned(),
        title: token_title(&provider.client),
        request: shown(&proved(
            provider,
            request::token(provider, &endpoint, &values)?,
        )),
        expected: expect.token(),
    })
}

/// What no line of the token request shows of how we prove ourselves.
fn token_title(client: &Client) -> String {
    let mut title = "Access token exchange".to_owned();
    if client.certificate.is_some() {
        title.push_str(", over TLS with the client's certificate");
    }
    if client.authentication.is_none() {
        title.push_str(
            "; the client authenticates as shown, or as discovery lists where that is not listed",
        );
    }
    title
}

//! Client authentication at the back-channel endpoints.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hyper::{Method, header};
use serde_json::Value;

use crate::answer::OAuthError;
use crate::config::{ClientAuthentication, Config};
use crate::id_token::now;
use crate::params::Params;
use crate::request::Request;
use crate::state::Shared;

/// The client that proves itself; one way at a time (RFC 6749 §2.3).
pub(crate) fn authenticate(
    shared: &Shared,
    config: &Config,
    request: &Request,
    params: &Params,
) -> Result<String, OAuthError> {
    use ClientAuthentication as Way;
    let names = &config.token;
    let is_get = request.method == Method::GET;
    let body = |name: &str| if is_get { None } else { params.get(name) };
    let in_body = (body(&names.client_id), body(&names.client_secret));
    let in_query = (
        request.query.get(&names.client_id),
        request.query.get(&names.client_secret),
    );
    let authorization = request.header(header::AUTHORIZATION);
    let basic = authorization.and_then(|value| value.strip_prefix("Basic "));
    let assertion = params.get("client_assertion");

    let ways = [
        basic.is_some(),
        in_body.1.is_some(),
        in_query.1.is_some(),
        assertion.is_some(),
    ];
    if config.accepts(Way::BasicAndBody) {
        return check_both(config, basic, in_body);
    }
    if ways.into_iter().filter(|used| *used).count() > 1 {
        return Err(OAuthError::request(
            "the client authenticates in more than one way",
        ));
    }
    if let Some(assertion) = assertion {
        if !config.accepts(Way::ClientSecretJwt) {
            accept(config, Way::PrivateKeyJwt, "a client assertion")?;
        }
        return check_assertion(shared, config, params, assertion);
    }
    if let Some(basic) = basic {
        let client = check_basic(config, basic)?;
        // Beside Basic the id may stand in the body, but not another one.
        return match in_body.0 {
            Some(other) if other != client => Err(OAuthError::request("two different client ids")),
            _ => Ok(client),
        };
    }
    if let (Some(id), Some(secret)) = in_body
        && config.accepts(Way::SignedSecret)
    {
        return check_signed_secret(shared, config, id, secret);
    }
    for (way, place, (id, secret)) in [
        (Way::Body, "the body", in_body),
        (Way::Query, "the query string", in_query),
    ] {
        let Some(secret) = secret else { continue };
        accept(config, way, &format!("a secret in {place}"))?;
        let id = id.ok_or_else(|| OAuthError::client("the client id is missing"))?;
        return check_secret(config, id, secret);
    }
    let Some(id) = in_body.0.or(in_query.0) else {
        return Err(OAuthError::client("the client did not authenticate"));
    };
    accept(config, Way::None, "a client without a secret")?;
    match config.client(id) {
        Some(_) => Ok(id.to_owned()),
        None => Err(OAuthError::client("the client is unknown")),
    }
}

fn accept(config: &Config, way: ClientAuthentication, what: &str) -> Result<(), OAuthError> {
    if config.accepts(way) {
        Ok(())
    } else {
        Err(OAuthError::client(format!("{what} is not accepted here")))
    }
}

fn check_secret(config: &Config, id: &str, secret: &str) -> Result<String, OAuthError> {
    // An empty secret proves nothing, even where a client was configured with one.
    match config.client(id) {
        Some(client)
            if (!secret.is_empty() || config.empty_secrets) && client.secrets.contains(&secret) =>
        {
            Ok(id.to_owned())
        }
        _ => Err(OAuthError::client(
            "the client is unknown or its secret is wrong",
        )),
    }
}

/// Id and secret by HTTP Basic and in the body, the same in both.
fn check_both(
    config: &Config,
    basic: Option<&str>,
    in_body: (Option<&str>, Option<&str>),
) -> Result<String, OAuthError> {
    let (Some(basic), (Some(id), Some(secret))) = (basic, in_body) else {
        return Err(OAuthError::client(
            "the client proves itself by Basic and in the body here",
        ));
    };
    let client = read_basic(basic)
        .and_then(|pair| {
            let (id, secret) = pair.split_once(':')?;
            check_secret(config, &form_decode(id), &form_decode(secret)).ok()
        })
        .ok_or_else(|| OAuthError::client("the Basic credentials are wrong"))?;
    if client != id {
        return Err(OAuthError::request("two different client ids"));
    }
    check_secret(config, id, secret)
}

fn read_basic(basic: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(basic.trim()).ok()?).ok()
}

/// HTTP Basic: form-encoded as RFC 6749 says, or raw as many servers do it; accepted are those
/// encodings that the configuration names.
fn check_basic(config: &Config, basic: &str) -> Result<String, OAuthError> {
    let decoded = read_basic(basic);
    let Some((id, secret)) = decoded.as_deref().and_then(|pair| pair.split_once(':')) else {
        return Err(OAuthError::client("the Basic credentials are not readable"));
    };
    let mut checked = Err(OAuthError::client("HTTP Basic is not accepted here"));
    if config.accepts(ClientAuthentication::Basic) {
        checked = check_secret(config, &form_decode(id), &form_decode(secret));
    }
    if checked.is_err() && config.accepts(ClientAuthentication::BasicRaw) {
        checked = check_secret(config, id, secret);
    }
    checked
}

fn form_decode(text: &str) -> String {
    // Parsed as the value of a pair; `&` and `=` can't stand in it unescaped.
    let text = text.replace('&', "%26").replace('=', "%3D");
    form_urlencoded::parse(format!("v={text}").as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// `private_key_jwt` (RFC 7523): signature, issuer, subject, audience and expiry.
fn check_assertion(
    shared: &Shared,
    config: &Config,
    params: &Params,
    assertion: &str,
) -> Result<String, OAuthError> {
    let wrong = |text: &str| OAuthError::client(format!("the client assertion: {text}"));
    if params.get("client_assertion_type")
        != Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
    {
        return Err(wrong("client_assertion_type is missing or wrong"));
    }
    let jws = Jws::read(assertion).ok_or_else(|| wrong("not a JWS"))?;
    let claims = &jws.claims;
    let id = claims["iss"].as_str().unwrap_or_default();
    jws.check(shared, config, id).map_err(wrong)?;
    if claims["sub"] != claims["iss"] {
        return Err(wrong("sub is not the client"));
    }
    if claims["jti"].as_str().is_none_or(str::is_empty) {
        return Err(wrong("jti is missing"));
    }
    Ok(id.to_owned())
}

/// The claims of a request object (RFC 9101 §6): signed with the client's key, of the
/// client, for us.
pub(crate) fn request_object(
    shared: &Shared,
    config: &Config,
    id: &str,
    object: &str,
) -> Result<Value, &'static str> {
    let jws = Jws::read(object).ok_or("not a JWS")?;
    if jws.header["typ"] != "oauth-authz-req+jwt" {
        return Err("its typ is that of another token");
    }
    jws.check_key(config, id)?;
    jws.check(shared, config, id)?;
    if jws.claims["iss"] != id || jws.claims["client_id"] != id {
        return Err("it is of another client");
    }
    Ok(jws.claims)
}

/// A JWT as the client secret, as Apple has it: signed with the client's key for the client
/// (`sub`), in the name of whoever the key belongs to (`iss`), which is not the client.
fn check_signed_secret(
    shared: &Shared,
    config: &Config,
    id: &str,
    secret: &str,
) -> Result<String, OAuthError> {
    let wrong = |text: &str| OAuthError::client(format!("the client secret: {text}"));
    let jws = Jws::read(secret).ok_or_else(|| wrong("not a JWS"))?;
    jws.check(shared, config, id).map_err(wrong)?;
    if jws.claims["sub"] != id {
        return Err(wrong("sub is not the client"));
    }
    if jws.claims["iss"].as_str().is_none_or(str::is_empty) || jws.claims["iss"] == id {
        return Err(wrong("iss is not the key's owner"));
    }
    if jws.header["kid"].as_str().is_none_or(str::is_empty) {
        return Err(wrong("its header names no key"));
    }
    Ok(id.to_owned())
}

/// A signed token in its parts.
pub(crate) struct Jws<'a> {
    pub(crate) message: &'a str,
    pub(crate) header: Value,
    pub(crate) claims: Value,
    pub(crate) signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    pub(crate) fn read(token: &'a str) -> Option<Self> {
        let (message, signature) = token.rsplit_once('.')?;
        let (head, payload) = message.split_once('.')?;
        let read = |part: &str| -> Option<Value> {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
        };
        Some(Self {
            message,
            header: read(head)?,
            claims: read(payload)?,
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    /// Whether a key of the client signed it, for us, and not too long ago.
    fn check(&self, shared: &Shared, config: &Config, id: &str) -> Result<(), &'static str> {
        let (header, claims) = (&self.header, &self.claims);
        if header["alg"] == "HS256" {
            self.check_secret(config, id)?;
        } else {
            self.check_key(config, id)?;
        }
        let ours = [
            shared.issuer(config),
            format!("{}{}", shared.origin, config.published("/token")),
            format!("{}{}", shared.origin, config.published("/par")),
        ];
        let for_us = |aud: &Value| {
            aud.as_str()
                .is_some_and(|aud| ours.iter().any(|own| own == aud))
        };
        if !for_us(&claims["aud"])
            && !claims["aud"]
                .as_array()
                .is_some_and(|all| all.iter().any(for_us))
        {
            return Err("aud is neither the issuer nor the token endpoint");
        }
        if claims["exp"].as_u64().is_none_or(|exp| exp <= now()) {
            return Err("it is expired, or has no exp");
        }
        Ok(())
    }

    fn check_secret(&self, config: &Config, id: &str) -> Result<(), &'static str> {
        if !config.accepts(ClientAuthentication::ClientSecretJwt) {
            return Err("one of a secret is not accepted here");
        }
        let secrets = config.client(id).map(|client| client.secrets);
        let signed = secrets.unwrap_or_default().iter().any(|secret| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
            !secret.is_empty()
                && hmac::verify(&key, self.message.as_bytes(), &self.signature).is_ok()
        });
        if signed {
            Ok(())
        } else {
            Err("no secret of the client fits its signature")
        }
    }

    fn check_key(&self, config: &Config, id: &str) -> Result<(), &'static str> {
        let header = &self.header;
        let Some(jwks) = config.client(id).and_then(|client| client.jwks) else {
            return Err("it is of no client with keys");
        };
        let signed = jwks["keys"].as_array().is_some_and(|keys| {
            keys.iter()
                .filter(|key| {
                    header["kid"].is_null() || key["kid"].is_null() || key["kid"] == header["kid"]
                })
                .any(|key| {
                    verify(
                        &header["alg"],
                        key,
                        self.message.as_bytes(),
                        &self.signature,
                    )
                    .is_some()
                })
        });
        if signed {
            Ok(())
        } else {
            Err("no key of the client fits its signature")
        }
    }
}

/// Some, if the key made the signature.
pub(crate) fn verify(
    algorithm: &Value,
    key: &Value,
    message: &[u8],
    signature: &[u8],
) -> Option<()> {
    let number = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str()?).ok();
    match algorithm.as_str()? {
        "ES256" => {
            let point = [vec![4], number("x")?, number("y")?].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(message, signature)
                .ok()
        }
        "RS256" => RsaPublicKeyComponents {
            n: number("n")?,
            e: number("e")?,
        }
        .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
        .ok(),
        _ => None,
    }
}

//! Which line of a mapping to look at when a login fails: for who tries it out.

use super::error::{LoginError, Step};
use super::openid::IdTokenError;
use crate::account::directory::IdentifyError;
use crate::outbound::OutboundError;
use crate::provider::request::BuildError;

impl LoginError {
    /// The line of the mapping to look at first, and the wizard's step that has it.
    pub fn look_at(&self) -> Option<String> {
        let key = self.key()?;
        Some(format!("`{key}` ({})", wizard_step(key)))
    }

    /// The key of the mapping to look at first, where there is one.
    fn key(&self) -> Option<&'static str> {
        match self {
            Self::StateMissing => Some("authorization.state_in"),
            Self::StateMismatch(_) => Some("authorization.state_key"),
            Self::IssuerMismatch(_) => Some("provider.issuer"),
            Self::CodeMissing => Some("callback.code_key"),
            Self::ProviderError { code, .. } => Some(of_authorization_error(code)),
            Self::Transport { step, error } => match error {
                OutboundError::Timeout { .. } => Some("timeouts.total"),
                OutboundError::TooLarge { .. } => Some("timeouts.max_body"),
                OutboundError::Busy | OutboundError::BreakerOpen { .. } => None,
                _ => Some(url(*step)),
            },
            Self::Build { step, error } => match error {
                BuildError::Host(_) => Some("provider.hosts"),
                BuildError::EmptyKey(_) => Some(match step {
                    Step::Start => "authorization.sign",
                    Step::Before => "token.before.sign",
                    Step::Token => "token.sign",
                    Step::Then => "userinfo.then",
                    _ => "userinfo.sign",
                }),
                BuildError::NoEndpoint(_) | BuildError::Url => Some(url(*step)),
                BuildError::Assertion(_) => Some("client.private_key"),
                BuildError::Unfilled(_) | BuildError::Unquoted(_) => None,
            },
            Self::Rejected {
                step,
                status,
                detail,
                ..
            } => rejected(*step, *status, detail.as_deref().unwrap_or_default()),
            Self::Undecodable { step, .. } => Some(format(*step)),
            Self::Incomplete { error, .. }
            | Self::EmailMissing(error)
            | Self::EmailInvalid(error)
            | Self::UserIdMissing(error) => Some(error.field),
            Self::IdToken(error) | Self::SignedAnswer { error, .. } => of_token(error),
            Self::AccessDenied(_) => Some("access"),
            Self::Identify(IdentifyError::NotTrusted) => Some("provider.email_trust"),
            _ => None,
        }
    }
}

/// Which of the wizard's steps has a key.
fn wizard_step(key: &str) -> &'static str {
    match key.split('.').next().unwrap_or_default() {
        "provider" | "client" => "step 1, provider details",
        "authorization" | "callback" => "step 2, authorization code",
        "token" => "step 3, access token exchange",
        "userinfo" => "step 4, user information",
        _ => "the mapping's TOML",
    }
}

/// By the codes of RFC 6749 §4.1.2.1 and OpenID Connect Core §3.1.2.6.
fn of_authorization_error(code: &str) -> &'static str {
    match code {
        "invalid_scope" => "authorization.scopes",
        "unauthorized_client" | "invalid_client" => "client.id",
        "unsupported_response_type" => "authorization.standard_parameters",
        "redirect_uri_mismatch" | "invalid_redirect_uri" => "callback.redirect_uri",
        "invalid_request_object" | "request_not_supported" | "request_uri_not_supported" => {
            "authorization.request_object"
        }
        _ => "authorization.parameters",
    }
}

fn rejected(step: Step, status: u16, detail: &str) -> Option<&'static str> {
    let says = |word: &str| detail.starts_with(word);
    let profile = matches!(step, Step::Userinfo | Step::Then);
    match status {
        429 | 502.. => None,
        300..=399 | 404 | 410 => Some(url(step)),
        405 => Some(match step {
            Step::Before => "token.before.method",
            Step::Userinfo => "userinfo.method",
            Step::Then => "userinfo.then",
            _ => "token.method",
        }),
        415 => Some(match step {
            Step::Before => "token.before.content_type",
            Step::Userinfo => "userinfo.content_type",
            Step::Then => "userinfo.then",
            _ => "token.content_type",
        }),
        _ if step == Step::Start => Some("authorization.parameters"),
        _ if step == Step::Before => Some("token.before.parameters"),
        _ if step == Step::IdToken => Some("provider.discovery_url"),
        401 | 403 if profile => Some("userinfo.send_token"),
        _ if profile => Some("userinfo.parameters"),
        _ if says("invalid_client") || status == 401 => Some("client.authentication"),
        _ if says("unsupported_grant_type") => Some("token.standard_parameters"),
        _ if says("unauthorized_client") => Some("client.id"),
        _ => Some("token.parameters"),
    }
}

fn url(step: Step) -> &'static str {
    match step {
        Step::Start | Step::Callback => "authorization.url",
        Step::Before => "token.before.url",
        Step::IdToken => "provider.issuer",
        Step::Userinfo => "userinfo.url",
        Step::Then => "userinfo.then",
        Step::Token | Step::Identify | Step::Finish => "token.url",
    }
}

fn format(step: Step) -> &'static str {
    match step {
        Step::Before => "token.before.response.format",
        Step::Userinfo => "userinfo.response.format",
        Step::Then => "userinfo.then",
        Step::IdToken => "provider.discovery_url",
        _ => "token.response.format",
    }
}

fn of_token(error: &IdTokenError) -> Option<&'static str> {
    match error {
        IdTokenError::Missing => Some("authorization.scopes"),
        IdTokenError::Issuer { .. } => Some("provider.issuer"),
        IdTokenError::Audience { .. } | IdTokenError::AuthorizedParty => Some("client.id"),
        IdTokenError::Encrypted(_) | IdTokenError::NoDecryptionKey => Some("client.decryption_key"),
        IdTokenError::Signature(_) => Some("provider.jwks_url"),
        IdTokenError::OtherSubject => Some("userinfo.url"),
        _ => None,
    }
}

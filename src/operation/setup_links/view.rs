//! A set-up link as it is shown, with what was handed in by it.

use schemars::JsonSchema;
use serde::Serialize;

use crate::account::setup_link::{HandedIn, SetupLink, State};
use crate::base::{ProviderId, Timestamp};
use crate::document::Finding;
use crate::operation::Operations;
use crate::operation::difference::{Line, diff_lines, identity_warnings};
use crate::provider::compile::without_file_advice;

/// A link by which an account's own people set up its providers.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "SetupLink")]
pub struct SetupLinkView {
    /// What it is listed by; it opens nothing.
    pub id: String,
    /// For whom it is.
    pub name: String,
    /// Whether what is handed in goes live by itself.
    pub goes_live: bool,
    /// Who made it.
    pub created_by: String,
    /// RFC 3339.
    pub created_at: String,
    /// When it ends, and the session that came of it (RFC 3339).
    pub expires_at: String,
    /// `new` until it is opened, `open` while its session lasts, then `ended`.
    pub state: SetupLinkState,
    /// RFC 3339.
    pub opened_at: Option<String>,
    /// What was handed in and is not live.
    pub handed_in: Option<HandedInView>,
    /// When something that was handed in was approved last (RFC 3339).
    pub approved_at: Option<String>,
}

/// What a link may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SetupLinkState {
    /// It was not opened yet.
    New,
    /// Somebody has its session.
    Open,
    /// It opens nothing any more.
    Ended,
}

/// A link that was just made.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "MadeSetupLink")]
pub struct MadeLink {
    /// What it is from now on.
    #[serde(flatten)]
    pub setup_link: SetupLinkView,
    /// It is opened once.
    pub link: String,
}

/// A mapping that was handed in.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "HandedIn")]
pub struct HandedInView {
    /// What it is approved by: other text has another one.
    pub id: String,
    /// RFC 3339.
    pub at: String,
    /// The provider.
    pub provider: Option<ProviderId>,
    /// Its name as shoppers would read it.
    pub name: Option<String>,
    /// The version that it edits; `null`: it is new.
    pub edits: Option<u64>,
    /// What would change, with fingerprints in place of secrets.
    pub changes: Vec<Line>,
    /// What would change in who users are.
    pub identity_warnings: Vec<String>,
    /// What a check of it has to say.
    pub findings: Vec<Finding>,
    /// The redirect URI to register at the provider.
    pub redirect_uri: Option<String>,
    /// An operator's answer, where it was sent back.
    pub sent_back: Option<SentBackView>,
}

/// Why a mapping was sent back.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "SentBack")]
pub struct SentBackView {
    /// RFC 3339.
    pub at: String,
    /// By whom.
    pub by: String,
    /// What is to be changed.
    pub why: String,
}

pub(super) fn view(ops: &Operations, link: &SetupLink) -> SetupLinkView {
    SetupLinkView {
        id: link.id.clone(),
        name: link.name.clone(),
        goes_live: link.goes_live,
        created_by: link.created_by.clone(),
        created_at: link.created_at.rfc3339(),
        expires_at: link.expires_at.rfc3339(),
        state: match link.state(ops.clock.now()) {
            State::New => SetupLinkState::New,
            State::Open => SetupLinkState::Open,
            State::Ended => SetupLinkState::Ended,
        },
        opened_at: link.opened_at.map(Timestamp::rfc3339),
        handed_in: link
            .handed_in
            .as_ref()
            .map(|handed_in| handed_in_view(ops, link, handed_in)),
        approved_at: link.approved_at.map(Timestamp::rfc3339),
    }
}

fn handed_in_view(ops: &Operations, link: &SetupLink, handed_in: &HandedIn) -> HandedInView {
    let before = handed_in.base.as_ref().map(|base| base.source.as_str());
    let compiled = ops.mappings.compile(&handed_in.source);
    let (findings, provider) = match compiled {
        Ok(provider) => (provider.warnings.clone(), Some(provider)),
        Err(findings) => (findings, None),
    };
    let redirect_uri = provider
        .as_ref()
        .map(|provider| ops.mappings.redirect_uri(&link.account, provider));
    HandedInView {
        id: handed_in.id(),
        at: handed_in.at.rfc3339(),
        name: provider.as_ref().map(|provider| provider.name.clone()),
        provider: provider.map(|provider| provider.id),
        edits: handed_in.base.as_ref().map(|base| base.number),
        changes: diff_lines(before.unwrap_or_default(), &handed_in.source),
        identity_warnings: before.map_or_else(Vec::new, |before| {
            identity_warnings(before, &handed_in.source)
        }),
        findings: without_file_advice(findings),
        redirect_uri,
        sent_back: handed_in.sent_back.as_ref().map(|answer| SentBackView {
            at: answer.at.rfc3339(),
            by: answer.by.clone(),
            why: answer.why.clone(),
        }),
    }
}

//! A draft that is open in the wizard, and what its pages have in common.

use axum::response::Response;
use minijinja::{Value as TemplateValue, context};
use serde_json::{Value, json};
use toml_edit::DocumentMut;

use super::fields::{STEPS, Step};
use super::sentences::say;
use super::view::{failing, shown};
use super::{Console, edit, expect};
use crate::account::draft::{self, Draft};
use crate::admin::reply;
use crate::base::{AccountId, ErrorCode};
use crate::document::{Finding, redact};
use crate::http::problem::Problem;
use crate::operator::session::Current;
use crate::store::{StoreError, Token, Version};

/// A draft that is open.
pub(super) struct Open {
    pub account: AccountId,
    pub account_name: String,
    pub token: Token,
    pub draft: Draft,
    version: Version,
    /// The draft as it was read.
    read: Draft,
    /// Whether who edits it administers this account and not the host.
    pub limited: bool,
}

impl Open {
    pub async fn find(
        console: &Console,
        who: &Current,
        account: &str,
        draft: &str,
    ) -> Result<Self, Response> {
        let store = &*console.admin.store;
        let found = reply::account(store, account).await.map_err(failing(who))?;
        let gone = || {
            let problem = Problem::new(
                ErrorCode::DraftGone,
                "this draft was applied, discarded or is older than a week",
            );
            failing(who)(problem)
        };
        let token = Token::parse(draft).ok_or_else(gone)?;
        let draft = draft::get(store, &found.value.id, &token)
            .await
            .map_err(|error| failing(who)(error.into()))?
            .ok_or_else(gone)?;
        // Who was let in by a link has their own drafts.
        if who.guest.is_some() && draft.value.author != who.operator.email.as_str() {
            return Err(gone());
        }
        Ok(Self {
            limited: who.limit.is_some(),
            account: found.value.id,
            account_name: found.value.name,
            token,
            read: draft.value.clone(),
            draft: draft.value,
            version: draft.version,
        })
    }

    pub fn path(&self, page: &str) -> String {
        format!(
            "/admin/accounts/{}/drafts/{}/{page}",
            self.account,
            self.token.as_str()
        )
    }

    /// Takes a new text. Secrets of the mapping that is edited stay, but are not
    /// sent to a server it does not name: those have to be typed again (threat T3).
    pub fn take(&mut self, source: String) {
        let source = match &self.draft.base {
            None => source,
            Some(base) => {
                let whole = redact::restore(&source, &base.source);
                if redact::leaks(&whole, &base.source) {
                    redact::redact(&whole)
                } else {
                    whole
                }
            }
        };
        self.draft.source = self.without_references(source);
    }

    /// What names files and variables of the host, which are not theirs who administer
    /// one account: a check would already tell whether there is such a file.
    pub fn references(&self, source: &str) -> Vec<Finding> {
        if !self.limited {
            return Vec::new();
        }
        let base = self.draft.base.as_ref().map(|base| base.source.as_str());
        redact::references(source, base)
    }

    fn without_references(&self, source: String) -> String {
        let foreign = self.references(&source);
        let Ok(mut doc) = source.parse::<DocumentMut>() else {
            return source;
        };
        if foreign.is_empty() {
            return source;
        }
        for finding in foreign {
            edit::remove(&mut doc, &finding.key);
        }
        doc.to_string()
    }

    /// Keeps the draft; `false` where somebody else kept it since it was read.
    pub async fn keep(&mut self, console: &Console, who: &Current) -> Result<bool, Response> {
        if self.draft == self.read {
            return Ok(true);
        }
        let store = &*console.admin.store;
        match draft::put(store, &self.account, &self.token, &self.draft, self.version).await {
            Ok(version) => {
                self.version = version;
                self.read = self.draft.clone();
                Ok(true)
            }
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(failing(who)(error.into())),
        }
    }

    pub fn findings(&self, console: &Console) -> Vec<Finding> {
        expect::check(&self.draft.source, console.admin.mappings.context())
    }

    pub fn doc(&self) -> DocumentMut {
        self.draft.source.parse().unwrap_or_default()
    }
}

/// How often a draft that others keep meanwhile is read again.
pub(super) const TRIES: usize = 8;

/// A draft that is kept too often to get a word in.
pub(super) fn busy(who: &Current) -> Response {
    let problem = Problem::new(
        ErrorCode::ServiceBusy,
        "this draft is being changed by others; go back and try again",
    );
    failing(who)(problem)
}

/// What all pages of a draft show.
pub(super) fn frame(open: &Open, current: &str, findings: &[Finding]) -> TemplateValue {
    let steps: Vec<Value> = STEPS
        .iter()
        .enumerate()
        .map(|(i, step)| {
            let errors = findings
                .iter()
                .filter(|f| f.is_error() && Step::of(&f.key).is_some_and(|of| of.id == step.id))
                .count();
            json!({ "id": step.id, "title": say(step.title), "number": i + 1, "current": step.id == current, "errors": errors })
        })
        .collect();
    let base = open.draft.base.as_ref();
    context! {
        nav => "accounts",
        account => context! { id => open.account.as_str(), name => open.account_name.as_str() },
        draft => open.path(""),
        steps => shown(steps),
        tab => current,
        editing => base.map(|base| context! { provider => base.provider.as_str(), number => base.number }),
    }
}

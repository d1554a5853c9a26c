//! A mapping is applied: compiled, compared with what was there, and stored.

use std::sync::Arc;

use super::{BUILT_IN, CURRENT, Mapping, Mappings, RULES, VERSIONS, history_id};
use crate::base::{AccountId, ErrorCode, ProviderId, Timestamp};
use crate::document::Finding;
use crate::provider::Provider;
use crate::provider::redirect::CountsAt;
use crate::store::{Precondition, Step, StoreError, Version, Versioned};

/// What whoever applies a mapping says they know of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Consent {
    /// Its redirect URI is another one than before.
    pub redirect_uri: bool,
    /// Whom the ids of another server mean; `None`: that was not said.
    pub people: Option<People>,
}

/// Whom a server's ids mean, where another one had the provider's id before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum People {
    /// The same as before: the server moved.
    Same,
    /// Others: user `1` of this server is not user `1` of the one before.
    Others,
}

impl Consent {
    /// The names of what can be agreed to.
    pub const NAMES: &[&str] = &["redirect-uri", "same-people", "new-people"];

    /// Reads the names, with commas between them; gives the one that is none.
    ///
    /// # Errors
    /// The name that is not known.
    pub fn read(names: &str) -> Result<Self, &str> {
        let mut consent = Self::default();
        for name in names.split(',').filter(|name| !name.is_empty()) {
            match name {
                "redirect-uri" => consent.redirect_uri = true,
                "same-people" => consent.people = Some(People::Same),
                "new-people" => consent.people = Some(People::Others),
                other => return Err(other),
            }
        }
        Ok(consent)
    }
}

/// What has to be agreed to before a mapping is applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Question {
    /// Its redirect URI would be another one.
    #[error(
        "the redirect URI changes from `{from}` to `{to}`, and logins fail until the provider knows it: register `{to}` there, then apply the mapping again and accept the change (`--accept redirect-uri`)"
    )]
    RedirectUri {
        /// What it is.
        from: String,
        /// What it would be.
        to: String,
    },
    /// Its users would be those of another server.
    #[error(
        "users are known by their ids at `{from}`, and would be looked for by their ids at `{to}`, where the same id may be somebody else: say whether that server knows the same people by the same ids (`--accept same-people`) or others (`--accept new-people`)"
    )]
    People {
        /// The issuer, or the address that tells the user's id.
        from: String,
        /// What it would be.
        to: String,
    },
}

impl Question {
    /// Its stable code.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::RedirectUri { .. } => ErrorCode::MappingRedirectUriChanges,
            Self::People { .. } => ErrorCode::MappingPeopleChange,
        }
    }

    /// The names under which it is agreed to; none if `code` is not a question's.
    pub fn names_of(code: ErrorCode) -> &'static [&'static str] {
        match code {
            ErrorCode::MappingRedirectUriChanges => &["redirect-uri"],
            ErrorCode::MappingPeopleChange => &["same-people", "new-people"],
            _ => &[],
        }
    }
}

/// Why a mapping was not applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// It does not compile.
    #[error("the mapping has {} error(s)", .0.iter().filter(|f| f.is_error()).count())]
    Findings(Vec<Finding>),
    /// The account has another custom mapping.
    #[error(
        "account `{account}` has the custom provider `{existing}` already, and may have one; remove it first or give this mapping its id"
    )]
    SecondCustom {
        /// The account.
        account: AccountId,
        /// The custom mapping it has.
        existing: ProviderId,
    },
    /// Something has to be agreed to.
    #[error(transparent)]
    Asks(Question),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Mappings {
    /// Compiles and stores a mapping; it counts from the next login on.
    ///
    /// A mapping that does not compile changes nothing.
    pub async fn apply(
        &self,
        account: &AccountId,
        source: &str,
        author: &str,
        now: Timestamp,
        when: Option<Precondition>,
        consent: Consent,
    ) -> Result<(Mapping, Arc<Provider>, Version), ApplyError> {
        self.apply_beside(account, source, (author, now), when, consent, Vec::new())
            .await
    }

    /// The same, together with other steps of a batch, or not at all.
    pub async fn apply_beside(
        &self,
        account: &AccountId,
        source: &str,
        (author, now): (&str, Timestamp),
        when: Option<Precondition>,
        consent: Consent,
        beside: Vec<Step>,
    ) -> Result<(Mapping, Arc<Provider>, Version), ApplyError> {
        let provider = self.compile(source).map_err(ApplyError::Findings)?;
        let existing = self.list(account).await?;
        let previous = existing.iter().find(|m| m.value.provider == provider.id);
        if !BUILT_IN.contains(&provider.id.as_str())
            && let Some(other) = existing
                .iter()
                .find(|m| m.value.provider != provider.id && !m.value.is_built_in())
        {
            return Err(ApplyError::SecondCustom {
                account: account.clone(),
                existing: other.value.provider.clone(),
            });
        }
        self.has_an_address_alone(account, &provider, &existing)?;
        if let Some(previous) = previous {
            self.agreed(account, &previous.value, &provider, consent)?;
        }
        let last = self.history(account, &provider.id, None, 1).await?;
        let current = previous.map(|found| &found.value);
        let lineage = self
            .lineage(account, &provider, current, last.first(), consent)
            .await?;
        let mapping = Mapping {
            provider: provider.id.clone(),
            name: provider.name.clone(),
            number: last.first().map_or(1, |m| m.number + 1),
            source: source.to_owned(),
            applied_at: now,
            author: author.to_owned(),
            rules: RULES,
            lineage,
            shadow: None,
        };
        let id = mapping.provider.as_str().as_bytes();
        let guard = when.unwrap_or(match previous {
            Some(found) => Precondition::Version(found.version),
            None => Precondition::Absent,
        });
        let mut steps = vec![
            CURRENT.step_check(account.as_str(), id, guard),
            CURRENT.step_put(account.as_str(), id, &mapping)?,
            VERSIONS.step_put(
                account.as_str(),
                &history_id(&mapping.provider, mapping.number),
                &mapping,
            )?,
        ];
        steps.extend(beside);
        self.store.commit(steps).await?;
        let version = CURRENT
            .get(&*self.store, account.as_str(), id)
            .await?
            .map_or(Version(0), |found| found.version);
        let provider = Arc::new(Provider {
            lineage,
            ..provider
        });
        let key = (account.clone(), provider.id.clone());
        self.compiled.put(key, version, &provider);
        Ok((mapping, provider, version))
    }

    /// Refuses a second mapping whose answers count at the address that tells
    /// the account only: codes of one could be posted to the other.
    fn has_an_address_alone(
        &self,
        account: &AccountId,
        provider: &Provider,
        existing: &[Versioned<Mapping>],
    ) -> Result<(), ApplyError> {
        if provider.counts_at() != CountsAt::Account {
            return Ok(());
        }
        let other = existing
            .iter()
            .filter(|mapping| mapping.value.provider != provider.id)
            .filter_map(|mapping| self.compiled(account, mapping).ok())
            .find(|other| matches!(other.counts_at(), CountsAt::Account | CountsAt::Before));
        let Some(other) = other else { return Ok(()) };
        let finding = Finding::error(
            "callback.redirect_uri",
            format!(
                "this address tells the account, not the provider, and answers of the provider `{}` count there too",
                other.id
            ),
        );
        Err(ApplyError::Findings(vec![finding.hint(format!(
            "end it with `/callback/{}`, and register it so at the provider",
            provider.id
        ))]))
    }

    /// Refuses what the person who applies it should know of first.
    fn agreed(
        &self,
        account: &AccountId,
        previous: &Mapping,
        provider: &Provider,
        consent: Consent,
    ) -> Result<(), ApplyError> {
        // Under the same rules the text says so, and whoever wrote it knows.
        if previous.rules == RULES || consent.redirect_uri {
            return Ok(());
        }
        let Ok(old) = self.applied(account, previous) else {
            return Ok(());
        };
        let (from, to) = (
            self.redirect_uri(account, &old),
            self.redirect_uri(account, provider),
        );
        if from == to {
            return Ok(());
        }
        Err(ApplyError::Asks(Question::RedirectUri { from, to }))
    }
}

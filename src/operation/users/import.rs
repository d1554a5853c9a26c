//! Users of another system, created here.
//!
//! Each row is checked by itself, and those that can be are created in one commit
//! with their entry in the audit log. A second run of the same file creates nobody.

use std::collections::{HashMap, HashSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::change::checked_name;
use crate::account::User;
use crate::account::credential::{self, Credential};
use crate::account::directory::steps::{self, Taken};
use crate::account::directory::{self, Link};
use crate::base::{AccountId, ErrorCode, ProviderId, Timestamp, UserId};
use crate::operation::{Access, Caller, Entry, OperationError, Operations, Outcome};
use crate::password::SlowHash;
use crate::provider::email;
use crate::store::Step;

/// The most users of one call.
pub const MOST: usize = 500;
/// The longest id at a provider, in bytes.
const LONGEST_ID: usize = 512;
/// The most links of one user.
const MOST_LINKS: usize = 20;
/// How often a call is tried again while others create the same users.
const TRIES: usize = 5;

/// Users to be created.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportUsers {
    /// The users, 500 at most.
    pub users: Vec<ImportedUser>,
    /// Checks and reports, and creates nobody.
    #[serde(default)]
    pub dry_run: bool,
}

/// A user of another system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportedUser {
    /// Their email.
    pub email: String,
    /// Their name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether the other system knew that the email is theirs; yes unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_trusted: Option<bool>,
    /// Whether they may not log in.
    #[serde(default)]
    pub disabled: bool,
    /// What their password hashes to there, by bcrypt, PBKDF2, scrypt, argon2 or salted
    /// SHA; it is replaced by a hash of ours at the first login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<String>,
    /// Who they are at which of this account's providers: a login there finds them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<ImportedLink>,
}

/// Who a user is at a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportedLink {
    /// The provider's id.
    pub provider: String,
    /// The user's id there.
    pub user_id: String,
}

/// What became of one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ImportOutcome")]
pub enum RowOutcome {
    /// They were created; in a dry run, they would be.
    Created,
    /// Someone has the email already, and stays as they are.
    Exists,
    /// They cannot be created.
    Invalid,
}

/// What became of one user.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ImportRow")]
pub struct RowReport {
    /// Which of the list, from 1 on.
    pub row: usize,
    /// The email, as it was given.
    pub email: String,
    /// What became of them.
    pub outcome: RowOutcome,
    /// Their id, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Why they were not created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What became of the users.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct ImportReport {
    /// Whether nobody was created, since it was only a check.
    pub dry_run: bool,
    /// How many were created; in a dry run, would be.
    pub created: usize,
    /// How many were there already.
    pub exists: usize,
    /// How many cannot be created.
    pub invalid: usize,
    /// Each of them.
    pub rows: Vec<RowReport>,
}

impl ImportReport {
    fn add(&mut self, row: RowReport) {
        match row.outcome {
            RowOutcome::Created => self.created += 1,
            RowOutcome::Exists => self.exists += 1,
            RowOutcome::Invalid => self.invalid += 1,
        }
        self.rows.push(row);
    }

    /// Adds what became of more users.
    pub fn join(&mut self, more: Self) {
        self.dry_run |= more.dry_run;
        for row in more.rows {
            self.add(row);
        }
    }

    /// Adds a row that could not be read.
    pub fn unreadable(&mut self, row: usize, why: String) {
        self.add(RowReport {
            row,
            email: String::new(),
            outcome: RowOutcome::Invalid,
            id: None,
            why: Some(why),
        });
    }
}

/// Creates users of another system, or says what would become of them.
pub async fn import(
    ops: &Operations,
    caller: &Caller,
    account: &str,
    input: ImportUsers,
) -> Outcome<ImportReport> {
    let account = ops.account(caller, Access::Write, account).await?.value.id;
    if input.users.is_empty() || input.users.len() > MOST {
        return Err(OperationError::invalid(
            ErrorCode::RequestBad,
            "users",
            format!("send 1 to {MOST} users at a time"),
        ));
    }
    let mut tries = TRIES;
    loop {
        let (report, created, steps) = plan(ops, &account, &input).await?;
        if input.dry_run || created.is_empty() {
            return Ok(report);
        }
        let entry = Entry::new("user.import", format!("/accounts/{account}/users"))
            .of(Some(&account))
            .after(&json!({ "created": created.len(), "ids": created }));
        match ops.commit(caller, entry, steps).await {
            Ok(_) => return Ok(report),
            Err(error) if error.is_stale() && tries > 1 => tries -= 1,
            Err(error) => return Err(error),
        }
    }
}

/// What becomes of each, and the steps that make it so.
async fn plan(
    ops: &Operations,
    account: &AccountId,
    input: &ImportUsers,
) -> Outcome<(ImportReport, Vec<UserId>, Vec<Step>)> {
    let mut report = ImportReport {
        dry_run: input.dry_run,
        ..ImportReport::default()
    };
    let (mut created, mut steps) = (Vec::new(), Vec::new());
    let (mut emails, mut links) = (HashSet::new(), HashSet::new());
    let now = ops.clock.now();
    let mappings = ops.mappings.list(account).await?;
    let lineages: Lineages = mappings
        .into_iter()
        .map(|mapping| (mapping.value.provider, mapping.value.lineage))
        .collect();
    for (at, row) in input.users.iter().enumerate() {
        let mut line = RowReport {
            row: at + 1,
            email: row.email.clone(),
            outcome: RowOutcome::Invalid,
            id: None,
            why: None,
        };
        match checked(row, &lineages, now) {
            Err(why) => line.why = Some(why),
            Ok(mut user) => {
                let twice = user
                    .links
                    .iter()
                    .find(|link| links.contains(&(link.provider.clone(), link.user_id.clone())));
                if !emails.insert(email::key(&user.email)) {
                    line.why = Some("the email occurs twice in this list".into());
                } else if let Some(link) = twice {
                    line.why = Some(linked(link, "another user of this list"));
                } else {
                    let planned = steps::create(&*ops.store, account, &mut user, now).await?;
                    match planned {
                        Err(Taken::Email(id)) => {
                            line.outcome = RowOutcome::Exists;
                            line.id = Some(id.to_string());
                            line.why = Some("someone has this email already".into());
                        }
                        Err(Taken::Link(link)) => line.why = Some(linked(&link, "someone else")),
                        Ok(own) => {
                            line.outcome = RowOutcome::Created;
                            line.id = (!input.dry_run).then(|| user.id.to_string());
                            links.extend(
                                user.links
                                    .into_iter()
                                    .map(|link| (link.provider, link.user_id)),
                            );
                            created.push(user.id);
                            steps.extend(own);
                            let hash = row.password_hash.as_deref();
                            // It was checked with the row.
                            if let Some(Ok(hash)) = hash.map(SlowHash::imported) {
                                let credential = Credential::new(hash, now);
                                steps.push(credential::step_put(account, user.id, &credential)?);
                            }
                        }
                    }
                }
            }
        }
        report.add(line);
    }
    Ok((report, created, steps))
}

fn linked(link: &Link, whose: &str) -> String {
    format!(
        "`{}` at `{}` is {whose} already",
        link.user_id, link.provider
    )
}

/// Which server each provider's id stands for now: the ids that come are those there.
type Lineages = HashMap<ProviderId, u64>;

/// The user that a row describes.
fn checked(row: &ImportedUser, lineages: &Lineages, now: Timestamp) -> Result<User, String> {
    let email = email::normalize(row.email.trim()).map_err(|error| error.to_string())?;
    let name = checked_name(row.name.as_deref()).map_err(|error| error.detail)?;
    if let Some(hash) = &row.password_hash {
        SlowHash::imported(hash)?;
    }
    let mut user = directory::new(&email, name, now);
    user.email_trusted = row.email_trusted.unwrap_or(true);
    user.disabled = row.disabled;
    if row.links.len() > MOST_LINKS {
        return Err(format!("a user has at most {MOST_LINKS} links"));
    }
    for link in &row.links {
        let provider: ProviderId = link
            .provider
            .parse()
            .map_err(|error| format!("provider `{}`: {error}", link.provider))?;
        let id = &link.user_id;
        if id.is_empty() || id.len() > LONGEST_ID || id.contains('\0') {
            return Err(format!(
                "an id at a provider has 1 to {LONGEST_ID} bytes and no NUL"
            ));
        }
        let link = Link {
            lineage: lineages.get(&provider).copied().unwrap_or_default(),
            provider,
            user_id: id.clone(),
        };
        if !user.links.contains(&link) {
            user.links.push(link);
        }
    }
    Ok(user)
}

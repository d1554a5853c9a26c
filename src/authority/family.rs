//! Where families of refresh tokens are kept.
//!
//! A family's record ends some time after the last of its tokens, and its key has
//! that moment in it; so it moves when that comes near. Its *place* does not: a
//! small record under the grant's public name says where the family is now. Each
//! token of the family, and the code that it came of, has that name in it.

use serde::{Deserialize, Serialize};

use super::Authority;
use super::application::ClientId;
use super::granted::Granted;
use super::notices;
use super::revoked::{Ending, GRANT_ID, Issued, SID, revoke_all_with};
use crate::base::{Timestamp, UserId};
use crate::store::{
    Key, Keyspace, Precondition, Space, Step, Store, StoreError, Token, Version, Versioned,
};

static FAMILIES: Space = Space::durable("refresh_families")
    .expiring()
    .owned()
    .sealed();
static PLACES: Space = Space::durable("refresh_places").expiring().owned();

/// A family is its user's. Partitions don't tell accounts apart: a refresh token
/// says nothing of its account, and users are one to all accounts.
const RECORDS: Keyspace<Record> = Keyspace::new(&FAMILIES).owned_by(|record| match record {
    Record::Family(family) => Some(family.granted.user.as_bytes().to_vec()),
    Record::Moved(_) => None,
});
/// A place is its grant's, and has the id of the family's record.
const BY_GRANT: Keyspace<String> =
    Keyspace::new(&PLACES).owned_by(|grant_id| Some(grant_id.as_bytes().to_vec()));

/// How many pointers of before are followed to a family.
const MAX_MOVES: usize = 4;
/// How often a family is looked for again that is changed at the same time.
const TRIES: usize = 50;
/// How many families are read at once.
const PAGE: usize = 100;

/// Gives families of before their owners.
pub(super) async fn index(store: &dyn Store, now: Timestamp) -> Result<(), StoreError> {
    RECORDS.index(store, now).await
}

pub(super) fn spaces() -> [&'static Space; 2] {
    [&FAMILIES, &PLACES]
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Record {
    Family(Box<Family>),
    /// The text of the token by which it is found now; from before there were places.
    Moved(String),
}

/// What a grant's refresh tokens are judged by.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Family {
    pub granted: Granted,
    pub expires_at: Timestamp,
    /// The secret that counts, hashed as all of them; empty where there is none.
    pub current: String,
    /// Another that counts, given within the grace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spare: Option<String>,
    /// The one that was used last, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<(String, Timestamp)>,
    /// Access tokens that it gave before they named their grant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub issued: Vec<Issued>,
    /// The grant's public name; absent from what was before this was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_id: Option<String>,
}

impl Family {
    /// Whether there is a refresh token.
    pub fn refreshes(&self) -> bool {
        !self.current.is_empty()
    }
}

/// A family and where it is.
pub(super) struct Found {
    key: Key,
    pub family: Family,
    version: Version,
}

impl Found {
    /// The id of its record.
    pub fn id(&self) -> &[u8] {
        self.key.id()
    }
}

impl Authority {
    /// Until when a family's record stays where it is written now.
    pub(super) fn family_ends(&self, now: Timestamp) -> Timestamp {
        now.plus(self.refresh_token_lifetime.saturating_mul(2))
    }

    /// Writes a new family.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the session that it comes from has ended.
    pub(super) async fn put_family(&self, token: &Token, family: Family) -> Result<(), StoreError> {
        let unended = family.granted.sid.as_deref();
        let unended = unended.map(|sid| self.check_unrevoked(SID, sid));
        let record = Record::Family(Box::new(family));
        let key = token.key(&FAMILIES, "");
        let mut steps = vec![
            Step::Check(key.clone(), Precondition::Absent),
            RECORDS.step_put_at(key, &record)?,
            BY_GRANT.step_put_at(token.key(&PLACES, ""), &token.name())?,
        ];
        steps.extend(unended);
        self.store.commit(steps).await.map(|_| ())
    }

    /// Notes a grant without a refresh token, so that it can be listed and ended
    /// while its access token lives. A crash may lose the note.
    pub(super) async fn note_grant(&self, token: &Token, family: Family) -> Result<(), StoreError> {
        let token = token.until(family.expires_at);
        let record = Record::Family(Box::new(family));
        let (when, store) = (Precondition::Any, &*self.store);
        BY_GRANT
            .put_soon_by(store, "", &token, &token.name(), when)
            .await?;
        RECORDS
            .put_soon_by(store, "", &token, &record, when)
            .await?;
        Ok(())
    }

    /// The family that a token belongs to, and the token that it goes by now.
    pub(super) async fn find_family(
        &self,
        mut token: Token,
    ) -> Result<Option<(Token, Found)>, StoreError> {
        for _ in 0..MAX_MOVES {
            let key = token.key(&FAMILIES, "");
            match RECORDS.get_at(&*self.store, &key).await? {
                Some(Versioned {
                    value: Record::Family(family),
                    version,
                }) => {
                    let family = *family;
                    let found = Found {
                        key,
                        family,
                        version,
                    };
                    return Ok(Some((token, found)));
                }
                Some(Versioned {
                    value: Record::Moved(to),
                    ..
                }) => match Token::parse(&to) {
                    Some(to) => token = to,
                    None => return Ok(None),
                },
                None => {
                    let found = family_of_grant(&self.ending(), &token.name()).await?;
                    return Ok(found.and_then(|found| {
                        let until = found.key.expires_at()?;
                        Some((token.until(until), found))
                    }));
                }
            }
        }
        Ok(None)
    }

    /// Who a grant is to, while it can be refreshed.
    pub(super) async fn grantee_of(&self, grant_id: &str) -> Result<Option<ClientId>, StoreError> {
        let found = family_of_grant(&self.ending(), grant_id).await?;
        Ok(found.map(|found| found.family.granted.client_id))
    }

    /// Writes a family over what was read, at a new place where its time comes
    /// near; gives the token that it goes by then.
    pub(super) async fn write_family(
        &self,
        token: Token,
        over: &Found,
        family: Family,
        now: Timestamp,
    ) -> Result<Token, StoreError> {
        let record = Record::Family(Box::new(family));
        let when = Precondition::Version(over.version);
        if now.plus(self.refresh_token_lifetime) <= token.expires_at() {
            RECORDS
                .put_at(&*self.store, over.key.clone(), &record, when)
                .await?;
            return Ok(token);
        }
        let moved = token.until(self.family_ends(now));
        let steps = vec![
            Step::Check(over.key.clone(), when),
            Step::Delete(over.key.clone()),
            Step::Delete(token.key(&PLACES, "")),
            RECORDS.step_put_at(moved.key(&FAMILIES, ""), &record)?,
            BY_GRANT.step_put_at(moved.key(&PLACES, ""), &moved.name())?,
        ];
        self.store.commit(steps).await?;
        Ok(moved)
    }

    /// Ends the grant that a refresh token belongs to; on disk when this returns.
    pub(super) async fn end_family(&self, token: &Token) -> Result<(), StoreError> {
        for _ in 0..TRIES {
            let Some((token, found)) = self.find_family(token.clone()).await? else {
                return Ok(());
            };
            if remove_family(&self.ending(), &found, Some(&token.name())).await? {
                return Ok(());
            }
        }
        Err(StoreError::Conflict)
    }
}

/// The family of a grant.
pub(super) async fn family_of_grant(
    ending: &Ending<'_>,
    grant_id: &str,
) -> Result<Option<Found>, StoreError> {
    for _ in 0..TRIES {
        let places = BY_GRANT
            .page_of(ending.store, "", grant_id.as_bytes(), None, 10)
            .await?;
        let Some((place, _)) = places.last() else {
            return Ok(None);
        };
        let Some(key) = Key::of_id(&FAMILIES, "", place.id()) else {
            return Ok(None);
        };
        if let Some(found) = RECORDS.get_at(ending.store, &key).await? {
            return Ok(match found.value {
                Record::Family(family) => Some(Found {
                    key,
                    family: *family,
                    version: found.version,
                }),
                Record::Moved(_) => None,
            });
        }
        // It moved or ended meanwhile.
    }
    Err(StoreError::Conflict)
}

/// Ends a grant: its access tokens, and its refresh tokens if it has any; on
/// disk when this returns.
pub(super) async fn end_grant(ending: &Ending<'_>, grant_id: &str) -> Result<(), StoreError> {
    for _ in 0..TRIES {
        let Some(found) = family_of_grant(ending, grant_id).await? else {
            return revoke_all_with(ending, GRANT_ID, grant_id).await;
        };
        if remove_family(ending, &found, Some(grant_id)).await? {
            return Ok(());
        }
    }
    Err(StoreError::Conflict)
}

/// Ends all grants that come from a session of a user; on disk when this returns.
pub(super) async fn end_grants_of_session(
    ending: &Ending<'_>,
    user: UserId,
    sid: &str,
) -> Result<(), StoreError> {
    // First, so that no other family begins meanwhile.
    revoke_all_with(ending, SID, sid).await?;
    let theirs = |granted: &Granted| granted.sid.as_deref() == Some(sid);
    end_families(ending, Some(user), theirs).await.map(|_| ())
}

/// A page of families after the id `after`: of a user, or all.
pub(super) async fn page(
    store: &dyn Store,
    user: Option<UserId>,
    after: Option<Vec<u8>>,
) -> Result<Vec<Found>, StoreError> {
    let found = match user {
        Some(user) => {
            let owner = user.as_bytes();
            RECORDS.page_of(store, "", owner, after, PAGE).await?
        }
        None => RECORDS.page(store, "", b"", after, PAGE).await?,
    };
    let families = found.into_iter().filter_map(|(key, found)| {
        let Record::Family(family) = found.value else {
            return None;
        };
        Some(Found {
            key,
            family: *family,
            version: found.version,
        })
    });
    Ok(families.collect())
}

/// Ends those grants of a user, or of all, that are meant; gives them. On disk
/// when this returns.
pub(super) async fn end_families(
    ending: &Ending<'_>,
    user: Option<UserId>,
    meant: impl Fn(&Granted) -> bool,
) -> Result<Vec<Granted>, StoreError> {
    let mut ended = Vec::new();
    for _ in 0..TRIES {
        let mut all = true;
        let mut after = None;
        loop {
            let found = page(ending.store, user, after).await?;
            let Some(last) = found.last() else {
                break;
            };
            after = Some(last.id().to_vec());
            for found in found.into_iter().filter(|f| meant(&f.family.granted)) {
                if remove_family(ending, &found, None).await? {
                    ended.push(found.family.granted);
                } else {
                    all = false;
                }
            }
        }
        if all {
            return Ok(ended);
        }
    }
    Err(StoreError::Conflict)
}

/// Removes a family as it was read, and revokes the access tokens that it gave, in one
/// commit; `false`: it was changed meanwhile.
async fn remove_family(
    ending: &Ending<'_>,
    found: &Found,
    grant_id: Option<&str>,
) -> Result<bool, StoreError> {
    let mut steps = vec![
        Step::Check(found.key.clone(), Precondition::Version(found.version)),
        Step::Delete(found.key.clone()),
    ];
    steps.extend(Key::of_id(&PLACES, "", found.key.id()).map(Step::Delete));
    // One from before names were kept is told by whoever found it.
    if let Some(grant_id) = found.family.grant_id.as_deref().or(grant_id) {
        steps.extend(ending.revoke_all_with(GRANT_ID, grant_id));
    }
    let issued = found.family.issued.iter();
    steps.extend(issued.filter_map(|issued| ending.revoke_one(issued)));
    if ending.tells {
        steps.extend(notices::step_of_grant(&found.family.granted, ending.now)?);
    }
    match ending.commit(steps).await {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error),
    }
}

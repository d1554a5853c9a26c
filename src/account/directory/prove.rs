//! Who a login is that proved an email, and came through no provider.
//!
//! Such a user is found by the email alone. Nothing stands for a provider: a link
//! would say that somebody else knows them.

use serde_json::Map;

use super::steps::first_generation;
use super::{
    BY_EMAIL, BY_LINK, IdentifiedUser, IdentifyError, RECORDS, TRIES, User, allowed, claim_email,
    words, write_without_waiting,
};
use crate::base::{AccountId, Timestamp, UserId};
use crate::provider::email;
use crate::store::{Precondition, Store, StoreError};

/// Finds or creates the user of an email that was proved just now, and notes the
/// login. The email must be normalized.
///
/// Where nobody vouched for the email before, whoever proves it gets the user
/// alone, as with a provider that vouches for it (threat F1).
pub async fn prove(
    store: &dyn Store,
    account: &AccountId,
    email: &str,
    now: Timestamp,
) -> Result<IdentifiedUser, IdentifyError> {
    for _ in 0..TRIES {
        if let Some(found) = attempt(store, account.as_str(), email, now).await? {
            return Ok(found);
        }
    }
    Err(IdentifyError::Store(StoreError::Conflict))
}

/// `None`: someone else wrote meanwhile, try again.
async fn attempt(
    store: &dyn Store,
    account: &str,
    email: &str,
    now: Timestamp,
) -> Result<Option<IdentifiedUser>, IdentifyError> {
    let key = email::key(email);
    let fresh = UserId::new();
    let id = claim_email(store, account, &key, fresh).await?;
    let Some(found) = RECORDS.get(store, account, id.as_bytes()).await? else {
        let user = User {
            id,
            email: email.to_owned(),
            name: None,
            links: Vec::new(),
            created_at: now,
            last_login_at: now,
            email_trusted: true,
            disabled: false,
            more: Map::new(),
            last_link: None,
            generation: if id == fresh {
                0
            } else {
                first_generation(now)
            },
        };
        let when = Precondition::Absent;
        words::add(store, account, None, &user).await?;
        return match RECORDS
            .put_soon(store, account, id.as_bytes(), &user, when)
            .await
        {
            Ok(_) => Ok(Some(IdentifiedUser {
                user,
                proved: false,
                settled: false,
            })),
            Err(StoreError::Conflict) => Ok(None),
            Err(error) => Err(error.into()),
        };
    };
    let mut user = allowed(&found)?;
    if email::key(&user.email) != key {
        // A claim left over from a change of email that did not end.
        BY_EMAIL
            .delete(store, account, key.as_bytes(), Precondition::Any)
            .await?;
        return Ok(None);
    }
    let proved = !user.email_trusted;
    let mut dropped = Vec::new();
    if proved {
        dropped = std::mem::take(&mut user.links);
        user.email_trusted = true;
        user.generation += 1;
        // Whoever waited for the owner chose it (threat F1).
        user.name = None;
    }
    // What a provider said of them is not said of this login.
    user.more = Map::new();
    user.last_link = None;
    user.last_login_at = user.last_login_at.max(now);
    let going = words::add(store, account, Some(&found.value), &user).await?;
    if !write_without_waiting(store, account, &user, &found).await? {
        return Ok(None);
    }
    going.remove(store).await?;
    for link in &dropped {
        BY_LINK
            .delete(store, account, &link.key(), Precondition::Any)
            .await?;
    }
    Ok(Some(IdentifiedUser {
        user,
        proved,
        settled: false,
    }))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Source, get, identify};
    use super::*;
    use crate::base::ManualClock;
    use crate::provider::extract::Profile;
    use crate::provider::file::EmailTrust;
    use crate::store::MemoryStore;

    fn profile(user_id: &str) -> Profile {
        Profile {
            user_id: user_id.to_owned(),
            email: "ada@example.test".to_owned(),
            email_verified: false,
            email_made_up: false,
            name: Some("Mallory".to_owned()),
            more: Map::new(),
        }
    }

    #[tokio::test]
    async fn a_proved_email_is_one_user_and_who_waited_for_it_is_out() {
        let now = Timestamp::from_secs(1_800_000_000);
        let store = MemoryStore::new(Arc::new(ManualClock::new(now)));
        let acme: AccountId = "acme".parse().unwrap();
        let other = Source {
            provider: &"other".parse().unwrap(),
            lineage: 0,
            email_trust: EmailTrust::Never,
        };
        let waiting = identify(&store, &acme, other, &profile("m"), now)
            .await
            .unwrap();
        let owner = prove(&store, &acme, "ada@example.test", now).await.unwrap();
        assert!(owner.proved);
        assert_eq!(owner.user.id, waiting.user.id);
        assert!(!owner.user.may_act(waiting.user.generation));
        assert_eq!((owner.user.links.len(), &owner.user.name), (0, &None));
        // The link from before leads nowhere.
        let again = identify(&store, &acme, other, &profile("m"), now).await;
        assert!(matches!(again, Err(IdentifyError::NotTrusted)), "{again:?}");

        let later = prove(&store, &acme, "Ada@example.test", now).await.unwrap();
        assert!(!later.proved);
        assert_eq!(later.user.id, owner.user.id);
        let fresh = prove(&store, &acme, "grace@example.test", now)
            .await
            .unwrap();
        assert_ne!(fresh.user.id, owner.user.id);
        let stored = get(&store, &acme, fresh.user.id).await.unwrap().unwrap();
        assert!(stored.value.email_trusted);
    }

    #[tokio::test]
    async fn a_provider_that_vouches_joins_the_user_of_a_proved_email() {
        let now = Timestamp::from_secs(1_800_000_000);
        let store = MemoryStore::new(Arc::new(ManualClock::new(now)));
        let acme: AccountId = "acme".parse().unwrap();
        let google = Source {
            provider: &"google".parse().unwrap(),
            lineage: 0,
            email_trust: EmailTrust::Provider,
        };
        let proved = prove(&store, &acme, "ada@example.test", now).await.unwrap();
        let joined = identify(&store, &acme, google, &profile("1"), now).await;
        let joined = joined.unwrap();
        assert_eq!(joined.user.id, proved.user.id);
        assert!(!joined.proved);
        // And back, with what the provider said left out.
        let back = prove(&store, &acme, "ada@example.test", now).await.unwrap();
        assert_eq!((back.user.links.len(), back.user.last_link), (1, None));
    }
}

//! Users as people look for them: by the beginning of an email, of a word in the
//! name or the email, or of an id at a provider.

use std::collections::HashSet;

use super::words::{self, BY_WORD, Kind, cut, fold};
use super::{BY_EMAIL, RECORDS, User};
use crate::base::{AccountId, UserId};
use crate::provider::email;
use crate::store::{Store, StoreError, Versioned};

/// How many records one read fetches.
const STEP: usize = 500;
/// Who counts users looks at so many records of each kind at most.
const MOST_COUNTED: usize = 10_000;

/// What whole emails are found under, before all other words.
const WHOLE: u8 = b'0';

/// What was typed.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// What the index is asked for; empty: everybody.
    word: String,
    /// What else must be in an email, a name or an id at a provider.
    rest: Vec<String>,
}

impl Wanted {
    /// All words of a text.
    pub fn new(text: &str) -> Self {
        let mut words: Vec<String> = fold(text).split_whitespace().map(str::to_owned).collect();
        // The longest: fewest begin with it.
        let longest = words.iter().enumerate().max_by_key(|(_, word)| word.len());
        match longest.map(|(at, _)| at) {
            Some(at) => Self {
                word: cut(&words.swap_remove(at)).to_owned(),
                rest: words,
            },
            None => Self::default(),
        }
    }

    /// Whether it is everybody.
    pub fn is_everybody(&self) -> bool {
        self.word.is_empty()
    }

    /// Where a user stands in the list; `None`: nowhere.
    fn place(&self, user: &User) -> Option<Vec<u8>> {
        let email = email::key(&user.email);
        let has = |word: &String| {
            email.contains(word)
                || user.name.as_deref().is_some_and(|n| fold(n).contains(word))
                || user.links.iter().any(|l| fold(&l.user_id).contains(word))
        };
        if !self.rest.iter().all(has) {
            return None;
        }
        if email.starts_with(&self.word) {
            return Some([&[WHOLE], email.as_bytes()].concat());
        }
        let mut words = words::of(user).into_iter();
        words.find(|id| words::word(id).starts_with(self.word.as_bytes()))
    }
}

/// A page of the users that are wanted, after a place in the list: first those whose
/// email begins with what was typed, then those whose name does, by email and by name.
/// Each with their place.
pub async fn search(
    store: &dyn Store,
    account: &AccountId,
    wanted: &Wanted,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<(Vec<u8>, Versioned<User>)>, StoreError> {
    let mut out = Vec::new();
    for kind in kinds(wanted) {
        let mut from = match after.and_then(|place| place.split_first()) {
            Some((first, _)) if *first > kind => continue,
            Some((first, rest)) if *first == kind => Some(rest.to_vec()),
            _ => None,
        };
        loop {
            let found = entries(store, account, kind, &wanted.word, from.clone()).await?;
            let Some((last, _)) = found.last() else {
                break;
            };
            from = Some(last.clone());
            for (id, user) in found {
                let Some(user) = RECORDS
                    .get(store, account.as_str(), user.as_bytes())
                    .await?
                else {
                    continue;
                };
                // Once only, and not for what they were called before.
                let place = [&[kind], id.as_slice()].concat();
                if wanted.place(&user.value).as_ref() == Some(&place) {
                    out.push((place, user));
                    if out.len() == limit {
                        return Ok(out);
                    }
                }
            }
        }
    }
    Ok(out)
}

/// How many users are wanted; false behind it: at least so many.
pub async fn count(
    store: &dyn Store,
    account: &AccountId,
    wanted: &Wanted,
) -> Result<(usize, bool), StoreError> {
    let mut users: HashSet<UserId> = HashSet::new();
    let mut all = true;
    for kind in kinds(wanted) {
        let (mut from, mut seen) = (None, 0);
        loop {
            let found = entries(store, account, kind, &wanted.word, from).await?;
            let Some((last, _)) = found.last() else {
                break;
            };
            from = Some(last.clone());
            seen += found.len();
            users.extend(found.iter().map(|(_, user)| *user));
            if seen >= MOST_COUNTED {
                all = false;
                break;
            }
        }
    }
    if wanted.rest.is_empty() {
        return Ok((users.len(), all));
    }
    let mut count = 0;
    for id in users {
        let user = RECORDS.get(store, account.as_str(), id.as_bytes()).await?;
        count += usize::from(user.is_some_and(|user| wanted.place(&user.value).is_some()));
    }
    Ok((count, all))
}

/// The kinds of words that are looked at, in the order of the list.
fn kinds(wanted: &Wanted) -> impl Iterator<Item = u8> {
    let others = if wanted.is_everybody() {
        &[]
    } else {
        Kind::ALL.as_slice()
    };
    std::iter::once(WHOLE).chain(others.iter().map(|kind| kind.byte()))
}

/// What begins with a word, from an id on; ids without the byte of the kind.
async fn entries(
    store: &dyn Store,
    account: &AccountId,
    kind: u8,
    word: &str,
    after: Option<Vec<u8>>,
) -> Result<Vec<(Vec<u8>, UserId)>, StoreError> {
    let account = account.as_str();
    if kind == WHOLE {
        let prefix = word.as_bytes();
        let found = BY_EMAIL.page(store, account, prefix, after, STEP).await?;
        let found = found.into_iter();
        return Ok(found.map(|(k, id)| (k.id().to_vec(), id.value)).collect());
    }
    let with_kind = |rest: &[u8]| [&[kind], rest].concat();
    let prefix = with_kind(word.as_bytes());
    let after = after.map(|after| with_kind(&after));
    let found = BY_WORD.page(store, account, &prefix, after, STEP).await?;
    let found = found.into_iter();
    Ok(found
        .map(|(k, found)| (k.id()[1..].to_vec(), found.value.user))
        .collect())
}

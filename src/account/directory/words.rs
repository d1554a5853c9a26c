//! By which words a user is found, beside the whole email: those of the name, the
//! parts of the email, and the ids at providers.
//!
//! Each is a record of its own, with the word in front of its id, so that a search
//! reads what begins with what was typed and nothing else. Words are written before
//! the user's record and taken away after it; the log is one, so whoever is there
//! can be found. A crash may leave a word without its user; whoever reads compares
//! with the record.

use std::collections::BTreeSet;

use icu_normalizer::DecomposingNormalizer;
use serde::{Deserialize, Serialize};

use super::{Link, RECORDS, User};
use crate::base::{Timestamp, UserId};
use crate::provider::email;
use crate::store::{
    Key, Keyspace, Precondition, Space, Step, Store, StoreError, Version, index_is_done,
    note_indexed,
};

static WORDS: Space = Space::durable("user_words").owned();

pub(super) fn space() -> &'static Space {
    &WORDS
}

/// A word leads to its user, who owns it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Found {
    pub user: UserId,
}

pub(super) const BY_WORD: Keyspace<Found> =
    Keyspace::new(&WORDS).owned_by(|found| Some(found.user.as_bytes().to_vec()));

/// The longest word, in bytes; what is longer is found by its beginning.
const LONGEST: usize = 128;
/// How many words of a name or an email count.
const MOST: usize = 8;
/// How many records one read fetches.
const STEP: usize = 500;

/// What a word is of; in this order users are listed who are found by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The name, from one of its words on.
    Name = b'1' as isize,
    /// The email, from one of its parts on.
    Email = b'2' as isize,
    /// The id at a provider.
    Link = b'3' as isize,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Name, Self::Email, Self::Link];

    pub(super) fn byte(self) -> u8 {
        self as u8
    }
}

/// A text as it is compared: in lower case, without accents.
pub(super) fn fold(text: &str) -> String {
    let lower = text.to_lowercase();
    let plain = DecomposingNormalizer::new_nfd();
    let kept = plain
        .normalize_iter(lower.chars())
        .filter(|c| !matches!(c, '\u{300}'..='\u{36f}') && !c.is_control());
    kept.collect()
}

/// The beginning of a word that is compared.
pub(super) fn cut(word: &str) -> &str {
    let mut end = word.len().min(LONGEST);
    while !word.is_char_boundary(end) {
        end -= 1;
    }
    &word[..end]
}

/// The text from each of its words on.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut before = ' ';
    let begins = text.char_indices().filter_map(move |(at, c)| {
        let begins = c.is_alphanumeric() && !before.is_alphanumeric();
        before = c;
        begins.then(|| cut(&text[at..]))
    });
    begins.take(MOST)
}

/// The ids in [`BY_WORD`] under which a user is.
pub(super) fn of(user: &User) -> BTreeSet<Vec<u8>> {
    let mut all = BTreeSet::new();
    let mut add = |kind, word: &str| all.insert(id(kind, word, user.id));
    for part in parts(&fold(user.name.as_deref().unwrap_or_default())) {
        add(Kind::Name, part);
    }
    // The whole email has a place of its own.
    for part in parts(&email::key(&user.email)).skip(1) {
        add(Kind::Email, part);
    }
    for Link { user_id, .. } in &user.links {
        add(Kind::Link, cut(&fold(user_id)));
    }
    all
}

fn id(kind: Kind, word: &str, user: UserId) -> Vec<u8> {
    let mut id = vec![kind.byte()];
    id.extend_from_slice(word.as_bytes());
    id.push(0);
    id.extend_from_slice(user.as_bytes());
    id
}

/// The word in an id of [`BY_WORD`].
pub(super) fn word(id: &[u8]) -> &[u8] {
    let end = id.len().saturating_sub(17);
    id.get(1..end).unwrap_or_default()
}

/// Words that go once the user's record is written.
#[derive(Debug, Default)]
pub(super) struct Going(Vec<(Key, Version)>);

/// To be called before a user's record is written: adds the words that are new.
pub(super) async fn add(
    store: &dyn Store,
    account: &str,
    before: Option<&User>,
    user: &User,
) -> Result<Going, StoreError> {
    if before.is_some_and(|before| same_words(before, user)) {
        return Ok(Going::default());
    }
    let (old, new) = (before.map(of).unwrap_or_default(), of(user));
    for id in new.difference(&old) {
        let found = Found { user: user.id };
        BY_WORD
            .put_soon(store, account, id, &found, Precondition::Any)
            .await?;
    }
    let mut going = Vec::new();
    for id in old.difference(&new) {
        // Of this version only: somebody else may need the word again meanwhile.
        if let Some(found) = BY_WORD.get(store, account, id).await? {
            going.push((Key::new(&WORDS, account, id.as_slice()), found.version));
        }
    }
    Ok(Going(going))
}

impl Going {
    /// To be called after the record was written.
    pub(super) async fn remove(self, store: &dyn Store) -> Result<(), StoreError> {
        for (key, version) in self.0 {
            match store.delete(&key, Precondition::Version(version)).await {
                Ok(_) | Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn same_words(one: &User, other: &User) -> bool {
    one.name == other.name && one.email == other.email && one.links == other.links
}

/// The steps of a batch that write the words of a new user.
pub(super) fn steps(account: &str, user: &User) -> Result<Vec<Step>, StoreError> {
    let found = Found { user: user.id };
    let ids = of(user).into_iter();
    ids.map(|id| BY_WORD.step_put(account, &id, &found))
        .collect()
}

/// Gives users of before their words, once in a store's life. To be called before
/// the first search.
pub async fn index(store: &dyn Store, now: Timestamp) -> Result<(), StoreError> {
    if index_is_done(store, WORDS.name).await? {
        return Ok(());
    }
    for account in store.partitions(RECORDS.space()).await? {
        let mut after = None;
        loop {
            let found = RECORDS.page(store, &account, b"", after, STEP).await?;
            let Some((last, _)) = found.last() else {
                break;
            };
            after = Some(last.id().to_vec());
            for (_, user) in &found {
                add(store, &account, None, &user.value).await?;
            }
        }
    }
    note_indexed(store, WORDS.name, now).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_compared_without_case_and_accents() {
        assert_eq!(fold("José ÁVILA-Ñuñez"), "jose avila-nunez");
        let name = fold("José da Ávila");
        let parts: Vec<&str> = parts(&name).collect();
        assert_eq!(parts, ["jose da avila", "da avila", "avila"]);
    }

    #[test]
    fn a_long_word_is_cut_between_characters() {
        let long = "ß".repeat(100);
        assert_eq!(cut(&long), "ß".repeat(64));
        assert_eq!(cut(&format!("a{long}")).len(), 127);
    }
}

//! Which browsers somebody logged in from with a password: their guesses are counted
//! apart, so that a stranger's keep nobody out of a browser of their own, also behind
//! the same address (threats K10, F7).

use std::time::Duration;

use super::super::Logins;
use crate::base::{AccountId, UserId};
use crate::store::{Keyspace, Precondition, Space, StoreError, Token};

/// How long a browser is known.
pub const LIFETIME: Duration = Duration::from_secs(180 * 24 * 3600);

static BROWSERS: Space = Space::durable("shopper_browsers").expiring();
/// By account: whose browser it is.
const RECORDS: Keyspace<UserId> = Keyspace::new(&BROWSERS);

pub(super) fn space() -> &'static Space {
    &BROWSERS
}

/// Whose browser it is that brought this cookie, and what its guesses are counted by.
pub(super) async fn known(
    logins: &Logins,
    account: &AccountId,
    cookie: Option<&str>,
) -> Result<Option<(UserId, String)>, StoreError> {
    let token = cookie.and_then(Token::parse);
    let Some(token) = token.filter(|token| logins.now() < token.expires_at()) else {
        return Ok(None);
    };
    let found = RECORDS.get_by(&*logins.store, account.as_str(), &token);
    let place = format!("browser {}", token.name());
    Ok(found.await?.map(|found| (found.value, place)))
}

/// Remembers a browser in which somebody just logged in; gives its cookie's value.
/// `None`: it is known already.
pub async fn remember(
    logins: &Logins,
    account: &AccountId,
    user: UserId,
    cookie: Option<&str>,
) -> Result<Option<Token>, StoreError> {
    let before = known(logins, account, cookie).await?;
    if before.is_some_and(|(whose, _)| whose == user) {
        return Ok(None);
    }
    let token = Token::new(logins.now().plus(LIFETIME));
    let (store, new) = (&*logins.store, Precondition::Absent);
    RECORDS
        .put_soon_by(store, account.as_str(), &token, &user, new)
        .await?;
    Ok(Some(token))
}

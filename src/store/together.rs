//! Whether all brokers of a database have their transient records at the same server.
//!
//! Two brokers with two servers by mistake would each know only the logins that began
//! there. So a server has a mark of its own, and whoever uses it writes the mark into
//! the database every few seconds. A start that finds another server's mark, written a
//! moment ago, is refused.

use std::sync::{Arc, Weak};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::{debug, warn};

use super::{Keyspace, PostgresStore, Precondition, RedisStore, Space, StoreError};
use crate::base::{Clock, Timestamp};

/// It is of a database and a server as they run, and no part of what is copied, so it is
/// in no list of spaces.
static SERVERS: Space = Space::durable("transient_server");
const SERVER: Keyspace<Used> = Keyspace::new(&SERVERS);
const ID: &[u8] = b"used";

/// How often it is said.
const EVERY: Duration = Duration::from_secs(5);
/// For how long what was said counts.
const LASTS: Duration = Duration::from_secs(20);

/// Which server somebody uses.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Used {
    mark: String,
    at: Timestamp,
}

/// The mark that another broker wrote a moment ago, if it is not this one.
async fn another(durable: &PostgresStore, mark: &str, now: Timestamp) -> Result<bool, StoreError> {
    let found = SERVER.get(durable, "", ID).await?;
    Ok(found.is_some_and(|found| {
        let Used { mark: other, at } = found.value;
        other != mark && now.since(at) < LASTS
    }))
}

/// Fails where other brokers of the database use another server; from then on says which
/// one is used here, for as long as both stores are there.
///
/// # Errors
/// [`StoreError::Refused`], and [`StoreError::Unavailable`] where one of them does not
/// answer.
pub async fn agree(
    durable: &Arc<PostgresStore>,
    transient: &Arc<RedisStore>,
    clock: Arc<dyn Clock>,
) -> Result<(), StoreError> {
    let mark = transient.mark().await?;
    if another(durable, &mark, clock.now()).await? {
        return Err(StoreError::Refused(format!(
            "other brokers of this database have their transient records at another server; give all the same `store.transient`. \
             Where it moved, stop them all first; where it was emptied just now, start again in {} s",
            LASTS.as_secs()
        )));
    }
    say(durable, mark, clock.now()).await?;
    tokio::spawn(go_on(
        Arc::downgrade(durable),
        Arc::downgrade(transient),
        clock,
    ));
    Ok(())
}

async fn say(durable: &PostgresStore, mark: String, at: Timestamp) -> Result<(), StoreError> {
    let used = Used { mark, at };
    SERVER
        .put_soon(durable, "", ID, &used, Precondition::Any)
        .await?;
    Ok(())
}

async fn go_on(durable: Weak<PostgresStore>, transient: Weak<RedisStore>, clock: Arc<dyn Clock>) {
    let mut warned = false;
    loop {
        tokio::time::sleep(EVERY).await;
        let (Some(durable), Some(transient)) = (durable.upgrade(), transient.upgrade()) else {
            return;
        };
        let said = async {
            let mark = transient.mark().await?;
            let other = another(&durable, &mark, clock.now()).await?;
            say(&durable, mark, clock.now()).await?;
            Ok::<_, StoreError>(other)
        };
        match said.await {
            Ok(true) if !warned => {
                warned = true;
                warn!(
                    "another broker of this database has its transient records at another server, so logins that begin here are unknown there; give all the same `store.transient`"
                );
            }
            Ok(_) => {}
            // A store that is closed, or in trouble that others tell.
            Err(error) => {
                debug!(why = %error, "which server has the transient records was not said");
            }
        }
    }
}

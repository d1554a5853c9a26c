//! Whether the nodes that a URL names are of one cluster.
//!
//! A client learns the cluster from whichever node answers first. With nodes of two
//! clusters some brokers would be on one and the others on the other, and logins that
//! begin here would be unknown there.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use redis::{Client, RedisError};
use tokio::time::timeout;

use super::super::StoreError;
use super::link::TRY;

/// The nodes that a node knows, itself among them; `None` where it does not answer.
async fn nodes(client: &Client) -> Option<BTreeSet<String>> {
    let asked = timeout(TRY, async {
        let mut connection = client.get_multiplexed_async_connection().await?;
        let mut ask = redis::cmd("CLUSTER");
        ask.arg("NODES").query_async(&mut connection).await
    });
    let said: Result<String, RedisError> = asked.await.ok()?;
    let said = said.ok()?;
    let ids = said.lines().filter_map(|line| line.split(' ').next());
    Some(ids.map(str::to_owned).collect())
}

/// Fails where two of them know nothing of each other.
pub(super) async fn one_cluster(seeds: &[(String, Client)]) -> Result<(), StoreError> {
    let looks = seeds
        .iter()
        .map(async |(name, client)| Some((name, nodes(client).await?)));
    let seen: Vec<_> = join_all(looks).await.into_iter().flatten().collect();
    let Some(((first, known), others)) = seen.split_first() else {
        return Ok(());
    };
    match others.iter().find(|(_, ids)| ids.is_disjoint(known)) {
        None => Ok(()),
        Some((other, _)) => Err(StoreError::Refused(format!(
            "`store.transient` names nodes of two clusters: `{first}` and `{other}` know nothing of each other; \
             name the nodes of one"
        ))),
    }
}

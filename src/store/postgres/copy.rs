//! A copy of the durable records while brokers write to them.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::super::keyspace::STEP;
use super::super::recording::{Copied, Copies, Part};
use super::super::{Scan, Space, StoreError};
use super::pool::Pool;
use super::statements::{RECORD, Statements};
use super::{listed, partitions_in};
use crate::base::Clock;

/// One transaction that sees what there was when it began, however long it takes to
/// send that to a slow reader.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
    SET LOCAL idle_in_transaction_session_timeout = '10min'";

/// Makes copies.
pub(super) struct Copier {
    pub(super) pool: Arc<Pool>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) spaces: Vec<&'static Space>,
}

#[async_trait]
impl Copies for Copier {
    async fn copy(&self, out: mpsc::Sender<Part>) {
        if let Err(Some(error)) = self.all(&out).await {
            let _ = out.send(Err(error)).await;
        }
    }
}

impl Copier {
    /// `None` as the error: nobody reads any more.
    async fn all(&self, out: &mpsc::Sender<Part>) -> Result<(), Option<StoreError>> {
        let send = async |part| out.send(Ok(part)).await.map_err(|_| None);
        let failed = |failure| Some(StoreError::from(failure));
        let (table, now) = (Statements::of(RECORD), self.clock.now());
        let lease = self.pool.lease().await?;
        lease.begin(BEGIN).await.map_err(failed)?;
        for space in &self.spaces {
            let partitions = partitions_in(&lease, &table, space, now).await;
            for partition in partitions.map_err(failed)? {
                let mut scan = Scan::all(space, partition, STEP);
                loop {
                    let found = listed(&lease, &table, &scan, now).await.map_err(failed)?;
                    let Some((last, _)) = found.last() else {
                        break;
                    };
                    scan.after = Some(last.id().to_vec());
                    let records = found.into_iter();
                    let part = records.map(|(key, entry)| Copied::Record(key, entry.value));
                    send(part.collect()).await?;
                }
            }
        }
        lease.end("COMMIT").await.map_err(failed)?;
        send(vec![Copied::Changes, Copied::End]).await
    }
}

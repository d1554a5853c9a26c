//! The tables, and the way from one version of them to the next.
//!
//! Each step is one transaction with the note of its number, so that a step is
//! done or not. A start only looks; `vestibule data migrate` does the steps.

use std::time::Duration;

use super::super::StoreError;
use super::failure::Failure;
use super::pool::Lease;
use crate::base::Timestamp;

/// What each version adds. A step that was released is never changed.
const STEPS: &[&str] = &[
    // The first column is the partition: an account's records stay together, also
    // where a database spreads rows by it. Room is left in the pages so that a
    // record that changes stays in its page and touches no index.
    "CREATE TABLE vestibule_record (
        part text COLLATE \"C\" NOT NULL, space text COLLATE \"C\" NOT NULL, id bytea NOT NULL,
        ver bigint NOT NULL, ends bigint, owner bytea, val bytea NOT NULL,
        PRIMARY KEY (part, space, id)
     ) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
     CREATE INDEX vestibule_record_ends ON vestibule_record (space ASC, ends ASC)
        WHERE ends IS NOT NULL;
     CREATE INDEX vestibule_record_owner ON vestibule_record (part, space, owner, id)
        WHERE owner IS NOT NULL;
     CREATE UNLOGGED TABLE vestibule_transient (
        part text COLLATE \"C\" NOT NULL, space text COLLATE \"C\" NOT NULL, id bytea NOT NULL,
        ver bigint NOT NULL, ends bigint, owner bytea, val bytea NOT NULL,
        PRIMARY KEY (part, space, id)
     ) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.01);
     CREATE INDEX vestibule_transient_ends ON vestibule_transient (space ASC, ends ASC)
        WHERE ends IS NOT NULL;",
    // What was changed of late in spaces that brokers remember records of.
    "CREATE TABLE vestibule_change (
        at bigint NOT NULL, nonce uuid NOT NULL, space text COLLATE \"C\" NOT NULL,
        part text COLLATE \"C\" NOT NULL, id bytea NOT NULL, PRIMARY KEY (at, nonce)
     ) WITH (autovacuum_vacuum_scale_factor = 0.01);
     ALTER TABLE vestibule_meta ADD COLUMN installation uuid NOT NULL DEFAULT gen_random_uuid()",
];

/// How often a migration is tried that others are in the way of, and the pauses.
const TRIES: usize = 20;
const PAUSE: Duration = Duration::from_millis(100);

const PROGRAM: &str = "vestibule";
/// Each table, and since which version it is there.
const TABLES: [(&str, i64); 4] = [
    ("vestibule_meta", 0),
    ("vestibule_record", 1),
    ("vestibule_transient", 1),
    ("vestibule_change", 2),
];

const META: &str = "CREATE TABLE IF NOT EXISTS vestibule_meta (
    one boolean PRIMARY KEY CHECK (one), program text NOT NULL, schema bigint NOT NULL);
    INSERT INTO vestibule_meta (one, program, schema) VALUES (true, 'vestibule', 0)
    ON CONFLICT DO NOTHING";

/// The version this program has.
fn newest() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

/// What a database has in it.
enum Found {
    Nothing,
    /// Ours, of this version.
    Version(i64),
}

fn refused<T>(why: impl Into<String>) -> Result<T, StoreError> {
    Err(StoreError::Refused(why.into()))
}

/// Fails unless the database has the tables of this version.
pub(super) async fn check(lease: &Lease) -> Result<(), StoreError> {
    match look(lease).await? {
        Found::Version(version) if version == newest() => Ok(()),
        Found::Version(version) => refused(format!(
            "the database has schema {version}, this program needs {}; run `vestibule data migrate`",
            newest()
        )),
        Found::Nothing => refused("the database is empty; run `vestibule data migrate` first"),
    }
}

/// Brings the database to this version; says from which one, and to which.
pub(super) async fn migrate(lease: &Lease) -> Result<(i64, i64), StoreError> {
    let before = match look(lease).await? {
        Found::Version(version) => version,
        Found::Nothing => 0,
    };
    let mut tried = 0;
    while before < newest()
        && let Err(failure) = steps(lease).await
    {
        // Somebody else may be doing the same: of two who make a table one fails.
        let _ = lease.end("ROLLBACK").await;
        tried += 1;
        if tried == TRIES {
            return Err(failure.into());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok((before, newest()))
}

async fn steps(lease: &Lease) -> Result<(), Failure> {
    loop {
        lease.begin("BEGIN").await?;
        lease.run(META).await?;
        // Whoever has this row does the next step; the others wait, and look again.
        let rows = lease
            .rows("SELECT schema FROM vestibule_meta FOR UPDATE", &[])
            .await?;
        let done: i64 = rows.first().map_or(0, |row| row.get(0));
        let next = usize::try_from(done).ok().and_then(|done| STEPS.get(done));
        let Some(step) = next else {
            return lease.end("COMMIT").await;
        };
        lease.run(step).await?;
        lease
            .rows(
                "UPDATE vestibule_meta SET schema = $1 RETURNING one",
                &[&(done + 1)],
            )
            .await?;
        lease.end("COMMIT").await?;
    }
}

/// All of one moment: somebody may be migrating it.
async fn look(lease: &Lease) -> Result<Found, StoreError> {
    lease
        .begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await?;
    let found = look_within(lease).await;
    let ended = lease.end("ROLLBACK").await;
    let found = found?;
    ended?;
    Ok(found)
}

async fn look_within(lease: &Lease) -> Result<Found, StoreError> {
    let rows = lease
        .rows(
            "SELECT current_schema()::text, current_database()::text",
            &[],
        )
        .await?;
    let (schema, database): (Option<String>, String) = match rows.first() {
        Some(row) => (row.get(0), row.get(1)),
        None => (None, String::new()),
    };
    let Some(schema) = schema else {
        return refused(format!(
            "the `search_path` of the database `{database}` names no schema that is there"
        ));
    };
    let rows = lease
        .rows(
            "SELECT table_name::text FROM information_schema.tables WHERE table_schema = $1 \
             ORDER BY table_name LIMIT 1000",
            &[&schema],
        )
        .await?;
    let tables: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let has = |name: &str| tables.iter().any(|table| table == name);
    if !has("vestibule_meta") {
        let Some(first) = tables.first() else {
            return Ok(Found::Nothing);
        };
        if let Some((ours, _)) = TABLES.iter().find(|(name, _)| has(name)) {
            return half(&database, &format!("`{ours}` but not `vestibule_meta`"));
        }
        return refused(format!(
            "the database `{database}` belongs to another program: its schema `{schema}` has the table `{first}`; \
             give the broker a database of its own"
        ));
    }
    let rows = lease
        .rows("SELECT program, schema FROM vestibule_meta", &[])
        .await?;
    let (program, version): (String, i64) = match rows.first() {
        Some(row) => (row.get(0), row.get(1)),
        None => return half(&database, "no version"),
    };
    if program != PROGRAM {
        return refused(format!(
            "the database `{database}` belongs to another program, `{program}`; give the broker a database of its own"
        ));
    }
    if version > newest() {
        return refused(format!(
            "the database `{database}` has schema {version}, which is newer than this program's {}; \
             run the version of Vestibule that made it, or a later one",
            newest()
        ));
    }
    let mut wanted = TABLES.iter().filter(|(_, since)| *since <= version);
    if let Some((missing, _)) = wanted.find(|(name, _)| !has(name)) {
        return half(&database, &format!("no table `{missing}`"));
    }
    Ok(Found::Version(version))
}

fn half<T>(database: &str, what: &str) -> Result<T, StoreError> {
    refused(format!(
        "the schema of the database `{database}` is not whole: it has {what}; \
         restore the database from a backup, or begin with an empty one"
    ))
}

/// Brokers whose clocks differ would end each other's logins.
pub(super) async fn compare_clocks(
    lease: &Lease,
    now: Timestamp,
    most: Duration,
) -> Result<(), StoreError> {
    let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    let rows = lease.rows(sql, &[]).await?;
    let theirs = rows.first().map_or(0, |row| row.get::<_, i64>(0));
    let ours = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
    let apart = Duration::from_millis(ours.abs_diff(theirs));
    if apart <= most {
        return Ok(());
    }
    let (seconds, way) = (
        apart.as_secs(),
        if ours > theirs { "ahead of" } else { "behind" },
    );
    Err(StoreError::Refused(format!(
        "this machine's clock is {seconds} s {way} the database's; set the clocks by NTP"
    )))
}

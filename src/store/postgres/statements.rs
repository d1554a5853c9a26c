//! The statements, by table. They keep to what other databases that speak
//! PostgreSQL's protocol accept, but for `set_config`.
//!
//! What expires has the moment in its id, so whether a record is expired is known
//! before the database is asked.

/// Durable records.
pub(super) const RECORD: &str = "vestibule_record";
/// Transient records: a table that PostgreSQL empties after a crash.
pub(super) const TRANSIENT: &str = "vestibule_transient";

/// What was changed of late, for other brokers.
const CHANGE: &str = "vestibule_change (at, nonce, space, part, id)";
/// By the database's clock, and not that of the transaction's beginning.
const NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// `milliseconds`: rows since so long ago.
pub(super) const LOOK: &str = "SELECT nonce::text, space, part, id FROM vestibule_change \
    WHERE at > (extract(epoch FROM clock_timestamp()) * 1000)::bigint - $1::bigint";
/// `milliseconds`: removes rows of before then; many brokers may at once.
pub(super) const FORGET_CHANGES: &str = "DELETE FROM vestibule_change WHERE (at, nonce) IN \
    (SELECT at, nonce FROM vestibule_change \
    WHERE at < (extract(epoch FROM clock_timestamp()) * 1000)::bigint - $1::bigint \
    ORDER BY at LIMIT 100000 FOR UPDATE SKIP LOCKED)";

/// The names of a record's columns, as they are written.
const COLUMNS: &str = "(part, space, id, ver, ends, owner, val)";
const VALUES: &str = "$1::text, $2::text, $3::bytea, $4::bigint, $5::bigint, $6::bytea, $7::bytea";
/// What a write over a record that is there does.
const OVER: &str = "ON CONFLICT (part, space, id) DO UPDATE SET \
    ver = greatest(r.ver + 1, EXCLUDED.ver), owner = EXCLUDED.owner, val = EXCLUDED.val";
/// A commit that is not waited for lies before later ones in the one log. The
/// setting ends with the statement's own transaction, so any pool will do.
const SOON: &str = "WITH soon AS (SELECT set_config('synchronous_commit', 'off', true) AS sync)";

/// The statements of one table.
pub(super) struct Statements {
    /// `part, space, id`: version and value.
    pub(super) get: String,
    /// `part, space, id, ver, ends, owner, val`: the version it got.
    pub(super) put: String,
    /// The same where there is none.
    pub(super) create: String,
    /// `…, wanted version`: the same over that version.
    pub(super) update: String,
    /// `part, space, id`: version and value.
    pub(super) take: String,
    /// `part, space, id, version`.
    pub(super) delete: String,
    /// `space, expired by, limit`.
    pub(super) purge: String,
    /// `space, first id`: partitions.
    pub(super) partitions: String,
    /// The same three, not waited for.
    pub(super) soon: Writes,
    /// The same three, told to other brokers.
    pub(super) told: Writes,
    /// [`Self::take`] and [`Self::delete`], told to other brokers.
    pub(super) take_told: String,
    pub(super) delete_told: String,
    table: &'static str,
}

/// Writes by condition.
pub(super) struct Writes {
    pub(super) put: String,
    pub(super) create: String,
    pub(super) update: String,
}

impl Statements {
    pub(super) fn of(table: &'static str) -> Self {
        let key = "part = $1::text AND space = $2::text AND id = $3::bytea";
        let update = format!(
            "UPDATE {table} AS r SET ver = greatest(r.ver + 1, $4::bigint), ends = $5::bigint, \
             owner = $6::bytea, val = $7::bytea WHERE {key} AND ver = $8::bigint"
        );
        let insert = format!("INSERT INTO {table} AS r {COLUMNS}");
        let soon = format!("{SOON} {insert} SELECT {VALUES} FROM soon WHERE sync = 'off'");
        let create = "ON CONFLICT (part, space, id) DO NOTHING RETURNING ver";
        let put = format!("{insert} VALUES ({VALUES}) {OVER} RETURNING ver");
        let create_new = format!("{insert} VALUES ({VALUES}) {create}");
        let take = format!("DELETE FROM {table} WHERE {key} RETURNING ver, val");
        let delete = format!("DELETE FROM {table} WHERE {key} AND ver = $4::bigint RETURNING ver");
        // One statement, so that there is no change without its row.
        let told = |write: &str, gives: &str| {
            format!(
                "WITH written AS ({write}), told AS (INSERT INTO {CHANGE} SELECT {NOW}, \
                 gen_random_uuid(), $2::text, $1::text, $3::bytea FROM written) \
                 SELECT {gives} FROM written"
            )
        };
        Self {
            get: format!("SELECT ver, val FROM {table} WHERE {key}"),
            soon: Writes {
                put: format!("{soon} {OVER} RETURNING ver"),
                create: format!("{soon} {create}"),
                update: format!(
                    "{SOON} {update} AND (SELECT sync FROM soon) = 'off' RETURNING ver"
                ),
            },
            told: Writes {
                put: told(&put, "ver"),
                create: told(&create_new, "ver"),
                update: told(&format!("{update} RETURNING ver"), "ver"),
            },
            take_told: told(&take, "ver, val"),
            delete_told: told(&delete, "ver"),
            put,
            create: create_new,
            update: format!("{update} RETURNING ver"),
            take,
            delete,
            purge: format!(
                "{SOON} DELETE FROM {table} WHERE (part, space, id) IN \
                 (SELECT part, space, id FROM {table} WHERE space = $1::text AND ends <= $2::bigint \
                 ORDER BY ends LIMIT $3::bigint FOR UPDATE SKIP LOCKED) \
                 AND (SELECT sync FROM soon) = 'off'"
            ),
            // From one partition to the next, however many records each has.
            partitions: format!(
                "WITH RECURSIVE found(part) AS (\
                 (SELECT part FROM {table} ORDER BY part LIMIT 1) UNION ALL \
                 SELECT (SELECT next.part FROM {table} AS next WHERE next.part > found.part \
                 ORDER BY next.part LIMIT 1) FROM found WHERE found.part IS NOT NULL) \
                 SELECT part FROM found WHERE part IS NOT NULL AND EXISTS (\
                 SELECT 1 FROM {table} AS r WHERE r.part = found.part AND r.space = $1::text \
                 AND r.id >= $2::bytea) ORDER BY part"
            ),
            table,
        }
    }

    /// `part, space, first id, limit`, then the `end` of the ids, then the owner,
    /// where there are such: id, version, owner and value.
    pub(super) fn scan(&self, end: bool, owner: bool) -> String {
        let end_at = if end { "AND id < $5::bytea" } else { "" };
        let owned = match (owner, end) {
            (false, _) => "",
            (true, false) => "AND owner = $5::bytea",
            (true, true) => "AND owner = $6::bytea",
        };
        format!(
            "SELECT id, ver, owner, val FROM {} WHERE part = $1::text AND space = $2::text \
             AND id >= $3::bytea {end_at} {owned} ORDER BY id LIMIT $4::bigint",
            self.table
        )
    }

    /// Tells other brokers of changes: `spaces, parts, ids`.
    pub(super) fn tell() -> String {
        format!(
            "INSERT INTO {CHANGE} SELECT {NOW}, gen_random_uuid(), u.space, u.part, u.id \
             FROM unnest($1::text[], $2::text[], $3::bytea[]) AS u(space, part, id)"
        )
    }

    /// Locks records in the order of their keys: `parts, spaces, ids`.
    pub(super) fn lock(&self) -> String {
        format!(
            "SELECT part, space, id, ver FROM {} WHERE (part, space, id) IN \
             (SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[])) \
             ORDER BY part, space, id FOR UPDATE",
            self.table
        )
    }
}

//! The fraud guard's rules and blocked ranges in PostgreSQL.

use super::audit;
use super::command::Failure;
use super::connect::Conn;
use super::entries::small;
use super::peers;
use crate::{AuditNote, GuardBlock};
use std::collections::BTreeMap;
use textgate_sms::VsId;
use tokio_postgres::Error;

/// Blocks to keep and to forget, and what the audit log is told of it.
pub(super) type Blocks = (Vec<GuardBlock>, Vec<(VsId, u64)>, Vec<AuditNote>);

/// All blocks that are kept.
pub(super) async fn all(conn: &Conn) -> Result<Vec<GuardBlock>, Error> {
    let sql =
        "SELECT vs, range, began_ms, until_ms, times, excused_until_ms FROM guard_block ORDER BY vs, range";
    let rows = conn.rows(sql, &[]).await?;
    rows.iter()
        .map(|row| {
            Ok(GuardBlock {
                vs: VsId(small(row, 0)?),
                range: row.try_get::<_, i64>(1)? as u64,
                began_ms: row.try_get(2)?,
                until_ms: row.try_get(3)?,
                times: row.try_get::<_, i32>(4)? as u16,
                excused_until_ms: row.try_get(5)?,
            })
        })
        .collect()
}

/// Keeps and forgets blocks. Those of a virtual server that is gone are not kept: it cannot go meanwhile.
pub(super) async fn keep(conn: &Conn, (put, gone, notes): &Blocks) -> Result<(), Failure> {
    audit::take_turn(conn).await?;
    if !gone.is_empty() {
        let (servers, ranges): (Vec<i64>, Vec<i64>) =
            gone.iter().map(|(vs, range)| (i64::from(vs.0), *range as i64)).unzip();
        let sql = "DELETE FROM guard_block AS b USING unnest($1::int8[], $2::int8[]) AS u (vs, range)
                   WHERE b.vs = u.vs AND b.range = u.range";
        conn.run(sql, &[&servers, &ranges]).await?;
    }
    // Of several for the same range, the last.
    let put: BTreeMap<(VsId, u64), &GuardBlock> =
        put.iter().map(|block| ((block.vs, block.range), block)).collect();
    if !put.is_empty() {
        let longs =
            |read: fn(&GuardBlock) -> i64| -> Vec<i64> { put.values().map(|block| read(block)).collect() };
        let times: Vec<i32> = put.values().map(|block| i32::from(block.times)).collect();
        let sql = "INSERT INTO guard_block (vs, range, began_ms, until_ms, times, excused_until_ms)
                   SELECT u.* FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::int8[], $5::int4[], $6::int8[])
                     AS u (vs, range, began_ms, until_ms, times, excused_until_ms)
                   WHERE EXISTS (SELECT 1 FROM virtual_server AS v WHERE v.id = u.vs)
                   ON CONFLICT (vs, range) DO UPDATE SET began_ms = excluded.began_ms, until_ms = excluded.until_ms,
                     times = excluded.times, excused_until_ms = excluded.excused_until_ms";
        let (servers, ranges) = (longs(|b| i64::from(b.vs.0)), longs(|b| b.range as i64));
        let (began, until, excused) =
            (longs(|b| b.began_ms), longs(|b| b.until_ms), longs(|b| b.excused_until_ms));
        conn.run(sql, &[&servers, &ranges, &began, &until, &times, &excused]).await?;
    }
    if !put.is_empty() || !gone.is_empty() {
        peers::tell(conn, peers::GUARD).await?;
    }
    if notes.is_empty() { Ok(()) } else { audit::note(conn, notes).await }
}

/// Puts a virtual server's rules, or takes them away.
pub(super) async fn put_rules(conn: &Conn, vs: VsId, rules: Option<&serde_json::Value>) -> Result<(), Error> {
    let vs = i64::from(vs.0);
    match rules {
        Some(rules) => {
            let sql = "INSERT INTO guard_rules (vs, rules) VALUES ($1, $2) ON CONFLICT (vs) DO UPDATE SET rules = $2";
            conn.run(sql, &[&vs, &rules.to_string()]).await.map(drop)
        }
        None => conn.run("DELETE FROM guard_rules WHERE vs = $1", &[&vs]).await.map(drop),
    }
}

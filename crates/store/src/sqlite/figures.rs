//! Figures by minute, hour and day: one row for each step, virtual server and gateway.
//!
//! As with receipt ids, the key begins with a period of time: what is written touches the newest range only, and what is past
//! its time goes range by range.

use super::command::Failure;
use super::session::Session;
use crate::{Figures, FiguresQuestion, KeptFigures, Resolution, Tally};
use rusqlite::{Connection, OptionalExtension, Row, params};
use textgate_sms::GatewayId;

/// How many rows one call writes for each tally.
pub(super) const ROWS_PER_TALLY: usize = Resolution::ALL.len();
/// So many periods are kept of each resolution.
const PERIODS: i64 = 8;
/// Most rows of one answer.
const MOST: usize = 50_000;

const FIND: &str = "SELECT counts FROM figures WHERE resolution = ?1 AND period = ?2 AND vs = ?3 AND is_below = ?4 AND at = ?5
                    AND gateway = ?6";
const READ: &str = "SELECT at, gateway, counts FROM figures WHERE resolution = ?1 AND period = ?2 AND vs = ?3 AND is_below = ?4
                    AND at >= ?5 AND at < ?6 ORDER BY at, gateway LIMIT ?7";
const OLD: &str =
    "SELECT resolution, period, vs, is_below, at, gateway FROM figures WHERE resolution = ?1 AND period < ?2
                   ORDER BY period, vs, is_below, at, gateway LIMIT ?3";
/// What is searched, for the test of plans.
#[cfg(test)]
pub(super) const SEARCHES: [&str; 3] = [FIND, READ, OLD];

fn code(resolution: Resolution) -> i64 {
    match resolution {
        Resolution::Minute => 0,
        Resolution::Hour => 1,
        Resolution::Day => 2,
    }
}

/// The period of a step.
fn period(resolution: Resolution, at: i64) -> i64 {
    at.div_euclid(resolution.kept_ms() / resolution.step_ms() / PERIODS)
}

/// Adds each tally to its minute, hour and day.
pub(super) fn add(session: &mut Session<'_>, tallies: &[Tally]) -> Result<(), Failure> {
    let connection = session.connection;
    let mut find = connection.prepare_cached(FIND)?;
    let mut put =
        connection.prepare_cached("INSERT OR REPLACE INTO figures VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
    for tally in tallies {
        for resolution in Resolution::ALL {
            let at = tally.at_ms.div_euclid(resolution.step_ms());
            let (vs, gateway) = (tally.vs.0, tally.gateway.0);
            let period = period(resolution, at);
            let key = params![code(resolution), period, vs, tally.is_below, at, gateway];
            let before = find.query_row(key, read_counts).optional()?;
            let mut figures = before.unwrap_or_default();
            figures.add(&tally.figures);
            put.execute(params![
                code(resolution),
                period,
                vs,
                tally.is_below,
                at,
                gateway,
                figures.stored()
            ])?;
        }
    }
    Ok(())
}

fn read_counts(row: &Row<'_>) -> rusqlite::Result<Figures> {
    Ok(Figures::from_stored(row.get_ref(0)?.as_blob()?))
}

/// What is kept in this span of time: a search for each period.
pub(super) fn read(
    connection: &Connection,
    question: &FiguresQuestion,
) -> rusqlite::Result<Vec<KeptFigures>> {
    let resolution = question.resolution;
    let step_ms = resolution.step_ms();
    let to = question.to_ms.div_euclid(step_ms) + i64::from(question.to_ms.rem_euclid(step_ms) > 0);
    // Nothing is kept from before.
    let from = question.from_ms.div_euclid(step_ms).max(to - resolution.kept_ms() / step_ms * 2);
    let mut found = Vec::new();
    let mut statement = connection.prepare_cached(READ)?;
    for period in period(resolution, from)..=period(resolution, to) {
        let room = MOST - found.len();
        let (vs, is_below) = (question.vs.0, question.is_below);
        let key = params![code(resolution), period, vs, is_below, from, to, room as i64];
        let rows = statement.query_map(key, |row| {
            Ok(KeptFigures {
                at_ms: row.get::<_, i64>(0)? * step_ms,
                gateway: GatewayId(row.get(1)?),
                figures: Figures::from_stored(row.get_ref(2)?.as_blob()?),
            })
        })?;
        for row in rows {
            found.push(row?);
        }
    }
    Ok(found)
}

/// Deletes at most `limit` rows whose whole period is past its time. Answers how many went.
pub(super) fn expire(connection: &Connection, now_ms: i64, limit: usize) -> rusqlite::Result<usize> {
    let sql = format!("DELETE FROM figures WHERE (resolution, period, vs, is_below, at, gateway) IN ({OLD})");
    let mut delete = connection.prepare_cached(&sql)?;
    let mut gone = 0;
    for resolution in Resolution::ALL {
        let first = period(resolution, (now_ms - resolution.kept_ms()).div_euclid(resolution.step_ms()));
        gone += delete.execute(params![code(resolution), first, limit as i64])?;
    }
    Ok(gone)
}

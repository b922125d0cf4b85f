//! Figures by minute, hour and day: one row for each step, virtual server and gateway.
//!
//! The key begins with a period of time: what is written touches the newest range only, and what is past its time goes range by
//! range. Nodes add to the same rows, in one order.

use super::command::Failure;
use super::connect::Conn;
use crate::{Figures, FiguresQuestion, KeptFigures, Resolution, Tally};
use std::collections::BTreeMap;
use textgate_sms::GatewayId;
use tokio_postgres::Error;

/// So many periods are kept of each resolution.
const PERIODS: i64 = 8;
/// Most rows of one answer.
const MOST: usize = 50_000;

const EMPTY: &str = "INSERT INTO figures (resolution, period, vs, is_below, at, gateway, counts)
    SELECT u.*, ''::bytea FROM unnest($1::int2[], $2::int8[], $3::int8[], $4::bool[], $5::int8[], $6::int8[]) AS u
    ON CONFLICT DO NOTHING";
const FIND: &str = "SELECT f.resolution, f.period, f.vs, f.is_below, f.at, f.gateway, f.counts FROM figures AS f
    JOIN unnest($1::int2[], $2::int8[], $3::int8[], $4::bool[], $5::int8[], $6::int8[])
      AS u (resolution, period, vs, is_below, at, gateway) USING (resolution, period, vs, is_below, at, gateway)
    ORDER BY f.resolution, f.period, f.vs, f.is_below, f.at, f.gateway FOR UPDATE OF f";
const PUT: &str = "UPDATE figures AS f SET counts = u.counts
    FROM unnest($1::int2[], $2::int8[], $3::int8[], $4::bool[], $5::int8[], $6::int8[], $7::bytea[])
      AS u (resolution, period, vs, is_below, at, gateway, counts)
    WHERE (f.resolution, f.period, f.vs, f.is_below, f.at, f.gateway)
      = (u.resolution, u.period, u.vs, u.is_below, u.at, u.gateway)";
const READ: &str = "SELECT at, gateway, counts FROM figures WHERE resolution = $1 AND period = $2 AND vs = $3 AND is_below = $4
    AND at >= $5 AND at < $6 ORDER BY at, gateway LIMIT $7";
const OLD: &str = "DELETE FROM figures WHERE resolution = $1 AND period < $2";

fn code(resolution: Resolution) -> i16 {
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

/// Resolution, period, virtual server, below, step, gateway.
type Key = (i16, i64, i64, bool, i64, i64);

/// The parts of keys, as a statement takes them.
type Parts = (Vec<i16>, Vec<i64>, Vec<i64>, Vec<bool>, Vec<i64>, Vec<i64>);

fn parts<'k>(keys: impl Iterator<Item = &'k Key>) -> Parts {
    let mut all = Parts::default();
    for (resolution, period, vs, is_below, at, gateway) in keys {
        all.0.push(*resolution);
        all.1.push(*period);
        all.2.push(*vs);
        all.3.push(*is_below);
        all.4.push(*at);
        all.5.push(*gateway);
    }
    all
}

/// Adds each tally to its minute, hour and day.
pub(super) async fn add(conn: &Conn, tallies: &[Tally]) -> Result<(), Failure> {
    let mut sums: BTreeMap<Key, Figures> = BTreeMap::new();
    for tally in tallies {
        for resolution in Resolution::ALL {
            let at = tally.at_ms.div_euclid(resolution.step_ms());
            let (vs, gateway) = (i64::from(tally.vs.0), i64::from(tally.gateway.0));
            let key = (code(resolution), period(resolution, at), vs, tally.is_below, at, gateway);
            sums.entry(key).or_default().add(&tally.figures);
        }
    }
    let (a, b, c, d, e, f) = parts(sums.keys());
    conn.run(EMPTY, &[&a, &b, &c, &d, &e, &f]).await?;
    for row in conn.rows(FIND, &[&a, &b, &c, &d, &e, &f]).await? {
        let key: Key = (
            row.try_get(0)?,
            row.try_get(1)?,
            row.try_get(2)?,
            row.try_get(3)?,
            row.try_get(4)?,
            row.try_get(5)?,
        );
        if let Some(figures) = sums.get_mut(&key) {
            figures.add(&Figures::from_stored(row.try_get(6)?));
        }
    }
    let counts: Vec<Vec<u8>> = sums.values().map(Figures::stored).collect();
    conn.run(PUT, &[&a, &b, &c, &d, &e, &f, &counts]).await?;
    Ok(())
}

/// What is kept in this span of time: a search for each period.
pub(super) async fn read(conn: &Conn, question: FiguresQuestion) -> Result<Vec<KeptFigures>, Error> {
    let resolution = question.resolution;
    let step_ms = resolution.step_ms();
    let to = question.to_ms.div_euclid(step_ms) + i64::from(question.to_ms.rem_euclid(step_ms) > 0);
    // Nothing is kept from before.
    let from = question.from_ms.div_euclid(step_ms).max(to - resolution.kept_ms() / step_ms * 2);
    let mut found = Vec::new();
    let vs = i64::from(question.vs.0);
    for period in period(resolution, from)..=period(resolution, to) {
        let room = (MOST - found.len()) as i64;
        let key = (code(resolution), question.is_below);
        for row in conn.rows(READ, &[&key.0, &period, &vs, &key.1, &from, &to, &room]).await? {
            found.push(KeptFigures {
                at_ms: row.try_get::<_, i64>(0)? * step_ms,
                gateway: GatewayId(row.try_get::<_, i64>(1)? as u32),
                figures: Figures::from_stored(row.try_get(2)?),
            });
        }
    }
    Ok(found)
}

/// Deletes rows whose whole period is past its time.
pub(super) async fn expire(conn: &Conn, now_ms: i64) -> Result<(), Error> {
    for resolution in Resolution::ALL {
        let first = period(resolution, (now_ms - resolution.kept_ms()).div_euclid(resolution.step_ms()));
        conn.run(OLD, &[&code(resolution), &first]).await?;
    }
    Ok(())
}

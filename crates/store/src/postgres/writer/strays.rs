//! Receipts that passed their messages by. Who records an outcome looks for receipts that came before it, and who gets a receipt
//! looks for its message; where two nodes do so at once, neither sees what the other is about to write. So a node that keeps receipts as
//! early ones looks again a little later whether they have a message by now. With one node nothing passes by, and nothing is looked at.

use super::super::command::{Failure, Task, Way};
use super::super::connect::{Conn, words};
use super::super::flush;
use super::super::load::{Needs, early_receipt};
use super::super::unit::Unit;
use super::{Surroundings, Writer};
use crate::queue::Urgency;
use crate::{ReceiptRecord, StoreError, rules};
use futures_util::future::BoxFuture;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use textgate_sms::GatewayId;
use tokio::sync::{oneshot, watch};

/// Between two looks.
const TICK: Duration = Duration::from_secs(2);
/// How many ticks after it came a receipt is looked at: a transaction that did not see it takes milliseconds, seconds while the database is
/// in trouble, minutes while a synchronous standby is away.
const AGES: [usize; 3] = [1, 8, 75];
/// How long it is of interest.
const LASTS: Duration = Duration::from_secs(160);
/// Most of them at once, and how many of those before the first look are looked at.
const MOST: i64 = 1_000;

const NEWEST: &str = "SELECT coalesce(max(id), 0) FROM early_receipt";
/// Early receipts of some ranges whose ids stand for messages.
const PASSED_BY: &str = "SELECT c.gateway, e.id, c.rank, e.at_ms, e.number, e.state, e.error, c.candidate
    FROM unnest($1::int8[], $2::int8[]) AS w (after, last)
    JOIN early_receipt AS e ON e.id > w.after AND e.id <= w.last
    JOIN early_candidate AS c ON c.receipt = e.id
    WHERE EXISTS (SELECT 1 FROM receipt_id AS r WHERE r.gateway = c.gateway AND r.id = c.candidate)
    ORDER BY e.id, c.rank LIMIT $3";

/// How many early receipts are kept between two looks at how many there are.
const BETWEEN_LOOKS: usize = 1_000;

impl Writer {
    /// These were kept as early ones just now, if there were any.
    pub(super) async fn early_were_kept(&mut self, conn: &Conn, receipts: &[Option<ReceiptRecord>]) {
        let count = receipts.iter().flatten().count();
        if count == 0 {
            return;
        }
        self.strays.kept(&self.surroundings);
        self.early += count;
        if self.early > BETWEEN_LOOKS {
            self.early = 0;
            if let Err(error) = flush::bound_early(conn).await {
                tracing::warn!(error = words(&error), "old early receipts could not be removed");
            }
        }
    }
}

/// Looks for them while there may be any.
#[derive(Default)]
pub(super) struct Strays {
    looking: Option<(tokio::task::JoinHandle<()>, watch::Sender<Instant>)>,
}

impl Strays {
    /// Receipts were kept as early ones just now.
    fn kept(&mut self, surroundings: &Surroundings) {
        match &self.looking {
            Some((task, last)) if !task.is_finished() => drop(last.send_replace(Instant::now())),
            _ => {
                let (tell, last) = watch::channel(Instant::now());
                self.looking = Some((tokio::spawn(look(surroundings.clone(), last)), tell));
            }
        }
    }
}

async fn look(surroundings: Surroundings, last: watch::Receiver<Instant>) {
    // The newest number at each tick, the latest first.
    let mut marks = VecDeque::new();
    while last.borrow().elapsed() < LASTS {
        tokio::time::sleep(TICK).await;
        if surroundings.lease.is_alone_now() {
            marks.clear();
            continue;
        }
        let ranges = AGES.iter().filter_map(|age| Some((*marks.get(*age)?, *marks.get(age - 1)?))).collect();
        // Refused where the store is in trouble or closes: what was to be looked at is looked at later, or not at all.
        let Some((newest, found)) = ask(&surroundings, Ranges(ranges), Way::Alone(passed_by)).await else {
            continue;
        };
        if marks.is_empty() {
            marks.push_front(newest - MOST);
        }
        marks.push_front(newest);
        marks.truncate(AGES[2] + 1);
        if !found.is_empty() {
            tracing::debug!(receipts = found.len(), "receipts that passed their messages by have found them");
            let needs = |found: &Vec<_>, needs: &mut Needs| {
                found.iter().for_each(|(_, one)| needs.receipts(std::slice::from_ref(one)))
            };
            ask(&surroundings, found, Way::Bulk { needs, apply: record }).await;
        }
    }
}

/// An operation's answer; `None` where it was refused.
async fn ask<I: Send + Sync + 'static, T: Send + 'static>(
    surroundings: &Surroundings,
    input: I,
    way: Way<I, T>,
) -> Option<T> {
    let (reply, answer) = oneshot::channel();
    let outcome = Err(StoreError::Closed);
    let task = Task {
        input,
        way,
        weight: 1,
        is_kept: false,
        waiting: None,
        entrusts: |_, _| Vec::new(),
        outcome,
        reply,
    };
    surroundings.queue.push(Box::new(task), Urgency::Lingers).ok()?;
    answer.await.ok()?.ok()
}

/// Of numbers of early receipts: after which, and up to which.
struct Ranges(Vec<(i64, i64)>);

/// The newest number, and early receipts of these ranges that have a message by now.
type Found = (i64, Vec<(i64, ReceiptRecord)>);

fn passed_by<'a>(conn: &'a Conn, ranges: &'a Ranges) -> BoxFuture<'a, Result<Found, Failure>> {
    Box::pin(async move {
        let newest = conn.row(NEWEST, &[]).await?.map(|row| row.try_get(0)).transpose()?.unwrap_or(0);
        let (after, last): (Vec<i64>, Vec<i64>) =
            ranges.0.iter().filter(|(after, last)| after < last).copied().unzip();
        let mut found: Vec<(i64, ReceiptRecord)> = Vec::new();
        if after.is_empty() {
            return Ok((newest, found));
        }
        for row in conn.rows(PASSED_BY, &[&after, &last, &MOST]).await? {
            let early = early_receipt(GatewayId(row.try_get::<_, i64>(0)? as u32), &row)?;
            let candidate = String::from_utf8_lossy(row.try_get(7)?).into_owned().into_boxed_str();
            match found.last_mut().filter(|(id, _)| *id == early.id) {
                Some((_, receipt)) => receipt.candidates.push(candidate),
                None => {
                    let candidates = [candidate].into_iter().collect();
                    found.push((early.id, ReceiptRecord { candidates, ..early.receipt }));
                }
            }
        }
        Ok((newest, found))
    })
}

/// Records them. One that another node has recorded meanwhile says nothing new.
fn record(unit: &mut Unit, found: &Vec<(i64, ReceiptRecord)>) -> Result<(), StoreError> {
    for (id, receipt) in found {
        let before = unit.new_early.len();
        let Ok(matched) = rules::record_receipts(unit, std::slice::from_ref(receipt));
        // It is kept already.
        unit.new_early.truncate(before);
        if matched.iter().all(Option::is_some) {
            unit.early_done.insert(*id);
        }
    }
    Ok(())
}

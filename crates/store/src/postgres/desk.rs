//! What this node knows of webhook endpoints: who is told of what, and whose events it delivers.
//!
//! One node delivers an endpoint's events, so that those of a message stay in their order. It holds the endpoint by its number and epoch in
//! the endpoint's row, as it holds messages: while it is there, nobody else does, and once others have fenced it, the row says nothing any
//! more and somebody takes it.

use super::connect::Conn;
use super::lease::Lease;
use super::node::Hold;
use super::schema::TURN;
use super::{lock, webhooks};
use crate::{Directory, Notice, Owed, WebhookBell, WebhookKinds, WebhookRecord};
use arc_swap::ArcSwap;
use smallvec::SmallVec;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use textgate_sms::VsId;
use tokio_postgres::Error;

/// The channel on which nodes hear that endpoints are owed something.
pub(super) const CHANNEL: &str = "textgate_webhook";
/// Most endpoints that are named in one notification; where there are more, all are meant.
const MOST_NAMED: usize = 500;

const NOBODYS: &str = "SELECT w.id FROM webhook AS w WHERE NOT EXISTS
    (SELECT 1 FROM node AS n WHERE n.id = w.node AND n.epoch = w.epoch AND n.is_up) ORDER BY w.id";
const NODES: &str = "SELECT count(*) FROM node WHERE is_up";
const OWN: &str = "SELECT id FROM webhook WHERE node = $1 AND epoch = $2";

/// Who is told of what, as of one version of the directory.
#[derive(Default)]
pub(super) struct Told {
    version: u64,
    by_vs: HashMap<VsId, SmallVec<[(u32, WebhookKinds); 1]>>,
}

/// What this node knows.
#[derive(Default)]
pub(super) struct Desk {
    told: ArcSwap<Told>,
    /// Whose events this node delivers, and in which epoch of its own.
    own: Mutex<(i64, BTreeSet<u32>)>,
    /// Rung where one of them is owed something.
    pub(super) bell: Arc<WebhookBell>,
}

// === impl Told ===

impl Told {
    /// What a directory of this version says.
    pub(super) fn new(version: u64, webhooks: &[WebhookRecord]) -> Self {
        let mut by_vs: HashMap<VsId, SmallVec<_>> = HashMap::new();
        for webhook in webhooks.iter().filter(|webhook| webhook.status.is_on()) {
            by_vs.entry(webhook.vs).or_default().push((webhook.id, webhook.kinds));
        }
        Self { version, by_vs }
    }

    /// The endpoints of a virtual server, each with what it is told of.
    pub(super) fn of(&self, vs: VsId) -> &[(u32, WebhookKinds)] {
        self.by_vs.get(&vs).map_or(&[], SmallVec::as_slice)
    }
}

// === impl Desk ===

impl Desk {
    /// Who is told of what.
    pub(super) fn told(&self) -> Arc<Told> {
        self.told.load_full()
    }

    /// The directory was read. An older one than is known changes nothing.
    pub(super) fn follow(&self, directory: &Directory) {
        let new = Arc::new(Told::new(directory.version, &directory.webhooks));
        self.told.rcu(|now| Arc::clone(if now.version > new.version { now } else { &new }));
    }

    /// Whether this node delivers this endpoint's events, in its present epoch.
    pub(super) fn delivers(&self, endpoint: u32, hold: Hold) -> bool {
        let own = lock(&self.own);
        own.0 == hold.epoch && own.1.contains(&endpoint)
    }

    /// Perhaps something was missed: all that this node delivers to is looked through.
    pub(super) fn ring_all(&self) {
        let own = lock(&self.own).1.clone();
        self.bell.ring(own.into_iter().map(|endpoint| (endpoint, Owed::Again)));
    }

    /// Heard on the channel: a mark, and the endpoints with commas between them; none where all are meant.
    pub(super) fn heard(&self, payload: &str) {
        let parsed = payload.split_at_checked(1).and_then(|(mark, names)| {
            let owed = match mark {
                "+" => Owed::More,
                "=" => Owed::Again,
                _ => return None,
            };
            let endpoints: Option<Vec<u32>> = names.split(',').map(|name| name.parse().ok()).collect();
            Some((owed, endpoints?))
        });
        match parsed {
            Some((owed, endpoints)) => self.bell.ring(endpoints.into_iter().map(|endpoint| (endpoint, owed))),
            None => self.ring_all(),
        }
    }

    /// Takes this node's share of the endpoints that nobody delivers to, and tells of it where that is other than before. Answers
    /// whether there is something left to look for.
    pub(super) async fn take(&self, conn: &Conn, lease: &Lease) -> Result<bool, Error> {
        let hold = lease.hold();
        let free = conn.rows(NOBODYS, &[]).await?.len();
        let mut taken = 0;
        if free > 0 {
            let nodes = conn.row(NODES, &[]).await?.map(|row| row.try_get::<_, i64>(0)).transpose()?;
            let nodes = usize::try_from(nodes.unwrap_or(1)).unwrap_or(1).max(1);
            let share = free.div_ceil(nodes) as i64;
            // In turns, and in a statement that sees what was taken before: a row that is only waited for is not looked at anew
            // as a whole.
            conn.batch(&format!("BEGIN; SELECT pg_advisory_xact_lock({})", TURN + 3)).await?;
            let sql = format!("UPDATE webhook SET node = $1, epoch = $2 WHERE id IN ({NOBODYS} LIMIT $3)");
            taken = conn.run(&sql, &[&hold.id, &hold.epoch, &share]).await? as usize;
            conn.batch("COMMIT").await?;
        }
        let rows = conn.rows(OWN, &[&hold.id, &hold.epoch]).await?;
        let own =
            rows.iter().map(|row| Ok(row.try_get::<_, i64>(0)? as u32)).collect::<Result<_, Error>>()?;
        let now = (hold.epoch, own);
        let mut before = lock(&self.own);
        let is_other = before.1 != now.1 || before.0 != now.0 && !now.1.is_empty();
        *before = now;
        drop(before);
        if is_other {
            lease.tell(Notice::WebhooksMoved);
        }
        Ok(taken < free)
    }
}

/// What is said on the channel.
pub(super) fn payload(owed: Owed, endpoints: &[u32]) -> String {
    if endpoints.len() > MOST_NAMED {
        return "*".to_owned();
    }
    let names: Vec<String> = endpoints.iter().map(u32::to_string).collect();
    format!("{}{}", if owed == Owed::More { "+" } else { "=" }, names.join(","))
}

/// What a store knows when it is opened, before it has read a directory.
pub(super) async fn first(conn: &Conn, desk: &Desk) -> Result<(), Error> {
    let webhooks = webhooks::all(conn).await?;
    desk.told.store(Arc::new(Told::new(0, &webhooks)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[tokio::test]
    async fn what_is_said_on_the_channel_is_heard() {
        let desk = Desk::default();
        *lock(&desk.own) = (7, BTreeSet::from([1, 2]));
        desk.heard(&payload(Owed::More, &[3, 1]));
        desk.heard(&payload(Owed::Again, &[3]));
        assert_eq!(desk.bell.heard().await, BTreeMap::from([(1, Owed::More), (3, Owed::Again)]));
        let all = BTreeMap::from([(1, Owed::Again), (2, Owed::Again)]);
        for unknown in [&payload(Owed::More, &[9; MOST_NAMED + 1]), "", "+", "é", "+1,x"] {
            desk.heard(unknown);
            assert_eq!(desk.bell.heard().await, all, "{unknown:?}: better looked through than missed");
        }
    }

    #[test]
    fn an_older_directory_changes_nothing() {
        let desk = Desk::default();
        let (old, mut new) = (Directory { version: 1, ..Directory::default() }, Directory::default());
        new.version = 2;
        desk.follow(&new);
        desk.follow(&old);
        assert_eq!(desk.told().version, 2);
    }
}

//! Conditions become alerts: those that have held long enough are raised, together where they come together; those that are over are
//! cleared.

use super::super::raise::Body;
use super::super::tell::Why;
use super::super::words::AlertHappened;
use super::{Condition, Key};
use crate::agenda::Alarm;
use crate::engine::Engine;
use crate::view::View;
use crate::words::DirectoryError;
use std::collections::BTreeMap;
use std::sync::Arc;
use textgate_sms::{AlertState, GatewayId, MessageId, VsId};
use textgate_store::NewAlert;

/// After an alert could not be stored (ms).
const AGAIN_MS: i64 = 5_000;
/// Who closes the alerts that textgate raised.
const BY: &str = "textgate";

/// An alert to be raised: its conditions, and what each is about.
type Buckets = BTreeMap<(VsId, Condition), Vec<(Key, String)>>;

impl Engine {
    /// Raises and clears what is due.
    pub(crate) async fn settle_conditions(self: &Arc<Self>) {
        let _one_at_a_time = self.alerts.conditions.settling.lock().await;
        let (raised, cleared) = self.alerts.conditions.book().due(self.clock.now_ms());
        let mut buckets = Buckets::new();
        let view = self.view.load_full();
        for (key, about) in raised {
            for vs in places(&view, &key) {
                buckets.entry((vs, key.kind)).or_default().push((key.clone(), about.clone()));
            }
        }
        self.raise_conditions(buckets).await;
        let mut over = std::mem::take(&mut *self.alerts.conditions.closing());
        {
            let mut book = self.alerts.conditions.book();
            cleared.into_iter().for_each(|(key, alerts)| over.extend(book.over(&key, alerts)));
        }
        for alert in over {
            self.clear_alert(alert).await;
        }
        let next = self.alerts.conditions.book().next();
        if let Some(next_ms) = next {
            self.agenda.ring(next_ms, Alarm::Conditions);
        }
    }

    async fn raise_conditions(self: &Arc<Self>, buckets: Buckets) {
        if buckets.is_empty() {
            return;
        }
        let keys: Vec<Vec<Key>> =
            buckets.values().map(|all| all.iter().map(|(key, _)| key.clone()).collect()).collect();
        let held = self.sealer.hold();
        let new = buckets.into_iter().map(|((vs, kind), all)| {
            let body = self.body_of_condition(vs, kind, &all);
            // Of two nodes that see the same at the same time, one raises it.
            let same = self.store.is_shared().then(|| self.key_of_condition(kind, &body.subjects));
            let record = self.new_alert(vs, kind.name(), kind.severity(), same, &body);
            NewAlert { record, since_ms: 0 }
        });
        let stored = self.store.raise_alerts(new.collect());
        drop(held);
        match stored.await {
            Ok(raised) => {
                let mut untold = Vec::with_capacity(raised.len());
                {
                    let mut book = self.alerts.conditions.book();
                    for ((alert, is_new), keys) in raised.into_iter().zip(&keys) {
                        if is_new {
                            book.told(keys, alert.id);
                            untold.push(alert);
                        }
                    }
                }
                for alert in untold {
                    self.happened(&alert, AlertHappened::Raised);
                    self.tell_of(alert, Why::Raised).await;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "alerts cannot be stored; trying again in a moment");
                let again_ms = self.clock.now_ms() + AGAIN_MS;
                let mut book = self.alerts.conditions.book();
                keys.iter().for_each(|keys| book.not_told(keys, again_ms));
            }
        }
    }

    /// What tells an alert about these subjects from others.
    fn key_of_condition(&self, kind: Condition, subjects: &[String]) -> String {
        let parts: Vec<&[u8]> = subjects.iter().map(String::as_bytes).collect();
        let digest = u128::from_be_bytes(self.sealer.digest(&parts));
        format!("{} {digest:032x}", kind.name())
    }

    fn body_of_condition(&self, vs: VsId, kind: Condition, all: &[(Key, String)]) -> Body {
        let view = self.view.load();
        let settings = &view.alert_setup(vs).settings;
        let about: Vec<String> = all.iter().map(|(_, about)| about.clone()).collect();
        Body {
            text: kind.text("en", &about),
            texts: BTreeMap::from([("de".to_owned(), kind.text("de", &about))]),
            to: None,
            group: settings.group.clone(),
            escalate_group: settings.group.as_ref().and(settings.escalate_group.clone()),
            escalate_after_s: settings.escalate_after_s,
            subjects: all.iter().map(|(key, _)| key.to_text()).collect(),
        }
    }

    /// All that an alert was about is over: it is closed, and those who were told hear of it.
    async fn clear_alert(self: &Arc<Self>, id: MessageId) {
        match self.close_alert(id, BY).await {
            // Who closed it by hand knows.
            Ok((alert, true)) if alert.state == AlertState::Closed => {
                self.tell_of(alert, Why::Cleared).await;
            }
            // Pruned meanwhile, or closed.
            Ok(_) | Err(DirectoryError::NotFound(_)) => {}
            Err(error) => {
                tracing::warn!(alert = %id, %error, "an alert whose reason is over cannot be closed; trying again in a moment");
                self.alerts.conditions.closing().push(id);
                self.agenda.ring(self.clock.now_ms() + AGAIN_MS, Alarm::Conditions);
            }
        }
    }
}

/// Where a condition is told: always at its virtual server, if only in its console; and where that has nobody to tell, or only the gateways
/// that it is about, also at the nearest service provider above who has somebody to tell and a way to.
fn places(view: &View, key: &Key) -> Vec<VsId> {
    let mut places = vec![key.vs];
    let gateway = key.subject.parse().ok().map(GatewayId);
    let can_tell = |vs: VsId| {
        let has_group = view.alert_setup(vs).settings.group.is_some();
        let route = view.route(vs);
        has_group
            && route.is_some_and(|route| route.stations.iter().any(|s| Some(s.id) != gateway && s.is_well()))
    };
    if key.kind.goes_up() && !can_tell(key.vs) {
        let watches = |vs: VsId| view.alert_setup(vs).settings.watches(key.kind);
        let above = view.up(key.vs).skip(1).map(|server| server.id);
        places.extend(above.filter(|vs| watches(*vs)).find(|vs| can_tell(*vs)));
    }
    places
}

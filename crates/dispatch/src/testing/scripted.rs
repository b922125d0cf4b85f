//! A plugin whose gateways do what a test says.

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use textgate_gateway::*;
use textgate_sms::{Kind, MessageId, OutcomeClass};
use tokio::sync::watch;
use tokio::time::Instant;

/// What a gateway does with a message.
#[derive(Clone)]
pub(crate) enum Reaction {
    Answer(OutcomeClass),
    After(Duration, OutcomeClass),
    Silence,
}

/// What one gateway does, and what it got.
pub(crate) struct Script {
    pub(crate) reaction: Mutex<Reaction>,
    pub(crate) taken: Mutex<Vec<(MessageId, Kind, Instant)>>,
    pub(crate) health: watch::Sender<Health>,
    pub(crate) window: Mutex<usize>,
    /// How many more messages it takes with each.
    pub(crate) along: Mutex<usize>,
    /// Which of its connections only one node may make.
    pub(crate) exclusive: Mutex<u32>,
}

/// Gateways by the `key` in their settings.
#[derive(Clone, Default)]
pub(crate) struct ScriptedPlugin(Arc<Mutex<HashMap<String, Arc<Script>>>>);

pub(crate) fn down() -> Health {
    Health::Down { reason: "gone".into(), is_account: false }
}

impl Script {
    pub(crate) fn will(&self, reaction: Reaction) {
        *self.reaction.lock().unwrap() = reaction;
    }

    pub(crate) fn answers(&self, class: OutcomeClass) {
        self.will(Reaction::Answer(class));
    }

    pub(crate) fn taken(&self) -> Vec<MessageId> {
        self.taken.lock().unwrap().iter().map(|(id, ..)| *id).collect()
    }

    pub(crate) fn says(&self, health: Health) {
        self.health.send_replace(health);
    }
}

impl ScriptedPlugin {
    pub(crate) fn script(&self, key: &str) -> Arc<Script> {
        let new = || {
            Arc::new(Script {
                reaction: Mutex::new(Reaction::Answer(OutcomeClass::Sent)),
                taken: Mutex::default(),
                health: watch::Sender::new(Health::Up { window: 10 }),
                window: Mutex::new(10),
                along: Mutex::new(0),
                exclusive: Mutex::new(0),
            })
        };
        Arc::clone(self.0.lock().unwrap().entry(key.to_owned()).or_insert_with(new))
    }
}

impl Plugin for ScriptedPlugin {
    fn name(&self) -> &str {
        "scripted"
    }

    fn label(&self) -> &str {
        "Scripted"
    }

    fn fields(&self) -> &[Field] {
        static FIELDS: std::sync::OnceLock<Vec<Field>> = std::sync::OnceLock::new();
        FIELDS.get_or_init(|| vec![Field::new("key", "Key", FieldKind::Text { max: 64 }, "Which script.")])
    }

    fn check(&self, _: &Settings) -> Vec<Problem> {
        Vec::new()
    }

    fn build(&self, settings: &Settings, _: &Environment) -> Result<Arc<dyn Gateway>, BuildError> {
        Ok(Arc::new(Scripted(self.script(settings.text("key")))))
    }
}

struct Scripted(Arc<Script>);

impl Gateway for Scripted {
    fn plan(&self, text: &str) -> Result<Plan, PlanError> {
        let segments = text.len().div_ceil(160).max(1);
        Ok(Plan { segments: u8::try_from(segments).unwrap(), encoding: "gsm7" })
    }

    fn exclusive(&self) -> u32 {
        *self.0.exclusive.lock().unwrap()
    }

    fn run(self: Arc<Self>, work: Arc<dyn Work>, stop: Stop) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let mut health = self.0.health.subscribe();
            let mut flights = FuturesUnordered::new();
            loop {
                let shares = work.shares().filter(|_| self.exclusive() != 0);
                let before = shares.as_ref().map_or((0, 0), |shares| (shares.granted(), shares.begun()));
                let holds_none = shares.is_some() && before.0 & self.exclusive() == 0;
                let said = health.borrow_and_update().clone();
                let now = if holds_none { Health::Connecting } else { said };
                let is_up = matches!(now, Health::Up { .. });
                work.health(now);
                loop {
                    let granted = async {
                        match &shares {
                            Some(shares) => shares.changed(before).await,
                            None => std::future::pending().await,
                        }
                    };
                    let mut ready = pin!(work.ready().notified());
                    ready.as_mut().enable();
                    let mut taken = Vec::new();
                    let room = self.0.window.lock().unwrap().saturating_sub(flights.len());
                    if is_up && room > 0 && !stop.token.is_cancelled() {
                        work.take(room, &mut taken);
                    }
                    let along = *self.0.along.lock().unwrap();
                    for submission in taken {
                        let mut batch = vec![submission];
                        if along > 0 {
                            work.take_along(along, &mut |_, _| true, &mut batch);
                        }
                        flights.push(self.fly(batch));
                    }
                    if stop.token.is_cancelled() && flights.is_empty() {
                        return;
                    }
                    tokio::select! {
                        biased;
                        Some(mut landed) = flights.next() => work.done(&mut landed),
                        changed = health.changed() => {
                            if changed.is_ok() { break }
                        }
                        () = granted => break,
                        () = stop.token.cancelled(), if !stop.token.is_cancelled() => {}
                        () = ready, if is_up => {}
                    }
                }
            }
        })
    }
}

impl Scripted {
    async fn fly(&self, batch: Vec<Box<Submission>>) -> Vec<(Box<Submission>, Outcome)> {
        for submission in &batch {
            self.0.taken.lock().unwrap().push((submission.id, submission.kind, Instant::now()));
        }
        let reaction = self.0.reaction.lock().unwrap().clone();
        let class = match reaction {
            Reaction::Answer(class) => class,
            Reaction::After(delay, class) => {
                tokio::time::sleep(delay).await;
                class
            }
            Reaction::Silence => {
                tokio::time::sleep_until(batch[0].answer_by.into()).await;
                OutcomeClass::Uncertain
            }
        };
        let outcome = match class {
            OutcomeClass::Sent => Outcome::sent([Box::from("id")].into_iter().collect(), 1),
            OutcomeClass::Uncertain => Outcome { segments_sent: 1, ..Outcome::failed(class, "no answer") },
            class => Outcome::failed(class, "scripted"),
        };
        batch.into_iter().map(|submission| (submission, outcome.clone())).collect()
    }
}

//! Who calls the engine in a run: they send, cancel and change settings, and hold its answers against what is on disk.

use super::disk::Disk;
use super::schedule::Draft;
use super::world::{START_MS, World};
use crate::engine::Engine;
use crate::view::Settings;
use crate::words::{Refusal, Request, Taken};
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use textgate_sms::{GatewayId, VsId};
use textgate_store::{Change, Difference, NewGateway};
use tokio::time::sleep;

/// Sends these messages.
pub(super) async fn accept(
    world: Arc<World>,
    disk: Arc<Mutex<Disk>>,
    engine: Arc<Engine>,
    vs: VsId,
    drafts: Vec<Draft>,
    hangs_up_after_ms: Option<u64>,
) {
    let now_ms = START_MS + world.now_ms();
    let request = |draft: &Draft| {
        let key = draft.key.map(|(key, _)| format!("key-{key}"));
        // The same key is the same request, but for its variant; and the reference says which draft it was.
        let reference = draft.tag.to_string();
        let text = match draft.key {
            Some((key, variant)) => format!("{key} {variant}"),
            None if draft.is_long => "long ".repeat(60),
            None => "hello".to_owned(),
        };
        Request {
            to: "15550100100".into(),
            text,
            kind: Some(draft.kind),
            validity_s: Some(draft.validity_s),
            send_at_ms: draft.due_in_ms.map(|ms| now_ms + ms),
            idempotency_key: key,
            reference: Some(reference),
            ..Request::default()
        }
    };
    let requests = drafts.iter().map(request).collect();
    let answers = engine.accept(vs, requests);
    let answers = match hangs_up_after_ms {
        None => answers.await,
        Some(ms) => tokio::select! {
            biased;
            answers = answers => answers,
            () = sleep(Duration::from_millis(ms)) => return,
        },
    };
    let disk = disk.lock().unwrap();
    let mut state = world.lock();
    for (draft, answer) in drafts.iter().zip(answers) {
        let tag = draft.tag;
        state.note(|| format!("answer to #{tag}: {answer:?}"));
        match answer {
            Ok(Taken { id, is_duplicate: false, .. }) => {
                if !disk.messages.contains_key(&id) {
                    state.broken(format!("#{tag} is answered and not on disk"));
                }
                if let Some(truth) = state.truths.get_mut(&id) {
                    truth.is_answered = true;
                }
                if let Some((key, _)) = draft.key
                    && let Some(before) = state.by_key.insert((vs.0, key), id)
                    && before != id
                {
                    state.broken(format!("#{tag} is new under a key that was used"));
                }
            }
            Ok(Taken { id, .. }) => {
                let known = draft.key.and_then(|(key, _)| state.by_key.get(&(vs.0, key)).copied());
                if known.is_some_and(|known| known != id) {
                    state.broken(format!("#{tag} is called a duplicate of another message"));
                }
            }
            Err(refusal) => {
                // Under a key it may be there from before.
                let is_on_disk = draft.key.is_none() && state.by_tag.contains_key(&tag);
                if is_on_disk && !matches!(refusal, Refusal::Stopping) {
                    state.broken(format!("#{tag} is refused ({refusal:?}) and on disk"));
                }
            }
        }
    }
}

pub(super) async fn cancel(world: Arc<World>, engine: Arc<Engine>, tag: u32, hangs_up_after_ms: Option<u64>) {
    let found = {
        let state = world.lock();
        state.by_tag.get(&tag).copied()
    };
    let Some(id) = found else { return };
    // Each of them may be its owner; the others hear that there is none.
    for vs in 1..=super::schedule::SERVERS {
        let cancelling = engine.cancel(VsId(vs), id);
        let answer = match hangs_up_after_ms {
            None => cancelling.await,
            Some(ms) => tokio::select! {
                biased;
                answer = cancelling => answer,
                () = sleep(Duration::from_millis(ms)) => return,
            },
        };
        if let Ok(answer) = answer {
            world.note(|| format!("cancelling #{tag}: {answer:?}"));
        }
    }
}

/// Puts a virtual server's settings. A gateway that stays keeps its number.
pub(super) async fn put(
    world: Arc<World>,
    engine: Arc<Engine>,
    vs: VsId,
    settings: Settings,
    slots: Vec<u64>,
) {
    let decide = |view: &crate::view::View| {
        let directory = &view.directory;
        let mut next = directory.next_gateway;
        let gateway = |slot: &u64| {
            let name = format!("slot-{slot}");
            let there = directory.gateways.iter().find(|gateway| gateway.vs == vs && gateway.name == name);
            let id = there.map_or_else(
                || {
                    next += 1;
                    GatewayId(next - 1)
                },
                |gateway| gateway.id,
            );
            let version = world.lock().slots[*slot as usize].version;
            let given = json!({"slot": slot, "gateway": id.0, "version": version});
            let valid = engine.plugins.check("model", &given).unwrap();
            NewGateway { id, name, plugin: "model".into(), sealed_settings: engine.seal_settings(id, &valid) }
        };
        let gateways = slots.iter().map(gateway).collect();
        Ok((
            vec![Change::PutSmsSettings {
                vs,
                settings: settings.to_record(),
                gateways,
                difference: Difference::default(),
            }],
            (),
        ))
    };
    let changed = engine.change("model", decide).await;
    world.note(|| format!("settings of {vs}: {}", if changed.is_ok() { "in force" } else { "refused" }));
}

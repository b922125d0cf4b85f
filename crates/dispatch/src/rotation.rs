//! Changing the key that seals: a new one in the key file, everything sealed anew under it while messages flow, the old ones dropped.
//!
//! At every moment the key file has all keys that anything in the store is sealed under, so a crash in between costs nothing but
//! the steps: begun again, it goes on. What the order rests on: the key file is durable before its new key is used; what
//! was sealed under the old one is on disk before it is looked for; an old key goes from the file after a pass that found nothing under it.

use crate::dispatch::Dispatch;
use crate::engine::Engine;
use crate::words::DirectoryError;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use textgate_sms::VsId;
use textgate_store::{AuditNote, KeyFile, Keys, Resealed, SealError, Sealed, SealedPlace, Superseded};

/// Most that is sealed anew in one step.
const STEP: usize = 500;
/// How long what was sealed under the old key may take to get to the store: it takes microseconds, and a change of a person's second
/// factor a commit.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyUse {
    /// It only opens what was sealed before.
    Opens,
    /// What is new is sealed under it.
    Seals,
    /// It is there for the next change of keys, and opens what other nodes seal under it.
    Waits,
}

/// One key of the key file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyView {
    /// Its number.
    pub id: u16,
    /// When it was made (Unix time, ms), where that is known.
    pub made_ms: Option<i64>,
    /// What it is for.
    pub r#use: KeyUse,
}

/// How far a change of keys is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RotationView {
    /// The key that seals.
    pub key: u16,
    /// Whether everything is sealed under it.
    pub is_done: bool,
    /// Whether everything was sealed anew, and is looked through once more.
    pub is_verifying: bool,
    /// How much of the pass is done (0 to 100).
    pub percent: u8,
    /// What was looked at, in all passes.
    pub looked_at: u64,
    /// What was sealed anew.
    pub resealed: u64,
    /// What no key opens: damaged, or sealed under a key that was lost before. It is left as it is.
    pub unreadable: u64,
    /// The keys that went from the key file.
    pub dropped: Vec<u16>,
}

/// A change of keys, as far as this process knows.
#[derive(Default)]
pub(crate) struct Rotation {
    /// Keys whose last sealed things may still be on their way to the store.
    superseded: Vec<Superseded>,
    pass: Option<Pass>,
}

/// One way through the store.
struct Pass {
    key: u16,
    at: SealedPlace,
    /// The first and the newest message's id, for how much is done.
    range: (Option<u64>, u64),
    is_verifying: bool,
    /// Sealed anew in this pass.
    found: u64,
    looked_at: u64,
    resealed: u64,
    unreadable: u64,
}

impl Dispatch {
    /// The keys in use, the oldest first.
    pub fn keys(&self) -> Vec<KeyView> {
        views(&self.engine.sealer.keys())
    }

    /// Adds a key to the key file, which waits: it seals from the next change of keys on. Nodes that share a store all get it first.
    ///
    /// # Errors
    /// [`DirectoryError::Conflict`] where one waits already or the key file cannot be written.
    pub async fn add_key(&self, actor: &str) -> Result<Vec<KeyView>, DirectoryError> {
        let engine = &self.engine;
        let mut rotation = engine.rotation.lock().await;
        let file = engine.key_file()?;
        let keys = engine.read_keys(&file).await?;
        if keys.iter().any(|key| key.id > keys.sealing()) {
            let detail = "a key waits already: `textgate keys rotate` takes it up";
            return Err(DirectoryError::Conflict(detail.into()));
        }
        let keys = keys.with_new(engine.clock.now_ms()).map_err(conflict)?;
        engine.write_keys(&file, &keys).await?;
        engine.take_up(&mut rotation, keys)?;
        let newest = self.keys().last().map_or(0, |key| key.id);
        engine.note_of_keys(actor, format!("added key {newest}, which waits")).await?;
        Ok(self.keys())
    }

    /// Uses the key file as it is now: a key that was added or taken up there, by hand or on another node.
    ///
    /// # Errors
    /// [`DirectoryError::Conflict`] where it cannot be read, or is another installation's; then nothing changes.
    pub async fn reload_keys(&self) -> Result<Vec<KeyView>, DirectoryError> {
        let engine = &self.engine;
        let mut rotation = engine.rotation.lock().await;
        let keys = engine.read_keys(&engine.key_file()?).await?;
        engine.take_up(&mut rotation, keys)?;
        Ok(self.keys())
    }

    /// Begins a change of keys, or goes on with one that broke off. With a key that waits, that one is taken up; otherwise, where
    /// there are no older ones left, a new one is made. From then on it seals.
    ///
    /// # Errors
    /// [`DirectoryError::Conflict`] where the key file cannot be read or written, [`DirectoryError::StoreUnavailable`].
    pub async fn begin_rotation(&self, actor: &str) -> Result<RotationView, DirectoryError> {
        let engine = &self.engine;
        let mut rotation = engine.rotation.lock().await;
        let file = engine.key_file()?;
        let before = engine.read_keys(&file).await?;
        let mut keys = before.sealing_by_newest();
        if !keys.has_older() {
            keys = keys.with_new(engine.clock.now_ms()).map_err(conflict)?.sealing_by_newest();
        }
        if keys != before {
            engine.write_keys(&file, &keys).await?;
        }
        let key = keys.sealing();
        engine.take_up(&mut rotation, keys)?;
        engine.wait_for_superseded(&mut rotation).await?;
        // Queued after everything that was sealed before, so that is on disk when this is.
        engine
            .note_of_keys(actor, format!("seals under key {key}, and what is sealed under others anew"))
            .await?;
        let newest = engine.store.newest().await?.as_u64();
        let pass = rotation.pass.insert(Pass::new(key, newest));
        Ok(pass.view(false, Vec::new()))
    }

    /// One bounded step of a change of keys that was begun. The last one drops the old keys from the key file, unless they are to be
    /// kept because other nodes still seal under them.
    ///
    /// # Errors
    /// [`DirectoryError::Conflict`] where none was begun or the key file cannot be written, [`DirectoryError::StoreUnavailable`].
    pub async fn rotation_step(&self, actor: &str, keeps_old: bool) -> Result<RotationView, DirectoryError> {
        let engine = &self.engine;
        let mut rotation = engine.rotation.lock().await;
        let key = engine.sealer.keys().sealing();
        let Some(pass) = rotation.pass.as_mut().filter(|pass| pass.key == key) else {
            let detail = "no change of keys was begun, or another key was taken up meanwhile: begin again";
            return Err(DirectoryError::Conflict(detail.into()));
        };
        let Some(next) = engine.reseal_from(pass).await? else {
            if pass.found > 0 {
                *pass = pass.again();
                return Ok(pass.view(false, Vec::new()));
            }
            let mut view = pass.view(true, Vec::new());
            if !keeps_old {
                view.dropped = engine.drop_older(&mut rotation, key, actor).await?;
            }
            rotation.pass = None;
            return Ok(view);
        };
        pass.at = next;
        Ok(pass.view(false, Vec::new()))
    }
}

impl Engine {
    fn key_file(&self) -> Result<Arc<dyn KeyFile>, DirectoryError> {
        self.sealer.file().ok_or_else(|| DirectoryError::Conflict("there is no key file here".into()))
    }

    /// Only keys that can take the place of those in use: others would lock the store.
    async fn read_keys(&self, file: &Arc<dyn KeyFile>) -> Result<Keys, DirectoryError> {
        let file = Arc::clone(file);
        let read = tokio::task::spawn_blocking(move || file.read()).await;
        let keys = read.map_err(conflict)?.map_err(DirectoryError::Conflict)?;
        self.sealer.check(&keys).map_err(not_ours)?;
        Ok(keys)
    }

    async fn write_keys(&self, file: &Arc<dyn KeyFile>, keys: &Keys) -> Result<(), DirectoryError> {
        let (file, keys) = (Arc::clone(file), keys.clone());
        let written = tokio::task::spawn_blocking(move || file.write(&keys)).await;
        written.map_err(conflict)?.map_err(DirectoryError::Conflict)
    }

    fn take_up(&self, rotation: &mut Rotation, keys: Keys) -> Result<(), DirectoryError> {
        if keys != self.sealer.keys() {
            rotation.superseded.push(self.sealer.take_up(keys).map_err(not_ours)?);
        }
        Ok(())
    }

    /// Waits until everything that was sealed under keys of before is queued at the store.
    async fn wait_for_superseded(&self, rotation: &mut Rotation) -> Result<(), DirectoryError> {
        // Settings are sealed within a turn; whoever had it has queued them when it is ours.
        drop(self.turn().await);
        let free = async {
            loop {
                rotation.superseded.retain(|superseded| !superseded.is_free());
                if rotation.superseded.is_empty() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let late = |_| DirectoryError::StoreUnavailable("what is under way takes too long; try again".into());
        tokio::time::timeout(PATIENCE, free).await.map_err(late)
    }

    /// Seals one page anew. Answers where to go on.
    async fn reseal_from(self: &Arc<Self>, pass: &mut Pass) -> Result<Option<SealedPlace>, DirectoryError> {
        // Of the directory there is a copy in memory, from which records are written back whole.
        let turn = if pass.at.is_in_directory() { Some(self.turn().await) } else { None };
        let page = self.store.sealed(pass.key, pass.at, STEP).await?;
        let mut resealed = Vec::with_capacity(page.found.len());
        for Sealed { place, owner, octets } in page.found {
            match self.sealer.unseal(place.purpose(), owner, &octets) {
                Ok(plain) => {
                    let after = self.sealer.seal(place.purpose(), owner, &plain);
                    resealed.push(Resealed { place, before: octets, after });
                }
                Err(_) => pass.unreadable += 1,
            }
        }
        // What was changed or erased meanwhile was found all the same: only a pass without anything is the last.
        pass.found += resealed.len() as u64;
        let put = if resealed.is_empty() { 0 } else { self.store.reseal(resealed).await? };
        if let Some(turn) = turn.filter(|_| put > 0) {
            self.read_directory(&turn).await?;
        }
        pass.looked_at += page.looked_at as u64;
        pass.resealed += put as u64;
        Ok(page.next)
    }

    /// Takes the keys that only open from the key file. This process can still open what it has read meanwhile.
    async fn drop_older(
        &self,
        rotation: &mut Rotation,
        key: u16,
        actor: &str,
    ) -> Result<Vec<u16>, DirectoryError> {
        let file = self.key_file()?;
        let keys = self.read_keys(&file).await?;
        if keys.sealing() != key {
            return Err(DirectoryError::Conflict("the key file was changed meanwhile: begin again".into()));
        }
        let (left, dropped) = keys.without_older();
        if !dropped.is_empty() {
            self.write_keys(&file, &left).await?;
            self.take_up(rotation, left)?;
            let numbers: Vec<String> = dropped.iter().map(u16::to_string).collect();
            self.note_of_keys(actor, format!("dropped key {}", numbers.join(", "))).await?;
        }
        Ok(dropped)
    }

    async fn note_of_keys(&self, actor: &str, action: String) -> Result<(), DirectoryError> {
        tracing::info!(action, "the key file");
        let note = AuditNote { at_ms: self.clock.now_ms(), actor: actor.to_owned(), vs: VsId::ROOT, action };
        Ok(self.store.note(vec![note]).await?)
    }
}

impl Pass {
    fn new(key: u16, newest: u64) -> Self {
        Self {
            key,
            at: SealedPlace::START,
            range: (None, newest),
            is_verifying: false,
            found: 0,
            looked_at: 0,
            resealed: 0,
            unreadable: 0,
        }
    }

    /// The next one, to see that nothing is left.
    fn again(&self) -> Self {
        let fresh = Self::new(self.key, self.range.1);
        Self { is_verifying: true, looked_at: self.looked_at, resealed: self.resealed, ..fresh }
    }

    fn view(&mut self, is_done: bool, dropped: Vec<u16>) -> RotationView {
        RotationView {
            key: self.key,
            is_done,
            is_verifying: self.is_verifying,
            percent: if is_done { 100 } else { self.percent() },
            looked_at: self.looked_at,
            resealed: self.resealed,
            unreadable: self.unreadable,
            dropped,
        }
    }

    /// Messages are nearly all there is, and their ids rise with time.
    fn percent(&mut self) -> u8 {
        let SealedPlace::Text(id) = self.at else { return 0 };
        let id = id.as_u64();
        if id == 0 {
            return 0;
        }
        let first = *self.range.0.get_or_insert(id);
        let (done, all) = (id.saturating_sub(first), self.range.1.saturating_sub(first));
        u8::try_from(u128::from(done) * 100 / u128::from(all.max(1))).map_or(100, |percent| percent.min(100))
    }
}

fn views(keys: &Keys) -> Vec<KeyView> {
    let view = |key: &textgate_store::SealingKey| KeyView {
        id: key.id,
        made_ms: key.made_ms,
        r#use: match key.id.cmp(&keys.sealing()) {
            std::cmp::Ordering::Less => KeyUse::Opens,
            std::cmp::Ordering::Equal => KeyUse::Seals,
            std::cmp::Ordering::Greater => KeyUse::Waits,
        },
    };
    keys.iter().map(view).collect()
}

fn conflict(error: impl ToString) -> DirectoryError {
    DirectoryError::Conflict(error.to_string())
}

fn not_ours(error: SealError) -> DirectoryError {
    let why = match error {
        SealError::NoSuchKey(key) => format!("lacks key {key}, under which is sealed now"),
        _ => "is another installation's".to_owned(),
    };
    DirectoryError::Conflict(format!("the key file {why}: put the right one back; nothing was changed"))
}

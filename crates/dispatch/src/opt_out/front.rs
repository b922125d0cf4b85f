//! What the API and the console ask about opt-outs.

use super::heed::{LONGEST_NOTE, Said};
use super::import::{self, LONGEST_SENDER};
use super::list::sender_of;
use super::settings::OptOutSettings;
use super::views::*;
use super::{FromPhone, Heeded};
use crate::dispatch::Dispatch;
use crate::engine::Engine;
use crate::front::csv;
use crate::view::View;
use crate::words::DirectoryError;
use serde_json::json;
use textgate_gateway::Problem;
use textgate_sms::{PhoneNumber, VsId};
use textgate_store::{
    Change, ConsentRecord, ConsentSource, Difference, NewConsent, OptOutRecord, Purpose, Wish,
};

/// Most entries of a page.
const PAGE_MOST: usize = 1_000;
/// Most opt-outs of a virtual server that programs and people add. What phones say is heard beyond it.
const MOST_OPT_OUTS: usize = 1_000_000;
/// Opt-outs of an import that are written in one transaction.
const AT_ONCE: usize = 500;

impl Dispatch {
    /// Hears what a phone says: where it is a word for no more messages, for messages again or for help, it is heeded and answered. The
    /// opt-out is on disk, and in force, when this returns. `None`: it is none of these words.
    ///
    /// # Errors
    /// [`DirectoryError::StoreUnavailable`]: the same message may be handed in again.
    pub async fn hear_word(&self, heard: &FromPhone) -> Result<Option<Heeded>, DirectoryError> {
        Ok(self.engine.hear_word(heard).await?)
    }

    /// A page of the phones that want no messages of this virtual server, the newest first: all, or those of one number.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] at `number`, [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn opt_outs(
        &self,
        vs: VsId,
        number: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<OptOutPage, DirectoryError> {
        let engine = &self.engine;
        here(&engine.view.load(), vs)?;
        let phone = number.map(parsed).transpose()?.map(|number| engine.phone_key(vs, number));
        let limit = limit.clamp(1, PAGE_MOST);
        let mut found = engine.store.opt_outs(vs, phone, before, limit + 1).await?;
        let has_more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| has_more).map(|last| last.id);
        Ok(OptOutPage { opt_outs: found.iter().map(|record| engine.shown_opt_out(record)).collect(), next })
    }

    /// Adds an opt-out: it is on disk and in force when this returns. Answers it, and whether it is new.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] at `number`, `sender` or `note`; [`DirectoryError::Conflict`] where there are too many,
    /// [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn add_opt_out(
        &self,
        by: &ConsentBy,
        vs: VsId,
        new: NewOptOut,
    ) -> Result<(OptOutView, bool), DirectoryError> {
        let engine = &self.engine;
        here(&engine.view.load(), vs)?;
        let sender = sender_of(&new.sender.unwrap_or_default());
        let mut problems = problem_of_note(&new.note);
        if sender.chars().count() > LONGEST_SENDER {
            problems.push(Problem::new("sender", format!("use at most {LONGEST_SENDER} characters")));
        }
        let number = match parsed(&new.number) {
            Ok(number) if problems.is_empty() => number,
            Ok(_) => return Err(DirectoryError::Invalid(problems)),
            Err(DirectoryError::Invalid(more)) => {
                problems.extend(more);
                return Err(DirectoryError::Invalid(problems));
            }
            Err(other) => return Err(other),
        };
        self.room_for(vs, 1)?;
        let said = said(by, sender.clone(), Wish::Out);
        let changed = engine.note_consent(vs, vec![(number, said, new.note)]).await?;
        let there = engine.store.opt_outs(vs, Some(engine.phone_key(vs, number)), None, PAGE_MOST).await?;
        let there = there.iter().find(|record| record.sender == sender);
        let there =
            there.ok_or_else(|| DirectoryError::Conflict("it was removed at the same time".into()))?;
        Ok((engine.shown_opt_out(there), changed.contains(&true)))
    }

    /// Ends an opt-out.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] at `note`, [`DirectoryError::NotFound`] also for another virtual server's,
    /// [`DirectoryError::StoreUnavailable`].
    pub async fn remove_opt_out(
        &self,
        by: &ConsentBy,
        vs: VsId,
        id: u64,
        note: &str,
    ) -> Result<(), DirectoryError> {
        let engine = &self.engine;
        let unknown = || DirectoryError::NotFound("this opt-out".into());
        let problems = problem_of_note(note);
        if !problems.is_empty() {
            return Err(DirectoryError::Invalid(problems));
        }
        let before = id.checked_add(1).filter(|before| i64::try_from(*before).is_ok()).ok_or_else(unknown)?;
        let found = engine.store.opt_outs(vs, None, Some(before), 1).await?;
        let found = found.into_iter().find(|record| record.id == id).ok_or_else(unknown)?;
        let held = engine.sealer.hold();
        // Sealed anew: what was read may be under a key that is on its way out. Of an erased number there is only what stands for it.
        let sealed = engine
            .number_of(vs, found.sealed.as_deref())
            .map(|number| engine.sealer.seal(Purpose::OptOut, vs.0.into(), &number.as_u64().to_be_bytes()));
        let ended = engine.store.consent(vec![NewConsent {
            vs,
            key: found.key,
            sealed,
            sender: found.sender,
            wish: Wish::In,
            at_ms: engine.clock.now_ms(),
            source: by.source,
            actor: by.actor.clone(),
            note: note.to_owned(),
        }]);
        drop(held);
        let is_ended = ended.await?.contains(&true);
        engine.follow_consents().await?;
        if is_ended { Ok(()) } else { Err(unknown()) }
    }

    /// A page of a virtual server's consent log, the newest first: all of it, or what is about one number.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] at `number`, [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn consents(
        &self,
        vs: VsId,
        number: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<ConsentPage, DirectoryError> {
        let engine = &self.engine;
        here(&engine.view.load(), vs)?;
        let phone = number.map(parsed).transpose()?.map(|number| engine.phone_key(vs, number));
        let limit = limit.clamp(1, PAGE_MOST);
        let mut found = engine.store.consents(vs, phone, before, limit + 1).await?;
        let has_more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| has_more).map(|last| last.id);
        Ok(ConsentPage { entries: found.iter().map(|record| engine.shown_consent(record)).collect(), next })
    }

    /// The lines of a page of the consent log as CSV, and where the next page begins. `None` for the first one, which has the names.
    ///
    /// # Errors
    /// As [`consents`](Self::consents).
    pub async fn consents_csv(
        &self,
        vs: VsId,
        before: Option<u64>,
    ) -> Result<(String, Option<u64>), DirectoryError> {
        let page = self.consents(vs, None, before, PAGE_MOST).await?;
        let mut out = String::new();
        if before.is_none() {
            out.push_str("id,at,number,wish,sender,source,by,note\r\n");
        }
        for entry in &page.entries {
            out.push_str(&format!("{},{},", entry.id, csv::time(entry.at_ms)));
            csv::cell(&mut out, entry.number.as_deref().unwrap_or_default());
            out.push_str(entry.wish);
            out.push(',');
            csv::cell(&mut out, entry.sender.as_deref().unwrap_or_default());
            out.push_str(entry.source);
            out.push(',');
            csv::cell(&mut out, &entry.by);
            csv::cell(&mut out, &entry.note);
            out.pop();
            out.push_str("\r\n");
        }
        Ok((out, page.next))
    }

    /// Adds a list of opt-outs: lines of a number, and after a comma a sender where it is about one. All of them where every line can be
    /// read, none where one cannot. Where the store fails in between, what was written stays, and the same list may be brought again.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] with the lines that are wrong, [`DirectoryError::Conflict`] where there would be too many,
    /// [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn import_opt_outs(
        &self,
        actor: &str,
        vs: VsId,
        list: &str,
    ) -> Result<OptOutsImported, DirectoryError> {
        here(&self.engine.view.load(), vs)?;
        let lines = import::read(list).map_err(DirectoryError::Invalid)?;
        self.room_for(vs, lines.len())?;
        let by = ConsentBy { actor: actor.to_owned(), source: ConsentSource::Import };
        let mut imported = OptOutsImported { added: 0, known: 0 };
        for chunk in lines.chunks(AT_ONCE) {
            let out = |(number, sender): &(PhoneNumber, String)| {
                (*number, said(&by, sender.clone(), Wish::Out), String::new())
            };
            let changed = self.engine.note_consent(vs, chunk.iter().map(out).collect()).await?;
            let added = changed.iter().filter(|is_new| **is_new).count();
            imported.added += added;
            imported.known += changed.len() - added;
        }
        Ok(imported)
    }

    /// How a virtual server heeds opt-outs.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub fn opt_out_settings(&self, vs: VsId) -> Result<OptOutSettings, DirectoryError> {
        let view = self.engine.view.load();
        here(&view, vs)?;
        Ok(view.opt_out_settings(vs).clone())
    }

    /// Puts how a virtual server heeds opt-outs, as a whole.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] with every problem by its path, [`DirectoryError::NotFound`],
    /// [`DirectoryError::StoreUnavailable`].
    pub async fn put_opt_out_settings(
        &self,
        actor: &str,
        vs: VsId,
        settings: OptOutSettings,
    ) -> Result<OptOutSettings, DirectoryError> {
        let problems = settings.problems();
        if !problems.is_empty() {
            return Err(DirectoryError::Invalid(problems));
        }
        let decide = |view: &View| {
            here(view, vs)?;
            let before = view.opt_out_settings(vs);
            if *before == settings {
                return Ok((Vec::new(), ()));
            }
            let (before, after) = (json!(before), json!(settings));
            let difference = Difference { before, after: after.clone() };
            Ok((vec![Change::PutOptOutSettings { vs, settings: after, difference }], ()))
        };
        self.engine.change(actor, decide).await?;
        Ok(settings)
    }

    fn room_for(&self, vs: VsId, more: usize) -> Result<(), DirectoryError> {
        if self.engine.opt_outs.count_of(vs) + more <= MOST_OPT_OUTS {
            return Ok(());
        }
        let why =
            format!("a virtual server can have {MOST_OPT_OUTS} opt-outs that were added; remove some first");
        Err(DirectoryError::Conflict(why))
    }
}

impl Engine {
    /// The number of an entry; `None` where it was erased.
    pub(crate) fn number_of(&self, vs: VsId, sealed: Option<&[u8]>) -> Option<PhoneNumber> {
        let plain = self.sealer.unseal(Purpose::OptOut, vs.0.into(), sealed?).ok()?;
        PhoneNumber::from_u64(u64::from_be_bytes(plain.try_into().ok()?))
    }

    pub(crate) fn shown_opt_out(&self, record: &OptOutRecord) -> OptOutView {
        OptOutView {
            id: record.id,
            number: self.number_of(record.vs, record.sealed.as_deref()).map(|number| number.to_string()),
            sender: Some(record.sender.clone()).filter(|sender| !sender.is_empty()),
            since_ms: record.at_ms,
            source: record.source.name(),
        }
    }

    pub(crate) fn shown_consent(&self, record: &ConsentRecord) -> ConsentView {
        ConsentView {
            id: record.id,
            number: self.number_of(record.vs, record.sealed.as_deref()).map(|number| number.to_string()),
            sender: Some(record.sender.clone()).filter(|sender| !sender.is_empty()),
            wish: if record.is_out { "out" } else { "in" },
            at_ms: record.at_ms,
            source: record.source.name(),
            by: record.actor.clone(),
            note: record.note.clone(),
        }
    }
}

fn here(view: &View, vs: VsId) -> Result<(), DirectoryError> {
    let unknown = || DirectoryError::NotFound("this virtual server".into());
    view.server(vs).map(drop).ok_or_else(unknown)
}

fn parsed(number: &str) -> Result<PhoneNumber, DirectoryError> {
    let wrong = |error: textgate_sms::NumberError| {
        DirectoryError::Invalid(vec![Problem::new("number", error.to_string())])
    };
    PhoneNumber::parse(number.trim()).map_err(wrong)
}

fn problem_of_note(note: &str) -> Vec<Problem> {
    let is_wrong = note.chars().count() > LONGEST_NOTE || note.contains('\0');
    let problem = || Problem::new("note", format!("use at most {LONGEST_NOTE} characters"));
    is_wrong.then(problem).into_iter().collect()
}

fn said(by: &ConsentBy, sender: String, wish: Wish) -> Said {
    Said { sender, wish, source: by.source, actor: by.actor.clone() }
}

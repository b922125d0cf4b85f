//! Opt-outs in memory: the store's rules for them in their plainest form, for this room's tests.

use textgate_sms::VsId;
use textgate_store::*;

#[derive(Default)]
pub(crate) struct OptOutTables {
    list: Vec<OptOutRecord>,
    log: Vec<ConsentRecord>,
}

impl OptOutTables {
    pub(crate) fn consent(&mut self, said: Vec<NewConsent>) -> Vec<bool> {
        said.into_iter().map(|one| self.one(one)).collect()
    }

    fn one(&mut self, new: NewConsent) -> bool {
        let before = self.log.len();
        let is_phone = |record: &OptOutRecord| (record.vs, record.key) == (new.vs, new.key);
        let senders: Vec<String> = match new.wish {
            Wish::Out => {
                let is_there = self.list.iter().any(|out| is_phone(out) && out.sender == new.sender);
                if is_there { Vec::new() } else { vec![new.sender.clone()] }
            }
            wish => {
                let ends = |out: &&OptOutRecord| {
                    is_phone(out)
                        && match wish {
                            Wish::InAll => true,
                            Wish::InFrom => out.sender.is_empty() || out.sender == new.sender,
                            _ => out.sender == new.sender,
                        }
                };
                self.list.iter().filter(ends).map(|out| out.sender.clone()).collect()
            }
        };
        for sender in senders {
            let id = self.log.len() as u64 + 1;
            let (vs, key, at_ms, source) = (new.vs, new.key, new.at_ms, new.source);
            self.list.retain(|out| !(is_phone(out) && out.sender == sender));
            if new.wish == Wish::Out {
                let (sender, sealed) = (sender.clone(), new.sealed.clone());
                self.list.push(OptOutRecord { id, vs, key, sender, at_ms, source, sealed });
            }
            self.log.push(ConsentRecord {
                id,
                vs,
                key,
                sender,
                is_out: new.wish == Wish::Out,
                at_ms,
                source,
                actor: new.actor.clone(),
                note: new.note.clone(),
                sealed: new.sealed.clone(),
            });
        }
        self.log.len() > before
    }

    pub(crate) fn list(
        &self,
        vs: VsId,
        phone: Option<PhoneKey>,
        before: Option<u64>,
        limit: usize,
    ) -> Vec<OptOutRecord> {
        let fits = |out: &&OptOutRecord| {
            out.vs == vs
                && phone.is_none_or(|phone| phone == out.key)
                && before.is_none_or(|before| out.id < before)
        };
        self.list.iter().rev().filter(fits).take(limit).cloned().collect()
    }

    pub(crate) fn after(&self, after: u64, limit: usize) -> Vec<OptOutRecord> {
        self.list.iter().filter(|out| out.id > after).take(limit).cloned().collect()
    }

    pub(crate) fn log(
        &self,
        vs: VsId,
        phone: Option<PhoneKey>,
        before: Option<u64>,
        limit: usize,
    ) -> Vec<ConsentRecord> {
        let fits = |entry: &&ConsentRecord| {
            entry.vs == vs
                && phone.is_none_or(|phone| phone == entry.key)
                && before.is_none_or(|before| entry.id < before)
        };
        self.log.iter().rev().filter(fits).take(limit).cloned().collect()
    }

    pub(crate) fn log_after(&self, after: u64, limit: usize) -> Vec<ConsentRecord> {
        self.log.iter().filter(|entry| entry.id > after).take(limit).cloned().collect()
    }

    pub(crate) fn newest(&self) -> u64 {
        self.log.len() as u64
    }
}

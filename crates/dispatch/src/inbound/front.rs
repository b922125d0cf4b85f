//! What the API and the console ask about what phones send.

use super::InboundRules;
use super::kept::Kept;
use super::rules;
use super::words::{InboundPage, InboundRule, InboundView};
use crate::dispatch::Dispatch;
use crate::engine::Engine;
use crate::front::server;
use crate::view::View;
use crate::words::DirectoryError;
use serde_json::{Value, json};
use textgate_sms::{MessageId, VsId};
use textgate_store::{Change, Difference, InboundFilter, Purpose, StoredInbound};

/// Most messages of a page.
const PAGE_MOST: usize = 500;

impl Engine {
    /// What a message says; `None` where it is damaged, which is logged.
    pub(crate) fn open_inbound(&self, stored: &StoredInbound) -> Option<Kept> {
        let plain = self.sealer.unseal(Purpose::Inbound, u64::from(stored.gateway.0), &stored.sealed).ok();
        let kept = plain.and_then(|plain| Kept::from_json(&plain));
        if kept.is_none() {
            tracing::error!(message = %stored.id, "a message of a phone cannot be decrypted");
        }
        kept
    }

    fn shown_inbound(&self, view: &View, stored: &StoredInbound) -> InboundView {
        let kept = self.open_inbound(stored);
        let station = view.stations.get(&stored.gateway);
        let gateway =
            station.map_or_else(|| stored.gateway.to_string(), |station| station.built().name.clone());
        let (parts, missing) = kept.as_ref().map_or((1, 0), |kept| (kept.parts, kept.missing));
        let (from, to, text) = match kept {
            Some(Kept { from, to, text, .. }) => (from, to, Some(text)),
            None => (String::new(), String::new(), None),
        };
        InboundView { id: stored.id, from, to, text, gateway, at_ms: stored.at_ms, parts, missing }
    }
}

impl Dispatch {
    /// A page of a virtual server's messages of phones, the newest first, older than `before`: all, or those of one phone. At most 500.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] for the virtual server, [`DirectoryError::StoreUnavailable`].
    pub async fn inbound(
        &self,
        vs: VsId,
        from: Option<&str>,
        before: Option<MessageId>,
        limit: usize,
    ) -> Result<InboundPage, DirectoryError> {
        let engine = &self.engine;
        let view = engine.view.load_full();
        server(&view, vs)?;
        let limit = limit.clamp(1, PAGE_MOST);
        let filter = InboundFilter { phone: from.map(|from| engine.inbound_phone(from)) };
        let mut found = engine.store.inbound(vs, filter, before, limit + 1).await?;
        let is_more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| is_more).map(|last| last.id);
        Ok(InboundPage { messages: found.iter().map(|one| engine.shown_inbound(&view, one)).collect(), next })
    }

    /// One message of a phone.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] also for another virtual server's message, [`DirectoryError::StoreUnavailable`].
    pub async fn inbound_message(&self, vs: VsId, id: MessageId) -> Result<InboundView, DirectoryError> {
        let stored = self.engine.store.inbound_message(vs, id).await?;
        let stored = stored.ok_or_else(|| DirectoryError::NotFound("this message".into()))?;
        Ok(self.engine.shown_inbound(&self.engine.view.load(), &stored))
    }

    /// The rules that say whose messages are which come by this virtual server's gateways, in order. What no rule fits is its own.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub fn inbound_rules(&self, vs: VsId) -> Result<Vec<InboundRule>, DirectoryError> {
        let view = self.engine.view.load();
        server(&view, vs)?;
        Ok(rules_of(&view, vs))
    }

    /// Puts these rules as a whole. For messages that come from now on.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] with every problem at once, by its path; [`DirectoryError::NotFound`],
    /// [`DirectoryError::StoreUnavailable`].
    pub async fn put_inbound_rules(
        &self,
        actor: &str,
        vs: VsId,
        rules: Vec<InboundRule>,
    ) -> Result<Vec<InboundRule>, DirectoryError> {
        let rules: Vec<InboundRule> = rules.into_iter().map(rules::normal).collect();
        let decide = |view: &View| {
            server(view, vs)?;
            let problems = rules::problems(&rules, |given_to| view.is_within(given_to, vs));
            if !problems.is_empty() {
                return Err(DirectoryError::Invalid(problems));
            }
            let before = rules_of(view, vs);
            if before == rules {
                return Ok((Vec::new(), ()));
            }
            let difference = Difference { before: noted(&before), after: noted(&rules) };
            let rules = (!rules.is_empty()).then(|| serde_json::to_value(&rules).unwrap_or_default());
            Ok((vec![Change::PutInboundRules { vs, rules, difference }], ()))
        };
        let (view, ()) = self.engine.change(actor, decide).await?;
        Ok(rules_of(&view, vs))
    }
}

fn rules_of(view: &View, vs: VsId) -> Vec<InboundRule> {
    // What was given to one that was removed is given to nobody.
    let is_there = |rule: &&InboundRule| view.is_within(rule.virtual_server, vs);
    let rules = view.inbound_rules(vs).map_or(&[][..], |rules: &InboundRules| &rules.rules);
    rules.iter().filter(is_there).cloned().collect()
}

/// What the audit log shows of rules: of a number only its end, as of any.
fn noted(rules: &[InboundRule]) -> Value {
    let one = |rule: &InboundRule| {
        let number = rule.number.as_deref().map(rules::address).map(|number| {
            let count = number.chars().count();
            if count > 6 {
                format!("…{}", number.chars().skip(count - 2).collect::<String>())
            } else {
                number
            }
        });
        json!({"number": number, "keyword": rule.keyword, "virtual_server": rule.virtual_server.0})
    };
    if rules.is_empty() { Value::Null } else { rules.iter().map(one).collect() }
}

//! Where a number is kept.

use crate::engine::Engine;
use crate::view::View;
use crate::words::DirectoryError;
use serde_json::Value;
use std::collections::BTreeMap;
use textgate_gateway::Problem;
use textgate_sms::{GatewayId, MessageId, PhoneNumber, VsId};
use textgate_store::{
    AlertRecord, Filter, PasscodeFilter, PasscodeRecord, Purpose, SealedPlace, StoreError, StoredMessage,
};

/// Records read at once.
const PAGE: usize = 500;
/// A key that none is sealed under: all that is sealed is under another one.
const NO_KEY: u16 = u16::MAX;

/// A message that a phone sent, as it is kept.
pub(super) struct Inbound {
    pub(super) id: u64,
    pub(super) gateway: GatewayId,
    pub(super) to: String,
    pub(super) text: String,
}

/// The number that is asked about.
pub(super) fn parsed(number: &str) -> Result<PhoneNumber, DirectoryError> {
    let wrong = |error: textgate_sms::NumberError| {
        DirectoryError::Invalid(vec![Problem::new("number", error.to_string())])
    };
    PhoneNumber::parse(number.trim()).map_err(wrong)
}

/// The virtual servers that are asked about: this one and all below it; from the root also those that are gone.
pub(super) fn servers(view: &View, within: VsId) -> Result<Vec<VsId>, DirectoryError> {
    if view.server(within).is_none() {
        return Err(DirectoryError::NotFound("this virtual server".into()));
    }
    if within == VsId::ROOT {
        return Ok((VsId::ROOT.0..view.directory.next_vs.max(VsId::ROOT.0 + 1)).map(VsId).collect());
    }
    let mut below: Vec<VsId> =
        view.servers().map(|server| server.id).filter(|vs| view.is_within(*vs, within)).collect();
    below.sort();
    Ok(below)
}

impl Engine {
    /// A virtual server's messages to this number.
    pub(super) async fn messages_to(
        &self,
        vs: VsId,
        number: PhoneNumber,
    ) -> Result<Vec<StoredMessage>, StoreError> {
        let (mut found, mut before) = (Vec::new(), None);
        loop {
            let filter = Filter { to: Some(number), ..Filter::default() };
            let page = self.store.messages(vs, filter, before, PAGE).await?;
            found.extend(page.messages);
            before = page.next;
            if before.is_none() {
                return Ok(found);
            }
        }
    }

    /// A virtual server's passcodes for this number.
    pub(super) async fn passcodes_for(
        &self,
        vs: VsId,
        number: PhoneNumber,
    ) -> Result<Vec<PasscodeRecord>, StoreError> {
        let (mut found, mut before): (_, Option<MessageId>) = (Vec::new(), None);
        loop {
            let filter = PasscodeFilter { to: Some(number), state: None, now_ms: self.clock.now_ms() };
            let page = self.store.passcodes(vs, filter, before, PAGE).await?;
            found.extend(page.passcodes);
            before = page.next;
            if before.is_none() {
                return Ok(found);
            }
        }
    }

    /// A virtual server's alerts that went to this number itself.
    pub(crate) async fn alerts_of(
        &self,
        vs: VsId,
        number: PhoneNumber,
    ) -> Result<Vec<AlertRecord>, StoreError> {
        let (mut found, mut before) = (Vec::new(), None);
        loop {
            let page = self.store.alerts(vs, None, before, PAGE).await?;
            let Some(last) = page.last() else { return Ok(found) };
            before = Some(last.id);
            found.extend(page.into_iter().filter(|alert| self.is_alert_to(alert, number)));
        }
    }

    /// Messages that this number sent, by the virtual server whose gateway they came by. What came by a gateway that is gone is the
    /// root's.
    pub(super) async fn inbound_from(
        &self,
        view: &View,
        number: PhoneNumber,
    ) -> Result<BTreeMap<VsId, Vec<Inbound>>, StoreError> {
        let mut found: BTreeMap<VsId, Vec<Inbound>> = BTreeMap::new();
        let mut after = Some(SealedPlace::Inbound(0));
        while let Some(place @ SealedPlace::Inbound(_)) = after {
            let page = self.store.sealed(NO_KEY, place, PAGE).await?;
            for sealed in page.found {
                let SealedPlace::Inbound(id) = sealed.place else { continue };
                let Ok(plain) = self.sealer.unseal(Purpose::Inbound, sealed.owner, &sealed.octets) else {
                    continue;
                };
                let plain: Value = serde_json::from_slice(&plain).unwrap_or_default();
                let text = |name: &str| plain[name].as_str().unwrap_or_default().to_owned();
                if is_this(&text("from"), number) {
                    let gateway = GatewayId(u32::try_from(sealed.owner).unwrap_or(0));
                    let vs = self.whose_inbound(view, gateway, MessageId::from_u64(id)).await?;
                    let one = Inbound { id, gateway, to: text("to"), text: text("text") };
                    found.entry(vs).or_default().push(one);
                }
            }
            after = page.next;
        }
        Ok(found)
    }
}

impl Engine {
    /// Whose a message of a phone is: most are of the virtual server that has the gateway, some were given to one below it.
    async fn whose_inbound(
        &self,
        view: &View,
        gateway: GatewayId,
        id: MessageId,
    ) -> Result<VsId, StoreError> {
        let nearest = view.stations.get(&gateway).map_or(VsId::ROOT, |station| station.vs);
        for vs in std::iter::once(nearest).chain(view.servers().map(|server| server.id)) {
            if self.store.inbound_message(vs, id).await?.is_some() {
                return Ok(vs);
            }
        }
        Ok(nearest)
    }
}

/// Whether an address as a provider writes it is this number.
fn is_this(address: &str, number: PhoneNumber) -> bool {
    let digits: String = address.chars().filter(char::is_ascii_digit).collect();
    digits.trim_start_matches('0') == number.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_number_however_it_is_written() {
        let number = PhoneNumber::parse("15550100101").unwrap();
        for address in ["15550100101", "+15550100101", "0015550100101", "+1 (555) 010-0101"] {
            assert!(is_this(address, number), "{address}");
        }
        for address in ["", "ACME", "1555010010", "915550100101"] {
            assert!(!is_this(address, number), "{address}");
        }
    }
}

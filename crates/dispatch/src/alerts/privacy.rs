//! What alerts and contacts keep of one number.

use super::words::ContactView;
use crate::dispatch::Dispatch;
use crate::engine::Engine;
use crate::words::DirectoryError;
use textgate_sms::{PhoneNumber, VsId};
use textgate_store::{AlertRecord, Resealed, SealedPlace, StoreError};

impl Engine {
    /// Whether an alert went to this number itself, and not to a group.
    pub(crate) fn is_alert_to(&self, alert: &AlertRecord, number: PhoneNumber) -> bool {
        self.body_of(alert).to.is_some_and(|to| to == number.to_string())
    }

    /// Takes the number out of a virtual server's alerts that went to it: they stay, and nobody is told by it any more. Answers how many.
    pub(crate) async fn take_out_of_alerts(
        &self,
        vs: VsId,
        number: PhoneNumber,
    ) -> Result<usize, StoreError> {
        let held = self.sealer.hold();
        let anew = |alert: AlertRecord| {
            let mut body = self.body_of(&alert);
            body.to = None;
            let after = self.seal_body(alert.id, &body);
            Resealed { place: SealedPlace::Alert(alert.id), before: alert.sealed, after }
        };
        let alerts: Vec<Resealed> = self.alerts_of(vs, number).await?.into_iter().map(anew).collect();
        if alerts.is_empty() {
            return Ok(0);
        }
        let put = self.store.reseal(alerts).await?;
        drop(held);
        Ok(put)
    }
}

impl Dispatch {
    /// A virtual server's contacts that have this number.
    pub(crate) fn contacts_with(&self, vs: VsId, number: PhoneNumber) -> Vec<ContactView> {
        let number = number.to_string();
        self.contacts(vs).into_iter().filter(|contact| contact.number == number).collect()
    }

    /// Removes a virtual server's contacts that have this number, also from their groups. Answers how many.
    pub(crate) async fn remove_contacts_with(
        &self,
        actor: &str,
        vs: VsId,
        number: PhoneNumber,
    ) -> Result<usize, DirectoryError> {
        let mut removed = 0;
        for contact in self.contacts_with(vs, number) {
            match self.remove_contact(actor, vs, &contact.name).await {
                Ok(()) => removed += 1,
                // Somebody else removed it meanwhile.
                Err(DirectoryError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(removed)
    }
}

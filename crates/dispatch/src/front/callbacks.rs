//! Calls of providers: which gateway each is for, and its receipts and messages of phones kept before it is answered.

use crate::dispatch::Dispatch;
use crate::engine::Engine;
use crate::station::Station;
use crate::work::StationWork;
use std::sync::Arc;
use subtle::ConstantTimeEq as _;
use textgate_gateway::{Callback, CallbackError, CallbackReply, NotKept, Work as _};
use textgate_sms::GatewayId;

/// Why a provider's call was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallbackRefusal {
    /// No gateway has this token, or its provider makes no calls.
    #[error("there is no such receipt address")]
    Unknown,
    /// Its signature is missing or wrong.
    #[error("the call does not prove that it comes from the provider")]
    Forbidden,
    /// It is not in the form the provider documents.
    #[error("the call is not in the provider's form")]
    Malformed,
    /// Whether it is the provider's cannot be known now, or what it asks for cannot be done now; the provider should call again.
    #[error("the call cannot be taken now: {0}")]
    NotNow(String),
    /// What it says cannot be kept now; the provider should call again.
    #[error("the store is not available: {0}")]
    NotKept(String),
}

impl Dispatch {
    /// Takes a provider's call to `/receipts/{token}`: what is in it is on disk when the reply is there. The same call again
    /// changes nothing.
    ///
    /// # Errors
    /// [`CallbackRefusal`].
    pub async fn receipt_callback(
        &self,
        token: &str,
        callback: &Callback<'_>,
    ) -> Result<CallbackReply, CallbackRefusal> {
        let station = self.engine.called(token).ok_or(CallbackRefusal::Unknown)?;
        let built = station.built();
        let gateway = built.gateway.as_ref().map(Arc::clone).map_err(|_| CallbackRefusal::Unknown)?;
        // What is read may have to wait for a certificate; other settings need not wait for it.
        drop(built);
        let received = gateway.receive(*callback).await.map_err(|error| match error {
            CallbackError::NotTaken => CallbackRefusal::Unknown,
            CallbackError::Forbidden => CallbackRefusal::Forbidden,
            CallbackError::Malformed => CallbackRefusal::Malformed,
            CallbackError::NotNow(why) => CallbackRefusal::NotNow(why),
        });
        let received = received.inspect_err(|refusal| {
            tracing::warn!(gateway = %station.id, %refusal, "a provider's call was not taken");
        })?;
        let work = StationWork { engine: Arc::clone(&self.engine), station: Arc::clone(&station) };
        let not_kept = |error: NotKept| CallbackRefusal::NotKept(error.to_string());
        if !received.receipts.is_empty() {
            work.receipts(received.receipts).await.map_err(not_kept)?;
        }
        // All are on their way to the store at once, and each is there before the reply.
        let inbound: Vec<_> = received.inbound.into_iter().map(|inbound| work.inbound(inbound)).collect();
        for kept in inbound {
            kept.await.map_err(not_kept)?;
        }
        Ok(received.reply)
    }

    /// Whether a token belongs to a gateway: quick, for whoever would read a long body first.
    pub fn is_receipt_token(&self, token: &str) -> bool {
        self.engine.called(token).is_some()
    }
}

impl Engine {
    /// What makes a gateway's receipt address secret: its number, and a digest of it under the key file's key.
    pub(crate) fn receipt_token(&self, id: GatewayId) -> String {
        let digest = self.sealer.digest(&[b"receipt address", &id.0.to_be_bytes()]);
        let digits = digest.iter().flat_map(|octet| [octet >> 4, octet & 15]);
        let digits = digits.filter_map(|digit| char::from_digit(digit.into(), 16));
        format!("{id}-{}", digits.collect::<String>())
    }

    /// Where a gateway's provider reports, from the public address or, without one, from the root of it.
    pub(crate) fn receipt_url(&self, id: GatewayId) -> String {
        let base = self.environment.public_url.as_deref().unwrap_or_default();
        format!("{base}/receipts/{}", self.receipt_token(id))
    }

    /// The gateway that a token belongs to.
    fn called(&self, token: &str) -> Option<Arc<Station>> {
        let id = GatewayId(token.split_once('-')?.0.parse().ok()?);
        let station = self.view.load().stations.get(&id).cloned()?;
        let is_right = bool::from(self.receipt_token(id).as_bytes().ct_eq(token.as_bytes()));
        is_right.then_some(station)
    }
}

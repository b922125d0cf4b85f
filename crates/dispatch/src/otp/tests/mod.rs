//! The passcode service under a held clock, with scripted gateways.

mod life;
mod many;
mod watching;

use super::*;
use crate::testing::Bench;
use std::time::Duration;
use textgate_sms::{MessageId, MessageState, PasscodeState, VsId};
use textgate_store::{Event, Matched, PasscodeRecord};
use tokio::time::sleep;

const A: u32 = b'a' as u32;
const B: u32 = b'b' as u32;
const VS: VsId = VsId::ROOT;

fn request() -> PasscodeRequest {
    PasscodeRequest { to: "15550100100".into(), ..PasscodeRequest::default() }
}

impl Bench {
    async fn otp(keys: &[&str], settings: OtpSettings) -> Self {
        let bench = Self::with(keys).await;
        bench.dispatch.put_otp_settings("test", VS, settings).await.unwrap();
        bench
    }

    /// Makes a passcode, and lets it be sent.
    async fn passcode(&self) -> MessageId {
        let sent = self.dispatch.create_passcode(VS, request()).await.unwrap();
        self.settle().await;
        sent.passcode.id
    }

    fn record(&self, id: MessageId) -> PasscodeRecord {
        self.store.passcodes.lock().unwrap().one(VS, id).unwrap()
    }

    /// The code, as the phone shows it.
    fn code(&self, id: MessageId) -> String {
        let record = self.record(id);
        let sealer = &self.dispatch.engine.sealer;
        code::code(sealer, id, record.number, &record.seed.unwrap(), 6, CodeAlphabet::Digits)
    }

    async fn check(&self, id: MessageId, code: &str) -> Result<PasscodeState, PasscodeRefusal> {
        self.dispatch.check_passcode(VS, id, code).await.map(|checked| checked.status)
    }

    async fn resend(&self, id: MessageId) -> Result<PasscodeSent, PasscodeRefusal> {
        let resent = self.dispatch.resend_passcode(VS, id, None).await;
        self.settle().await;
        resent
    }

    /// The messages that carried a passcode's code.
    fn messages(&self, id: MessageId) -> Vec<MessageId> {
        self.record(id).messages.to_vec()
    }

    /// The gateways that took a passcode's messages, one for each message.
    fn gateways(&self, id: MessageId) -> Vec<Vec<u32>> {
        let of = |message: &MessageId| self.store.attempts(*message).iter().map(|(id, _)| *id).collect();
        self.messages(id).iter().map(of).collect()
    }

    /// A receipt comes, and says this.
    fn receipt(&self, id: MessageId, gateway: u32, to: MessageState) {
        self.store.messages.lock().unwrap().get_mut(&id).unwrap().state = to;
        let gateway = textgate_sms::GatewayId(gateway);
        let matched = Matched {
            id,
            vs: VS,
            to: textgate_sms::PhoneNumber::from_u64(15_550_100_100),
            gateway,
            changed_to: Some(to),
            since_sent_ms: Some(1),
        };
        self.dispatch.engine.matched(&matched);
    }

    /// Every reason in a message's time line.
    fn reasons(&self, id: MessageId) -> Vec<String> {
        let messages = self.store.messages.lock().unwrap();
        let reason = |event: &Event| match event {
            Event::State { reason, .. } => Some(reason.to_string()),
            _ => None,
        };
        messages[&id].events.iter().filter_map(reason).collect()
    }

    async fn pass(&self, seconds: f64) {
        sleep(Duration::from_secs_f64(seconds)).await;
        self.settle().await;
    }
}

//! What the SMSC sends by itself: receipts and messages from phones, answered only when they are kept.

use super::buffers::Outbox;
use super::pdu::decode::{Deliver, Header};
use super::pdu::{command, encode, esm_class, tag};
use super::settings::Account;
use super::{receipt, status};
use crate::{Inbound, InboundPart, NotKept, Receipt, Work};
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use smallvec::{SmallVec, smallvec};
use std::time::Duration;
use textgate_sms::{Encoding, decode, encoding_of_data_coding, parse_header};

/// Most PDUs that wait for their answer; the SMSC's next ones stay in its socket.
const MOST_UNANSWERED: usize = 2000;
/// Most batches of receipts on their way to the store; beyond, receipts gather into larger ones.
const MOST_CALLS: usize = 8;
/// Most characters kept of an address.
const MOST_ADDRESS: usize = 64;

/// A request that waits for its answer.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    command: u32,
    sequence: u32,
}

type Call<'a> = BoxFuture<'a, (SmallVec<[Waiting; 1]>, Result<(), NotKept>)>;

/// What came in on one bind and is being kept.
pub(super) struct Arrivals<'a> {
    account: &'a Account,
    work: &'a dyn Work,
    calls: FuturesUnordered<Call<'a>>,
    receipts: Vec<Receipt>,
    receipts_of: SmallVec<[Waiting; 1]>,
    unanswered: usize,
}

impl<'a> Arrivals<'a> {
    pub fn new(account: &'a Account, work: &'a dyn Work) -> Self {
        Self {
            account,
            work,
            calls: FuturesUnordered::new(),
            receipts: Vec::new(),
            receipts_of: SmallVec::new(),
            unanswered: 0,
        }
    }

    /// Whether more may be read.
    pub fn has_room(&self) -> bool {
        self.unanswered < MOST_UNANSWERED
    }

    /// Whether everything was kept and answered.
    pub fn is_empty(&self) -> bool {
        self.unanswered == 0
    }

    /// A deliver_sm (SMPP 3.4 §4.6) or data_sm (§4.7).
    pub fn arrived(&mut self, header: Header, body: &[u8], outbox: &mut Outbox) {
        let waiting = Waiting { command: header.command, sequence: header.sequence };
        let read = match header.command {
            command::DATA_SM => Deliver::read_data_sm(body),
            _ => Deliver::read_deliver_sm(body),
        };
        let Ok(deliver) = read else {
            return answer(outbox, waiting, status::RINVCMDLEN);
        };
        if !receipt::is_receipt(&deliver) {
            let inbound = inbound(&deliver);
            let work = self.work;
            self.unanswered += 1;
            self.calls.push(Box::pin(async move { (smallvec![waiting], work.inbound(inbound).await) }));
            return;
        }
        match receipt::read(&deliver, self.account.receipt_id_base) {
            Some(receipt) => {
                self.unanswered += 1;
                self.receipts.push(receipt);
                self.receipts_of.push(waiting);
            }
            None => {
                // Sent again, it would name no message either.
                tracing::debug!("a receipt that names no message");
                answer(outbox, waiting, status::ROK);
            }
        }
    }

    /// Hands on the receipts that came in this turn, in one call.
    pub fn hand_on(&mut self) {
        if self.receipts.is_empty() || self.calls.len() >= MOST_CALLS {
            return;
        }
        let (receipts, of) = (std::mem::take(&mut self.receipts), std::mem::take(&mut self.receipts_of));
        let work = self.work;
        self.calls.push(Box::pin(async move { (of, work.receipts(receipts).await) }));
    }

    /// Waits for the next call to end, and answers what it was about. Never ends where there is none.
    pub async fn kept(&mut self) -> impl FnOnce(&mut Outbox) + use<> {
        let ended = match self.calls.next().await {
            Some(ended) => ended,
            None => std::future::pending().await,
        };
        self.unanswered = self.unanswered.saturating_sub(ended.0.len());
        move |outbox: &mut Outbox| {
            let (of, kept) = ended;
            // A temporary error: the SMSC sends it again (§5.1.3).
            let status = if kept.is_ok() { status::ROK } else { status::RX_T_APPN };
            for waiting in of {
                answer(outbox, waiting, status);
            }
        }
    }

    /// Answers what was kept by now.
    pub fn answer_kept(&mut self, outbox: &mut Outbox) {
        while !self.is_empty()
            && let Some(kept) = self.kept().now_or_never()
        {
            kept(outbox);
        }
    }

    /// Lets what is on its way be kept, though nobody can be told any more: less comes twice. Bounded by `within`.
    pub async fn finish(mut self, within: Duration) {
        let all = async {
            while !self.is_empty() {
                self.hand_on();
                drop(self.kept().await);
            }
        };
        let _ = tokio::time::timeout(within, all).await;
    }
}

fn answer(outbox: &mut Outbox, waiting: Waiting, status: u32) {
    encode::delivered(&mut outbox.octets, waiting.command, status, waiting.sequence);
}

/// What a phone sent.
pub(super) fn inbound(deliver: &Deliver<'_>) -> Inbound {
    let address = |octets| String::from_utf8_lossy(octets).chars().take(MOST_ADDRESS).collect();
    // What no alphabet is known for is shown as Latin-1 rather than lost.
    let mut encoding = encoding_of_data_coding(deliver.data_coding).unwrap_or(Encoding::Latin1);
    let mut units = deliver.message;
    let mut part = None;
    if deliver.esm_class & esm_class::UDHI != 0
        && let Some(header) = parse_header(units)
    {
        units = units.get(header.octets..).unwrap_or_default();
        part = header.part.map(|part| (part.reference, part.total, part.number));
        if matches!(encoding, Encoding::Gsm7(_)) {
            encoding = Encoding::Gsm7(header.shifts);
        }
    } else {
        // SMPP 3.4 §5.3.2.22 to §5.3.2.24.
        let number = |wanted| deliver.tlvs.number(wanted);
        let octet = |wanted| number(wanted).and_then(|n| u8::try_from(n).ok());
        if let (Some(reference), Some(total), Some(nth)) =
            (number(tag::SAR_MSG_REF_NUM), octet(tag::SAR_TOTAL_SEGMENTS), octet(tag::SAR_SEGMENT_SEQNUM))
            && (1..=total).contains(&nth)
        {
            part = Some((reference, total, nth));
        }
    }
    Inbound {
        from: address(deliver.source),
        to: address(deliver.destination),
        text: decode(units, encoding),
        part: part.map(|(reference, total, number)| InboundPart {
            reference,
            total,
            number,
            units: Some((encoding, units.to_vec())),
        }),
        id: None,
    }
}

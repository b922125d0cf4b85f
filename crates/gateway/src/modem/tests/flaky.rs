//! Many messages through a modem that fails in every way: none is lost, and none is doubled that the modem answered.

use super::kit::{bench_of, desk, is_up, modems, to};
use crate::modem::settings::Timing;
use crate::{Outcome, Submission};
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use textgate_simulator::{Cure, ModemBehaviour, ModemError, Turn};
use textgate_sms::OutcomeClass::{Refused, Sent, Throttled, Unavailable, Uncertain};

const MESSAGES: u64 = 1000;

/// The fault of one step, by chance: about one in thirty.
fn fault(dice: u64) -> Option<Turn> {
    // SplitMix64.
    let mixed = dice.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    let turn = match (mixed ^ (mixed >> 31)) % 300 {
        0 => Turn::Refuse(ModemError::Plain),
        1 => Turn::Refuse(ModemError::Cms(500)),
        2 => Turn::Refuse(ModemError::Cms(42)),
        3 => Turn::Ignore,
        4 => Turn::Garbage(b"\xff\x00+C\xfe\r\n".to_vec()),
        5 => Turn::LoseAnswer,
        6 => Turn::LoseFinal,
        7 => Turn::HangAfter(Cure::Reopen),
        8 => Turn::Hang(Cure::Cfun),
        9 => Turn::Interrupt(vec!["RING".into(), "+CMTI: \"SM\",3".into()]),
        10 => Turn::Noise(b"\x01\xff".to_vec()),
        _ => return None,
    };
    Some(turn)
}

#[tokio::test]
async fn of_a_thousand_messages_none_is_lost_and_none_is_doubled_that_was_answered() {
    let desk = desk(ModemBehaviour::default()).await;
    let mut modems = modems(&desk.device, json!({}));
    let ms = Duration::from_millis;
    modems.timing =
        Timing { sync: ms(100), prompt: ms(150), network: ms(200), settle: ms(50), ..modems.timing };
    let mut bench = bench_of(modems);
    is_up(&bench).await;
    let dice = Arc::new(AtomicU64::new(1));
    desk.modem.change(|behaviour| {
        behaviour.decide = Some(Arc::new(move |request| {
            // The start has tests of its own.
            let is_sending = request.name == "+CMGS" || request.name == "message";
            is_sending.then(|| fault(dice.fetch_add(1, Ordering::Relaxed))).flatten()
        }));
    });
    let again = |submission: &Submission| Submission {
        answer_by: Instant::now() + Duration::from_secs(60),
        ..to(submission.to.as_u64(), &submission.text)
    };
    for n in 0..MESSAGES {
        bench.submit(to(15_550_100_000 + n, &format!("message {n}")));
    }
    let (mut sent, mut uncertain) = (0, HashMap::<u64, u32>::new());
    while sent < MESSAGES {
        let (submission, Outcome { class, detail, segments_sent, .. }) = bench.finished().await;
        match class {
            Sent => sent += 1,
            Uncertain => {
                *uncertain.entry(submission.to.as_u64()).or_default() += 1;
                bench.submit(again(&submission));
            }
            Refused | Throttled | Unavailable => {
                assert_eq!(segments_sent, 0, "{detail}");
                bench.submit(again(&submission));
            }
            other => panic!("{other}: {detail}"),
        }
    }
    let mut arrived = HashMap::<u64, u32>::new();
    for message in desk.modem.messages() {
        let number: u64 = message.destination.number.parse().unwrap();
        assert_eq!(message.text, format!("message {}", number - 15_550_100_000));
        *arrived.entry(number).or_default() += 1;
    }
    assert_eq!(arrived.len() as u64, MESSAGES, "none is lost");
    for (number, times) in arrived {
        let unanswered = uncertain.get(&number).copied().unwrap_or_default();
        assert!(
            times <= 1 + unanswered,
            "a message arrived {times} times, and {unanswered} of them were not answered"
        );
    }
    assert!(!uncertain.is_empty(), "there were faults");
}

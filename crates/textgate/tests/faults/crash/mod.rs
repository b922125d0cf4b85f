//! The process dies at any moment, again and again: what was answered with 202 arrives, is paid for once, and keeps its id.

mod load;
mod power;

use crate::kit::{Server, eventually, metric, smsc_that};
use crate::run::{Dice, rounds};
use load::{Book, WINDOW, tenants};
use std::process::Stdio;
use std::time::Duration;
use textgate_simulator::{Behaviour, Smsc, SmscOptions};

/// Answers after some milliseconds, so that the window is in use; repeats a receipt that was not acknowledged.
fn behaviour() -> Behaviour {
    Behaviour {
        answer_delay: Duration::from_millis(3),
        redeliver_after: Some(Duration::from_millis(100)),
        ..Behaviour::default()
    }
}

/// What the program says it may have sent twice since it was started.
async fn counted(server: &Server) -> usize {
    let metrics = server.metrics().await;
    let of = |name| metric(&metrics, name, &[]) as usize;
    of("textgate_messages_recovered_total") + of("textgate_possible_duplicates_total")
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_moments_it_loses_nothing_and_doubles_no_more_than_the_window() {
    let mut dice = Dice::thrown();
    let rounds = rounds(20);
    let smsc = Smsc::start(SmscOptions { behaviour: behaviour(), keep: 4_000_000, ..SmscOptions::default() });
    let smsc = smsc.await.unwrap();
    let mut server = Server::stopped();
    server.apply(&tenants(smsc.address()));
    let mut book = Book::default();
    let (mut doubles, mut most, mut counted_by_it, mut in_start) = (0, 0, 0, 0);
    for round in 0..rounds {
        // Now and then it does not even come to serve.
        if dice.below(5) == 0 {
            let mut command = server.command(&["serve"]);
            let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = command.spawn().unwrap();
            tokio::time::sleep(dice.ms(150)).await;
            child.kill().unwrap();
            child.wait().unwrap();
            in_start += 1;
        }
        let mut command = server.command(&["serve"]);
        command.env("TEXTGATE_LOG_LEVEL", "info");
        server.serve_by(command).await;
        let calls = book.begin(&server, 8);
        calls.until_accepted(1 + dice.below(60) as u64).await;
        tokio::time::sleep(dice.ms(20)).await;
        counted_by_it += counted(&server).await;
        server.kill();
        book.end(calls).await;
        let messages = smsc.messages();
        let different = load::count_by_text(&messages).len();
        let now = messages.len() - different;
        most = most.max(now - doubles);
        assert!(now - doubles <= WINDOW, "round {round}: {} doubles, the window is {WINDOW}", now - doubles);
        doubles = now;
        if (round + 1) % 100 == 0 {
            eprintln!(
                "{} rounds, {different} messages, {doubles} doubles, at most {most} at once",
                round + 1
            );
        }
    }
    server.serve().await;
    book.ask_again(&server).await;
    let audit = book.audit(&server, &smsc).await;
    counted_by_it += counted(&server).await;
    assert!(audit.doubles <= counted_by_it, "{} doubles, {counted_by_it} counted", audit.doubles);
    book.audit_credits(&server).await;
    book.audit_keys(&server, 1 + book.asked.len() / 200).await;
    // The repetitions were charged nothing.
    book.audit_credits(&server).await;
    eprintln!(
        "{rounds} kills and {in_start} during a start: {} accepted, {} arrived, {} doubles ({most} at most at once, {counted_by_it} \
         counted as possible), 0 lost",
        book.accepted(),
        audit.texts,
        audit.doubles
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_the_gateway_is_away_it_sends_each_message_once() {
    let smsc = smsc_that(behaviour()).await;
    smsc.stop().await;
    let mut server = Server::stopped();
    server.apply(&tenants(smsc.address()));
    let mut book = Book::default();
    for _ in 0..3 {
        server.serve().await;
        let calls = book.begin(&server, 4);
        calls.until_accepted(20).await;
        server.kill();
        book.end(calls).await;
    }
    server.serve().await;
    book.ask_again(&server).await;
    smsc.start_again().await.unwrap();
    let audit = book.audit(&server, &smsc).await;
    assert_eq!(audit.doubles, 0, "nothing of it was sent before");
    book.audit_credits(&server).await;
    eventually("the window is empty", async || {
        let counters = smsc.counters();
        (counters.submits == counters.answered).then_some(())
    })
    .await;
}

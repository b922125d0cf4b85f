//! Several nodes on one database.

use super::open_as;
use super::server::{self, Postgres};
use crate::contract::*;
use smallvec::smallvec;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use textgate_sms::*;
use textgate_store::*;

/// Two nodes, and the database's name for [`Postgres::sql`].
pub(super) fn two() -> Option<([Arc<dyn Store>; 2], String)> {
    if !server::is_there() {
        return None;
    }
    let url = Postgres::shared().database();
    let node =
        |name: &str| open_as(&url, PostgresOptions { node: name.to_owned(), ..PostgresOptions::default() });
    Some(([node("a"), node("b")], url.rsplit('/').next().unwrap().to_owned()))
}

/// Waits until this node hears that.
pub(super) async fn hears(store: &Arc<dyn Store>, wanted: Notice) {
    let hear = async { while store.notice().await != wanted {} };
    tokio::time::timeout(Duration::from_secs(20), hear).await.expect("it hears of it");
}

/// A message that is accepted once the node has begun anew.
async fn accepts_in_the_end(store: &Arc<dyn Store>, n: u64) {
    let accepted = async { while store.accept(vec![message(n)]).await.is_err() {} };
    tokio::time::timeout(Duration::from_secs(20), accepted).await.expect("it accepts again");
}

/// As another node does that takes this one for silent. It finds another number when it begins anew.
pub(super) fn fence(database: &str, name: &str) {
    let sql = "UPDATE textgate.node SET is_up = false, epoch = nextval('textgate.node_epoch'), name = 'silent' WHERE name = ";
    Postgres::shared().sql(database, &format!("{sql}'{name}'"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_fenced_node_has_not_finished_is_taken_over_once_passcodes_first() {
    let Some(([a, b], database)) = two() else { return };
    assert_ne!(a.node(), b.node());
    let kind = |n| if n % 2 == 0 { Kind::Text } else { Kind::Otp };
    a.accept((0..6).map(|n| NewMessage { kind: kind(n), ..message(n) }).collect()).await.unwrap();
    accept_one(&a, NewMessage { due_ms: Some(T + 900), ..message(6) }).await;
    a.record(vec![sent(0, &[])]).await.unwrap();
    assert!(b.unfinished(MessageId::from_u64(0), 9).await.unwrap().is_empty(), "they are another's");
    assert!(b.adopt(9).await.unwrap().is_empty());
    fence(&database, "a");
    hears(&b, Notice::Adoptable).await;
    let first = b.adopt(3).await.unwrap();
    assert_eq!(first.iter().map(|message| message.id).collect::<Vec<_>>(), [1, 3, 5].map(id));
    let rest = b.adopt(9).await.unwrap();
    assert_eq!(rest.iter().map(|message| message.id).collect::<Vec<_>>(), [2, 4, 6].map(id));
    assert_eq!(rest[2].state, MessageState::Scheduled);
    assert!(b.adopt(9).await.unwrap().is_empty());
    assert_eq!(b.unfinished(MessageId::from_u64(0), 9).await.unwrap().len(), 5);
}

/// All lose a database that fails over: who has it back first must not take over from those who are a moment behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_has_lost_the_database_gives_others_time_to_come_back() {
    let Some(([a, _b], database)) = two() else { return };
    let sql = |sql: &str| Postgres::shared().sql(&database, sql);
    // One that was there and is silent, and a's connections break: in one transaction, so that no beat comes in between.
    sql("BEGIN;
         INSERT INTO textgate.node (id, name, epoch, written, is_up, seen) VALUES (9, 'late', nextval('textgate.node_epoch'), 0, true,
           clock_timestamp() - interval '20 s');
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'textgate' AND datname = current_database();
         COMMIT");
    let began = sql("SELECT clock_timestamp()");
    let beats = format!("SELECT count(*) FROM textgate.node WHERE id <> 9 AND is_up AND seen > '{began}'");
    let at = async |condition: &str, wanted: &str| {
        let looks = async {
            while sql(condition) != wanted {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Instant::now()
        };
        tokio::time::timeout(Duration::from_secs(20), looks).await.expect(condition)
    };
    let back = at(&beats, "2").await;
    let fenced = at("SELECT is_up FROM textgate.node WHERE id = 9", "f").await;
    assert!(fenced - back > Duration::from_millis(1_500), "{:?}", fenced - back);
    hears(&a, Notice::PeersChanged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fenced_node_writes_and_sends_nothing_until_it_has_let_go_and_begun_anew() {
    let Some(([a, b], database)) = two() else { return };
    accept_one(&a, message(1)).await;
    assert!(a.may_send() && b.may_send());
    fence(&database, "a");
    // Its own messages are no longer its own, whatever it was about to write of them.
    let recorded = a.record(vec![sent(1, &[])]);
    assert!(a.accept(vec![message(2)]).await.is_err(), "under its old epoch nothing is accepted");
    hears(&a, Notice::Fenced).await;
    assert!(!a.may_send());
    a.begin_anew();
    assert!(a.may_send());
    recorded.await.unwrap();
    accepts_in_the_end(&a, 3).await;
    assert_eq!(state(&b, 1).await, MessageState::Sent, "what it knew is kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_leaves_in_order_is_taken_over_at_once() {
    let Some(([a, b], _)) = two() else { return };
    accept_one(&a, message(1)).await;
    accept_one(&b, message(2)).await;
    let number = a.node();
    drop(a);
    hears(&b, Notice::Adoptable).await;
    assert_eq!(b.adopt(9).await.unwrap().len(), 1);
    assert_eq!(b.unfinished(MessageId::from_u64(0), 9).await.unwrap().len(), 2);
    assert_ne!(b.node(), number);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_starts_again_under_its_name_has_its_messages_at_once_and_what_it_was_before_has_not() {
    let Some(([before, _], database)) = two() else { return };
    accept_one(&before, message(1)).await;
    let options = PostgresOptions { node: "a".to_owned(), ..PostgresOptions::default() };
    let now = open_as(&Postgres::shared().url(&database), options);
    assert_eq!(now.node(), before.node());
    assert_eq!(now.unfinished(MessageId::from_u64(0), 9).await.unwrap().len(), 1);
    hears(&before, Notice::Fenced).await;
    assert!(!before.may_send() && now.may_send());
    before.begin_anew();
    assert_ne!(now.node(), before.node());
    assert!(before.unfinished(MessageId::from_u64(0), 9).await.unwrap().is_empty());
    accept_one(&now, message(2)).await;
    accepts_in_the_end(&before, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_the_directory_is_heard_within_a_second() {
    let Some(([a, b], _)) = two() else { return };
    hears(&b, Notice::DirectoryChanged).await;
    tenants(&a).await;
    let hear = async { while b.notice().await != Notice::DirectoryChanged {} };
    tokio::time::timeout(Duration::from_secs(1), hear).await.expect("within a second");
    assert_eq!(b.directory().await.unwrap().virtual_servers.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credits_are_exact_and_a_key_is_used_once_over_nodes() {
    let Some((nodes, _)) = two() else { return };
    tenants(&nodes[0]).await;
    allocate(&nodes[0], VsId(3), 150).await;
    allocate(&nodes[0], VsId(2), 101).await;
    let tasks: Vec<_> = (0..16u64)
        .map(|task| {
            let store = nodes[task as usize % 2].clone();
            tokio::spawn(async move {
                let mut taken = (0, 0);
                for n in 0..10 {
                    // Payers in either order, so that nodes could wait for each other in a circle.
                    let payers =
                        if n % 2 == 0 { smallvec![VsId(3), VsId(2)] } else { smallvec![VsId(2), VsId(3)] };
                    let key = Idempotency { key: [(task / 2 * 10 + n) as u8; 16], request: [1; 16] };
                    let message = NewMessage { payers, idempotency: Some(key), ..message(task * 10 + n) };
                    match accept_one(&store, message).await {
                        Accepted::New => taken.0 += 1,
                        Accepted::Duplicate { .. } => taken.1 += 1,
                        Accepted::NoCredits { .. } => {}
                        other => panic!("{other:?}"),
                    }
                }
                taken
            })
        })
        .collect();
    let (mut new, mut again) = (0, 0);
    for task in tasks {
        let taken = task.await.unwrap();
        (new, again) = (new + taken.0, again + taken.1);
    }
    assert_eq!((new, again), (80, 80), "each key is one message");
    assert_eq!(nodes[1].credits(VsId(3)).await.unwrap().used, 80);
    assert_eq!(nodes[0].credits(VsId(2)).await.unwrap().used, 80);
    let ids: HashSet<MessageId> = nodes[0]
        .messages(VS, Filter::default(), None, 200)
        .await
        .unwrap()
        .messages
        .iter()
        .map(|m| m.id)
        .collect();
    assert_eq!(ids.len(), 80);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_that_comes_to_another_node_finds_its_message() {
    let Some(([a, b], _)) = two() else { return };
    accept_one(&a, message(1)).await;
    a.record(vec![sent(1, &["x"])]).await.unwrap();
    assert!(b.record_receipts(vec![receipt(&["x"], ReceiptState::Delivered)]).await.unwrap()[0].is_some());
    assert_eq!(state(&a, 1).await, MessageState::Delivered);
    // And one that comes before its message is recorded.
    accept_one(&a, message(2)).await;
    assert_eq!(b.record_receipts(vec![receipt(&["y"], ReceiptState::Delivered)]).await.unwrap(), [None]);
    assert_eq!(a.record(vec![sent(2, &["y"])]).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_that_nodes_raise_at_once_is_one_and_its_step_is_taken_by_one() {
    let Some(([a, b], _)) = two() else { return };
    let same = |n| AlertRecord { dedup_key: Some("k".into()), ..alerts::alert(n) };
    let raise = async |store: &Arc<dyn Store>, n| {
        store.raise_alerts(vec![NewAlert { record: same(n), since_ms: T }]).await.unwrap().remove(0)
    };
    for round in 0..20 {
        let (one, other) = tokio::join!(raise(&a, 10 * round + 1), raise(&b, 10 * round + 2));
        assert!(one.1 != other.1, "one is new, the other is counted");
        assert_eq!((one.0.id, one.0.count.max(other.0.count)), (other.0.id, 2));
        let close = |by: &str| AlertStep::Closed { at_ms: T, by: by.into() };
        let (first, second) =
            tokio::join!(a.step_alert(one.0.id, close("a")), b.step_alert(one.0.id, close("b")));
        let (first, second) = (first.unwrap().unwrap(), second.unwrap().unwrap());
        assert!(first.1 != second.1 && first.0 == second.0, "{first:?} {second:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_checks_on_two_nodes_one_is_approved_and_each_attempt_counts() {
    let Some((nodes, _)) = two() else { return };
    for n in 1..=40 {
        accept_one(&nodes[0], passcodes::passcode(n)).await;
    }
    // Even ones are never given the right code.
    let digest = |n: u64, at: usize| if n % 2 == 1 && at == 3 { passcodes::DIGEST } else { passcodes::OTHER };
    let mut checks = Vec::new();
    for at in 0..10 {
        for n in 1..=40 {
            let check = PasscodeCheck { id: id(n), ..passcodes::check(digest(n, at), T) };
            checks.push((n, nodes[(at + n as usize) % 2].check_passcode(check)));
        }
    }
    let mut counted = vec![(0, 0, 0); 41];
    for (n, check) in checks {
        let answer = check.await.unwrap().unwrap();
        let (approved, ended, pending) = &mut counted[n as usize];
        *approved += usize::from(answer.state == PasscodeState::Approved && answer.is_now);
        *ended += usize::from(answer.state == PasscodeState::TooManyAttempts && answer.is_now);
        *pending += usize::from(answer.state == PasscodeState::Pending);
    }
    for (n, (approved, ended, pending)) in counted.into_iter().enumerate().skip(1) {
        assert_eq!(approved + ended, 1, "passcode {n} ended once");
        assert!(
            pending <= 4 && (approved == 1 || pending == 4),
            "passcode {n}: {pending} wrong codes were tried"
        );
        assert!(n % 2 == 1 || approved == 0, "passcode {n}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sealed_anew_on_one_node_is_heard_of_on_the_other() {
    let Some(([a, b], _)) = two() else { return };
    tenants(&a).await;
    let totp = vec![1; 40];
    let user = NewUser { sealed_totp: Some(totp.clone()), ..people::user(1, "ada") };
    a.change("test".into(), T, vec![Change::PutUser(user)]).await.unwrap();
    let version = b.directory().await.unwrap().version;
    let resealed = Resealed { place: SealedPlace::Totp(1), before: totp, after: vec![2; 40] };
    assert_eq!(a.reseal(vec![resealed.clone()]).await.unwrap(), 1);
    hears(&b, Notice::DirectoryChanged).await;
    let directory = b.directory().await.unwrap();
    assert_eq!(
        (directory.version, directory.users[0].sealed_totp.as_deref()),
        (version + 1, Some(&[2; 40][..]))
    );
    assert_eq!(b.reseal(vec![resealed]).await.unwrap(), 0, "it is not what was found any more");
    assert_eq!(b.directory().await.unwrap().version, version + 1);
}

// === webhooks ===

/// This node runs gateways from now on, and delivers events.
async fn runs(node: &Arc<dyn Store>) {
    node.claim(Claims::default()).await.unwrap();
}

/// Two nodes with an endpoint: the one that delivers to it, and its name, and the other; and the database's name.
async fn with_an_endpoint() -> Option<([(Arc<dyn Store>, &'static str); 2], String)> {
    let ([a, b], database) = two()?;
    tenants(&a).await;
    runs(&a).await;
    runs(&b).await;
    a.change("test".into(), T, vec![Change::PutWebhook(webhooks::webhook(1))]).await.unwrap();
    // Until the other has read it, it owes it nothing.
    while b.directory().await.unwrap().webhooks.is_empty() {}
    let is_a = tokio::select! {
        () = hears(&a, Notice::WebhooksMoved) => true,
        () = hears(&b, Notice::WebhooksMoved) => false,
    };
    let nodes = if is_a { [(a, "a"), (b, "b")] } else { [(b, "b"), (a, "a")] };
    assert!(nodes[0].0.delivers(1) && !nodes[1].0.delivers(1), "one delivers, and nobody else");
    Some((nodes, database))
}

/// Waits until this node's bell is rung for the endpoint.
async fn is_rung(bell: &WebhookBell, wanted: Owed) {
    let rung = async { while bell.heard().await.get(&1) != Some(&wanted) {} };
    tokio::time::timeout(Duration::from_secs(20), rung).await.expect("it is rung");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_node_that_delivers_hears_what_another_owes_and_owes_again() {
    let Some(([(holder, _), (other, _)], _)) = with_an_endpoint().await else { return };
    let bell = holder.webhook_bell();
    accept_one(&other, message(1)).await;
    other.record(vec![sent(1, &[])]).await.unwrap();
    is_rung(&bell, Owed::More).await;
    let event = holder.owed_events(1, 0, 9).await.unwrap()[0];
    let done =
        TriedEvent { endpoint: 1, id: event.id, state: EventState::Delivered, at_ms: T, answer: "".into() };
    holder.tried_events(vec![done]).await.unwrap();
    assert_eq!(other.owe_again(1, 0, u64::MAX, 9).await.unwrap(), 1);
    is_rung(&bell, Owed::Again).await;
    assert_eq!(holder.owed_events(1, 0, 9).await.unwrap()[0].id, event.id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_endpoints_of_a_fenced_node_are_soon_somebodys_again() {
    let Some(([(holder, name), (other, _)], database)) = with_an_endpoint().await else { return };
    fence(&database, name);
    hears(&holder, Notice::Fenced).await;
    assert!(!holder.may_send(), "whatever it believes to hold");
    // Either may be quicker: the other, or the one that was fenced, under its new number.
    let is_ones = async {
        while holder.delivers(1) == other.delivers(1) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), is_ones).await.expect("one delivers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_is_anothers_at_once_where_its_node_leaves_in_order() {
    let Some(([(holder, _), (other, _)], _)) = with_an_endpoint().await else { return };
    drop(holder);
    hears(&other, Notice::WebhooksMoved).await;
    assert!(other.delivers(1));
}

/// Nodes commit at the same time, and their clocks differ: whoever reads on from the last event it has seen misses none, and has those of
/// one message in their order.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn numbers_of_events_are_committed_in_their_order_whoever_commits() {
    const EACH: u64 = 150;
    let Some(([(holder, _), (other, _)], _)) = with_an_endpoint().await else { return };
    let write = |store: Arc<dyn Store>, first: u64, late: i64| async move {
        for n in first..first + EACH {
            accept_one(&store, message(n)).await;
            let moved_at = |to, at_ms| moved(n, Transition { at_ms, ..transition(to) });
            store.record(vec![moved_at(MessageState::Sent, T + late)]).await.unwrap();
            store.record(vec![moved_at(MessageState::Delivered, T + late - 1)]).await.unwrap();
        }
    };
    let writing = tokio::spawn(futures_util::future::join(
        write(holder.clone(), 0, 10_000),
        write(other.clone(), 1_000, -10_000),
    ));
    let (mut seen, mut after) = (Vec::new(), 0);
    loop {
        let is_done = writing.is_finished();
        let events = holder.owed_events(1, after, 1_000).await.unwrap();
        after = events.last().map_or(after, |event| event.id);
        let is_end = events.is_empty();
        seen.extend(events);
        if is_done && is_end {
            break;
        }
    }
    writing.await.unwrap();
    assert!(seen.is_sorted_by(|one, other| one.id < other.id), "each once, and rising");
    assert_eq!(seen.len() as u64, 4 * EACH, "none is passed over");
    let mut sent = HashSet::new();
    for event in seen {
        match event.kind {
            WebhookKind::Sent => drop(sent.insert(event.subject)),
            _ => assert!(sent.contains(&event.subject), "its message was not sent yet"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_and_its_message_that_two_nodes_write_at_once_find_each_other_a_little_later() {
    let Some(([a, b], database)) = two() else { return };
    accept_one(&a, message(1)).await;
    a.record(vec![sent(1, &["x"])]).await.unwrap();
    // What is left where neither saw what the other was about to write.
    let passed_by = "WITH early AS (INSERT INTO textgate.early_receipt (at_ms, gateway, number, state)
          SELECT 1, gateway, NULL, 0 FROM textgate.receipt_id RETURNING id, gateway)
        INSERT INTO textgate.early_candidate (gateway, candidate, receipt, rank)
          SELECT early.gateway, r.id, early.id, 0 FROM early, textgate.receipt_id AS r";
    let delivered = ReceiptState::Delivered as u8;
    let sql = passed_by.replace("NULL, 0", &format!("NULL, {delivered}"));
    Postgres::shared().sql(&database, &sql);
    // Another that came early, and is of nobody.
    assert_eq!(b.record_receipts(vec![receipt(&["y"], ReceiptState::Delivered)]).await.unwrap(), [None]);
    assert_eq!(state(&b, 1).await, MessageState::Sent);
    let found = async { while state(&b, 1).await != MessageState::Delivered {} };
    tokio::time::timeout(Duration::from_secs(30), found).await.expect("it is found");
    let left = "SELECT count(*) FROM textgate.early_receipt";
    // Its row goes with the commit that changed the message.
    assert_eq!(Postgres::shared().sql(&database, left), "1", "only the other is still early");
}

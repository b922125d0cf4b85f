//! What becomes of messages: records, refunds, cancelling, scheduling.

use super::*;

pub async fn outcomes_are_recorded_and_there_after_reopening(stores: &impl Stores) {
    let store = stores.open();
    accept_one(&store, message(1)).await;
    let refused = attempt(OutcomeClass::Unavailable, &[]);
    let first =
        Finished { id: id(1), attempt: Some(refused.clone()), receipt_ids: smallvec![], transition: None };
    store.record(vec![first]).await.unwrap();
    assert_eq!(state(&store, 1).await, MessageState::Accepted);
    let mut second = sent(1, &["a1"]);
    second.transition.as_mut().unwrap().erase_text = true;
    store.record(vec![second]).await.unwrap();
    let store = reopen(stores, store).await;
    let found = read(&store, 1).await;
    assert_eq!((found.state, found.changed_ms, found.sealed_text), (MessageState::Sent, T + 50, None));
    let change = Event::State { at_ms: T + 50, to: MessageState::Sent, reason: "a reason".into() };
    assert_eq!(found.events, [refused, attempt(OutcomeClass::Sent, &["a1".into()]), change]);
}

pub async fn long_time_lines_and_texts_read_back(stores: &impl Stores) {
    let store = stores.open();
    for n in 0..40 {
        let sealed_text = vec![n as u8; 20_000];
        accept_one(&store, NewMessage { sealed_text, kind: Kind::Text, ..message(n) }).await;
    }
    for _ in 0..50 {
        let tries = (0..40).map(|n| Finished { transition: None, ..sent(n, &[]) }).collect();
        store.record(tries).await.unwrap();
    }
    store.record((0..40).map(|n| sent(n, &[])).collect()).await.unwrap();
    let store = reopen(stores, store).await;
    for n in 0..40 {
        let found = read(&store, n).await;
        assert_eq!((found.events.len(), found.state), (52, MessageState::Sent));
        assert_eq!(found.sealed_text, Some(vec![n as u8; 20_000]));
    }
}

pub async fn a_final_state_is_not_changed_but_the_event_is_added(stores: &impl Stores) {
    use MessageState::*;
    let store = stores.open();
    for (n, last) in (1..).zip([Delivered, Undelivered, Failed, Expired, Cancelled]) {
        accept_one(&store, message(n)).await;
        store.record(vec![moved(n, transition(last))]).await.unwrap();
        for next in [Sent, Accepted, Scheduled, Delivered, Failed, Expired, Cancelled] {
            let mut again = sent(n, &[]);
            again.transition.as_mut().unwrap().to = next;
            store.record(vec![again]).await.unwrap();
        }
        let found = read(&store, n).await;
        assert_eq!(found.state, last);
        let attempts = found.events.iter().filter(|event| matches!(event, Event::Attempt { .. })).count();
        assert_eq!((attempts, found.events.len()), (7, 8));
    }
}

pub async fn what_was_sent_does_not_become_unsent(stores: &impl Stores) {
    use MessageState::*;
    let store = stores.open();
    accept_one(&store, message(1)).await;
    store.record(vec![sent(1, &[])]).await.unwrap();
    for next in [Accepted, Scheduled, Failed, Expired, Cancelled] {
        store.record(vec![moved(1, transition(next))]).await.unwrap();
        assert_eq!(state(&store, 1).await, Sent);
    }
    store.record(vec![moved(1, transition(Delivered))]).await.unwrap();
    assert_eq!(state(&store, 1).await, Delivered);
}

pub async fn recording_an_unknown_message_harms_nobody(stores: &impl Stores) {
    let store = stores.open();
    accept_one(&store, message(1)).await;
    store.record(vec![sent(7, &["x"]), sent(1, &[])]).await.unwrap();
    assert_eq!(state(&store, 1).await, MessageState::Sent);
}

pub async fn a_refund_happens_once_and_to_those_who_were_charged(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    allocate(&store, VsId(3), 100).await;
    allocate(&store, VsId(2), 100).await;
    for n in [1, 2] {
        let message = NewMessage { segments: 4, payers: smallvec![VsId(3), VsId(2)], ..message(n) };
        accept_one(&store, message).await;
    }
    accept_one(&store, NewMessage { payers: smallvec![VsId(3)], ..message(3) }).await;
    let failed = |n| moved(n, Transition { refund: true, ..transition(MessageState::Failed) });
    store.record(vec![failed(1), failed(1)]).await.unwrap();
    store.record(vec![failed(1), failed(3)]).await.unwrap();
    assert_eq!(store.cancel(VS, id(1), T).await.unwrap(), Some((MessageState::Failed, false)));
    let store = reopen(stores, store).await;
    store.record(vec![failed(1)]).await.unwrap();
    assert_eq!(store.credits(VsId(3)).await.unwrap(), Credits { allocated: 100, used: 4 });
    assert_eq!(store.credits(VsId(2)).await.unwrap(), Credits { allocated: 100, used: 4 });
}

pub async fn credits_given_back_once_are_not_given_back_again_later(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    allocate(&store, VS, 10).await;
    for n in [1, 2] {
        accept_one(&store, NewMessage { segments: 2, payers: smallvec![VS], ..message(n) }).await;
    }
    for to in [MessageState::Sent, MessageState::Undelivered] {
        store.record(vec![moved(1, Transition { refund: true, ..transition(to) })]).await.unwrap();
    }
    assert_eq!(state(&store, 1).await, MessageState::Undelivered);
    assert_eq!(store.credits(VS).await.unwrap().used, 2);
}

pub async fn a_refund_after_its_virtual_server_went_harms_nobody(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    allocate(&store, VsId(3), 1).await;
    accept_one(&store, NewMessage { payers: smallvec![VsId(3)], ..message(1) }).await;
    store.change("test".into(), T, vec![Change::RemoveVirtualServer { id: VsId(3) }]).await.unwrap();
    let failed = Transition { refund: true, ..transition(MessageState::Failed) };
    store.record(vec![moved(1, failed)]).await.unwrap();
    assert_eq!(state(&store, 1).await, MessageState::Failed);
    assert_eq!(store.credits(VsId(3)).await.unwrap(), Credits::default());
}

pub async fn a_cancelled_message_that_may_have_been_taken_stays_paid(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    allocate(&store, VS, 5).await;
    let attempts = [(OutcomeClass::Uncertain, vec![]), (OutcomeClass::Refused, vec!["part".into()])];
    for (n, (class, ids)) in [1, 2].into_iter().zip(attempts) {
        accept_one(&store, NewMessage { payers: smallvec![VS], ..message(n) }).await;
        let attempt = Some(attempt(class, &ids));
        let tried = Finished { id: id(n), attempt, receipt_ids: smallvec![], transition: None };
        store.record(vec![tried]).await.unwrap();
        assert_eq!(store.cancel(VS, id(n), T + 9).await.unwrap(), Some((MessageState::Cancelled, true)));
    }
    assert_eq!(store.credits(VS).await.unwrap().used, 2);
}

pub async fn only_an_unfinished_message_of_its_virtual_server_is_cancelled(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    allocate(&store, VS, 5).await;
    for n in [1, 2] {
        accept_one(&store, NewMessage { payers: smallvec![VS], ..message(n) }).await;
    }
    store.record(vec![sent(2, &[])]).await.unwrap();
    assert_eq!(store.cancel(VsId(3), id(1), T + 9).await.unwrap(), None);
    assert_eq!(store.cancel(VS, id(5), T + 9).await.unwrap(), None);
    assert_eq!(store.cancel(VS, id(2), T + 9).await.unwrap(), Some((MessageState::Sent, false)));
    assert_eq!(store.cancel(VS, id(1), T + 9).await.unwrap(), Some((MessageState::Cancelled, true)));
    assert_eq!(store.cancel(VS, id(1), T + 9).await.unwrap(), Some((MessageState::Cancelled, false)));
    let store = reopen(stores, store).await;
    let found = read(&store, 1).await;
    assert_eq!((found.state, found.sealed_text, found.changed_ms), (MessageState::Cancelled, None, T + 9));
    assert_eq!(store.credits(VS).await.unwrap().used, 1);
}

pub async fn scheduled_messages_wait_are_listed_by_time_and_released(stores: &impl Stores) {
    let store = stores.open();
    for (n, due) in [(1, 500), (2, 300), (3, 300), (4, 300), (5, 100)] {
        accept_one(&store, NewMessage { due_ms: Some(T + due), ..message(n) }).await;
    }
    accept_one(&store, message(6)).await;
    assert_eq!(state(&store, 1).await, MessageState::Scheduled);
    let store = reopen(stores, store).await;
    let (mut after, mut all) = ((i64::MIN, MessageId::from_u64(0)), Vec::new());
    loop {
        let page = store.scheduled(after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = *last;
        all.extend(page);
    }
    assert_eq!(all, [(5, 100), (2, 300), (3, 300), (4, 300), (1, 500)].map(|(n, due)| (T + due, id(n))));

    store.cancel(VS, id(3), T).await.unwrap();
    let released = store.release(vec![id(5), id(3), id(2), id(6), id(9)], T + 310).await.unwrap();
    assert_eq!(released.iter().map(|message| message.id).collect::<Vec<_>>(), [id(5), id(2)]);
    assert!(released.iter().all(|message| message.state == MessageState::Accepted));
    assert!(released.iter().all(|message| message.sealed_text.is_some()));
    assert!(store.release(vec![id(5)], T + 320).await.unwrap().is_empty());
    let store = reopen(stores, store).await;
    let scheduled = store.scheduled((i64::MIN, MessageId::from_u64(0)), 9).await.unwrap();
    assert_eq!(scheduled, [(T + 300, id(4)), (T + 500, id(1))]);
    let unfinished = store.unfinished(MessageId::from_u64(0), 9).await.unwrap();
    assert_eq!(unfinished.iter().map(|message| message.id).collect::<Vec<_>>(), [id(2), id(5), id(6)]);
}

pub async fn what_is_unfinished_is_found_page_by_page(stores: &impl Stores) {
    let store = stores.open();
    store.accept((0..25).map(message).collect()).await.unwrap();
    store.record(vec![sent(3, &[]), sent(20, &[])]).await.unwrap();
    let store = reopen(stores, store).await;
    let (mut after, mut all) = (MessageId::from_u64(0), Vec::new());
    loop {
        let page = store.unfinished(after, 10).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.id;
        all.extend(page.into_iter().map(|message| message.id));
    }
    let expected: Vec<_> = (0..25).filter(|n| ![3, 20].contains(n)).map(id).collect();
    assert_eq!(all, expected);
}

//! Accepting, credits, idempotency keys.

use super::*;

pub async fn what_was_accepted_is_there_after_reopening(stores: &impl Stores) {
    let store = stores.open();
    let messages = vec![message(1), message(2)];
    assert_eq!(store.accept(messages).await.unwrap(), [Accepted::New, Accepted::New]);
    let store = reopen(stores, store).await;
    let found = read(&store, 1).await;
    assert_eq!((found.id, found.vs, found.to, found.kind), (id(1), VS, number(1), Kind::Otp));
    assert_eq!(found.state, MessageState::Accepted);
    assert_eq!(found.sealed_text.as_deref(), Some(&b"sealed text of message 000001"[..]));
    assert_eq!((found.sender.as_deref(), found.flash, found.overwrite), (Some("Acme"), Some(true), Some(3)));
    assert_eq!((found.reference.as_deref(), found.segments), (Some("reference 1"), 1));
    assert_eq!((found.encoding.as_str(), found.due_ms, found.expires_ms), ("gsm7", None, T + 300_000));
    assert_eq!((found.changed_ms, found.events.len()), (T + 1, 0));
    assert!(store.message(VsId(9), id(1)).await.unwrap().is_none(), "another's message is none");
    assert_eq!(store.newest().await.unwrap(), id(2));
}

pub async fn an_operation_happens_when_called_even_if_nobody_awaits_it(stores: &impl Stores) {
    let store = stores.open();
    drop(store.accept(vec![message(1)]));
    drop(store.record(vec![sent(1, &[])]));
    accept_one(&store, message(2)).await;
    assert_eq!(state(&store, 1).await, MessageState::Sent);
}

pub async fn an_id_that_is_taken_fails_its_call_and_no_other(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    allocate(&store, VS, 10).await;
    let paid = |n| NewMessage { payers: smallvec![VS], ..message(n) };
    accept_one(&store, paid(1)).await;
    let calls =
        [store.accept(vec![paid(2)]), store.accept(vec![paid(3), paid(1)]), store.accept(vec![paid(4)])];
    let [before, wrong, after] = calls;
    assert_eq!(before.await.unwrap(), [Accepted::New]);
    assert!(matches!(wrong.await, Err(StoreError::Conflict(_))));
    assert_eq!(after.await.unwrap(), [Accepted::New]);
    assert!(store.message(VS, id(3)).await.unwrap().is_none(), "nothing of the failed call is there");
    assert_eq!(store.credits(VS).await.unwrap().used, 3);
}

pub async fn all_payers_pay_or_none(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    allocate(&store, VsId(3), 10).await;
    allocate(&store, VsId(2), 5).await;
    let chain = |n| NewMessage { segments: 3, payers: smallvec![VsId(3), VsId(2)], ..message(n) };
    assert_eq!(accept_one(&store, chain(1)).await, Accepted::New);
    assert_eq!(accept_one(&store, chain(2)).await, Accepted::NoCredits { payer: VsId(2), remaining: 2 });
    assert!(store.message(VS, id(2)).await.unwrap().is_none());
    let store = reopen(stores, store).await;
    assert_eq!(store.credits(VsId(3)).await.unwrap(), Credits { allocated: 10, used: 3 });
    assert_eq!(store.credits(VsId(2)).await.unwrap(), Credits { allocated: 5, used: 3 });
    let nobody = NewMessage { payers: smallvec![VsId(77)], ..message(3) };
    assert_eq!(accept_one(&store, nobody).await, Accepted::NoCredits { payer: VsId(77), remaining: 0 });
}

pub async fn credits_are_exact_under_concurrency_and_never_negative(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    allocate(&store, VsId(3), 500).await;
    allocate(&store, VsId(2), 201).await;
    let tasks: Vec<_> = (0..40u64)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut taken = 0;
                for n in 0..10 {
                    let payers = if n % 2 == 0 { smallvec![VsId(3), VsId(2)] } else { smallvec![VsId(3)] };
                    let message = NewMessage { segments: 2, payers, ..message(task * 10 + n) };
                    match accept_one(&store, message).await {
                        Accepted::New => taken += 2 * u64::from(n % 2 == 0) * 1_000_000 + 2,
                        Accepted::NoCredits { .. } => {}
                        other => panic!("{other:?}"),
                    }
                }
                taken
            })
        })
        .collect();
    let mut taken = 0;
    for task in tasks {
        taken += task.await.unwrap();
    }
    let (both, all) = (taken / 1_000_000, taken % 1_000_000);
    let (child, parent) = (store.credits(VsId(3)).await.unwrap(), store.credits(VsId(2)).await.unwrap());
    assert_eq!((child.used, parent.used), (all, both));
    assert!(child.used <= 500 && (199..=201).contains(&parent.used), "{child:?} {parent:?}");
    assert_eq!(child.used, 500, "what could be spent was");
}

fn keyed(n: u64, key: u8, request: u8) -> NewMessage {
    NewMessage { idempotency: Some(Idempotency { key: [key; 16], request: [request; 16] }), ..message(n) }
}

pub async fn the_same_request_under_the_same_key_is_one_message(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    allocate(&store, VS, 10).await;
    let paid = |n, request| NewMessage { payers: smallvec![VS], ..keyed(n, 1, request) };
    let both = store.accept(vec![paid(1, 1), paid(2, 1)]).await.unwrap();
    let duplicate = |state| Accepted::Duplicate { id: id(1), state, segments: 1, encoding: "gsm7".into() };
    assert_eq!(both, [Accepted::New, duplicate(MessageState::Accepted)]);
    store.record(vec![sent(1, &[])]).await.unwrap();
    let store = reopen(stores, store).await;
    assert_eq!(accept_one(&store, paid(3, 1)).await, duplicate(MessageState::Sent));
    assert_eq!(accept_one(&store, paid(4, 2)).await, Accepted::IdempotencyConflict);
    assert_eq!(store.credits(VS).await.unwrap().used, 1);
    assert!(store.message(VS, id(3)).await.unwrap().is_none());
}

pub async fn of_many_requests_at_once_under_one_key_one_is_new(stores: &impl Stores) {
    let store = stores.open();
    let answers: Vec<_> = (0..50).map(|n| store.accept(vec![keyed(n, 1, 1)])).collect();
    let mut new = 0;
    for answer in answers {
        match answer.await.unwrap().remove(0) {
            Accepted::New => new += 1,
            Accepted::Duplicate { id: first, .. } => assert_eq!(first, id(0)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(new, 1);
}

pub async fn a_key_is_free_again_after_24_hours(stores: &impl Stores) {
    const DAY: u64 = 24 * 3_600_000;
    let store = stores.open();
    accept_one(&store, keyed(0, 1, 1)).await;
    assert!(matches!(accept_one(&store, keyed(DAY - 1, 1, 1)).await, Accepted::Duplicate { .. }));
    assert_eq!(accept_one(&store, keyed(DAY, 1, 2)).await, Accepted::New);
    assert_eq!(accept_one(&store, keyed(DAY + 1, 1, 1)).await, Accepted::IdempotencyConflict);
    // Forgetting what is past its time leaves the new one alone.
    store.prune(T, 100).await.unwrap();
    assert_eq!(accept_one(&store, keyed(DAY + 2, 1, 1)).await, Accepted::IdempotencyConflict);
}

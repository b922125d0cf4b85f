//! Lists of messages, page by page.

use super::*;

async fn ids(store: &Arc<dyn Store>, filter: Filter, limit: usize) -> Vec<u64> {
    let (mut before, mut all) = (None, Vec::new());
    loop {
        let page = store.messages(VS, filter.clone(), before, limit).await.unwrap();
        assert!(page.messages.len() <= limit);
        all.extend(page.messages.iter().map(|message| (message.id.as_u64() - id(0).as_u64()) >> 21));
        before = page.next;
        if before.is_none() {
            return all;
        }
    }
}

pub async fn a_list_has_each_message_once_the_newest_first(stores: &impl Stores) {
    let store = stores.open();
    store.accept((0..25).map(message).collect()).await.unwrap();
    store.accept((100..105).map(|n| NewMessage { vs: VsId(3), ..message(n) }).collect()).await.unwrap();
    let all: Vec<u64> = (0..25).rev().collect();
    for limit in [1, 7, 25, 26] {
        assert_eq!(ids(&store, Filter::default(), limit).await, all);
    }
    let page = store.messages(VS, Filter::default(), None, 25).await.unwrap();
    assert!(page.next.is_none(), "a page that holds the rest is the last");
    assert_eq!(page.messages[0].sealed_text.as_deref(), Some(&b"sealed text of message 000024"[..]));
    assert!(store.messages(VsId(9), Filter::default(), None, 5).await.unwrap().messages.is_empty());
}

pub async fn a_list_shows_what_fits_all_of_its_filter(stores: &impl Stores) {
    let store = stores.open();
    for n in 0..30 {
        let kind = [Kind::Otp, Kind::Alert, Kind::Text][n as usize % 3];
        let reference = (n % 2 == 0).then(|| Box::from("even"));
        accept_one(&store, NewMessage { kind, reference, to: number(n % 5), ..message(n) }).await;
    }
    store.record((0..10).map(|n| sent(n, &[])).collect()).await.unwrap();
    let check = async |filter: Filter, fits: fn(u64) -> bool| {
        let expected: Vec<u64> = (0..30).rev().filter(|n| fits(*n)).collect();
        for limit in [2, 100] {
            assert_eq!(ids(&store, filter.clone(), limit).await, expected, "{filter:?}");
        }
    };
    let all = Filter::default;
    check(Filter { state: Some(MessageState::Sent), ..all() }, |n| n < 10).await;
    check(Filter { state: Some(MessageState::Accepted), ..all() }, |n| n >= 10).await;
    check(Filter { gateway: Some(GATEWAY), ..all() }, |n| n < 10).await;
    check(Filter { gateway: Some(GatewayId(77)), ..all() }, |_| false).await;
    check(Filter { kind: Some(Kind::Alert), ..all() }, |n| n % 3 == 1).await;
    check(Filter { to: Some(number(3)), ..all() }, |n| n % 5 == 3).await;
    check(Filter { reference: Some("even".into()), ..all() }, |n| n % 2 == 0).await;
    check(Filter { since_ms: Some(T + 5), until_ms: Some(T + 9), ..all() }, |n| (5..9).contains(&n)).await;
    let both = Filter { state: Some(MessageState::Sent), kind: Some(Kind::Otp), ..all() };
    check(both, |n| n < 10 && n % 3 == 0).await;
    check(Filter { to: Some(number(99)), ..all() }, |_| false).await;
}

pub async fn who_paid_to_write_to_a_number_is_found_the_newest_first(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    allocate(&store, VS, 100).await;
    let kinds = [Kind::Otp, Kind::Alert, Kind::Text];
    for n in 0..30 {
        let vs = VsId(VS.0 + n as u32 % 2);
        // Every fourth has a gateway of its own.
        let payers = if n % 4 == 3 { Default::default() } else { [VS].into_iter().collect() };
        let to = number(n % 5);
        accept_one(&store, NewMessage { vs, kind: kinds[n as usize % 3], payers, to, ..message(n) }).await;
    }
    let paid_to = async |to, limit| {
        let found = store.paid_to(number(to), limit).await.unwrap();
        found
            .into_iter()
            .map(|(found, vs)| ((found.as_u64() - id(0).as_u64()) >> 21, vs.0 - VS.0))
            .collect::<Vec<_>>()
    };
    assert_eq!(paid_to(2, 9).await, [(22, 0), (17, 1), (2, 0)]);
    assert_eq!(paid_to(2, 2).await, [(22, 0), (17, 1)]);
    assert_eq!(paid_to(77, 9).await, []);
    // What was given back was never written; what was sent stays.
    let failed = Transition { refund: true, ..transition(MessageState::Failed) };
    let refunded = Finished { transition: Some(failed), ..sent(17, &[]) };
    store.record(vec![refunded, sent(22, &[])]).await.unwrap();
    assert_eq!(paid_to(2, 9).await, [(22, 0), (2, 0)]);
}

pub async fn a_page_that_fits_little_ends_and_goes_on(stores: &impl Stores) {
    let store = stores.open();
    for first in (0..30_000).step_by(1_000) {
        store.accept((first..first + 1_000).map(message).collect()).await.unwrap();
    }
    let filter = Filter { to: Some(number(3)), ..Filter::default() };
    assert_eq!(ids(&store, filter, 10).await, [3]);
}

pub async fn a_rare_state_is_found_at_once_behind_a_long_history(stores: &impl Stores) {
    let store = stores.open();
    for first in (0..30_000).step_by(1_000) {
        store.accept((first..first + 1_000).map(message).collect()).await.unwrap();
    }
    let scheduled = NewMessage { due_ms: Some(T + 1_000_000), ..message(40_000) };
    store.accept(vec![scheduled]).await.unwrap();
    let rare =
        [MessageState::Failed, MessageState::Expired, MessageState::Undelivered, MessageState::Cancelled];
    for (n, state) in (7..).zip(rare) {
        if state == MessageState::Undelivered {
            store.record(vec![sent(n, &[])]).await.unwrap();
        }
        store.record(vec![moved(n, transition(state))]).await.unwrap();
    }
    let found = async |state, to: Option<u64>| {
        let filter = Filter { state: Some(state), to: to.map(number), ..Filter::default() };
        let page = store.messages(VS, filter, None, 10).await.unwrap();
        assert!(page.next.is_none(), "there is no more to look at");
        page.messages.iter().map(|m| (m.id.as_u64() - id(0).as_u64()) >> 21).collect::<Vec<_>>()
    };
    for (n, state) in (7..).zip(rare) {
        assert_eq!(found(state, None).await, [n], "{state}");
        assert_eq!(found(state, Some(n)).await, [n]);
        assert_eq!(found(state, Some(n + 1)).await, [] as [u64; 0]);
    }
    assert_eq!(found(MessageState::Scheduled, None).await, [40_000]);
    store.release(vec![id(40_000)], T).await.unwrap();
    assert_eq!(found(MessageState::Scheduled, None).await, [] as [u64; 0]);
}

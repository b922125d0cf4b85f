//! Opt-outs and the consent log.

use super::*;
use serde_json::json;

pub fn key(n: u8) -> PhoneKey {
    [n; 16]
}

/// The phone `n` says this about virtual server 2.
pub fn said(n: u8, wish: Wish, sender: &str) -> NewConsent {
    NewConsent {
        vs: VS,
        key: key(n),
        sealed: Some(vec![n; 48]),
        sender: sender.into(),
        wish,
        at_ms: T + i64::from(n),
        source: ConsentSource::Message,
        actor: "phone".into(),
        note: "Stop".into(),
    }
}

async fn list(store: &Arc<dyn Store>, vs: VsId, phone: Option<u8>) -> Vec<(u8, String)> {
    let found = store.opt_outs(vs, phone.map(key), None, 100).await.unwrap();
    assert!(found.is_sorted_by(|a, b| a.id > b.id), "the newest first");
    found.into_iter().map(|out| (out.key[0], out.sender)).collect()
}

pub async fn an_opt_out_holds_until_it_is_ended_and_both_are_in_the_log(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    assert_eq!(store.newest_consent().await.unwrap(), 0);
    let out = said(1, Wish::Out, "");
    assert_eq!(store.consent(vec![out.clone(), said(2, Wish::Out, "")]).await.unwrap(), [true, true]);
    assert_eq!(store.consent(vec![out]).await.unwrap(), [false], "what holds already is not written");
    let store = reopen(stores, store).await;
    let found = store.opt_outs(VS, Some(key(1)), None, 9).await.unwrap().remove(0);
    let expected = OptOutRecord {
        id: 1,
        vs: VS,
        key: key(1),
        sender: String::new(),
        at_ms: T + 1,
        source: ConsentSource::Message,
        sealed: Some(vec![1; 48]),
    };
    assert_eq!(found, expected);
    let by_hand = |wish| NewConsent {
        source: ConsentSource::Console,
        actor: "user ada".into(),
        note: "asked for it".into(),
        sealed: None,
        ..said(1, wish, "")
    };
    assert_eq!(store.consent(vec![by_hand(Wish::In)]).await.unwrap(), [true]);
    assert_eq!(store.consent(vec![by_hand(Wish::In)]).await.unwrap(), [false]);
    assert_eq!(list(&store, VS, None).await, [(2, String::new())]);
    let log = store.consents(VS, Some(key(1)), None, 9).await.unwrap();
    let told: Vec<_> = log.iter().map(|e| (e.id, e.is_out, e.source, &*e.actor, &*e.note)).collect();
    assert_eq!(
        told,
        [
            (3, false, ConsentSource::Console, "user ada", "asked for it"),
            (1, true, ConsentSource::Message, "phone", "Stop")
        ]
    );
    assert_eq!((log[0].sealed.as_ref(), log[1].sealed.as_ref()), (None, Some(&vec![1; 48])));
    assert_eq!(store.newest_consent().await.unwrap(), 3);
}

pub async fn opt_outs_of_senders_end_each_or_all(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    let all = ["", "acme", "other"];
    let out = async |store: &Arc<dyn Store>| {
        store.consent(all.map(|sender| said(1, Wish::Out, sender)).into()).await
    };
    let senders = async |store: &Arc<dyn Store>| {
        let mut senders: Vec<String> = list(store, VS, Some(1)).await.into_iter().map(|out| out.1).collect();
        senders.sort();
        senders
    };
    out(&store).await.unwrap();
    assert_eq!(senders(&store).await, all);
    store.consent(vec![said(1, Wish::In, "acme")]).await.unwrap();
    assert_eq!(senders(&store).await, ["", "other"]);
    out(&store).await.unwrap();
    store.consent(vec![said(1, Wish::InFrom, "acme")]).await.unwrap();
    assert_eq!(senders(&store).await, ["other"]);
    out(&store).await.unwrap();
    // In one call, each finds what the one before left.
    let both = vec![said(1, Wish::InAll, ""), said(1, Wish::InAll, ""), said(1, Wish::Out, "acme")];
    assert_eq!(store.consent(both).await.unwrap(), [true, false, true]);
    assert_eq!(senders(&store).await, ["acme"]);
    let both = vec![said(2, Wish::Out, ""), said(2, Wish::In, "")];
    assert_eq!(store.consent(both).await.unwrap(), [true, true]);
    assert_eq!(list(&store, VS, Some(2)).await, []);
}

pub async fn opt_outs_are_of_one_virtual_server_and_listed_page_by_page(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    let of_other = NewConsent { vs: VsId(3), ..said(1, Wish::Out, "") };
    store.consent((1..=5).map(|n| said(n, Wish::Out, "")).chain([of_other]).collect()).await.unwrap();
    store.consent(vec![said(2, Wish::InAll, "")]).await.unwrap();
    assert_eq!(list(&store, VsId(3), None).await, [(1, String::new())]);
    let page = store.opt_outs(VS, None, None, 2).await.unwrap();
    assert_eq!(page.iter().map(|out| out.key[0]).collect::<Vec<_>>(), [5, 4]);
    let rest = store.opt_outs(VS, None, Some(page[1].id), 9).await.unwrap();
    assert_eq!(rest.iter().map(|out| out.key[0]).collect::<Vec<_>>(), [3, 1]);
    let log = store.consents(VS, None, Some(4), 2).await.unwrap();
    assert_eq!(log.iter().map(|entry| entry.id).collect::<Vec<_>>(), [3, 2]);
    let after = store.opt_outs_after(3, 9).await.unwrap();
    assert_eq!(
        after.iter().map(|out| (out.id, out.vs)).collect::<Vec<_>>(),
        [(4, VS), (5, VS), (6, VsId(3))]
    );
    let after = store.consents_after(4, 2).await.unwrap();
    assert_eq!(after.iter().map(|entry| entry.id).collect::<Vec<_>>(), [5, 6]);
    assert_eq!(store.consents_after(7, 9).await.unwrap(), []);
}

pub async fn of_many_opt_outs_at_once_one_is_new_and_no_number_is_given_twice(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..40 {
        let store = Arc::clone(&store);
        calls.spawn(async move { store.consent(vec![said(n % 8, Wish::Out, "")]).await.unwrap()[0] });
    }
    let new = calls.join_all().await.into_iter().filter(|is_new| *is_new).count();
    assert_eq!(new, 8);
    let log = store.consents_after(0, 99).await.unwrap();
    assert_eq!(log.iter().map(|entry| entry.id).collect::<Vec<_>>(), (1..=8).collect::<Vec<_>>());
}

pub async fn how_opt_outs_are_heeded_is_in_the_directory_and_goes_with_its_virtual_server(
    stores: &impl Stores,
) {
    let store = stores.open();
    tenants(&store).await;
    let put = |vs, settings: serde_json::Value| {
        let difference = Difference { before: json!(null), after: settings.clone() };
        vec![Change::PutOptOutSettings { vs, settings, difference }]
    };
    store.change("ada".into(), T, put(VsId(3), json!({"reply": false}))).await.unwrap();
    store.change("ada".into(), T, put(VsId(3), json!({"reply": true}))).await.unwrap();
    store.consent(vec![NewConsent { vs: VsId(3), ..said(1, Wish::Out, "") }]).await.unwrap();
    let store = reopen(stores, store).await;
    assert_eq!(store.directory().await.unwrap().opt_out_settings, [(VsId(3), json!({"reply": true}))]);
    let told = audit(&store, 1).await.remove(0);
    assert_eq!(told.action, "put the opt-out settings of virtual server \"sales\"");
    let unknown = store.change("ada".into(), T, put(VsId(77), json!({}))).await;
    assert!(matches!(unknown, Err(StoreError::Conflict(_))));
    let remove = Change::RemoveVirtualServer { id: VsId(3) };
    let left = store.change("ada".into(), T, vec![remove]).await.unwrap();
    assert_eq!(left.opt_out_settings, []);
    assert_eq!(
        (list(&store, VsId(3), None).await, store.consents_after(0, 9).await.unwrap()),
        (vec![], vec![])
    );
    store.consent(vec![said(1, Wish::Out, "")]).await.unwrap();
    assert_eq!(store.newest_consent().await.unwrap(), 2, "no number is given twice");
}

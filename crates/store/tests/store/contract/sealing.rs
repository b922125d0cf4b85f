//! Going through what is sealed, and putting it back under another key.

use super::*;
use std::collections::BTreeSet;

/// Something that is sealed under key `key`, as the store sees it.
fn sealed_under(key: u16, what: &str) -> Vec<u8> {
    [&[1; 16][..], &key.to_be_bytes(), &[2; 6], what.as_bytes()].concat()
}

/// Everything under another key, page by page.
async fn all(store: &Arc<dyn Store>, not_under: u16, limit: usize) -> Vec<Sealed> {
    let (mut found, mut after) = (Vec::new(), Some(SealedPlace::START));
    while let Some(place) = after {
        let page = store.sealed(not_under, place, limit).await.unwrap();
        assert!(page.found.len() <= limit && page.found.len() <= page.looked_at);
        assert!(page.next.is_none_or(|next| next > place), "it gets on");
        found.extend(page.found);
        after = page.next;
    }
    assert!(found.is_sorted_by(|a, b| a.place < b.place), "in order, and each once");
    found
}

fn anew(sealed: &Sealed, key: u16) -> Resealed {
    let mut after = sealed.octets.clone();
    after[16..18].copy_from_slice(&key.to_be_bytes());
    Resealed { place: sealed.place, before: sealed.octets.clone(), after }
}

/// A store with something of each kind under key 0, and a message and an erased text besides.
async fn filled(stores: &impl Stores) -> Arc<dyn Store> {
    let store = stores.open();
    tenants(&store).await;
    let gateway = NewGateway {
        id: GATEWAY,
        name: "main".into(),
        plugin: "smpp".into(),
        sealed_settings: sealed_under(0, "settings"),
    };
    let settings = SmsSettings {
        is_custom: true,
        test_number: None,
        failover_after_ms: 3_000,
        more: serde_json::Value::Null,
    };
    let user = NewUser { sealed_totp: Some(sealed_under(0, "totp")), ..people::user(1, "ada") };
    let changes = vec![
        Change::PutSmsSettings {
            vs: VS,
            settings,
            gateways: vec![gateway],
            difference: Difference::default(),
        },
        Change::PutUser(user),
        Change::PutWebhook(WebhookRecord {
            sealed_secret: sealed_under(0, "webhook"),
            former: Some((sealed_under(0, "former"), T)),
            ..webhooks::webhook(1)
        }),
        Change::PutWebhook(WebhookRecord {
            sealed_secret: sealed_under(7, "webhook"),
            ..webhooks::webhook(2)
        }),
    ];
    store.change("test".into(), T, changes).await.unwrap();
    let inbound = InboundRecord { gateway: GATEWAY, at_ms: T, sealed: sealed_under(0, "inbound") };
    store.record_inbound(vec![inbound.clone(), inbound]).await.unwrap();
    let alert = AlertRecord { sealed: sealed_under(0, "alert"), ..alerts::alert(7) };
    store.raise_alerts(vec![NewAlert { record: alert, since_ms: T }]).await.unwrap();
    let text = |n| NewMessage { sealed_text: sealed_under(0, &format!("text {n}")), ..message(n) };
    store.accept((1..=5).map(text).collect()).await.unwrap();
    accept_one(&store, NewMessage { sealed_text: sealed_under(7, "text 6"), ..message(6) }).await;
    let erased = Transition { erase_text: true, ..transition(MessageState::Failed) };
    store.record(vec![moved(2, erased)]).await.unwrap();
    store
}

pub async fn what_is_sealed_under_other_keys_is_found_page_by_page(stores: &impl Stores) {
    let store = filled(stores).await;
    for limit in [1, 2, 100] {
        let found = all(&store, 7, limit).await;
        let places: Vec<SealedPlace> = found.iter().map(|sealed| sealed.place).collect();
        assert_eq!(places[..2], [SealedPlace::Settings(GATEWAY), SealedPlace::Totp(1)]);
        assert_eq!(places[2..4], [SealedPlace::Webhook(1), SealedPlace::FormerWebhook(1)]);
        assert!(matches!(places[4..6], [SealedPlace::Inbound(_), SealedPlace::Inbound(_)]), "{places:?}");
        assert_eq!(places[6], SealedPlace::Alert(id(7)));
        assert_eq!(places[7..], [1, 3, 4, 5].map(|n| SealedPlace::Text(id(n))), "2 is erased, 6 is under it");
        let owners: Vec<u64> = found[..8].iter().map(|sealed| sealed.owner).collect();
        assert_eq!(owners, [1, 1, 1, 1, 1, 1, id(7).as_u64(), id(1).as_u64()], "what each is bound to");
        assert_eq!(found[7].octets, sealed_under(0, "text 1"));
    }
    assert_eq!(all(&store, 0, 100).await.len(), 2);
}

pub async fn what_is_sealed_anew_is_there_after_reopening(stores: &impl Stores) {
    let store = filled(stores).await;
    let version = store.directory().await.unwrap().version;
    let found = all(&store, 7, 100).await;
    let put = store.reseal(found.iter().map(|sealed| anew(sealed, 7)).collect()).await.unwrap();
    assert_eq!(put, found.len());
    let store = reopen(stores, store).await;
    assert_eq!(all(&store, 7, 100).await, []);
    let keys: BTreeSet<_> = all(&store, 0, 100).await.iter().map(|sealed| key_of(&sealed.octets)).collect();
    assert_eq!(keys, BTreeSet::from([Some(7)]));
    let directory = store.directory().await.unwrap();
    assert_eq!(directory.gateways[0].sealed_settings, sealed_under(7, "settings"));
    assert_eq!(directory.users[0].sealed_totp, Some(sealed_under(7, "totp")));
    assert_eq!(directory.webhooks[0].sealed_secret, sealed_under(7, "webhook"));
    assert_eq!(directory.webhooks[0].former, Some((sealed_under(7, "former"), T)));
    assert!(directory.version > version, "who keeps a copy of the directory learns of it");
    assert_eq!(store.alert(id(7)).await.unwrap().unwrap().sealed, sealed_under(7, "alert"));
    let read = read(&store, 4).await;
    assert_eq!((read.sealed_text, read.state), (Some(sealed_under(7, "text 4")), MessageState::Accepted));
}

pub async fn what_changed_meanwhile_is_not_put_back(stores: &impl Stores) {
    let store = filled(stores).await;
    let found = all(&store, 7, 100).await;
    let erased = Transition { erase_text: true, ..transition(MessageState::Sent) };
    store.record(vec![moved(3, erased)]).await.unwrap();
    let user = store.directory().await.unwrap().users[0].clone();
    let other = NewUser { sealed_totp: Some(sealed_under(7, "other")), ..NewUser::from(user) };
    store.change("test".into(), T, vec![Change::PutUser(other)]).await.unwrap();
    let put = store.reseal(found.iter().map(|sealed| anew(sealed, 7)).collect()).await.unwrap();
    assert_eq!(put, found.len() - 2);
    assert_eq!(read(&store, 3).await.sealed_text, None, "what is erased stays erased");
    assert_eq!(store.directory().await.unwrap().users[0].sealed_totp, Some(sealed_under(7, "other")));
    assert_eq!(store.reseal(found.iter().map(|sealed| anew(sealed, 7)).collect()).await.unwrap(), 0);
}

pub async fn many_are_gone_through_in_bounded_steps(stores: &impl Stores) {
    let store = stores.open();
    for first in (0..12_000).step_by(1_000) {
        let new =
            |n: u64| NewMessage { sealed_text: sealed_under(u16::from(n == 11_990), "x"), ..message(n) };
        store.accept((first..first + 1_000).map(new).collect()).await.unwrap();
    }
    let (mut after, mut pages, mut found) = (Some(SealedPlace::START), 0, Vec::new());
    while let Some(place) = after {
        let page = store.sealed(0, place, 100).await.unwrap();
        assert!(page.looked_at <= 5_000, "{}", page.looked_at);
        (after, pages) = (page.next, pages + 1);
        found.extend(page.found);
    }
    assert!((6..20).contains(&pages), "{pages}");
    assert_eq!(found.iter().map(|sealed| sealed.place).collect::<Vec<_>>(), [SealedPlace::Text(id(11_990))]);
}

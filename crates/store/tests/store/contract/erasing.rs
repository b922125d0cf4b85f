//! What is erased of one number, and what stays.

use super::*;

/// What is erased where nothing else is named.
fn erasure(number: PhoneNumber) -> Erasure {
    Erasure {
        number,
        messages: vec![],
        passcodes: vec![],
        inbound: vec![],
        phones: vec![],
        servers: vec![],
        with_early_receipts: false,
        notes: vec![],
    }
}

pub async fn finished_messages_to_a_number_go_with_all_that_belongs_to_them(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    allocate(&store, VS, 100).await;
    let key = Idempotency { key: [7; 16], request: [1; 16] };
    let to = |n, number| NewMessage { to: number, payers: smallvec![VS], ..message(n) };
    accept_one(&store, NewMessage { idempotency: Some(key), ..to(1, number(1)) }).await;
    store.accept(vec![to(2, number(2)), to(3, number(1)), to(4, number(1))]).await.unwrap();
    store.record(vec![sent(1, &["k1"]), sent(2, &["k2"]), sent(3, &["k3"])]).await.unwrap();
    let credits = store.credits(VS).await.unwrap();
    let messages = [1, 2, 3, 4, 9].map(id).to_vec();
    let erased = store.erase(Erasure { messages, ..erasure(number(1)) }).await.unwrap();
    assert_eq!(
        erased,
        Erased { messages: 2, ..Erased::default() },
        "neither another's nor an unfinished one"
    );
    let store = reopen(stores, store).await;
    let page = store.messages(VS, Filter::default(), None, 9).await.unwrap();
    assert_eq!(page.messages.iter().map(|message| message.id).collect::<Vec<_>>(), [id(4), id(2)]);
    assert_eq!(store.credits(VS).await.unwrap(), credits, "what was paid is paid");
    let late = receipt(&["k1"], ReceiptState::Delivered);
    assert_eq!(store.record_receipts(vec![late]).await.unwrap(), [None]);
    // The key stands for nothing any more.
    let again = NewMessage { idempotency: Some(key), ..message(11) };
    assert_eq!(accept_one(&store, again).await, Accepted::New);
}

pub async fn what_else_is_kept_of_a_number_goes_and_its_opt_out_stays(stores: &impl Stores) {
    let store = stores.open();
    tenants(&store).await;
    let test_number = |number: PhoneNumber| SmsSettings {
        is_custom: false,
        test_number: Some(number.as_u64()),
        failover_after_ms: 3_000,
        more: serde_json::Value::Null,
    };
    let put = |vs, number| Change::PutSmsSettings {
        vs,
        settings: test_number(number),
        gateways: vec![],
        difference: Difference::default(),
    };
    let (gone, other) = (number(20_001), number(5));
    store.change("test".into(), T, vec![put(VS, gone), put(VsId(3), other)]).await.unwrap();
    accept_one(&store, passcodes::passcode(20_001)).await;
    store.record_inbound(vec![inbound::whole(1), inbound::whole(2)]).await.unwrap();
    let named = |number, id: &str| ReceiptRecord { number, ..receipt(&[id], ReceiptState::Delivered) };
    let early = vec![
        named(Some(gone), "a"),
        named(Some(other), "b"),
        named(None, "c"),
        named(None, &format!("sim {gone} 7")),
    ];
    store.record_receipts(early).await.unwrap();
    let said = [opt_outs::said(1, Wish::Out, ""), opt_outs::said(2, Wish::Out, "")];
    store.consent(said.into()).await.unwrap();
    let first_inbound = match store.sealed(99, SealedPlace::Inbound(0), 1).await.unwrap().found[0].place {
        SealedPlace::Inbound(id) => id,
        other => panic!("{other:?}"),
    };
    let (version, entries) = (store.directory().await.unwrap().version, audit(&store, 99).await.len());
    let note = AuditNote { at_ms: T, actor: "user ada".into(), vs: VS, action: "erased a number".into() };
    let all = Erasure {
        passcodes: vec![id(20_001), id(9)],
        inbound: vec![first_inbound, 9_999],
        phones: vec![(VS, opt_outs::key(1)), (VsId(3), opt_outs::key(1))],
        servers: vec![VS, VsId(3), VsId::ROOT],
        with_early_receipts: true,
        notes: vec![note],
        ..erasure(gone)
    };
    let erased = store.erase(all.clone()).await.unwrap();
    let expected =
        Erased { messages: 0, passcodes: 1, inbound: 1, consents: 2, test_numbers: 1, early_receipts: 2 };
    assert_eq!(erased, expected);
    assert_eq!(store.erase(Erasure { notes: vec![], ..all }).await.unwrap(), Erased::default(), "once");
    store.scrub(gone, vec![id(20_001)]).await.unwrap();
    let store = reopen(stores, store).await;
    assert!(store.passcode(VS, id(20_001)).await.unwrap().is_none());
    let directory = store.directory().await.unwrap();
    let numbers: Vec<_> = directory.sms_settings.iter().map(|(_, settings)| settings.test_number).collect();
    assert_eq!((numbers, directory.version), (vec![None, Some(other.as_u64())], version + 1));
    let out = store.opt_outs(VS, None, None, 9).await.unwrap();
    let shown: Vec<_> = out.iter().map(|out| (out.key, out.sealed.is_some())).collect();
    assert_eq!(shown, [(opt_outs::key(2), true), (opt_outs::key(1), false)], "it is still not written to");
    let log = store.consents(VS, Some(opt_outs::key(1)), None, 9).await.unwrap();
    assert_eq!((log[0].sealed.as_ref(), &*log[0].note), (None, ""));
    let told = audit(&store, 99).await;
    assert_eq!((told.len(), &*told[0].action), (entries + 1, "erased a number"));
    let check = store.verify_audit(AuditPoint::default(), 999).await.unwrap();
    assert!(check.is_end && check.broken.is_none());
    // What others wait for is still there.
    store.accept(vec![NewMessage { to: other, ..message(1) }, message(2)]).await.unwrap();
    let matched = store.record(vec![sent(1, &["b"]), sent(2, &["c"])]).await.unwrap();
    assert_eq!(matched.len(), 2);
}

//! What is kept of one number, on the embedded store: also of virtual servers that are gone.

use super::*;
use crate::words::Request;
use textgate_store::AuditFilter;

const ANN: &str = "15550100101";

async fn send(bench: &Bench, vs: VsId, to: &str) {
    let request = Request { to: to.into(), text: "hello".into(), ..Request::default() };
    bench.dispatch.accept(vs, vec![request]).await.remove(0).unwrap();
}

#[tokio::test]
async fn what_a_virtual_server_left_that_is_gone_is_shown_and_erased_from_the_root_only() {
    let bench = Bench::with_provider().await;
    let (gone, other) = (bench.add("gone").await, bench.add("other").await);
    for vs in [gone, other] {
        bench.give(vs, 10).await;
        send(&bench, vs, ANN).await;
        send(&bench, vs, "15550100102").await;
    }
    let dispatch = &bench.dispatch;
    dispatch.remove_virtual_server("test", gone).await.unwrap();
    let kept = dispatch.personal_data("user ada", VsId::ROOT, ANN).await.unwrap();
    let shown: Vec<_> =
        kept.virtual_servers.iter().map(|of| (of.path.as_deref(), of.messages.len())).collect();
    assert_eq!(shown, [(None, 1), (Some("other"), 1)]);
    assert_eq!(kept.virtual_servers[1].messages[0].text.as_deref(), Some("hello"));
    let of_other = dispatch.personal_data("user ada", other, ANN).await.unwrap();
    assert_eq!(of_other.virtual_servers.len(), 1);
    assert!(is_unknown(dispatch.personal_data("user ada", gone, ANN).await));
    assert_eq!(paths(dispatch.erase_number("user ada", VsId::ROOT, "+15550100101").await), ["number"]);

    // What nobody sends is cancelled, and paid back.
    let erased = dispatch.erase_number("user ada", VsId::ROOT, ANN).await.unwrap();
    assert_eq!((erased.messages, erased.cancelled, erased.segments, erased.was_searched), (2, 2, 2, true));
    assert_eq!(dispatch.credits(other).await.unwrap().used, 1, "of the message to somebody else");
    assert!(dispatch.personal_data("user ada", VsId::ROOT, ANN).await.unwrap().virtual_servers.is_empty());
    let left = dispatch.personal_data("user ada", VsId::ROOT, "15550100102").await.unwrap();
    assert_eq!(left.virtual_servers.len(), 2, "somebody else's stay");
    let filter = AuditFilter { action: Some("erased".into()), ..AuditFilter::default() };
    let told = dispatch.audit(VsId::ROOT, filter, None, 9).await.unwrap().entries;
    let told: Vec<_> = told.iter().map(|entry| (entry.vs, entry.action.as_str())).collect();
    let sentence = "erased what was kept of one number: 1 message, 1 segment";
    assert_eq!(told, [(other, sentence), (VsId::ROOT, sentence)], "of what is gone the root is told");
    assert!(dispatch.verify_audit(None).await.unwrap().broken.is_none());
}

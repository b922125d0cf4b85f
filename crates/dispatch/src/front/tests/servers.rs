//! The tree of virtual servers, and SMS credits.

use super::*;
use crate::front::credits::MOST;
use crate::front::servers::DEEPEST;
use crate::words::{CreditsView, Mode, OnUncertain};
use std::time::Duration;

#[tokio::test]
async fn a_virtual_server_is_found_by_its_path_but_only_from_above() {
    let bench = Bench::new().await;
    let (acme, other) = (bench.add("acme").await, bench.add("other").await);
    let sales = bench.add("acme/sales").await;
    let find = |within, path| bench.dispatch.find(within, path);
    assert_eq!(find(VsId::ROOT, "acme/sales"), Some(sales));
    assert_eq!((find(acme, "/acme/sales/"), find(acme, "acme")), (Some(sales), Some(acme)));
    assert_eq!((find(acme, "/"), find(acme, "other"), find(sales, "acme")), (None, None, None));
    assert!(bench.dispatch.is_within(sales, acme) && !bench.dispatch.is_within(acme, sales));
    assert!(!bench.dispatch.is_within(other, acme) && !bench.dispatch.is_within(VsId(99), VsId::ROOT));
}

#[tokio::test]
async fn the_tree_is_told_from_its_top_and_where_it_is_too_large_only_what_is_near() {
    let bench = Bench::new().await;
    let acme = bench.add("acme").await;
    for path in ["acme/b", "acme/a", "acme/a/x", "acme/a/y", "other"] {
        bench.add(path).await;
    }
    let told = |top, at, most| {
        let (branches, is_cut) = bench.dispatch.branches(top, at, most);
        (
            branches
                .into_iter()
                .map(|branch| format!("{} {}", branch.depth, branch.path))
                .collect::<Vec<_>>(),
            is_cut,
        )
    };
    let all = ["0 acme", "1 acme/a", "2 acme/a/x", "2 acme/a/y", "1 acme/b"].map(str::to_owned).to_vec();
    assert_eq!(told(acme, acme, 5), (all, false));
    let a = bench.dispatch.find(VsId::ROOT, "acme/a").unwrap();
    let near = ["0 acme", "1 acme/a", "2 acme/a/x", "2 acme/a/y"].map(str::to_owned).to_vec();
    assert_eq!(told(acme, a, 4), (near, true));
}

#[tokio::test]
async fn a_new_virtual_server_is_in_mode_default_without_credits() {
    let bench = Bench::new().await;
    let made = bench.dispatch.add_virtual_server("test", VsId::ROOT, "acme").await.unwrap();
    assert_eq!((made.path.as_str(), made.parent, made.mode), ("acme", Some(VsId::ROOT), Mode::Default));
    assert_eq!(made.credits, CreditsView::default());
    assert_eq!(bench.dispatch.virtual_server(made.id).await.unwrap().name, "acme");
}

#[tokio::test]
async fn a_name_is_unique_among_siblings_and_fit_for_a_path() {
    let bench = Bench::new().await;
    let acme = bench.add("acme").await;
    let add = |parent, name| bench.dispatch.add_virtual_server("test", parent, name);
    assert!(is_conflict(add(VsId::ROOT, "acme").await));
    assert!(add(acme, "acme").await.is_ok());
    let long = "x".repeat(65);
    for wrong in ["", "a/b", " a", &long] {
        assert_eq!(paths(add(VsId::ROOT, wrong).await), ["name"], "{wrong:?}");
    }
    assert!(is_unknown(add(VsId(99), "b").await));
}

#[tokio::test]
async fn the_tree_is_only_so_deep() {
    let bench = Bench::new().await;
    let mut parent = VsId::ROOT;
    for _ in 0..DEEPEST {
        parent = bench.dispatch.add_virtual_server("test", parent, "a").await.unwrap().id;
    }
    assert!(is_conflict(bench.dispatch.add_virtual_server("test", parent, "a").await));
}

#[tokio::test]
async fn a_renamed_virtual_server_is_found_by_its_new_path_and_so_is_what_is_below() {
    let bench = Bench::new().await;
    let acme = bench.add("acme").await;
    let sales = bench.add("acme/sales").await;
    bench.add("other").await;
    let rename = |vs, name| bench.dispatch.rename_virtual_server("test", vs, name);
    assert_eq!(rename(acme, "Acme GmbH").await.unwrap().path, "Acme GmbH");
    assert_eq!(bench.dispatch.find(VsId::ROOT, "Acme GmbH/sales"), Some(sales));
    assert_eq!(bench.dispatch.find(VsId::ROOT, "acme"), None);
    let version = bench.version();
    rename(acme, "Acme GmbH").await.unwrap();
    assert_eq!(bench.version(), version, "the same name is no change");
    assert!(is_conflict(rename(acme, "other").await) && is_conflict(rename(VsId::ROOT, "top").await));
    assert_eq!(paths(rename(acme, "a/b").await), ["name"]);
    assert!(is_unknown(rename(VsId(99), "a").await));
}

#[tokio::test]
async fn only_a_virtual_server_without_children_is_removed_and_never_the_root() {
    let bench = Bench::new().await;
    let acme = bench.add("acme").await;
    let sales = bench.add("acme/sales").await;
    let remove = |vs| bench.dispatch.remove_virtual_server("test", vs);
    assert!(is_conflict(remove(acme).await) && is_conflict(remove(VsId::ROOT).await));
    remove(sales).await.unwrap();
    remove(acme).await.unwrap();
    assert!(is_unknown(remove(acme).await));
    assert!(is_unknown(bench.dispatch.virtual_server(acme).await));
    assert!(bench.add("acme").await > sales, "no number is used twice");
}

#[tokio::test]
async fn virtual_servers_are_listed_as_a_tree_and_from_within_only_what_is_below() {
    let bench = Bench::new().await;
    for path in ["b", "a", "a/z", "a b", "a/c"] {
        bench.add(path).await;
    }
    let a = bench.dispatch.find(VsId::ROOT, "a").unwrap();
    bench.give(a, 7).await;
    let all = bench.dispatch.virtual_servers(VsId::ROOT).await.unwrap();
    let listed: Vec<&str> = all.iter().map(|server| server.path.as_str()).collect();
    assert_eq!(listed, ["/", "a", "a/c", "a/z", "a b", "b"]);
    assert_eq!((all[1].credits.remaining, all[2].credits.remaining), (7, 0));
    let below: Vec<String> =
        bench.dispatch.virtual_servers(a).await.unwrap().into_iter().map(|server| server.path).collect();
    assert_eq!(below, ["a", "a/c", "a/z"]);
    assert!(is_unknown(bench.dispatch.virtual_servers(VsId(99)).await));
}

#[tokio::test]
async fn credits_are_allocated_in_all_or_by_a_difference_with_an_entry_in_the_ledger() {
    let bench = Bench::new().await;
    let acme = bench.add("acme").await;
    let allocate = |allocation, note| bench.dispatch.allocate("key app", acme, allocation, note);
    allocate(Allocation::Total(100), "May").await.unwrap();
    allocate(Allocation::Add(50), "").await.unwrap();
    let credits = allocate(Allocation::Add(-30), "too many").await.unwrap();
    assert_eq!((credits.allocated, credits.remaining), (120, 120));
    let version = bench.version();
    allocate(Allocation::Total(120), "").await.unwrap();
    allocate(Allocation::Add(0), "").await.unwrap();
    assert_eq!(bench.version(), version, "nothing more is nothing to write");
    let ledger = bench.dispatch.ledger(acme, 10).await.unwrap();
    let entries: Vec<_> = ledger.iter().map(|e| (e.change, e.allocated, e.note.as_str())).collect();
    assert_eq!(entries, [(-30, 120, "too many"), (50, 150, ""), (100, 100, "May")]);
    assert_eq!(ledger[0].actor, "key app");
    assert!(
        bench
            .dispatch
            .audit(acme, Default::default(), None, 10)
            .await
            .unwrap()
            .entries
            .iter()
            .any(|entry| entry.vs == acme)
    );
}

#[tokio::test]
async fn no_more_credits_are_taken_than_remain_and_not_absurdly_many_given() {
    let bench = Bench::new().await;
    let acme = bench.add("acme").await;
    bench.give(acme, 10).await;
    let allocate = |vs, allocation, note| bench.dispatch.allocate("test", vs, allocation, note);
    assert!(is_conflict(allocate(acme, Allocation::Add(-11), "").await));
    assert!(is_conflict(allocate(acme, Allocation::Add(i64::MIN), "").await));
    assert_eq!(paths(allocate(acme, Allocation::Total(MOST + 1), "a\nb").await), ["note", "total"]);
    assert_eq!(paths(allocate(acme, Allocation::Add(i64::MAX), "").await), ["credits"]);
    assert_eq!(bench.dispatch.credits(acme).await.unwrap().allocated, 10);
    assert!(is_conflict(allocate(VsId::ROOT, Allocation::Total(5), "").await));
    assert!(is_unknown(allocate(VsId(99), Allocation::Total(5), "").await));
    assert!(is_unknown(bench.dispatch.credits(VsId(99)).await));
    assert!(is_unknown(bench.dispatch.ledger(VsId(99), 1).await));
}

#[tokio::test]
async fn a_change_whose_caller_hangs_up_is_in_force_all_the_same() {
    let bench = Bench::new().await;
    {
        // Polled once: it is on its way to the disk.
        let mut asked = Box::pin(bench.dispatch.add_virtual_server("test", VsId::ROOT, "acme"));
        assert!(futures_util::poll!(&mut asked).is_pending());
    }
    let until_found = async {
        while bench.dispatch.find(VsId::ROOT, "acme").is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(10), until_found).await.is_ok());
}

#[tokio::test]
async fn a_backup_is_written_once_and_never_over_another_file() {
    let bench = Bench::new().await;
    let to = bench.folder.path().join("copy");
    bench.dispatch.backup(to.clone()).await.unwrap();
    assert!(is_conflict(bench.dispatch.backup(to).await));
}

#[tokio::test]
async fn a_change_while_the_engine_stops_starts_no_gateway() {
    let bench = crate::testing::Bench::with(&["a"]).await;
    bench.set(&["a", "b"], OnUncertain::Failover).await;
    bench.settle().await;
    assert_eq!(bench.script("b").health.receiver_count(), 1, "it runs");
    bench.dispatch.shutdown().await;
    bench.set(&["a", "b", "c"], OnUncertain::Failover).await;
    bench.settle().await;
    assert_eq!(bench.script("c").health.receiver_count(), 0);
}

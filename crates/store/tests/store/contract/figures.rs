//! Figures: kept by minute, hour and day, and forgotten in that order.

use super::*;

/// Begins a day, and with it an hour and a minute.
const DAY: i64 = T - T % 86_400_000;

fn figures(sent: u64, micros: u64) -> Figures {
    let mut figures = Figures { failovers: 1, ..Figures::default() };
    figures.states[usize::from(MessageState::Sent.code())] = sent;
    figures.to_sent.record(micros);
    figures
}

fn tally(at_ms: i64, gateway: u32, sent: u64) -> Tally {
    let gateway = GatewayId(gateway);
    Tally { vs: VS, is_below: false, gateway, at_ms, figures: figures(sent, 1_000) }
}

fn all(resolution: Resolution) -> FiguresQuestion {
    FiguresQuestion {
        vs: VS,
        is_below: false,
        resolution,
        from_ms: DAY - 86_400_000,
        to_ms: DAY + 86_400_000,
    }
}

/// When, which gateway, how many were sent.
async fn kept(store: &Arc<dyn Store>, question: FiguresQuestion) -> Vec<(i64, u32, u64)> {
    let kept = store.figures(question).await.unwrap();
    kept.iter().map(|k| (k.at_ms - DAY, k.gateway.0, k.figures.came_to(MessageState::Sent))).collect()
}

pub async fn figures_add_up_by_minute_hour_and_day_and_are_there_after_reopening(stores: &impl Stores) {
    let store = stores.open();
    store
        .add_figures(vec![tally(DAY, 1, 1), tally(DAY + 59_999, 1, 2), tally(DAY + 60_000, 1, 4)])
        .await
        .unwrap();
    store.add_figures(vec![tally(DAY + 3_600_000, 1, 8), tally(DAY - 1, 1, 16)]).await.unwrap();
    let store = reopen(stores, store).await;
    let minutes = kept(&store, all(Resolution::Minute)).await;
    assert_eq!(minutes, [(-60_000, 1, 16), (0, 1, 3), (60_000, 1, 4), (3_600_000, 1, 8)]);
    assert_eq!(
        kept(&store, all(Resolution::Hour)).await,
        [(-3_600_000, 1, 16), (0, 1, 7), (3_600_000, 1, 8)]
    );
    assert_eq!(kept(&store, all(Resolution::Day)).await, [(-86_400_000, 1, 16), (0, 1, 15)]);
    let day = &store.figures(all(Resolution::Day)).await.unwrap()[1].figures;
    assert_eq!((day.failovers, day.to_sent.count()), (4, 4));
    let part = FiguresQuestion { from_ms: DAY + 30_000, to_ms: DAY + 60_000, ..all(Resolution::Minute) };
    assert_eq!(kept(&store, part).await, [(0, 1, 3)], "from is rounded down, to is not in it");
}

pub async fn figures_are_told_apart_by_virtual_server_gateway_and_what_is_below(stores: &impl Stores) {
    let store = stores.open();
    let other = Tally { vs: VsId(3), ..tally(DAY, 1, 100) };
    let below = Tally { is_below: true, ..tally(DAY, 0, 200) };
    store.add_figures(vec![other, tally(DAY, 2, 1), below, tally(DAY, 0, 4)]).await.unwrap();
    assert_eq!(kept(&store, all(Resolution::Minute)).await, [(0, 0, 4), (0, 2, 1)]);
    let below = FiguresQuestion { is_below: true, ..all(Resolution::Hour) };
    assert_eq!(kept(&store, below).await, [(0, 0, 200)]);
    let other = FiguresQuestion { vs: VsId(3), ..all(Resolution::Day) };
    assert_eq!(kept(&store, other).await, [(0, 1, 100)]);
}

pub async fn figures_past_their_time_go_and_the_coarser_stay(stores: &impl Stores) {
    let store = stores.open();
    let days = |n: i64| n * 86_400_000;
    for old in [0, 5, 60, 500] {
        store.add_figures(vec![tally(DAY - days(old), 1, 1)]).await.unwrap();
    }
    store.prune(DAY, 1_000).await.unwrap();
    let ever = |resolution| FiguresQuestion { from_ms: 0, to_ms: DAY + days(1), ..all(resolution) };
    assert_eq!(kept(&store, ever(Resolution::Minute)).await, [(0, 1, 1)]);
    assert_eq!(kept(&store, ever(Resolution::Hour)).await, [(-days(5), 1, 1), (0, 1, 1)]);
    assert_eq!(kept(&store, ever(Resolution::Day)).await, [(-days(60), 1, 1), (-days(5), 1, 1), (0, 1, 1)]);
}

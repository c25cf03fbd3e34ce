use proptest::prelude::*;

use super::*;
use crate::gather::requests;
use crate::ledger::RowPolicy;
use crate::memory::Recorded;

/// The demands of events of two tasks; a number of them is held in memory.
fn demands(events: &[(i64, i64, i64)], ran_only: bool, most_held: usize) -> (Recorded, Vec<u32>) {
    let options = ReadOptions {
        ran_only,
        ..ReadOptions::default()
    };
    let mut tasks = Tasks {
        gather: Gather::holding(most_held).in_order(Order::Place),
        ended: Numbered::holding(most_held),
        unsorted: (!events.is_sorted_by_key(|event| event.2))
            .then(|| Box::new(Unsorted::holding(most_held))),
        ..Tasks::new(&options)
    };
    let mut journal = Journal::new("events".into(), RowPolicy::REPORT);
    for (line, &(index, kind, second)) in (1..).zip(events) {
        let event = TaskEvent {
            key: (7, index),
            kind,
            time: Instant::from_secs(second),
        };
        let milli = Some(100 * kind);
        let asked = Asked {
            user: "ann",
            plain: (index == 0).then_some((0, milli, None)),
            dirt: 0,
            spec: || PodSpec::with_requests(requests(milli, None)),
        };
        tasks
            .take(&mut journal, line, event, asked)
            .expect("not strict");
    }
    tasks.take_sorted(&mut journal).expect("a temporary file");
    let mut source = tasks.finish(journal).expect("a temporary file");
    let recorded = Recorded::collect(&mut *source).expect("a temporary file");
    let lines = recorded
        .arrivals
        .iter()
        .map(|own| own.origin.line)
        .collect();
    (recorded, lines)
}

proptest! {
    #[test]
    fn demands_are_the_same_however_many_are_in_memory(
        events in prop::collection::vec((0_i64..2, 0_i64..9, 0_i64..30), 0..60),
        is_in_order in any::<bool>(),
        ran_only in any::<bool>(),
        most_held in 1_usize..9,
    ) {
        let mut events = events;
        if is_in_order {
            events.sort_by_key(|event| event.2);
        }
        // Events that are sorted first are those of a log in order.
        let mut sorted: Vec<_> = events.clone();
        sorted.sort_by_key(|event| event.2);
        let expected = demands(&events, ran_only, usize::MAX);
        let bare = |own: &Recorded| own.arrivals.iter().map(|one| (one.submit, one.run_time)).collect::<Vec<_>>();
        prop_assert_eq!(bare(&expected.0), bare(&demands(&sorted, ran_only, usize::MAX).0));
        prop_assert_eq!(&demands(&events, ran_only, most_held), &expected);
        let arrivals = &expected.0.arrivals;
        let ranks = arrivals.iter().zip(&expected.1).map(|(own, line)| (own.submit, *line));
        prop_assert!(ranks.is_sorted());
        for own in arrivals {
            let same = arrivals.iter().filter(|other| other.name == own.name);
            prop_assert_eq!(same.count(), 1);
        }
    }
}

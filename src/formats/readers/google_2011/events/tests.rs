use crate::tests::prelude::*;
use proptest::prelude::*;

use super::*;

/// The demands of events of two tasks; a number of them is held in memory.
fn demands(events: &[(i64, i64, i64)], ran_only: bool, most_held: usize) -> (Recorded, Vec<u32>) {
    let options = ReadOptions {
        ran_only,
        resizes: true,
        ..ReadOptions::default()
    };
    let mut tasks = Tasks {
        gather: Gather::holding(most_held).in_order(Order::Place),
        names: Names::holding(most_held),
        alive: Alive::holding(most_held.min(4)),
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
            user: b"ann",
            plain: (index == 0).then_some((0, milli, None)),
            dirt: 0,
            spec: || Ok(PodSpec::with_requests(requests(milli, None))),
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
        // Demands of a task are numbered as they arrive, whether those that never ran are left out or not.
        let whole = demands(&events, false, usize::MAX);
        let named = |(all, lines): &(Recorded, Vec<u32>)| -> Vec<(u32, String)> {
            let names = all.arrivals.iter().map(|own| own.name.to_string());
            lines.iter().copied().zip(names).collect()
        };
        let (kept, whole) = (named(&expected), named(&whole));
        prop_assert!(kept.iter().all(|own| whole.contains(own)));
        let mut counts = [0; 2];
        for (line, name) in &whole {
            let task = usize::from(name.starts_with("7-1"));
            counts[task] += 1;
            let number = match counts[task] {
                1 => String::new(),
                later => format!("-{later}"),
            };
            prop_assert_eq!(name, &format!("7-{task}{number}"), "line {}", line);
        }
    }
}

#[test]
fn the_end_of_a_task_is_its_outcome_where_it_is_asked_for() {
    let outcomes = |options: &ReadOptions| {
        let mut tasks = Tasks::new(options);
        let mut journal = Journal::new("events".into(), RowPolicy::REPORT);
        // Failed, finished, killed, lost and evicted tasks, each an hour after the one before.
        for index in 0..5 {
            let end = [FAIL, 4, 5, LOST, EVICT][index as usize];
            for (second, kind) in [(0, SUBMIT), (1, SCHEDULE), (2, end)] {
                let event = TaskEvent {
                    key: (7, index),
                    kind,
                    time: Instant::from_secs(3_600 * index + second),
                };
                let asked = Asked {
                    user: b"ann",
                    plain: Some((0, Some(100), None)),
                    dirt: 0,
                    spec: || Ok(PodSpec::with_requests(requests(Some(100), None))),
                };
                let taken = tasks.take(&mut journal, 1, event, asked);
                taken.expect("not strict");
            }
        }
        let mut source = tasks.finish(journal).expect("in memory");
        Recorded::collect(&mut *source).expect("in memory")
    };
    let options = options_with(|own| own.outcomes = true);
    let kept = outcomes(&options);
    assert_eq!(
        crate::tests::outcomes(&kept),
        ["failed", "completed", "cancelled", "", ""]
    );
    assert_eq!(kept.header.fields.len(), 1);
    let plain = outcomes(&ReadOptions::default());
    assert_eq!((plain.classes.len(), plain.header.fields.len()), (1, 0));
}

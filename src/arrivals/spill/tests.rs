use super::runs::{ALL_AHEAD, LEAST_AHEAD, ahead_of_each};
use super::*;
use crate::links::Links;
use intake::origin::Origin;
use model::PodName;
use proptest::prelude::*;
use units::time::NANOS_PER_SECOND;

fn names() -> impl Strategy<Value = PodName> {
    prop_oneof![
        "[a-zä]{0,9}".prop_map(PodName::from),
        // What these begin with is alike, and longer than a word and than what stands within a name.
        "job-of-many-ä?[01]{0,2}-[01]{9,12}".prop_map(PodName::from),
        (0_u64..9).prop_map(PodName::Job),
        any::<u64>().prop_map(PodName::Job),
        (any::<u64>(), any::<u32>()).prop_map(|(job, member)| PodName::Member(job, member)),
    ]
}

fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    // Nanoseconds, and seconds.
    let unit = prop::sample::select(vec![1_i64, NANOS_PER_SECOND]);
    let time = || prop::option::of(0_i64..9);
    let arrival = (names(), 0_i64..9, 0_u32..4, time(), time(), time(), unit);
    let links = (
        prop::option::of(names()),
        prop::collection::vec(names(), 0..3),
        prop::option::of(names()),
    );
    let links = prop::option::of(links.prop_map(|(part_of, after, gang)| {
        let delay = Duration::from_secs(after.len() as i64);
        Box::new(Links {
            part_of,
            after,
            delay,
            gang,
        })
    }));
    let arrival = (arrival, links, any::<u16>()).prop_map(|(own, links, part)| {
        let (name, submit, class, run_time, limit, start, unit) = own;
        let nanos = |count: i64| count * unit;
        Arrival {
            submit: Instant::from_nanos(nanos(submit)),
            name,
            class,
            members: class + 1,
            tenant: class / 2,
            run_time: run_time.map(nanos).map(Duration::from_nanos),
            time_limit: limit.map(Duration::from_secs),
            historic_start: start.map(nanos).map(Instant::from_nanos),
            links,
            part,
            origin: Origin {
                file: part,
                line: class,
            },
        }
    });
    prop::collection::vec(arrival, 0..40)
}

proptest! {
    #[test]
    fn runs_are_merged_as_if_all_were_sorted_at_once(
        all in arrivals(),
        length in 1_usize..9,
        forked in 0_usize..40,
        order in prop::sample::select(vec![Order::Submission, Order::Place, Order::Name, Order::Gang]),
    ) {
        let mut spill = Spill::new(order).expect("a temporary file");
        let mut held = Vec::new();
        for arrival in &all {
            if held.len() == length {
                spill.write(&mut Packed::of(order, &held)).expect("a file");
                held.clear();
            }
            held.push(arrival.clone());
        }
        let rest = Recorded { arrivals: held, ..Recorded::default() };
        let mut merged: Box<dyn ArrivalSource> =
            Box::new(Merged::new(spill, rest, Duration::ZERO));
        let mut sorted = all;
        order.sort(&mut sorted);
        for (place, expected) in sorted.iter().enumerate() {
            if place == forked {
                merged = merged.fork().expect("a fork");
            }
            prop_assert_eq!(merged.next().expect("readable"), Some(expected.clone()));
        }
        prop_assert_eq!(merged.next().expect("readable"), None);
    }
}

proptest! {
    #[test]
    fn members_of_a_gang_stay_together_behind_the_first_of_them(
        all in arrivals(),
        sizes in prop::collection::vec(1_usize..5, 40),
        most in 1_usize..9,
    ) {
        let mut held = Held::new(Order::Submission, most);
        let mut rest = &all[..];
        let mut gangs = Vec::new();
        for size in sizes {
            let (gang, others) = rest.split_at(size.min(rest.len()));
            match gang {
                [alone] => held.push(&alone.into()),
                _ => held.push_gang(gang),
            }
            gangs.extend((!gang.is_empty()).then_some(gang));
            rest = others;
        }
        gangs.sort_by_key(|gang| gang[0].submit);
        let found = match held.finish(Recorded::default, Duration::ZERO) {
            Ok(records) => records.into_arrivals(),
            Err(mut merged) => Recorded::collect(&mut *merged).expect("readable").arrivals,
        };
        prop_assert_eq!(found, gangs.concat());
    }
}

#[test]
fn all_runs_together_are_read_ahead_by_a_bounded_amount() {
    for runs in [1, 100, 500, 2_000] {
        let each = ahead_of_each(runs);
        assert!(
            each >= LEAST_AHEAD && each * runs <= ALL_AHEAD,
            "{runs} runs"
        );
    }
    assert_eq!(ahead_of_each(1), AHEAD);
}

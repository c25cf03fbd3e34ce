//! Properties of edits of any trace: two windows are their intersection, what does not change times or names goes
//! in any order, and nothing is lost or made up.

use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use arrivals::ReadOptions;
use arrivals::memory::Recorded;
use formats::readers::csv::CsvSource;
use intake::Input;

/// A row of a table: its gap to the one before, tenant, cores, run time, wait, and the row before it that it waits for.
type Row = (i64, u8, u8, i64, i64, Option<u8>);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (
        0_i64..4,
        0_u8..3,
        1_u8..4,
        1_i64..90,
        0_i64..5,
        proptest::option::weighted(0.3, 1_u8..4),
    );
    vec(row, 1..25)
}

/// A table of these rows, with names that begin so.
fn table(rows: &[Row], prefix: &str) -> Box<dyn ArrivalSource> {
    let mut text = "submit,name,tenant,cpu,run_time,start,after\n".to_owned();
    let mut submit = 0;
    for (number, &(gap, tenant, cpu, run_time, wait, back)) in rows.iter().enumerate() {
        submit += gap;
        let after = back.and_then(|back| number.checked_sub(usize::from(back)));
        let after = after.map_or(String::new(), |own| format!("{prefix}{own}"));
        let start = submit + wait;
        let _ = writeln!(
            text,
            "{submit},{prefix}{number},t{tenant},{cpu},{run_time},{start},{after}"
        );
    }
    let input = Input::bytes("t.csv", text.into_bytes());
    Box::new(CsvSource::open(&input, &ReadOptions::default()).expect("a table"))
}

/// An arrival with all that its numbers refer to.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    submit: i64,
    name: String,
    tenant: String,
    cpu: String,
    run_time: Option<Duration>,
    wait: Option<Duration>,
    after: Vec<String>,
}

fn seen(mut source: Box<dyn ArrivalSource>) -> Vec<Seen> {
    let recorded = Recorded::collect(&mut *source).expect("readable");
    let row = |one: &Arrival| Seen {
        submit: one.submit.as_nanos(),
        name: one.name.to_string(),
        tenant: recorded.tenants[one.tenant as usize].to_string(),
        cpu: { recorded.classes[one.class as usize].requests() }
            .map_or(String::new(), |own| own.get("cpu").to_string()),
        run_time: one.run_time,
        wait: one.historic_start.map(|start| start.since(one.submit)),
        after: one.after().iter().map(ToString::to_string).collect(),
    };
    recorded.arrivals.iter().map(row).collect()
}

fn edited(source: Box<dyn ArrivalSource>, edits: &[&Edit]) -> Vec<Seen> {
    let apply = |source, edit: &&Edit| edit.apply(source, Vec::new()).expect("readable");
    seen(edits.iter().fold(source, apply))
}

fn window(from: i64, until: i64) -> Edit {
    let [from, until] = [from, until].map(Instant::from_secs);
    Edit {
        window: Some((from, until)),
        ..Edit::default()
    }
}

fn scale(numerator: i64, denominator: i64) -> Edit {
    Edit {
        times: Ratio::new(numerator, denominator),
        ..Edit::default()
    }
}

fn shift(seconds: i64) -> Edit {
    Edit {
        shift: Duration::from_secs(seconds),
        ..Edit::default()
    }
}

fn sample(millionths: u32, by: SampleBy) -> Edit {
    Edit {
        sample: Some(Sample {
            millionths,
            by,
            seed: 7,
        }),
        ..Edit::default()
    }
}

fn condition(text: &str) -> Edit {
    Edit {
        condition: Some(Condition::parse(text).expect("a condition")),
        ..Edit::default()
    }
}

/// Edits that keep some arrivals by what these are, whenever they come.
fn selections() -> Vec<Edit> {
    let tenants = Edit {
        tenants: vec!["t0".into(), "t2".into()],
        ..Edit::default()
    };
    vec![
        tenants,
        condition("cpu > 1 && run_time < 60s"),
        sample(400_000, SampleBy::Job),
        sample(400_000, SampleBy::Tenant),
    ]
}

proptest! {
    #[test]
    fn two_windows_are_their_intersection(
        rows in rows(),
        [from, until, later, end] in [0_i64..40, 0_i64..40, 0_i64..30, 0_i64..40],
    ) {
        let twice = edited(table(&rows, "j"), &[&window(from, until), &window(later, end)]);
        let once = window(from + later, until.min(from + end).max(from + later));
        prop_assert_eq!(twice, edited(table(&rows, "j"), &[&once]));
    }

    #[test]
    fn selections_and_windows_go_in_any_order(rows in rows(), from in 0_i64..30, length in 0_i64..40) {
        let window = window(from, from + length);
        let selections = selections();
        for one in &selections {
            let before = edited(table(&rows, "j"), &[one, &window]);
            prop_assert_eq!(&before, &edited(table(&rows, "j"), &[&window, one]));
            // Those of one edit have an order that makes no difference either.
            let both = Edit { window: window.window, ..one.clone() };
            prop_assert_eq!(&before, &edited(table(&rows, "j"), &[&both]));
            let again = edited(table(&rows, "j"), &[one, one]);
            prop_assert_eq!(again, edited(table(&rows, "j"), &[one]));
            for other in &selections {
                let there = edited(table(&rows, "j"), &[one, other]);
                prop_assert_eq!(there, edited(table(&rows, "j"), &[other, one]));
            }
        }
    }

    #[test]
    fn a_selection_and_its_opposite_are_all(rows in rows()) {
        let kept = edited(table(&rows, "j"), &[&condition("cpu > 1")]);
        let left = edited(table(&rows, "j"), &[&condition("!(cpu > 1)")]);
        let mut names: Vec<String> = kept.iter().chain(&left).map(|own| own.name.clone()).collect();
        let mut all: Vec<String> = { edited(table(&rows, "j"), &[]) }
            .into_iter().map(|own| own.name).collect();
        names.sort();
        all.sort();
        prop_assert_eq!(names, all);
    }

    #[test]
    fn times_go_back_by_the_opposite_edit(rows in rows(), factor in 1_i64..9, [one, other] in [0_i64..50, 0_i64..50]) {
        let plain = edited(table(&rows, "j"), &[]);
        prop_assert_eq!(&plain, &edited(table(&rows, "j"), &[&scale(1, 1)]));
        prop_assert_eq!(&plain, &edited(table(&rows, "j"), &[&scale(factor, factor)]));
        let there = [&scale(factor, 1), &scale(1, factor)];
        prop_assert_eq!(&plain, &edited(table(&rows, "j"), &there));
        let shifted = edited(table(&rows, "j"), &[&shift(one), &shift(other)]);
        prop_assert_eq!(&shifted, &edited(table(&rows, "j"), &[&shift(one + other)]));
        let back = [&shift(one), &window(one, i64::MAX / 2_000_000_000)];
        prop_assert_eq!(&plain, &edited(table(&rows, "j"), &back));
        // Run times and waits are whole.
        let faster = edited(table(&rows, "j"), &[&scale(1, factor)]);
        let whole = |own: &Seen| (own.run_time, own.wait, own.name.clone());
        let [own, known] = [&faster, &plain].map(|all| all.iter().map(whole).collect::<Vec<_>>());
        prop_assert_eq!(own, known);
    }

    #[test]
    fn samples_have_nothing_all_or_what_a_smaller_one_has(rows in rows(), [less, more] in [0_u32..=1_000_000, 0_u32..=1_000_000]) {
        for by in [SampleBy::Job, SampleBy::Tenant] {
            let of = |share| edited(table(&rows, "j"), &[&sample(share, by)]);
            prop_assert_eq!(of(0), Vec::new());
            prop_assert_eq!(of(1_000_000), edited(table(&rows, "j"), &[]));
            let names = |own: Vec<Seen>| own.into_iter().map(|own| own.name).collect::<Vec<_>>();
            let [small, large] = [less.min(more), less.max(more)].map(|share| names(of(share)));
            prop_assert!(small.iter().all(|name| large.contains(name)));
        }
    }

    #[test]
    fn merged_traces_have_the_arrivals_of_all(one in rows(), other in rows(), third in rows()) {
        let parts = [(&one, "a"), (&other, "b"), (&third, "c")];
        let open = |at: usize| table(parts[at].0, parts[at].1);
        let merged = Edit::default().apply(open(0), vec![open(1), open(2)]).expect("readable");
        let merged = seen(merged);
        prop_assert!(merged.windows(2).all(|two| two[0].submit <= two[1].submit));
        prop_assert_eq!(merged.len(), one.len() + other.len() + third.len());
        for (at, (_, prefix)) in parts.iter().enumerate() {
            let own: Vec<Seen> = merged.iter().filter(|own| own.name.starts_with(prefix)).cloned().collect();
            prop_assert_eq!(own, edited(open(at), &[]));
        }
        // Two first, and then the third, are all at once.
        let two = Edit::default().apply(open(0), vec![open(1)]).expect("readable");
        let nested = Edit::default().apply(two, vec![open(2)]).expect("readable");
        prop_assert_eq!(merged, seen(nested));
    }

    #[test]
    fn an_anonymous_trace_asks_for_the_same(rows in rows()) {
        let anonymous = Edit { is_anonymous: true, ..Edit::default() };
        let plain = edited(table(&rows, "j"), &[]);
        let once = edited(table(&rows, "j"), &[&anonymous]);
        prop_assert_eq!(&once, &edited(table(&rows, "j"), &[&anonymous, &anonymous]));
        prop_assert_eq!(once.len(), plain.len());
        let place = |all: &[Seen], name: &String| all.iter().position(|own| own.name == *name);
        for (own, known) in once.iter().zip(&plain) {
            let asked = |own: &Seen| (own.submit, own.cpu.clone(), own.run_time, own.wait);
            prop_assert_eq!(asked(own), asked(known));
            let after = |all: &[Seen], own: &Seen| own.after.iter().map(|name| place(all, name)).collect::<Vec<_>>();
            prop_assert_eq!(after(&once, own), after(&plain, known));
        }
        // Tenants are told apart as before.
        for (own, known) in once.iter().zip(&plain) {
            for (other, others) in once.iter().zip(&plain) {
                prop_assert_eq!(own.tenant == other.tenant, known.tenant == others.tenant);
            }
        }
    }
}

//! Days in an archive, and tables that are wrong.

use crate::tests::prelude::*;
use proptest::prelude::*;

use super::tables::*;
use super::*;

fn invocations(rows: &[(&str, &[(usize, &str)])]) -> String {
    let minutes: Vec<String> = (1..=MINUTES).map(|minute| minute.to_string()).collect();
    let mut text = format!(
        "HashOwner,HashApp,HashFunction,Trigger,{}\n",
        minutes.join(",")
    );
    for (name, counts) in rows {
        let mut cells = vec!["0"; MINUTES];
        for (minute, count) in *counts {
            cells[minute - 1] = count;
        }
        text.push_str(&[name, "http", &cells.join(",")].join(","));
        text.push('\n');
    }
    text
}

const DURATION_ROWS: &str = "HashOwner,HashApp,HashFunction,percentile_Average_0,\
    percentile_Average_1,percentile_Average_25,percentile_Average_50,percentile_Average_75,\
    percentile_Average_99,percentile_Average_100\n\
    o,a,f,10,10,10,10,10,10,10\no,a,g,30,20,30,30,30,30,30\nx,y,z,9,9,9,9,9,9,9\n";
const MEMORY_ROWS: &str = "HashOwner,HashApp,AverageAllocatedMb\no,a,150\n";

#[test]
fn counts_are_spread_over_their_minutes_and_days() {
    let first = invocations(&[("o,a,f", &[(1, "2"), (3, "1")]), ("o,b,h", &[(3, "4")])]);
    let second = invocations(&[("p,a,g", &[(1440, "1")])]);
    let bytes = archive(&[
        ("app_memory_percentiles.anon.d01.csv", MEMORY_ROWS),
        ("function_durations_percentiles.anon.d01.csv", DURATION_ROWS),
        ("invocations_per_function_md.anon.d01.csv", &first),
        ("invocations_per_function_md.anon.d02.csv", &second),
    ]);
    let input = file_of(&ENTRY, "f.tar", bytes);
    let mut source = open(&input, &ReadOptions::default()).expect("good rows");
    let mut middle = source.fork().expect("forks");
    let recorded = Recorded::collect(&mut *source).expect("good rows");
    assert_eq!(Recorded::collect(&mut *middle), Ok(recorded.clone()));
    let seen = recorded.each(|one| (one.submit.as_nanos() / MINUTE, one.run_time, one.tenant));
    let (own, other) = (Duration::from_millis(10), Duration::from_millis(10));
    let third = { recorded.arrivals.iter() }.filter(|one| one.class == 1);
    assert_eq!(third.count(), 0, "150 MB is the middle as well");
    assert_eq!(seen.len(), 8);
    assert_eq!(seen[..2], [(0, Some(own), 0); 2]);
    assert!(
        seen[2..7]
            .iter()
            .all(|one| (one.0, one.1) == (2, Some(other)))
    );
    assert_eq!((seen[7].0, seen[7].2), (2 * 1_440 - 1, 1));
    assert!(recorded.arrivals.is_sorted_by_key(|one| one.submit));
    recorded.ledger.has_counts([
        ("percentiles that don't ascend; sorted", 1),
        ("function without run times; those in the middle", 2),
        ("application without memory; that in the middle", 2),
    ]);
}

#[test]
fn a_row_that_is_left_out_changes_no_other_function() {
    let read = |first: &[(usize, &str)], with_third: bool| {
        let mut rows = vec![("o,a,f", first), ("o,b,h", &[(1, "2"), (3, "4")])];
        if with_third {
            rows.push(("o,a,g", &[(1, "1")]));
        }
        let input = Input::bytes("i.csv", invocations(&rows).into_bytes());
        let options = options_with(|own| own.rows = intake::RowPolicy::REPORT);
        let recorded = collected(open(&input, &options));
        let own = recorded.arrivals.into_iter();
        let own = own.map(|one| (one.name.to_string(), one.submit));
        own.filter(|(name, _)| name.starts_with("d1-f2-"))
            .collect::<Vec<_>>()
    };
    let whole = read(&[(1, "3"), (3, "1")], false);
    let names: Vec<&str> = whole.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names.len(), 6);
    assert!(names[..2].contains(&"d1-f2-1") && names[2..].contains(&"d1-f2-6"));
    assert_eq!(read(&[(1, "many")], true), whole);
}

#[test]
fn run_times_are_linear_between_percentiles() {
    let percentiles = [0.0, 1.0, 25.0, 50.0, 75.0, 99.0, 200.0];
    for (share, milliseconds) in [(0.0, 0.0), (0.125, 12.5), (0.5, 50.0), (0.995, 149.5)] {
        let found = run_time(&percentiles, share).as_nanos();
        assert_eq!(found, (milliseconds * 1e6) as i64, "{share}");
    }
}

#[test]
fn dirty_tables_are_named() {
    let text = invocations(&[
        ("o,a,f", &[(2, "-1")]),
        (",a,f", &[]),
        ("o,a,g", &[(1440, "1.5")]),
    ]);
    let input = Input::bytes("i.csv", text.into_bytes());
    validate(&input, &ENTRY, &ReadOptions::default(), 9).has_bad_rows([
        "i.csv:2: column `2`: must be at least 0, found `-1`",
        "i.csv:3: column `HashOwner`: must be a hash, found ``",
        "i.csv:4: column `1440`: must be a whole number, found `1.5`",
    ]);
    let stopped = faults(&ENTRY, "m.csv", MEMORY_ROWS).stopped;
    assert_eq!(
        stopped.map(|error| error.to_string()),
        Some(
            "m.csv: has no table of invocations; name the folder or archive that has it beside \
             the others"
                .to_owned()
        )
    );
}

#[test]
fn a_last_line_without_an_end_is_told() {
    let kind = "last line without an end of line; it is cut off if the file is";
    let whole = invocations(&[("o,a,f", &[(1, "2")])]);
    for (text, expected) in [(&whole[..], 0), (whole.trim_end(), 1)] {
        let recorded = collected_of(open, "i.csv", text);
        assert_eq!(recorded.ledger.count(kind), expected);
    }
}

proptest! {
    #[test]
    fn invocations_come_back_from_their_words(
        minute in 0..MINUTES as u16,
        numbers in any::<[u32; 4]>(),
        count in 0..=10_000_000_u32,
        before in 0..=14_400_000_000_u64,
        run in prop::option::of(any::<u32>()),
    ) {
        let [row, tenant, class, line] = numbers;
        let own = Invocations {
            minute,
            row,
            before,
            count,
            tenant,
            class,
            run,
            origin: Origin::of_number(line.into()),
        };
        let again = Invocations::of_words(own.words());
        prop_assert_eq!(again.origin.number(), own.origin.number());
        prop_assert_eq!(again, own);
    }

    #[test]
    fn invocations_of_a_day_come_by_minute_and_row(
        all in prop::collection::vec((0..9_u16, 1..20_u32), 0..60),
        most_held in 1_usize..20,
    ) {
        let mut sort = FixedSort::holding(most_held);
        let own = |(minute, row)| Invocations {
            minute,
            row,
            before: 0,
            count: 1,
            tenant: 0,
            class: 0,
            run: None,
            origin: Origin::NONE,
        };
        for &place in &all {
            sort.push(own(place).words());
        }
        let (mut today, mut seen) = (Today::new(0, sort), Vec::new());
        for minute in 0..9 {
            while let Some(own) = today.next_in(minute).expect("readable") {
                seen.push((own.minute, own.row));
            }
        }
        let mut all = all;
        all.sort_unstable();
        prop_assert_eq!(seen, all);
    }
}

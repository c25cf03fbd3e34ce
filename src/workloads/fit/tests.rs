//! Mixes fitted to generated and to real traces, and how far their jobs are from these.

use std::fmt::Write as _;
use std::path::Path;

use super::columns::{Columns, Job};
use super::{Fit, fit, fit_of};
use crate::generate::mix::{Mix, MixSource};
use crate::generate::{GeneratorOptions, find};
use arrivals::format::Constructor;
use arrivals::read_options::ReadOptions;
use formats::readers::csv::CsvSource;
use formats::registry::recognize;
use intake::Input;
use intake::ledger::{OnBadRow, RowPolicy};

fn fitted(input: &Input) -> Fit {
    let entry = recognize(input).unwrap_or_else(|error| panic!("{error}"));
    let Constructor::Workload(open) = entry.open else {
        panic!("{} holds no jobs", input.name);
    };
    let mut source = open(input, &ReadOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    fit(&input.name, &mut *source).unwrap_or_else(|error| panic!("{error}"))
}

fn table(text: &str) -> Input {
    Input::bytes("jobs.csv", text.as_bytes().to_vec())
}

/// The distances of a fit are below these.
fn check(fit: &Fit, bounds: &[(&str, f64)], correlations: f64) {
    let goodness = &fit.goodness;
    for (field, most) in bounds {
        let own = goodness.distances.iter().find(|own| own.field == *field);
        let own = own.unwrap_or_else(|| panic!("no {field}: {goodness:?}"));
        assert!(own.distance < *most, "{field}: {goodness:#?}");
    }
    for own in goodness
        .correlations
        .iter()
        .filter(|own| own.between[0] != "gap" && own.between[1] != "submission")
    {
        assert!((own.trace - own.mix).abs() < correlations, "{goodness:#?}");
    }
}

#[test]
fn a_fit_of_a_generated_log_is_close_to_it() {
    let options = GeneratorOptions {
        jobs: 5_000,
        ..GeneratorOptions::default()
    };
    let entry = find("lublin99").expect("a generator");
    let file = entry.files(&options).expect("a log").remove(0);
    let fit = fitted(&Input::bytes(&file.name, file.text));
    check(
        &fit,
        &[("gap", 0.06), ("runTime", 0.03), ("pods", 0.03)],
        0.06,
    );
    // Again the same, to the last character.
    let file = entry.files(&options).expect("a log").remove(0);
    assert_eq!(fitted(&Input::bytes(&file.name, file.text)).text, fit.text);
}

#[test]
fn amounts_priorities_users_and_sessions_are_kept() {
    let mut rows = "submit,run_time,cpu,memory,gpus,tenant,priority\n".to_owned();
    // Every three hours a user submits four jobs within a minute; each second user's are large.
    for session in 0..200 {
        for job in 0..4 {
            let submit = session * 10_800 + job * 20;
            let (cpu, gpus) = if session % 2 == 0 { (1, 0) } else { (8, 2) };
            let (user, priority) = (session % 5, if session % 10 == 0 { 100 } else { 0 });
            let run_time = 60 + session;
            let _ = writeln!(
                rows,
                "{submit},{run_time}s,{cpu},{cpu}Gi,{gpus},user-{user},{priority}"
            );
        }
    }
    let fit = fitted(&table(&rows));
    assert!(
        fit.text
            .contains("sessions:\n  jobs: 4\n  gap: constant(20s)\n"),
        "{}",
        fit.text
    );
    assert!(
        fit.text.contains("  cpu: {1: 320, 8: 400}\n"),
        "{}",
        fit.text
    );
    assert!(
        fit.text.contains("  memory: {1Gi: 320, 8Gi: 400}\n"),
        "{}",
        fit.text
    );
    assert!(fit.text.contains("  priority: 100\n"), "{}", fit.text);
    assert!(fit.text.contains("  \"user-0\": 160\n"), "{}", fit.text);
    check(
        &fit,
        &[("cpu", 0.05), ("gpus", 0.05), ("runTime", 0.1)],
        0.1,
    );
}

/// Jobs that come seldom and stay long, and then many at a time that are short: their order decides who waits.
#[test]
fn parts_of_a_trace_keep_their_own_jobs() {
    let mut rows = "submit,run_time,cpu\n".to_owned();
    let mut submit = 0;
    for number in 0..3_000 {
        // Twenty days of long jobs, every three hours, and two days of short ones.
        let (gap, run_time) = if number < 160 {
            (10_800, 36_000)
        } else {
            (60, 600)
        };
        submit += gap * (1 + number * 7_919 % 101) / 51;
        let _ = writeln!(rows, "{submit},{}s,1", run_time + number % 7);
    }
    let fit = fitted(&table(&rows));
    assert!(fit.model.contains("in parts of"), "{}", fit.model);
    assert!(fit.text.contains("  course:\n    part: "), "{}", fit.text);
    let waiting = fit.goodness.waiting.expect("jobs that end");
    assert!(waiting.distance() < 0.3, "{waiting:?}");
    let work = waiting.mix_work / waiting.trace_work;
    assert!((work - 1.0).abs() < 0.2, "{waiting:?}");
}

/// A log of what ended in its last month: of what began in the four before, only what ran until then. Pods of two sorts ask
/// for one resource each, which no correlation says.
#[test]
fn a_log_that_begins_and_ends_while_jobs_run_is_fitted_with_its_window() {
    const DAY: i64 = 86_400;
    let mut rows = "submit,run_time,cpu,memory,gpus\n".to_owned();
    for number in 0..30 {
        let submit = number * 4 * DAY;
        let until = 150 * DAY - number % 3 * 10 * DAY;
        let _ = writeln!(rows, "{submit},{},8,16Gi,1", until - submit);
    }
    for number in 0..3_000 {
        let submit = 120 * DAY + number * 800;
        let own = match number % 10 {
            0 => "88,320Gi,8",
            1..4 => "88,16Gi,0",
            _ => "4,320Gi,1",
        };
        let run_time = (60 + number * 7_919 % 5_000).min(150 * DAY - submit);
        let _ = writeln!(rows, "{submit},{run_time},{own}");
    }
    let fit = fitted(&table(&rows));
    assert!(fit.text.contains("  ends: [120d"), "{}", fit.text);
    assert!(fit.text.contains("[runTime, submission]"), "{}", fit.text);
    assert!(
        fit.text.contains(", cpu: 88, memory: 320Gi, gpus: 8}\n"),
        "{}",
        fit.text
    );
    let distance = fit.goodness.requests.expect("several amounts");
    assert!(distance < 0.05, "{distance}: {:#?}", fit.goodness);
    let mix = Mix::read("mix", &fit.text).expect("a mix");
    for seed in 1..6 {
        let mut source = MixSource::new(mix.clone().into(), seed, 3_030);
        let drawn = Columns::read(&mut source, 3_030).expect("jobs");
        let last = drawn.jobs.iter().filter_map(Job::end).max();
        let last = last.expect("jobs that end") / 1_000_000_000;
        assert!(last <= 150 * DAY + 1, "{seed}: {last}");
    }
}

#[test]
fn a_trace_of_a_few_jobs_is_refused() {
    let input = table("submit,cpu,run_time\n0,1,1h\n5,1,1h\n");
    let entry = recognize(&input).expect("a table");
    let Constructor::Workload(open) = entry.open else {
        panic!("a table of jobs");
    };
    let mut source = open(&input, &ReadOptions::default()).expect("a table");
    let error = fit("jobs.csv", &mut *source).expect_err("too few");
    let said = "jobs.csv: has 2 jobs, of which no distribution follows; expected 10 or more";
    assert_eq!(error.to_string(), said);
}

#[test]
fn fits_of_real_logs_are_close_to_them() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/traces");
    for (file, bounds) in [
        (
            "swf/lublin_256.swf.gz",
            [("gap", 0.06), ("runTime", 0.03), ("pods", 0.03)],
        ),
        (
            "openb/openb_pod_list_default.csv.gz",
            [("gap", 0.1), ("runTime", 0.05), ("gpus", 0.03)],
        ),
    ] {
        let path = Path::new(folder).join(file);
        if !path.exists() {
            println!("skipped: needs {}", path.display());
            continue;
        }
        let fit = fitted(&Input::path(&path));
        println!("{file}: {:?}", fit.goodness);
        check(&fit, &bounds, 0.15);
    }
}

#[test]
fn a_sample_has_the_rates_of_its_trace() {
    // A job a minute for ten days, twice as many on every other.
    let mut rows = "submit,run_time,cpu\n".to_owned();
    for minute in 0..14_400 {
        for _ in 0..=(minute / 1_440) % 2 {
            let _ = writeln!(
                rows,
                "{},{}s,{}",
                minute * 60,
                30 + minute % 90,
                1 + minute % 3
            );
        }
    }
    let sampled = |most| {
        let mut source = CsvSource::open(&table(&rows), &ReadOptions::default()).expect("rows");
        fit_of("jobs.csv", &mut source, most).expect("jobs")
    };
    let (all, fit) = (sampled(21_600), sampled(5_000));
    assert_eq!(all.text, fitted(&table(&rows)).text);
    assert_eq!((all.sampled_of, fit.sampled_of), (None, Some(21_600)));
    let head = "# Fitted to jobs.csv: 5000 jobs, a random sample of 21600; rates are those of all.";
    assert!(fit.text.starts_with(head), "{}", fit.text);
    assert!(fit.row("a").contains("| 5000 of 21600 |"));
    check(&fit, &[("runTime", 0.03), ("cpu", 0.03)], 0.06);
    let mix = Mix::read("mix", &fit.text).expect("a mix");
    let mut source = MixSource::new(mix.into(), 1, 21_600);
    let drawn = Columns::read(&mut source, 21_600).expect("jobs");
    let days = drawn.span().as_secs_f64() / 86_400.0;
    assert!((9.0..11.0).contains(&days), "{days}: {}", fit.text);
}

#[test]
fn few_jobs_and_equal_ones_say_what_follows() {
    let refused = |text: &str, rows| {
        let input = table(text);
        let Constructor::Workload(open) = recognize(&input).expect("known").open else {
            panic!("a workload");
        };
        let options = ReadOptions {
            rows,
            ..ReadOptions::default()
        };
        let mut source = open(&input, &options).expect("a table");
        let error = fit(&input.name, &mut *source).map(drop);
        error.expect_err("too few").to_string()
    };
    let few = "jobs.csv: has 1 job, of which no distribution follows; expected 10 or more";
    let rows = "submit,run_time,cpu\n0,60,1\n";
    assert_eq!(refused(rows, RowPolicy::REPORT), few);
    let bad = format!("{rows}5,-1,1\n6,x,1\n");
    let told = "; left out as bad: 2 rows";
    assert_eq!(
        refused(&bad, RowPolicy::REPORT),
        format!(
            "{few}{told}, the first jobs.csv:3: column `run_time`: must be at least 0, found `-1`"
        )
    );
    let skipping = RowPolicy {
        on_bad_row: OnBadRow::Skip,
        strict: false,
    };
    assert_eq!(refused(&bad, skipping), format!("{few}{told}"));
    for (gap, run) in [(0, 60), (7, 60), (7, 0)] {
        let rows: String = (0..40).fold(String::new(), |mut rows, place| {
            let _ = writeln!(rows, "{},{run},1,1Gi", gap * place);
            rows
        });
        let fit = fitted(&table(&format!("submit,run_time,cpu,memory\n{rows}")));
        assert!(fit.text.contains("mix"), "{}", fit.text);
    }
}

#[test]
fn extreme_jobs_are_fitted_as_well() {
    let long = |place: i64| format!("{},9223372036,1,\n", 900_000_000 * place);
    let wide = |place: i64| format!("{place},60,1,1048576\n");
    let steady = |place: i64| format!("{},{},1,\n", place * place, place + 1);
    let rows: [&dyn Fn(i64) -> String; 3] = [&long, &wide, &steady];
    for row in rows {
        let rows: String = (0..10).map(row).collect();
        let fit = fitted(&table(&format!("submit,run_time,cpu,members\n{rows}")));
        assert!(fit.text.contains("mix"), "{}", fit.text);
    }
}

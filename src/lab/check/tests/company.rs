//! Scenarios of a suite beside each other.

use super::*;

/// A scenario of a suite: its own workload and three tests.
fn member(name: &str, jobs: usize, system: &str) -> String {
    let text = TEXT.replace("name: queue", &format!("name: {name}"));
    let text = text.replace("jobs: 30", &format!("jobs: {jobs}"));
    let text = text.replace("queue: sjf, backfill: greedy-once", system);
    let tests = ["pending_time.mean", "turnaround.mean", "makespan.total"];
    let tests = tests.map(|id| format!("  - {{metric: {id}, tolerance: 2%, test: true}}\n"));
    let (head, _) = text.split_once("  - {metric: pending").expect("objectives");
    format!("{head}{}", tests.concat())
}

/// Suites drawn at random from four scenarios: each gate comes out as it does alone, with its
/// corrected p, its verdict and its note.
#[test]
fn the_company_of_a_scenario_changes_no_gate() {
    let systems = [
        "queue: fcfs",
        "queue: sjf",
        "queue: fcfs, backfill: greedy-once",
    ];
    let names = ["a", "b", "c", "d"];
    let run = |system: &dyn Fn(usize) -> &'static str| -> Vec<Entry> {
        let members = names.iter().enumerate();
        let texts = members.map(|(at, name)| member(name, 16 + 6 * at, system(at)));
        texts.flat_map(|text| results(&text).entries).collect()
    };
    let baseline = accepted(
        &SuiteResults {
            entries: run(&|_| systems[0]),
        },
        None,
        "quick",
    );
    let head = run(&|at| systems[at % 3]);
    let judged = |list: &[usize]| -> Vec<Gate> {
        let entries = list.iter().map(|&at| head[at].clone()).collect();
        let held = Some((&baseline, "quick.baseline.json"));
        let none = |_: Divergence<'_>| None;
        let suite = SuiteResults { entries };
        // The others are left out of the run, not of the suite.
        let settings = CheckSettings {
            is_part: true,
            ..settings(false)
        };
        judge(&suite, held, "quick.yaml", &settings, &none).gates
    };
    let alone: Vec<Vec<Gate>> = (0..names.len()).map(|at| judged(&[at])).collect();
    let (mut compared, mut tested) = (0, 0);
    for number in 0..30 {
        let mut stream = rng::Stream::new(1, "test-suites", number);
        let mut list: Vec<usize> = (0..names.len()).collect();
        stream.shuffle(&mut list);
        list.truncate(2 + stream.below(3) as usize);
        let together = judged(&list);
        for &at in &list {
            let own: Vec<&Gate> = together
                .iter()
                .filter(|gate| gate.entry == names[at])
                .collect();
            assert_eq!(own, alone[at].iter().collect::<Vec<_>>(), "{list:?}");
            compared += own.len();
            let is_tested = |gate: &&&Gate| {
                gate.judgement
                    .as_ref()
                    .is_some_and(|own| own.p_adjusted.is_some())
            };
            tested += own.iter().filter(is_tested).count();
        }
    }
    println!("{compared} gates in 30 suites, {tested} with a test: all as alone");
    assert!(compared > 200 && tested > 100, "{compared} {tested}");
}

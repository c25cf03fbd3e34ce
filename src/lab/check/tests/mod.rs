//! Gates on runs of a small scenario: what passes, what does not, and why.

mod company;
mod error_rate;
mod placement;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use super::*;
use crate::fixture;
use crate::limits::Limits;
use crate::replicate::Workers;
use crate::summary::VariantSummary;

const TEXT: &str = "\
windtunnel: v1
name: queue
cluster:
  nodes: [{count: 8, template: {allocatable: {cpu: 1, memory: 1Gi, pods: 1}}}]
workload:
  - generate: {model: lublin99, jobs: 30, processors: 8}
system: {name: batch, scheduler: {queue: sjf, backfill: greedy-once}}
stop: {when: drained}
objectives:
  - {metric: pending_time.mean, tolerance: 5%}
  - {metric: makespan.total, max: 100d}
";

fn settings(exact: bool) -> CheckSettings {
    CheckSettings {
        suite: "quick".to_owned(),
        seeds: 6,
        is_seeds_given: false,
        is_accepted: false,
        exact,
        today: "2026-11-20".parse().expect("a date"),
        resamples: 100,
        sets: Vec::new(),
        baseline: "quick.baseline.json".to_owned(),
        has_baseline: true,
        only: None,
        is_part: false,
        despite_inputs: false,
        base: None,
    }
}

fn results(text: &str) -> SuiteResults {
    results_of(text, &settings(false))
}

fn results_of(text: &str, settings: &CheckSettings) -> SuiteResults {
    let scenario = SuiteScenario {
        experiment: fixture::experiment(text, "queue.yaml", &[]),
        file: "queue.yaml".to_owned(),
        text: text.to_owned(),
        lines: scenario::objective_lines(text),
        seeds: None,
        fewer_seeds: None,
        exact: false,
        inputs: None,
    };
    let interrupted = AtomicBool::new(false);
    let workers = Workers {
        threads: 1,
        interrupted: &interrupted,
        progress: &|_, _| {},
        limits: Limits::default(),
        manifests: &world::ManifestCache::new(),
    };
    run(&[scenario], None, settings, workers).expect("runs")
}

fn judged(text: &str, baseline: Option<&Baseline>, exact: bool) -> CheckReport {
    let found = |question: Divergence<'_>| {
        Some(FoundDivergence {
            words: format!("seed {:?}", question.seeds),
            look: None,
        })
    };
    let held = baseline.map(|baseline| (baseline, "quick.baseline.json"));
    judge(&results(text), held, "quick.yaml", &settings(exact), &found)
}

fn baseline() -> Baseline {
    accepted(&results(TEXT), None, "quick")
}

fn worse() -> String {
    TEXT.replace("queue: sjf, backfill: greedy-once", "queue: fcfs")
}

#[test]
fn every_end() {
    let baseline = baseline();
    let check = |text: &str, baseline: Option<&Baseline>, exact: bool, expected: End| {
        assert_eq!(judged(text, baseline, exact).end(), expected, "{text}");
    };
    check(TEXT, Some(&baseline), false, End::Passed);
    check(TEXT, Some(&baseline), true, End::Passed);
    check(TEXT, None, false, End::Incomparable);
    check(&worse(), Some(&baseline), false, End::Failed);
    check(&worse(), Some(&baseline), true, End::Failed);
    let other = TEXT.replace("jobs: 30", "jobs: 31");
    check(&other, Some(&baseline), false, End::Incomparable);
    check(
        &TEXT.replace("max: 100d", "max: 1s"),
        Some(&baseline),
        false,
        End::Failed,
    );
    let nothing = TEXT.replace("pending_time.mean, tolerance: 5%", "cost.total, max: 1");
    let nothing = nothing
        .replace("makespan.total", "energy.total")
        .replace("100d", "100");
    check(&nothing, None, false, End::NothingMeasured);
    let advise = |text: &str| text.replace("tolerance: 5%", "tolerance: 5%, advisory: true");
    check(&advise(&worse()), Some(&baseline), false, End::Failed);
    let advised = accepted(&results(&advise(TEXT)), None, "quick");
    check(&advise(&worse()), Some(&advised), false, End::Passed);
    let broken = TEXT.replace("name: batch", "name: kubernetes");
    check(&broken, Some(&baseline), false, End::WrongInput);
    let mut report = judged(TEXT, Some(&baseline), false);
    report.entries[0].error_kind = Some(ErrorKind::Invariant);
    assert_eq!(report.end(), End::Broken);
}

#[test]
fn a_regression_names_its_place_and_the_first_divergence() {
    let report = judged(&worse(), Some(&baseline()), false);
    let gate = &report.gates[0];
    assert_eq!((gate.outcome, gate.line), (Outcome::Regressed, 10));
    // The seed that got worst comes first.
    let found = gate.divergence.as_ref().expect("it was looked for");
    let judged = gate.judgement.as_ref().expect("pairs");
    assert!(found.words.starts_with("seed [4"), "{found:?}");
    assert_eq!(found.words.matches(',').count() + 1, judged.n);
    assert_eq!(gate.limit, "limit +5 %");
    assert!(gate.judgement.as_ref().expect("pairs").n == 6);
}

#[test]
fn acknowledgements_hold_until_they_expire_and_as_far_as_they_allow() {
    let check = |expires: &str, allow: Option<f64>, expected: Outcome, words: &str| {
        let mut baseline = baseline();
        baseline.acknowledgements.push(Acknowledgement {
            entry: "queue".to_owned(),
            metric: "pending_time.mean".to_owned(),
            allow,
            reason: "known".to_owned(),
            expires: expires.to_owned(),
        });
        let report = judged(&worse(), Some(&baseline), false);
        let gate = report
            .gates
            .iter()
            .find(|gate| gate.metric == "pending_time.mean");
        let gate = gate.expect("the gate");
        assert_eq!(gate.outcome, expected, "{expires}");
        assert!(
            gate.note
                .as_deref()
                .is_some_and(|note| note.contains(words)),
            "{gate:?}"
        );
        report.end()
    };
    let end = check(
        "2026-11-20",
        Some(100.0),
        Outcome::Acknowledged,
        "until 2026-11-20: known",
    );
    assert_eq!(end, End::Passed);
    let end = check(
        "2026-11-19",
        Some(100.0),
        Outcome::Regressed,
        "expired on 2026-11-19",
    );
    assert_eq!(end, End::Failed);
    check(
        "2026-12-31",
        Some(0.000_1),
        Outcome::Regressed,
        "worse than its acknowledgement",
    );
    check(
        "2027-11-22",
        Some(100.0),
        Outcome::Regressed,
        "more than a year ahead",
    );
}

#[test]
fn an_acknowledgement_of_a_bound_allows_a_share_of_it() {
    let check = |allow: f64, expected: Outcome| {
        let text = TEXT.replace("max: 100d", "max: 1h");
        let mut baseline = accepted(&results(&text), None, "quick");
        baseline.acknowledgements.push(Acknowledgement {
            entry: "queue".to_owned(),
            metric: "makespan.total".to_owned(),
            allow: Some(allow),
            reason: "known".to_owned(),
            expires: "2026-12-31".to_owned(),
        });
        let report = judged(&text, Some(&baseline), false);
        let mut gates = report.gates.iter();
        let gate = gates.find(|gate| gate.metric == "makespan.total");
        assert_eq!(gate.expect("the gate").outcome, expected, "{gate:?}");
    };
    check(0.1, Outcome::Regressed);
    check(1000.0, Outcome::Acknowledged);
}

#[test]
fn accepting_shows_what_changes() {
    let (old, new) = (
        baseline(),
        accepted(&results(&worse()), Some(&baseline()), "quick"),
    );
    assert_eq!(changes(&old, &old), Vec::new());
    let found = changes(&old, &new);
    let is_entry = |change: &Change| matches!(change, Change::Entry { what, .. } if what == "system, decisions");
    assert!(found.iter().any(is_entry), "{found:?}");
    assert!(
        found
            .iter()
            .any(|change| matches!(change, Change::Changed { .. }))
    );
    let first = changes(&Baseline::default(), &new);
    assert_eq!(first.len(), 2);
    let again = Baseline::parse(&new.to_text(), PathBuf::new(), "quick");
    assert_eq!(again, Ok(new));
}

#[test]
fn a_deterministic_scenario_runs_once_and_is_compared_exactly() {
    let fixed = TEXT.replace("processors: 8", "processors: 8, seed: 3");
    let stored = results(&fixed);
    assert_eq!(stored.entries[0].runs.len(), 1);
    let baseline = accepted(&stored, None, "quick");
    assert!(baseline.entries["queue"].deterministic);
    assert_eq!(judged(&fixed, Some(&baseline), false).end(), End::Passed);
    let tested = fixed.replace("tolerance: 5%", "tolerance: 5%, test: true");
    let worse = tested.replace("queue: sjf, backfill: greedy-once", "queue: fcfs");
    let baseline = accepted(&results(&tested), None, "quick");
    let report = judged(&worse, Some(&baseline), false);
    assert_eq!(report.end(), End::Failed);
    assert!(
        report.gates[0]
            .note
            .as_deref()
            .is_some_and(|note| note.contains("exact"))
    );
}

#[test]
fn a_looser_or_deleted_limit_is_told_and_the_accepted_one_is_held() {
    let check = |text: &str, base: &str, head: Option<&str>| {
        let report = judged(text, Some(&baseline()), false);
        assert_eq!(report.end(), End::Failed, "{:?}", report.gates);
        let own = &report.loosened[0];
        assert_eq!((own.base.as_str(), own.head.as_deref()), (base, head));
        assert_eq!(report.loosened.len(), 1);
    };
    let worse = worse();
    check(
        &worse.replace("tolerance: 5%", "tolerance: 1000%"),
        "limit +5 %",
        Some("limit +1000 %"),
    );
    let gone = worse.replace("  - {metric: pending_time.mean, tolerance: 5%}\n", "");
    check(&gone, "limit +5 %", None);
    let tighter = TEXT.replace("tolerance: 5%", "tolerance: 1%");
    let report = judged(&tighter, Some(&baseline()), false);
    assert_eq!((report.end(), report.loosened), (End::Passed, Vec::new()));
    // What is gated no more is not measured, and its limit is in points nevertheless.
    let more = format!("{TEXT}  - {{metric: allocation.cpu.mean, threshold: 0.05}}\n");
    let stored = accepted(&results(&more), None, "quick");
    let report = judged(TEXT, Some(&stored), false);
    assert!(report.loosened[0].base.ends_with("5 percentage points"));
}

#[test]
fn what_vanished_is_no_pass() {
    let of = |class: &str| {
        let gates = ["tolerance: 5%", "max: 1000d"];
        let gates = gates.map(|limit| {
            format!("  - {{metric: pending_time.mean, {limit}, selector: {{{class}}}}}\n")
        });
        let count = "  - {metric: jobs.waiting_at_end, max: 0, selector: {minPriority: 7}}\n";
        let (head, _) = TEXT.split_once("  - {metric").expect("objectives");
        format!("{head}{}{count}", gates.concat())
    };
    let text = of("minPriority: 0");
    let mut held = accepted(&results(&text), None, "quick");
    // The class has lost its members since.
    let own = held.entries.get_mut("queue").expect("the entry");
    for (id, objective) in own.objectives.clone().iter().map(|own| (own.id(), own)) {
        let lost = id.replace("priority>=0", "priority>=3");
        if let Some(metric) = own
            .metrics
            .get(&id)
            .cloned()
            .filter(|own| own.mean.is_some())
        {
            own.metrics.insert(lost, metric);
        }
        assert!(objective.selector.is_some());
    }
    own.objectives.clear();
    let report = judged(&of("minPriority: 3"), Some(&held), false);
    let outcomes: Vec<Outcome> = report.gates.iter().map(|gate| gate.outcome).collect();
    assert_eq!(outcomes, [Outcome::Vanished; 3], "{:?}", report.gates);
    assert_eq!(report.end(), End::Failed);
}

#[test]
fn changes_beside_a_setting_that_is_refused_are_told() {
    let class = "pods.never_placed, max: 1, selector: {namespace: a}";
    let wrong = TEXT.replace("makespan.total, max: 100d", class);
    let report = judged(
        &wrong.replace("count: 8", "count: 9"),
        Some(&baseline()),
        false,
    );
    assert_eq!(report.end(), End::WrongInput, "{:?}", report.entries);
    let changes: Vec<String> = report.changes.iter().map(FieldChange::words).collect();
    assert_eq!(changes, ["nodes node-{} count 8 → 9"]);
}

#[test]
fn inputs_that_change_nothing_are_proven_by_what_was_decided() {
    let baseline = baseline();
    // Nobody asks for the memory that there is more of now.
    let text = format!("{TEXT}variants:\n  a: {{}}\n  b: {{}}\n");
    let both = accepted(&results(&text), None, "quick");
    let more = text.replace("memory: 1Gi", "memory: 2Gi");
    let report = judged(&more, Some(&both), false);
    assert_eq!(report.end(), End::Passed, "{:?}", report.gates);
    let note = report.notes.join("\n");
    assert!(
        note.contains("every gated value of 6 seeds is the baseline's")
            && note.starts_with("queue/a and 1 more: ")
            && note.lines().count() == 1,
        "{note}"
    );
    let fewer = TEXT.replace("count: 8", "count: 9");
    assert_eq!(
        judged(&fewer, Some(&baseline), false).end(),
        End::Incomparable
    );
}

/// Nodes crash about once in twenty runs: two equal runs are no proof that there is no chance.
#[test]
fn two_equal_seeds_do_not_make_a_rare_event_impossible() {
    let rare = TEXT.replace("processors: 8", "processors: 8, seed: 3").replace(
        "system:",
        "failures: [{kind: node-crash, mtbf: exponential(9000h), repair: constant(1h)}]\nsystem:",
    );
    let entry = &results(&rare).entries[0];
    assert_eq!(entry.report.digests[0], entry.report.digests[1]);
    assert_eq!(entry.runs.len(), 6);
    assert!(!entry.report.deterministic);
}

#[test]
fn other_inputs_are_compared_on_request_and_marked() {
    let baseline = baseline();
    let other = TEXT.replace("jobs: 30", "jobs: 31");
    let held = Some((&baseline, "quick.baseline.json"));
    let despite = CheckSettings {
        despite_inputs: true,
        ..settings(true)
    };
    let none = |_: Divergence<'_>| None;
    let report = judge(&results(&other), held, "quick.yaml", &despite, &none);
    let compared: Vec<&Gate> = report
        .gates
        .iter()
        .filter(|gate| gate.despite_inputs)
        .collect();
    assert_eq!(compared.len(), 2, "{:?}", report.gates);
    assert!(
        report
            .notes
            .iter()
            .any(|note| note.contains("compared although `workload`"))
    );
    let changed = report.entries[0].changed.as_ref().expect("other decisions");
    assert_eq!(changed.seeds.len(), 6);
}

#[test]
fn a_label_that_nothing_uses_is_no_other_input() {
    let baseline = baseline();
    let labelled = TEXT.replace("pods: 1}", "pods: 1}, labels: {team: red}");
    assert_ne!(labelled, TEXT);
    for exact in [false, true] {
        let report = judged(&labelled, Some(&baseline), exact);
        assert_eq!(report.end(), End::Passed, "{:?}", report.gates);
        let note = report.notes.join("\n");
        assert!(
            note.contains("`cluster`") && note.contains("labels alone"),
            "{note}"
        );
    }
}

#[test]
fn changed_decisions_are_told_although_every_gate_holds() {
    let loosen = |text: &str| text.replace("tolerance: 5%", "tolerance: 10000%");
    let loose = accepted(&results(&loosen(TEXT)), None, "quick");
    let report = judged(&loosen(&worse()), Some(&loose), false);
    assert_eq!(report.end(), End::Passed);
    let note = report.notes.join("\n");
    assert!(
        note.contains("decisions differ from the baseline's in 6 seeds"),
        "{note}"
    );
    assert!(note.contains("first at seed"), "{note}");
}

#[test]
fn the_seed_that_fails_is_the_one_to_run_again() {
    let bounded = TEXT.replace("max: 100d", "max: 1s");
    let stored = results(&bounded);
    let value = |run: &VariantSummary| run.metrics["makespan.total"].value.expect("it ended");
    let runs = stored.entries[0].runs.iter();
    let worst = runs
        .max_by(|a, b| value(a).total_cmp(&value(b)))
        .expect("runs");
    let report = judged(&bounded, None, false);
    let gate = report
        .gates
        .iter()
        .find(|gate| gate.metric == "makespan.total");
    let rerun = &gate.expect("the gate").rerun;
    assert!(
        rerun.ends_with(&format!("--seed {}", worst.seed)),
        "{rerun}"
    );
}

#[test]
fn a_class_of_pods_has_gates_of_its_own() {
    let of = |selector: &str| {
        let gate = format!("{{metric: makespan.total, max: 100d, selector: {selector}}}");
        judged(
            &TEXT.replace("{metric: makespan.total, max: 100d}", &gate),
            None,
            false,
        )
    };
    let head = |selector: &str| {
        let report = of(selector);
        let gate = report.gates.iter().find(|gate| gate.metric.contains('{'));
        gate.expect("the gate").head
    };
    assert!(head("{namespace: default}").is_some() || head("{minPriority: 0}").is_some());
    assert_eq!(head("{minPriority: 1}"), None);
}

#[test]
fn few_seeds_are_inconclusive() {
    let tested = TEXT.replace("tolerance: 5%", "tolerance: 5%, test: true");
    let worse = tested.replace("queue: sjf, backfill: greedy-once", "queue: fcfs");
    let three = CheckSettings {
        seeds: 3,
        is_seeds_given: true,
        ..settings(false)
    };
    let (then, now) = (results_of(&tested, &three), results_of(&worse, &three));
    let baseline = accepted(&then, None, "quick");
    let none = |_: Divergence<'_>| None;
    let report = judge(
        &now,
        Some((&baseline, "b.json")),
        "quick.yaml",
        &three,
        &none,
    );
    let gate = report
        .gates
        .iter()
        .find(|gate| gate.metric == "pending_time.mean");
    let gate = gate.expect("the gate");
    assert_eq!(gate.outcome, Outcome::Inconclusive);
    assert!(
        gate.note
            .as_ref()
            .is_some_and(|note| note.ends_with(" seeds would decide"))
    );
    // The same values need no test.
    let held = Some((&baseline, "b.json"));
    let same = judge(&then, held, "quick.yaml", &three, &none);
    let mut outcomes = same.gates.iter().map(|gate| gate.outcome);
    assert!(outcomes.all(|outcome| outcome != Outcome::Inconclusive));
}

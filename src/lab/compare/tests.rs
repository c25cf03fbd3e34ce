//! Comparisons of small runs: the company that a pair keeps, and what its intervals are worth.

use std::sync::atomic::AtomicBool;

use super::judge::Pairs;
use super::pairing::Candidate;
use super::*;
use crate::fixture;
use crate::limits::Limits;
use crate::replicate::{Perturbation, Work, Workers, replicate};
use crate::statistics::{Interval, Resamples, mean, student_interval};
use crate::summary::VariantSummary;
use metrics::Direction;
use rng::Stream;
use scenario::Experiment;
use scenario::schema::MeasuredWindow;
use units::SortedMap;

/// Workloads of a few jobs, by what their arrivals and sizes depend on.
const WORKLOADS: [&str; 4] = [
    "{generate: {model: lublin99, jobs: 16, processors: 8}}",
    "{generate: {model: lublin99, jobs: 16, processors: 8, seed: 5}}",
    "{generate: {model: lublin99, jobs: 30, processors: 8, seed: 9}}",
    "{generate: {model: lublin99, jobs: 3, processors: 8, seed: 1}}",
];

/// Candidates, with and without draws of their own.
const CANDIDATES: [&str; 8] = [
    "fcfs: {}",
    "sjf: {system.scheduler.queue: sjf}",
    "backfill: {system.scheduler.backfill: greedy-once}",
    "kubernetes: {system: {name: kubernetes}}",
    "first: {system: {name: kubernetes, scheduler: {tieBreak: first}}}",
    "swarm: {system: {name: swarm}}",
    "swarmkit: {system: {name: swarmkit}}",
    "mesos: {system: {name: mesos}}",
];

fn experiment(workload: &str, candidates: &[&str]) -> Experiment {
    let text = format!(
        "windtunnel: v1\nname: queue\ncluster:\n  nodes: [{{count: 8, template: {{allocatable: \
         {{cpu: 1, memory: 1Gi, pods: 1}}}}}}]\nworkload:\n  - {workload}\nsystem: {{name: batch, \
         scheduler: {{queue: fcfs}}}}\nstop: {{when: drained}}\nvariants:\n  {}\n",
        candidates.join("\n  ")
    );
    fixture::experiment(&text, "queue.yaml", &[])
}

fn workers() -> Workers<'static> {
    static INTERRUPTED: AtomicBool = AtomicBool::new(false);
    static MANIFESTS: world::ManifestCache = world::ManifestCache::new();
    Workers {
        threads: 2,
        interrupted: &INTERRUPTED,
        progress: &|_, _| {},
        limits: Limits::default(),
        manifests: &MANIFESTS,
    }
}

#[test]
fn candidates_are_measured_over_one_stretch() {
    let lublin = "{generate: {model: lublin99, jobs: 300, processors: 8}}";
    let mut experiment = experiment(lublin, &CANDIDATES[..3]);
    let begins = |experiment: &Experiment| -> Vec<Vec<Option<f64>>> {
        let settings = Settings {
            seeds: 3,
            ..Settings::default()
        };
        let made = run(experiment, &settings, workers(), None).expect("a comparison");
        let from = |run: &VariantSummary| run.metrics["window.from"].value;
        let of = |own: &Candidate| own.by_seed.iter().map(from).collect();
        made.candidates.iter().map(of).collect()
    };
    for plan in &mut experiment.variants {
        plan.scenario.metrics.window = MeasuredWindow::Auto;
    }
    let together = begins(&experiment);
    assert!(
        together[0].iter().any(|from| *from > Some(0.0)),
        "{together:?}"
    );
    assert!(
        together.iter().all(|own| *own == together[0]),
        "{together:?}"
    );
    // Each alone begins elsewhere.
    let work: Vec<Work> = (0..3)
        .map(|variant| Work {
            variant,
            seed: experiment.variants[0].scenario.seed,
            shake: None,
            is_drawn: false,
        })
        .collect();
    let alone = replicate(&experiment, &work, workers()).expect("runs");
    let alone = alone
        .iter()
        .map(|run| run.summary.metrics["window.from"].value);
    let alone: Vec<Option<f64>> = alone.collect();
    assert!(alone.iter().any(|from| *from != alone[0]), "{alone:?}");
    assert_eq!(
        alone
            .into_iter()
            .max_by(|a, b| a.partial_cmp(b).expect("numbers")),
        Some(together[0][0])
    );
}

/// Every pair of a list, by its candidate's name.
fn compared(workload: &str, candidates: &[&str], precision: Option<f64>) -> Vec<Pair> {
    let settings = Settings {
        seeds: 2,
        precision,
        seeds_max: 4,
        resamples: 20,
        ..Settings::default()
    };
    let made = run(
        &experiment(workload, candidates),
        &settings,
        workers(),
        None,
    );
    made.expect("a comparison").study.pairs
}

/// A pair without the results of the correction over all candidates.
fn measured(pair: &Pair) -> Pair {
    let mut pair = pair.clone();
    pair.tests = Tests::default();
    for own in &mut pair.metrics {
        (own.verdict, own.p_adjusted, own.seeds_needed) = (None, None, None);
    }
    pair
}

/// Lists of candidates drawn at random over four workloads: every pair is measured as it is alone, bit
/// for bit, with its method, points and intervals.
#[test]
fn the_company_of_a_pair_changes_nothing() {
    let mut alone: SortedMap<(usize, Vec<usize>, bool), Pair> = SortedMap::new();
    let mut methods: SortedMap<&str, usize> = SortedMap::new();
    for number in 0..16_usize {
        let mut stream = Stream::new(1, "test-company", number as u64);
        let mut order: Vec<usize> = (0..CANDIDATES.len()).collect();
        stream.shuffle(&mut order);
        let list = &order[..3 + stream.below(3) as usize];
        let workload = number % WORKLOADS.len();
        let is_precise = number % 3 == 0;
        let precision = is_precise.then_some(0.02);
        let names: Vec<&str> = list.iter().map(|&at| CANDIDATES[at]).collect();
        let together = compared(WORKLOADS[workload], &names, precision);
        assert_eq!(together.len(), list.len() - 1);
        for (pair, &other) in together.iter().zip(&list[1..]) {
            let key = (workload, vec![list[0], other], is_precise);
            let own = alone.entry(key).or_insert_with(|| {
                let two = [CANDIDATES[list[0]], CANDIDATES[other]];
                compared(WORKLOADS[workload], &two, precision).remove(0)
            });
            assert_eq!(measured(pair), measured(own), "list {number}: {names:?}");
            *methods.entry(pair.method.name()).or_default() += 1;
        }
    }
    println!("{methods:?}");
    assert!(methods.get("seeds").is_some_and(|&count| count >= 5));
    assert!(methods.get("shaking").is_some_and(|&count| count >= 5));
}

/// Pairs among the candidates are measured as the two are alone, by seeds or by perturbations.
#[test]
fn pairs_among_candidates_are_those_of_the_two_alone() {
    let names = [0, 3, 1, 5].map(|at| CANDIDATES[at]);
    let study = |names: &[&str], all_pairs: bool| {
        let settings = Settings {
            seeds: 3,
            resamples: 20,
            all_pairs,
            ..Settings::default()
        };
        let made = run(&experiment(WORKLOADS[2], names), &settings, workers(), None);
        made.expect("a comparison").study
    };
    let pairs = study(&names, true).all_pairs.expect("all pairs").pairs;
    let places = [[1, 2], [1, 3], [2, 3]];
    assert_eq!(pairs.len(), places.len());
    for (pair, [base, head]) in pairs.iter().zip(places) {
        let alone = study(&[names[base], names[head]], false).pairs.remove(0);
        let mut alone = measured(&alone);
        alone.metrics.retain(|own| own.gated);
        alone.baseline.clone_from(&pair.baseline);
        assert_eq!(measured(pair), alone);
    }
}

/// Jobs enough to wait for each other under most seeds.
const BUSY: &str = "{generate: {model: lublin99, jobs: 100, processors: 8}}";
/// Logs that are the same under every seed, and as busy.
const LOGS: [&str; 2] = [
    "{generate: {model: lublin99, jobs: 100, processors: 8, seed: 3}}",
    "{generate: {model: lublin99, jobs: 100, processors: 8, seed: 11}}",
];

/// Number of comparisons made of a metric.
const REPEATS: usize = 200;
/// Seeds of a comparison.
const SEEDS: usize = 20;
/// Number of pairs of runs to draw from.
const POOL: usize = 120;

/// Runs of two candidates, paired by seed or by perturbation.
fn pool(workload: &str, is_shaken: bool) -> [Vec<VariantSummary>; 2] {
    let experiment = experiment(workload, &CANDIDATES[..2]);
    let work: Vec<Work> = (0..POOL as u64)
        .flat_map(|number| {
            [0, 1].map(|variant| Work {
                variant,
                seed: if is_shaken { 42 } else { number },
                shake: is_shaken.then_some(Perturbation {
                    number,
                    block: None,
                }),
                is_drawn: false,
            })
        })
        .collect();
    let made = replicate(&experiment, &work, workers()).expect("runs");
    let mut sides = [Vec::new(), Vec::new()];
    for (work, run) in work.iter().zip(made) {
        sides[work.variant].push(run.summary);
    }
    sides
}

/// Counts of intervals that hold the effect, and of tests that find one.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    comparisons: usize,
    student: usize,
    /// Held by the interval, or said to be of a sample that can't carry one.
    honest: usize,
    bootstrap: usize,
    alarms: usize,
}

impl Tally {
    fn share(self, count: usize) -> f64 {
        count as f64 / self.comparisons as f64
    }

    fn add(&mut self, base: &[f64], head: &[f64], effect: f64, resamples: &Resamples) {
        let question = Question {
            metric: "pending_time.mean".to_owned(),
            unit: "s".to_owned(),
            direction: Direction::Lower,
            threshold: Threshold::Relative(0.02),
            gated: true,
        };
        let pairs = Pairs {
            base: base.iter().copied().map(Some).collect(),
            head: head.iter().copied().map(Some).collect(),
            ..Pairs::default()
        };
        let found = measure(&question, &pairs, resamples);
        let holds = |interval: Option<Interval>| interval.is_some_and(|at| at.holds(effect));
        self.comparisons += 1;
        self.student += usize::from(holds(found.interval));
        self.honest += usize::from(!found.carried || holds(found.interval));
        self.bootstrap += usize::from(holds(found.bootstrap));
        self.alarms += usize::from(found.p.is_some_and(|p| p <= ALPHA));
    }
}

/// Comparisons of pairs drawn from all runs with replacement: the mean over all of them is the effect
/// then. Signs that fall by chance make it zero.
fn covered(runs: &[Vec<VariantSummary>; 2], metric: &str, set: u64, pairs: usize) -> [Tally; 2] {
    let values = |runs: &[VariantSummary]| -> Vec<f64> {
        let value = |run: &VariantSummary| run.metrics[metric].value.expect("a value");
        runs.iter().map(value).collect()
    };
    let [base, head] = [values(&runs[0]), values(&runs[1])];
    let differences: Vec<f64> = base.iter().zip(&head).map(|(b, h)| h - b).collect();
    let effect = mean(&differences).expect("a mean");
    let resamples = Resamples::draw(1, pairs, 100);
    let (mut known, mut none) = (Tally::default(), Tally::default());
    for number in 0..REPEATS as u64 {
        let mut stream = Stream::new(set, "test-coverage", number);
        let drawn: Vec<usize> = (0..pairs)
            .map(|_| stream.below(POOL as u64) as usize)
            .collect();
        let of = |values: &[f64]| -> Vec<f64> { drawn.iter().map(|&at| values[at]).collect() };
        let (base, head) = (of(&base), of(&head));
        known.add(&base, &head, effect, &resamples);
        let (mut one, mut two) = (base, head);
        for (a, b) in one.iter_mut().zip(&mut two) {
            if stream.below(2) == 1 {
                std::mem::swap(a, b);
            }
        }
        none.add(&one, &two, 0.0, &resamples);
    }
    [known, none]
}

/// The metrics on which coverage is tried: means, a percentile, a maximum and a share.
const TRIED: [&str; 5] = [
    "pending_time.mean",
    "turnaround.mean",
    "bounded_slowdown.mean",
    "makespan.total",
    "allocation.cpu.mean",
];

/// Coverage over all metrics and workloads: that of one metric is known to two in a hundred.
fn check_coverage(what: &str, workloads: &[&str], is_shaken: bool) {
    let pairs = if is_shaken {
        SHAKES_PER_SEED * SEEDS
    } else {
        SEEDS
    };
    let (mut known, mut none) = (Vec::new(), Vec::new());
    let pools: Vec<_> = workloads.iter().map(|own| pool(own, is_shaken)).collect();
    let tried = pools
        .iter()
        .flat_map(|runs| TRIED.map(|metric| (runs, metric)));
    for (set, (runs, metric)) in (0..).zip(tried) {
        let [own, of_none] = covered(runs, metric, set, pairs);
        println!(
            "{what} {metric}: {:.3} hold the effect (bootstrap {:.3}); without one {:.3}, alarms \
             {:.3}",
            own.share(own.student),
            own.share(own.bootstrap),
            of_none.share(of_none.student),
            of_none.share(of_none.alarms)
        );
        // Of 200 comparisons, three standard errors below 95 %.
        assert!(own.share(own.honest) >= 0.90, "{what} {metric}: {own:?}");
        known.push(own.share(own.student));
        none.push(of_none.share(of_none.alarms));
    }
    let (known, none) = (mean(&known).expect("a mean"), mean(&none).expect("a mean"));
    println!("{what}: {known:.3} hold the effect, alarms {none:.3}");
    assert!((0.93..=0.97).contains(&known), "{what}: {known}");
    assert!((0.005..=0.05).contains(&none), "{what}: {none}");
}

#[test]
fn intervals_over_seeds_hold_a_known_effect_as_often_as_stated() {
    check_coverage("seeds", &[BUSY], false);
}

#[test]
fn intervals_over_shaken_logs_hold_a_known_effect_as_often_as_stated() {
    check_coverage("shaking", &LOGS, true);
}

/// Differences as a log with two courses has them: one in five pairs belongs to another cluster far
/// away. Over as many pairs as seeds, intervals would be too narrow for that.
#[test]
fn intervals_over_skewed_pairs_hold_a_known_effect_as_often_as_stated() {
    const TRIES: u64 = 4_000;
    let (center, far, share) = (-20.0, -37.0, 0.14);
    let effect = center + share * (far - center);
    let held = |pairs: usize| {
        let holds = |number: &u64| {
            let mut stream = Stream::new(9, "test-skewed", *number);
            let draw = |_| {
                let own = if stream.unit_f64() < share {
                    far
                } else {
                    center
                };
                own + 2.0 * stream.standard_normal()
            };
            let differences: Vec<f64> = (0..pairs).map(draw).collect();
            student_interval(&differences, CONFIDENCE).is_some_and(|at| at.holds(effect))
        };
        (0..TRIES).filter(holds).count() as f64 / TRIES as f64
    };
    let (few, many) = (held(SEEDS), held(SHAKES_PER_SEED * SEEDS));
    println!("two clusters: {few:.3} over {SEEDS} pairs, {many:.3} over perturbations");
    assert!(few < 0.93, "{few}");
    assert!((0.93..=0.97).contains(&many), "{many}");
}

/// Normal differences, of which everything is known: a thousand comparisons of each size.
#[test]
fn intervals_of_normal_pairs_hold_a_known_effect_as_often_as_stated() {
    for (case, pairs) in [5, 12, 20].into_iter().enumerate() {
        let resamples = Resamples::draw(1, pairs, 300);
        let (mut known, mut none) = (Tally::default(), Tally::default());
        for number in 0..5 * REPEATS as u64 {
            let mut stream = Stream::new(3 + case as u64, "test-normal", number);
            let mut drawn = |effect: f64| -> Vec<[f64; 2]> {
                let pair = |_| {
                    let base = 100.0 + 10.0 * stream.standard_normal();
                    [base, base + effect + 5.0 * stream.standard_normal()]
                };
                (0..pairs).map(pair).collect()
            };
            let sides = |drawn: Vec<[f64; 2]>| -> [Vec<f64>; 2] {
                [0, 1].map(|at| drawn.iter().map(|pair| pair[at]).collect())
            };
            let [base, head] = sides(drawn(3.0));
            known.add(&base, &head, 3.0, &resamples);
            let [base, head] = sides(drawn(0.0));
            none.add(&base, &head, 0.0, &resamples);
        }
        println!(
            "{pairs} normal pairs: {:.3} hold the effect (bootstrap {:.3}), alarms {:.3}",
            known.share(known.student),
            known.share(known.bootstrap),
            none.share(none.alarms)
        );
        assert!((0.93..=0.97).contains(&known.share(known.student)));
        assert!((0.005..=0.05).contains(&none.share(none.alarms)));
    }
}

/// The tests of all candidates are one family: what is shown of one alone need not be of one of ten.
#[test]
fn candidates_are_corrected_together() {
    let candidate = |name: String, shift: f64| Candidate {
        by_seed: (0..8)
            .map(|seed| {
                let mut run = made_up::run(seed);
                let own = (seed * 5 % 8) as f64;
                run.digest = format!("{name} {seed}");
                let wait = 10.0 + own + shift * (3.0 + (seed * 3 % 8) as f64);
                let metric = made_up::metric(Some(wait));
                run.metrics.insert("pending_time.mean".to_owned(), metric);
                run
            })
            .collect(),
        name,
        ..Candidate::default()
    };
    let judged = |others: usize| {
        let others = (0..others).map(|number| candidate(format!("c{number}"), 0.1));
        let base = std::iter::once(candidate("a".to_owned(), 0.0));
        let candidates: Vec<Candidate> = base.chain(others).collect();
        let settings = Settings {
            gated: vec!["pending_time.mean".to_owned()],
            resamples: 10,
            ..Settings::default()
        };
        judge_candidates("waits", &candidates, &settings)
            .expect("a study")
            .pairs
    };
    let (one, ten) = (judged(1), judged(10));
    assert_eq!((one[0].tests.gated, ten[0].tests.gated), (1, 10));
    let adjusted = |pairs: &[Pair]| pairs[0].metrics[0].p_adjusted.expect("a p");
    assert!((adjusted(&ten) - 10.0 * adjusted(&one)).abs() < 1e-12);
}

/// Copies of a run are no samples, wherever they come from, and whether or not decisions that change no
/// metric, such as ties between equal nodes, tell them apart.
#[test]
fn copies_count_once() {
    for digest_of in [|_| "x".to_owned(), |seed: u64| format!("x{seed}")] {
        check_copies(digest_of);
    }
}

fn check_copies(digest_of: fn(u64) -> String) {
    let copies = |name: &str, wait: f64| Candidate {
        name: name.to_owned(),
        by_seed: (0..20)
            .map(|seed| {
                let mut run = made_up::run(seed);
                run.digest = format!("{name} {}", digest_of(seed));
                run.metrics
                    .insert("pending_time.mean".to_owned(), made_up::metric(Some(wait)));
                run
            })
            .collect(),
        ..Candidate::default()
    };
    let candidates = [copies("a", 10.0), copies("b", 12.0)];
    let study = judge_candidates("waits", &candidates, &Settings::default()).expect("a study");
    let pair = &study.pairs[0];
    assert_eq!(pair.method, Method::Whole { seed: 0 });
    let found = &pair.metrics[0];
    assert_eq!((found.n, found.p, found.interval), (1, None, None));
    assert_eq!(found.verdict, Some(Verdict::Regressed));
    assert_eq!(found.points, [Some(2.0)]);
}

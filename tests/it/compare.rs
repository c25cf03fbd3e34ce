//! What the verdicts of `compare` are worth: false alarms of a variant against itself, and shifts
//! that are there, found with the power that is stated. Seeds are fixed.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use windtunnel::lab::compare::{
    Candidate, Judgement, Method, Pairs, Question, Settings, Study, Threshold, Verdict, decide,
    judge_candidates, measure, run,
};
use windtunnel::lab::limits::Limits;
use windtunnel::lab::names::Registered;
use windtunnel::lab::replicate::{Work, Workers, replicate};
use windtunnel::lab::statistics::{Resamples, power, standard_deviation};
use windtunnel::lab::summary::VariantSummary;
use windtunnel::metrics::Direction;
use windtunnel::rng::Stream;
use windtunnel::scenario::{Experiment, LoadOptions, SearchPath, load};
use windtunnel::units::SortedMap;

use crate::scratch::Scratch;

/// Jobs that wait, small enough to be run hundreds of times.
const QUEUE: &str = "\
windtunnel: v1
name: queue
cluster:
  nodes: [{count: 8, template: {allocatable: {cpu: 1, memory: 1Gi, pods: 1}}}]
workload:
  - generate: {model: lublin99, jobs: 24, processors: 8}
system: {name: batch, scheduler: {queue: fcfs}}
stop: {when: drained}
";

fn experiment(text: &str) -> Experiment {
    let search = SearchPath {
        base_dir: PathBuf::from(env!("CARGO_MANIFEST_DIR")),
        ..SearchPath::default()
    };
    let options = LoadOptions {
        sets: &[],
        search: &search,
        lookup: &windtunnel::world::inputs::DiskAndEmbedded,
        names: &Registered,
    };
    load(text, "queue.yaml", options).expect("an experiment")
}

fn workers(threads: usize) -> Workers<'static> {
    static INTERRUPTED: AtomicBool = AtomicBool::new(false);
    static MANIFESTS: windtunnel::world::ManifestCache = windtunnel::world::ManifestCache::new();
    Workers {
        threads,
        interrupted: &INTERRUPTED,
        progress: &|_, _| {},
        limits: Limits::default(),
        manifests: &MANIFESTS,
    }
}

/// How many runs there are to draw from.
const POOL: usize = 400;
/// How many comparisons are made.
const SETS: usize = 200;
/// Pairs of a comparison.
const PAIRS: usize = 12;

/// Runs of one variant, each with a seed of its own.
fn pool() -> &'static [VariantSummary] {
    static RUNS: OnceLock<Vec<VariantSummary>> = OnceLock::new();
    RUNS.get_or_init(|| {
        let work: Vec<Work> = (0..POOL as u64)
            .map(|seed| Work {
                variant: 0,
                seed,
                shake: None,
                is_drawn: false,
            })
            .collect();
        let made = replicate(&experiment(QUEUE), &work, workers(2)).expect("runs");
        made.into_iter().map(|run| run.summary).collect()
    })
}

/// Two disjoint sets of so many runs, drawn for a number.
fn two_sets(number: u64, pairs: usize) -> [Vec<VariantSummary>; 2] {
    let mut order: Vec<usize> = (0..POOL).collect();
    Stream::new(1, "test-seed-sets", number).shuffle(&mut order);
    let of = |places: &[usize]| places.iter().map(|&place| pool()[place].clone()).collect();
    [of(&order[..pairs]), of(&order[pairs..2 * pairs])]
}

fn compared(number: u64) -> Study {
    let [base, head] = two_sets(number, PAIRS);
    let candidate = |name: &str, mut runs: Vec<VariantSummary>| {
        for (seed, run) in (0..).zip(&mut runs) {
            run.seed = seed;
        }
        Candidate {
            name: name.to_owned(),
            by_seed: runs,
            ..Candidate::default()
        }
    };
    let candidates = [candidate("itself", base), candidate("again", head)];
    let settings = Settings {
        resamples: 200,
        ..Settings::default()
    };
    judge_candidates("queue", &candidates, &settings).expect("a study")
}

/// The largest count of 200 that a rate of 5 % gives with probability above 1e-4.
const MOST_OF_200: usize = 23;

/// A variant against itself under 200 pairs of seed sets. Each single test has a level of 5 %, for
/// every metric; so has the family of gated tests after Holm, taken as a whole.
#[test]
fn a_variant_against_itself_raises_no_more_alarms_than_stated() {
    let mut alarms: SortedMap<String, usize> = SortedMap::new();
    let (mut of_gates, mut of_others) = (0, 0);
    for number in 0..SETS as u64 {
        let study = compared(number);
        let metrics = &study.pairs[0].metrics;
        assert!(metrics.iter().filter(|found| found.gated).count() >= 5);
        for found in metrics.iter().filter(|found| found.p.is_some()) {
            let is_alarm = found.p.is_some_and(|p| p <= 0.05);
            *alarms.entry(found.metric.clone()).or_default() += usize::from(is_alarm);
        }
        let is_alarm = |found: &&Judgement| {
            matches!(found.verdict, Some(Verdict::Improved | Verdict::Regressed))
        };
        let any = |gated: bool| {
            metrics
                .iter()
                .filter(is_alarm)
                .any(|found| found.gated == gated)
        };
        of_gates += usize::from(any(true));
        of_others += usize::from(any(false));
    }
    assert!(
        alarms.len() > 50,
        "only {} metrics were tested",
        alarms.len()
    );
    let worst = alarms.iter().max_by_key(|(_, count)| **count);
    println!(
        "{} metrics, worst {worst:?}; gates {of_gates}, others {of_others}",
        alarms.len()
    );
    for (metric, count) in &alarms {
        assert!(*count <= MOST_OF_200, "{metric}: {count} alarms of {SETS}");
    }
    assert!(of_gates <= MOST_OF_200, "gates: {of_gates} of {SETS}");
    assert!(of_others <= MOST_OF_200, "others: {of_others} of {SETS}");
}

fn is_found(pairs: &Pairs) -> bool {
    let question = Question {
        metric: "pending_time.mean".to_owned(),
        unit: "s".to_owned(),
        direction: Direction::Lower,
        threshold: Threshold::Relative(0.02),
        gated: true,
    };
    let resamples = Resamples::draw(1, pairs.base.len(), 500);
    let mut found = measure(&question, pairs, &resamples);
    decide(std::iter::once(&mut found));
    found.verdict == Some(Verdict::Regressed)
}

/// Normal differences with a shift of 0.8 standard deviations and 20 pairs.
#[test]
fn a_known_shift_is_found_with_the_stated_power() {
    let found = (0..SETS as u64).filter(|&number| {
        let mut stream = Stream::new(2, "test-shift", number);
        let mut values = |shift: f64| -> Vec<Option<f64>> {
            let scale = std::f64::consts::FRAC_1_SQRT_2;
            (0..20)
                .map(|_| Some(10.0 + shift + scale * stream.standard_normal()))
                .collect()
        };
        is_found(&Pairs {
            base: values(0.0),
            head: values(0.8),
            ..Pairs::default()
        })
    });
    let (rate, stated) = (found.count() as f64 / SETS as f64, power(0.8, 20, 0.05));
    println!("found {rate}, stated {stated}");
    // The correction for skewness that a sample may not show costs a tenth, and a share of 200 has an error.
    assert!((stated - 0.15..=stated).contains(&rate), "{rate}");
}

/// Runs whose waits are shifted by as much as they vary: the power of tests of real metrics, whose
/// differences are far from normal and so are corrected by more, is most of the stated one.
#[test]
fn a_shift_of_real_runs_is_found() {
    let value = |run: &VariantSummary| run.metrics["pending_time.mean"].value.expect("a wait");
    let found = (0..SETS as u64).filter(|&number| {
        let sets = two_sets(number, 20);
        let [base, head] = sets.map(|runs| runs.iter().map(value).collect::<Vec<f64>>());
        let differences: Vec<f64> = base.iter().zip(&head).map(|(b, h)| h - b).collect();
        let shift = standard_deviation(&differences).expect("a spread");
        is_found(&Pairs {
            base: base.into_iter().map(Some).collect(),
            head: head.into_iter().map(|wait| Some(wait + shift)).collect(),
            ..Pairs::default()
        })
    });
    let (rate, stated) = (found.count() as f64 / SETS as f64, power(1.0, 20, 0.05));
    println!("found {rate}, stated {stated}");
    assert!(rate > stated - 0.26, "{rate} of {stated}");
}

const VARIANTS: &str = "\
variants:
  fcfs: {}
  sjf: {system.scheduler.queue: sjf}
  same: {}
";

#[test]
fn threads_change_nothing_and_an_equal_variant_is_equal() {
    let experiment = experiment(&format!("{QUEUE}{VARIANTS}"));
    let settings = Settings {
        seeds: 8,
        resamples: 200,
        ..Settings::default()
    };
    let one = run(&experiment, &settings, workers(1), None).expect("a comparison");
    let three = run(&experiment, &settings, workers(3), None).expect("a comparison");
    assert_eq!(one.study, three.study);
    assert_eq!((one.runs, one.first().len()), (24, 3));
    let same = one
        .study
        .pairs
        .iter()
        .find(|pair| pair.candidate == "same")
        .expect("a pair");
    let is_equal = |found: &Judgement| {
        let word = found.verdict;
        word == Some(Verdict::Equivalent) || word == Some(Verdict::NotMeasurable)
    };
    assert!(
        same.metrics
            .iter()
            .filter(|found| found.better != Direction::None)
            .all(is_equal)
    );
    assert!(
        one.study
            .notes
            .iter()
            .any(|note| note.contains("equal digests"))
    );
}

#[test]
fn precision_adds_seeds_up_to_its_cap() {
    let experiment = experiment(&format!("{QUEUE}{VARIANTS}"));
    let with = |precision: f64, seeds_max: usize| {
        let settings = Settings {
            seeds: 6,
            precision: Some(precision),
            seeds_max,
            gated: vec!["allocation.cpu.mean".to_owned()],
            resamples: 200,
            ..Settings::default()
        };
        run(&experiment, &settings, workers(2), None).expect("a comparison")
    };
    let never = with(1e-6, 40);
    // The equal variant needs no more seeds, the baseline as many as any pair.
    assert_eq!(never.runs, 40 + 40 + 6);
    assert!(!never.study.precision.expect("a rule").wide.is_empty());
    // Narrow enough at once, and yet too skewed to be trusted; who doesn't differ is done.
    let skewed = with(0.9, 20);
    assert_eq!(skewed.runs, 20 + 20 + 6);
    let wide = skewed.study.precision.expect("a rule").wide;
    assert_eq!(wide, ["sjf allocation.cpu.mean"]);
}

/// A recorded trace under a policy that draws nothing has no sampling error: it is run once as it
/// is, and shaken.
#[test]
fn one_deterministic_input_is_shaken() {
    let text = format!("{QUEUE}{VARIANTS}").replace(
        "jobs: 24, processors: 8",
        "jobs: 24, processors: 8, seed: 5",
    );
    let experiment = experiment(&text);
    let settings = Settings {
        seeds: 10,
        resamples: 200,
        ..Settings::default()
    };
    let made = run(&experiment, &settings, workers(2), None).expect("a comparison");
    let shaking = Method::Shaking {
        seed: 42,
        shakes: 30,
    };
    assert!(made.study.pairs.iter().all(|pair| pair.method == shaking));
    // Twice to see that seeds do not matter, then three perturbations for each seed, of three variants.
    assert_eq!(made.runs, 96);
    let note = made
        .study
        .notes
        .iter()
        .any(|note| note.contains("one deterministic input"));
    assert!(note, "{:?}", made.study.notes);
    let pair = made
        .study
        .pairs
        .iter()
        .find(|pair| pair.candidate == "sjf")
        .expect("a pair");
    let wait = pair
        .metrics
        .iter()
        .find(|found| found.metric == "pending_time.mean");
    let wait = wait.expect("waits");
    let difference = wait.difference.expect("a difference");
    let apart = wait.head.expect("a wait") - wait.base.expect("a wait");
    assert!((difference - apart).abs() < 1e-9 * apart.abs().max(1.0));
    assert!(wait.interval.is_some_and(|at| at.holds(difference)));
    assert!(wait.unshaken.is_some_and(|own| own.base.is_some()));
}

/// Runs that ended their warm-ups by themselves at unlike instants are no pair; the experiment cuts both alike.
#[test]
fn finished_runs_with_windows_of_their_own_are_refused() {
    let text = "\
windtunnel: v1
name: warm
cluster:
  nodes: [{count: 16, template: {allocatable: {cpu: 1, memory: 1Gi, pods: 1}}}]
workload:
  - generate: {model: lublin99, jobs: 200, processors: 16}
system: {name: batch, scheduler: {queue: fcfs}}
stop: {when: drained}
seed: 1
metrics: {window: auto}
variants:
  fcfs: {}
  easy: {system.scheduler.backfill: easy}
";
    let scratch = Scratch::new("unlike-windows", &[("warm.yaml", text)]);
    scratch.run(&["run", "warm.yaml", "--out", "out"], 0);
    let said = scratch.run(&["compare", "out"], 3);
    assert!(said.contains("begins at 75520 s against 84480 s"), "{said}");
    scratch.run(&["compare", "warm.yaml", "--seeds", "3"], 0);
}

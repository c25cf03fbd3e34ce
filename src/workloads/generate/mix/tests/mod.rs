//! Jobs drawn from mixes have the distributions, the pace and the correlations that their files state.

mod held;
mod presets;

use std::sync::Arc;

use rng::agreement::{kolmogorov, serial, spearman};
use units::Duration;

use super::{Mix, MixSource};
use arrivals::stream::{Arrival, ArrivalSource};

fn source(text: &str, seed: u64, jobs: u64) -> MixSource {
    let mix = Mix::read("mix.yaml", text).unwrap_or_else(|error| panic!("{error}"));
    MixSource::new(Arc::new(mix), seed, jobs)
}

fn drawn(source: &mut dyn ArrivalSource) -> Vec<Arrival> {
    std::iter::from_fn(|| source.next().expect("a job or the end")).collect()
}

fn seconds(time: Option<Duration>) -> f64 {
    time.map_or(-1.0, Duration::as_secs_f64)
}

#[test]
fn rates_and_templates_follow_the_course() {
    let text = "
arrivals:
  gap: exponential(10s)
  course: {part: 1h, factors: [3, 0, 1]}
templates:
- {name: early, course: [1, 0, 1], weight: 3}
- {name: late, course: [0, 0, 1]}
";
    let mut source = source(text, 1, 20_000);
    let jobs = drawn(&mut source);
    let app = |job: &Arrival| source.classes()[job.class as usize].labels["app"].to_string();
    let mut counts = [[0_u32; 2]; 3];
    for job in &jobs {
        let part = (job.submit.as_nanos() / 3_600_000_000_000) % 3;
        counts[part as usize][usize::from(app(job) == "late")] += 1;
    }
    let [[first, none], [empty, gone], [early, late]] = counts;
    assert_eq!([none, empty, gone], [0; 3], "{counts:?}");
    let rates = f64::from(first) / f64::from(early + late);
    assert!((rates - 3.0).abs() < 0.1, "{counts:?}");
    let shares = f64::from(early) / f64::from(late);
    assert!((shares - 3.0).abs() < 0.2, "{counts:?}");
    // At the mean rate one comes in 10 s.
    let last = jobs[jobs.len() - 1].submit.as_nanos() as f64 / 1e9;
    assert!((last / 2e5 - 1.0).abs() < 0.05, "{last}");
}

#[test]
fn a_course_that_says_nothing_is_refused() {
    let refused = |course: &str, template: &str| {
        let text =
            format!("arrivals: {{gap: 10s, {course}}}\ntemplates: [{{name: a, {template}}}]\n");
        let text = text.replace("gap: 10s", "gap: constant(10s)");
        Mix::read("mix.yaml", &text).expect_err("wrong").to_string()
    };
    for (course, template, said) in [
        (
            "course: {part: 1h, factors: []}",
            "cpu: 1",
            "one or more `factors`",
        ),
        (
            "course: {part: 1h, factors: [-1]}",
            "cpu: 1",
            "one or more `factors`",
        ),
        (
            "course: {part: 1500ms, factors: [1]}",
            "cpu: 1",
            "whole number of seconds",
        ),
        (
            "course: {part: 1h, factors: [0, 0]}",
            "cpu: 1",
            "no instant has a rate",
        ),
        ("hours: []", "course: [1]", "hours: expected 24 factors"),
        (
            "autocorrelation: 0",
            "course: [1]",
            "template `a`: course: the arrivals have none",
        ),
        (
            "course: {part: 1h, factors: [1, 1]}",
            "course: [1]",
            "expected 2 factors of at least 0, as `arrivals.course` has, found 1 value",
        ),
        (
            "course: {part: 1h, factors: [1, 1]}",
            "course: [1, 0]",
            "part 2 of `arrivals.course` has a rate",
        ),
    ] {
        let found = refused(course, template);
        assert!(found.contains(said), "{found}");
    }
    // The hours in which parts have a rate are those in which the day has none.
    let hours: Vec<&str> = (0..24)
        .map(|hour| if hour % 2 == 0 { "1" } else { "0" })
        .collect();
    let course = format!(
        "hours: [{}], course: {{part: 1h, factors: [0, 1]}}",
        hours.join(", ")
    );
    let found = refused(&course, "cpu: 1");
    assert!(found.contains("no instant has a rate"), "{found}");
}

const PLAIN: &str = "
arrivals: {gap: exponential(10s)}
users: {ann: 3, bob: 1}
templates:
- name: batch
  weight: 3
  runTime: exponential(100s)
  cpu: {1: 1, 4: 1}
  memory: 1Gi
  priority: 7
- {name: training, runTime: {quantiles: {0: 1s, 100: 100s}}, gpus: {500m: 3, 8: 1}, pods: 2}
";

#[test]
fn jobs_have_the_templates_users_and_times_of_their_mix() {
    let mut source = source(PLAIN, 1, 40_000);
    let jobs = drawn(&mut source);
    assert_eq!(jobs.len(), 40_000);
    assert!(jobs.is_sorted_by_key(|job| job.submit));
    let classes = source.classes();
    let app = |job: &Arrival| classes[job.class as usize].labels["app"].to_string();
    let (batch, training): (Vec<&Arrival>, Vec<&Arrival>) =
        jobs.iter().partition(|job| app(job) == "batch");
    let share = |part: usize| part as f64 / jobs.len() as f64;
    assert!((share(batch.len()) - 0.75).abs() < 0.01);
    // Two amounts of processors, and two numbers of devices.
    assert_eq!(classes.len(), 4);
    let eight = |job: &&&Arrival| classes[job.class as usize].gpu.devices == 8;
    let eights = training.iter().filter(eight).count() as f64;
    assert!((eights / training.len() as f64 - 0.25).abs() < 0.02);
    assert!(training.iter().all(|job| job.members == 2));
    assert!(
        batch
            .iter()
            .all(|job| classes[job.class as usize].priority == 7)
    );
    let ann = jobs
        .iter()
        .filter(|job| &*source.tenants()[job.tenant as usize] == "ann");
    assert!((share(ann.count()) - 0.75).abs() < 0.01);
    // Times against their laws: an exponential one, and a straight line of logarithms.
    let of = |jobs: &[&Arrival], law: &dyn Fn(f64) -> f64| {
        let mut shares: Vec<f64> = jobs.iter().map(|job| law(seconds(job.run_time))).collect();
        shares.sort_by(f64::total_cmp);
        let count = shares.len() as f64;
        let places = shares.iter().zip(1..);
        places
            .map(|(share, place)| (share - f64::from(place) / count).abs())
            .fold(0.0, f64::max)
    };
    assert!(of(&batch, &|time| 1.0 - rng::math::exp(-time / 100.0)) < 0.01);
    assert!(
        of(&training, &|time| rng::math::ln(time)
            / rng::math::ln(100.0))
            < 0.02
    );
    let last = jobs[jobs.len() - 1].submit.as_secs_f64();
    assert!((last / 40_000.0 - 10.0).abs() < 0.2, "{last}");
}

#[test]
fn a_seed_gives_the_same_jobs_again_and_another_seed_gives_others() {
    let mut first = source(PLAIN, 5, 500);
    for _ in 0..100 {
        first.next().expect("a job");
    }
    let mut fork = first.fork().expect("a copy");
    let rest = drawn(&mut first);
    assert_eq!(rest, drawn(&mut *fork));
    let whole = drawn(&mut source(PLAIN, 5, 500));
    assert_eq!(rest, whole[100..]);
    // A longer run of the same seed begins with the same jobs.
    assert_eq!(drawn(&mut source(PLAIN, 5, 700))[..500], whole);
    assert_ne!(drawn(&mut source(PLAIN, 6, 500)), whole);
}

/// Sessions of ten jobs of one template, whose jobs are alike to a degree.
fn flood(sessions: &str) -> Vec<Arrival> {
    let text = format!(
        "
arrivals: {{gap: exponential(10d)}}
templates:
- name: flood
  runTime: lognormal(1h, 1)
  memory: {{1Gi: 1, 2Gi: 1, 3Gi: 1, 4Gi: 1}}
  sessions: {{jobs: 10, gap: constant(1m){sessions}}}
- {{name: alone, weight: 0, runTime: constant(1s)}}
"
    );
    drawn(&mut source(&text, 4, 20_000))
}

#[test]
fn jobs_of_a_session_are_as_alike_as_stated() {
    for (likeness, expected) in [(0.0, 0.0), (0.5, 0.48), (0.9, 0.89)] {
        let jobs = flood(&format!(", likeness: {likeness}"));
        let nanos = |job: &Arrival| seconds(job.run_time) as i64;
        let pairs = jobs.windows(2).filter(|two| {
            let gap = two[1].submit.since(two[0].submit);
            gap == Duration::from_secs(60)
        });
        let (one, next): (Vec<i64>, Vec<i64>) =
            pairs.map(|two| (nanos(&two[0]), nanos(&two[1]))).unzip();
        assert!(one.len() > 17_000);
        let found = spearman(&one, &next).expect("spread");
        assert!((found - expected).abs() < 0.04, "{likeness}: {found}");
        // Seen alone, they follow their law: half of them end within the median.
        let short = jobs.iter().filter(|job| seconds(job.run_time) <= 3_600.0);
        let share = short.count() as f64 / jobs.len() as f64;
        assert!((share - 0.5).abs() < 0.04, "{likeness}: {share}");
    }
}

#[test]
fn a_session_goes_on_after_the_end_of_its_last_job() {
    let jobs = flood(", after: end");
    let follows = |two: &&[Arrival]| {
        let end = two[0].submit + two[0].run_time.unwrap_or_default();
        let wait = two[1].submit.since(end).as_secs_f64();
        (wait - 60.0).abs() < 1e-3
    };
    let following = jobs.windows(2).filter(follows).count();
    // Sessions are ten days apart and rarely overlap.
    assert!(following > 16_000, "{following}");
}

#[test]
fn correlated_fields_go_together_and_keep_their_distributions() {
    let text = |value: &str| {
        format!(
            "
arrivals: {{gap: constant(1s)}}
templates:
- name: a
  runTime: lognormal(1h, 1)
  timeLimit: lognormal(1h, 2)
  memory: {{1Gi: 1, 2Gi: 1, 3Gi: 1, 4Gi: 1}}
  correlations: [{{between: [runTime, memory], value: {value}}}]
"
        )
    };
    let columns = |value: &str| {
        let mut source = source(&text(value), 3, 20_000);
        let jobs = drawn(&mut source);
        assert!(jobs.iter().all(|job| job.time_limit >= job.run_time));
        let memory = jobs.iter().map(|job| {
            let requests = source.classes()[job.class as usize]
                .requests()
                .expect("requests");
            requests.get("memory").units_ceil().expect("bytes")
        });
        let memory: Vec<i64> = memory.collect();
        let times = jobs
            .iter()
            .map(|job| job.run_time.map_or(0, Duration::as_nanos));
        (times.collect::<Vec<i64>>(), memory)
    };
    let (times, memory) = columns("0.8");
    let together = spearman(&times, &memory).expect("spread");
    assert!((0.65..0.8).contains(&together), "{together}");
    let (mut alone, apart) = columns("0");
    assert!(spearman(&alone, &apart).expect("spread").abs() < 0.03);
    let mut times = times;
    times.sort_unstable();
    alone.sort_unstable();
    assert!(kolmogorov(&times, &alone).expect("times") < 0.02);
}

#[test]
fn rates_follow_hours_days_and_bursts() {
    let hours: Vec<&str> = (0..24)
        .map(|hour| if hour < 12 { "3" } else { "1" })
        .collect();
    let text = format!(
        "
arrivals:
  gap: exponential(1m)
  hours: [{}]
  days: [1, 1, 1, 1, 1, 0, 0]
  bursts: [{{at: 14d, length: 1h, factor: 10}}]
templates: [{{name: a, runTime: 1s}}]
",
        hours.join(", ")
    )
    .replace("runTime: 1s", "runTime: constant(1s)");
    let jobs = drawn(&mut source(&text, 1, 40_000));
    let hour = |job: &Arrival| job.submit.as_secs_f64() as i64 / 3_600;
    let within = |from: i64, to: i64| {
        let inside = jobs.iter().filter(|job| (from..to).contains(&hour(job)));
        inside.count() as f64
    };
    // Two weeks of 10,080 min each bring a job a minute in the mean.
    let weeks = within(0, 14 * 24);
    assert!((weeks / (14.0 * 1_440.0) - 1.0).abs() < 0.02, "{weeks}");
    assert!(within(5 * 24, 7 * 24) < 0.5);
    let (morning, evening) = (within(0, 12), within(12, 24));
    assert!((morning / evening - 3.0).abs() < 0.4, "{morning} {evening}");
    let (burst, usual) = (within(336, 337), within(337, 338));
    assert!((burst / usual - 10.0).abs() < 2.0, "{burst} {usual}");
}

#[test]
fn sessions_are_jobs_of_one_user_and_template() {
    let text = "
arrivals: {gap: constant(1h)}
sessions: {jobs: 3, gap: constant(10s)}
users: 50
templates: [{name: a, runTime: constant(1s)}, {name: b, runTime: constant(2s)}]
";
    let jobs = drawn(&mut source(text, 1, 300));
    let begins = jobs[0].submit;
    for session in jobs.chunks(3) {
        let after = |place: usize| session[place].submit.since(session[0].submit);
        assert_eq!(
            (after(1), after(2)),
            (Duration::from_secs(10), Duration::from_secs(20))
        );
        assert!(session.iter().all(|job| job.tenant == session[0].tenant));
        assert!(session.iter().all(|job| job.class == session[0].class));
    }
    assert_eq!(jobs[3].submit.since(begins), Duration::from_secs(3_600));
}

#[test]
fn short_gaps_follow_short_ones_where_they_are_correlated() {
    let gaps = |autocorrelation: &str| {
        let text = PLAIN.replace(
            "(10s)}",
            &format!("(10s), autocorrelation: {autocorrelation}}}"),
        );
        let jobs = drawn(&mut source(&text, 5, 20_000));
        let pairs = jobs.windows(2);
        let gaps = pairs.map(|two| two[1].submit.since(two[0].submit).as_nanos());
        gaps.collect::<Vec<i64>>()
    };
    let (mut alone, mut together) = (gaps("0"), gaps("0.6"));
    let correlation = |gaps: &[i64]| serial(gaps).expect("gaps differ");
    assert!(correlation(&alone).abs() < 0.02);
    // Rank correlation of a Gaussian copula: 6 / pi asin(0.6 / 2).
    assert!((correlation(&together) - 0.582).abs() < 0.02);
    alone.sort_unstable();
    together.sort_unstable();
    assert!(kolmogorov(&alone, &together).expect("gaps") < 0.03);
}

/// Changes to a good mix, with the line and the words of the complaint.
const WRONG: &[(&str, &str, u32, &str)] = &[
    (
        "(10s)}",
        "(10s), autocorrelation: 1}",
        1,
        "expected a number above -1 and below 1",
    ),
    (
        "gap: exponential(10s)",
        "gap: exponential(-1s)",
        1,
        "exponential",
    ),
    (
        "gap: exponential(10s)",
        "gap: empirical('gaps.csv')",
        1,
        "a mix reads no other file",
    ),
    (
        "gap: exponential(10s)",
        "gap: {quantiles: {0: 2s, 100: 1s}}",
        1,
        "ascend",
    ),
    ("gap: exponential(10s)", "rate: 5", 1, "rate"),
    (
        "(10s)}",
        "(10s), hours: [1, 2]}",
        1,
        "arrivals.hours: expected 24 factors",
    ),
    (
        "(10s)}",
        "(10s), days: [0,0,0,0,0,0,0]}",
        1,
        "no hour has a rate",
    ),
    (
        "(10s)}",
        "(10s), bursts: [{at: 1h, length: 0s, factor: 2}]}",
        1,
        "a `length` above 0",
    ),
    (
        "templates:",
        "users: {ann: 0}\ntemplates:",
        2,
        "users: expected weights",
    ),
    (
        "templates:",
        "users: 0\ntemplates:",
        2,
        "users: expected a number from 1",
    ),
    (
        "templates:\n- {name: a, cpu: 1}",
        "templates: []",
        2,
        "one or more",
    ),
    ("cpu: 1", "cpu: fast", 3, "`fast`: expected a quantity"),
    (
        "cpu: 1",
        "cpu: {1: -1}",
        3,
        "expected weights of at least 0",
    ),
    ("cpu: 1", "gpus: 65", 3, "0 to 64 devices"),
    ("cpu: 1", "weight: -1", 3, "template `a`: weight"),
    (
        "- {name: a, cpu: 1}",
        "- {name: a}\n- {name: a}",
        4,
        "the name stands twice",
    ),
    (
        "cpu: 1",
        "cpu: 1, correlations: [{between: [cpu, memory], value: 1}]",
        3,
        "the template has no `memory`",
    ),
    (
        "cpu: 1",
        "cpu: 1, memory: 1, pods: 2, correlations: [{between: [cpu, pods], value: 1}, \
     {between: [cpu, memory], value: 1}, {between: [memory, pods], value: 0.5}]",
        3,
        "move them closer to 0",
    ),
    (
        "cpu: 1",
        "cpu: 1, pods: 2, correlations: [{between: [cpu, pods], value: 2}]",
        3,
        "expected -1 to 1",
    ),
];

#[test]
fn a_likeness_beyond_one_is_refused() {
    let sessions = "{jobs: 2, gap: constant(1s), likeness: 1.5}";
    for (place, line) in [("", 4), ("  ", 3)] {
        let text = format!(
            "arrivals: {{gap: constant(1s)}}\ntemplates:\n- name: a\n{place}sessions: {sessions}\n"
        );
        let error = Mix::read("mix.yaml", &text)
            .expect_err("a wrong likeness")
            .to_string();
        assert!(error.starts_with(&format!("mix.yaml:{line}: ")), "{error}");
        assert!(
            error.contains("likeness: expected a number from 0 to 1"),
            "{error}"
        );
    }
}

#[test]
fn wrong_mixes_are_refused_with_their_lines() {
    let good = "arrivals: {gap: exponential(10s)}\ntemplates:\n- {name: a, cpu: 1}\n";
    assert!(Mix::read("mix.yaml", good).is_ok());
    for &(from, to, line, said) in WRONG {
        let text = good.replace(from, to);
        assert_ne!(text, good, "{from}");
        let error = Mix::read("mix.yaml", &text).expect_err(to).to_string();
        let place = format!("mix.yaml:{line}: ");
        assert!(
            error.starts_with(&place) && error.contains(said),
            "{to}: {error}"
        );
    }
}

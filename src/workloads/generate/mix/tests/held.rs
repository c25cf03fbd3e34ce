//! Numbers, rooms and bounds of work that a mix states hold for the jobs drawn from it.

use units::Instant;

use super::{drawn, source};
use crate::generate::mix::Mix;
use arrivals::stream::{Arrival, ArrivalSource as _};

fn seconds(job: &Arrival) -> f64 {
    job.submit.as_nanos() as f64 / 1e9
}

#[test]
fn parts_have_as_many_jobs_as_stated() {
    let text = "
arrivals:
  gap: exponential(10s)
  autocorrelation: 0.5
  course: {part: 1h, numbers: [30, 0, 6], length: 2h30m}
templates:
- {name: rare, course: [1, 0, 1]}
- {name: usual, course: [2, 0, 1]}
";
    for seed in 1..9 {
        let mut source = source(text, seed, 72);
        let jobs = drawn(&mut source);
        let mut counts = [[0; 2]; 6];
        for job in &jobs {
            // The course comes again after two and a half hours.
            let (round, at) = (seconds(job) as usize / 9_000, seconds(job) as usize % 9_000);
            let app = &source.classes()[job.class as usize].labels["app"];
            counts[3 * round + at / 3_600][usize::from(&**app == "usual")] += 1;
        }
        let round = [[10, 20], [0, 0], [3, 3]];
        assert_eq!(counts, [round, round].concat().as_slice(), "{seed}");
        assert!(jobs.windows(2).all(|two| two[0].submit <= two[1].submit));
    }
}

#[test]
fn hours_hold_within_a_part() {
    // All of a day's jobs come in its first half.
    let hours = [["1"; 12], ["0"; 12]].concat().join(", ");
    let text = format!(
        "arrivals: {{gap: exponential(10s), hours: [{hours}], course: {{part: 1d, numbers: [50]}}}}\n\
         templates: [{{name: a}}]\n"
    );
    let jobs = drawn(&mut source(&text, 1, 100));
    let days: Vec<usize> = jobs
        .iter()
        .map(|job| seconds(job) as usize / 86_400)
        .collect();
    assert_eq!(days, [[0; 50], [1; 50]].concat());
    let noon = |job: &Arrival| seconds(job) % 86_400.0 <= 43_200.0;
    assert!(jobs.iter().all(noon));
}

#[test]
fn jobs_come_when_there_is_room_for_them() {
    let text = "
arrivals: {gap: exponential(10s), room: 4}
templates:
- {name: narrow, runTime: exponential(20s), cpu: 1}
- {name: wide, runTime: exponential(20s), cpu: 4}
- {name: wider, runTime: constant(5s), cpu: 3, pods: 3}
";
    let mut source = source(text, 3, 600);
    let mut copy = source.fork().expect("a copy");
    let jobs = drawn(&mut source);
    assert_eq!(drawn(&mut *copy), jobs);
    assert_eq!(jobs.len(), 600);
    assert!(jobs.windows(2).all(|two| two[0].submit <= two[1].submit));
    // Changes of what is taken; ends come before submissions.
    let mut changes: Vec<(Instant, i64)> = Vec::new();
    for job in &jobs {
        let requests = source.classes()[job.class as usize]
            .requests()
            .expect("small");
        let cpu = requests.get("cpu").milli_ceil().expect("small") * i64::from(job.members);
        let cpu = cpu.min(4_000);
        changes.push((job.submit, cpu));
        changes.push((
            job.submit.saturating_add(job.run_time.expect("stated")),
            -cpu,
        ));
    }
    changes.sort_unstable();
    let mut taken = 0;
    let most = changes.iter().map(|(_, change)| {
        taken += change;
        taken
    });
    assert_eq!(most.max(), Some(4_000));
    // Jobs are numbered as they come.
    let names: Vec<String> = jobs.iter().map(|job| job.name.to_string()).collect();
    assert_eq!(names[..2], ["job-1", "job-2"]);
}

#[test]
fn jobs_have_the_work_of_their_template() {
    let text = "
arrivals: {gap: exponential(10s)}
templates:
- {name: a, runTime: 'lognormal(1h, 1)', cpu: {1: 1, 8: 1, 64: 1}, pods: {1: 1, 2: 1}, work: [2h, 20h]}
";
    let mut source = source(text, 1, 2_000);
    let jobs = drawn(&mut source);
    let has_work = |job: &&Arrival| {
        let requests = source.classes()[job.class as usize]
            .requests()
            .expect("small");
        let cpu = requests.get("cpu").units_ceil().expect("small") * i64::from(job.members);
        let hours = job.run_time.expect("stated").as_secs_f64() / 3_600.0 * cpu as f64;
        (2.0..=20.0).contains(&hours)
    };
    // 32 draws may all be beyond, seldom.
    assert!(jobs.iter().filter(has_work).count() > 1_990);
}

#[test]
fn jobs_end_within_the_window_of_a_log() {
    // Ten days, of which the last four were observed.
    let text = "
arrivals:
  gap: exponential(1h)
  ends: [6d, 10d]
  course: {part: 5d, numbers: [40, 60]}
templates: [{name: a, runTime: 'lognormal(2d, 1.5)'}]
";
    let jobs = drawn(&mut source(text, 1, 200));
    let mut cut = 0;
    for (number, job) in jobs.iter().enumerate() {
        // The course comes again after ten days, and the window with it.
        let round = if number < 100 { 0.0 } else { 10.0 };
        let end = seconds(job) + job.run_time.expect("stated").as_secs_f64();
        let end = end / 86_400.0 - round;
        assert!((6.0..=10.0).contains(&end), "{number}: {end}");
        cut += usize::from(end > 10.0 - 1e-9);
    }
    assert!((10..100).contains(&cut), "{cut}");
}

#[test]
fn what_pods_ask_for_comes_together_and_changes_over_the_course() {
    let text = "
arrivals: {gap: exponential(1h), course: {part: 1d, numbers: [500, 0, 1500]}}
templates:
- name: a
  runTime: exponential(1h)
  requests:
  - {weight: 3, cpu: 8, memory: 16Gi}
  - {cpu: 88, memory: 320Gi, gpus: 8, pods: 2}
  correlations:
  - {between: [submission, requests], value: 0.9}
  - {between: [runTime, submission], value: -1}
  - {between: [runTime, requests], value: -0.9}
";
    let mut source = source(text, 1, 2_000);
    let jobs = drawn(&mut source);
    let is_large = |job: &Arrival| {
        let spec = &source.classes()[job.class as usize];
        let cpu = spec.requests().expect("small").get("cpu");
        let own = (
            cpu.units_ceil().expect("small"),
            spec.gpu.devices,
            job.members,
        );
        assert!([(8, 0, 1), (88, 8, 2)].contains(&own), "{own:?}");
        own.1 > 0
    };
    let large: Vec<bool> = jobs.iter().map(is_large).collect();
    let count = |part: &[bool]| part.iter().filter(|own| **own).count();
    assert!((450..550).contains(&count(&large)), "{}", count(&large));
    assert!(count(&large[..1_000]) < 50, "{}", count(&large[..1_000]));
    let descends = |two: &[Arrival]| two[0].run_time >= two[1].run_time;
    assert!(jobs.windows(2).all(descends));
}

#[test]
fn what_no_job_can_keep_is_refused() {
    for (arrivals, template, said) in [
        (
            "course: {part: 1h, numbers: [0, 0]}",
            "cpu: 1",
            "one of them above 0",
        ),
        (
            "course: {part: 1h, numbers: [1], factors: [1]}",
            "cpu: 1",
            "either `factors` or `numbers`",
        ),
        (
            "course: {part: 1h}",
            "cpu: 1",
            "either `factors` or `numbers`",
        ),
        (
            "course: {part: 1h, factors: [1], length: 1h}",
            "cpu: 1",
            "no `length` beside `factors`",
        ),
        (
            "course: {part: 1h, numbers: [1, 1], length: 1h}",
            "cpu: 1",
            "ends in the last of 2 parts of 1h",
        ),
        (
            "course: {part: 1h, numbers: [1, 1], length: 3h}",
            "cpu: 1",
            "ends in the last of 2 parts of 1h",
        ),
        (
            "course: {part: 1h, numbers: [1, 1]}",
            "course: [1, 0]",
            "part 2 of `arrivals.course` has a rate",
        ),
        (
            "room: 0",
            "cpu: 1",
            "arrivals.room: expected a number of processors above 0",
        ),
        ("autocorrelation: 0", "work: [1h, 2h]", "beside a `runTime`"),
        (
            "autocorrelation: 0",
            "runTime: constant(1h), work: [2h, 1h]",
            "least and the most",
        ),
    ] {
        let text = format!(
            "arrivals: {{gap: constant(10s), {arrivals}}}\ntemplates: [{{name: a, {template}}}]\n"
        );
        let error = Mix::read("mix.yaml", &text)
            .expect_err(arrivals)
            .to_string();
        assert!(error.contains(said), "{arrivals}: {error}");
    }
}

#[test]
fn requests_ends_and_trends_that_mean_nothing_are_refused() {
    for (arrivals, template, said) in [
        (
            "ends: [2h, 1h]",
            "cpu: 1",
            "instants of the first and of the last end",
        ),
        (
            "course: {part: 1h, factors: [1]}",
            "cpu: 1, requests: [{cpu: 2}]",
            "in place of `cpu`, `memory`, `gpus` and `pods`",
        ),
        (
            "course: {part: 1h, factors: [1]}",
            "requests: [{cpu: -2}]",
            "cpu: `-2`: expected a quantity",
        ),
        (
            "course: {part: 1h, factors: [1]}",
            "requests: []",
            "one of them above 0",
        ),
        (
            "course: {part: 1h, factors: [1]}",
            "cpu: 1, correlations: [{between: [cpu, requests], value: 0.5}]",
            "the template has no `requests`",
        ),
        (
            "room: 8",
            "cpu: 1, correlations: [{between: [cpu, submission], value: 0.5}]",
            "write `arrivals.course`",
        ),
    ] {
        let text = format!(
            "arrivals: {{gap: constant(10s), {arrivals}}}\ntemplates: [{{name: a, {template}}}]\n"
        );
        let error = Mix::read("mix.yaml", &text)
            .expect_err(arrivals)
            .to_string();
        assert!(error.contains(said), "{arrivals}: {error}");
    }
}

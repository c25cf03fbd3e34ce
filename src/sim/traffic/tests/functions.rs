//! Functions: instances come and go with requests, in both forms alike.

use super::super::plan::FunctionPlan;
use super::*;
use control::services::FunctionLimits;
use model::traffic::FunctionCounts;
use rng::Distribution;

fn law(text: &str) -> Distribution {
    text.parse().expect("a law")
}

/// Clients of a function that is asked so often a second, by turns so and not at all for a while.
fn asked(rate: Rate, limits: FunctionLimits, detail: Detail) -> TrafficPlan {
    let mut own = plan(Balancing::Random, "constant(10s)", 1, 0.0, detail);
    own.functions = vec![FunctionPlan {
        name: "resize".into(),
        memory_mib: 512,
        duration: law("constant(10s)"),
        cold_start: law("constant(2s)"),
        bills_start: false,
        error_share: 0.0,
        limits,
    }];
    own.groups[0].target = Target::Function(0);
    own.groups[0].load = Load::Open(rate);
    own
}

fn run(own: TrafficPlan, secs: i64) -> (Bench, FunctionCounts) {
    let mut bench = Bench::new(own, 0);
    bench.until(secs);
    let counts = bench.seen.function;
    (bench, counts)
}

#[test]
fn nothing_runs_where_nobody_asks_and_both_forms_are_the_same_requests() {
    let second = 1_000_000;
    let steps = [(0, second / 10), (600, 0), (3_600, second / 10), (4_200, 0)];
    let steps = steps.map(|(at, rate)| (Instant::from_secs(at), rate));
    let of = |detail| {
        let own = asked(Rate::Steps(steps.into()), FunctionLimits::default(), detail);
        let (bench, counts) = run(own, 6_000);
        let seen = &bench.seen;
        assert_eq!(seen.offered, counts.invocations, "{detail:?}");
        assert_eq!(seen.succeeded, seen.offered);
        // The first of either time wait for an instance.
        assert!(counts.cold_starts >= 2 && counts.cold_starts < counts.invocations / 2);
        assert_eq!(counts.instances, counts.cold_starts);
        assert_eq!(
            counts.billed_mib_ms,
            u128::from(counts.invocations) * 512 * 10_000
        );
        let (cold, warm) = (seen.percentile(1000), seen.percentile(1));
        assert!(is_near(cold, 12.0, 0.01) && is_near(warm, 10.0, 0.01));
        (counts, seen.latencies.count())
    };
    assert_eq!(of(Detail::Aggregated), of(Detail::Requests));
}

#[test]
fn above_its_limit_it_throttles_or_has_them_wait() {
    let rate = || Rate::Constant(1_000_000);
    let mut limits = FunctionLimits {
        concurrency: 5,
        ..FunctionLimits::default()
    };
    let (bench, counts) = run(asked(rate(), limits, Detail::Aggregated), 2_000);
    // A loss system: a load of ten at five instances, by Erlang's first formula.
    let share = 0.564_4;
    let throttled = counts.throttled as f64 / bench.seen.offered as f64;
    assert!((throttled - share).abs() < 0.03, "{throttled}");
    assert_eq!(
        bench.seen.failed[FailureCause::QueueFull as usize],
        counts.throttled
    );
    assert_eq!(counts.instances, 5);
    limits.concurrency = 12;
    limits.queue_limit = 1_000;
    let (bench, counts) = run(asked(rate(), limits, Detail::Aggregated), 2_000);
    assert_eq!(counts.throttled, 0);
    assert!(bench.seen.waited > 0.0);
    assert_eq!(bench.seen.failures(), 0);
}

#[test]
fn provisioned_instances_cost_all_the_time_and_are_warm() {
    let limits = FunctionLimits {
        provisioned: 4,
        ..FunctionLimits::default()
    };
    let own = asked(Rate::Constant(10_000), limits, Detail::Aggregated);
    let (_, counts) = run(own, 10_000);
    assert_eq!((counts.cold_starts, counts.instances), (0, 4));
    assert_eq!(counts.provisioned_mib_ms, 4 * 512 * 10_000 * 1_000);
}

#[test]
fn who_gives_up_leaves_the_instance_at_work_and_it_is_billed() {
    let mut own = asked(
        Rate::Constant(10_000),
        FunctionLimits::default(),
        Detail::Aggregated,
    );
    own.groups[0].timeout = Duration::from_secs(11);
    own.functions[0].bills_start = true;
    let (bench, counts) = run(own, 20_000);
    let late = bench.seen.failed[FailureCause::Timeout as usize];
    // Those who had to wait for an instance to begin.
    assert!(late > 0 && late.abs_diff(counts.cold_starts) <= 1);
    assert_eq!(
        counts.billed_mib_ms,
        512 * (u128::from(counts.invocations) * 10_000 + u128::from(counts.cold_starts) * 2_000)
    );
}

//! Queueing against M/M/c: the part of requests that wait, and how long they wait on average, by Erlang
//! C. A million requests one by one, in twenty runs of their own for each case: the exact value is in
//! the interval that holds the mean of such runs 999 times of 1,000 (Student's t), and so is that of
//! the form of flows, which is right to a thousandth.

use super::*;

/// Runs of a case, and the quantile of t for the interval with 19 degrees of freedom.
const RUNS: u64 = 20;
const QUANTILE: f64 = 3.883;

/// Requests of a run.
const REQUESTS: f64 = 12_500.0;

/// Mean and half of the width of its interval.
fn interval(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values
        .iter()
        .map(|value| (value - mean) * (value - mean))
        .sum();
    let error = rng::math::sqrt(squares / (count - 1.0) / count);
    (mean, QUANTILE * error)
}

/// The part that finds every slot at work, and the mean wait in seconds, of requests one by one.
fn followed(slots: u32, rate: f64, seed: u64) -> (f64, f64) {
    let plan = plan(
        Balancing::Random,
        "exponential(100ms)",
        slots,
        rate,
        Detail::Requests,
    );
    let mut bench = Bench::seeded(plan, 1, seed);
    let from = Instant::from_secs(30);
    bench.seen.from = from;
    bench.traffic.advance(from, &mut bench.seen);
    // Requests come by a Poisson process: they see what time sees.
    let (looks, span) = (1_000_i64, REQUESTS / rate * 1e9);
    let mut full = 0;
    for look in 1..=looks {
        let at = from.saturating_add(Duration::from_nanos((span * look as f64 / 1e3) as i64));
        bench.traffic.advance(at, &mut bench.seen);
        let pod = bench.traffic.pod(bench.pods[0]).expect("behind a service");
        full += i64::from(pod.concurrency >= f64::from(slots));
    }
    let wait = bench.seen.waited / bench.seen.nanos / rate;
    (full as f64 / looks as f64, wait)
}

/// Latencies that flows compute.
fn computed(slots: u32, rate: f64) -> (f64, f64) {
    let plan = plan(
        Balancing::Random,
        "exponential(100ms)",
        slots,
        rate,
        Detail::Aggregated,
    );
    let mut bench = Bench::new(plan, 1);
    bench.seen.from = Instant::from_secs(30);
    bench.until(630);
    let wait = bench.seen.waited / bench.seen.nanos / rate;
    let load = rate * 0.1 / f64::from(slots);
    let traffic = &mut bench.traffic;
    let server = traffic.fluids[0].alike[0].server;
    let share = traffic
        .servers
        .wait(server, 1, Balancing::Random, load)
        .share;
    (share, wait)
}

#[test]
fn who_waits_and_how_long_is_that_of_erlang() {
    for (slots, load) in [(1, 0.5), (2, 0.8), (5, 0.7), (10, 0.9)] {
        let servers = f64::from(slots);
        let rate = servers * load / 0.1;
        let share = queueing::erlang_c(slots, servers * load);
        let mean = share * 0.1 / (servers * (1.0 - load));
        let runs: Vec<(f64, f64)> = (0..RUNS).map(|seed| followed(slots, rate, seed)).collect();
        let flows = computed(slots, rate);
        let of = |pick: fn(&(f64, f64)) -> f64| runs.iter().map(pick).collect::<Vec<f64>>();
        for (what, exact, flows, found) in [
            ("share", share, flows.0, interval(&of(|own| own.0))),
            ("wait", mean, flows.1, interval(&of(|own| own.1))),
        ] {
            let told = format!("M/M/{slots} at {load}, {what}: {exact} {flows} {found:?}");
            assert!((found.0 - exact).abs() <= found.1, "{told}");
            assert!((found.0 - flows).abs() <= found.1, "{told}");
            assert!(is_near(flows, exact, 0.001), "{told}");
            // The interval is narrow enough to tell.
            assert!(found.1 < 0.2 * exact, "{told}");
        }
    }
}

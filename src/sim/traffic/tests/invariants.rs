//! Properties that always hold, whatever happens to pods.

use proptest::prelude::*;

use super::super::*;
use super::bench::{Bench, plan};
use model::service::Balancing;
use units::Duration;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases / 10,
        ..ProptestConfig::default()
    })]
    #[test]
    fn no_request_is_lost_or_made_whatever_happens(
        is_flow in any::<bool>(),
        rule in 0_usize..6,
        rate in 1.0..400.0_f64,
        most in 0_u32..4,
        deeds in prop::collection::vec((0_u8..3, 0_i64..8), 1..16),
    ) {
        let detail = if is_flow { Detail::Aggregated } else { Detail::Requests };
        let mut plan = plan(Balancing::NAMES[rule].1, "exponential(40ms)", 2, rate, detail);
        plan.groups[0].timeout = Duration::from_millis(400);
        plan.groups[0].retries.most = most;
        plan.model.server.queue_limit = 20;
        plan.model.server.error_share = 0.02;
        let mut bench = Bench::new(plan, 2);
        let mut now = Instant::ZERO;
        for (deed, pause) in deeds {
            now = now.saturating_add(Duration::from_millis(pause * 700));
            match deed {
                0 => {
                    bench.start(now, "web");
                }
                1 if !bench.pods.is_empty() => {
                    let pod = bench.pods.remove(0);
                    bench.stop(now, pod);
                }
                _ => bench.traffic.advance(now, &mut bench.seen),
            }
        }
        let end = now.saturating_add(Duration::from_secs(5));
        bench.traffic.advance(end, &mut bench.seen);
        let seen = &bench.seen;
        let ended = seen.succeeded + seen.failures();
        prop_assert!(ended <= seen.offered);
        // What is under way is what waits, is worked on or pauses: no more than a few seconds'.
        prop_assert!((seen.offered - ended) as f64 <= rate * 4.0 + 120.0);
        prop_assert_eq!(seen.latencies.count(), seen.succeeded);
        if is_flow {
            let exact = (rate * 1e6) as u128 * end.as_nanos() as u128 / 1_000_000_000_000_000;
            prop_assert_eq!(u128::from(seen.offered), exact);
        }
    }
}

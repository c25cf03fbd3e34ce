//! Deployments that fail: their breakers, and the time between their tries (spec: orchestrators-a.md section
//! 7.2).

use units::Instant;

use super::super::breaker::{CircuitBreaker, threshold};
use super::super::service::Throttle;

#[test]
fn a_breaker_opens_at_its_threshold_and_counts_health_checks_once_a_task_ran() {
    let thresholds = [1, 25, 400, 800].map(threshold);
    assert_eq!(thresholds, [10, 13, 200, 200]);
    let mut breaker = CircuitBreaker::new(1);
    assert!((0..9).all(|_| !breaker.task_never_ran()));
    assert!(breaker.task_never_ran());
    let mut breaker = CircuitBreaker::new(1);
    assert!((0..9).all(|_| !breaker.task_never_ran()));
    breaker.task_runs();
    assert!(!breaker.task_never_ran());
    assert!((0..9).all(|_| !breaker.health_check_failed()));
    assert!(breaker.health_check_failed());
}

#[test]
fn the_throttle_doubles_up_to_a_quarter_of_an_hour() {
    let mut throttle = Throttle::default();
    let mut delays = Vec::new();
    // Two tasks in each try.
    for newest in (2..20).step_by(2) {
        assert!(throttle.task_never_ran(Instant::ZERO, newest - 1, newest));
        assert!(!throttle.task_never_ran(Instant::ZERO, newest, newest));
        let until = throttle.until().expect("a delay");
        delays.push(until.since(Instant::ZERO).as_nanos() / 1_000_000_000);
    }
    assert_eq!(delays, [10, 20, 40, 80, 160, 320, 640, 900, 900]);
    throttle.reset();
    assert_eq!(throttle.until(), None);
}

//! Sequences and limits of balancers.

mod million;

use super::*;

const START: Instant = Instant::from_secs(1000);

fn balancer(algorithm: Algorithm, weights: &[(&str, i64)]) -> Balancer {
    let rng = Stream::new(7, "balancer", 0);
    let mut own = Balancer::new(algorithm, Limits::default(), rng);
    let list: Vec<(Text, i64)> = weights.iter().map(|&(id, w)| (id.into(), w)).collect();
    own.set_endpoints(&list);
    own
}

fn sequence(own: &mut Balancer, requests: usize) -> String {
    let picks = (0..requests).map(|_| own.pick(START, 0, &[]).expect("an endpoint"));
    picks.collect::<Vec<_>>().concat()
}

#[test]
fn deterministic_sequences_are_those_of_the_examples() {
    for (algorithm, weights, expected) in [
        (
            Algorithm::SmoothWeighted,
            &[("a", 5), ("b", 1), ("c", 1)][..],
            "aabacaa",
        ),
        (
            Algorithm::SmoothWeighted,
            &[("a", 3), ("b", 2)],
            "ababaababa",
        ),
        (
            Algorithm::RoundRobin,
            &[("b", 1), ("a", 1), ("c", 1)],
            "abcabca",
        ),
    ] {
        let mut own = balancer(algorithm, weights);
        assert_eq!(
            sequence(&mut own, expected.len()),
            expected,
            "{algorithm:?}"
        );
    }
    let mut own = balancer(Algorithm::SmoothWeighted, &[("a", 5), ("b", 1), ("c", 1)]);
    sequence(&mut own, 7);
    assert_eq!(own.current_weights(), [("a", 0), ("b", 0), ("c", 0)]);
}

#[test]
fn least_connections_counts_weights_and_takes_turns_among_equals() {
    let weights = [("a", 1), ("b", 1), ("c", 2)];
    let mut own = balancer(Algorithm::LeastConnections, &weights);
    own.peers[0].connections = 2;
    own.peers[2].connections = 1;
    assert_eq!(sequence(&mut own, 6), "bccbcb");
    let open: Vec<i64> = ["a", "b", "c"]
        .iter()
        .map(|id| own.connections(id))
        .collect();
    assert_eq!(open, [2, 3, 4]);
}

#[test]
fn an_endpoint_that_fails_is_left_out_and_tried_once_later() {
    let mut own = balancer(Algorithm::RoundRobin, &[("a", 1), ("b", 1)]);
    let at = |secs| START + Duration::from_secs(secs);
    assert_eq!(own.pick(at(0), 0, &[]).as_deref(), Some("a"));
    own.finish(at(0), "a", RequestOutcome::Failed);
    assert_eq!(own.pick(at(0), 0, &["a".into()]).as_deref(), Some("b"));
    assert_eq!(own.pick(at(10), 0, &[]).as_deref(), Some("b"));
    assert_eq!(own.pick(at(11), 0, &["b".into()]).as_deref(), Some("a"));
    // While it is being tried, no other request goes there.
    assert_eq!(own.pick(at(12), 0, &["b".into()]), None);
    own.finish(at(12), "a", RequestOutcome::Well);
    assert_eq!(own.pick(at(12), 0, &["b".into()]).as_deref(), Some("a"));
}

#[test]
fn a_source_stays_with_its_endpoint_and_weights_share_sources() {
    let mut own = balancer(Algorithm::Source, &[("a", 1), ("b", 3)]);
    let mut counts = [0_i64; 2];
    for client in 0..40_000 {
        let one = own.pick(START, client, &[]).expect("an endpoint");
        assert_eq!(own.pick(START, client, &[]), Some(one.clone()));
        counts[usize::from(&*one == "b")] += 1;
    }
    assert!((counts[0] - 10_000).abs() < 450, "{counts:?}");
}

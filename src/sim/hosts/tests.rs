//! Heartbeats, outages and paces of hosts.

use super::*;

const NODE: NodeId = NodeId(3);

#[test]
fn a_host_is_back_when_every_cause_is_gone() {
    let mut hosts = Hosts::new(7, None);
    let now = Instant::from_secs(60);
    let cut = hosts.strike(now, NODE, Trouble::Partition);
    assert!(cut.is_first && !cut.crashes && cut.was_heard);
    let crash = hosts.strike(now, NODE, Trouble::Crash);
    assert!(crash.is_first && crash.crashes && !crash.was_heard);
    // A crash of what is down already is none.
    let overlapping = hosts.strike(now, NODE, Trouble::Crash);
    assert!(!overlapping.is_first && !overlapping.crashes && !overlapping.was_heard);
    assert!(hosts.relieve(now, NODE, Trouble::Crash).is_none() && !hosts.is_up(NODE));
    assert!(hosts.relieve(now, NODE, Trouble::Crash).is_none() && hosts.is_up(NODE));
    let lost = hosts.relieve(now, NODE, Trouble::Partition);
    assert!(lost.is_some_and(|lost| lost.crashed) && hosts.is_reached(NODE));
    assert_eq!(hosts.last_heartbeat(now, NODE), now);
}

#[test]
fn a_disk_is_full_until_every_cause_is_gone() {
    let mut hosts = Hosts::new(7, None);
    assert!(hosts.set_full(NODE, true));
    assert!(hosts.set_full(NODE, true));
    assert!(hosts.set_full(NODE, false));
    assert!(!hosts.set_full(NODE, false));
}

#[test]
fn an_agent_without_its_runtime_is_heard_and_says_after_a_while_that_it_is_not_ready() {
    let mut hosts = Hosts::new(7, None);
    let at = |secs: i64| Instant::from_secs(secs);
    let stalled = hosts.strike(at(60), NODE, Trouble::Runtime);
    assert!(stalled.is_first && stalled.was_heard);
    assert!(hosts.is_heard(NODE) && hosts.is_up(NODE) && !hosts.is_reached(NODE));
    let unready = hosts.unready_at(at(60), NODE);
    assert!(at(90) < unready && unready <= at(100), "{unready}");
    assert!(!hosts.is_unready(at(89), NODE) && hosts.is_unready(at(90), NODE));
    // Cut off it says nothing; heard again it says it still.
    let cut = hosts.strike(at(95), NODE, Trouble::Partition);
    assert!(cut.is_first && cut.was_heard);
    assert!(!hosts.is_unready(at(96), NODE));
    assert!(hosts.relieve(at(97), NODE, Trouble::Partition).is_none());
    assert!(hosts.is_unready(at(97), NODE));
    assert!(hosts.relieve(at(98), NODE, Trouble::Runtime).is_some());
    assert!(hosts.is_reached(NODE) && !hosts.is_unready(at(99), NODE));
}

#[test]
fn leases_are_renewed_every_ten_seconds() {
    let mut hosts = Hosts::new(7, None);
    hosts.joined(Instant::ZERO, NODE, "node-3");
    for secs in [0, 4, 10, 99, 100] {
        let now = Instant::from_secs(secs);
        let (last, next) = (
            hosts.last_heartbeat(now, NODE),
            hosts.next_heartbeat(now, NODE),
        );
        assert!(last <= now && now < next && next.since(now) <= LEASE_PERIOD);
        assert!(last == Instant::ZERO || next.since(last) == LEASE_PERIOD);
    }
}

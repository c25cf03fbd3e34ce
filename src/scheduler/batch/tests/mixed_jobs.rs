//! Jobs whose members ask for different amounts.

use super::*;

#[test]
fn unlike_members_start_at_once_or_wait() {
    let mut world = World::new(&[4, 2], NONE);
    let first = world.submit(1, 3, 10);
    let unlike = world.submit_unlike(&[1, 2, 2], 10);
    world.settle();
    // Two of the three would fit.
    assert_eq!(world.nodes(&unlike), [-1; 3]);
    assert_eq!(world.planner.backlog(), 3);
    world.end(&first);
    world.settle();
    // Those that ask for most go first.
    assert_eq!(world.nodes(&unlike), [1, 0, 0]);
    assert_eq!(world.bound, [1, 3]);
    assert_eq!(world.planner.backlog(), 0);
}

#[test]
fn an_unlike_job_that_no_cluster_holds_waits_aside() {
    let mut world = World::new(&[4, 2], NONE);
    // Each member fits, and both do not.
    let large = world.submit_unlike(&[4, 3], 10);
    let small = world.submit(1, 1, 10);
    world.settle();
    assert_eq!(world.nodes(&large), [-1, -1]);
    assert_eq!(world.nodes(&small), [0]);
    world.end(&small);
    world.add_node(3);
    world.settle();
    assert_eq!(world.nodes(&large), [0, 2]);
}

#[test]
fn jobs_pass_an_unlike_one_that_end_before_its_earliest_start() {
    let mut world = World::new(&[4], ACTIVE);
    world.submit(1, 3, 100);
    world.settle();
    let chosen = world.submit_unlike(&[1, 2], 10);
    let long = world.submit(1, 1, 100);
    let short = world.submit(1, 1, 60);
    world.settle();
    let places = [&chosen, &long, &short].map(|pods| world.nodes(pods)[0]);
    assert_eq!(places, [-1, -1, 0]);
}

#[test]
fn a_refused_member_is_tried_again_as_what_it_is() {
    let mut world = World::new(&[5], NONE);
    let unlike = world.submit_unlike(&[1, 2, 2], 10);
    let mut out = Outbox::default();
    world.planner.step(world.now, &world.store, &mut out);
    let is_of = |write: &&Write, pod: PodRef| matches!(write.event, Event::PodBound { pod: own, .. } if own == pod);
    for &pod in &unlike[..2] {
        let write = out.writes.iter().find(|write| is_of(write, pod));
        let refused = write.expect("a binding");
        world.planner.refused(refused, &Conflict::Refused);
    }
    let kept = out.writes.iter().find(|write| is_of(write, unlike[2]));
    let kept = kept.expect("a binding").event.clone();
    world.apply(kept);
    world.now = Instant::from_secs(2);
    world.settle();
    assert_eq!(world.nodes(&unlike), [0; 3]);
}

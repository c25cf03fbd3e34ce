//! Rollouts of systems that leave the status of a workload as it is.

use super::*;

/// A deployment of four pods without a status.
fn silent(image: &str) -> Object {
    let Object::Deployment(own) = deployment(image, 1, 0, 0) else {
        panic!("a deployment");
    };
    Object::Deployment(Arc::new(Deployment {
        status: DeploymentStatus::default(),
        ..Deployment::clone(&own)
    }))
}

#[test]
fn a_rollout_that_nobody_reports_on_lasts_until_all_pods_are_new_and_ready() {
    let mut world = World::new(Window::FULL);
    let id = world.create(0, None, silent("one"));
    let pods = [0, 0, 1, 1].map(|node| world.ready_pod(0, id, node));
    world.update(20, id, silent("two"));
    // Stop first: each is asked to terminate, and its replacement is ready later.
    for (number, pod) in pods.into_iter().enumerate() {
        let at = 20 + 10 * number as i64;
        world.told(at, pod, EndReason::Cancelled);
        let new = world.pod(at + 2, id, 0);
        world.ready(at + 8, new, true);
    }
    let metrics = world.finish(100);
    check(
        &metrics,
        &[
            ("rollouts.begun", Some(1.0)),
            ("rollouts.unfinished", Some(0.0)),
            ("rollouts.max", Some(38.0)),
            ("rollouts.lowest_ready", Some(0.75)),
        ],
    );
}

#[test]
fn one_whose_pods_never_come_is_open() {
    let mut world = World::new(Window::FULL);
    let id = world.create(0, None, silent("one"));
    let pods = [0, 0, 1, 1].map(|node| world.ready_pod(0, id, node));
    world.update(20, id, silent("two"));
    for pod in pods {
        world.told(20, pod, EndReason::Cancelled);
    }
    for _ in 0..3 {
        world.ready_pod(30, id, 0);
    }
    let metrics = world.finish(100);
    check(
        &metrics,
        &[
            ("rollouts.begun", Some(1.0)),
            ("rollouts.unfinished", Some(1.0)),
            ("rollouts.lowest_ready", Some(0.0)),
        ],
    );
}

//! Deleted objects and their dependents, and limited clients.

use super::world::{World, deployment, replica_set};
use super::*;
use crate::client_limit::ClientLimit;

fn delete(world: &mut World, propagation: Propagation) {
    let target = Target {
        kind: "Deployment",
        namespace: "default".into(),
        name: "shop".into(),
    };
    world.operate(&Operation::Delete(target, propagation));
}

fn kinds(world: &World) -> Vec<&'static str> {
    let objects = world.store.objects().iter();
    objects.map(|(_, row)| row.object.kind()).collect()
}

#[test]
fn a_deployment_deleted_in_the_foreground_stays_until_its_pods_are_gone() {
    let mut world = World::new(3);
    world.create(deployment("shop:1"));
    world.run();
    delete(&mut world, Propagation::Foreground);
    assert_eq!(kinds(&world), ["Deployment", "ReplicaSet"]);
    assert!(
        world
            .living()
            .iter()
            .all(|own| world.store.pod_states().is_terminating(own.pod))
    );
    world.end_told();
    assert!(world.living().is_empty() && kinds(&world).is_empty());
}

#[test]
fn orphans_stay_and_are_kept_at_their_number() {
    let mut world = World::new(3);
    world.create(deployment("shop:1"));
    world.run();
    delete(&mut world, Propagation::Orphan);
    assert_eq!(kinds(&world), ["ReplicaSet"]);
    assert!(
        world
            .store
            .objects()
            .iter()
            .all(|(_, row)| row.owner.is_none())
    );
    let pod = world.living()[0].pod;
    world.end(pod, EndReason::Error);
    assert_eq!(world.living().len(), 4);
}

#[test]
fn a_limited_client_creates_pods_one_by_one() {
    let mut world = World::new(3);
    world.manager = ControllerManager::new(&ControllerOptions {
        client: Some(ClientLimit {
            per_second: 10,
            burst: 5,
        }),
        ..ControllerOptions::default()
    });
    world.create(replica_set(20));
    // Of the five requests one is about the first pod that was created.
    let first = world.living().len();
    assert!((3..=5).contains(&first), "{first}");
    world.pass(1);
    let second = world.living().len();
    assert!((second - first) <= 10 && second > first + 6, "{second}");
    world.pass(4);
    assert_eq!(world.living().len(), 20);
}

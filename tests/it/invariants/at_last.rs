//! Promises that hold once all has been quiet for long.

use windtunnel::cluster::Store;
use windtunnel::model::Object;
use windtunnel::units::{NodeId, SortedSet};

use super::{RUNS, is_ready, pods};
use crate::controlled::names;

/// Daemons are exactly where they may be; one that was replaced while others filled its node waits for
/// room, and the update waits for it.
fn at_last_daemons(store: &Store, broken: &mut Vec<String>) {
    let own = pods(store, "log");
    let placed: Vec<NodeId> = own.iter().filter_map(|pod| pod.node()).collect();
    let places: SortedSet<NodeId> = placed.iter().copied().collect();
    let asked = own
        .first()
        .map_or(0, |pod| store.class(pod.class).requests.cpu_milli);
    let has_room = |node: &NodeId| store.nodes().free().row(*node).cpu_milli >= asked;
    let missing = store
        .nodes()
        .present()
        .filter(|node| !places.contains(node));
    let missing: Vec<NodeId> = missing.collect();
    let ready = own.iter().filter(|pod| is_ready(store, pod)).count();
    if missing.iter().any(has_room) || placed.len() != places.len() || ready != placed.len() {
        broken.push(format!(
            "daemons on {placed:?}, {ready} ready, none on {missing:?}"
        ));
    }
    let images = own
        .iter()
        .map(|pod| &store.class(pod.class).spec.containers[0].image);
    let images: SortedSet<_> = images.collect();
    if missing.is_empty() && images.len() > 1 {
        broken.push(format!("daemons of {images:?}"));
    }
}

/// What must be so once all has been quiet for long.
pub(super) fn at_last(store: &Store, broken: &mut Vec<String>) {
    let object = |kind: &'static str, name: &str| {
        let id = store.objects().find(kind, &"default".into(), &name.into());
        id.and_then(|id| store.objects().get(id))
            .map(|row| row.object.clone())
    };
    let images = |app: &str| -> SortedSet<String> {
        let own = pods(store, app).into_iter();
        own.map(|pod| store.class(pod.class).spec.containers[0].image.to_string())
            .collect()
    };
    let ready = |app: &str| {
        { pods(store, app).into_iter() }
            .filter(|pod| is_ready(store, pod))
            .count()
    };
    if let Some(Object::Deployment(shop)) = object("Deployment", "shop") {
        let (all, up) = (pods(store, "shop").len(), ready("shop"));
        let wanted = shop.replicas as usize;
        if (all, up) != (wanted, wanted) || images("shop").len() > 1 {
            broken.push(format!(
                "a shop of {wanted} has {all} pods, {up} ready, {:?}",
                images("shop")
            ));
        }
    }
    if let Some(Object::StatefulSet(db)) = object("StatefulSet", "db") {
        let expected: Vec<String> = (0..db.replicas)
            .map(|place| format!("db-{place}"))
            .collect();
        let found = names(store, "db");
        if found != expected || ready("db") != expected.len() || images("db").len() > 1 {
            broken.push(format!(
                "a set of {expected:?} is {found:?}, {} ready",
                ready("db")
            ));
        }
    }
    at_last_daemons(store, broken);
    for name in ["sums", "parts"] {
        let Some(Object::Job(job)) = object("Job", name) else {
            broken.push(format!("no job {name}"));
            continue;
        };
        let status = &job.status;
        let is_complete = status
            .conditions
            .iter()
            .any(|known| known.kind.is_final() && known.holds);
        if status.succeeded != RUNS || status.active != 0 || !is_complete {
            broken.push(format!("{name}: {status:?}"));
        }
        if name == "parts" && status.completed_indexes.total() != RUNS {
            broken.push(format!("indexes {:?}", status.completed_indexes));
        }
    }
}

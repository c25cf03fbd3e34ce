//! Gangs that can never start: all nodes together don't hold their members.

use cluster::Store;
use model::{Pod, PodName};
use scheduler::batch::whole_places;
use units::{ClassId, GangId, SortedMap, plural};

/// The gangs of a store of which no member has a node, with the reasons of those that can never start.
#[derive(Default)]
pub(super) struct WideGangs {
    reasons: SortedMap<GangId, String>,
}

impl WideGangs {
    /// The gangs of a store whose scheduler starts all members of a gang or none.
    pub(super) fn of(store: &Store) -> Self {
        let mut sizes: SortedMap<(GangId, ClassId), (u64, &Pod)> = SortedMap::new();
        let mut started: SortedMap<GangId, ()> = SortedMap::new();
        for pod in store.pods().iter() {
            let Some(gang) = pod.gang() else {
                continue;
            };
            if super::waits(store, pod) {
                sizes.entry((gang, pod.class)).or_insert((0, pod)).0 += 1;
            } else {
                started.insert(gang, ());
            }
        }
        let mut places: SortedMap<ClassId, u64> = SortedMap::new();
        let mut known: SortedMap<(ClassId, u64), String> = SortedMap::new();
        let mut reasons = SortedMap::new();
        for ((gang, class), (members, first)) in sizes {
            let all = *(places.entry(class)).or_insert_with(|| whole_places(store, class));
            if members <= all || started.contains_key(&gang) {
                continue;
            }
            let reason = known.entry((class, members)).or_insert_with(|| {
                let pods = plural::count(members, "pod");
                let apart = if store.class(class).is_one_per_node() {
                    ", and each pod needs a node of its own"
                } else {
                    ""
                };
                format!(
                    "a gang of {pods} (such as `{}`) can never start: all nodes together hold {all}{apart}",
                    job_of(&first.name)
                )
            });
            reasons.insert(gang, reason.clone());
        }
        Self { reasons }
    }

    /// The reason of a pod's gang, if it can never start.
    pub(super) fn reason(&self, pod: &Pod) -> Option<&String> {
        self.reasons.get(&pod.gang()?)
    }
}

/// The job that a member belongs to, by its name.
fn job_of(name: &PodName) -> PodName {
    match name {
        PodName::Member(job, _) => PodName::Job(*job),
        other => other.clone(),
    }
}

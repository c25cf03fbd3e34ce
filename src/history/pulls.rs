//! Pulls of images on the time line: when nodes were getting images, and when they could not.

use cluster::{Incident, Store};
use model::{PodRef, PullStep};
use units::{NodeId, PodId, SortedMap};

use super::incidents::Incidents;

/// Greatest number of spells of pulling that are listed: many pulls must not crowd out what fails.
const SPELLS_MAX: u64 = 200;

/// Pulls on their way, and images that can't be pulled.
#[derive(Clone, Debug, Default)]
pub(super) struct Pulls {
    open: SortedMap<(PodId, u16), (NodeId, &'static str)>,
    /// Spells that were told, and when the last of them began.
    told: (u64, i64),
}

/// Step of a pull for a container of a pod.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pull {
    pub(super) pod: PodRef,
    pub(super) container: u16,
    pub(super) step: PullStep,
}

const PULLING: &str = "pulling images";
const FAILING: &str = "pulls of images fail";

impl Pulls {
    /// Follows a step of a pull.
    pub(super) fn step(&mut self, at: i64, pull: Pull, store: &Store, incidents: &mut Incidents) {
        let Pull {
            pod,
            container,
            step,
        } = pull;
        let Some(node) = store.pods().get(pod).and_then(model::Pod::node) else {
            return;
        };
        let what = match step {
            PullStep::Asked => PULLING,
            PullStep::Failed { .. } => FAILING,
            PullStep::Done { .. } => return self.close(at, (pod.id, container), store, incidents),
        };
        let key = (pod.id, container);
        match self.open.get(&key) {
            // It is tried again: it fails still, as far as is known.
            Some((_, FAILING)) => return,
            Some((_, known)) if *known == what => return,
            Some(_) => self.close(at, key, store, incidents),
            None => {}
        }
        if what == PULLING {
            let (told, last) = self.told;
            if told >= SPELLS_MAX && last != at {
                return;
            }
            self.told = (told + u64::from(last != at || told == 0), at);
        }
        self.open.insert(key, (node, what));
        let incident = Incident {
            what,
            node: Some(node),
            begins: true,
        };
        incidents.apply(at, incident, store);
    }

    /// A pod is gone, and with it what it waited for.
    pub(super) fn ended(&mut self, at: i64, pod: PodId, store: &Store, incidents: &mut Incidents) {
        if self.open.is_empty() {
            return;
        }
        let own = self.open.range((pod, 0)..=(pod, u16::MAX));
        let keys: Vec<(PodId, u16)> = own.map(|(&key, _)| key).collect();
        for key in keys {
            self.close(at, key, store, incidents);
        }
    }

    fn close(&mut self, at: i64, key: (PodId, u16), store: &Store, incidents: &mut Incidents) {
        if let Some((node, what)) = self.open.remove(&key) {
            let incident = Incident {
                what,
                node: Some(node),
                begins: false,
            };
            incidents.apply(at, incident, store);
        }
    }
}

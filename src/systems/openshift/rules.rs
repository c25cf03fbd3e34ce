//! A policy of the scheduler: the predicates that a node has to pass, and the priorities with their weights
//! (spec: orchestrators-a.md section 8.1; those of 3.11 as its `scheduler.json` states them).

use model::Text;

/// A predicate of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Predicate {
    /// The labels that the pod asks for.
    MatchNodeSelector,
    /// Processors, memory and the number of pods.
    PodFitsResources,
    /// Ports of the node.
    PodFitsPorts,
    /// Disks with one writer.
    NoDiskConflict,
    /// The region of the pod's service.
    Region,
    /// Required affinity and anti-affinity of the pod to others, and anti-affinity of others to it.
    MatchInterPodAffinity,
}

impl Predicate {
    /// Name of the predicate.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MatchNodeSelector => "MatchNodeSelector",
            Self::PodFitsResources => "PodFitsResources",
            Self::PodFitsPorts => "PodFitsPorts",
            Self::NoDiskConflict => "NoDiskConflict",
            Self::Region => "Region",
            Self::MatchInterPodAffinity => "MatchInterPodAffinity",
        }
    }
}

/// A priority of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Mean of what would be left of processors and memory.
    LeastRequested,
    /// Few pods of the service on the node.
    ServiceSpreading,
    /// Few pods on the node and in the zone that a service or a controller of the pod selects.
    SelectorSpread,
    /// Few pods of the service in the zone.
    Zone,
    /// Even use of processors and memory.
    Balanced,
    /// Preferred node affinity.
    NodeAffinity,
    /// Few taints that the pod avoids.
    TaintToleration,
    /// Preferred affinity and anti-affinity between pods.
    InterPodAffinity,
    /// Nodes that ask the pod's controller to stay away come last.
    NodePreferAvoidPods,
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Predicates that a node has to pass.
    pub predicates: Vec<Predicate>,
    /// Priorities with their weights.
    pub priorities: Vec<(Priority, i64)>,
    /// Label of a node's region.
    pub region: Text,
    /// Label of a node's zone.
    pub zone: Text,
    /// Weight of required affinity of other pods to the new one (`hardPodAffinitySymmetricWeight`).
    pub required_affinity: i64,
}

/// Weight of the priority of nodes that ask pods to stay away.
const AVOIDED: i64 = 10_000;

impl Rules {
    /// The policy of the early releases of 3.
    pub fn early() -> Self {
        Self {
            predicates: vec![
                Predicate::MatchNodeSelector,
                Predicate::PodFitsResources,
                Predicate::PodFitsPorts,
                Predicate::NoDiskConflict,
                Predicate::Region,
            ],
            priorities: vec![
                (Priority::LeastRequested, 1),
                (Priority::ServiceSpreading, 1),
                (Priority::Zone, 2),
            ],
            region: "region".into(),
            zone: "zone".into(),
            required_affinity: 1,
        }
    }

    /// The policy of 3.11.
    pub fn v3_11() -> Self {
        let mut rules = Self::early();
        rules.predicates.push(Predicate::MatchInterPodAffinity);
        (rules.priorities).retain(|(own, _)| *own != Priority::ServiceSpreading);
        rules.priorities.extend([
            (Priority::SelectorSpread, 1),
            (Priority::Balanced, 1),
            (Priority::NodeAffinity, 1),
            (Priority::TaintToleration, 1),
            (Priority::InterPodAffinity, 1),
            (Priority::NodePreferAvoidPods, AVOIDED),
        ]);
        rules
    }

    /// Weight of a priority; 0 where the policy does not have it.
    pub fn weight(&self, priority: Priority) -> i64 {
        let mut weights = self.priorities.iter();
        let found = weights.find(|(own, _)| *own == priority);
        found.map_or(0, |(_, weight)| *weight)
    }

    /// Whether a predicate belongs to the policy.
    pub fn has(&self, predicate: Predicate) -> bool {
        self.predicates.contains(&predicate)
    }

    /// Whether the services that select a pod bear on a decision.
    pub fn looks_at_services(&self) -> bool {
        let of_services = [
            Priority::ServiceSpreading,
            Priority::SelectorSpread,
            Priority::Zone,
        ];
        let has_weight = |own: &Priority| self.weight(*own) != 0;
        self.has(Predicate::Region) || of_services.iter().any(has_weight)
    }

    /// Whether affinity between pods bears on a decision.
    pub fn looks_at_pods(&self) -> bool {
        self.has(Predicate::MatchInterPodAffinity) || self.weight(Priority::InterPodAffinity) != 0
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self::early()
    }
}

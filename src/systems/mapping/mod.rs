//! One workload for every system: what a workload asks for is looked up in a system's table of
//! capabilities; what the system can't express is listed, by object and field, and never dropped in
//! silence (spec: orchestrators-a.md, section 13).

mod wishes;

use std::fmt;

use model::{Object, PodSpec, Text};

use super::capability::{Capabilities, Capability, Support, support};
use units::SortedMap;

pub use wishes::is_one_per_node;
use wishes::{OF_PODS, asked_of_pod};

/// Capabilities that an object asks for, and the field that does so; its pods' wishes aside.
fn of_object(object: &Object) -> Vec<(Capability, &'static str)> {
    match object {
        Object::Deployment(_) | Object::ReplicaSet(_) | Object::ReplicationController(_) => {
            vec![(Capability::Replicas, "spec.replicas")]
        }
        Object::StatefulSet(_) => vec![
            (Capability::Replicas, "spec.replicas"),
            (Capability::StatefulSet, "spec.podManagementPolicy"),
        ],
        Object::DaemonSet(_) => vec![(Capability::DaemonSet, "spec.template")],
        Object::Job(_) => vec![(Capability::Job, "spec.completions")],
        Object::CronJob(_) => vec![(Capability::CronJob, "spec.schedule")],
        Object::PodDisruptionBudget(_) => {
            vec![(Capability::DisruptionBudget, "spec")]
        }
        // What bears names is no wish of its own; the others are counted together, or by the pods that
        // need them.
        Object::Namespace(_)
        | Object::PriorityClass(_)
        | Object::Service(_)
        | Object::Secret(_)
        | Object::ConfigMap(_)
        | Object::Workload(_)
        | Object::ClusterQueue(_)
        | Object::ResourceClaim(_) => Vec::new(),
        _ => vec![(Capability::OtherObjects, "spec")],
    }
}

/// All capabilities that an object asks for, those of its pods included.
fn asked_of_object(object: &Object) -> impl Iterator<Item = (Capability, &'static str)> {
    let pods = template_of(object).into_iter().flat_map(asked_of_pod);
    of_object(object).into_iter().chain(pods)
}

/// Pod template of an object.
pub fn template_of(object: &Object) -> Option<&PodSpec> {
    match object {
        Object::Deployment(own) => Some(&own.template),
        Object::ReplicaSet(own) | Object::ReplicationController(own) => Some(&own.template),
        Object::StatefulSet(own) => Some(&own.template),
        Object::DaemonSet(own) => Some(&own.template),
        Object::Job(own) => Some(&own.template),
        Object::CronJob(own) => Some(&own.template.template),
        _ => None,
    }
}

/// The first capability that a pod asks for and that a system refuses pods for; with the reason.
pub fn refusal(table: Capabilities, pod: &PodSpec) -> Option<(Capability, &'static str)> {
    let asked = OF_PODS.iter().filter(|(.., asks)| asks(pod));
    let mut refused = asked.filter_map(|&(capability, ..)| match support(table, capability) {
        Some(Support::Refused(why)) => Some((capability, why)),
        _ => None,
    });
    refused.next()
}

/// Reason why an object, or its pods, would be refused.
pub fn object_refusal(table: Capabilities, object: &Object) -> Option<(Capability, &'static str)> {
    let own = of_object(object).into_iter();
    let mut refused = own.filter_map(|(capability, _)| match support(table, capability) {
        Some(Support::Refused(why)) => Some((capability, why)),
        _ => None,
    });
    refused
        .next()
        .or_else(|| refusal(table, template_of(object)?))
}

/// A part of a workload that is mapped.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// Pods of one class: how many, in gangs of how many.
    Pods {
        /// Name of the pods, or of one of them; `None` for pods of a trace or a generator, which no manifest states.
        name: Option<&'a str>,
        /// Spec of the pods.
        spec: &'a PodSpec,
        /// Number of the pods.
        count: u64,
        /// Whether some of them start together.
        in_gangs: bool,
        /// Whether some of them start together with pods of other arrivals.
        with_others: bool,
    },
    /// An object that controllers act on.
    Object(&'a Object),
    /// An object that is declared anew while it runs, and what it was before.
    Update {
        /// The object as it was.
        before: &'a Object,
        /// The object as it is from then on.
        object: &'a Object,
    },
    /// Services: how many.
    Services(u64),
    /// A node with taints.
    TaintedNode(&'a str),
    /// A node that takes another number of pods than nodes do by default.
    LimitedNode(&'a str),
}

/// Name of pods of traces and generators as the first object of a [`Gap`].
const OF_THE_WORKLOAD: &str = "of the workload";

/// Something that a workload asks for and a system can't express.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The capability.
    pub capability: Capability,
    /// First object that needs it, as `KIND/NAMESPACE/NAME`; `of the workload` for pods of traces and generators.
    pub object: String,
    /// Field that asks for it; empty for pods of traces and generators.
    pub field: &'static str,
    /// Number of objects that ask for it, the named one included.
    pub count: u64,
    /// Whether they are not run at all.
    pub is_refused: bool,
    /// Behaviour instead of the capability.
    pub instead: &'static str,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (object, capability, field) = (&self.object, self.capability, self.field);
        write!(f, "{object}")?;
        if self.count > 1 {
            write!(f, " and {} more", self.count - 1)?;
        }
        let verb = if self.is_refused {
            "not run"
        } else {
            "not expressible"
        };
        write!(f, ": {capability} ({field}) {verb}: {}", self.instead)
    }
}

/// Features of a workload that a system can't express.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Gaps, each once, in the order of capabilities.
    pub gaps: Vec<Gap>,
    /// Pods and objects that there are.
    pub items: u64,
    /// Number of pods that the system does not run.
    pub refused: u64,
}

/// One of several schedulers that knows less than its system does.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// Name by which pods choose it.
    pub name: &'a str,
    /// Capabilities that it has another answer to than its system.
    pub gaps: Capabilities,
}

impl Mapping {
    /// Maps a workload to a system by its table.
    pub fn of<'a>(table: Capabilities, items: impl IntoIterator<Item = Item<'a>>) -> Self {
        Self::of_schedulers(table, &[], None, items)
    }

    /// Maps a workload to a system whose options change some of the table's answers, and one of whose
    /// schedulers may know less than the system does.
    pub fn of_schedulers<'a>(
        table: Capabilities,
        by_options: Capabilities,
        named: Option<Named<'a>>,
        items: impl IntoIterator<Item = Item<'a>>,
    ) -> Self {
        let mut mapper = Mapper {
            table,
            by_options,
            named,
            gaps: SortedMap::new(),
            mapping: Self::default(),
        };
        for item in items {
            mapper.item(item);
        }
        let mut mapping = mapper.mapping;
        mapping.gaps = mapper.gaps.into_values().collect();
        mapping
    }

    /// Whether nothing of the workload can be run.
    pub const fn is_nothing(&self) -> bool {
        self.items > 0 && self.refused == self.items
    }
}

struct Mapper<'a> {
    table: Capabilities,
    by_options: Capabilities,
    named: Option<Named<'a>>,
    gaps: SortedMap<(Capability, &'static str), Gap>,
    mapping: Mapping,
}

impl Mapper<'_> {
    /// Gaps that are those of the scheduler of a pod alone.
    fn gaps_of(&self, spec: &PodSpec) -> Capabilities {
        let named = self.named.filter(|named| named.name == spec.scheduler());
        named.map_or(&[], |named| named.gaps)
    }

    fn item(&mut self, item: Item<'_>) {
        match item {
            Item::Pods {
                name,
                spec,
                count,
                in_gangs,
                with_others,
            } => {
                let namespace = &spec.namespace;
                let namespace: &str = if namespace.is_empty() {
                    "default"
                } else {
                    namespace
                };
                let who = name.map_or_else(
                    || OF_THE_WORKLOAD.to_owned(),
                    |name| format!("Pod/{namespace}/{name}"),
                );
                let gang = (Capability::Gangs, "members");
                let unlike = (Capability::UnlikeGangs, "gang");
                let asked = asked_of_pod(spec).chain(in_gangs.then_some(gang));
                let asked = asked.chain(with_others.then_some(unlike));
                // No field of a manifest asks for what a trace states.
                let asked = asked.map(|(own, field)| (own, name.map_or("", |_| field)));
                let is_refused = self.ask(self.gaps_of(spec), &who, count, asked);
                self.count(count, is_refused);
            }
            Item::Update { before, object } => {
                let rolls = template_of(before) != template_of(object);
                let rollout = rolls.then_some((Capability::RollingUpdate, "spec.template"));
                let known: Vec<_> = asked_of_object(before).collect();
                let new = asked_of_object(object).filter(|own| !known.contains(own));
                let gaps = template_of(object).map_or(&[][..], |spec| self.gaps_of(spec));
                self.ask(gaps, &named(object), 1, rollout.into_iter().chain(new));
            }
            Item::Object(object) => {
                let gaps = template_of(object).map_or(&[][..], |spec| self.gaps_of(spec));
                let is_refused = self.ask(gaps, &named(object), 1, asked_of_object(object));
                // What only guards others is no part of what is to run.
                if template_of(object).is_some() {
                    self.count(1, is_refused);
                }
            }
            Item::Services(count) => {
                let asked = [(Capability::Service, "spec.selector")];
                self.ask(&[], "Service", count, asked.into_iter());
            }
            Item::LimitedNode(name) => {
                let asked = [(Capability::PodSlots, "status.allocatable.pods")];
                self.ask(&[], &format!("Node/{name}"), 1, asked.into_iter());
            }
            Item::TaintedNode(name) => {
                let asked = [(Capability::Taints, "spec.taints")];
                let gaps = self.named.map_or(&[][..], |named| named.gaps);
                self.ask(gaps, &format!("Node/{name}"), 1, asked.into_iter());
            }
        }
    }

    fn count(&mut self, count: u64, is_refused: bool) {
        self.mapping.items += count;
        self.mapping.refused += if is_refused { count } else { 0 };
    }

    /// Notes what can't be expressed; whether it keeps the object from running.
    fn ask(
        &mut self,
        gaps: Capabilities,
        who: &str,
        count: u64,
        asked: impl Iterator<Item = (Capability, &'static str)>,
    ) -> bool {
        let mut any_refused = false;
        for (capability, field) in asked {
            let answer = support(gaps, capability)
                .or_else(|| support(self.by_options, capability))
                .or_else(|| support(self.table, capability));
            let (is_refused, instead) = match answer {
                Some(Support::Without(instead)) => (false, instead),
                Some(Support::Refused(why)) => (true, why),
                Some(Support::Yes(_)) | None => continue,
            };
            any_refused |= is_refused;
            let gap = self.gaps.entry((capability, field)).or_insert_with(|| Gap {
                capability,
                object: who.to_owned(),
                field,
                count: 0,
                is_refused,
                instead,
            });
            gap.count += count;
        }
        any_refused
    }
}

fn named(object: &Object) -> String {
    let (kind, namespace, name) = (object.kind(), object.namespace(), object.name());
    format!("{kind}/{namespace}/{name}")
}

/// A label's key as systems take it that know no `/` in keys.
pub fn plain_key(key: &str) -> Text {
    key.replace('/', ".").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::find;

    #[test]
    fn pods_of_a_scheduler_that_knows_less_have_its_gaps() {
        let table = find("kubernetes").expect("a system").capabilities;
        let spec = |scheduler: &str| PodSpec {
            scheduler_name: scheduler.into(),
            priority: 5,
            ..PodSpec::default()
        };
        let (own, other, none) = (spec("b"), spec("c"), spec(""));
        let pods = [("x", &own), ("y", &other), ("z", &none)].map(|(name, spec)| Item::Pods {
            name: Some(name),
            spec,
            count: 2,
            in_gangs: false,
            with_others: false,
        });
        let gaps = |name| {
            let named = Named {
                name,
                gaps: crate::mesos::beside::GAPS,
            };
            let items = pods.into_iter().chain([Item::TaintedNode("n")]);
            let mapping = Mapping::of_schedulers(table, &[], Some(named), items);
            assert!(!mapping.is_nothing());
            let gaps = mapping.gaps.into_iter();
            gaps.map(|gap| format!("{} {} {:?}", gap.object, gap.count, gap.capability))
                .collect::<Vec<_>>()
        };
        let taints = "Node/n 1 Taints";
        assert_eq!(gaps("b"), [taints, "Pod/default/x 2 Priority"]);
        assert_eq!(
            gaps("default-scheduler"),
            [taints, "Pod/default/z 2 Priority"]
        );
        assert_eq!(Mapping::of(table, pods).gaps, []);
    }
}

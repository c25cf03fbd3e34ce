//! Cases of gangs: kube-scheduler with its coscheduling plugin on one node of so many slots (spec:
//! orchestrators-b.md section 7.6).

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::job_runs::{Work, simulate};
use super::{Case, Decide, Forms, Trouble, read};
use arrivals::{Arrival, Recorded};
use model::objects::PodGroup;
use model::resource_list::{CPU, PODS};
use model::scheduler_config::{PluginSet, SchedulerProfile};
use model::{ClusterObjects, Node, PodSpec, ResourceList, SchedulerConfig};
use scheduler::kube::group::GROUP_LABEL;
use scheduler::pipeline::evaluate::Form;
use sim::DecisionTime;
use systems::kubernetes::{ENTRY, KubeRequest};
use systems::{SystemOptions, SystemParts, SystemRequest};
use units::{Instant, Quantity};

/// The judge of a kind.
pub(super) fn forms(kind: &str) -> Option<Forms> {
    let plain: Decide = |case| gang(case, Form::Plain);
    let fast: Decide = |case| gang(case, Form::Incremental);
    (kind == "gang").then_some(Forms::Both { plain, fast })
}

#[derive(Deserialize)]
struct Slots {
    slots: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Gang {
    #[serde(rename = "group")]
    name: String,
    prio: i32,
    created: f64,
    replicas: u32,
    min_member: usize,
}

impl Gang {
    fn member(&self) -> PodSpec {
        let mut spec =
            PodSpec::with_requests(ResourceList::from_pairs([(CPU, Quantity::from_units(1))]));
        spec.namespace = "default".into();
        spec.priority = self.prio;
        let label = GROUP_LABEL.into();
        spec.labels.insert(label, self.name.as_str().into());
        spec
    }
}

fn configured() -> SchedulerConfig {
    let mut profile = SchedulerProfile {
        scheduler_name: "default-scheduler".into(),
        ..SchedulerProfile::default()
    };
    let plugins = PluginSet {
        enabled: vec![("Coscheduling".to_owned(), 0)],
        disabled: vec!["DefaultPreemption".to_owned()],
    };
    profile.points.insert("multiPoint".to_owned(), plugins);
    SchedulerConfig {
        profiles: vec![profile],
        ..SchedulerConfig::default()
    }
}

fn node(slots: i64) -> Node {
    Node {
        name: "node".into(),
        allocatable: ResourceList::from_pairs([
            (CPU, Quantity::from_units(slots)),
            (PODS, Quantity::from_units(slots)),
        ]),
        ..Node::default()
    }
}

/// The control plane of kube-scheduler with groups.
fn parts(kube: KubeRequest, form: Form) -> Result<SystemParts, Trouble> {
    let request = SystemRequest {
        options: SystemOptions::default().with(kube),
        form,
        ..SystemRequest::of("default")
    };
    (ENTRY.build)(&request).map_err(|error| Trouble::Malformed(error.to_string()))
}

fn gang(case: &Case, form: Form) -> Result<Value, Trouble> {
    let Slots { slots } = read(&case.nodes)?;
    let mut groups: Vec<Gang> = read(&case.request)?;
    // All pods are there at once; groups are as old as the order of their first pods says.
    groups.sort_by(|one, other| {
        let ages = one.created.total_cmp(&other.created);
        ages.then_with(|| one.name.cmp(&other.name))
    });
    let mut objects = ClusterObjects::default();
    let mut arrivals = Vec::new();
    for (class, group) in groups.iter().enumerate() {
        let name = ("default".into(), group.name.as_str().into());
        let least = group.min_member;
        objects.groups.insert(
            name,
            PodGroup {
                least,
                timeout: None,
            },
        );
        for _ in 0..group.replicas {
            arrivals.push(Arrival {
                class: class as u32,
                ..Arrival::new(Instant::ZERO, model::PodName::Job(arrivals.len() as u64))
            });
        }
    }
    let owners: Vec<u32> = arrivals.iter().map(|arrival| arrival.class).collect();
    let kube = KubeRequest {
        config: configured(),
        takes_first: true,
        objects,
        ..KubeRequest::default()
    };
    let parts = parts(kube, form)?;
    let work = Work {
        jobs: arrivals.len(),
        recorded: Recorded {
            arrivals,
            classes: groups
                .iter()
                .map(|group| Arc::new(group.member()))
                .collect(),
            ..Recorded::default()
        },
    };
    let started = simulate(
        parts,
        vec![Arc::new(node(slots))],
        work,
        DecisionTime::default(),
    );
    let started = started.map_err(Trouble::Malformed)?;
    let mut running = vec![0_i64; groups.len()];
    for start in &started {
        running[owners[start.position] as usize] += 1;
    }
    let named = groups.iter().zip(&running);
    let named: Map<String, Value> = named
        .map(|(group, count)| (group.name.clone(), json!(count)))
        .collect();
    let free = slots - running.iter().sum::<i64>();
    Ok(json!({ "running": named, "free": free }))
}

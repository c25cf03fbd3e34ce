//! Fields of a record that what is written says less about: the record beside the one that readers make of what is
//! written, field by field. A field that has no line here is counted among other settings, so none goes unseen.

use crate::prelude::*;
use arrivals::job_fields::JobField;
use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY, PODS};
use model::{Container, JOB_TYPE_LABEL};

/// The fate of a field that a format can't say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Nothing of it is written.
    LeftOut,
    /// What is written reads back as another value: rounded, renamed, or a part of it.
    Changed,
}

impl Fate {
    /// The word of the fate.
    pub const fn word(self) -> &'static str {
        match self {
            Self::LeftOut => "left out",
            Self::Changed => "changed",
        }
    }
}

/// A field that is lost in what is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LostField {
    /// The field, in the words of the manual.
    pub field: Text,
    /// The fate of it.
    pub fate: Fate,
}

/// A comparison of a record with what is read of it.
#[derive(Default)]
pub(super) struct Comparison {
    lost: Vec<LostField>,
}

impl Comparison {
    /// Compares a field; its default is what readers take where nothing is written.
    fn field<T: PartialEq + Default>(&mut self, field: &str, own: &T, read: &T) {
        self.field_or(field, own, read, &T::default());
    }

    /// Compares a field of which readers take `none` where nothing is written.
    fn field_or<T: PartialEq>(&mut self, field: &str, own: &T, read: &T, none: &T) {
        if own != read {
            let fate = if read == none {
                Fate::LeftOut
            } else {
                Fate::Changed
            };
            self.push(field, fate);
        }
    }

    fn push(&mut self, field: &str, fate: Fate) {
        let lost = LostField {
            field: field.into(),
            fate,
        };
        if !self.lost.contains(&lost) {
            self.lost.push(lost);
        }
    }

    fn labels(&mut self, own: &Labels, read: &Labels) {
        let (mut own, mut read) = (own.clone(), read.clone());
        let known = JobField::ALL.map(|field| (field.column, field.label));
        for (column, label) in known.into_iter().chain([("job_type", JOB_TYPE_LABEL)]) {
            self.field(column, &own.remove(label), &read.remove(label));
        }
        self.field("labels", &own, &read);
    }

    fn requests(&mut self, own: &ResourceList, read: &ResourceList) {
        let names = own.iter().chain(read.iter()).map(|(name, _)| name);
        for name in names.filter(|name| *name != PODS) {
            let field = match name {
                CPU => "cpu",
                MEMORY => "memory",
                EPHEMERAL_STORAGE => "ephemeral_storage",
                other => other,
            };
            self.field(field, &own.get(name), &read.get(name));
        }
    }

    /// Compares containers but for their requests.
    fn containers(&mut self, own: &PodSpec, read: &PodSpec) {
        let limits = |spec: &PodSpec| -> Vec<ResourceList> {
            let limits = spec.all_containers().map(|one| one.limits.clone());
            limits.filter(|limits| !limits.is_empty()).collect()
        };
        self.field("limits", &limits(own), &limits(read));
        let ports = |spec: &PodSpec| spec.host_ports().cloned().collect::<Vec<_>>();
        self.field("host ports", &ports(own), &ports(read));
        let bare = |spec: &PodSpec| -> Vec<Container> {
            let bare = |one: &Container| Container {
                name: one.name.clone(),
                image: one.image.clone(),
                restartable: one.restartable,
                ..Container::default()
            };
            spec.all_containers().map(bare).collect()
        };
        self.field_or(
            "containers",
            &bare(own),
            &bare(read),
            &vec![Container::default()],
        );
    }

    fn behaviour(&mut self, own: &PodSpec, read: &PodSpec) {
        let of = |spec: &PodSpec| spec.behaviour.as_deref().cloned().unwrap_or_default();
        let (own, read) = (of(own), of(read));
        self.field("cpu_usage", &own.cpu_usage, &read.cpu_usage);
        self.field("memory_usage", &own.memory_usage, &read.memory_usage);
        self.field(
            "usage of containers",
            &own.container_usage,
            &read.container_usage,
        );
        self.field("resizes", &own.resizes, &read.resizes);
        self.field("start times", &own.start_time, &read.start_time);
        self.field("exit codes", &own.exit_code, &read.exit_code);
        self.field("exit codes", &own.exit_plan, &read.exit_plan);
    }
}

/// The fields of a spec that are read as something else.
pub(crate) fn of_spec(own: &PodSpec, read: &PodSpec) -> Vec<LostField> {
    if own == read {
        return Vec::new();
    }
    let mut all = Comparison::default();
    all.field("namespace", &own.namespace, &read.namespace);
    all.labels(&own.labels, &read.labels);
    all.field("scheduler", &own.scheduler_name, &read.scheduler_name);
    all.field("priority", &own.priority, &read.priority);
    all.field_or("preemption", &own.preempts, &read.preempts, &true);
    let requests = |spec: &PodSpec| spec.requests().unwrap_or_default();
    all.requests(&requests(own), &requests(read));
    all.containers(own, read);
    all.field("constraints", &own.node_selector, &read.node_selector);
    all.field("constraints", &own.affinity, &read.affinity);
    all.field("tolerations", &own.tolerations, &read.tolerations);
    all.field("spreading", &own.topology_spread, &read.topology_spread);
    all.field("gpus", &own.gpu.devices, &read.gpu.devices);
    let milli = |spec: &PodSpec| spec.gpu.milli_per_device;
    if read.gpu.devices > 0 {
        all.field("gpu_milli", &milli(own), &milli(read));
    }
    all.field("gpu_models", &own.gpu.models, &read.gpu.models);
    all.field("volumes", &own.volumes, &read.volumes);
    all.field("owner", &own.owner, &read.owner);
    all.behaviour(own, read);
    let behaviour = own.behaviour.as_deref().cloned().unwrap_or_default();
    let mut rest = read.behaviour.as_deref().cloned().unwrap_or_default();
    rest.cpu_usage.clone_from(&behaviour.cpu_usage);
    rest.memory_usage.clone_from(&behaviour.memory_usage);
    rest.container_usage.clone_from(&behaviour.container_usage);
    rest.resizes.clone_from(&behaviour.resizes);
    rest.start_time = behaviour.start_time;
    rest.exit_code = behaviour.exit_code;
    rest.exit_plan.clone_from(&behaviour.exit_plan);
    let named = PodSpec {
        namespace: own.namespace.clone(),
        labels: own.labels.clone(),
        scheduler_name: own.scheduler_name.clone(),
        priority: own.priority,
        preempts: own.preempts,
        containers: own.containers.clone(),
        init_containers: own.init_containers.clone(),
        overhead: own.overhead.clone(),
        pod_requests: own.pod_requests.clone(),
        node_selector: own.node_selector.clone(),
        affinity: own.affinity.clone(),
        tolerations: own.tolerations.clone(),
        topology_spread: own.topology_spread.clone(),
        gpu: own.gpu.clone(),
        volumes: own.volumes.clone(),
        owner: own.owner.clone(),
        behaviour: own.behaviour.clone(),
        ..read.clone()
    };
    if named != *own || rest != behaviour {
        all.push("other settings", Fate::LeftOut);
    }
    all.lost
}

/// The fields of an arrival that are read as something else; places in the workload are none.
pub(crate) fn of_arrival(own: &Arrival, read: &Arrival) -> Vec<LostField> {
    let mut all = Comparison::default();
    all.field("name", &own.name.to_string(), &read.name.to_string());
    all.field_or("submit", &own.submit, &read.submit, &own.submit);
    all.field("run_time", &own.run_time, &read.run_time);
    all.field_or("members", &own.members, &read.members, &1);
    all.field("time_limit", &own.time_limit, &read.time_limit);
    all.field("start", &own.historic_start, &read.historic_start);
    let texts = |names: &[PodName]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    all.field("after", &texts(own.after()), &texts(read.after()));
    let [links, read] = [own, read].map(|one| one.links.as_deref().cloned().unwrap_or_default());
    all.field("part_of", &links.part_of, &read.part_of);
    all.field("think_time", &links.delay, &read.delay);
    let text = |gang: Option<&PodName>| gang.map(ToString::to_string);
    all.field(
        "gang",
        &text(links.gang.as_ref()),
        &text(read.gang.as_ref()),
    );
    all.lost
}

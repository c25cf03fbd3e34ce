//! The objects and their vocabulary: what exists in a cluster, and the one list of what can happen
//! to it. Types here have no file format of their own; each format has its types at its border.

pub mod affinity;
pub mod behaviour;
pub mod canonical;
pub mod checkpoint;
pub mod decision;
pub mod delivery;
pub mod dra;
pub mod event;
pub mod exit;
pub mod exit_plan;
pub mod finding;
pub mod gpu;
pub mod initial_state;
pub mod label;
pub mod labels;
pub mod latencies;
pub mod machine_news;
pub mod namespace;
pub mod node;
pub mod node_pools;
pub mod object;
pub mod objects;
pub mod pod;
pub mod pod_life;
pub mod pod_name;
mod pod_phase;
pub mod priority_class;
pub mod qos;
pub mod queueing;
pub mod releases;
pub mod relocation;
pub mod resource_list;
pub mod restarts;
pub mod rollout;
pub mod rules;
pub mod scheduler_config;
pub mod service;
pub mod start_date;
pub mod storage;
pub mod taint;
pub mod throughput;
pub mod tier;
pub mod traffic;
pub mod usage;
pub mod volume;
pub mod volume_binding;
pub mod workload;

use std::sync::Arc;

pub use affinity::{Affinity, NodeAffinity, PodAffinityTerm, TopologySpread};
pub use behaviour::{Behaviour, DoNotDisrupt};
pub use decision::{Decision, ServiceLevels};
pub use delivery::{Delivery, DeliveryStep, Push, VersionFault};
pub use event::{
    EndReason, Event, EvictionCause, NodeContact, PodChange, PodCreated, PodRef, PullStep, Refusal,
};
pub use exit_plan::ExitPlan;
pub use gpu::{DeviceSet, GpuInventory, GpuRequest};
pub use initial_state::{
    InitialContainer, InitialContainerState, InitialCrash, InitialEnd, InitialReadiness,
    InitialState, InitialStopOrder,
};
pub use label::{LabelSelector, NodeSelector, NodeSelectorTerm, Operator, Requirement};
pub use labels::Labels;
pub use machine_news::{MachineFailure, NewPrice};
pub use namespace::{NAMESPACE_NAME_LABEL, Namespace};
pub use node::{AvoidedControllers, Node, RemovalGuard};
pub use object::{IndexFailures, NamedObject, Object, ObjectChange, PodOwner};
pub use objects::{ClusterObjects, Owner};
pub use pod::{
    ConfigReference, Container, DEFAULT_SCHEDULER, ERRAND_LABEL, HostPort, Needs, ONE_PER_NODE,
    PARTITION_LABEL, PLACEMENT_LABEL, Pod, PodSpec, TemplateText,
};
pub use pod_life::{
    Application, ContainerLife, Health, PodLife, PullError, PullPolicy, RestartPolicy,
};
pub use pod_name::PodName;
pub use pod_phase::PodPhase;
pub use priority_class::{PriorityClass, TemplatePriority};
pub use releases::{Change, ChangeArea, ChangeEntry, Changes, Coverage, Release};
pub use relocation::{Relocation, RelocationAnswer};
pub use resource_list::ResourceList;
pub use restarts::{ContainerKind, Restarts};
pub use rollout::RolloutStep;
pub use scheduler_config::SchedulerConfig;
pub use service::{Ingress, ServerSpec, Service};
pub use storage::{Disk, VolumeNews, VolumeStep};
pub use taint::{Taint, TaintEffect, Toleration};
pub use throughput::goodput::{Allocation, BATCH_SIZE_LABEL, BatchSplit, GoodputModel};
pub use throughput::{
    GPUS_NOW_LABEL, JOB_GPUS_LABEL, JOB_TYPE_LABEL, JobGpus, Parts, ScaledThroughputs,
    StatedThroughputs, ThroughputFault, Throughputs, WHOLE_SPEED,
};
pub use tier::Tier;
pub use traffic::{TrafficNames, TrafficStretch};
pub use usage::ResourceUsage;
pub use volume::PodVolume;

/// A shared immutable text: names, label keys and values.
pub type Text = Arc<str>;

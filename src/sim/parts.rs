//! The parts that a cell of the simulator is made of: one cluster with its control plane, its nodes and
//! what happens around it.

use std::sync::Arc;

use arrivals::ArrivalSource;
use cluster::Commitment;
use control::operation::Operation;
use control::{Component, NodeAgent};
use model::checkpoint::Checkpoints;
use model::{
    DeviceSet, IndexFailures, InitialState, Node, Object, PodName, PodSpec, Text, Throughputs,
};
use units::{Duration, Instant, NodeId, SortedSet};

use super::contention::ContentionModel;
use super::failures::{Exposure, Timeline};
use super::images::ImageModel;
use super::machine::Stragglers;
use super::provider::ProviderOptions;
use super::surroundings::SubmittedJobs;
use super::traffic::TrafficPlan;
use super::usage::UsageOptions;

/// The parts that a cell is made of.
pub struct CellParts {
    /// The nodes, in order.
    pub nodes: Vec<Arc<Node>>,
    /// The components of the control plane, in order of registration.
    pub components: Vec<Box<dyn Component>>,
    /// The agents of its nodes.
    pub agent: Box<dyn NodeAgent>,
    /// The pods that arrive.
    pub arrivals: Box<dyn ArrivalSource>,
    /// Nodes that go down and come up again: when, which, up or down.
    pub outages: Vec<(Instant, NodeId, bool)>,
    /// The world around the cell.
    pub environment: Environment,
    /// Pods that are on nodes before anything happens, in order.
    pub residents: Vec<Resident>,
    /// The operations of users and their instants; those of one instant in order.
    pub operations: Vec<(Instant, Operation)>,
}

/// The world around a cell.
#[derive(Default)]
pub struct Environment {
    /// The failures and their instants.
    pub failures: Vec<Timeline>,
    /// The failures of nodes that join later.
    pub exposure: Exposure,
    /// Provisions for failures of that kind.
    pub provisions: Provisions,
    /// The usage of pods.
    pub usage: UsageOptions,
    /// The clients of the services.
    pub traffic: Option<Arc<TrafficPlan>>,
    /// Options of the provider of machines.
    pub provider: ProviderOptions,
    /// The party that keeps nodes from holding more than they have.
    pub commitment: Commitment,
    /// The layers of images and the links that carry them; `None` takes no time.
    pub images: Option<ImageModel>,
    /// Saving of work; `None` is never.
    pub checkpoints: Option<Checkpoints>,
    /// Throughputs of jobs by GPU model; `None` takes every model for equally fast.
    pub throughputs: Option<Arc<Throughputs>>,
    /// The resources that processes on a node share; `None` gives each all that it wants.
    pub contention: Option<ContentionModel>,
    /// Jobs that arrivals are submitted as; `None` makes their pods at once.
    pub jobs: Option<SubmittedJobs>,
    /// Whether arrivals wait for the ends of others.
    pub has_precedence: bool,
    /// Parts of the workload whose jobs are killed at their limits.
    pub limited_parts: SortedSet<u16>,
    /// Objects of the API, and pods of these without a node, that are there when the run begins.
    pub found: InitialObjects,
}

/// Objects of the API that are there when the run begins.
#[derive(Clone, Debug, Default)]
pub struct InitialObjects {
    /// The objects, each after the one that controls it.
    pub objects: Vec<ResidentObject>,
    /// Pods of the objects that wait for a node, in order.
    pub waiting: Vec<WaitingPod>,
    /// Namespaces and names of arrivals that an API server has admitted before.
    pub admitted: SortedSet<(Text, Text)>,
    /// Nodes that were not as a node is of which nothing is known.
    pub nodes: Vec<InitialNode>,
}

/// A node as it was before the run began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialNode {
    /// The node.
    pub node: NodeId,
    /// Trouble of the node, as long as nothing says that it ends.
    pub trouble: Option<InitialTrouble>,
    /// Instants at which its taints were added, by key, at or before the run's zero.
    pub taints: Vec<(Text, Instant)>,
}

/// Trouble of a node that began before the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitialTrouble {
    /// Nothing has been heard of it since an instant.
    Silent(Instant),
    /// It says itself that it is not ready.
    Unready,
}

/// An object that is there when the run begins.
#[derive(Clone, Debug)]
pub struct ResidentObject {
    /// The object.
    pub object: Object,
    /// Place of the object that controls it, among those found.
    pub owner: Option<usize>,
}

/// The object that controls a pod from the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResidentOwner {
    /// Place of the object among those found.
    pub object: usize,
    /// The pod's place in the object (`model::PodOwner`).
    pub index: i32,
    /// Earlier failures of a job's index.
    pub failures: IndexFailures,
    /// Marks a pod of a job that was asked to terminate and counts for nothing.
    pub is_discarded: bool,
}

/// A pod of an object that waits for a node when the run begins.
#[derive(Clone, Debug)]
pub struct WaitingPod {
    /// The name of the pod.
    pub name: PodName,
    /// The spec of the pod.
    pub spec: Arc<PodSpec>,
    /// Longest run time that the pod declares.
    pub time_limit: Option<Duration>,
    /// The object that controls the pod.
    pub owner: ResidentOwner,
}

/// Provisions from the start for what may come to need them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Provisions {
    /// Whether parts of the control plane may lose their memory: the log is kept for them.
    pub loses_memory: bool,
    /// Whether work may come to take longer.
    pub slows_work: bool,
    /// Pods whose work takes longer from the start.
    pub stragglers: Option<Stragglers>,
    /// The control plane is killed right after so many changes, and back after a while with what
    /// is stored.
    pub kill: Option<(u64, Duration)>,
}

/// A pod that is on a node when the run begins.
#[derive(Clone, Debug)]
pub struct Resident {
    /// The name of the pod.
    pub name: PodName,
    /// The spec of the pod.
    pub spec: Arc<PodSpec>,
    /// Longest run time that the pod declares.
    pub time_limit: Option<Duration>,
    /// Time for which the pod goes on to run; `None` is until it is stopped.
    pub run_time: Option<Duration>,
    /// The GPU devices it holds.
    pub devices: DeviceSet,
    /// Node of the pod, and the state in which it was found there.
    pub found: InitialState,
    /// The object that controls the pod, if one does.
    pub owner: Option<ResidentOwner>,
}

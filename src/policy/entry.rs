//! Entry of a policy in the registry: its name, what it does, which source it follows, its
//! parameters and its constructor. Plugins of kube-scheduler and policies of the pipeline are
//! entries alike; [`Constructor`] says which one is.

use std::sync::Arc;

use serde_json::Value;

use super::parameter::{ArgumentError, Arguments, Parameter, check_names, object_schema};
use cluster::fragmentation::TypicalPods;
use model::scheduler_config::PluginArguments;
use model::{Changes, Text};
use rng::Stream;
use scheduler::kube::KubePlugin;
use scheduler::{Plugin, QueueOrder, Select};

/// The extension point that a policy is listed under. One plugin may act at several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// Says which nodes can take a pod.
    Filter,
    /// Draws the nodes that a pod looks at.
    Sample,
    /// Gives nodes points.
    Score,
    /// Chooses GPU devices on the chosen node.
    Devices,
    /// Chooses among the nodes with the most points.
    Select,
    /// Says which pod goes first.
    QueueOrder,
    /// Makes room when no node can take a pod.
    Preemption,
    /// Acts in kube-scheduler, at the extension points that its [`KubeConstructor`] lists.
    KubePlugin,
}

impl Point {
    /// The point's name in lists and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Sample => "sample",
            Self::Score => "score",
            Self::Devices => "devices",
            Self::Select => "select",
            Self::QueueOrder => "queue-order",
            Self::Preemption => "preemption",
            Self::KubePlugin => "kube-scheduler",
        }
    }
}

/// A policy in the registry.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The entry's name, unique in the registry.
    pub name: &'static str,
    /// The point it is listed under.
    pub point: Point,
    /// Description of the policy in one sentence.
    pub summary: &'static str,
    /// The page and section, or the publication, that it follows, or [`OWN_SOURCE`].
    pub source: &'static str,
    /// Parameters of the policy.
    pub parameters: &'static [Parameter],
    /// Makes one.
    pub constructor: Constructor,
}

/// The source of a policy that follows no publication.
pub const OWN_SOURCE: &str = "windtunnel";

/// Constructor of a policy of the registry.
#[derive(Clone, Copy, Debug)]
pub enum Constructor {
    /// A policy of the pipeline, from the arguments of the experiment. [`Entry::build`] calls it once
    /// it has looked for unknown arguments.
    Policy(fn(&Setup, &Arguments) -> Result<PolicyInstance, ArgumentError>),
    /// A plugin of kube-scheduler.
    Kube(KubeConstructor),
}

/// Constructor of a plugin of kube-scheduler, and the points at which it acts.
#[derive(Clone, Copy, Debug)]
pub struct KubeConstructor {
    /// Extension points of the policy, as a configuration file calls them.
    pub points: &'static [&'static str],
    /// The factor on its points where nothing is stated, 0 without a score; `None` for a plugin that
    /// acts only where a configuration enables it.
    pub weight: Option<i64>,
    /// Makes one from the arguments of a configuration, which has them decoded and checked, and the
    /// switches of the release that is followed.
    pub build: fn(&PluginArguments, Changes) -> Arc<dyn KubePlugin>,
}

impl Entry {
    /// Makes the policy.
    ///
    /// # Errors
    /// An argument that it does not have or whose value is not as expected.
    pub fn build(
        &self,
        setup: &Setup,
        arguments: &Arguments,
    ) -> Result<PolicyInstance, ArgumentError> {
        check_names(self.parameters, arguments)?;
        match self.constructor {
            Constructor::Policy(make) => make(setup, arguments),
            Constructor::Kube(_) => Err(ArgumentError::KubePlugin),
        }
    }

    /// Constructor of the entry, if it is a plugin of kube-scheduler.
    pub const fn kube(&self) -> Option<KubeConstructor> {
        match self.constructor {
            Constructor::Kube(constructor) => Some(constructor),
            Constructor::Policy(_) => None,
        }
    }

    /// The JSON Schema of its arguments; `None` if it takes none.
    pub fn schema(&self) -> Option<Value> {
        (!self.parameters.is_empty()).then(|| object_schema(self.parameters))
    }
}

/// Result of a constructor.
#[derive(Clone)]
pub enum PolicyInstance {
    /// A plugin of the pipeline.
    Plugin(Box<dyn Plugin>),
    /// A choice among equals.
    Select(Box<dyn Select>),
    /// An order of the queue.
    Order(Box<dyn QueueOrder>),
}

/// Context in which policies are constructed, besides their arguments.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// The run's seed.
    pub seed: u64,
    /// Number of the scheduler in the run, so that two schedulers draw different random numbers.
    pub scheduler: u64,
    /// The target workload of fragmentation measures; model indexes are those of the cell's store.
    pub typical_pods: Arc<TypicalPods>,
    /// The cell's GPU models by the index that `typical_pods` knows them by.
    pub gpu_models: Arc<[Text]>,
    /// Ranks that decide ties, by node row; `None` draws them.
    pub node_ranks: Option<Arc<[u32]>>,
}

impl Setup {
    /// The random stream of a policy of this scheduler.
    pub fn stream(&self, policy: &str) -> Stream {
        Stream::new(self.seed, &format!("policy/{policy}"), self.scheduler)
    }
}

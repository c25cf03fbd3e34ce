//! Questions to a program outside, as JSON where they travel as text. Amounts are whole numbers in the
//! units that their names end with; instants are nanoseconds since the run began.

use model::{Labels, Taint, Text};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use units::SortedMap;

/// Question to the program.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "call", rename_all = "kebab-case")]
pub enum Question {
    /// The greeting, which comes first.
    Hello(Greeting),
    /// Which candidates can take a pod of the class.
    Filter(Request),
    /// Points of the candidates for a pod of the class.
    Score(Request),
    /// Keys that put waiting jobs in order.
    Order(OrderRequest),
    /// Commands of a whole scheduler.
    Step(StepRequest),
    /// A call of a server on this machine.
    #[serde(untagged)]
    Post(Post),
}

impl Question {
    /// The name of the question.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hello(_) => "hello",
            Self::Filter(_) => "filter",
            Self::Score(_) => "score",
            Self::Order(_) => "order",
            Self::Step(_) => "step",
            Self::Post(_) => "post",
        }
    }

    /// The field of the answer that has an item for each candidate or job; empty where there is none.
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Filter(_) => "accept",
            Self::Score(_) => "points",
            Self::Order(_) => "keys",
            Self::Hello(_) | Self::Step(_) | Self::Post(_) => "",
        }
    }

    /// Number of candidates or jobs, each of which has an item in the answer.
    pub const fn items(&self) -> usize {
        match self {
            Self::Filter(own) | Self::Score(own) => own.candidates.len(),
            Self::Order(own) => own.jobs.len(),
            Self::Hello(_) | Self::Step(_) | Self::Post(_) => 0,
        }
    }

    /// Writes the question as a line of JSON without its candidates, which are returned: their numbers take
    /// longer to write than all the rest.
    ///
    /// # Errors
    /// As [`Question::text`].
    pub fn write_head(&self, line: &mut Vec<u8>) -> Result<&[u32], super::ExchangeError> {
        let (Self::Filter(request) | Self::Score(request)) = self else {
            serde_json::to_writer(line, self).map_err(failed)?;
            return Ok(&[]);
        };
        let head = RequestHead {
            call: self.name(),
            now: request.now,
            class: &request.class,
            nodes: &request.nodes,
            gone: &request.gone,
            candidates: [],
        };
        serde_json::to_writer(line, &head).map_err(failed)?;
        Ok(&request.candidates)
    }

    /// The question as a line of JSON, without its end.
    ///
    /// # Errors
    /// None that a question can cause: maps of texts and numbers are JSON.
    pub fn text(&self) -> Result<String, super::ExchangeError> {
        serde_json::to_string(self).map_err(failed)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands for a closure")]
fn failed(error: serde_json::Error) -> super::ExchangeError {
    super::ExchangeError(error.to_string())
}

/// A [`Request`] as [`Question`] writes it, but for its candidates.
#[derive(Serialize)]
struct RequestHead<'a> {
    call: &'static str,
    now: i64,
    class: &'a ClassState,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    nodes: &'a [NodeState],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    gone: &'a [u32],
    candidates: [u32; 0],
}

/// Greeting.
#[derive(Clone, Debug, Serialize)]
pub struct Greeting {
    /// Version of the protocol.
    pub protocol: u32,
    /// Seed of the run.
    pub seed: u64,
    /// Points at which the program is asked.
    pub points: Vec<&'static str>,
}

/// Class and candidates in question, with what changed since the last question.
#[derive(Clone, Debug, Serialize)]
pub struct Request {
    /// Nanoseconds since the run began.
    pub now: i64,
    /// Class of the pod in question.
    pub class: ClassState,
    /// Nodes that are new or changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodeState>,
    /// Numbers of nodes that went.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<u32>,
    /// Numbers of the nodes in question.
    pub candidates: Vec<u32>,
    /// Number of pods that wait for a node; 0 where the scheduler doesn't know it. Programs aren't told of it.
    #[serde(skip)]
    pub waiting: u32,
}

/// Jobs that wait.
#[derive(Clone, Debug, Serialize)]
pub struct OrderRequest {
    /// Nanoseconds since the run began.
    pub now: i64,
    /// Jobs in question.
    pub jobs: Vec<JobState>,
}

/// A job that waits; described where it is new.
#[derive(Clone, Debug, Serialize)]
pub struct JobState {
    /// Number that stays the job's for the whole run.
    pub id: u64,
    /// Columns of the job, where they are new.
    #[serde(flatten)]
    pub described: Option<JobDescription>,
}

/// Columns of a job.
#[derive(Clone, Debug, Serialize)]
pub struct JobDescription {
    /// Nanoseconds since the run began.
    pub submitted: i64,
    /// Nanoseconds that the job asks for, if it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested: Option<i64>,
    /// Number of pods.
    pub members: u32,
    /// Number of the tenant.
    pub tenant: u32,
    /// Priority.
    pub priority: i32,
    /// Processors over all members, in thousandths.
    pub cpu_milli: i64,
    /// Bytes of memory over all members.
    pub memory_bytes: i64,
    /// Thousandths of GPUs over all members.
    pub gpu_milli: i64,
}

/// Changes in the view of a whole scheduler.
#[derive(Clone, Debug, Default, Serialize)]
pub struct StepRequest {
    /// Nanoseconds since the run began.
    pub now: i64,
    /// Nodes that are new or changed.
    pub nodes: Vec<NodeState>,
    /// Numbers of nodes that went.
    pub gone: Vec<u32>,
    /// New pods.
    pub pods: Vec<PodState>,
    /// Pods that were bound, by whomever.
    pub bound: Vec<PodPlace>,
    /// Pods that ended.
    pub ended: Vec<u32>,
    /// Refused parts of earlier answers.
    pub refused: Vec<RefusedWrite>,
}

/// A new pod.
#[derive(Clone, Debug, Serialize)]
pub struct PodState {
    /// Number that stays the pod's for the whole run.
    pub id: u32,
    /// Name.
    pub name: String,
    /// Class, described where it is new.
    pub class: ClassState,
    /// Number of the tenant.
    pub tenant: u32,
    /// Number of the gang, if it is of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gang: Option<u32>,
    /// Nanoseconds that the pod may run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_limit: Option<i64>,
    /// Number of its node, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<u32>,
}

/// A pod and a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PodPlace {
    /// Number of the pod.
    pub pod: u32,
    /// Number of the node.
    pub node: u32,
}

/// A write that was refused, with the reason.
#[derive(Clone, Debug, Serialize)]
pub struct RefusedWrite {
    /// Number of the pod.
    pub pod: u32,
    /// Number of the node, if the write names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<u32>,
    /// Reason in words.
    pub why: String,
}

/// Amounts by resource.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Amounts {
    /// Thousandths of processors.
    pub cpu_milli: i64,
    /// Bytes of memory.
    pub memory_bytes: i64,
    /// Bytes of ephemeral storage.
    pub storage_bytes: i64,
    /// Thousandths of GPUs.
    pub gpu_milli: i64,
    /// Number of pods.
    pub pods: i64,
    /// Extended resources by name.
    #[serde(skip_serializing_if = "SortedMap::is_empty")]
    pub extended: SortedMap<String, i64>,
}

impl Amounts {
    /// Names of the columns, in their order.
    pub const NAMES: [&'static str; 5] = [
        "cpu_milli",
        "memory_bytes",
        "storage_bytes",
        "gpu_milli",
        "pods",
    ];

    /// Amounts of the columns, in the order of [`Amounts::NAMES`].
    pub const fn columns(&self) -> [i64; 5] {
        [
            self.cpu_milli,
            self.memory_bytes,
            self.storage_bytes,
            self.gpu_milli,
            self.pods,
        ]
    }
}

/// State of a node.
#[derive(Clone, Debug, Serialize)]
pub struct NodeState {
    /// Number that stays the node's for the whole run.
    pub id: u32,
    /// Readiness.
    pub ready: bool,
    /// Readiness for new pods: ready and not cordoned.
    pub schedulable: bool,
    /// Amounts that no pod holds.
    pub free: Amounts,
    /// Milli-GPU left of each device.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gpu_free: Vec<u16>,
    /// Declaration, where that is new.
    #[serde(flatten)]
    pub declared: Option<NodeDeclaration>,
}

/// Declaration of a node.
#[derive(Clone, Debug, Serialize)]
pub struct NodeDeclaration {
    /// Name.
    pub name: Text,
    /// Labels.
    pub labels: Labels,
    /// Taints.
    pub taints: Vec<Taint>,
    /// Amounts that it offers.
    pub allocatable: Amounts,
    /// Model of its GPUs, if it has some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu_model: Option<Text>,
}

/// Class of the pod in question.
#[derive(Clone, Debug, Serialize)]
pub struct ClassState {
    /// Number that stays the class's for the whole run.
    pub id: u32,
    /// Description, where it is new.
    #[serde(flatten)]
    pub described: Option<ClassDescription>,
}

/// Description of a class.
#[derive(Clone, Debug, Serialize)]
pub struct ClassDescription {
    /// Namespace.
    pub namespace: Text,
    /// Labels.
    pub labels: Labels,
    /// Priority.
    pub priority: i32,
    /// Amounts that a pod asks for.
    pub requests: Amounts,
    /// Number of GPU devices that a pod asks for.
    #[serde(skip_serializing_if = "is_zero")]
    pub gpu_devices: u8,
    /// Models of GPUs that a pod accepts; all if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gpu_models: Vec<Text>,
    /// Labels that a node must have.
    pub node_selector: Labels,
}

/// A body to post to a server on this machine.
#[derive(Clone, Debug, Serialize)]
pub struct Post {
    /// Address.
    pub url: String,
    /// Nanoseconds that an answer may take.
    pub timeout_nanos: u64,
    /// Body.
    pub body: Value,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn is_zero(devices: &u8) -> bool {
    *devices == 0
}

//! `delivery:` of the experiment file: automatic deployment of the images of repositories, and the
//! pushes that set it off.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use options::PodRequests;
use rng::Distribution;
use units::Duration;

/// Automatic deployment of a repository's images to every workload that runs one: `Deployment`,
/// `StatefulSet` and `DaemonSet` objects. The system rolls out by its own rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-excludes" = {"poll": ["webhook"]}))]
pub struct Delivery {
    /// Repository whose pushes count, without tag, such as `shop/web`.
    #[schemars(length(min = 1))]
    pub image: String,
    /// Time until a call of the registry reports a push; default `1s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Duration>,
    /// Period in which the registry is asked for new images, at its multiples; default none, as the
    /// registry calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub poll: Option<Duration>,
    /// Stages of a build, in order; pushes of finished images skip them. Default none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<DeliveryStage>,
    /// Order in which builds run; default `serial`.
    #[serde(default)]
    pub builds: BuildOrder,
    /// Pods of the cluster in which builds run; default none, as builds run elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_pods: Option<BuildPods>,
    /// Fate of a push while another is rolled out; default `cancel`.
    #[serde(default)]
    pub overlap: DeliveryOverlap,
    /// Time without a further ready pod after which a rollout has failed; default `10m`.
    #[serde(default = "ten_minutes")]
    #[schemars(extend("x-positive" = true))]
    pub deadline: Duration,
    /// Rollback of a failed rollout to the image before, which is not rolled out again until another
    /// is pushed; default `false`.
    #[serde(default)]
    pub auto_rollback: bool,
    /// File of pushes, in CSV, with the columns `seconds` and `image` and optionally `digest`,
    /// `source` (`true` or `false`) and `fault`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushes: Option<String>,
}

const fn ten_minutes() -> Duration {
    Duration::from_secs(600)
}

/// Pods in which builds run: one for each build, whose stages follow one another in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BuildPods {
    /// Namespace of the pods; default `default`.
    #[serde(default = "default_namespace")]
    #[schemars(length(min = 1))]
    pub namespace: String,
    /// Image of the builder, which nodes pull; default one that is on every node.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub image: String,
    /// Requests of a build.
    #[serde(default)]
    pub requests: PodRequests,
}

fn default_namespace() -> String {
    "default".to_owned()
}

/// Stage of a build, such as compiling.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeliveryStage {
    /// Name of the stage, such as `compile`.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Time that the stage takes: a distribution, such as `lognormal(2m, 0.4)`.
    pub takes: Distribution,
    /// Probability that the stage fails, 0 to 1; default 0.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub failure: f64,
}

/// Order in which builds run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BuildOrder {
    /// One at a time, in the order of the pushes.
    #[default]
    Serial,
    /// One at a time; a new push cancels all builds that have not begun.
    SerialLatestOnly,
    /// All side by side.
    Parallel,
}

/// Fate of a push while another is rolled out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryOverlap {
    /// The rollout under way is cancelled.
    #[default]
    Cancel,
    /// Pushes take their turn.
    Queue,
    /// The newest push takes its turn, and those between are passed over.
    LatestWins,
}

/// Push of an image to the registry, or of source code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Push {
    /// Repository and tag, such as `shop/web:v2`.
    #[schemars(length(min = 1))]
    pub image: String,
    /// Digest that the tag names from now on; default none, for tags that are never used twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub digest: Option<String>,
    /// Kind of the push: `true` is source code, which goes through the stages of a build; default
    /// `false`, a finished image.
    #[serde(default)]
    pub source: bool,
    /// Fault of the version; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<VersionFault>,
}

/// Fault of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VersionFault {
    /// Its containers fail a second after their start, with exit code 1.
    Crash,
    /// Its application never answers a probe.
    Unready,
}

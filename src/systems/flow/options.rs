//! Options of schedulers over the cheapest flow, with the defaults of Firmament's Quincy.

use options::{Rules, SystemSection};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use policy::cost_model::CostOptions;
use scheduler::flow;
use units::{Duration, Quantity};

/// Options of Quincy, Octopus and their like; used with `name: flow`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(rename = "Flow")]
pub struct FlowOptions {
    /// Cost model; default `quincy`.
    pub cost_model: CostModel,
    /// Number of tasks that a node takes, 1 to 10000; default the node's capacity of pods, at most
    /// 1000.
    #[schemars(range(min = 1, max = 10_000))]
    pub slots: Option<u32>,
    /// Label of nodes whose values are the racks; default `topology.kubernetes.io/zone`.
    #[schemars(length(min = 1))]
    pub rack_label: String,
    /// Shortest time between two looks at a task while waiting grows dearer; default `1s`.
    #[schemars(extend("x-positive" = true))]
    pub interval: Duration,
    /// `true` if running tasks lose their nodes where that is cheaper, to wait or to go on on other nodes
    /// (`quincy`, `octopus`); default `false`.
    pub preemption: bool,
    /// Cost of a second of waiting, in the unit of a gigabyte that comes from the same rack at a cost
    /// of 1 (`quincy`); above 0, at most 1000000; default 0.5.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub wait_factor: f64,
    /// Cost of a gigabyte of input that comes from the same rack (`quincy`), 0 to 1000000; default 1.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub rack_cost: f64,
    /// Cost of a gigabyte of input that comes from another rack (`quincy`), 0 to 1000000; default 2.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub core_cost: f64,
    /// Share of a task's input from which on the task prefers the node or rack that has it
    /// (`quincy`), 0 to 1; default 0.1.
    #[schemars(range(min = 0, max = 1))]
    pub preferred_share: f64,
    /// Input of tasks (`quincy`).
    pub input: FlowInput,
}

impl Default for FlowOptions {
    fn default() -> Self {
        Self {
            cost_model: CostModel::default(),
            slots: None,
            rack_label: "topology.kubernetes.io/zone".to_owned(),
            interval: Duration::from_secs(1),
            preemption: false,
            wait_factor: 0.5,
            rack_cost: 1.0,
            core_cost: 2.0,
            preferred_share: 0.1,
            input: FlowInput::default(),
        }
    }
}

/// Cost model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CostModel {
    /// Input to fetch is weighed against the time waited.
    #[default]
    Quincy,
    /// All nodes get equally many tasks.
    Octopus,
    /// Tasks that ask for the shortest run time go first.
    ShortestJobFirst,
    /// Every node costs the same.
    Trivial,
    /// Every node has a cost at random.
    Random,
}

impl CostModel {
    /// The model's name in the registry.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quincy => "quincy",
            Self::Octopus => "octopus",
            Self::ShortestJobFirst => "shortest-job-first",
            Self::Trivial => "trivial",
            Self::Random => "random",
        }
    }
}

/// Input of tasks, in blocks on nodes that are drawn at random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FlowInput {
    /// Mean size of a task's input, exponentially distributed, 0 to 1P; default `1G`.
    #[schemars(extend("x-places" = 0))]
    pub mean: Quantity,
    /// Size of a block, 1M to 1P; default `256M`.
    #[schemars(extend("x-places" = 0))]
    pub block: Quantity,
    /// Number of nodes with a copy of each block, 1 to 100; default 3.
    #[schemars(range(min = 1, max = 100))]
    pub copies: u32,
}

impl Default for FlowInput {
    fn default() -> Self {
        Self {
            mean: Quantity::from_units(1_000_000_000),
            block: Quantity::from_units(256_000_000),
            copies: 3,
        }
    }
}

impl SystemSection for FlowOptions {
    const SYSTEM: &'static str = "flow";
    const MEANING: &'static str = "Options of Quincy, Octopus and their like, for `name: flow`.";

    fn check(&self, rules: &mut Rules<'_>) {
        if !(self.wait_factor.is_finite() && self.wait_factor > 0.0) {
            let message = format!(
                "at a wait factor of {} no task is ever placed",
                self.wait_factor
            );
            rules.at(&["waitFactor"], message, "expected more than 0");
        }
        if self.core_cost < self.rack_cost {
            let message = format!(
                "input from another rack at {} would cost less than input from the same rack at {}",
                self.core_cost, self.rack_cost
            );
            rules.at(&["coreCost"], message, "expected `rackCost` or more");
        }
        for (field, size, least, label) in [
            ("mean", self.input.mean, 0, "expected 0 to 1P"),
            ("block", self.input.block, 1_000_000, "expected 1M to 1P"),
        ] {
            if !(least..=1_000_000_000_000_000).contains(&bytes(size)) {
                rules.at(&["input", field], format!("a size of {size}"), label);
            }
        }
        if self.cost_model == CostModel::Quincy {
            return;
        }
        if self.cost_model != CostModel::Octopus {
            // Under these models no place saves what a move costs.
            let choice = "costModel: quincy` or `costModel: octopus";
            rules.only_with(choice, &["preemption"]);
        }
        let fields = [
            "waitFactor",
            "rackCost",
            "coreCost",
            "preferredShare",
            "input",
        ];
        rules.only_with("costModel: quincy", &fields);
    }

    fn note(&self, rules: &mut Rules<'_>) {
        if self.cost_model != CostModel::Quincy {
            let model = self.cost_model.name();
            let reason = format!("`{model}` costs the same on every rack and at every time");
            let fields = ["rackLabel", "interval"];
            rules.silent(&reason, "`costModel: quincy`", &fields);
        }
    }

    fn placement(&self) -> Option<&'static str> {
        Some(self.cost_model.name())
    }
}

fn bytes(size: Quantity) -> i64 {
    size.units_ceil().unwrap_or(i64::MAX)
}

impl FlowOptions {
    /// Costs of the model, which draws from a seed.
    pub(super) fn costs(&self, seed: u64) -> CostOptions {
        CostOptions {
            rack_cost: self.rack_cost,
            core_cost: self.core_cost,
            wait_factor: self.wait_factor,
            preferred_share: self.preferred_share,
            seed,
        }
    }

    /// Options of the scheduler; a model that reads input draws it from a seed.
    pub(super) fn flow(&self, seed: Option<u64>) -> flow::FlowOptions {
        flow::FlowOptions {
            slots: self.slots,
            rack_label: self.rack_label.as_str().into(),
            interval: self.interval,
            input: seed.map(|seed| flow::InputOptions {
                mean_bytes: bytes(self.input.mean),
                block_bytes: bytes(self.input.block),
                copies: self.input.copies,
                seed,
            }),
            preemption: self.preemption,
        }
    }
}

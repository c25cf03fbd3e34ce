//! Cost models of the flow scheduler, one file each (spec: orchestrators-b.md section 6.4).

pub mod flat;
pub mod octopus;
pub mod quincy;
pub mod random;
pub mod shortest_job_first;
pub mod trivial;

use scheduler::flow::CostModel;

/// A cost model in the registry.
#[derive(Clone, Copy, Debug)]
pub struct CostModelEntry {
    /// The model's name.
    pub name: &'static str,
    /// Description of the model in one sentence.
    pub summary: &'static str,
    /// Whether the model looks at where the input of tasks is.
    pub reads_input: bool,
    /// Whether the model looks at the run times that are expected of tasks.
    pub uses_estimates: bool,
    /// Makes one.
    pub build: fn(&CostOptions) -> Box<dyn CostModel>,
}

/// Options of the models that have any.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CostOptions {
    /// Cost of a gigabyte that comes from the same rack.
    pub rack_cost: f64,
    /// Cost of a gigabyte that comes from another rack.
    pub core_cost: f64,
    /// Cost of a second of waiting.
    pub wait_factor: f64,
    /// Share of a task's input from which on it prefers the node or rack that has it.
    pub preferred_share: f64,
    /// The run's seed.
    pub seed: u64,
}

impl Default for CostOptions {
    fn default() -> Self {
        Self {
            rack_cost: 1.0,
            core_cost: 2.0,
            wait_factor: 0.5,
            preferred_share: 0.1,
            seed: 0,
        }
    }
}

/// Every cost model, in the order of the manual.
pub const COST_MODELS: &[CostModelEntry] = &[
    quincy::ENTRY,
    octopus::ENTRY,
    shortest_job_first::ENTRY,
    trivial::ENTRY,
    random::ENTRY,
];

/// The cost model of a name.
pub fn cost_model(name: &str) -> Option<&'static CostModelEntry> {
    COST_MODELS.iter().find(|entry| entry.name == name)
}

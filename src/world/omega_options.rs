//! Options of Omega and of schedulers over the cheapest flow, from the experiment file to what they
//! are made from.

use policy::cost_model::CostOptions;
use scenario::schema::{
    Failure, FailureKind, Flow, OmegaArchitecture, OmegaConflicts, OmegaSearch, OmegaTransactions,
    Scenario,
};
use scheduler::flow::{FlowOptions, InputOptions};
use scheduler::omega::commit::{Conflicts, Transactions};
use scheduler::omega::{JobKind, Search};
use systems::flow::FlowSystemOptions;
use systems::omega::{Architecture, Kind, OmegaOptions};
use units::{Duration, Quantity};

/// The options of an experiment's `system.omega`.
pub(super) fn omega_options(scenario: &Scenario) -> OmegaOptions {
    let written = scenario.system.omega.clone().unwrap_or_default();
    let hides = |failure: &Failure| {
        matches!(
            failure.kind,
            FailureKind::WatchDelay | FailureKind::StaleCache
        )
    };
    let sees_late =
        scenario.models.watch_delay > Duration::ZERO || scenario.failures.iter().any(hides);
    let kinds = written.kinds.iter().map(|kind| Kind {
        jobs: JobKind {
            name: kind.name.as_str().into(),
            priority: kind.priority,
            requested: kind.requested,
            tasks: kind.tasks,
            per_job: kind.per_job,
            per_task: kind.per_task,
        },
        schedulers: kind.schedulers,
    });
    OmegaOptions {
        architecture: match written.architecture {
            OmegaArchitecture::MonolithicSinglePath => Architecture::MonolithicSinglePath,
            OmegaArchitecture::MonolithicMultiPath => Architecture::MonolithicMultiPath,
            OmegaArchitecture::TwoLevel => Architecture::TwoLevel,
            OmegaArchitecture::SharedState => Architecture::SharedState,
        },
        kinds: kinds.collect(),
        conflicts: match written.conflicts {
            OmegaConflicts::Fine => Conflicts::Fine,
            OmegaConflicts::Coarse => Conflicts::Coarse,
        },
        transactions: match written.transactions {
            OmegaTransactions::Incremental => Transactions::Incremental,
            OmegaTransactions::AllOrNothing => Transactions::AllOrNothing,
        },
        attempts: written.attempts,
        search: match written.search {
            OmegaSearch::Random => Search::Random,
            OmegaSearch::First => Search::First,
        },
        sees_late,
    }
}

/// The options of an experiment's `system.flow`.
pub(super) fn flow_options(written: &Flow) -> FlowSystemOptions {
    let bytes = |size: Quantity| size.units_ceil().unwrap_or(i64::MAX);
    FlowSystemOptions {
        cost_model: written.cost_model.name().to_owned(),
        costs: CostOptions {
            rack_cost: written.rack_cost,
            core_cost: written.core_cost,
            wait_factor: written.wait_factor,
            preferred_share: written.preferred_share,
            ..CostOptions::default()
        },
        flow: FlowOptions {
            slots: written.slots,
            rack_label: written.rack_label.as_str().into(),
            interval: written.interval,
            input: Some(InputOptions {
                mean_bytes: bytes(written.input.mean),
                block_bytes: bytes(written.input.block),
                copies: written.input.copies,
                ..InputOptions::default()
            }),
            preemption: written.preemption,
        },
    }
}

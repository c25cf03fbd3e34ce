//! Options of Omega, with the defaults of the paper.

use options::{Rules, SystemSection};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use scheduler::omega::commit::{Conflicts, Transactions};
use scheduler::omega::{JobKind, Search};
use units::{Duration, SortedSet};

/// Options of Omega, and of the designs that it was compared with; used with `name: omega`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(rename = "Omega")]
pub struct OmegaOptions {
    /// Design of the scheduling; default `shared-state`.
    pub architecture: Architecture,
    /// Kinds of jobs, each with schedulers of its own; a job is of the first kind that it meets the
    /// conditions of. Default `long`, for jobs that request an hour or more, and `short`.
    #[schemars(length(min = 1, max = 32))]
    pub kinds: Vec<JobKind>,
    /// Rule by which a claim conflicts with those of others; default `fine`.
    pub conflicts: Conflicts,
    /// Fate of a transaction of which a claim fails; default `incremental`.
    pub transactions: Transactions,
    /// Number of decisions on a job after which it is given up, 1 to 1000000; default 1000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub attempts: u32,
    /// Nodes that tasks are tried on; default `random`.
    pub search: Search,
    /// Whether schedulers may see changes late.
    #[serde(skip)]
    pub sees_late: bool,
}

impl Default for OmegaOptions {
    fn default() -> Self {
        let long = JobKind {
            name: "long".into(),
            requested: Some(Duration::from_secs(3_600)),
            ..JobKind::default()
        };
        let short = JobKind {
            name: "short".into(),
            ..JobKind::default()
        };
        Self {
            architecture: Architecture::default(),
            kinds: vec![long, short],
            conflicts: Conflicts::default(),
            transactions: Transactions::default(),
            attempts: 1_000,
            search: Search::default(),
            sees_late: false,
        }
    }
}

/// Design of the scheduling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "OmegaArchitecture")]
pub enum Architecture {
    /// One scheduler, which takes the time of the slowest kind for every job.
    MonolithicSinglePath,
    /// One scheduler, which takes the time of each job's kind.
    MonolithicMultiPath,
    /// Schedulers for each kind, of which one at a time is offered all that is free.
    TwoLevel,
    /// Schedulers for each kind, in parallel over shared state.
    #[default]
    SharedState,
}

impl SystemSection for OmegaOptions {
    const SYSTEM: &'static str = "omega";
    const MEANING: &'static str = "Options of Omega, for `name: omega`.";

    fn check(&self, rules: &mut Rules<'_>) {
        let mut names = SortedSet::new();
        for (number, kind) in self.kinds.iter().enumerate() {
            if !names.insert(&kind.name) {
                let message = format!("there is a kind `{}` already", kind.name);
                let path = ["kinds", &number.to_string(), "name"];
                rules.at(&path, message, "expected a name of its own");
            }
            self.check_kind(number, kind, rules);
        }
        if self.architecture != Architecture::SharedState {
            rules.only_with("architecture: shared-state", &["conflicts"]);
        }
    }

    fn placement(&self) -> Option<&'static str> {
        Some("claims")
    }
}

impl OmegaOptions {
    /// Reports conditions of a kind that leave jobs without a scheduler, or schedulers without jobs.
    fn check_kind(&self, number: usize, kind: &JobKind, rules: &mut Rules<'_>) {
        let place = number.to_string();
        for (field, time) in [
            ("perJob", Some(kind.per_job)),
            ("perTask", Some(kind.per_task)),
            ("requested", kind.requested),
        ] {
            if time.is_some_and(|time| time < Duration::ZERO) {
                let path = ["kinds", &place, field];
                rules.at(&path, "a time below 0s", "expected 0s or more");
            }
        }
        let is_open = kind.priority.is_none() && kind.requested.is_none() && kind.tasks.is_none();
        let is_last = number + 1 == self.kinds.len();
        if is_last && !is_open {
            let message = format!(
                "no scheduler would decide on jobs that are not `{}`",
                kind.name
            );
            let label = "expected no `priority`, `requested` and `tasks` in the last kind";
            rules.at(&["kinds", &place], message, label);
        } else if !is_last && is_open {
            let message = format!(
                "every job is `{}`, and the kinds after it get none",
                kind.name
            );
            let label = "expected a condition: `priority`, `requested` or `tasks`";
            rules.at(&["kinds", &place], message, label);
        }
        let is_monolithic = matches!(
            self.architecture,
            Architecture::MonolithicSinglePath | Architecture::MonolithicMultiPath
        );
        if is_monolithic && kind.schedulers > 1 {
            let message = format!(
                "one scheduler decides on all jobs, not {} on those of `{}`",
                kind.schedulers, kind.name
            );
            let label =
                "expected no `schedulers`, or `two-level` or `shared-state` as `architecture`";
            rules.at(&["kinds", &place, "schedulers"], message, label);
        }
    }
}

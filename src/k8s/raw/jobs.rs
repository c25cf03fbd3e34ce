//! Jobs as manifests have them.

use serde::Deserialize;

use super::{LabelSelector, NameReference, nullable};

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Job {
    pub(crate) active_deadline_seconds: Option<i64>,
    pub(crate) backoff_limit: Option<i32>,
    pub(crate) backoff_limit_per_index: Option<i32>,
    pub(crate) completion_mode: Option<String>,
    pub(crate) completions: Option<i32>,
    pub(crate) managed_by: Option<String>,
    pub(crate) manual_selector: Option<bool>,
    pub(crate) max_failed_indexes: Option<i32>,
    pub(crate) parallelism: Option<i32>,
    pub(crate) pod_failure_policy: Option<Rules<FailureRule>>,
    pub(crate) pod_replacement_policy: Option<String>,
    pub(crate) selector: Option<LabelSelector>,
    pub(crate) success_policy: Option<Rules<SuccessRule>>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) suspend: bool,
    #[serde(deserialize_with = "nullable")]
    pub(crate) template: Template,
    pub(crate) ttl_seconds_after_finished: Option<i64>,
    /// Marks the template of a cron job's jobs.
    #[serde(skip)]
    pub(crate) is_of_cron_job: bool,
}

impl Job {
    pub(crate) fn is_indexed(&self) -> bool {
        self.completion_mode.as_deref() == Some("Indexed")
    }
}

/// A template of pods, of which the containers' names are read.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Template {
    #[serde(deserialize_with = "nullable")]
    pub(crate) spec: Containers,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Containers {
    #[serde(deserialize_with = "nullable")]
    containers: Vec<NameReference>,
    #[serde(deserialize_with = "nullable")]
    init_containers: Vec<NameReference>,
    pub(crate) restart_policy: Option<String>,
}

impl Containers {
    pub(crate) fn has(&self, name: &str) -> bool {
        let mut all = self.containers.iter().chain(&self.init_containers);
        all.any(|own| own.name == name)
    }
}

#[derive(Deserialize)]
pub(crate) struct Rules<T> {
    #[serde(default = "Vec::new")]
    pub(crate) rules: Vec<T>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct FailureRule {
    pub(crate) action: String,
    pub(crate) on_exit_codes: Option<ExitCodes>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) on_pod_conditions: Vec<PodCondition>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ExitCodes {
    pub(crate) container_name: Option<String>,
    pub(crate) operator: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) values: Vec<i32>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct PodCondition {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) status: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SuccessRule {
    pub(crate) succeeded_indexes: Option<String>,
    pub(crate) succeeded_count: Option<i32>,
}

//! Every controller of the manager, in written order. To add one: write its file and add one line
//! here.

use super::entry::ControllerEntry;
use super::{
    cron_job, daemon_set, deployment, disruption, garbage, job, namespace, pod_gc, replica_set,
    resource_quota, stateful_set, ttl_after_finished,
};

/// The controllers.
pub const CONTROLLERS: &[ControllerEntry] = &[
    deployment::ENTRY,
    replica_set::ENTRY,
    stateful_set::ENTRY,
    daemon_set::ENTRY,
    job::ENTRY,
    cron_job::ENTRY,
    ttl_after_finished::ENTRY,
    disruption::ENTRY,
    resource_quota::ENTRY,
    namespace::ENTRY,
    garbage::ENTRY,
    pod_gc::ENTRY,
];

//! The controller of cron jobs at work (spec: kubernetes.md 2.6).

use std::sync::Arc;

use super::entry::ControllerEntry;
use super::{Change, Controller, Sync};
use crate::controllers::cron_job::{CronChild, CronJobView, sync};
use cluster::Store;
use model::workload::job::JobConditionKind;
use model::workload::{CronJob, Job};
use model::{Event, Object, Text};
use units::ObjectId;

/// The registry's entry.
pub(super) const ENTRY: ControllerEntry = ControllerEntry {
    name: "cron-job",
    summary: "Creates Jobs on a schedule.",
    build: |options| {
        Box::new(CronJobs {
            zero: options.zero_unix_secs,
        })
    },
};

/// The controller.
#[derive(Clone)]
struct CronJobs {
    /// The date of the run's zero.
    zero: i64,
}

impl Controller for CronJobs {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn read(&mut self, change: &Change<'_>, _store: &Store, look_at: &mut Vec<ObjectId>) {
        let of_object = matches!(change.event, Event::Object(_));
        look_at.extend(change.concerns(&["CronJob"]).filter(|_| of_object));
    }

    fn sync(&mut self, step: &mut Sync<'_>) {
        let objects = step.store.objects();
        let Some(row) = objects.get(step.key) else {
            return;
        };
        let Object::CronJob(cron_job) = &row.object else {
            return;
        };
        let children = row.children.iter();
        let (ids, jobs): (Vec<ObjectId>, Vec<CronChild>) = children
            .filter_map(|&id| match &objects.get(id)?.object {
                Object::Job(job) => Some((id, child(job))),
                _ => None,
            })
            .unzip();
        let view = CronJobView {
            cron_job,
            created: row.created,
            zero: self.zero,
            jobs: &jobs,
            status: &cron_job.status,
            is_terminating: false,
        };
        let writes = sync(step.now, &view);
        for name in &writes.delete {
            if let Some(place) = jobs.iter().position(|job| job.name == *name) {
                step.delete_object(ids[place]);
            }
        }
        if let Some(name) = &writes.create {
            step.create_child(Object::Job(Arc::new(new_job(cron_job, name))));
        }
        if writes.is_status_updated {
            let cron_job = CronJob {
                status: writes.status,
                ..(**cron_job).clone()
            };
            step.update(step.key, Object::CronJob(Arc::new(cron_job)));
        }
        if let Some(wait) = writes.requeue {
            step.look_again_at(step.now.saturating_add(wait));
        }
    }

    fn clone_controller(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}

fn child(job: &Job) -> CronChild {
    let mut conditions = job.status.conditions.iter();
    let ended = conditions.find(|known| known.holds && known.kind.is_final());
    CronChild {
        name: job.name.clone(),
        started: job.status.start,
        succeeded: ended.map(|known| known.kind == JobConditionKind::Complete),
        completed: job.status.completion,
    }
}

fn new_job(cron_job: &CronJob, name: &Text) -> Job {
    Job {
        namespace: cron_job.namespace.clone(),
        name: name.clone(),
        ..(*cron_job.template).clone()
    }
}

//! Arrivals that users submit as objects of the kind `Job`, so that controllers make their pods.

use std::sync::Arc;

use model::pod_life::PodLife;
use model::workload::Job;
use model::workload::job::{
    FailureAction, FailureMatch, FailureRule, JobQueue, Queued, RestartPolicy,
};
use model::{Behaviour, PodSpec, Text};
use trace::Arrival;
use units::{Duration, SortedSet};

/// Place of the tenant's name in the name of a queue.
const TENANT: &str = "{tenant}";
/// Namespace of jobs whose trace states none.
const NAMESPACE: &str = "default";

/// Jobs that arrivals are submitted as.
#[derive(Clone, Debug, Default)]
pub struct SubmittedJobs {
    /// Name of the `LocalQueue`, in which `{tenant}` stands for the tenant; `None` is no queue.
    pub queue: Option<Text>,
}

/// Maker of the jobs of arrivals, one after the other.
#[derive(Clone, Debug)]
pub struct Submitter {
    jobs: SubmittedJobs,
    names: SortedSet<(Text, Text)>,
}

impl Submitter {
    /// A maker without a job yet.
    pub fn new(jobs: SubmittedJobs) -> Self {
        Self {
            jobs,
            names: SortedSet::new(),
        }
    }

    /// The job of an arrival. One whose name is taken gets the number of its place among all, too.
    pub fn job(&mut self, arrival: &Arrival, spec: &Arc<PodSpec>, tenants: &[Text]) -> Arc<Job> {
        let namespace = match &*spec.namespace {
            "" => NAMESPACE.into(),
            _ => spec.namespace.clone(),
        };
        let mut name: Text = arrival.name.to_string().into();
        if self.names.contains(&(namespace.clone(), name.clone())) {
            name = format!("{name}-{}", self.names.len()).into();
        }
        self.names.insert((namespace.clone(), name.clone()));
        let queue = self.jobs.queue.as_ref().map(|pattern| {
            let number = arrival.tenant as usize;
            let tenant = tenants.get(number).map(ToString::to_string);
            let tenant = tenant.unwrap_or_else(|| number.to_string());
            Arc::new(JobQueue {
                name: pattern.replace(TENANT, &tenant).into(),
                ..JobQueue::default()
            })
        });
        let pods = i32::try_from(arrival.members).unwrap_or(i32::MAX);
        let job = Job {
            namespace,
            name,
            template: template(arrival, spec),
            restart: RestartPolicy::Never,
            parallelism: pods,
            completions: Some(pods),
            // Kueue suspends a job that has a queue when it is created.
            suspend: queue.is_some(),
            queue: Queued(queue),
            ..Job::default()
        };
        Arc::new(if exceeded(arrival).is_some() {
            ended_by_limit(job)
        } else {
            job
        })
    }
}

/// Limit of an arrival whose run time exceeds it. A limit that is kept is an estimate, which Kubernetes has
/// no use for.
fn exceeded(arrival: &Arrival) -> Option<Duration> {
    let run_time = arrival.run_time?;
    arrival.time_limit.filter(|limit| run_time > *limit)
}

/// A job that fails with its first pod that reaches its limit, and not with one that is disrupted.
fn ended_by_limit(job: Job) -> Job {
    Job {
        backoff_limit: 0,
        failure_policy: vec![FailureRule {
            action: FailureAction::Ignore,
            matches: FailureMatch::Conditions(vec![("DisruptionTarget".into(), "True".into())]),
        }],
        ..job
    }
}

/// The template of an arrival's pods, with their run time, and the limit that ends them before.
fn template(arrival: &Arrival, spec: &Arc<PodSpec>) -> Arc<PodSpec> {
    let mut template = spec.clone();
    let Some(run_time) = arrival.run_time else {
        return template;
    };
    let own = Arc::make_mut(&mut template);
    let behaviour = own.behaviour.take();
    let known = behaviour.map(|own| (*own).clone()).unwrap_or_default();
    own.behaviour = Some(Arc::new(Behaviour {
        run_time: Some(run_time.to_string().into()),
        active_deadline: exceeded(arrival),
        ..known
    }));
    let mut life = own
        .life
        .take()
        .map_or_else(PodLife::default, |own| (*own).clone());
    life.restart = model::pod_life::RestartPolicy::Never;
    own.life = Some(Arc::new(life));
    template
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::PodName;
    use units::Instant;

    fn arrival(name: &str, tenant: u32, limit: i64) -> Arrival {
        Arrival {
            submit: Instant::ZERO,
            name: PodName::Text(name.into()),
            class: 0,
            members: 3,
            tenant,
            run_time: Some(Duration::from_secs(90)),
            time_limit: Some(Duration::from_secs(limit)),
            historic_start: None,
            links: None,
            part: 0,
            origin: trace::Origin::NONE,
        }
    }

    fn submitted(submitter: &mut Submitter, arrival: &Arrival) -> Arc<Job> {
        let tenants = ["vision".into(), "speech".into()];
        submitter.job(arrival, &Arc::default(), &tenants)
    }

    #[test]
    fn a_gang_becomes_a_job_of_its_tenants_queue() {
        let jobs = SubmittedJobs {
            queue: Some("team-{tenant}".into()),
        };
        let mut submitter = Submitter::new(jobs);
        let job = submitted(&mut submitter, &arrival("train", 1, 120));
        assert_eq!((&*job.namespace, &*job.name), ("default", "train"));
        assert_eq!(
            (job.parallelism, job.completions, job.suspend),
            (3, Some(3), true)
        );
        let queue = job.queue.0.as_ref().expect("a queue");
        assert_eq!(&*queue.name, "team-speech");
        let behaviour = job.template.behaviour.as_ref().expect("a run time");
        assert_eq!(behaviour.run_time.as_deref(), Some("1m30s"));
        assert_eq!((behaviour.active_deadline, job.backoff_limit), (None, 6));
        let again = submitted(&mut submitter, &arrival("train", 7, 60));
        assert_eq!((&*again.name, again.backoff_limit), ("train-1", 0));
        let behaviour = again.template.behaviour.as_ref().expect("a limit");
        assert_eq!(behaviour.active_deadline, Some(Duration::from_secs(60)));
        let queue = again.queue.0.as_ref().expect("a queue");
        assert_eq!(&*queue.name, "team-7");
    }

    #[test]
    fn a_job_without_a_queue_is_not_held_back() {
        let mut submitter = Submitter::new(SubmittedJobs::default());
        let job = submitted(&mut submitter, &arrival("train", 0, 120));
        assert!(!job.suspend && job.queue.0.is_none());
    }
}

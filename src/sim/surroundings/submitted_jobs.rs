//! Arrivals that users submit as objects of the kind `Job`, so that controllers make their pods.

use std::sync::Arc;

use arrivals::{Arrival, ArrivalSource, Submission};
use intake::TraceError;
use model::pod_life::PodLife;
use model::queueing::workload_of;
use model::workload::Job;
use model::workload::job::{
    FailureAction, FailureMatch, FailureRule, JobMember, JobQueue, QueueReference, RestartPolicy,
};
use model::{Behaviour, PodSpec, Text};
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
    /// Parts of the workload whose jobs are killed at their limits.
    pub limited_parts: SortedSet<u16>,
}

impl SubmittedJobs {
    /// Limit of an arrival that ends it. A limit that is kept is an estimate, which Kubernetes has no use for.
    fn exceeded(&self, arrival: &Arrival) -> Option<Duration> {
        let run_time = arrival.run_time?;
        let is_killed = arrival.is_killed(&self.limited_parts);
        arrival
            .time_limit
            .filter(|limit| run_time > *limit || is_killed)
    }
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

    /// The jobs of a submission of a source: one for each arrival. In a queue those of a gang are one workload,
    /// which is admitted as a whole, in the queue and the namespace of the first of them.
    ///
    /// # Errors
    /// A class can't be read.
    pub fn jobs(
        &mut self,
        submission: &Submission,
        source: &dyn ArrivalSource,
    ) -> Result<Vec<Arc<Job>>, TraceError> {
        let (classes, first) = (source.classes(), &submission.first);
        let namespace = namespace_of(&*classes.get(first.class)?);
        let queue = self.queue(first, source.tenants());
        let mut members = None;
        if let (Some(gang), true) = (first.gang(), !submission.mates.is_empty()) {
            let workload = workload_of("gang", &gang.to_string());
            members = Some(self.free_name(&namespace, workload));
        }
        let jobs = u32::try_from(1 + submission.mates.len()).unwrap_or(u32::MAX);
        let each = submission.members().zip(0_u32..).map(|(arrival, number)| {
            let spec = classes.get(arrival.class)?;
            let own = match &members {
                Some(_) => namespace.clone(),
                None => namespace_of(&spec),
            };
            let name = self.free_name(&own, arrival.name.to_string().into());
            let mut queue = queue.clone();
            if let (Some(queue), Some(workload)) = (&mut queue, &members) {
                queue.member = Some(Arc::new(JobMember {
                    workload: workload.clone(),
                    set: name.clone(),
                    number,
                    replica: 0,
                    jobs,
                    keeps_quota: false,
                }));
            }
            let limit = self.jobs.exceeded(arrival);
            Ok(job(arrival, limit, &spec, own, name, queue))
        });
        each.collect()
    }

    /// A name in a namespace; one that is taken gets the number of its place among all, too.
    fn free_name(&mut self, namespace: &Text, name: Text) -> Text {
        let mut name = name;
        if self.names.contains(&(namespace.clone(), name.clone())) {
            name = format!("{name}-{}", self.names.len()).into();
        }
        self.names.insert((namespace.clone(), name.clone()));
        name
    }

    /// The queue of an arrival, if there are queues.
    fn queue(&self, arrival: &Arrival, tenants: &[Text]) -> Option<JobQueue> {
        let pattern = self.jobs.queue.as_ref()?;
        let number = arrival.tenant as usize;
        let tenant = tenants.get(number).map(ToString::to_string);
        let tenant = tenant.unwrap_or_else(|| number.to_string());
        Some(JobQueue {
            name: pattern.replace(TENANT, &tenant).into(),
            ..JobQueue::default()
        })
    }
}

/// The namespace of a class.
fn namespace_of(spec: &PodSpec) -> Text {
    match &*spec.namespace {
        "" => NAMESPACE.into(),
        _ => spec.namespace.clone(),
    }
}

/// The job of an arrival, of this name in a queue.
fn job(
    arrival: &Arrival,
    limit: Option<Duration>,
    spec: &Arc<PodSpec>,
    namespace: Text,
    name: Text,
    queue: Option<JobQueue>,
) -> Arc<Job> {
    let queue = queue.map(Arc::new);
    let pods = i32::try_from(arrival.members).unwrap_or(i32::MAX);
    let job = Job {
        namespace,
        name,
        template: template(arrival, limit, spec),
        restart: RestartPolicy::Never,
        parallelism: pods,
        completions: Some(pods),
        // Kueue suspends a job that has a queue when it is created.
        suspend: queue.is_some(),
        queue: QueueReference(queue),
        ..Job::default()
    };
    Arc::new(if limit.is_some() {
        ended_by_limit(job)
    } else {
        job
    })
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
fn template(arrival: &Arrival, limit: Option<Duration>, spec: &Arc<PodSpec>) -> Arc<PodSpec> {
    let mut template = spec.clone();
    let Some(run_time) = arrival.run_time else {
        return template;
    };
    // What its limit ends would run on beyond it.
    let beyond = limit.map_or(Duration::ZERO, |own| {
        own.saturating_add(Duration::from_secs(1))
    });
    let own = Arc::make_mut(&mut template);
    let behaviour = own.behaviour.take();
    let known = behaviour.map(|own| (*own).clone()).unwrap_or_default();
    own.behaviour = Some(Arc::new(Behaviour {
        run_time: Some(run_time.max(beyond).to_string().into()),
        active_deadline: limit,
        ..known
    }));
    let mut life = own
        .life
        .take()
        .map_or_else(PodLife::default, |life| (*life).clone());
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
            members: 3,
            tenant,
            run_time: Some(Duration::from_secs(90)),
            time_limit: Some(Duration::from_secs(limit)),
            ..Arrival::new(Instant::ZERO, PodName::Text(name.into()))
        }
    }

    fn submitted(submitter: &mut Submitter, arrival: &Arrival) -> Arc<Job> {
        let mut jobs = submitted_together(submitter, std::slice::from_ref(arrival));
        jobs.remove(0)
    }

    fn submitted_together(submitter: &mut Submitter, arrivals: &[Arrival]) -> Vec<Arc<Job>> {
        let source = arrivals::MemorySource::new(arrivals::Recorded {
            classes: vec![Arc::default()],
            tenants: vec!["vision".into(), "speech".into()],
            ..arrivals::Recorded::default()
        });
        let (first, mates) = arrivals.split_first().expect("an arrival");
        let submission = Submission {
            first: first.clone(),
            mates: mates.to_vec(),
        };
        submitter.jobs(&submission, &source).expect("known classes")
    }

    #[test]
    fn a_gang_of_several_arrivals_is_one_workload() {
        let jobs = SubmittedJobs {
            queue: Some("team-{tenant}".into()),
            ..SubmittedJobs::default()
        };
        let mut submitter = Submitter::new(jobs);
        let mut arrivals = [arrival("ps", 1, 120), arrival("worker", 0, 120)];
        for own in &mut arrivals {
            own.join("train".into());
        }
        for workload in ["gang-train", "gang-train-3"] {
            let jobs = submitted_together(&mut submitter, &arrivals);
            for (number, job) in (0..).zip(&jobs) {
                let queue = job.queue.0.as_ref().expect("a queue");
                let member = queue.member.as_ref().expect("a part of a workload");
                assert_eq!((&*queue.name, &*member.workload), ("team-speech", workload));
                assert_eq!((member.number, member.jobs), (number, 2));
                assert_eq!(member.set, job.name);
            }
        }
    }

    #[test]
    fn a_gang_becomes_a_job_of_its_tenants_queue() {
        let jobs = SubmittedJobs {
            queue: Some("team-{tenant}".into()),
            ..SubmittedJobs::default()
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

//! Jobs through the simulator, on an empty machine of nodes with one processor each, under the batch
//! system that runs use.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrivals::{Arrival, MemorySource, Recorded};
use cluster::{Commitment, Observer, Store};
use model::resource_list::{CPU, PODS};
use model::{Event, Node, Pod, PodName, PodSpec, ResourceList};
use policy::{ProfileChoice, Setup};
use scheduler::pipeline::evaluate::Form;
use sim::{
    CellParts, DecisionTime, Environment, NodeLife, NodeLoss, Options, RunControl, Simulation,
    StartUp, Stop,
};
use systems::batch::{BatchOptions, Planner, planner};
use systems::plain_agent::PlainAgent;
use systems::{SystemOptions, SystemParts, SystemRequest, TimeLimits};
use units::{Duration, Instant, NodeId, Quantity};

/// A rigid job of one processor a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RigidJob {
    /// Instant of submission.
    pub submit: Instant,
    /// Run time.
    pub run: Duration,
    /// Requested time.
    pub requested: Duration,
    /// Number of members.
    pub members: u32,
}

/// The machine and the rules under which jobs run.
#[derive(Clone, Debug)]
pub struct JobMachine {
    /// Number of nodes.
    pub nodes: u32,
    /// Order and backfilling rule.
    pub options: BatchOptions,
    /// Form of the rule.
    pub form: Form,
    /// `true` if jobs are killed at their requested time.
    pub time_limits: TimeLimits,
    /// Time that a decision takes.
    pub decision_time: DecisionTime,
}

/// Start of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// The job's position in the list.
    pub position: usize,
    /// Instant of the start.
    pub at: Instant,
    /// Nodes of its members.
    pub nodes: Vec<NodeId>,
}

/// Runs jobs, in the order given; their starts in the order of the decisions.
///
/// # Errors
/// In words, if the rules are unknown, the simulator gives up, or a job never starts.
pub fn run_jobs(jobs: &[RigidJob], machine: &JobMachine) -> Result<Vec<Started>, String> {
    let Planner {
        component,
        stepping,
    } = planner(&machine.options, machine.form).map_err(|error| error.to_string())?;
    let parts = SystemParts {
        components: vec![component],
        agent: Box::new(PlainAgent::new(machine.time_limits)),
        stepping,
        commitment: Commitment::Checked,
    };
    let nodes = (0..machine.nodes).map(node).collect();
    let work = Work {
        recorded: recorded(jobs),
        jobs: jobs.len(),
    };
    let started = simulate(parts, nodes, work, machine.decision_time)?;
    match (0..jobs.len()).find(|job| started.iter().all(|start| start.position != *job)) {
        Some(position) => Err(format!("the job at position {position} never starts")),
        None => Ok(started),
    }
}

/// Runs pods, all there at once and for ever, under a profile of the pipeline; their starts in the
/// order of the decisions.
///
/// # Errors
/// In words, if the profile is unknown or the simulator gives up.
pub fn run_pods(
    pods: &[PodSpec],
    nodes: Vec<Arc<Node>>,
    profile: ProfileChoice,
) -> Result<Vec<Started>, String> {
    let request = SystemRequest {
        setup: Setup::default(),
        profile,
        options: SystemOptions::default(),
        controllers: None,
        form: Form::Incremental,
        time_limits: TimeLimits::Ignored,
        images: None,
        external: None,
        extenders: None,
    };
    let parts = (systems::pipeline::ENTRY.build)(&request).map_err(|error| error.to_string())?;
    let arrival = |position: usize| Arrival {
        class: position as u32,
        ..Arrival::new(Instant::ZERO, PodName::Job(position as u64))
    };
    let work = Work {
        recorded: Recorded {
            arrivals: (0..pods.len()).map(arrival).collect(),
            classes: pods.iter().cloned().map(Arc::new).collect(),
            ..Recorded::default()
        },
        jobs: pods.len(),
    };
    simulate(parts, nodes, work, DecisionTime::default())
}

/// Arrivals, each job called by its position.
pub struct Work {
    /// The arrivals with their classes.
    pub recorded: Recorded,
    /// Number of jobs.
    pub jobs: usize,
}

/// Runs work on nodes under a system, until nothing happens any more; the starts in the order of the
/// decisions.
///
/// # Errors
/// In words, if the simulator gives up.
pub fn simulate(
    parts: SystemParts,
    nodes: Vec<Arc<Node>>,
    work: Work,
    decision_time: DecisionTime,
) -> Result<Vec<Started>, String> {
    let options = Options {
        seed: 0,
        stop: Stop::Idle,
        decision_time,
        start_up: StartUp::None,
        stepping: parts.stepping,
        node_loss: NodeLoss::Lose,
        node_life: NodeLife::Declared,
        node_timeout: Duration::ZERO,
        node_client: None,
        relist: Duration::ZERO,
        node_ready: Duration::ZERO,
        lease_offset: None,
        view_lag: Duration::ZERO,
        empties_nodes: false,
    };
    let world = CellParts {
        nodes,
        components: parts.components,
        agent: parts.agent,
        arrivals: Box::new(MemorySource::new(work.recorded)),
        outages: Vec::new(),
        environment: Environment::default(),
        residents: Vec::new(),
        operations: Vec::new(),
    };
    let mut starts = Starts::of(work.jobs);
    let mut simulation =
        Simulation::new(options, vec![world], &mut starts).map_err(|error| error.to_string())?;
    let interrupted = AtomicBool::new(false);
    let mut control = RunControl {
        interrupted: &interrupted,
        progress: &mut |_| {},
    };
    simulation
        .run(&mut control)
        .map_err(|error| error.to_string())?;
    drop(simulation);
    Ok(starts.decided)
}

fn node(index: u32) -> Arc<Node> {
    Arc::new(Node {
        name: format!("processor-{index}").into(),
        allocatable: ResourceList::from_pairs([
            (CPU, Quantity::from_units(1)),
            (PODS, Quantity::from_units(1)),
        ]),
        ..Node::default()
    })
}

/// The jobs as arrivals, each called by its position.
fn recorded(jobs: &[RigidJob]) -> Recorded {
    let requests = ResourceList::from_pairs([(CPU, Quantity::from_units(1))]);
    let arrival = |(position, job): (usize, &RigidJob)| Arrival {
        members: job.members,
        run_time: Some(job.run),
        time_limit: Some(job.requested),
        ..Arrival::new(job.submit, PodName::Job(position as u64))
    };
    Recorded {
        arrivals: jobs.iter().enumerate().map(arrival).collect(),
        classes: vec![Arc::new(PodSpec::with_requests(requests))],
        ..Recorded::default()
    }
}

/// Starts of jobs: when and where the members of each are bound.
pub(super) struct Starts {
    /// Positions in `decided`, by job.
    seen: Vec<Option<usize>>,
    /// The jobs that started, in the order of the decisions.
    pub(super) decided: Vec<Started>,
}

impl Starts {
    /// Starts of so many jobs, none of which has started.
    pub(super) fn of(jobs: usize) -> Self {
        Self {
            seen: vec![None; jobs],
            decided: Vec::new(),
        }
    }

    /// The first job that has not started.
    pub(super) fn first_unseen(&self) -> Option<usize> {
        self.seen.iter().position(Option::is_none)
    }

    /// A member of a job is bound; one of no job here is passed over.
    pub(super) fn note(&mut self, position: usize, at: Instant, node: NodeId) {
        match self.seen.get_mut(position) {
            Some(Some(known)) => self.decided[*known].nodes.push(node),
            Some(unseen) => {
                *unseen = Some(self.decided.len());
                self.decided.push(Started {
                    position,
                    at,
                    nodes: vec![node],
                });
            }
            None => {}
        }
    }
}

impl Observer for Starts {
    fn observe(&mut self, at: Instant, event: &Event, _ended: Option<&Pod>, store: &Store) {
        let Event::PodBound { pod, node, .. } = event else {
            return;
        };
        let Some(PodName::Job(position) | PodName::Member(position, _)) =
            store.pods().get(*pod).map(|pod| &pod.name)
        else {
            return;
        };
        self.note(*position as usize, at, *node);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(jobs: &[RigidJob], nodes: u32, backfill: &str, form: Form) -> Vec<Started> {
        run_under(TimeLimits::Enforced, jobs, nodes, backfill, form)
    }

    fn run_under(
        time_limits: TimeLimits,
        jobs: &[RigidJob],
        nodes: u32,
        backfill: &str,
        form: Form,
    ) -> Vec<Started> {
        let machine = JobMachine {
            nodes,
            options: BatchOptions {
                backfill: backfill.to_owned(),
                ..BatchOptions::default()
            },
            form,
            time_limits,
            decision_time: DecisionTime::default(),
        };
        let mut started = run_jobs(jobs, &machine).expect("jobs that fit");
        started.sort_by_key(|start| start.position);
        started
    }

    fn jobs() -> impl Strategy<Value = Vec<RigidJob>> {
        let job = (0_i64..4, 1_u32..7, 1_i64..20, 1_i64..20);
        prop::collection::vec(job, 1..40).prop_map(|rows| {
            let mut submit = Instant::ZERO;
            let job = |(gap, members, run, slack): (i64, u32, i64, i64)| {
                submit = submit.saturating_add(Duration::from_secs(gap));
                RigidJob {
                    submit,
                    run: Duration::from_secs(run),
                    // Half of the jobs ask for the time they take.
                    requested: Duration::from_secs(run + (slack - 10).max(0)),
                    members,
                }
            };
            rows.into_iter().map(job).collect()
        })
    }

    fn exact(mut jobs: Vec<RigidJob>) -> Vec<RigidJob> {
        for job in &mut jobs {
            job.requested = job.run;
        }
        jobs
    }

    /// The earliest instant at which a job has room once it is the first that waits, if all that
    /// run then end as they asked to.
    fn shadow(jobs: &[RigidJob], started: &[Started], nodes: u32, position: usize) -> Instant {
        let before = started[..position].iter().map(|start| start.at);
        let head = before.fold(jobs[position].submit, Instant::max);
        let runs = |start: &&Started| {
            let own = &jobs[start.position];
            let is_earlier = start.at < head || start.position < position;
            is_earlier && start.at.saturating_add(own.run) > head
        };
        let mut ends: Vec<(Instant, u32)> = started
            .iter()
            .filter(runs)
            .map(|start| {
                let own = &jobs[start.position];
                (start.at.saturating_add(own.requested), own.members)
            })
            .collect();
        ends.sort_unstable();
        let mut free = nodes - ends.iter().map(|(_, members)| members).sum::<u32>();
        let mut at = head;
        for (end, members) in ends {
            if free >= jobs[position].members {
                break;
            }
            free += members;
            at = end;
        }
        at
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn fast_forms_decide_as_plain_ones(jobs in jobs()) {
            for backfill in ["easy", "conservative"] {
                let plain = run(&jobs, 7, backfill, Form::Plain);
                prop_assert_eq!(plain, run(&jobs, 7, backfill, Form::Incremental), "{}", backfill);
            }
        }

        #[test]
        fn fast_forms_decide_as_plain_ones_where_jobs_run_too_long(jobs in jobs()) {
            let mut jobs = jobs;
            for job in jobs.iter_mut().step_by(2) {
                job.requested = Duration::from_nanos(job.run.as_nanos() / 2);
            }
            for backfill in ["easy", "conservative"] {
                let decided = |form| run_under(TimeLimits::Ignored, &jobs, 7, backfill, form);
                let plain = decided(Form::Plain);
                prop_assert_eq!(plain, decided(Form::Incremental), "{}", backfill);
            }
        }

        #[test]
        fn easy_never_delays_its_one_reservation(jobs in jobs()) {
            let started = run(&jobs, 7, "easy", Form::Incremental);
            for start in &started {
                prop_assert!(start.at <= shadow(&jobs, &started, 7, start.position));
            }
        }

        #[test]
        fn conservative_delays_no_job_for_a_later_one(jobs in jobs(), kept in 1_usize..40) {
            let jobs = exact(jobs);
            let kept = kept.min(jobs.len());
            for backfill in ["conservative", "conservative-hosts"] {
                let starts = |jobs: &[RigidJob]| -> Vec<Instant> {
                    let started = run(jobs, 7, backfill, Form::Incremental);
                    started.iter().map(|start| start.at).collect()
                };
                let (all, first) = (starts(&jobs), starts(&jobs[..kept]));
                prop_assert_eq!(&all[..kept], &first[..], "{}", backfill);
            }
        }
    }
}

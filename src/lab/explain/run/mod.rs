//! An attempt of a run, explained. Nothing but pod and node is recorded, so the run is simulated
//! again. kube-scheduler shows its attempts on the way ([`scheduler::kube::Witness`]), and what it knew at the one
//! that is asked for is kept; a run of a pipeline is simulated a second time up to the decision,
//! and looked at there.

mod own_rules;
mod watch;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use thiserror::Error;

use super::defects::deciding;
use super::{Explanation, NodeView, pipeline};
use crate::releases::releases;
use crate::run::{Prepared, run_silently};
use crate::sides::{DiffError, Side, failed, stop_before};
use crate::summarize::gap_notes;
use crate::volume_reach;
use cluster::Store;
use intake::TraceError;
use model::{Change, Changes, SchedulerConfig};
use scenario::Scenario;
use scenario::schema::TieBreak;
use scheduler::kube::{Cache, KubeProfile, PodInfo};
use scheduler::{ClassContext, Profile};
use sim::EndCause;
use systems::SchedulerKind;
use units::{ClassId, Instant, nearest};
use watch::{Followed, Kept, KeptSight, Tried, Wanted};
use world::{self};

/// Number of names that a message gives.
const NAMED: usize = 3;

/// Choice of an attempt of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The last.
    Last,
    /// This one, from 1.
    Number(u64),
    /// The last at this instant or before.
    Until(Instant),
}

/// Reason an attempt can't be explained.
#[derive(Debug, Error)]
pub enum RunExplainError {
    /// The run can't be made.
    #[error(transparent)]
    Run(#[from] DiffError),
    /// There is no such pod or attempt; in words.
    #[error("{0}")]
    Input(String),
    /// The pod was left without a node by a system that keeps no filters and scores: its answer, in
    /// words.
    #[error("{0}")]
    Waits(String),
    /// The pod was given a node by a system that keeps no filters and scores: what is known of it, in words.
    #[error("{0}")]
    Bound(String),
    /// The scheduler never tried the pod, for a reason in words: an answer rather than a fault.
    #[error("{0}")]
    NeverTried(String),
}

/// An attempt, as the run took it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptFacts {
    /// Name of the run.
    pub run: String,
    /// The digest of the whole run.
    pub digest: String,
    /// Releases that the parts of the system follow, with the switches that are turned.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub releases: Vec<String>,
    /// Instant of the attempt, in nanoseconds.
    pub time_ns: i64,
    /// Number of the attempt of the pod, from 1.
    pub attempt: u64,
    /// Number of attempts.
    pub attempts: u64,
    /// `bound`, `unschedulable` or `rejected`.
    pub outcome: &'static str,
    /// The node it got.
    pub node: Option<String>,
    /// Reason for which no node was ordered for it, by the autoscaler of nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_scale_up: Option<String>,
    /// The file and line of the trace that the pod is from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// The node at which the scheduler began to look, where it need not look at all.
    pub began_at: Option<String>,
}

/// State at an attempt.
pub enum Scene {
    /// Knowledge of kube-scheduler, its profile, and the pod.
    Exact(Box<(Cache, KubeProfile, PodInfo)>),
    /// The cluster, the profile of a pipeline, and the class of the pod.
    Pipeline(Box<(Store, Profile, ClassId)>),
}

/// An attempt of a run.
pub struct Attempted {
    /// Facts about the attempt.
    pub facts: AttemptFacts,
    /// State at the attempt.
    pub scene: Scene,
    /// Parts of the input that the system can't express or that are left out, as the run tells them.
    pub notes: Vec<String>,
    pod: String,
    ties: String,
}

impl Attempted {
    /// The explanation.
    pub fn explain(&mut self) -> Explanation {
        match &mut self.scene {
            Scene::Exact(known) => {
                let mut explanation = Explanation::of(&known.0, &known.1, &known.2);
                explanation.ties.clone_from(&self.ties);
                explanation.pod.clone_from(&self.pod);
                explanation
            }
            Scene::Pipeline(known) => {
                let (store, profile, spec) = &mut **known;
                let at = Instant::from_nanos(self.facts.time_ns);
                pipeline::explain(profile, &ClassContext::new(at, store, *spec), &self.pod)
            }
        }
    }

    /// Says which nodes reach the volumes of the pod, unless all do.
    fn unreached(&self) -> Option<String> {
        match &self.scene {
            Scene::Exact(known) => {
                let nodes = || known.0.nodes().map(|own| &*own.object).collect();
                volume_reach::words(known.2.spec(), nodes)
            }
            Scene::Pipeline(known) => {
                let (store, _, class) = &**known;
                let nodes = store.nodes();
                let objects = || nodes.ids().filter_map(|node| nodes.object(node));
                let objects = || objects().map(|own| &**own).collect();
                volume_reach::words(&store.class(*class).spec, objects)
            }
        }
    }

    /// Returns one node's verdict.
    ///
    /// # Errors
    /// If there is no such node, with the nearest names.
    pub fn look_at(&self, name: &str) -> Result<NodeView, RunExplainError> {
        let found = match &self.scene {
            Scene::Exact(known) => {
                let (cache, profile, pod) = &**known;
                let node = cache.node(name);
                node.map(|_| super::look_at(cache, profile, pod, name))
            }
            Scene::Pipeline(known) => {
                let (store, profile, spec) = &**known;
                let at = Instant::from_nanos(self.facts.time_ns);
                let ctx = ClassContext::new(at, store, *spec);
                let node = store.nodes().by_name(name);
                node.map(|node| pipeline::look_at(profile, &ctx, node))
            }
        };
        found.ok_or_else(|| {
            let names: Vec<String> = match &self.scene {
                Scene::Exact(known) => known.0.nodes().map(|own| own.name().to_string()).collect(),
                Scene::Pipeline(known) => {
                    let nodes = known.0.nodes();
                    let names = nodes.present().map(|node| nodes.name(node).to_owned());
                    names.collect()
                }
            };
            let near = near(name, &names);
            RunExplainError::Input(format!("the run has no node `{name}` then; {near}"))
        })
    }
}

/// The nearest of names, or some of them, as the end of a message.
fn near(wanted: &str, names: &[String]) -> String {
    let mut near = nearest::all_near(wanted, names.iter().map(String::as_str));
    if near.is_empty() {
        let prefixed = names.iter().filter(|name| name.starts_with(wanted));
        near = prefixed.map(String::as_str).collect();
    }
    near.truncate(NAMED);
    if near.is_empty() {
        let some: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
        return format!("there is `{}`", some.join("`, `"));
    }
    format!("did you mean `{}`?", near.join("`, `"))
}

/// Finds an attempt of a pod, by name or `NAMESPACE/NAME`, in a run that is simulated again.
///
/// # Errors
/// If the run can't be made or was interrupted, or has no such pod or attempt.
pub fn find(
    side: &Side<'_>,
    pod: &str,
    which: Which,
    interrupted: &AtomicBool,
) -> Result<Attempted, RunExplainError> {
    let fail = failed(side);
    if scheduler_of(side) == Some(SchedulerKind::Planner) {
        return Err(RunExplainError::Input(format!(
            "{}: the system `{}` plans whole jobs and has no attempts for single pods; see \
             `submit_ns` and `bound_ns` in its pods table, or `windtunnel diff` against a run of another system",
            side.label, side.scenario.system.name
        )));
    }
    let mut prepared = side.prepare().map_err(&fail)?;
    let notes = notes(side, &prepared);
    let record =
        record_of(&prepared, pod).map_err(|error| RunExplainError::Input(error.to_string()))?;
    let kept = Arc::new(Kept {
        wanted: Wanted(pod.to_owned()),
        which,
        seen: Mutex::default(),
    });
    let is_exact = world::is_exact(side.scenario);
    if is_exact {
        prepared.kube.witness = Some(kept.clone());
    }
    let config = prepared.kube.config.clone();
    let mut followed = Followed {
        wanted: Wanted(pod.to_owned()),
        ..Followed::default()
    };
    let end = run_silently(side.forked(), prepared, &mut followed, interrupted).map_err(&fail)?;
    if end.cause == EndCause::Interrupted {
        return Err(DiffError::Interrupted.into());
    }
    let full_name = followed.full_name(pod, &side.label)?;
    let found = if is_exact {
        let mut seen = kept.seen.lock().unwrap_or_else(PoisonError::into_inner);
        (seen.count, seen.kept.take())
    } else {
        (followed.attempts.len() as u64, None)
    };
    let about = About {
        side,
        full_name,
        digest: end.digest,
        which,
        notes,
        record,
    };
    let mut attempted = match found {
        (0, _) => Err(about.untried(&followed, end.at, interrupted)?),
        (count, None) if is_exact => Err(about.no_such_attempt(count)),
        (count, Some(one)) => Ok(about.exact(count, one, &config)),
        (_, None) => about.pipeline(&followed.attempts, interrupted),
    }?;
    if attempted.facts.node.is_none() {
        let at = Instant::from_nanos(attempted.facts.time_ns);
        attempted.facts.no_scale_up = followed.unprovided_after(at);
        attempted.notes.extend(attempted.unreached());
    }
    Ok(attempted)
}

/// Subject of an attempt.
struct About<'s> {
    side: &'s Side<'s>,
    full_name: String,
    digest: String,
    which: Which,
    notes: Vec<String>,
    record: Option<String>,
}

/// The file and line of the trace that a pod of a run is from.
fn record_of(prepared: &Prepared, pod: &str) -> Result<Option<String>, TraceError> {
    let mut source = prepared.workload.source.fork()?;
    let name = pod.rsplit('/').next().unwrap_or(pod);
    let records = arrivals::inspect::found(&mut *source, &"workload".into(), name)?;
    let known = records.found.iter().find(|record| record.line > 0);
    Ok(known.map(arrivals::inspect::Record::place))
}

/// Notes of a run about its input.
fn notes(side: &Side<'_>, prepared: &Prepared) -> Vec<String> {
    let mut notes = gap_notes(&side.scenario.system.name, &prepared.mapping);
    notes.extend(prepared.remarks.lines());
    notes
}

impl About<'_> {
    fn no_such_attempt(&self, count: u64) -> RunExplainError {
        let (run, pod) = (&self.side.label, &self.full_name);
        let times = match count {
            1 => "once".to_owned(),
            count => format!("{count} times"),
        };
        RunExplainError::Input(match self.which {
            Which::Until(at) => {
                format!("{run}: pod `{pod}` was attempted {times}, first after {at}")
            }
            _ => format!(
                "{run}: pod `{pod}` was attempted {times}; write `--attempt` with a number from 1 \
                 to {count}"
            ),
        })
    }

    fn facts(&self, number: u64, count: u64, at: Instant) -> AttemptFacts {
        AttemptFacts {
            run: self.side.label.clone(),
            digest: self.digest.clone(),
            releases: releases(self.side.scenario, self.side.files),
            time_ns: at.as_nanos(),
            attempt: number,
            attempts: count,
            outcome: "unschedulable",
            node: None,
            no_scale_up: None,
            record: self.record.clone(),
            began_at: None,
        }
    }

    fn exact(self, count: u64, kept: KeptSight, config: &SchedulerConfig) -> Attempted {
        let mut notes = self.notes.clone();
        // The configuration made the profile, so it makes it again.
        let defects = deciding(config, &kept.profile, &kept.cache, &kept.pod);
        notes.extend(defects.unwrap_or_default());
        let facts = self.facts(kept.number, count, kept.at);
        Attempted {
            facts: AttemptFacts {
                outcome: if kept.node.is_some() {
                    "bound"
                } else {
                    "unschedulable"
                },
                node: kept.node,
                began_at: kept.began_at,
                ..facts
            },
            ties: exact_ties(self.side.scenario, kept.cache.changes()),
            notes,
            pod: self.full_name,
            scene: Scene::Exact(Box::new((kept.cache, kept.profile, kept.pod))),
        }
    }

    fn pipeline(
        self,
        attempts: &[Tried],
        interrupted: &AtomicBool,
    ) -> Result<Attempted, RunExplainError> {
        let count = attempts.len() as u64;
        let position = match self.which {
            Which::Last => attempts.len().checked_sub(1),
            Which::Number(number) => usize::try_from(number)
                .ok()
                .and_then(|number| number.checked_sub(1)),
            Which::Until(at) => attempts.iter().rposition(|tried| tried.at <= at),
        };
        let position = position.filter(|&position| position < attempts.len());
        let Some(position) = position else {
            return Err(self.no_such_attempt(count));
        };
        let tried = &attempts[position];
        if scheduler_of(self.side) == Some(SchedulerKind::Own) {
            return Err(self.own_rules(tried, position + 1, count, interrupted)?);
        }
        let (store, profile) = stop_before(self.side, tried.at, tried.revision, interrupted)?;
        let record = store.as_ref().and_then(|store| store.pods().get(tried.pod));
        let class = record.map(|record| record.class);
        let (Some(store), Some(profile), Some(class)) = (store, profile, class) else {
            return Err(RunExplainError::Input(format!(
                "{}: simulating the run again gave a different result; its inputs have changed",
                self.side.label
            )));
        };
        let facts = self.facts(position as u64 + 1, count, tried.at);
        Ok(Attempted {
            facts: AttemptFacts {
                outcome: tried.outcome,
                node: tried.node.clone(),
                ..facts
            },
            ties: String::new(),
            notes: self.notes,
            pod: self.full_name,
            scene: Scene::Pipeline(Box::new((store, profile, class))),
        })
    }
}

/// Choice of kube-scheduler among equally good nodes in this run.
fn exact_ties(scenario: &Scenario, changes: Changes) -> String {
    if scenario.system.scheduler.tie_break == Some(TieBreak::First) {
        "the first in the scheduler's order is taken".to_owned()
    } else if changes.has(Change::HeapRoot) {
        "the root of a heap over them is taken".to_owned()
    } else {
        super::DRAWN.to_owned()
    }
}

fn scheduler_of(side: &Side<'_>) -> Option<SchedulerKind> {
    let entry = systems::registry::find(&side.scenario.system.name).ok()?;
    Some(entry.scheduler)
}

//! Advance reservations of a scenario's Slurm, with the nodes that they keep.

use std::sync::Arc;

use arrivals::ArrivalSource;
use model::Node;
use scenario::Scenario;
use scenario::reservations::RESERVATIONS;
use scenario::schema::{Slurm, SlurmReservation};
use scheduler::batch::AdvanceReservation;
use units::nearest::hint;
use units::{Duration, Instant, SortedSet, TenantId};

use super::BuildError;
use super::partitions::{nameless, selection, selects};

/// The advance reservations of a scenario.
///
/// # Errors
/// A reservation keeps no node, names one that the cluster lacks, or is longer than the log; or the log
/// can't be read.
pub fn reservations(
    scenario: &Scenario,
    nodes: &[Arc<Node>],
    arrivals: &dyn ArrivalSource,
) -> Result<Vec<AdvanceReservation>, BuildError> {
    let slurm = scenario.system.scheduler.slurm.as_ref();
    let Some(slurm) = slurm.filter(|own| !own.reservations.is_empty()) else {
        return Ok(Vec::new());
    };
    let length = log_length(arrivals)?;
    let mut all = Vec::new();
    for (number, written) in slurm.reservations.iter().enumerate() {
        let name = &written.name;
        let wrong = |field: &str, what: &str| {
            let what = format!("{RESERVATIONS}[{number}]{field}: {what}");
            Err(BuildError::Experiment(what))
        };
        if written.duration > length {
            let what = format!(
                "the reservation `{name}` lasts {}, longer than the log, which ends after {length}; shorten it, or \
                 take its nodes out of `cluster`",
                written.duration
            );
            return wrong(".duration", &what);
        }
        if let Some((place, pattern)) = nameless(&written.node_names, nodes) {
            let known = nodes.iter().map(|node| &*node.name);
            let hint = hint(pattern, known);
            let what =
                format!("the cluster has no node `{pattern}` for the reservation `{name}`; {hint}");
            return wrong(&format!(".nodeNames[{place}]"), &what);
        }
        let nodes_kept = selection(&written.nodes, &written.node_names, nodes);
        if !selects(nodes_kept.as_ref(), nodes) {
            let what = format!(
                "no node has the labels and names of the reservation `{name}`; give it those of nodes under \
                 `cluster`"
            );
            return wrong("", &what);
        }
        let from = Instant::ZERO.saturating_add(written.start);
        all.push(AdvanceReservation {
            name: name.as_str().into(),
            from,
            until: from.saturating_add(written.duration),
            nodes: nodes_kept,
            users: users(slurm, written),
        });
    }
    Ok(all)
}

/// The users that a reservation does not keep off, who are numbered by their places in the accounts.
fn users(slurm: &Slurm, written: &SlurmReservation) -> SortedSet<TenantId> {
    let of_accounts = slurm.accounts.iter().flat_map(|own| {
        let is_named = written.accounts.contains(&own.name);
        own.users
            .keys()
            .map(move |user| is_named || written.users.contains(user))
    });
    let numbered = (0..).zip(of_accounts);
    let meant = numbered.filter(|&(_, is_meant)| is_meant);
    meant.map(|(number, _)| TenantId(number)).collect()
}

/// The time from the begin of a log to the last end that it foresees.
fn log_length(arrivals: &dyn ArrivalSource) -> Result<Duration, BuildError> {
    let mut log = arrivals.fork()?;
    let mut last = Instant::ZERO;
    while let Some(job) = log.next()? {
        let length = job.run_time.or(job.time_limit).unwrap_or(Duration::MAX);
        last = last.max(job.submit.saturating_add(length));
    }
    Ok(last.since(Instant::ZERO))
}

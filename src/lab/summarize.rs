//! Conversion of a run's outcome to its summary.

use metrics::autoscalers::AutoscalerRow;
use metrics::fights::FightRow;
use metrics::queues::QueueRow;
use metrics::services::{ServiceLatency, ServiceRow};
use metrics::{CostTable, IdleBefore, RunMetrics, UnfinishedJobs, registry, workloads};
use model::EvictionCause;
use model::traffic::FailureCause;
use scenario::schema::WorkloadSource;
use scenario::{Files, Scenario, VariantPlan};
use sim::EndCause;
use systems::mapping::Mapping;
use world::request_limits::{RequestLimits, request_limits};

use super::run::Outcome;
use super::steps::StepUnit;
use super::summary::{
    ArrivedSummary, AutoscalerSummary, CostSummary, FightSummary, LimitsSummary, MetricSummary,
    NodeCostSummary, QueuePrioritySummary, QueueSummary, QueueTimelineSummary, QueueUseSummary,
    RecommendedSummary, ReplicasSummary, ServiceObjectiveSummary, ServiceSummary,
    TenantCostSummary, UnexpressedSummary, UnfinishedSummary, VariantSummary, WorkloadSummary,
};
use units::{Instant, SortedMap};

/// Limits by which a scenario's system holds back its own requests.
fn limits(scenario: &Scenario, outcome: &Outcome) -> Option<LimitsSummary> {
    let has_workloads = !outcome.metrics.workloads.is_empty();
    let RequestLimits { hold, words } = request_limits(scenario, has_workloads)?;
    Some(LimitsSummary { hold, words })
}

/// Remarks with files under the names that the scenario gives them: where a folder of traces lies is
/// none of the result's business.
fn as_written(mut remarks: Vec<String>, files: &Files) -> Vec<String> {
    let mut known: Vec<(&String, String)> = (files.iter())
        .map(|(written, opened)| (written, opened.display().to_string()))
        .collect();
    // The longest first, as one may be the start of another.
    known.sort_by_key(|(_, opened)| std::cmp::Reverse(opened.len()));
    for (written, opened) in known {
        for remark in remarks.iter_mut().filter(|remark| remark.contains(&opened)) {
            *remark = remark.replace(&opened, written);
        }
    }
    remarks
}

/// Remarks on the input, and on the time in which a workload of traces alone leaves the cluster without any.
fn remarks(scenario: &Scenario, outcome: &Outcome) -> Vec<String> {
    let mut remarks = outcome.remarks.clone();
    let is_trace = |own: &WorkloadSource| matches!(own, WorkloadSource::Trace(_));
    if let Some(IdleBefore(idle)) = outcome.metrics.tables.get()
        && !scenario.workload.is_empty()
        && scenario.workload.iter().all(is_trace)
    {
        remarks.push(format!(
            "the first job arrives after {idle}: means over time count these as idle; `metrics: {{window: {{from: \
             {idle}}}}}` leaves them out"
        ));
    }
    remarks
}

/// Summary of a run.
pub(super) fn summarize(variant: &VariantPlan, files: &Files, outcome: Outcome) -> VariantSummary {
    let remarks = remarks(&variant.scenario, &outcome);
    let scheduler = &variant.scenario.system.scheduler;
    let scheduler = match &scheduler.queue {
        Some(queue) => format!("{queue}, backfill {}", scheduler.backfill.name()),
        None => variant.scenario.system.placement(systems::SECTIONS),
    };
    VariantSummary {
        name: variant.name.clone(),
        seed: variant.scenario.seed,
        system: variant.scenario.system.name.clone(),
        scheduler,
        releases: outcome.releases.clone(),
        limits: limits(&variant.scenario, &outcome),
        nodes: outcome.nodes,
        pods: outcome.pods,
        ended: ended(outcome.end.cause).to_owned(),
        stopped: None,
        end_ns: outcome.end.at.as_nanos(),
        changes: outcome.end.changes,
        decisions: outcome.end.decisions,
        digest: outcome.end.digest,
        has_chance: false,
        ledger: as_written(remarks, files),
        refused: outcome.refused,
        unexpressed: unexpressed(&outcome.mapping),
        unfinished: outcome.metrics.tables.get().map(unfinished),
        arrived: outcome
            .metrics
            .arrived
            .as_ref()
            .map(|tables| ArrivedSummary {
                allocation_percent: tables.allocation.clone(),
                fragmentation_percent: tables.fragmented.clone(),
                fragmented_idle_percent: tables.fragmented_share.clone(),
            }),
        metrics: metrics(&outcome.metrics),
        workloads: outcome.metrics.workloads.iter().map(workload).collect(),
        services: outcome
            .metrics
            .tables
            .rows::<ServiceRow>()
            .iter()
            .map(service)
            .collect(),
        costs: outcome.metrics.tables.get::<CostTable>().map(costs),
        autoscalers: outcome
            .metrics
            .tables
            .rows::<AutoscalerRow>()
            .iter()
            .map(autoscaler)
            .collect(),
        fights: outcome
            .metrics
            .tables
            .rows::<FightRow>()
            .iter()
            .map(fight)
            .collect(),
        queues: outcome
            .metrics
            .tables
            .rows::<QueueRow>()
            .iter()
            .enumerate()
            .map(|(place, row)| queue(place, row))
            .collect(),
    }
}

/// Summary of the jobs that were left undone.
fn unfinished(own: &UnfinishedJobs) -> UnfinishedSummary {
    UnfinishedSummary {
        lost: own.lost,
        failed: own.failed,
        jobs: own.jobs,
    }
}

/// Summary of the requests to a service.
fn service(row: &ServiceRow) -> ServiceSummary {
    let failed = row.failures();
    let ended = row.served + failed;
    let errors = FailureCause::ALL.into_iter().zip(row.failed);
    let errors = errors.filter(|(_, count)| *count > 0);
    let latency = |of: fn(&ServiceLatency) -> f64| row.latency.as_ref().map(of);
    ServiceSummary {
        service: row.service.to_string(),
        offered: row.offered,
        served: row.served,
        failed,
        errors: errors
            .map(|(cause, count)| (cause.name().to_owned(), count))
            .collect(),
        error_rate: (ended > 0).then(|| failed as f64 / ended as f64),
        retries: row.retries,
        latency_mean_s: latency(|own| own.mean),
        latency_p50_s: latency(|own| own.p50),
        latency_p95_s: latency(|own| own.p95),
        latency_p99_s: latency(|own| own.p99),
        objectives: (row.objectives.iter())
            .map(|own| ServiceObjectiveSummary {
                group: own.group.to_string(),
                latency_s: own.objective.latency.as_secs_f64(),
                share: own.objective.share,
                within: own.within,
                burn: own.burn,
            })
            .collect(),
        saturation: row.saturation,
        saturation_peak: row.saturation_peak,
        queue_mean: row.queue_mean,
        endpoints_mean: row.endpoints_mean,
    }
}

/// Summary of an autoscaler of pods.
fn autoscaler(row: &AutoscalerRow) -> AutoscalerSummary {
    let recommended = row
        .recommended
        .iter()
        .map(|(name, own)| RecommendedSummary {
            container: name.to_string(),
            cpu: own.cpu_milli as f64 / 1e3,
            memory_bytes: own.memory_bytes,
        });
    AutoscalerSummary {
        kind: row.kind.to_owned(),
        object: row.object.clone(),
        target: row.target.clone(),
        replicas: row.replicas.map(|own| ReplicasSummary {
            min: own.bounds.0,
            max: own.bounds.1,
            fewest: own.fewest,
            most: own.most,
            last: own.last,
            ups: own.ups,
            downs: own.downs,
        }),
        recommended: recommended.collect(),
    }
}

/// Summary of a fight: controllers that undid each other's work.
fn fight(row: &FightRow) -> FightSummary {
    FightSummary {
        detector: row.detector.to_owned(),
        object: row.object.clone(),
        times: row.times,
        first_ns: row.first.as_nanos(),
        last_ns: row.last.as_nanos(),
    }
}

/// Most queues whose timelines are kept.
const TIMELINES_MAX: usize = 200;

/// Digits behind the point of amounts over time.
const FINE: f64 = 1e4;

/// Summary of a queue, by its place among all.
fn queue(place: usize, row: &QueueRow) -> QueueSummary {
    let rounded = |values: &[f64]| {
        let values = values.iter();
        values.map(|value| (value * FINE).round() / FINE).collect()
    };
    let own = &row.timeline;
    let timeline =
        (place < TIMELINES_MAX && !own.waiting.is_empty()).then(|| QueueTimelineSummary {
            from_s: own.from.since(Instant::ZERO).as_secs_f64(),
            step_s: own.step.as_secs_f64(),
            waiting: rounded(&own.waiting),
            share: rounded(&own.share),
        });
    let uses = row.uses.iter().map(|own| QueueUseSummary {
        flavor: own.flavor.to_string(),
        resource: own.resource.to_string(),
        nominal_hours: own.nominal_hours,
        used_hours: own.used_hours,
        borrowed_hours: own.borrowed_hours,
        nominal: own.nominal,
        held: timeline
            .as_ref()
            .map_or_else(Vec::new, |_| rounded(&own.held)),
    });
    let work = &row.work;
    let priorities = work.priorities.iter().filter_map(|(priority, own)| {
        Some(QueuePrioritySummary {
            priority: *priority,
            admitted: own.admitted,
            wait_mean_s: own.mean_wait()?,
            wait_max_s: own.longest_wait()?,
        })
    });
    let evictions = work.evictions.iter();
    QueueSummary {
        queue: row.queue.to_string(),
        admitted: work.admissions.admitted,
        wait_mean_s: work.admissions.mean_wait(),
        wait_max_s: work.admissions.longest_wait(),
        evicted: work.evicted(),
        evictions: evictions
            .map(|(reason, count)| (reason.to_string(), *count))
            .collect(),
        pending: row.pending,
        priorities: priorities.collect(),
        uses: uses.collect(),
        timeline,
    }
}

/// Summary of the costs of nodes.
fn costs(own: &CostTable) -> CostSummary {
    let tenants = own.tenants.iter().map(|tenant| TenantCostSummary {
        name: tenant.name.to_string(),
        by_requests: tenant.by_requests,
        by_use: tenant.by_use,
        served: tenant.served,
        per_million_requests: (tenant.served > 0)
            .then(|| tenant.by_requests / (tenant.served as f64 / 1e6)),
    });
    let nodes = own.nodes.iter().map(|kind| NodeCostSummary {
        instance_type: kind.instance_type.to_string(),
        spot: kind.is_spot,
        nodes: kind.nodes,
        price: kind.price,
        price_changes: kind.price_changes,
        hours: kind.hours,
        billed_hours: kind.billed_hours,
        cost: kind.cost,
    });
    CostSummary {
        currency: own.currency.to_string(),
        billing: own.billing.to_owned(),
        total: own.total,
        rounding: own.rounding,
        committed: own.committed,
        covered: own.covered,
        idle: own.idle,
        idle_by_use: own.idle_by_use,
        tenants: tenants.collect(),
        nodes: nodes.collect(),
    }
}

/// Summary of a workload.
fn workload(row: &workloads::Row) -> WorkloadSummary {
    let sums = &row.sums;
    let mut missing = sums.desired;
    missing.take(&sums.ready);
    let (mean, most) = sums.repairs.known().unzip();
    let evictions = EvictionCause::ALL
        .into_iter()
        .map(|cause| (cause.name().to_owned(), sums.evictions[cause as usize]));
    WorkloadSummary {
        kind: row.kind.to_owned(),
        namespace: row.namespace.to_string(),
        name: row.name.to_string(),
        desired: row.desired,
        required: row.required,
        ready: row.ready,
        availability: sums.available.ratio(&sums.wanted, "").ok(),
        unplanned_loss: sums.unplanned.ratio(&sums.wanted, "").ok(),
        replica_availability: sums.ready.ratio(&sums.desired, "").ok(),
        missing_pod_hours: missing.mean(3_600_000_000_000).ok(),
        worst_missing: sums.worst_missing,
        losses: sums.repairs.count(),
        unrepaired: sums.unrepaired,
        recovery_mean_s: mean,
        recovery_max_s: most,
        rollouts: sums.rollouts.count(),
        rollouts_unfinished: sums.unfinished,
        rollout_max_s: sums.rollouts.known().map(|(_, most)| most),
        lowest_ready: workloads::lowest_share(sums.lowest.into_iter()),
        evictions: evictions.filter(|(_, count)| *count > 0).collect(),
        restarts: sums.restarts,
        moves: sums.moves,
        blast_radius: workloads::largest_share(sums.blast.into_iter()),
    }
}

/// Notes about features of a workload that a system can't express.
pub(super) fn gap_notes(system: &str, mapping: &Mapping) -> Vec<String> {
    let gaps = unexpressed(mapping);
    let notes = gaps.iter();
    notes
        .map(|gap| format!("the system `{system}` {}", gap.words()))
        .collect()
}

fn unexpressed(mapping: &Mapping) -> Vec<UnexpressedSummary> {
    let gaps = mapping.gaps.iter().map(|gap| UnexpressedSummary {
        capability: gap.capability.to_string(),
        object: gap.object.clone(),
        field: gap.field.to_owned(),
        count: gap.count,
        refused: gap.is_refused,
        instead: gap.instead.to_owned(),
    });
    gaps.collect()
}

const fn ended(cause: EndCause) -> &'static str {
    match cause {
        EndCause::Reached => "reached",
        EndCause::Drained => "drained",
        EndCause::Idle => "idle",
        EndCause::Interrupted => "interrupted",
        EndCause::Stopped => "stopped",
    }
}

fn metrics(run: &RunMetrics) -> SortedMap<String, MetricSummary> {
    let in_steps = |unit: &str| run.arrived.as_ref().and_then(|_| StepUnit::of(unit));
    let known = run
        .values
        .iter()
        .filter_map(|value| Some((value, registry::find(&value.id)?.1)));
    known
        .map(|(value, statistic)| {
            let steps = in_steps(statistic.unit);
            let unit = steps.map_or(statistic.unit, |own| own.name);
            let factor = steps.map_or(1.0, |own| own.factor);
            let summary = MetricSummary {
                value: value.value.map(|value| value * factor),
                least: value.least.map(|least| least * factor),
                unit: unit.to_owned(),
                better: statistic.direction.name().to_owned(),
                note: value.reason.clone(),
                approximate: value.approx,
                observations: value.n,
            };
            (value.id.clone(), summary)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remarks_name_files_as_the_scenario_does() {
        let files = [("jobs.swf", "/data/a/jobs.swf"), ("jobs", "/data/a/jobs")];
        let files = files.map(|(written, opened)| (written.to_owned(), opened.into()));
        let remarks = vec!["keep 2 rows: odd (first /data/a/jobs.swf:29)".to_owned()];
        let written = as_written(remarks, &files.into_iter().collect());
        assert_eq!(written, ["keep 2 rows: odd (first jobs.swf:29)"]);
    }
}

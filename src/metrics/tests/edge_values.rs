//! Values of metrics of nodes, tenants, stages, money and energy at the edges, by hand.

use std::sync::Arc;

use crate::record::setup::Setup;
use crate::record::setup::economics::{Billing, Economics, NodeEconomics};
use crate::record::setup::mix::WorkloadMix;
use crate::record::setup::power::{Power, PowerCurve};
use crate::recorder::Recorder;
use crate::tests::fixture::{Bench, check, node, spec};
use crate::tests::scenes;
use cluster::GpuColumns;
use model::{EndReason, Event, GpuRequest, PodName};
use units::NodeId;

/// A workload of pods of one core and ten bytes; nodes that draw 100 to 300 W and cost 7.2 an hour.
pub(crate) fn setup() -> Setup {
    let shape = [1_000, 10, 0, 1];
    let economics = NodeEconomics {
        power: Some(Arc::new(Power {
            curve: PowerCurve::Formula {
                idle: 100_000_000,
                max: 300_000_000,
                exponent: 1.0,
                sleeps: false,
            },
            off_micro_watt: 0,
            boot_micro_watt: 0,
            embodied: None,
        })),
        price_micro_per_hour: Some(7_200_000),
        changes_as: None,
    };
    Setup {
        mix: Some(Arc::new(WorkloadMix::of([(
            shape,
            GpuColumns::default(),
            10,
        )]))),
        economics: Some(Arc::new(Economics {
            nodes: vec![economics; 2],
            billing: Billing::PerSecond,
            ..Economics::default()
        })),
        ..Setup::default()
    }
}

fn bench() -> Bench<'static> {
    Bench::new(Recorder::new(&setup()))
}

#[test]
fn no_nodes_and_no_pods() {
    let expected = [
        ("window.length", Some(10.0)),
        ("saturation.unstable", Some(0.0)),
        ("capacity.cpu.nominal.mean", Some(0.0)),
        ("capacity.pods.schedulable.mean", Some(0.0)),
        ("allocation.pods.mean", None),
        ("starting.cpu.mean", None),
        ("demand.cpu.mean", None),
        ("demand.cpu.peak", None),
        ("balance.cpu.cv", None),
        ("stranding.cpu.mean", None),
        ("mix_fragmentation.resource_only.cpu.mean", None),
        ("fit_count.core_4gib.mean", Some(0.0)),
        ("fit_count.core_4gib.ratio", None),
        ("fit_count.typical.end", Some(0.0)),
        ("largest_hole.memory.mean", None),
        ("weighted_wait.mean", None),
        ("first_wait.rmst", None),
        ("first_wait.capped", None),
        ("scheduling_latency.p50", None),
        ("scheduling_latency.decisions", Some(0.0)),
        ("scheduling_latency.decisions_per_second", Some(0.0)),
        ("scheduling_latency.failed_share", None),
        ("start_up.total.mean", None),
        ("per_processor_slowdown.mean", None),
        ("slowdown.delayed.mean", None),
        ("goodput.cpu.useful", None),
        ("queue_length.tw_p99", Some(0.0)),
        ("backlog_age.mean", Some(0.0)),
        ("backlog_age.max", Some(0.0)),
        ("work_conservation.pods", Some(0.0)),
        ("fairness.jain_inst", None),
        ("fairness.jain_cum", None),
        ("fairness.drf_deviation", None),
        ("fairness.tenants", Some(0.0)),
        ("disruptions.total", Some(0.0)),
        ("disruptions.per_1000_pod_hours", None),
        ("churn.moves_per_pod_day", None),
        ("churn.node_changes_per_node_day", None),
        ("energy.total", Some(0.0)),
        ("energy.per_core_hour", None),
        ("cost.total", Some(0.0)),
        ("cost.per_useful_core_hour", None),
    ];
    check(&bench().finish(10), &expected);
    // Without shapes, prices and power models there is nothing to say at all.
    let plain = Bench::new(Recorder::new(&Setup::default())).finish(10);
    check(
        &plain,
        &[
            ("stranding.cpu.mean", None),
            ("mix_fragmentation.resource_only.gpu.end", None),
            ("fit_count.typical.mean", None),
            ("fit_count.core_4gib.mean", Some(0.0)),
            ("energy.total", None),
            ("cost.total", None),
        ],
    );
    // A run of no length has no means.
    check(
        &bench().finish(0),
        &[
            ("backlog_age.mean", None),
            ("backlog_age.max", None),
            ("queue_length.tw_p99", None),
            ("scheduling_latency.decisions_per_second", None),
            ("energy.power.mean", None),
            ("saturation.unstable", None),
            ("window.length", Some(0.0)),
        ],
    );
}

#[test]
fn no_pods_on_one_node() {
    let mut bench = bench();
    bench.add_node(0, node("a", 4_000, 8_000, 0));
    check(
        &bench.finish(10),
        &[
            ("capacity.cpu.nominal.mean", Some(4.0)),
            ("capacity.cpu.schedulable.mean", Some(4.0)),
            ("capacity.pods.mean", Some(1_001.0)),
            ("demand.cpu.mean", Some(0.0)),
            ("balance.cpu.gini", None),
            ("stranding.cpu.mean", Some(0.0)),
            ("stranding.gpu.mean", None),
            ("mix_fragmentation.resource_only.cpu.mean", Some(0.0)),
            ("fit_count.core_4gib.mean", Some(0.0)),
            ("fit_count.typical.mean", Some(4.0)),
            ("fit_count.typical.ratio", Some(1.0)),
            ("largest_hole.cpu.end", Some(1.0)),
            ("goodput.cpu.useful", Some(0.0)),
            ("energy.total", Some(1_000.0 / 3.6e6)),
            ("energy.power.peak", Some(100.0)),
            ("cost.total", Some(0.12)),
            ("cost.idle", Some(0.02)),
            ("cost.rounding", Some(0.1)),
            ("cost.allocated", Some(0.0)),
            ("cost.per_useful_core_hour", None),
        ],
    );
}

#[test]
fn nodes_of_zero_capacity() {
    let mut bench = bench();
    bench.add_node(0, node("a", 0, 0, 0));
    bench.submit(0, &spec(1_000, 10, GpuRequest::default()), None);
    check(
        &bench.finish(10),
        &[
            ("capacity.cpu.nominal.mean", Some(0.0)),
            ("allocation.cpu.mean", None),
            ("allocation.pods.mean", Some(0.0)),
            // x/0, and never 100 %.
            ("demand.cpu.mean", None),
            ("demand.pods.mean", Some(1.0 / 1_001.0)),
            ("balance.cpu.cv", None),
            ("stranding.cpu.mean", None),
            ("mix_fragmentation.resource_only.cpu.end", None),
            ("largest_hole.cpu.mean", None),
            ("fit_count.typical.mean", Some(0.0)),
            ("goodput.cpu.useful", None),
            // Idle: it has no processors to use.
            ("energy.power.mean", Some(100.0)),
            ("backlog_age.mean", Some(5.0)),
            ("backlog_age.end", Some(10.0)),
            // Of slots it could have one of 1,001.
            ("fairness.drf_worst_shortfall", Some(0.000_999_001)),
            ("scheduling_latency.mean", None),
            ("scheduling_latency.max", None),
        ],
    );
}

#[test]
fn zero_length_jobs_count_and_weigh_nothing() {
    let mut bench = bench();
    scenes::zero_length_jobs(&mut bench);
    check(
        &bench.finish(60),
        &[
            ("slowdown.mean", None),
            ("per_processor_slowdown.max", Some(3.0)),
            ("weighted_wait.mean", None),
            ("weighted_wait.area", Some(0.0)),
            ("first_wait.rmst", Some(10.0)),
            ("first_wait.finished_only", Some(10.0)),
            ("goodput.cpu.useful", Some(0.0)),
            ("backlog_age.mean", Some(7.5)),
            ("backlog_age.max", Some(30.0)),
            ("queue_length.tw_p99", Some(1.0)),
            ("scheduling_latency.mean", Some(10.0)),
            ("scheduling_latency.decisions_per_second", Some(0.05)),
            ("start_up.total.mean", Some(0.0)),
            ("fairness.jain_inst", None),
            ("fairness.jain_cum", None),
            ("fairness.drf_deviation", Some(0.5)),
            ("fairness.drf_worst_shortfall", Some(1.0)),
            ("fairness.tenants", Some(1.0)),
            ("disruptions.per_1000_pod_hours", None),
            ("balance.cpu.cv", None),
            ("cost.per_useful_core_hour", None),
        ],
    );
}

#[test]
fn all_rejected() {
    let mut bench = bench();
    scenes::all_rejected(&mut bench);
    check(
        &bench.finish(10),
        &[
            ("demand.cpu.mean", Some(5.4)),
            ("demand.cpu.peak", Some(27.0)),
            ("starting.cpu.mean", Some(0.0)),
            ("scheduling_latency.mean", None),
            ("scheduling_latency.decisions", Some(3.0)),
            ("scheduling_latency.failed_share", Some(1.0)),
            ("start_up.start.mean", None),
            ("weighted_wait.mean", None),
            ("first_wait.capped", None),
            ("backlog_age.mean", Some(0.2)),
            ("backlog_age.max", Some(2.0)),
            ("backlog_age.end", Some(0.0)),
            ("queue_length.tw_p99", Some(3.0)),
            ("goodput.cpu.useful", Some(0.0)),
            ("goodput.cpu.failed", Some(0.0)),
            ("fairness.drf_deviation", Some(0.5)),
            ("disruptions.total", Some(0.0)),
        ],
    );
}

#[test]
fn everything_still_running_at_the_end() {
    let mut bench = bench();
    scenes::still_running(&mut bench);
    check(
        &bench.finish(10),
        &[
            ("goodput.cpu.undecided", Some(0.4)),
            ("goodput.cpu.useful", Some(0.0)),
            ("demand.cpu.mean", Some(0.5)),
            ("balance.cpu.cv", Some(0.0)),
            ("balance.cpu.max_over_mean", Some(1.0)),
            ("largest_hole.cpu.mean", Some(1.0)),
            ("slowdown.mean", None),
            ("per_processor_slowdown.p50", None),
            ("weighted_wait.mean", None),
            ("turnaround.rmst", Some(10.0)),
            ("first_wait.finished_only", None),
            ("first_wait.capped", Some(2.0)),
            ("disruptions.per_1000_pod_hours", Some(0.0)),
            ("start_up.total.max", Some(0.0)),
            ("cost.per_useful_core_hour", None),
        ],
    );
}

#[test]
fn one_pod_from_submission_to_end() {
    let mut bench = bench();
    scenes::one_pod(&mut bench);
    check(
        &bench.finish(100),
        &[
            ("starting.cpu.mean", Some(0.025)),
            ("goodput.cpu.starting", Some(0.025)),
            ("goodput.cpu.useful", Some(0.2)),
            ("start_up.dispatch.mean", Some(1.0)),
            ("start_up.start.p99", Some(4.0)),
            ("start_up.total.max", Some(5.0)),
            ("scheduling_latency.mean", Some(5.0)),
            ("slowdown.mean", Some(1.25)),
            ("slowdown.delayed.mean", Some(1.25)),
            ("per_processor_slowdown.mean", Some(1.25)),
            ("weighted_wait.mean", Some(10.0)),
            ("weighted_wait.area", Some(40.0 / 3_600.0)),
            ("backlog_age.mean", Some(0.125)),
            ("backlog_age.max", Some(5.0)),
            ("demand.cpu.mean", Some(0.25)),
            ("balance.cpu.cv", Some(0.0)),
            ("fairness.drf_deviation", Some(0.025)),
            ("fairness.drf_worst_shortfall", Some(0.05)),
            ("fairness.jain_inst", None),
            ("fairness.jain_cum", Some(1.0)),
            ("energy.total", Some(14_500.0 / 3.6e6)),
            ("energy.idle", Some(10_000.0 / 3.6e6)),
            ("energy.power.mean", Some(145.0)),
            ("energy.power.peak", Some(200.0)),
            ("energy.per_core_hour", Some(14_500.0 / 45.0)),
            ("cost.total", Some(0.2)),
            ("cost.allocated", Some(0.045)),
            ("cost.largest_tenant", Some(0.045)),
            ("cost.idle", Some(0.155)),
            ("cost.rounding", Some(0.0)),
            ("cost.per_useful_core_hour", Some(18.0)),
        ],
    );
}

#[test]
fn two_nodes_and_two_tenants_by_hand() {
    let mut bench = bench();
    for name in ["a", "b"] {
        bench.add_node(0, node(name, 4_000, 100, 0));
    }
    for (tenant, (cpu, memory)) in (0..).zip([(2_000, 100), (1_000, 10)]) {
        let spec = spec(cpu, memory, GpuRequest::default());
        let name = PodName::Job(u64::from(tenant));
        let pod = bench.submit_as(0, &spec, tenant, None, name);
        bench.start(0, pod, tenant);
    }
    check(
        &bench.finish(10),
        &[
            // 1/2 and 1/4 of the cores, all and a tenth of the memory.
            ("balance.cpu.cv", Some(0.333_333_333)),
            ("balance.cpu.max_over_mean", Some(1.333_333_333)),
            ("balance.cpu.gini", Some(0.166_666_667)),
            ("balance.memory.cv", Some(0.818_181_818)),
            ("balance.memory.gini", Some(0.409_090_909)),
            ("stranding.cpu.mean", Some(0.25)),
            ("stranding.memory.mean", Some(0.0)),
            ("mix_fragmentation.resource_only.cpu.mean", Some(0.4)),
            ("mix_fragmentation.resource_only.memory.end", Some(0.0)),
            ("largest_hole.cpu.mean", Some(0.6)),
            ("largest_hole.memory.mean", Some(1.0)),
            ("fit_count.typical.mean", Some(3.0)),
            ("fit_count.typical.ratio", Some(0.6)),
            // Shares 1/2 and 1/8; both have all they want.
            ("fairness.jain_inst", Some(0.735_294_118)),
            ("fairness.jain_cum", Some(0.390_625 / 0.531_25)),
            ("fairness.drf_deviation", Some(0.0)),
            ("fairness.tenants", Some(2.0)),
        ],
    );
}

#[test]
fn a_lost_pod_is_a_disruption_and_its_successor_a_move() {
    let mut bench = bench();
    for name in ["a", "b"] {
        bench.add_node(0, node(name, 1_000, 100, 0));
    }
    let one = spec(1_000, 10, GpuRequest::default());
    let pod = bench.submit(0, &one, None);
    bench.start(0, pod, 0);
    let event = Event::NodeReadiness {
        node: NodeId(0),
        ready: false,
    };
    bench.apply(5, &event);
    bench.end(5, pod, EndReason::NodeLost);
    let again = bench.submit_as(5, &one, 0, None, PodName::Job(0));
    bench.start(5, again, 1);
    check(
        &bench.finish(10),
        &[
            ("disruptions.total", Some(1.0)),
            ("disruptions.node_lost", Some(1.0)),
            ("disruptions.evicted", Some(0.0)),
            ("disruptions.per_1000_pod_hours", Some(360_000.0)),
            ("disruptions.lost.cpu", Some(5.0 / 3_600.0)),
            ("churn.moves", Some(1.0)),
            ("churn.moves_per_pod_day", Some(8_640.0)),
            ("churn.node_changes", Some(1.0)),
            ("churn.node_changes_per_node_day", Some(4_320.0)),
            // Two nodes exist for ten seconds each, and one of them is down for five.
            ("goodput.cpu.node_lost", Some(0.25)),
            ("goodput.cpu.undecided", Some(0.25)),
            // A node that is down draws nothing and costs all the same.
            ("energy.power.mean", Some(350.0)),
            ("cost.rounding", Some(0.2)),
            ("cost.total", Some(0.24)),
            ("cost.allocated", Some(0.02)),
        ],
    );
}

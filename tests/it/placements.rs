//! The recorded runs of the GPU packing study, event by event: node and devices of every pod
//! (spec: published-results.md, section 1).

use std::fmt::Write;
use std::sync::Arc;

use windtunnel::model::{DeviceSet, Event, PodCreated, PodName};
use windtunnel::policy::{ProfileChoice, Setup, build_profile};
use windtunnel::scheduler::pipeline::cycle::{Cycle, Decision};
use windtunnel::scheduler::pipeline::evaluate::Form;
use windtunnel::units::{Instant, TenantId};

use crate::openb::{self, Openb};

const SEED: &str = "42";

fn numbers(orders: &str, kind: &str) -> Vec<u32> {
    let row = openb::rows(orders)
        .find(|row| row[0] == SEED && row[1] == kind)
        .expect("the seed's row");
    row[2]
        .split(' ')
        .map(|number| number.parse().expect("a number"))
        .collect()
}

/// Runs a fill-up and returns a line per event as the recordings have it.
fn fill_up(openb: &Openb, order: &[u32], ranks: &Arc<[u32]>, profile: &str, form: Form) -> String {
    let setup = Setup {
        typical_pods: openb.typical.clone(),
        node_ranks: Some(ranks.clone()),
        ..Setup::default()
    };
    let profile = build_profile(&ProfileChoice::named(profile), &setup).expect("a known profile");
    let mut cycle = Cycle::new(profile, form);
    let mut store = openb.store.clone();
    let now = Instant::default();
    let mut lines = String::from("event,pod_row,node,gpus\n");
    for (event, &row) in order.iter().enumerate() {
        let pod = store.pods().next();
        let created = PodCreated {
            pod,
            class: openb.pods[row as usize],
            name: PodName::Job(u64::from(row)),
            tenant: TenantId(0),
            gang: None,
            time_limit: None,
            estimate: None,
            found: None,
            owner: None,
        };
        store.apply(now, Event::PodCreated(created)).expect("a pod");
        let record = store.pods().get(pod).expect("the pod lives").clone();
        let decision = cycle.attempt(now, &store, &record);
        let (node, gpus) = match decision {
            Decision::Place(place) => (store.nodes().name(place.node), place.devices),
            _ => ("", DeviceSet::EMPTY),
        };
        writeln!(lines, "{event},{row},{node},{gpus}").expect("a text takes all");
        if let Decision::Place(placement) = decision {
            let binding = cycle.bind(&record, placement);
            store.apply(now, binding).expect("the decision is valid");
        }
        store.truncate(store.revision());
    }
    lines
}

fn check(profile: &str, recording: &str) {
    let orders = "vectors/fgd/orders/openb_pod_list_default.csv.gz";
    let recording = format!("vectors/fgd/placements/placements_default_{recording}_42.csv.gz");
    let (Some(recorded), Some(orders)) = (openb::text(&recording), openb::text(orders)) else {
        return;
    };
    let Some(openb) = openb::load("openb_pod_list_default") else {
        return;
    };
    let (order, ranks) = (
        numbers(&orders, "pods"),
        numbers(&orders, "node_rank").into(),
    );
    for form in [Form::Incremental, Form::Plain] {
        let found = fill_up(&openb, &order, &ranks, profile, form);
        let first = found
            .lines()
            .zip(recorded.lines())
            .find(|(found, recorded)| found != recorded);
        assert_eq!(
            first, None,
            "{profile}, {form:?}: the first event that differs"
        );
        assert_eq!(
            found.lines().count(),
            recorded.lines().count(),
            "{profile}, {form:?}"
        );
    }
}

#[test]
fn dot_product() {
    check("dot-product", "02-DotProd");
}

#[test]
fn gpu_clustering() {
    check("gpu-clustering", "03-GpuClustering");
}

#[test]
fn gpu_packing() {
    check("gpu-packing", "04-GpuPacking");
}

#[test]
fn gpu_best_fit() {
    check("gpu-best-fit", "05-BestFit");
}

#[test]
fn fgd() {
    check("fgd", "06-FGD");
}

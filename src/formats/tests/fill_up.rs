//! Tests of `arrivals::fill_up` on real formats.

use crate::prelude::*;
use crate::readers::{openb_nodes, openb_pods};
use crate::tests::prelude::*;
use arrivals::Recorded;
use arrivals::fill_up::*;
use model::Node;

fn nodes() -> Vec<Node> {
    let text = "sn,cpu_milli,memory_mib,gpu,model\nn1,8000,1,2,T4\nn0,8000,1,2,T4\n";
    let list = openb_nodes::read(&file("nodes.csv", text), &ReadOptions::default());
    list.expect("good rows").nodes
}

fn trace(rows: &str) -> Recorded {
    let text = format!("name,cpu_milli,memory_mib,num_gpu,gpu_milli\n{rows}");
    let input = Input::bytes("pods.csv", text.into_bytes());
    collected(openb_pods::open(&input, &ReadOptions::default()))
}

const PODS: &str = "a,1000,1,1,500\nb,1000,1,0,0\nc,2000,1,2,1000\nd,1000,1,1,1000\n";

fn config(order: FillOrder, until_ppm: i64) -> FillUp {
    FillUp {
        order,
        resource: FillResource::Gpu,
        until_ppm: Some(until_ppm),
        gap: Duration::from_secs(1),
        seed: 7,
    }
}

fn names(filled: &Filled) -> Vec<String> {
    let arrivals = filled.recorded.arrivals.iter();
    arrivals.map(|arrival| arrival.name.to_string()).collect()
}

#[test]
fn the_given_order_stops_with_the_arrival_that_reaches_the_share() {
    let filled = fill_up(&trace(PODS), &nodes(), &config(FillOrder::Given, 500_000));
    let filled = filled.expect("possible");
    assert_eq!(names(&filled), ["a", "b", "c"]);
    assert_eq!(
        (filled.arrived_milli, filled.capacity_milli),
        (2_500, 4_000)
    );
    let last = &filled.recorded.arrivals[2];
    assert_eq!((last.submit, last.run_time), (Instant::from_secs(2), None));
    assert_eq!(filled.node_ranks, None);
}

#[test]
fn a_small_trace_is_followed_by_clones() {
    let filled = fill_up(&trace(PODS), &nodes(), &config(FillOrder::Given, 2_000_000));
    let filled = filled.expect("possible");
    assert_eq!(filled.originals, 4);
    assert!(filled.arrived_milli >= 8_000);
    let before_last = filled.arrived_milli - 2_000;
    assert!(before_last < 8_000, "goes on no further than needed");
    let clones = names(&filled).split_off(4);
    assert!(clones[0].ends_with("-clone-1"), "{clones:?}");
}

#[test]
fn without_a_share_the_trace_arrives_once_and_keeps_its_run_times() {
    let text = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,creation_time,deletion_time,\
                scheduled_time\na,1000,1,1,500,0,9,4\nb,1000,1,0,0,1,9,2\n";
    let input = Input::bytes("pods.csv", text.as_bytes().to_vec());
    let mut source = openb_pods::open(&input, &ReadOptions::default()).expect("good rows");
    let trace = Recorded::collect(&mut *source).expect("good rows");
    let orders = [
        FillOrder::Given,
        FillOrder::Shuffled,
        FillOrder::Published { seed: 42 },
    ];
    for order in orders {
        let config = FillUp {
            until_ppm: None,
            ..config(order, 0)
        };
        let filled = fill_up(&trace, &nodes(), &config).expect("possible");
        let mut arrivals: Vec<(String, Option<Duration>)> = filled
            .recorded
            .arrivals
            .iter()
            .map(|arrival| (arrival.name.to_string(), arrival.run_time))
            .collect();
        arrivals.sort();
        let secs = |secs| Some(Duration::from_secs(secs));
        let expected = [("a".to_owned(), secs(5)), ("b".to_owned(), secs(7))];
        assert_eq!(
            (&*arrivals, filled.originals),
            (&expected[..], 2),
            "{order:?}"
        );
    }
}

#[test]
fn shuffles_differ_by_seed_only() {
    let rows: Vec<String> = (0..40).map(|n| format!("p{n},1,1,1,100\n")).collect();
    let rows = rows.concat();
    let order = |seed| {
        let config = FillUp {
            seed,
            ..config(FillOrder::Shuffled, 1_000_000)
        };
        fill_up(&trace(&rows), &nodes(), &config)
            .expect("possible")
            .rows
    };
    assert_eq!(order(1), order(1));
    assert_ne!(order(1), order(2));
    let mut sorted = order(1);
    sorted.sort_unstable();
    assert_eq!(sorted, (0..40).collect::<Vec<u32>>());
}

#[test]
fn the_published_order_stays_within_the_share_and_ranks_the_nodes() {
    for until_ppm in [500_000, 1_300_000] {
        let config = config(FillOrder::Published { seed: 42 }, until_ppm);
        let filled = fill_up(&trace(PODS), &nodes(), &config).expect("possible");
        // A clone may reach beyond the share by all but one of its devices.
        assert!(filled.arrived_milli <= 4 * until_ppm / 1_000 + 1_000);
        let mut ranks = filled.node_ranks.expect("ranks");
        ranks.sort_unstable();
        assert_eq!(ranks, [0, 1]);
    }
}

#[test]
fn cores_are_the_default_without_devices() {
    let mut nodes = nodes();
    assert_eq!(FillResource::default_of(&nodes), FillResource::Gpu);
    for node in &mut nodes {
        node.gpu = None;
    }
    assert_eq!(FillResource::default_of(&nodes), FillResource::Cpu);
    let config = FillUp {
        resource: FillResource::Cpu,
        ..config(FillOrder::Given, 250_000)
    };
    let filled = fill_up(&trace(PODS), &nodes, &config).expect("possible");
    assert_eq!(filled.arrived_milli, 4_000);
}

#[test]
fn impossible_fill_ups_say_why() {
    let mut bare = nodes();
    for node in &mut bare {
        node.gpu = None;
    }
    let config = config(FillOrder::Given, 1_000_000);
    for (nodes, pods, message) in [
        (
            bare,
            PODS,
            "the cluster has no GPUs to fill; choose another resource",
        ),
        (
            nodes(),
            "a,1,1,0,0\n",
            "no pod of the trace requests GPUs; choose another resource",
        ),
    ] {
        let error = fill_up(&trace(pods), &nodes, &config).expect_err(message);
        assert_eq!(error.to_string(), format!("fill-up: {message}"));
    }
}

#[test]
fn pods_leave_until_the_target_is_met_and_no_further() {
    let pods = ["a", "b", "c", "d"].map(|name| FillPod {
        name,
        demand_milli: 500,
        step_milli: 500,
    });
    let order = published_order(&pods, &["n"], 1_000, 42).expect("a target that is met");
    assert_eq!((order.rows.len(), order.originals), (2, 2));
}

//! The whole of live mode at once: five hosts, thirty processes, a rollout, what gets killed and cut, and a
//! control server that is killed fifty times at random moments; beside it what the simulator predicts for
//! the same story. Time passes twenty times as fast.

use live::runtime::clock;

use crate::cluster::{Cluster, Shape, Web};
use crate::soak::Draws;
use crate::table::Test;
use crate::wait::{identity, kill, millis, seconds, wait_calmly};

pub(crate) const TESTS: &[Test] = &[Test {
    fault: "T",
    name: "thirty processes, fifty kills, beside the prediction",
    needs: &[
        "pidfd",
        "root",
        "ip",
        "nsenter",
        "netns",
        "veth",
        "bridge-device",
    ],
    run: thirty,
}];

const REPLICAS: u32 = 30;

/// Kills of the control server in each of two parts of the run.
const KILLS: usize = 25;

fn thirty() {
    let seed = std::env::var("WT_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| clock::wall_ns().unsigned_abs() % 1_000_000);
    println!("     seed {seed}");
    let mut draws = Draws(seed);
    let mut cluster = Cluster::new(Shape {
        name: "thirty",
        node_count: 5,
        pace: 20,
        is_networked: true,
    });
    cluster.apply(Web::of(REPLICAS));
    cluster.agrees(REPLICAS);
    // A rollout, a killed process and a killed agent, while the control server is killed again and again.
    let second = Web {
        version: 2,
        ..Web::of(REPLICAS)
    };
    for number in 0..KILLS {
        match number {
            2 => apply_at_last(&mut cluster, second),
            15 => cluster.kill_agent(0),
            20 => cluster.start_agent(0),
            _ => {}
        }
        kill_control(&mut cluster, &mut draws);
    }
    cluster.await_nodes();
    cluster.agrees(REPLICAS);
    let restarts = |cluster: &Cluster| cluster.pods().iter().map(|pod| pod.restarts).sum::<u32>();
    assert_eq!(restarts(&cluster), 0);
    kill(&identity(cluster.processes()[0].pid));
    wait_calmly("a restart", seconds(5), || {
        let restarts = restarts(&cluster);
        (restarts != 1).then_some(restarts)
    });
    cluster.agrees(REPLICAS);
    let before = cluster.processes();
    // A host is cut, given up and replaced.
    cluster
        .network()
        .set_port(Cluster::number(1), &["nomaster"]);
    let lost = before.iter().filter(|process| process.node == 1).count();
    wait_calmly("its pods are replaced", seconds(12), || {
        let pods = cluster.pods();
        let ending = pods.iter().filter(|pod| pod.terminating).count();
        let ready = pods.iter().filter(|pod| pod.ready && !pod.terminating);
        let is_replaced = ending == lost && ready.count() == REPLICAS as usize;
        (!is_replaced).then_some(pods)
    });
    for number in 0..KILLS {
        match number {
            5 => cluster
                .network()
                .set_port(Cluster::number(1), &["master", "br0"]),
            10 => apply_at_last(&mut cluster, Web::of(REPLICAS)),
            _ => {}
        }
        kill_control(&mut cluster, &mut draws);
    }
    cluster.await_nodes();
    cluster.agrees(REPLICAS);
    cluster.audit();
    let predicted = cluster.run(&["predict", "run.log", "walk.yaml", "--out", "predicted"]);
    compare(&cluster, &predicted, lost);
    let calibrated = cluster.run(&["calibrate", "run.log", "walk.yaml"]);
    assert!(calibrated.contains("containerStart"), "{calibrated}");
    println!("{calibrated}");
}

/// Kills the control server at a random moment after its start, and starts it again.
fn kill_control(cluster: &mut Cluster, draws: &mut Draws) {
    std::thread::sleep(millis(draws.below(60) as u64));
    cluster.kill_control();
    cluster.spawn_control();
    if draws.below(2) == 0 {
        cluster.await_control();
    }
}

/// Applies a deployment as a user who asks again until there is an answer.
fn apply_at_last(cluster: &mut Cluster, web: Web) {
    wait_calmly("the deployment is applied", seconds(5), || {
        cluster.try_apply(web).err()
    });
}

fn compare(cluster: &Cluster, predicted: &str, lost: usize) {
    let sums = predicted.split("Distances").nth(1).unwrap_or_default();
    println!("     Distances{sums}");
    let text = std::fs::read_to_string(cluster.folder.join("predicted/comparison.json"));
    let text = text.expect("a comparison");
    let pairs: Vec<serde_json::Value> = serde_json::from_str(&text).expect("a comparison");
    let of = |reason: &str, object: &str| -> Vec<&serde_json::Value> {
        let is_meant = |pair: &&serde_json::Value| {
            pair["reason"] == reason
                && pair["object"]
                    .as_str()
                    .is_some_and(|own| own.contains(object))
        };
        pairs.iter().filter(is_meant).collect()
    };
    // The cut host is given up in both, at the same time but for the phase of its heartbeats.
    let unknown = of("NotReady", "Node/n1");
    assert!(!unknown.is_empty(), "{predicted}");
    for pair in unknown {
        let (Some(real), Some(simulated)) = (number(&pair["recorded"]), number(&pair["predicted"]))
        else {
            panic!("in one account alone: {pair}");
        };
        assert!((real - simulated).abs() <= 12.0, "{pair}");
    }
    let killed = |side: &str| {
        let pods = of("Killing", "Pod/");
        pods.iter()
            .filter(|pair| number(&pair[side]).is_some())
            .count()
    };
    let (recorded, simulated) = (killed("recorded"), killed("predicted"));
    println!("     {lost} pods on the cut host; orders to end: {recorded} and {simulated}");
    // Two rollouts and an eviction; how a rollout proceeds depends on when its pods are ready.
    assert!(
        recorded >= 60 + lost && recorded.abs_diff(simulated) <= 10,
        "{predicted}"
    );
}

/// Seconds of an instant in a comparison.
fn number(value: &serde_json::Value) -> Option<f64> {
    value.as_str()?.parse().ok()
}

//! Clusters of three pools that were drawn, judged by a second reader that shares nothing with the search:
//! it reads the objects and the moves alone. More of them by `WINDTUNNEL_EXPLORE=COUNT`.

use super::*;
use rng::Stream;

/// Clusters that are drawn where nothing else is asked for.
const DRAWN: u64 = 20;

/// Steps of the second reader's search for places after a loss.
const STEPS: usize = 200_000;

/// Pools by name, cores, GiB, pods and taint.
const POOLS: [(&str, i64, i64, i64, &str); 3] = [
    ("general", 8, 32, 110, ""),
    ("spot", 4, 16, 58, "spot"),
    ("db", 8, 64, 58, "dedicated"),
];

/// A cluster with 30 to 60 nodes of three pools in three zones.
fn drawn(seed: u64) -> Vec<Value> {
    let mut stream = Stream::new(seed, "plan/tests/drawn", 0);
    let (mut items, mut number) = (Vec::new(), 0);
    for (place, (pool, cpu, memory, most, taint)) in POOLS.into_iter().enumerate() {
        let count = [14, 10, 6][place] + stream.below([16, 8, 6][place]);
        let mut names: Vec<(String, [i64; 3])> = Vec::new();
        for own in 0..count {
            let room = [
                format!("{}m", cpu * 1_000 - 100),
                format!("{}Mi", memory * 1_024 - 500),
                most.to_string(),
            ];
            let name = format!("{pool}-{own}");
            let zone = ["a", "b", "c"][(own % 3) as usize];
            let mut made = node(&name, [&*room[0], &*room[1], &*room[2]], zone, pool);
            made["metadata"]["labels"]["pool"] = pool.into();
            if !taint.is_empty() {
                made["spec"]["taints"] =
                    json!([{"key": taint, "value": "", "effect": "NoSchedule"}]);
            }
            items.push(made);
            names.push((name, [cpu * 1_000 - 100, memory * 1_024 - 500, most]));
        }
        // About two thirds of the pool.
        let mut left = cpu * 1_000 * count as i64 * (50 + stream.below(20) as i64) / 100;
        while left > 0 {
            let replicas = 1 + stream.below(8);
            let cpu = [100, 250, 500, 1_000, 1_500, 2_500][stream.below(6) as usize];
            let memory = cpu * (1 + stream.below(4) as i64);
            let app = format!("{}{number}", ["web", "worker", "db"][place]);
            let mut more = json!({});
            if place > 0 {
                more["nodeSelector"] = json!({"pool": pool});
                more["tolerations"] = json!([{"key": taint, "operator": "Exists"}]);
            }
            let is_apart = stream.below(5) == 0;
            if is_apart {
                more["affinity"] = json!({"podAntiAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": [{
                        "topologyKey": "kubernetes.io/hostname",
                        "labelSelector": {"matchLabels": {"app": app}}}]}});
            }
            let mut taken = Vec::new();
            for own in 0..replicas {
                let start = stream.below(count) as usize;
                let mut nodes = (0..names.len()).map(|own| (start + own) % names.len());
                let fits = nodes.find(|node| {
                    let free = names[*node].1;
                    free[0] >= cpu
                        && free[1] >= memory
                        && free[2] > 0
                        && !(is_apart && taken.contains(node))
                });
                let Some(node) = fits else { continue };
                for (free, asked) in names[node].1.iter_mut().zip([cpu, memory, 1]) {
                    *free -= asked;
                }
                taken.push(node);
                let size = [format!("{cpu}m"), format!("{memory}Mi")];
                let name = format!("{app}-{own}");
                items.push(pod(
                    &name,
                    [&size[0], &size[1]],
                    Some(&names[node].0),
                    &more,
                ));
            }
            left -= cpu * replicas as i64;
            number += 1;
        }
    }
    items
}

/// Amount of a text such as `250m` or `512Mi`.
fn amount(of: &Value) -> i64 {
    let text = of.as_str().unwrap_or_default();
    text.trim_end_matches(char::is_alphabetic)
        .parse()
        .expect("a number")
}

/// A pod as the second reader has it.
#[derive(Clone)]
struct PodFacts<'v> {
    name: String,
    app: &'v Value,
    asked: [i64; 3],
    selector: &'v Value,
    tolerates: &'v Value,
    is_apart: bool,
    on: String,
}

/// A node as the second reader has it.
struct Place<'v> {
    room: [i64; 3],
    labels: &'v Value,
    taint: &'v Value,
}

fn places(items: &[Value]) -> SortedMap<String, Place<'_>> {
    let nodes = items.iter().filter(|own| own["kind"] == "Node");
    let places = nodes.map(|own| {
        let room = &own["status"]["allocatable"];
        let place = Place {
            room: [
                amount(&room["cpu"]),
                amount(&room["memory"]),
                amount(&room["pods"]),
            ],
            labels: &own["metadata"]["labels"],
            taint: &own["spec"]["taints"][0]["key"],
        };
        (
            own["metadata"]["name"].as_str().expect("a name").to_owned(),
            place,
        )
    });
    places.collect()
}

fn seen(items: &[Value]) -> Vec<PodFacts<'_>> {
    let pods = items.iter().filter(|own| own["kind"] == "Pod");
    let seen = pods.map(|own| {
        let spec = &own["spec"];
        let asked = &spec["containers"][0]["resources"]["requests"];
        PodFacts {
            name: format!("shop/{}", own["metadata"]["name"].as_str().expect("a name")),
            app: &own["metadata"]["labels"]["app"],
            asked: [amount(&asked["cpu"]), amount(&asked["memory"]), 1],
            selector: &spec["nodeSelector"]["pool"],
            tolerates: &spec["tolerations"][0]["key"],
            is_apart: spec["affinity"].is_object(),
            on: spec["nodeName"].as_str().expect("a node").to_owned(),
        }
    });
    seen.collect()
}

/// Pods by node, with those that may be put there.
struct Board<'v> {
    places: SortedMap<String, Place<'v>>,
    on: SortedMap<String, Vec<PodFacts<'v>>>,
}

impl<'v> Board<'v> {
    fn free(&self, node: &str) -> [i64; 3] {
        let mut free = self.places[node].room;
        for pod in &self.on[node] {
            for (free, asked) in free.iter_mut().zip(pod.asked) {
                *free -= asked;
            }
        }
        free
    }

    /// Whether a node takes a pod beside those that it has.
    fn takes(&self, node: &str, pod: &PodFacts<'_>) -> bool {
        let place = &self.places[node];
        let has_room = self
            .free(node)
            .iter()
            .zip(pod.asked)
            .all(|(free, asked)| *free >= asked);
        let is_selected = pod.selector.is_null() || *pod.selector == place.labels["pool"];
        let is_tolerated = place.taint.is_null() || pod.tolerates == place.taint;
        let is_alone = !self.on[node]
            .iter()
            .any(|own| pod.is_apart && own.app == pod.app);
        has_room && is_selected && is_tolerated && is_alone
    }

    /// Whether pods find places, the first of them on any node that takes it, the fullest first.
    fn holds(&mut self, pods: &[PodFacts<'v>], steps: &mut usize) -> bool {
        let Some((first, others)) = pods.split_first() else {
            return true;
        };
        let mut open: Vec<(i64, String)> = { self.places.keys() }
            .filter(|node| self.takes(node, first))
            .map(|node| (self.free(node)[0], node.clone()))
            .collect();
        open.sort();
        for (_, node) in open {
            *steps += 1;
            if *steps > STEPS {
                return false;
            }
            self.on.entry(node.clone()).or_default().push(first.clone());
            let is_held = self.holds(others, steps);
            self.on.get_mut(&node).expect("a node").pop();
            if is_held {
                return true;
            }
        }
        false
    }
}

/// The objects of a cluster after a drain.
fn after(items: &[Value], drain: &DrainAnswer) -> Vec<Value> {
    let is_gone = |name: &Value| {
        let mut gone = drain.drained.gone.iter();
        gone.any(|own| name == &**own)
    };
    let kept = items
        .iter()
        .filter(|own| !is_gone(&own["metadata"]["name"]));
    let mut kept: Vec<Value> = kept.cloned().collect();
    for own in &drain.drained.moves {
        let mut pods = kept.iter_mut().filter(|pod| pod["kind"] == "Pod");
        let pod = pods
            .find(|pod| own.pod == format!("shop/{}", pod["metadata"]["name"].as_str().unwrap()));
        let pod = pod.expect("a pod that moves");
        assert_eq!(pod["spec"]["nodeName"], *own.from);
        pod["spec"]["nodeName"] = (*own.to).into();
    }
    kept
}

/// No node is over, no rule is broken, and every node may be lost.
fn judge(items: &[Value]) -> Result<(), String> {
    let mut board = Board {
        places: places(items),
        on: SortedMap::new(),
    };
    board.on = board
        .places
        .keys()
        .map(|own| (own.clone(), Vec::new()))
        .collect();
    for pod in seen(items) {
        if !board.on.contains_key(&pod.on) || !board.takes(&pod.on, &pod) {
            return Err(format!("{} can't be on {}", pod.name, pod.on));
        }
        board.on.entry(pod.on.clone()).or_default().push(pod);
    }
    let names: Vec<String> = board.places.keys().cloned().collect();
    for name in names {
        let place = board.places.remove(&name).expect("a node");
        let mut pods = board.on.remove(&name).expect("its pods");
        pods.sort_by_key(|own| std::cmp::Reverse((own.is_apart, own.asked)));
        let is_held = board.holds(&pods, &mut 0);
        board.on.insert(name.clone(), pods);
        board.places.insert(name.clone(), place);
        if !is_held {
            return Err(format!("{name} may not be lost"));
        }
    }
    Ok(())
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "who explores says how much in the environment"
)]
fn drawn_clusters_of_pools_are_drained_so_that_any_node_may_be_lost() {
    let count = std::env::var("WINDTUNNEL_EXPLORE").ok();
    let count = count.and_then(|own| own.parse().ok()).unwrap_or(DRAWN);
    let (mut reached, mut bounds, mut fell) = (0, 0, Vec::new());
    for seed in 0..count {
        let items = drawn(seed);
        let asked = Questions {
            survive: vec![Survive::Node(1)],
            is_strict: false,
            ..questions()
        };
        if judge(&items).is_err() || ask(&items, &asked).missed.is_some() {
            continue;
        }
        let minimized = Questions {
            minimize: Some(Minimize::Nodes),
            ..asked.clone()
        };
        let drain = ask(&items, &minimized).drain.expect("a drain");
        let kept = after(&items, &drain);
        if let Err(why) = judge(&kept) {
            fell.push(format!("{seed}: {why}"));
        }
        if let Some(missed) = ask(&kept, &asked).missed {
            fell.push(format!("{seed}: planned and not accepted: {missed:?}"));
        }
        if drain.bound > drain.reached {
            fell.push(format!("{seed}: {} of {}", drain.reached, drain.bound));
        }
        reached += drain.reached;
        bounds += drain.bound;
    }
    assert!(fell.is_empty(), "{fell:#?}");
    // The nodes of all clusters lie within 8 % of what no placement does without.
    assert!(
        reached > 0 && (reached - bounds) * 100 <= reached * 8,
        "{reached} of {bounds}"
    );
}

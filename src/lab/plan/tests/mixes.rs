//! Twenty clusters that were made up, of different kinds: what is possible for them with several types
//! comes to its bound within 3 %, but for small ones.

use super::*;
use rng::Stream;

/// Types by name, milli-cores, MiB, pods and price.
const TYPES: [(&str, i64, i64, i64, i64); 9] = [
    ("c5.xlarge", 3_920, 7_168, 58, 170_000),
    ("c5.2xlarge", 7_910, 14_848, 58, 340_000),
    ("c5.4xlarge", 15_890, 30_208, 234, 680_000),
    ("m5.xlarge", 3_920, 14_950, 58, 192_000),
    ("m5.2xlarge", 7_910, 30_515, 58, 384_000),
    ("m5.4xlarge", 15_890, 61_952, 234, 768_000),
    ("r5.xlarge", 3_920, 30_515, 58, 252_000),
    ("r5.2xlarge", 7_910, 61_952, 58, 504_000),
    ("r5.4xlarge", 15_890, 124_928, 234, 1_008_000),
];

/// Types of a cluster: all, one size of each family, or two families.
fn types(seed: u64) -> Vec<(&'static str, i64, i64, i64, i64)> {
    let all = TYPES.into_iter();
    let chosen = all.filter(|(name, ..)| match seed % 4 {
        0 => name.ends_with(".2xlarge"),
        1 => !name.starts_with('c'),
        _ => true,
    });
    chosen.collect()
}

/// Request of a workload's pods, in milli-cores and MiB.
fn request(kind: u64, stream: &mut Stream) -> [i64; 2] {
    let mut up_to = |most: u64| 1 + stream.below(most) as i64;
    match kind {
        0 => [50 * up_to(18), 128 * up_to(20)],
        1 => [250 * up_to(4), 1_024 * (1 + up_to(11))],
        2 => [500 * (1 + up_to(5)), 512 * up_to(4)],
        3 => [
            [1_000, 1_500, 2_000, 3_000][up_to(4) as usize - 1],
            1_024 * up_to(8),
        ],
        _ => [10 * up_to(10), 64 * up_to(8)],
    }
}

/// A cluster: an empty node of each type in each zone, and pods that wait.
fn cluster(seed: u64, count: u64) -> Vec<Value> {
    let mut stream = Stream::new(seed, "plan/tests/mixes", 0);
    let zones = &["a", "b", "c"][..=(seed % 3) as usize];
    let mut items = Vec::new();
    for zone in zones {
        for (name, cpu, memory, most, _) in types(seed) {
            let room = [format!("{cpu}m"), format!("{memory}Mi"), most.to_string()];
            let room = [&*room[0], &*room[1], &*room[2]];
            items.push(node(&format!("{name}-{zone}"), room, zone, name));
        }
    }
    let (mut made, mut workload) = (0, 0);
    while made < count {
        let replicas = (1 + stream.below(24)).min(count - made);
        let kind = match seed % 7 {
            own @ 0..5 => own,
            _ => stream.below(5),
        };
        let [cpu, memory] = request(kind, &mut stream);
        let size = [format!("{cpu}m"), format!("{memory}Mi")];
        let name = format!("w{workload}");
        let selector = json!({"matchLabels": {"app": name}});
        let mut more = json!({});
        if stream.below(100) < 15 {
            more["topologySpreadConstraints"] = json!([{"maxSkew": 1, "topologyKey": ZONE,
                "whenUnsatisfiable": "DoNotSchedule", "labelSelector": selector}]);
        }
        if stream.below(100) < 10 && replicas < 6 {
            more["affinity"] = json!({"podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [{
                    "topologyKey": "kubernetes.io/hostname", "labelSelector": selector}]}});
        }
        items.extend(pods(replicas as usize, &name, [&size[0], &size[1]], &more));
        made += replicas;
        workload += 1;
    }
    items
}

/// Gap between a price and the bound, in thousandths of the price.
fn gap(own: i64, bound: i64) -> i64 {
    (own - bound) * 1_000 / own
}

/// Clusters, of the twenty, whose gap may stay above 3 %: small ones, where a node is more than that.
const OPEN: [u64; 3] = [3, 14, 19];

/// Largest gap of these, in thousandths.
const WIDEST: i64 = 50;

#[test]
fn mixes_of_types_come_to_their_bounds() {
    let mut shown = Vec::new();
    let mut is_close = true;
    for seed in 0..20 {
        let list: Vec<(&str, i64)> = types(seed)
            .into_iter()
            .map(|(name, .., price)| (name, price))
            .collect();
        let questions = Questions {
            search: Search {
                steps: 60_000,
                orders: 0,
            },
            ..buying(Minimize::Cost, &list)
        };
        let count = 60 + 10 * (seed % 9);
        let answer = ask(&cluster(seed, count), &questions)
            .buy
            .expect("an answer");
        let purchase = &answer.purchase;
        let reached = purchase.reached.as_ref().expect("enough nodes");
        let possible = purchase.possible.as_ref().expect("enough nodes");
        let bound = purchase.bound;
        assert!(bound <= possible.choice.price && possible.choice <= *reached);
        let most = if OPEN.contains(&seed) { WIDEST } else { 30 };
        is_close &= gap(possible.choice.price, bound) <= most;
        shown.push(format!(
            "{seed}: reached {} {:?}, possible {} {:?} {:?}, bound {bound}: {} {}",
            reached.price,
            reached.counts,
            possible.choice.price,
            possible.choice.counts,
            possible.way,
            gap(reached.price, bound),
            gap(possible.choice.price, bound)
        ));
    }
    assert!(is_close, "{}", shown.join("\n"));
}

/// Pods of which no type takes all are placed on several types; a pod that none takes is named.
#[test]
fn pods_that_need_different_types_get_both() {
    let of = |kind: &str| json!({"nodeSelector": {TYPE: kind}});
    let mut items = vec![
        node("x", ["4", "16Gi", "58"], "", "x"),
        node("y", ["4", "16Gi", "58"], "", "y"),
    ];
    items.extend(pods(5, "a", ["2", "1Gi"], &of("x")));
    items.extend(pods(3, "b", ["2", "1Gi"], &of("y")));
    let questions = buying(Minimize::Cost, &[("x", 200_000), ("y", 150_000)]);
    let purchase = ask(&items, &questions).buy.expect("an answer").purchase;
    let reached = purchase.reached.expect("enough nodes");
    assert_eq!((&*reached.counts, reached.price), (&[3, 2][..], 900_000));
    assert_eq!(purchase.bound, 900_000);
    items.extend(pods(1, "c", ["2", "1Gi"], &of("z")));
    let purchase = ask(&items, &questions).buy.expect("an answer").purchase;
    assert!(purchase.reached.is_none());
    let first = purchase.hopeless.expect("a pod");
    assert_eq!(first.pod, "shop/c-0");
    assert_says(&first.message, "node affinity/selector");
}

//! Properties that always hold, whatever comes and goes.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::*;
use super::growing::{group, pending, plan};
use super::shrinking::{shrink, world};
use crate::nodes::drain::{PodController, SafeToEvict};
use model::Text;
use units::{Duration, Instant, SortedMap};

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases / 4,
        ..ProptestConfig::default()
    })]

    /// No node goes before its delay, none below the minimum, none that is used or blocked, no
    /// more drained than allowed, and never all nodes that pods would need.
    #[test]
    fn removals_keep_every_rule(
        counts in prop::collection::vec(0_usize..8, 1..8),
        min in 0_usize..4,
        blocked in any::<bool>(),
        steps in prop::collection::vec(1_i64..400, 1..12),
    ) {
        let controller = if blocked {
            PodController::None
        } else {
            PodController::Replicating
        };
        let world = world(&counts, controller);
        let mut shrinker = Shrinker::new(ShrinkSettings::default());
        let mut now = 0;
        for step in steps {
            now += step;
            let plan = shrink(&mut shrinker, now, &world, min);
            prop_assert!(plan.removals.len() <= counts.len().saturating_sub(min));
            let drained = plan.removals.iter().filter(|removal| !removal.evicted.is_empty());
            prop_assert!(drained.count() <= 1);
            let mut kept_cpu = 0;
            for (node, &count) in world.nodes.iter().zip(&counts) {
                let Some(removal) = plan.removals.iter().find(|removal| removal.node == node.name) else {
                    kept_cpu += 4000 - 500 * count as i64;
                    continue;
                };
                let since = plan.unneeded[&node.name];
                prop_assert!(Instant::from_secs(now).since(since) > Duration::from_secs(600));
                prop_assert!(count <= 4);
                prop_assert!(!blocked || count == 0);
                prop_assert_eq!(removal.evicted.len(), count);
            }
            let evicted: usize = plan.removals.iter().map(|removal| removal.evicted.len()).sum();
            prop_assert!(500 * evicted as i64 <= kept_cpu);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases / 16,
        ..ProptestConfig::default()
    })]

    /// Thousands of loops while pods come and go: a node goes only after more than ten minutes in
    /// which every loop found it unneeded, never one whose pod may not be evicted, and the group
    /// keeps its minimum.
    #[test]
    fn thousands_of_loops_keep_every_rule(
        steps in prop::collection::vec((0_usize..6, 0_usize..7, 1_i64..40), 1_000..3_000),
        pinned in 0_usize..6,
        min in 0_usize..5,
    ) {
        let mut counts = vec![1_usize; 6];
        let mut shrinker = Shrinker::new(ShrinkSettings::default());
        let mut since: SortedMap<Text, i64> = SortedMap::new();
        let mut now = 0;
        for (which, count, secs) in steps {
            now += secs;
            // Changes are rarer than loops, so that nodes have their time.
            if count < 3 {
                counts[which] = 2 * count;
            }
            let mut world = world(&counts, PodController::Replicating);
            for pod in Arc::make_mut(&mut world.nodes[pinned].pods) {
                pod.safe_to_evict = Some(SafeToEvict::No);
            }
            let plan = shrink(&mut shrinker, now, &world, min);
            since.retain(|name, _| plan.unneeded.contains_key(name));
            for name in plan.unneeded.keys() {
                since.entry(name.clone()).or_insert(now);
            }
            prop_assert!(plan.removals.len() <= counts.len().saturating_sub(min));
            for removal in &plan.removals {
                prop_assert!(now - since[&removal.node] > 600, "{removal:?} at {now}");
                let place = world.nodes.iter().position(|node| node.name == removal.node);
                let place = place.expect("a node that is there");
                prop_assert!(place != pinned || counts[pinned] == 0, "{removal:?}");
                prop_assert_eq!(removal.evicted.len(), counts[place]);
                // Its pods find a place elsewhere, and an empty one takes its place.
                for _ in 0..counts[place] {
                    let open = (0..6).filter(|&other| other != place && counts[other] < 8);
                    if let Some(other) = open.min_by_key(|&other| counts[other]) {
                        counts[other] += 1;
                    }
                }
                counts[place] = 0;
            }
        }
    }

    /// Whatever is asked for thousands of times: groups keep to their most, nothing is ordered of a
    /// group that is left alone, and what is ordered is counted until it comes or fails.
    #[test]
    fn thousands_of_orders_keep_to_their_groups(
        steps in prop::collection::vec((0_usize..12, 0_u8..8, 1_i64..60), 1_000..3_000),
        most in 1_usize..6,
    ) {
        let mut grower = Grower::new(GrowSettings::default());
        let mut there = [0_usize; 2];
        let mut coming = [0_usize; 2];
        let mut now = 0;
        for (waiting, luck, secs) in steps {
            now += secs;
            for place in 0..2 {
                let name: Text = ["a", "b"][place].into();
                if coming[place] > 0 && luck == 0 {
                    grower.failed(&name, Instant::from_secs(now));
                    coming[place] -= 1;
                } else if coming[place] > 0 && luck > 3 {
                    grower.registered(&name);
                    coming[place] -= 1;
                    there[place] += 1;
                } else if luck == 2 {
                    there[place] = there[place].saturating_sub(1);
                }
            }
            for (late, count) in grower.expire(Instant::from_secs(now), &SortedMap::new()) {
                coming[usize::from(*late == *"b")] -= count;
            }
            let mut groups = [group("a", 4000), group("b", 8000)];
            for place in 0..2 {
                groups[place].max = most;
                groups[place].target = there[place] + coming[place];
            }
            let waiting = pending(waiting, 10);
            if let Growth::Grow { group, nodes, .. } = plan(&mut grower, now, &groups, &waiting) {
                let place = usize::from(*group == *"b");
                prop_assert!(!grower.is_backed_off(&group, Instant::from_secs(now)));
                coming[place] += nodes;
            }
            for place in 0..2 {
                let total = there[place] + coming[place];
                prop_assert!(total <= most.max(there[place]), "{total} of {most}");
            }
            prop_assert_eq!(grower.ordered(), coming.iter().sum::<usize>());
        }
    }
}

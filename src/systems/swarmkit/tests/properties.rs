//! Properties that hold for any cluster and any group of tasks.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::node::{Node, NodeStatus};
use super::super::pipeline::passes;
use super::super::raft::Managers;
use super::super::scheduler::Scheduler;
use super::super::spread::SpreadMode;
use super::super::task::{Preference, Task, TaskSpec};
use super::{at, node, spec};
use model::Text;
use units::SortedMap;

proptest! {
    #[test]
    fn a_minority_accepts_nothing(
        members in 1_usize..8,
        changes in prop::collection::vec((0_usize..8, any::<bool>(), 0_i64..30), 0..40),
    ) {
        let mut managers = Managers::new(members, 7);
        let mut up = vec![true; members];
        let mut now = 0;
        let mut due = None;
        for (manager, is_up, wait) in changes {
            let manager = manager % members;
            now += wait;
            if due.is_some_and(|due| due <= at(now)) {
                managers.elect(at(now));
            }
            up[manager] = is_up;
            due = managers.set_reachable(at(now), manager, is_up);
            let reachable = up.iter().filter(|&&up| up).count();
            prop_assert!(!managers.accepts() || reachable * 2 > members);
            if let Some(leader) = managers.leader() {
                prop_assert!(up[leader]);
            }
            if let Some(due) = due {
                prop_assert!(due > at(now) || managers.leader().is_none());
            }
        }
    }

    #[test]
    fn placements_pass_every_filter_and_never_overcommit(
        nodes in prop::collection::vec((1_i64..20, 0_u8..3, any::<bool>()), 1..8),
        groups in prop::collection::vec((1_usize..12, 0_i64..6, 0_u32..4, any::<bool>()), 1..6),
        is_strict in any::<bool>(),
    ) {
        let mode = if is_strict { SpreadMode::Strict } else { SpreadMode::Upstream };
        let mut scheduler = Scheduler::new(mode);
        let mut capacity = SortedMap::new();
        for (number, (cpus, zone, is_ready)) in nodes.into_iter().enumerate() {
            let mut node = node(&format!("n{number}"), cpus);
            node.labels.insert("zone".into(), format!("z{zone}").into());
            if !is_ready {
                node.status = NodeStatus::Down;
            }
            capacity.insert(node.id.clone(), (cpus, is_ready));
            scheduler.put_node(node);
        }
        let mut used: SortedMap<Text, i64> = SortedMap::new();
        for (number, (tasks, cpus, most, has_preference)) in groups.into_iter().enumerate() {
            let mut asked = spec(cpus);
            asked.version.service = format!("s{number}").into();
            asked.max_replicas = most;
            if has_preference {
                asked.preferences.push(Preference::NodeLabel("zone".into()));
            }
            let order = scheduler.choose(at(0), &asked, tasks);
            prop_assert!(order.len() <= tasks);
            for id in &order {
                *used.entry(id.clone()).or_default() += cpus;
                prop_assert!(capacity[id].1);
            }
            for node in scheduler.nodes().values() {
                let here = node.active_of(&asked.version.service);
                prop_assert!(most == 0 || here <= most);
            }
            // Whoever is left over fits nowhere.
            if order.len() < tasks {
                let mut nodes = scheduler.nodes().values();
                prop_assert!(!nodes.any(|node| passes(&asked, node)));
            }
        }
        for (id, used) in used {
            prop_assert!(used <= capacity[&id].0);
        }
    }

    /// The fast form (one task without preferences, classes that nothing has changed for) decides as
    /// the plain one, which walks the tree and sorts its nodes for every group.
    #[test]
    fn the_fast_form_decides_as_the_plain_one(
        nodes in prop::collection::vec((0_i64..12, 0_u8..3, any::<bool>(), 0_usize..7), 0..9),
        steps in prop::collection::vec(
            (0_u8..5, 1_usize..6, 0_i64..5, 0_u32..3, any::<bool>(), any::<prop::sample::Index>()),
            1..40,
        ),
    ) {
        let mut fast = Scheduler::default();
        for (number, (cpus, zone, is_ready, failures)) in nodes.into_iter().enumerate() {
            let mut node = node(&format!("n{number}"), cpus);
            node.labels.insert("zone".into(), format!("z{zone}").into());
            node.status = if is_ready { NodeStatus::Ready } else { NodeStatus::Down };
            for _ in 0..failures {
                node.count_failure(at(0), &spec(0).version);
            }
            fast.put_node(node);
        }
        let mut plain = fast.clone();
        plain.is_plain = true;
        let mut placed: Vec<(Text, Arc<TaskSpec>)> = Vec::new();
        for (number, (what, tasks, cpus, most, has_preference, which)) in steps.into_iter().enumerate() {
            let now = at(number as i64 * 40);
            let ids: Vec<Text> = fast.nodes().keys().cloned().collect();
            if what == 0 && !placed.is_empty() {
                let (node, spec) = placed.swap_remove(which.index(placed.len()));
                for scheduler in [&mut fast, &mut plain] {
                    if let Some(node) = scheduler.node_mut(&node) {
                        node.deactivate_task(&spec);
                        node.free_task(&spec);
                        node.count_failure(now, &spec.version);
                    }
                }
            } else if what == 1 && !ids.is_empty() {
                let id = &ids[which.index(ids.len())];
                for scheduler in [&mut fast, &mut plain] {
                    if let Some(node) = scheduler.node_mut(id) {
                        node.status = match node.status {
                            NodeStatus::Ready => NodeStatus::Down,
                            _ => NodeStatus::Ready,
                        };
                    }
                }
            } else {
                let mut asked = spec(cpus);
                // What is equal is of one version, and comes again.
                asked.version.service = format!("s{cpus}-{most}-{has_preference}").into();
                asked.max_replicas = most;
                if has_preference {
                    asked.preferences.push(Preference::NodeLabel("zone".into()));
                }
                let asked = Arc::new(asked);
                for scheduler in [&mut fast, &mut plain] {
                    for own in 0..tasks {
                        scheduler.enqueue(Task {
                            id: format!("t{number}.{own}").into(),
                            spec: Arc::clone(&asked),
                            node: None,
                        });
                    }
                }
                let (found, expected) = (fast.run(now), plain.run(now));
                prop_assert_eq!(&found.assigned, &expected.assigned);
                prop_assert_eq!(fast.backlog(), plain.backlog());
                placed.extend(found.assigned.into_iter().map(|one| (one.node, asked.clone())));
            }
        }
    }

    #[test]
    fn strict_shares_differ_by_no_more_than_one(tasks in 1_usize..40, zones in 1_usize..6) {
        let mut scheduler = Scheduler::new(SpreadMode::Strict);
        for zone in 0..zones {
            let mut node = node(&format!("n{zone}"), 1_000);
            node.labels.insert("zone".into(), format!("z{zone}").into());
            scheduler.put_node(node);
        }
        let mut asked = spec(1);
        asked.preferences.push(Preference::NodeLabel("zone".into()));
        prop_assert_eq!(scheduler.choose(at(0), &asked, tasks).len(), tasks);
        let counts: Vec<u32> = scheduler.nodes().values().map(Node::active).collect();
        let (least, most) = (counts.iter().min(), counts.iter().max());
        prop_assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1));
    }
}

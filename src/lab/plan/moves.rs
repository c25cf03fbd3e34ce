//! Order of the moves of a plan. In each wave as many pods move as their disruption budgets allow and
//! as find room beside the pods that are still there, so that the next wave begins once the moved
//! pods are ready.

use std::sync::Arc;

use super::Move;
use super::demand::{Demand, GoalPod};
use model::Text;
use scheduler::kube::{Amounts, Cache, PodInfo};
use units::{SortedMap, SortedSet};

/// Place of a move among the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Number of the wave, from 1.
    pub wave: u64,
    /// Tightest budget of the pod.
    pub budget: Option<Text>,
    /// Number of further pods of the budget that may move in the same wave.
    pub budget_left: Option<i64>,
    /// Marks a move into room that only another move of the same wave makes: the pod has to end
    /// before its successor starts.
    pub swaps: bool,
}

/// Free amounts of nodes while pods move.
pub struct Rooms {
    free: SortedMap<Text, Amounts>,
}

impl Rooms {
    /// Free amounts before the first pod moves.
    pub fn of(cache: &Cache) -> Self {
        let free = cache.nodes().map(|node| {
            let mut free = Amounts::clone(&node.allocatable);
            for pod in &node.pods {
                free.change(&pod.counted_class().requests, -1);
                free.pods -= 1;
            }
            (node.name().clone(), free)
        });
        Self {
            free: free.collect(),
        }
    }

    fn has_room(&self, node: &Text, pod: &PodInfo) -> bool {
        let asked = &pod.class.requests;
        self.free.get(node).is_some_and(|free| {
            let plain = [
                (asked.cpu_milli, free.cpu_milli),
                (asked.memory, free.memory),
                (asked.storage, free.storage),
                (1, free.pods),
            ];
            let scalars = asked.scalars.iter();
            let mut all = plain
                .into_iter()
                .chain(scalars.map(|(name, &own)| (own, free.scalar(name))));
            all.all(|(own, left)| own == 0 || own <= left)
        })
    }

    fn change(&mut self, node: &Text, pod: &PodInfo, sign: i64) {
        if let Some(free) = self.free.get_mut(node) {
            free.change(&pod.class.requests, -sign);
            free.pods -= sign;
        }
    }
}

/// Puts moves in an order that keeps budgets and needs no more room than there is.
pub fn ordered(mut rooms: Rooms, demand: &Demand, moves: Vec<Move>) -> Vec<Move> {
    let pods: SortedMap<&str, &GoalPod> = { demand.pods.iter() }
        .map(|pod| (pod.name.as_str(), pod))
        .collect();
    let mut left: Vec<Pending> = { moves.into_iter() }
        .filter_map(|own| {
            let pod = pods.get(own.pod.as_str())?;
            Some(Pending {
                workload: pod.workload.clone(),
                covering: covering(demand, pod),
                own,
                info: Arc::clone(&pod.info),
            })
        })
        .collect();
    let mut sizes: SortedMap<Text, u64> = SortedMap::new();
    for pod in demand.pods.iter().filter(|pod| pod.node.is_some()) {
        *sizes.entry(pod.workload.clone()).or_default() += 1;
    }
    let mut done = Vec::with_capacity(left.len());
    let mut wave = 0;
    while !left.is_empty() {
        wave += 1;
        let mut allowed: Vec<i64> = demand.budgets.iter().map(|own| own.allowed).collect();
        let mut moved: SortedMap<Text, u64> = SortedMap::new();
        let mut gone: Vec<(Text, Arc<PodInfo>)> = Vec::new();
        let mut stays = Vec::new();
        for mut next in left {
            let is_allowed = next.covering.iter().all(|&place| allowed[place] > 0);
            let own_moved = moved.entry(next.workload.clone()).or_default();
            let most = most_at_once(sizes[&next.workload], !next.covering.is_empty());
            if !is_allowed || *own_moved >= most || !rooms.has_room(&next.own.to, &next.info) {
                stays.push(next);
                continue;
            }
            *own_moved += 1;
            next.own.turn = turn(demand, &next.covering, &mut allowed, wave);
            rooms.change(&next.own.to, &next.info, 1);
            gone.push((next.own.from.clone(), next.info));
            done.push(next.own);
        }
        if gone.is_empty() {
            // Pods that change places: the first makes room by ending.
            let mut next = stays.remove(0);
            next.own.turn = turn(demand, &next.covering, &mut allowed, wave);
            next.own.turn.swaps = true;
            rooms.change(&next.own.to, &next.info, 1);
            gone.push((next.own.from.clone(), next.info));
            done.push(next.own);
        }
        for (node, info) in gone {
            rooms.change(&node, &info, -1);
        }
        left = stays;
    }
    done
}

/// Most pods of a workload that move in one wave: never all of several, and half of them where no budget
/// says how many.
fn most_at_once(pods: u64, has_budget: bool) -> u64 {
    let most = if has_budget { pods - 1 } else { pods / 2 };
    most.max(1)
}

/// A move that is still ahead.
struct Pending {
    workload: Text,
    own: Move,
    info: Arc<PodInfo>,
    /// Places of the budgets that the move is charged to.
    covering: SortedSet<usize>,
}

/// Places of the budgets that the move of a pod is charged to.
fn covering(demand: &Demand, pod: &GoalPod) -> SortedSet<usize> {
    let budgets = demand.budgets.iter().enumerate();
    let covering = budgets.filter(|(_, own)| !pod.is_free && own.covers(pod.info.spec()));
    covering.map(|(place, _)| place).collect()
}

fn turn(demand: &Demand, covering: &SortedSet<usize>, allowed: &mut [i64], wave: u64) -> Turn {
    for &place in covering {
        allowed[place] -= 1;
    }
    let tightest = covering.iter().min_by_key(|&&place| allowed[place]);
    Turn {
        wave,
        budget: tightest.map(|&place| demand.budgets[place].name.clone()),
        budget_left: tightest.map(|&place| allowed[place]),
        swaps: false,
    }
}

//! Ways in which lost pods look for new nodes: their order within a priority, and the choice among equally good nodes.
//! How many find none may depend on both.

use scheduler::kube::PodInfo;

/// Order of pods within a priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Given,
    Large,
    Small,
    Seeded(u64),
}

/// Way in which pods look for nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    order: Order,
    /// Whether the last node by name is taken among equally good ones, instead of the first.
    pub(crate) takes_last: bool,
}

impl Turn {
    /// The order of the dump, with the first node by name.
    pub(crate) const GIVEN: Self = Self::new(Order::Given, false);

    const fn new(order: Order, takes_last: bool) -> Self {
        Self { order, takes_last }
    }

    /// Place of a pod among those of its priority; those of one place go in the order of the dump.
    pub(crate) fn place_of(self, pod: &PodInfo) -> (i64, i64) {
        let asked = &pod.class.requests;
        match self.order {
            Order::Given => (0, 0),
            Order::Large => (-asked.cpu_milli, -asked.memory),
            Order::Small => (asked.cpu_milli, asked.memory),
            // FNV-1a over the name.
            Order::Seeded(seed) => {
                let bytes = pod.full_name().into_bytes().into_iter();
                let hash = bytes.fold(0xcbf2_9ce4_8422_2325 ^ seed, |hash: u64, byte| {
                    (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
                });
                ((hash >> 1) as i64, 0)
            }
        }
    }
}

/// The ways beside the given one.
const OTHERS: [Turn; 5] = [
    Turn::new(Order::Given, true),
    Turn::new(Order::Large, false),
    Turn::new(Order::Small, false),
    Turn::new(Order::Seeded(1), true),
    Turn::new(Order::Seeded(2), false),
];

/// Decisions that are taken beyond those of the given way, for each loss.
const MOST_DECISIONS: u64 = 20_000;

/// Least and greatest number of pods without a node, in the given way and in others.
pub type Range = (u64, u64);

/// The range of waiting pods, as far as others than the given way are tried; a loss that leaves none waiting is not.
pub(crate) fn range(requeued: u64, waiting: u64, mut waits: impl FnMut(Turn) -> u64) -> Range {
    let mut range = (waiting, waiting);
    if waiting > 0 {
        let turns = MOST_DECISIONS / requeued.max(1);
        let turns = usize::try_from(turns).unwrap_or(usize::MAX);
        for turn in OTHERS.into_iter().take(turns) {
            let own = waits(turn);
            range = (range.0.min(own), range.1.max(own));
        }
    }
    range
}

//! Autoscalers as pure state machines: typed observations and the time come in, decisions come
//! out. Only the components read the store, so a test or a recorded case can drive every decision.
//!
//! [`horizontal`] decides the number of a workload's replicas, [`vertical`] the requests of its
//! containers; [`rules`] are those of other platforms; [`workloads`] is the component that runs
//! them, and scaling by the clock, in a cluster. [`cluster_autoscaler`] and [`provisioner`] decide
//! the number of nodes and their types (spec: kubernetes.md part 3): [`nodes`] is what they have in
//! common, and [`snapshot`] the copy of the cluster that they simulate in. [`descheduler`] evicts
//! pods that would be placed better elsewhere.
//! Specifications are checked before use; a fault of one is a [`Finding`].
//!
//! Every worked example of the specification is a test:
//!
//! | example | test |
//! |---|---|
//! | kubernetes.md 3.1, 300 + 500 + 700m at 30 % | `horizontal/tests.rs`, `a_ratio_of_five_thirds_on_three_pods_proposes_five` |
//! | 3.1, 55 % of 50 % is within | `a_ratio_at_the_edge_of_the_tolerance_changes_nothing` |
//! | 3.1, one of four pods missing | `a_missing_pod_counts_as_idle_on_the_way_up_and_full_on_the_way_down` |
//! | 3.1, behavior: 10 → 20 → 30 | `the_default_rates_double_in_fifteen_seconds` |
//! | 3.2, 0.25 cores, 300 MiB | `vertical/tests.rs`, `a_quarter_of_a_core_for_half_a_day`, `buckets_are_those_of_the_example` |
//! | 3.2, a kill for memory | `a_kill_raises_memory_by_a_fifth_or_a_hundred_mebibytes` |
//! | 3.3, pods A and B on four cores | `cluster_autoscaler/tests/growing.rs`, `three_nodes_hold_the_pods_of_the_example` |
//! | 3.3, delays, back-off | `cluster_autoscaler/tests/shrinking.rs`, `a_node_goes_when_it_was_unneeded_for_more_than_ten_minutes`; `cluster_autoscaler/tests/ordering.rs`, `nodes_that_do_not_come_back_their_group_off_twice_as_long_each_time` |
//! | 3.3, 2 s, and 30 s where GPUs are asked for | `cluster_autoscaler/tests/growing.rs`, `pods_that_ask_for_gpus_are_waited_for_longer` |
//! | 3.4, cost of an eviction | `provisioner/tests.rs`, `an_eviction_costs_one_and_more_with_deletion_cost_and_priority` |
//! | orchestrators-a.md 9.3, targets, window | `rules.rs`, `wants_are_those_of_the_example`, `the_largest_want_holds_for_the_window` |
//! | orchestrators-b.md 10.7, watts, a day | `metrics/record/setup/power.rs`, `watts_are_those_of_the_example`, `a_day_is_that_of_the_example` |
//! | orchestrators-a.md 7.4, 9.7, sizes and bills of tasks | `metrics/families/money/pay_per_use.rs` |
//! | orchestrators-a.md 9.7, bill of functions; arrivals at 0, 5, 6, 20, 640, 1300 | `metrics/families/money/functions.rs`; `control/services/functions.rs`, `the_instance_used_last_is_warm_for_ten_minutes` |
//! | metrics.md 5.4, cost and its split | `metrics/families/money/cost/tests.rs` |
//!
//! capacity.md states questions and no figures; what it asks of cost (idle apart, by tenant) is in
//! `metrics/families/money/cost`.

pub mod cluster_autoscaler;
pub mod descheduler;
pub mod finding;
mod float;
pub mod horizontal;
pub mod nodes;
pub mod provisioner;
pub mod rules;
pub mod snapshot;
pub mod vertical;
pub mod workloads;

pub use finding::{Finding, Problem};

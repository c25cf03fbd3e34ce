//! The cluster autoscaler against the specification (kubernetes.md 3.3), over a cluster that looks at
//! room alone.
//!
//! | example or rule | test |
//! |---|---|
//! | template of 4 CPU, 16 GiB; A 3 × (2, 2), B 4 × (1, 6): three nodes | `growing::three_nodes_hold_the_pods_of_the_example` |
//! | every number | `growing::the_defaults_are_those_of_the_specification` |
//! | 2 s and 30 s of youngest pods, pods too new, expendable ones | `growing::{the_group_with_the_least_waste…, pods_that_ask_for_gpus…, pods_that_are_too_new…}` |
//! | more than 3 unready nodes and more than 45 % | `growing::up_to_three_unready_nodes…` |
//! | hints of the loop before, highest priority first | `growing::pods_keep_the_node_that_they_were_given…` |
//! | a group is given up when a fresh node takes none | `growing::the_rest_of_a_group_is_given_up…` |
//! | most nodes of group and cluster | `growing::what_existing_nodes_take…`, `properties::thousands_of_orders…` |
//! | 15 min to register, back-off 5 to 30 min, forgotten after 3 h | `ordering::{nodes_that_do_not_come…, back_off_doubles…}` |
//! | similar groups share, one at a time to the smallest | `growing::{similar_groups_share…, similar_groups_differ…, groups_that_do_not_take…, new_nodes_are_balanced…}` |
//! | expanders, chained; ties by lot | `expanders::expanders_narrow_down_in_a_chain` |
//! | unneeded for more than 10 min (20 unready), without a break | `shrinking::{a_node_goes_when…, nodes_that_are_not_ready…, a_node_that_is_needed_once…}` |
//! | candidates: 20 more a loop, 610 at most | `shrinking::twenty_more_candidates…` |
//! | empty ones first, budgets last, 10 at once of which 1 drained | `shrinking::{ten_nodes_go…, those_whose_drain…}` |
//! | cool-down of 10 min, 0, 3 min; recheck after 5 min | `shrinking::{a_node_goes_when…, deletions_wait…, pods_without_a_controller…}` |
//! | pods stay placed in the simulation | `shrinking::pods_of_nodes_that_went_before…` |
//! | utilization, blocking pods in their order | recorded: `lab/verify/kube_controllers` (`ca-scale-down-node`) |
//! | taint, 5 s, evictions, grace of 10 min at most | `tests/it/node_scaling_drain.rs` |

mod expanders;
mod growing;
mod ordering;
mod properties;
mod room;
mod shrinking;

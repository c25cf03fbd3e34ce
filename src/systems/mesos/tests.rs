//! Worked examples (spec: orchestrators-b.md sections 1 to 4) and properties of the whole.
//!
//! | section | tests |
//! |---|---|
//! | 1.2 sorter | `fairness`: shares, weights, counts, names, trees, excluded resources |
//! | 1.3 task by task | `fairness`: the paper's example, three users, sharing incentive, no envy |
//! | 1.4 when a run is | `worked`: resources that come back wait for the next run |
//! | 1.5 one run | `allocator`, `worked`: every worked example; `fast::tests`: fast = plain |
//! | 1.6 refusals | `allocator`, `worked`: what they cover, how long they stand |
//! | 1.7 agents, masters, frameworks | `frameworks`, `worked`; in runs `tests/it/failover.rs`, `tests/it/mesos.rs` |
//! | 2.1 constraints | `worked`: operators; `frameworks`: groups, what is refused |
//! | 2.2 to 2.6 Marathon | `frameworks`: back-off, upgrades, victims, checks, unreachable instances |
//! | 2.7 offers | `tests/it/mesos.rs`: five an offer, launch tokens, revival |
//! | 3 Chronos | `chronos`: schedules, misses, retries, dependencies, cycles |
//! | 4 DC/OS | `frameworks`: autoscaler; `tests/it/mesos.rs`: public agents |
//! | 12 vectors | `tests/it/orchestrators.rs` over the recorded cases |

mod allocator;
mod chronos;
mod fairness;
mod frameworks;
mod worked;

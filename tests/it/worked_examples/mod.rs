//! Every worked example of the specification about controllers, nodes and failures, as the state after
//! each step. Where a rule has no example of its own, the unit test of the original is mirrored that
//! kubernetes.md part 6 names.
//!
//! Where each stands (`it` is this test binary):
//!
//! | section | example | test |
//! |---|---|---|
//! | kubernetes.md 2 | retries of a failing sync double | `control/controllers/manager/queue.rs`: `pauses_double_and_end` |
//! | | creations in batches of 1, 2, 4 … | `control/controllers/replica_set.rs`: `creations_double_and_a_burst_is_500` |
//! | | available once ready for long enough | [`orders`]: `a_pod_is_available_once_it_was_ready_for_long_enough` |
//! | 2.1 | each of the eight rules of who goes first | [`orders`]: `each_rule_decides_between_two_pods` |
//! | | ready 10 s, 15 s and 20 s ago | `control/controllers/replica_set.rs`: `ages_of_one_step_are_told_apart_by_identifier` |
//! | | crowded nodes lose pods first | [`orders`]: `crowded_nodes_lose_pods_first` |
//! | | expectations, terminating pods | `control/controllers/replica_set.rs` |
//! | 2.2 | surge and unavailable as numbers | [`rollouts`]: `fence_posts` |
//! | | ten replicas rolled out | `control/controllers/deployment/tests.rs`: `a_rolling_update_of_ten_goes_as_in_the_specification`, [`rollouts`]: `ten_replicas_step_by_step` |
//! | | the new set, the old sets, unhealthy pods | [`rollouts`]: `the_new_set_grows_as_far_as_the_surge`, `old_sets_shrink_as_far_as_enough_are_available` |
//! | | 7 and 5 of 12 become 13 and 9 of 22; proportions | [`rollouts`]: `proportional_scaling` |
//! | | recreate, rollback, deadline, pause | [`rollouts`], `control/controllers/deployment/tests.rs` |
//! | 2.3 | 10 % of 25 nodes | `control/controllers/daemon_set/tests.rs`: `ten_percent_of_25_nodes_is_three` |
//! | | failed daemons, surge, terminating pods | [`sets`] |
//! | 2.4 | four replicas, partition 2 | `control/controllers/stateful_set/tests.rs`: `an_update_with_partition_2_replaces_3_then_2` |
//! | | order of creation and removal, parallel, start ordinal, the gate `MaxUnavailable` | [`sets`] |
//! | 2.5 | failures at 0, 15 and 50 s | `control/controllers/job/tests.rs`: `failures_at_0_15_and_50_are_replaced_at_10_35_and_90` |
//! | | how many are wanted, per index, deadline, restarts in place | [`jobs`] |
//! | 2.6 | away until 10:17; uneven schedules | `control/controllers/cron_job.rs` |
//! | | too late, many missed, forbid, history | [`cron_jobs`] |
//! | 2.7 | 30 nodes, four fail together | `it/node_life.rs`: `nodes_that_fail_together_are_tainted_one_by_one_and_their_pods_go_five_minutes_later` |
//! | | grace, states of zones, taints by condition | [`nodes`] |
//! | 2.8 | foo 60 s, unreachable 300 s | `control/controllers/taint_eviction.rs`: `the_first_taint_sets_the_time` |
//! | | shorter, longer, intolerable, for ever; collection | [`nodes`] |
//! | 2.9 | 30 % of five | `control/controllers/disruption.rs`: `thirty_percent_of_five_is_two` |
//! | | percentages, granted disruptions that lapse | [`nodes`] |
//! | 2.10 | 500m and 200m; quotas | `control/admission/tests.rs` |
//! | 4 | back-off of restarts | `systems/kubelet/back_off.rs`: `delays_double_and_are_forgotten` |
//! | | back-off of pulls, serial pulls, images collected | `systems/kubelet/images.rs` |
//! | | probes, termination, sidecars | `systems/kubelet/tests.rs` |
//! | | leases every ten seconds | `sim/hosts.rs`: `leases_are_renewed_every_ten_seconds` |
//! | | classes of service, 1 GiB of 8 | `model/qos.rs`: `scores_are_those_of_the_worked_examples` |
//! | | who is evicted first | `control/controllers/kubelet_eviction.rs`, `it/contention.rs` |
//! | orchestrators-a.md 3 | start and stop of four services | [`clouds`], `systems/compose/tests.rs`: `worked_start_and_stop_of_four_services` |
//! | | delays of restarts | `systems/compose/restart.rs`: `delays_double_up_to_a_minute_and_are_forgotten_after_ten_seconds` |
//! | 4 | a host ready after 102 s; when conditions are seen | `control/docker_machine/create.rs`: `worked_creation_of_a_host`, `poll.rs` |
//! | | boot times, image rates | `scenario/schema/nova.rs`, `it/machine_steps.rs` |
//! | 6.1 | capacities by ratios | `systems/nova/tests.rs`: `capacity_is_cut_to_whole_units_and_takes_so_many_instances` |
//! | 6.2 | three hosts, a failed build; memory alone; members of groups | `systems/nova/tests.rs`: `hosts_rank_as_in_the_worked_table`, `a_single_weigher_scales_as_in_the_worked_examples` |
//! | 6.3 | a report at 50 s; groups | `systems/nova/tests.rs` |
//! | 7.1 | six tasks on three instances, step by step | `systems/ecs/tests.rs`: `tasks_go_where_the_worked_example_has_them`, `each_step_keeps_the_instances_of_the_worked_table` |
//! | 7.2 | bounds; deployments of 55 s and 110 s; thresholds of the breaker | `systems/ecs/tests.rs`, [`clouds`] |
//! | 7.3 | instances needed and desired | `systems/ecs/tests.rs`: `providers_split_tasks_and_scale_as_in_the_worked_rows`, `it/ecs_capacity.rs` |
//! | 7.4 | 250 launches; sizes | `systems/ecs/tests.rs`: `fargate_rounds_up_to_a_size_and_launches_by_tokens` |
//! | 8.1 | three nodes in two zones | `systems/openshift/policy.rs`: `worked_scores_of_three_nodes` |
//! | 8.2 | bounds of 4, 3, 10 and 1 replicas | `systems/openshift/rollout/tests.rs`: `bounds_are_those_of_the_worked_examples` |
//! | 8.3 | five commits under each policy | `control/delivery/build.rs`: `worked_builds_of_each_policy` |
//! | 8.4 | weights of endpoints | `control/services/ingress.rs`: `endpoint_weights_are_those_of_the_examples` |
//! | 9.1 | a push at 37 s, by webhook and by poll | `control/delivery/tests.rs`: `worked_ways_of_a_push`, `it/platform.rs`: `a_commit_is_seen_built_and_rolled_out` |
//! | 9.2 | weights 5, 1, 1 and 3, 2; open connections | `control/services/balancer/tests.rs`: `deterministic_sequences_are_those_of_the_examples`, `least_connections_counts_weights_and_takes_turns_among_equals` |
//! | 9.3 | targets, the window, steps, backlogs | `autoscale/rules.rs` |
//! | 9.4 | seven probes; what signs say | `systems/parts/health_check.rs`, `metrics/diagnosis/signs.rs` |
//! | 9.5 | an alert for a minute, three of five, percentiles, a counter that begins anew | `metrics/alerts/rule.rs`, `model/latencies.rs` |
//! | 9.6 | a week of backups; a loss at 9,000 s | `control/volumes/backup.rs`: `worked_chain_of_a_week`, `worked_loss_since_the_start_of_the_last_complete_backup` |
//! | 9.7 | bills of tasks and of functions; arrivals at a function | `metrics/pay_per_use.rs`, `metrics/functions.rs`, `control/services/functions.rs` |
//! | 11 | edge cases | `it/extremes.rs`, `it/failover.rs`, `it/control_faults.rs`, `it/platform.rs` |
//! | 12 | four managers and a crash | `it/failover.rs` |
//! | orchestrators-b.md 10.1 | Weibull, log-normal, rates of fleets, checkpoints | [`environment`], `model/checkpoint.rs` |
//! | 10.2 | three levels of domains; quorums | [`environment`], `it/failure_runs.rs` |
//! | 10.3 | waves, spot months, the copied task | `control/upgrade.rs`, [`environment`] |
//! | 10.4 | 1.2 GB on 1, 10 and 50 nodes | `it/images.rs` |
//! | 10.5 | three fillings | `sim/network/tests.rs`: `worked_examples`, `two_flows_on_a_link_end_after_one_another` |
//! | 10.6 | weights, shares, quotas; 4 of 64 GiB | `sim/cores.rs`, `model/qos.rs` |
//! | published-results.md 8.2 | repairs and gaps at Los Alamos | [`environment`]: `the_log_of_los_alamos_has_the_published_shape` |

mod clouds;
mod cron_jobs;
mod environment;
mod jobs;
mod nodes;
mod orders;
mod rollouts;
mod sets;

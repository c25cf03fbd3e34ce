//! What users see for wrong experiments: one snapshot for each kind of finding.
//! `SNAPSHOTS=overwrite cargo test --lib scenario` takes over changes.

use snapbox::{assert_data_eq, str};

use super::*;

/// The minimal experiment with one text replaced.
fn edited(from: &str, to: &str) -> String {
    assert!(MINIMAL.contains(from), "{from}");
    MINIMAL.replacen(from, to, 1)
}

fn rendered(text: &str, sets: &[&str]) -> String {
    match load_with(text, sets) {
        Ok(_) => "accepted".to_owned(),
        Err(rejected) => rejected.render(Color::Off),
    }
}

/// The findings of the minimal experiment after replacing `from` by `to`.
fn check(from: &str, to: &str, expected: impl snapbox::IntoData) {
    assert_data_eq!(rendered(&edited(from, to), &[]), expected);
}

#[test]
fn unknown_field() {
    check(
        "name: lab\n",
        "name: lab\nsytem: {name: swarm}\n",
        str![[r#"
error[WT004]: the experiment has no field `sytem`
 --> lab.yaml:3:1
  |
3 | sytem: {name: swarm}
  | ^^^^^ expected `windtunnel`, `name`, `description`, `seed`, `cluster`, `workload`, `system`, `models`, `stop`, `metrics` or `objectives`
  |
help: did you mean `system`?
  |
3 | system: {name: swarm}
  |   +

"#]],
    );
}

#[test]
fn unknown_field_in_a_workload() {
    check(
        "{model: lublin99, jobs: 100}",
        "{model: lublin99, job: 100}",
        str![[r#"
error[WT006]: `generate` lacks `jobs`
 --> lab.yaml:9:5
  |
9 |   - generate: {model: lublin99, job: 100}
  |     ^^^^^^^^ `jobs` is missing here
  |
help: `jobs`: How many jobs or pods

error[WT004]: workload model `lublin99` takes no `job`
 --> lab.yaml:9:33
  |
9 |   - generate: {model: lublin99, job: 100}
  |                                 ^^^ expected only `model` or `jobs`
  |
help: did you mean `jobs`?
  |
9 |   - generate: {model: lublin99, jobs: 100}
  |                                    +

"#]],
    );
}

#[test]
fn wrong_type() {
    check(
        "name: lab",
        "name: 12",
        str![[r#"
error[WT005]: `name` is a number
 --> lab.yaml:2:7
  |
2 | name: 12
  |       ^^ expected a text
  |
help: put it in quotes
  |
2 - name: 12
2 + name: "12"
  |

"#]],
    );
}

#[test]
fn wrong_type_of_a_map() {
    check(
        "  nodes:\n    - count: 4\n      template:\n        allocatable: {cpu: 8, memory: 32Gi}\n",
        "  nodes: 12\n",
        str![[r#"
error[WT005]: `nodes` is a number
 --> lab.yaml:4:10
  |
4 |   nodes: 12
  |          ^^ expected a list

"#]],
    );
}

#[test]
fn missing_fields() {
    check(
        "windtunnel: v1\nname: lab\n",
        "description: nothing else\n",
        str![[r#"
error[WT006]: the experiment lacks `windtunnel`
 --> lab.yaml:1:1
  |
1 | description: nothing else
  | ^ `windtunnel` is missing here
  |
help: `windtunnel`: The version of this file format: `v1`

error[WT006]: the experiment lacks `name`
 --> lab.yaml:1:1
  |
1 | description: nothing else
  | ^ `name` is missing here
  |
help: `name`: Short name; the result folder is named after it

"#]],
    );
}

#[test]
fn unknown_word() {
    check(
        "name: lab\n",
        "name: lab\nsystem: {scheduler: {tieBreak: frist}}\n",
        str![[r#"
error[WT007]: `frist` is no value of `tieBreak`
 --> lab.yaml:3:32
  |
3 | system: {scheduler: {tieBreak: frist}}
  |                                ^^^^^ expected `random`, `first` or `published`
  |
help: did you mean `first`?
  |
3 - system: {scheduler: {tieBreak: frist}}
3 + system: {scheduler: {tieBreak: first}}
  |

"#]],
    );
}

#[test]
fn neither_word_nor_map() {
    check(
        "name: lab\n",
        "name: lab\nmodels: {startup: never}\n",
        str![[r#"
error[WT007]: `never` is no value of `startup`
 --> lab.yaml:3:19
  |
3 | models: {startup: never}
  |                   ^^^^^ expected `none`, or a map

"#]],
    );
}

#[test]
fn several_of_one() {
    check(
        "jobs: 100}\n",
        "jobs: 100}\n    manifests: shop.yaml\n",
        str![[r#"
error[WT008]: `generate` and `manifests` do not go together
  --> lab.yaml:10:5
   |
 9 |   - generate: {model: lublin99, jobs: 100}
   |     -------- given here
10 |     manifests: shop.yaml
   |     ^^^^^^^^^ expected only one of `trace`, `manifests` or `generate`

"#]],
    );
}

#[test]
fn none_of_one() {
    check(
        "  - generate: {model: lublin99, jobs: 100}\n",
        "  - at: 3s\n",
        str![[r#"
error[WT006]: `at` goes with `manifests`, which is not given
 --> lab.yaml:9:5
  |
9 |   - at: 3s
  |     ^^ needs `manifests` beside it

error[WT008]: `workload` lacks one of its fields
 --> lab.yaml:9:5
  |
9 |   - at: 3s
  |     ^^ expected `trace`, `manifests` or `generate`

"#]],
    );
}

#[test]
fn unknown_policy() {
    check(
        "name: lab\n",
        "name: lab\nsystem: {scheduler: {plugins: {best-fti: {weight: 1}}}}\n",
        str![[r#"
error[WT013]: unknown policy `best-fti`
 --> lab.yaml:3:32
  |
3 | system: {scheduler: {plugins: {best-fti: {weight: 1}}}}
  |                                ^^^^^^^^ expected `NodeResourcesFit`, `ImageLocality`, `best-fit`, `worst-fit` or `random`
  |
help: did you mean `best-fit`?
  |
3 - system: {scheduler: {plugins: {best-fti: {weight: 1}}}}
3 + system: {scheduler: {plugins: {best-fit: {weight: 1}}}}
  |

"#]],
    );
}

#[test]
fn unknown_system() {
    check(
        "name: lab\n",
        "name: lab\nsystem: {name: kubernets}\n",
        str![[r#"
error[WT013]: unknown system `kubernets`
 --> lab.yaml:3:16
  |
3 | system: {name: kubernets}
  |                ^^^^^^^^^ expected `kubernetes` or `swarm`
  |
help: did you mean `kubernetes`?
  |
3 | system: {name: kubernetes}
  |                        +

"#]],
    );
}

#[test]
fn weight_zero() {
    check(
        "name: lab\n",
        "name: lab\nsystem: {scheduler: {plugins: {best-fit: {weight: 0}}}}\n",
        str![[r#"
error[WT009]: `weight` cannot be 0
 --> lab.yaml:3:51
  |
3 | system: {scheduler: {plugins: {best-fit: {weight: 0}}}}
  |                                                   ^ expected at least 1
  |
help: a policy without weight has no effect; to switch it off write `null` in place of its fields

"#]],
    );
}

#[test]
fn weight_negative() {
    check(
        "name: lab\n",
        "name: lab\nsystem: {scheduler: {plugins: {best-fit: {weight: -3}}}}\n",
        str![[r#"
error[WT009]: `weight` cannot be -3
 --> lab.yaml:3:51
  |
3 | system: {scheduler: {plugins: {best-fit: {weight: -3}}}}
  |                                                   ^^ expected at least 1
  |
help: a policy without weight has no effect; to switch it off write `null` in place of its fields

"#]],
    );
}

#[test]
fn policy_without_arguments() {
    check(
        "name: lab\n",
        "name: lab\nsystem: {scheduler: {plugins: {best-fit: {wieght: 3}}}}\n",
        str![[r#"
error[WT004]: policy `best-fit` takes no `wieght`
 --> lab.yaml:3:43
  |
3 | system: {scheduler: {plugins: {best-fit: {wieght: 3}}}}
  |                                           ^^^^^^ expected only `weight`
  |
help: did you mean `weight`?
  |
3 - system: {scheduler: {plugins: {best-fit: {wieght: 3}}}}
3 + system: {scheduler: {plugins: {best-fit: {weight: 3}}}}
  |

"#]],
    );
}

#[test]
fn argument_of_a_policy() {
    check(
        "name: lab\n",
        "name: lab\nsystem:\n  scheduler:\n    plugins:\n      NodeResourcesFit:\n        wieght: 5\n        strategy: MostAlocated\n",
        str![[r#"
error[WT004]: `NodeResourcesFit` has no field `wieght`
 --> lab.yaml:7:9
  |
7 |         wieght: 5
  |         ^^^^^^ expected `strategy` or `weight`
  |
help: did you mean `weight`?
  |
7 -         wieght: 5
7 +         weight: 5
  |

error[WT007]: `MostAlocated` is no value of `strategy`
 --> lab.yaml:8:19
  |
8 |         strategy: MostAlocated
  |                   ^^^^^^^^^^^^ expected `LeastAllocated` or `MostAllocated`
  |
help: did you mean `MostAllocated`?
  |
8 |         strategy: MostAllocated
  |                         +

"#]],
    );
}

#[test]
fn wrong_quantity() {
    check(
        "memory: 32Gi",
        "memory: 1..5",
        str![[r#"
error[WT012]: `1..5` is not a quantity
 --> lab.yaml:7:39
  |
7 |         allocatable: {cpu: 8, memory: 1..5}
  |                                       ^^^^ `1..5` is not a number: expected digits with at most one decimal point, such as `1.5`

"#]],
    );
}

#[test]
fn unknown_quantity_suffix() {
    check(
        "memory: 32Gi",
        "memory: 8Gb",
        str![[r#"
error[WT012]: unknown quantity suffix `Gb`
 --> lab.yaml:7:39
  |
7 |         allocatable: {cpu: 8, memory: 8Gb}
  |                                       ^^^ expected one of Ki Mi Gi Ti Pi k M G T P m u n, or none
  |
help: did you mean `8Gi` (8589934592 bytes)?
  |
7 -         allocatable: {cpu: 8, memory: 8Gb}
7 +         allocatable: {cpu: 8, memory: 8Gi}
  |

"#]],
    );
}

#[test]
fn node_without_cpu() {
    check(
        "{cpu: 8, memory: 32Gi}",
        "{memory: 32Gi}",
        str![[r#"
error[WT006]: `allocatable` lacks `cpu`
 --> lab.yaml:7:9
  |
7 |         allocatable: {memory: 32Gi}
  |         ^^^^^^^^^^^ `cpu` is missing here
  |
help: `cpu`: Cores, such as 32 or 31500m

"#]],
    );
}

#[test]
fn node_with_no_cpu() {
    check(
        "cpu: 8",
        "cpu: 0",
        str![[r#"
error[WT009]: a node without cpu is no node
 --> lab.yaml:7:28
  |
7 |         allocatable: {cpu: 0, memory: 32Gi}
  |                            ^ expected more than 0

"#]],
    );
}

#[test]
fn unknown_resource() {
    check(
        "cpu: 8,",
        "cpu: 8, memry: 3Gi,",
        str![[r#"
error[WT004]: `allocatable` has no field `memry`
 --> lab.yaml:7:31
  |
7 |         allocatable: {cpu: 8, memry: 3Gi, memory: 32Gi}
  |                               ^^^^^ expected `cpu`, `memory`, `pods` or `ephemeral-storage`

"#]],
    );
}

#[test]
fn count_zero() {
    check(
        "count: 4",
        "count: 0",
        str![[r#"
error[WT009]: `count` cannot be 0
 --> lab.yaml:5:14
  |
5 |     - count: 0
  |              ^ expected at least 1

"#]],
    );
}

#[test]
fn leading_zero() {
    check(
        "count: 4",
        "count: 010",
        str![[r#"
error[WT009]: `count` cannot be 010
 --> lab.yaml:5:14
  |
5 |     - count: 010
  |              ^^^ expected a decimal number without leading zeros

"#]],
    );
}

#[test]
fn seed_negative() {
    check(
        "name: lab\n",
        "name: lab\nseed: -1\n",
        str![[r#"
error[WT009]: `seed` cannot be -1
 --> lab.yaml:3:7
  |
3 | seed: -1
  |       ^^ expected at least 0

"#]],
    );
}

#[test]
fn seed_not_whole() {
    check(
        "name: lab\n",
        "name: lab\nseed: 1.5\n",
        str![[r#"
error[WT009]: `seed` cannot be 1.5
 --> lab.yaml:3:7
  |
3 | seed: 1.5
  |       ^^^ expected a whole number

"#]],
    );
}

#[test]
fn until_impossible() {
    check(
        "  - generate: {model: lublin99, jobs: 100}",
        "  - trace: {format: swf, path: a.swf, arrivals: {order: shuffled, until: 0}}",
        str![[r#"
error[WT009]: `until` cannot be 0
 --> lab.yaml:9:74
  |
9 |   - trace: {format: swf, path: a.swf, arrivals: {order: shuffled, until: 0}}
  |                                                                          ^ expected more than 0
  |
help: a share of the cluster's capacity, such as 1.3 for 130 %

"#]],
    );
}

#[test]
fn arrivals_conflict() {
    check(
        "  - generate: {model: lublin99, jobs: 100}",
        "  - trace: {format: swf, path: a.swf, arrivals: {order: shuffled, scale: 2}}",
        str![[r#"
error[WT020]: `scale` and `order` do not go together
 --> lab.yaml:9:67
  |
9 |   - trace: {format: swf, path: a.swf, arrivals: {order: shuffled, scale: 2}}
  |                                                  ----- given here ^^^^^

"#]],
    );
}

#[test]
fn unit_missing() {
    check(
        "name: lab\n",
        "name: lab\nstop: {at: 30}\n",
        str![[r#"
error[WT010]: `30` is not a duration
 --> lab.yaml:3:12
  |
3 | stop: {at: 30}
  |            ^^ `30` is not a number followed by a unit, such as `90s`
  |
help: did you mean `30s`?
  |
3 | stop: {at: 30s}
  |              +

"#]],
    );
}

#[test]
fn unit_unknown() {
    check(
        "name: lab\n",
        "name: lab\nmetrics: {resolution: 10min}\n",
        str![[r#"
error[WT010]: `10min` is not a duration
 --> lab.yaml:3:23
  |
3 | metrics: {resolution: 10min}
  |                       ^^^^^ unknown unit `min`: expected one of ns us ms s m h d w
  |
help: did you mean `10m`?
  |
3 - metrics: {resolution: 10min}
3 + metrics: {resolution: 10m}
  |

"#]],
    );
}

#[test]
fn duration_negative() {
    check(
        "name: lab\n",
        "name: lab\nmetrics: {warmup: -1s, resolution: 0s}\n",
        str![[r#"
error[WT009]: `warmup` cannot be negative
 --> lab.yaml:3:19
  |
3 | metrics: {warmup: -1s, resolution: 0s}
  |                   ^^^ expected a duration of 0 or more

error[WT009]: `resolution` cannot be zero
 --> lab.yaml:3:36
  |
3 | metrics: {warmup: -1s, resolution: 0s}
  |                                    ^^ expected a duration of more than 0

"#]],
    );
}

#[test]
fn wrong_distribution() {
    check(
        "name: lab\n",
        "name: lab\nmodels: {startup: {containerStart: \"lognormal(400ms)\"}}\n",
        str![[r#"
error[WT011]: `lognormal(400ms)` is not a distribution
 --> lab.yaml:3:52
  |
3 | models: {startup: {containerStart: "lognormal(400ms)"}}
  |                                                    ^ expected `,` and SIGMA: the form is lognormal(MEDIAN, SIGMA)

"#]],
    );
}

#[test]
fn wrong_pattern() {
    check(
        "count: 4",
        "count: 4\n      name: \"worker-{idx}\"",
        str![[r#"
error[WT018]: `worker-{idx}` is not a pattern
 --> lab.yaml:6:13
  |
6 |       name: "worker-{idx}"
  |             ^^^^^^^^^^^^^^ `{idx}` is not an index expression such as `{:04}` or `{index % 3}`

"#]],
    );
}

#[test]
fn names_that_repeat() {
    check(
        "count: 4",
        "count: 4\n      name: worker",
        str![[r#"
error[WT015]: two nodes are called `worker`
 --> lab.yaml:6:13
  |
6 |       name: worker
  |             ^^^^^^ 4 nodes need 4 names
  |
help: put the index into the name, such as `worker-{:04}`

"#]],
    );
}

#[test]
fn names_in_two_groups() {
    check(
        "workload:",
        "    - count: 2\n      template: {allocatable: {cpu: 1, memory: 1Gi}}\nworkload:",
        str![[r#"
error[WT015]: two nodes are called `node-0`
 --> lab.yaml:8:7
  |
5 |     - count: 4
  |       ----- and this one gave it
...
8 |     - count: 2
  |       ^^^^^ this pattern gives the name again
  |
help: give the two groups different names

"#]],
    );
}

#[test]
fn missing_file() {
    check(
        "  - generate: {model: lublin99, jobs: 100}",
        "  - manifests: missing.yaml",
        str![[r#"
error[WT014]: `missing.yaml` was not found
 --> lab.yaml:9:16
  |
9 |   - manifests: missing.yaml
  |                ^^^^^^^^^^^^ not in `/lab`, not in `/traces`

"#]],
    );
}

#[test]
fn missing_public_trace() {
    check(
        "  - generate: {model: lublin99, jobs: 100}",
        "  - trace: {format: swf, path: missing/LCG-2005-1.swf.gz}",
        str![[r#"
error[WT014]: `missing/LCG-2005-1.swf.gz` was not found
 --> lab.yaml:9:32
  |
9 |   - trace: {format: swf, path: missing/LCG-2005-1.swf.gz}
  |                                ^^^^^^^^^^^^^^^^^^^^^^^^^ not in `/lab`, not in `/traces`
  |
help: `swf/LCG-2005-1.swf` is published by the Parallel Workloads Archive (the LCG log of 2005, by Hui Li); unpacked, its blake3 hash is 9c4f67f33d49b4ffc042547e2ef3cdbf80d1e60e88c36da8018c684d2c5be007. Keep it under a folder given by --traces DIR or WINDTUNNEL_TRACES

"#]],
    );
}

#[test]
fn stop_that_says_nothing() {
    check(
        "name: lab\n",
        "name: lab\nstop: {}\n",
        str![[r#"
error[WT008]: `stop` says nothing
 --> lab.yaml:3:1
  |
3 | stop: {}
  | ^^^^ expected `at` or `when`
  |
help: give `at` (a time after the start), `when` (`drained` or `idle`) or both

"#]],
    );
}

#[test]
fn stop_that_never_comes() {
    check(
        "  - generate: {model: lublin99, jobs: 100}\n",
        "  - trace: {format: swf, path: a.swf, arrivals: {order: trace}}\nstop: {when: drained}\n",
        str![[r#"
error[WT019]: the run never stops
  --> lab.yaml:10:14
   |
 9 |   - trace: {format: swf, path: a.swf, arrivals: {order: trace}}
   |                                       -------- these stay for ever
10 | stop: {when: drained}
   |              ^^^^^^^ pods that never depart never drain
   |
help: stop when `idle`, or at a time (`at: 30d`)

"#]],
    );
}

#[test]
fn warmup_after_the_stop() {
    check(
        "name: lab\n",
        "name: lab\nstop: {at: 1h}\nmetrics: {warmup: 1d}\n",
        str![[r#"
error[WT020]: the run stops at 1h, before the warm-up of 1d is over
 --> lab.yaml:4:19
  |
3 | stop: {at: 1h}
  |            -- the run stops here
4 | metrics: {warmup: 1d}
  |                   ^^ expected less than 1h

"#]],
    );
}

#[test]
fn objective_without_bound() {
    check(
        "name: lab\n",
        "name: lab\nobjectives: [{metric: pending_time.p99}]\n",
        str![[r#"
error[WT008]: `objectives` lacks one of its fields
 --> lab.yaml:3:15
  |
3 | objectives: [{metric: pending_time.p99}]
  |               ^^^^^^ expected `min` or `max`

"#]],
    );
}

#[test]
fn objective_contradiction() {
    check(
        "name: lab\n",
        "name: lab\nobjectives: [{metric: pending_time.p99, min: 2m, max: 1m}]\n",
        str![[r#"
error[WT020]: nothing is at least 2m and at most 1m
 --> lab.yaml:3:55
  |
3 | objectives: [{metric: pending_time.p99, min: 2m, max: 1m}]
  |                                                       ^^ expected a bound of 2m or more

"#]],
    );
}

#[test]
fn field_that_needs_another() {
    check(
        "jobs: 100}\n",
        "jobs: 100}\n    at: 3h\n",
        str![[r#"
error[WT006]: `at` goes with `manifests`, which is not given
  --> lab.yaml:10:5
   |
10 |     at: 3h
   |     ^^ needs `manifests` beside it

"#]],
    );
}

#[test]
fn decision_time_of_two_kinds() {
    check(
        "name: lab\n",
        "name: lab\nmodels: {decisionTime: {perPod: 1ms, perTask: 1ms}}\n",
        str![[r#"
error[WT006]: `perTask` goes with `perJob`, which is not given
 --> lab.yaml:3:38
  |
3 | models: {decisionTime: {perPod: 1ms, perTask: 1ms}}
  |                                      ^^^^^^^ needs `perJob` beside it

"#]],
    );
}

#[test]
fn duplicate_keys() {
    check(
        "name: lab\n",
        "name: lab\nname: other\nseed: 1\nseed: 2\n",
        str![[r#"
error[WT002]: `name` is given twice
 --> lab.yaml:3:1
  |
2 | name: lab
  | ---- first given here
3 | name: other
  | ^^^^ given again here
  |
help: keep one of the two

error[WT002]: `seed` is given twice
 --> lab.yaml:5:1
  |
4 | seed: 1
  | ---- first given here
5 | seed: 2
  | ^^^^ given again here
  |
help: keep one of the two

"#]],
    );
}

#[test]
fn not_yaml() {
    check(
        "name: lab\n",
        "name: [lab\n",
        str![[r#"
error[WT001]: this is not YAML: illegal placement of ':' indicator
 --> lab.yaml:3:8
  |
3 | cluster:
  |        ^

"#]],
    );
}

#[test]
fn a_list() {
    check(
        "windtunnel: v1\n",
        "- 1\n",
        str![[r#"
error[WT001]: this is not YAML: while parsing a block collection, did not find expected '-' indicator
 --> lab.yaml:2:1
  |
2 | name: lab
  | ^

"#]],
    );
}

#[test]
fn cyclic_variants() {
    check(
        "name: lab\n",
        "name: lab\nvariants:\n  a: {extends: b, seed: 1}\n  b: {extends: c}\n  c: {extends: a}\n",
        str![[r#"
error[WT016]: cyclic variant: a → b → c → a
 --> lab.yaml:4:16
  |
4 |   a: {extends: b, seed: 1}
  |                ^ leads back to this variant
5 |   b: {extends: c}
  |   - on the way
6 |   c: {extends: a}
  |   - on the way
  |
help: let one of them extend nothing

"#]],
    );
}

#[test]
fn variant_that_extends_itself() {
    check(
        "name: lab\n",
        "name: lab\nvariants: {a: {extends: a}}\n",
        str![[r#"
error[WT016]: cyclic variant: a → a
 --> lab.yaml:3:25
  |
3 | variants: {a: {extends: a}}
  |                         ^ leads back to this variant
  |
help: let one of them extend nothing

"#]],
    );
}

#[test]
fn variant_that_extends_nothing() {
    check(
        "name: lab\n",
        "name: lab\nvariants: {short: {seed: 1}, long: {extends: shrot}}\n",
        str![[r#"
error[WT016]: there is no variant `shrot`
 --> lab.yaml:3:46
  |
3 | variants: {short: {seed: 1}, long: {extends: shrot}}
  |                                              ^^^^^ unknown variant
  |
help: did you mean `short`?
  |
3 - variants: {short: {seed: 1}, long: {extends: shrot}}
3 + variants: {short: {seed: 1}, long: {extends: short}}
  |

"#]],
    );
}

#[test]
fn duplicate_variants() {
    check(
        "name: lab\n",
        "name: lab\nvariants:\n  a: {seed: 1}\n  a: {seed: 2}\n",
        str![[r#"
error[WT002]: `a` is given twice
 --> lab.yaml:5:3
  |
4 |   a: {seed: 1}
  |   - first given here
5 |   a: {seed: 2}
  |   ^ given again here
  |
help: keep one of the two

"#]],
    );
}

#[test]
fn variant_path_through_a_number() {
    check(
        "name: lab\n",
        "name: lab\nvariants: {a: {seed.low: 1}}\n",
        str![[r#"
error[WT005]: `seed` is a map
 --> lab.yaml:3:16
  |
3 | variants: {a: {seed.low: 1}}
  |                ^^^^ expected a whole number

"#]],
    );
}

#[test]
fn variant_path_beyond_a_list() {
    check(
        "name: lab\n",
        "name: lab\nvariants: {a: {workload.3.trace.path: a.swf}}\n",
        str![[r#"
error[WT017]: the list has no item `3`
  --> lab.yaml:3:25
   |
 3 | variants: {a: {workload.3.trace.path: a.swf}}
   |                         ^ expected a position from 0 to 0
...
10 |   - generate: {model: lublin99, jobs: 100}
   |   - this list

"#]],
    );
}

#[test]
fn variant_path_that_is_none() {
    check(
        "name: lab\n",
        "name: lab\nvariants: {a: {workload..path: a.swf}}\n",
        str![[r#"
error[WT017]: `workload..path` is not a path
 --> lab.yaml:3:16
  |
3 | variants: {a: {workload..path: a.swf}}
  |                ^^^^^^^^^^^^^^ expected keys and positions joined by dots
  |
help: for example `workload.0.trace.path` or `labels."a.b/c"`

"#]],
    );
}

#[test]
fn variant_value() {
    check(
        "name: lab\n",
        "name: lab\nvariants:\n  a: {system.scheduler.queue: sjff}\n",
        str![[r#"
error[WT013]: unknown queue policy `sjff`
 --> lab.yaml:4:31
  |
4 |   a: {system.scheduler.queue: sjff}
  |                               ^^^^ expected `fcfs`, `sjf` or `wfp3`
  |
help: did you mean `sjf`?
  |
4 -   a: {system.scheduler.queue: sjff}
4 +   a: {system.scheduler.queue: sjf}
  |

"#]],
    );
}

#[test]
fn override_of_the_command_line() {
    let sets = [
        "system.scheduler.queue=wfp4",
        "seed=-1",
        "cluster.nodes.7.count=1",
        "seed",
    ];
    assert_data_eq!(
        rendered(MINIMAL, &sets),
        str![[r#"
error[WT013]: unknown queue policy `wfp4`
 --> --set:1:24
  |
1 | system.scheduler.queue=wfp4
  |                        ^^^^ expected `fcfs`, `sjf` or `wfp3`
  |
help: did you mean `wfp3`?
  |
1 - system.scheduler.queue=wfp4
1 + system.scheduler.queue=wfp3
  |

error[WT009]: `seed` cannot be -1
 --> --set:1:6
  |
1 | seed=-1
  |      ^^ expected at least 0

error[WT017]: the list has no item `7`
 --> --set:1:15
  |
1 | cluster.nodes.7.count=1
  |               ^ expected a position from 0 to 0

error[WT017]: `--set` needs PATH=VALUE
 --> --set:1:1
  |
1 | seed
  | ^^^^ no `=` here
  |
help: for example `--set seed=7`

"#]]
    );
}

#[test]
fn all_findings_at_once() {
    let text = "\
windtunnel: v2
name: lab
seed: many
cluster:
  nodes:
    - count: 0
      template:
        allocatable: {memory: 8Gb, pods: 1..5}
        taints: [{key: a, effect: NoShedule}]
workload:
  - generate: {model: lubin99, jobs: 1e3}
stop: {when: drain}
";
    assert_data_eq!(
        rendered(text, &[]),
        str![[r#"
error[WT007]: `v2` is no value of `windtunnel`
 --> lab.yaml:1:13
  |
1 | windtunnel: v2
  |             ^^ expected `v1`
  |
help: did you mean `v1`?
  |
1 - windtunnel: v2
1 + windtunnel: v1
  |

error[WT005]: `seed` is a text
 --> lab.yaml:3:7
  |
3 | seed: many
  |       ^^^^ expected a whole number

error[WT009]: `count` cannot be 0
 --> lab.yaml:6:14
  |
6 |     - count: 0
  |              ^ expected at least 1

error[WT006]: `allocatable` lacks `cpu`
 --> lab.yaml:8:9
  |
8 |         allocatable: {memory: 8Gb, pods: 1..5}
  |         ^^^^^^^^^^^ `cpu` is missing here
  |
help: `cpu`: Cores, such as 32 or 31500m

error[WT012]: unknown quantity suffix `Gb`
 --> lab.yaml:8:31
  |
8 |         allocatable: {memory: 8Gb, pods: 1..5}
  |                               ^^^ expected one of Ki Mi Gi Ti Pi k M G T P m u n, or none
  |
help: did you mean `8Gi` (8589934592 bytes)?
  |
8 -         allocatable: {memory: 8Gb, pods: 1..5}
8 +         allocatable: {memory: 8Gi, pods: 1..5}
  |

error[WT012]: `1..5` is not a quantity
 --> lab.yaml:8:42
  |
8 |         allocatable: {memory: 8Gb, pods: 1..5}
  |                                          ^^^^ `1..5` is not a number: expected digits with at most one decimal point, such as `1.5`

error[WT007]: `NoShedule` is no value of `effect`
 --> lab.yaml:9:35
  |
9 |         taints: [{key: a, effect: NoShedule}]
  |                                   ^^^^^^^^^ expected `NoSchedule`, `PreferNoSchedule` or `NoExecute`
  |
help: did you mean `NoSchedule`?
  |
9 |         taints: [{key: a, effect: NoSchedule}]
  |                                      +

error[WT013]: unknown workload model `lubin99`
  --> lab.yaml:11:23
   |
11 |   - generate: {model: lubin99, jobs: 1e3}
   |                       ^^^^^^^ expected `lublin99` or `gpu-cluster`
   |
help: did you mean `lublin99`?
   |
11 |   - generate: {model: lublin99, jobs: 1e3}
   |                          +

error[WT007]: `drain` is no value of `when`
  --> lab.yaml:12:14
   |
12 | stop: {when: drain}
   |              ^^^^^ expected `drained` or `idle`
   |
help: did you mean `drained`?
   |
12 | stop: {when: drained}
   |                   ++

"#]]
    );
}

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
    assert_data_eq!(rendered(&edited(from, to), &[]), expected.into_data().raw());
}

#[test]
fn unknown_field() {
    check("name: lab\n", "name: lab\nsytem: {name: swarm}\n", str![]);
}

#[test]
fn unknown_field_in_a_workload() {
    check(
        "{model: lublin99, jobs: 100}",
        "{model: lublin99, job: 100}",
        str![],
    );
}

#[test]
fn wrong_type() {
    check("name: lab", "name: 12", str![]);
}

#[test]
fn wrong_type_of_a_map() {
    check(
        "  nodes:\n    - count: 4\n      template:\n        allocatable: {cpu: 8, memory: 32Gi}\n",
        "  nodes: 12\n",
        str![],
    );
}

#[test]
fn missing_fields() {
    check(
        "windtunnel: v1\nname: lab\n",
        "description: nothing else\n",
        str![],
    );
}

#[test]
fn unknown_word() {
    check(
        "name: lab\n",
        "name: lab\nsystem: {scheduler: {tieBreak: frist}}\n",
        str![],
    );
}

#[test]
fn neither_word_nor_map() {
    check(
        "name: lab\n",
        "name: lab\nmodels: {startup: never}\n",
        str![],
    );
}

#[test]
fn several_of_one() {
    check(
        "jobs: 100}\n",
        "jobs: 100}\n    manifests: shop.yaml\n",
        str![],
    );
}

#[test]
fn none_of_one() {
    check(
        "  - generate: {model: lublin99, jobs: 100}\n",
        "  - at: 3s\n",
        str![],
    );
}

#[test]
fn unknown_policy() {
    check(
        "name: lab\n",
        "name: lab\nsystem: {scheduler: {plugins: {best-fti: {weight: 1}}}}\n",
        str![],
    );
}

#[test]
fn unknown_system() {
    check(
        "name: lab\n",
        "name: lab\nsystem: {name: kubernets}\n",
        str![],
    );
}

#[test]
fn weight_zero() {
    check(
        "name: lab\n",
        "name: lab\nsystem: {scheduler: {plugins: {best-fit: {weight: 0}}}}\n",
        str![],
    );
}

#[test]
fn weight_negative() {
    check(
        "name: lab\n",
        "name: lab\nsystem: {scheduler: {plugins: {best-fit: {weight: -3}}}}\n",
        str![],
    );
}

#[test]
fn policy_without_arguments() {
    check(
        "name: lab\n",
        "name: lab\nsystem: {scheduler: {plugins: {best-fit: {wieght: 3}}}}\n",
        str![],
    );
}

#[test]
fn argument_of_a_policy() {
    check(
        "name: lab\n",
        "name: lab\nsystem:\n  scheduler:\n    plugins:\n      NodeResourcesFit:\n        wieght: 5\n        strategy: MostAlocated\n",
        str![],
    );
}

#[test]
fn wrong_quantity() {
    check("memory: 32Gi", "memory: 1..5", str![]);
}

#[test]
fn unknown_quantity_suffix() {
    check("memory: 32Gi", "memory: 8Gb", str![]);
}

#[test]
fn node_without_cpu() {
    check("{cpu: 8, memory: 32Gi}", "{memory: 32Gi}", str![]);
}

#[test]
fn node_with_no_cpu() {
    check("cpu: 8", "cpu: 0", str![]);
}

#[test]
fn unknown_resource() {
    check("cpu: 8,", "cpu: 8, memry: 3Gi,", str![]);
}

#[test]
fn count_zero() {
    check("count: 4", "count: 0", str![]);
}

#[test]
fn leading_zero() {
    check("count: 4", "count: 010", str![]);
}

#[test]
fn seed_negative() {
    check("name: lab\n", "name: lab\nseed: -1\n", str![]);
}

#[test]
fn seed_not_whole() {
    check("name: lab\n", "name: lab\nseed: 1.5\n", str![]);
}

#[test]
fn until_impossible() {
    check(
        "  - generate: {model: lublin99, jobs: 100}",
        "  - trace: {format: swf, path: a.swf, arrivals: {order: shuffled, until: 0}}",
        str![],
    );
}

#[test]
fn arrivals_conflict() {
    check(
        "  - generate: {model: lublin99, jobs: 100}",
        "  - trace: {format: swf, path: a.swf, arrivals: {order: shuffled, scale: 2}}",
        str![],
    );
}

#[test]
fn unit_missing() {
    check("name: lab\n", "name: lab\nstop: {at: 30}\n", str![]);
}

#[test]
fn unit_unknown() {
    check(
        "name: lab\n",
        "name: lab\nmetrics: {resolution: 10min}\n",
        str![],
    );
}

#[test]
fn duration_negative() {
    check(
        "name: lab\n",
        "name: lab\nmetrics: {warmup: -1s, resolution: 0s}\n",
        str![],
    );
}

#[test]
fn wrong_distribution() {
    check(
        "name: lab\n",
        "name: lab\nmodels: {startup: {containerStart: \"lognormal(400ms)\"}}\n",
        str![],
    );
}

#[test]
fn wrong_pattern() {
    check("count: 4", "count: 4\n      name: \"worker-{idx}\"", str![]);
}

#[test]
fn names_that_repeat() {
    check("count: 4", "count: 4\n      name: worker", str![]);
}

#[test]
fn names_in_two_groups() {
    check(
        "workload:",
        "    - count: 2\n      template: {allocatable: {cpu: 1, memory: 1Gi}}\nworkload:",
        str![],
    );
}

#[test]
fn missing_file() {
    check(
        "  - generate: {model: lublin99, jobs: 100}",
        "  - manifests: missing.yaml",
        str![],
    );
}

#[test]
fn missing_public_trace() {
    check(
        "  - generate: {model: lublin99, jobs: 100}",
        "  - trace: {format: swf, path: missing/LCG-2005-1.swf.gz}",
        str![],
    );
}

#[test]
fn stop_that_says_nothing() {
    check("name: lab\n", "name: lab\nstop: {}\n", str![]);
}

#[test]
fn stop_that_never_comes() {
    check(
        "  - generate: {model: lublin99, jobs: 100}\n",
        "  - trace: {format: swf, path: a.swf, arrivals: {order: trace}}\nstop: {when: drained}\n",
        str![],
    );
}

#[test]
fn warmup_after_the_stop() {
    check(
        "name: lab\n",
        "name: lab\nstop: {at: 1h}\nmetrics: {warmup: 1d}\n",
        str![],
    );
}

#[test]
fn objective_without_bound() {
    check(
        "name: lab\n",
        "name: lab\nobjectives: [{metric: pending_time.p99}]\n",
        str![],
    );
}

#[test]
fn objective_contradiction() {
    check(
        "name: lab\n",
        "name: lab\nobjectives: [{metric: pending_time.p99, min: 2m, max: 1m}]\n",
        str![],
    );
}

#[test]
fn field_that_needs_another() {
    check("jobs: 100}\n", "jobs: 100}\n    at: 3h\n", str![]);
}

#[test]
fn decision_time_of_two_kinds() {
    check(
        "name: lab\n",
        "name: lab\nmodels: {decisionTime: {perPod: 1ms, perTask: 1ms}}\n",
        str![],
    );
}

#[test]
fn duplicate_keys() {
    check(
        "name: lab\n",
        "name: lab\nname: other\nseed: 1\nseed: 2\n",
        str![],
    );
}

#[test]
fn not_yaml() {
    check("name: lab\n", "name: [lab\n", str![]);
}

#[test]
fn a_list() {
    check("windtunnel: v1\n", "- 1\n", str![]);
}

#[test]
fn cyclic_variants() {
    check(
        "name: lab\n",
        "name: lab\nvariants:\n  a: {extends: b, seed: 1}\n  b: {extends: c}\n  c: {extends: a}\n",
        str![],
    );
}

#[test]
fn variant_that_extends_itself() {
    check(
        "name: lab\n",
        "name: lab\nvariants: {a: {extends: a}}\n",
        str![],
    );
}

#[test]
fn variant_that_extends_nothing() {
    check(
        "name: lab\n",
        "name: lab\nvariants: {short: {seed: 1}, long: {extends: shrot}}\n",
        str![],
    );
}

#[test]
fn duplicate_variants() {
    check(
        "name: lab\n",
        "name: lab\nvariants:\n  a: {seed: 1}\n  a: {seed: 2}\n",
        str![],
    );
}

#[test]
fn variant_path_through_a_number() {
    check(
        "name: lab\n",
        "name: lab\nvariants: {a: {seed.low: 1}}\n",
        str![],
    );
}

#[test]
fn variant_path_beyond_a_list() {
    check(
        "name: lab\n",
        "name: lab\nvariants: {a: {workload.3.trace.path: a.swf}}\n",
        str![],
    );
}

#[test]
fn variant_path_that_is_none() {
    check(
        "name: lab\n",
        "name: lab\nvariants: {a: {workload..path: a.swf}}\n",
        str![],
    );
}

#[test]
fn variant_value() {
    check(
        "name: lab\n",
        "name: lab\nvariants:\n  a: {system.scheduler.queue: sjff}\n",
        str![],
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
    assert_data_eq!(rendered(MINIMAL, &sets), str![].raw());
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
    assert_data_eq!(rendered(text, &[]), str![].raw());
}

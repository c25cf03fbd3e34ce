//! Values and fields within fields: which are refused, and which are taken.

use super::super::Target;
use super::super::tests::read_as;
use super::*;

fn read(fields: &str) -> Result<(), String> {
    let text = format!("services:\n  a:\n    image: a\n    {fields}\nnetworks: {{n: {{}}}}\n");
    read_as(&text, Target::Compose, &[]).map(|_| ())
}

fn is_in_order(shape: Shape) -> bool {
    match shape {
        Fields(fields) => {
            fields.is_sorted_by(|one, next| one.0 < next.0)
                && fields.iter().all(|(_, shape)| is_in_order(*shape))
        }
        List(shape) | Named(shape) => is_in_order(*shape),
        Either(shapes) => shapes.iter().all(|shape| is_in_order(*shape)),
        _ => true,
    }
}

#[test]
fn fields_stand_in_order_and_once() {
    assert!(OF_SERVICES.is_sorted_by(|one, next| one.0 < next.0));
    assert!(OF_SERVICES.iter().all(|(_, shape)| is_in_order(*shape)));
}

#[test]
fn wrong_values_and_unknown_fields_within_fields_are_refused_once() {
    for (fields, expected) in [
        (
            "ports: [{target: 80, published: 80, protocl: tcp}]",
            "there is no field `protocl` here",
        ),
        ("ports: [{target: 80, protocol: tpc}]", "is no port"),
        ("ports: [{target: 80, mode: hots}]", "mode: `hots` is not"),
        ("ports: 80", "number stands where a list is expected"),
        ("networks: {n: {alias: [b]}}", "there is no field `alias`"),
        ("build: {contxt: .}", "there is no field `contxt`"),
        (
            "volumes: [{type: bind, source: /a, target: /b, readonly: true}]",
            "there is no field `readonly`",
        ),
        (
            "volumes: [{type: tmpfs, target: /b, tmpfs: {sizes: 1}}]",
            "there is no field `sizes`",
        ),
        ("ulimits: {nofile: {sofd: 1}}", "there is no field `sofd`"),
        ("ulimits: {nofile: many}", "nofile: `many` is not a number"),
        ("logging: {drivr: local}", "there is no field `drivr`"),
        ("healthcheck: {intervl: 1s}", "there is no field `intervl`"),
        (
            "deploy: {placement: {preferences: [{spread: node.labels.z, of: 1}]}}",
            "there is no field `of`",
        ),
        ("deploy: {endpoint_mode: vpi}", "`vpi` is not `dnsrr` or"),
        ("deploy: {placement: {constraints: a}}", "where a list is"),
        ("cpu_shares: many", "cpu_shares: `many` is not a number"),
        ("privileged: maybe", "`maybe` is not `true` or `false`"),
        ("shm_size: lots", "shm_size: `lots` is not a size"),
        ("cap_add: yes", "text stands where a list is expected"),
        ("environment: text", "stands where a list or a map is"),
        ("environment: [{A: 1}]", "stands where a list or a map is"),
        ("command: {a: b}", "where a text or a list is expected"),
        ("secrets: [{sorce: x}]", "there is no field `sorce`"),
        ("env_file: [{path: a, requird: no}]", "no field `requird`"),
        (
            "networks: [n]\n    network_mode: host",
            "`network_mode` and `networks` both say",
        ),
        (
            "extends: {service: b, fil: c}\n  b: {image: b}",
            "there is no field `fil`",
        ),
    ] {
        let found = read(fields).expect_err(fields);
        assert!(found.contains(expected), "{fields}\n{found}");
        assert!(found.contains("compose.yaml:"), "{found}");
        assert_eq!(found.matches("error[").count(), 1, "{fields}\n{found}");
    }
}

#[test]
fn right_values_of_all_shapes_are_taken() {
    for fields in [
        "ports: [80, '81:81', {target: 82, published: '8082', mode: host, x-note: a}]",
        "build: {context: ., args: [A=1], ulimits: {nofile: 9}, shm_size: 1g, pull: yes}",
        "networks: {n: {aliases: [b], ipv4_address: 10.0.0.9, priority: 1}}\n    network_mode:",
        "networks: [n]",
        "volumes: ['/a:/b:ro', {type: bind, source: /a, target: /c, bind: {propagation: shared}}]",
        "ulimits: {nproc: 65535, nofile: {soft: 2, hard: '4'}}",
        "logging: {driver: json-file, options: {max-size: 10m, max-file: 3}}",
        "privileged: 'Yes'\n    tty: off\n    read_only: true",
        "memswap_limit: -1\n    oom_score_adj: -500\n    pids_limit: -1\n    cpu_shares: 0.5",
        "command: run it\n    entrypoint: [a, 1]\n    tmpfs: /run",
        "environment: {A: 1, B: true, C: null}\n    labels: [a=b]",
        "extra_hosts: {a: [10.0.0.1, 10.0.0.2]}",
        "post_start: [{command: [a], user: root, environment: [A=1]}]",
        "develop: {watch: [{path: ., action: sync, target: /a, ignore: [b]}]}",
        "x-windtunnel: {runTime: 1s}\n    x-more: {any: [thing]}",
    ] {
        assert_eq!(read(fields), Ok(()), "{fields}");
    }
}

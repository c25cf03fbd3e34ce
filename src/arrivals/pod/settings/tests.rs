//! Pods of any settings, their cells, and what readers make of these.

mod pods;

use pods::pod;

use super::*;
use model::ResourceList;
use proptest::prelude::*;
use units::Quantity;

proptest! {
    #[test]
    fn a_pod_reads_back(spec in pod()) {
        let mut columns = ResourceList::default();
        let requests = spec.requests().expect("small");
        for resource in [CPU, MEMORY] {
            if let Some(amount) = requests.stated(resource) {
                columns.set(resource, amount);
            }
        }
        let base = PodSpec::with_requests(columns);
        let found = match cell(&spec, &base) {
            None => Ok(base),
            Some(text) => read(1, &text, &base),
        };
        prop_assert_eq!(found.map_err(|bad| bad.rule), Ok(spec));
    }
}

#[test]
fn what_is_not_read_is_refused() {
    let cpu = ResourceList::from_pairs([(CPU, Quantity::from_milli(500))]);
    let complaint = |text: &str| {
        let found = read(7, text, &PodSpec::with_requests(cpu.clone()));
        let bad = found.expect_err("wrong");
        format!("{}: {}, found {}", bad.column, bad.rule, bad.value)
    };
    for (text, expected) in [
        ("[]", "pod: must be an object, found []"),
        (
            "{",
            "pod: must be the template of a pod as an object of JSON, found \"{\"",
        ),
        (
            r#"{"kind": "Pod"}"#,
            "pod: must be of these members: metadata, spec, windtunnel, found \"kind\"",
        ),
        (
            r#"{"spec": {"hostPID": true}}"#,
            "pod.spec: must be of these members: affinity, containers, initContainers, nodeSelector, overhead, \
             preemptionPolicy, resourceClaims, resources, schedulerName, schedulingGates, tolerations, \
             topologySpreadConstraints, volumes, found \"hostPID\"",
        ),
        (
            r#"{"spec": {"containers": [{"command": []}]}}"#,
            "pod container: must be of these members: name, image, resources, restartPolicy, ports, found \"command\"",
        ),
        (
            r#"{"windtunnel": {"life": {}}}"#,
            "pod.windtunnel.life: must be as `trace convert` writes it: missing field `restart`, found {}",
        ),
        (
            r#"{"spec": {"containers": [{"resources": {"requests": {"cpu": 2}}}]}}"#,
            "cpu: must be empty, or 2, which `pod` requests, found \"500m\"",
        ),
        (
            r#"{"spec": {"containers": [{"restartPolicy": "Bogus"}]}}"#,
            "restartPolicy: must be `Always`, or left out, found \"Bogus\"",
        ),
        (
            r#"{"spec": {"containers": [{"ports": [{"hostPort": 80, "protocol": "XX"}]}]}}"#,
            "protocol: must be `TCP`, `UDP` or `SCTP`, found \"XX\"",
        ),
        (
            r#"{"spec": {"preemptionPolicy": "never"}}"#,
            "pod.spec.preemptionPolicy: must be `Never` or `PreemptLowerPriority`, found \"never\"",
        ),
    ] {
        assert_eq!(complaint(text), expected);
    }
}

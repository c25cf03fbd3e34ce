//! Objects of dynamic resource allocation: what is read of them, and what is refused.

use serde_json::{Value, json};

use crate::ManifestReader;
use crate::dra::{device_class, resource_claim, resource_slice};
use intake::Input;
use model::dra::{Attribute, DeviceCount, RequestedDevices, SliceNodes};
use units::Quantity;

/// An object of a name with this spec.
fn named(spec: &Value) -> Value {
    json!({"metadata": {"name": "own"}, "spec": spec})
}

fn slice(more: &Value) -> Value {
    let mut spec = json!({
        "driver": "gpu.example.com",
        "pool": {"name": "p", "generation": 1, "resourceSliceCount": 1},
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    named(&spec)
}

fn claim(requests: &Value, constraints: &Value) -> Value {
    named(&json!({"devices": {"requests": requests, "constraints": constraints}}))
}

#[test]
fn both_versions_of_the_objects_are_read() {
    let facts = json!({
        "attributes": {"model": {"string": "a"}, "numa": {"int": 1}},
        "capacity": {"memory": {"value": "40Gi"}},
    });
    let mut device = facts.clone();
    device["name"] = "d".into();
    let older = json!({"name": "d", "basic": facts});
    for device in [device, older] {
        let read = slice(&json!({"nodeName": "n", "devices": [device]}));
        let read = resource_slice(&read).expect("a slice");
        assert_eq!(read.nodes, SliceNodes::Named("n".into()));
        let device = &read.devices[0];
        assert_eq!(device.attributes.get("numa"), Some(&Attribute::Int(1)));
        let memory = Quantity::from_units(40 << 30);
        assert_eq!(device.capacity.get("memory"), Some(&memory));
    }
    let stated = json!({"deviceClassName": "gpu", "count": 2});
    let mut older = stated.clone();
    older["name"] = "r".into();
    for request in [json!({"name": "r", "exactly": stated}), older] {
        let read = resource_claim(&claim(&json!([request]), &json!([]))).expect("a claim");
        let RequestedDevices::Exactly(own) = &read.requests[0].devices else {
            panic!("no alternatives");
        };
        assert_eq!((&*own.class, own.count), ("gpu", DeviceCount::Exact(2)));
    }
}

#[test]
fn slices_that_break_a_rule_are_refused_at_the_field() {
    let device = |more: Value| slice(&json!({"allNodes": true, "devices": [more]}));
    for (object, expected) in [
        (slice(&json!({})), "spec: expected one of `nodeName`"),
        (
            slice(&json!({"allNodes": true, "nodeName": "n"})),
            "spec: expected one of `nodeName`, `nodeSelector`, `allNodes` and \
             `perDeviceNodeSelection`, found `2 of them`",
        ),
        (
            slice(&json!({"allNodes": true, "driver": null})),
            "spec.driver: expected the name of a driver, but it is missing",
        ),
        (
            slice(&json!({"allNodes": true, "pool": {"name": "p"}})),
            "spec.pool.resourceSliceCount: expected a number of slices, at least 1, found `0`",
        ),
        (
            slice(&json!({"nodeSelector": {"nodeSelectorTerms": []}})),
            "spec.nodeSelector.nodeSelectorTerms: expected exactly one term, found `0`",
        ),
        (
            device(json!({"name": "d", "attributes": {"a": {"int": 1, "bool": true}}})),
            "spec.devices[0].attributes[\"a\"]: expected one of `bool`, `int`, `string` and `version`",
        ),
        (
            device(json!({"name": "d", "capacity": {"memory": {"value": "much"}}})),
            "spec.devices[0].capacity[\"memory\"]: ",
        ),
        (
            device(json!({})),
            "spec.devices[0].name: expected the name of a device",
        ),
    ] {
        let found = resource_slice(&object).expect_err("a broken rule");
        assert!(found.contains(expected), "{found}\nlacks {expected}");
    }
}

/// A claim of one request for exact devices.
fn exactly(more: &Value) -> Value {
    let mut own = json!({"deviceClassName": "gpu"});
    for (key, value) in more.as_object().into_iter().flatten() {
        own[key] = value.clone();
    }
    claim(&json!([{"name": "r", "exactly": own}]), &json!([]))
}

fn is_refused(object: &Value, expected: &str) {
    let found = resource_claim(object).expect_err("a broken rule");
    assert!(found.contains(expected), "{found}\nlacks {expected}");
}

#[test]
fn requests_and_classes_that_break_a_rule_are_refused_at_the_field() {
    let selected = |text: &str| exactly(&json!({"selectors": [{"cel": {"expression": text}}]}));
    for (object, expected) in [
        (
            exactly(&json!({"count": 0})),
            "spec.devices.requests[0].exactly.count: expected a number of devices, at least 1, found `0`",
        ),
        (
            exactly(&json!({"allocationMode": "All", "count": 2})),
            "exactly.count: expected no number with `allocationMode: All`, found `2`",
        ),
        (
            exactly(&json!({"allocationMode": "Some"})),
            "exactly.allocationMode: expected `ExactCount` or `All`, found `Some`",
        ),
        (
            exactly(&json!({"deviceClassName": ""})),
            "exactly.deviceClassName: expected the name of a DeviceClass, but it is missing",
        ),
        (
            selected("device.driver = 'a'"),
            "exactly.selectors[0].cel.expression: `device.driver = 'a'`: at character 15: `=` begins",
        ),
        (
            selected("device.driver == 1"),
            "`==` does not take a string and a int",
        ),
        (
            exactly(&json!({"capacity": {"requests": {"memory": "1Gi"}}})),
            "spec.devices.requests[0].exactly.capacity: expected no such field",
        ),
    ] {
        is_refused(&object, expected);
    }
    let class = named(&json!({"selectors": [{"cel": {"expression": "device.driver"}}]}));
    let found = device_class(&class).expect_err("a text");
    assert!(
        found.contains("spec.selectors[0].cel.expression: `device.driver`"),
        "{found}"
    );
}

#[test]
fn claims_that_break_a_rule_are_refused_at_the_field() {
    let plain = json!({"name": "r", "exactly": {"deviceClassName": "gpu"}});
    let constrained = |own: Value| claim(&json!([plain.clone()]), &json!([own]));
    let alternative = json!({"name": "s", "deviceClassName": "gpu", "adminAccess": true});
    for (object, expected) in [
        (
            claim(&json!([plain.clone(), plain.clone()]), &json!([])),
            "spec.devices.requests[1].name: expected each name once, found `r`",
        ),
        (
            claim(
                &json!([{"name": "r", "firstAvailable": [alternative]}]),
                &json!([]),
            ),
            "firstAvailable[0].adminAccess: expected no such field among alternatives",
        ),
        (
            claim(
                &json!([{
                    "name": "r",
                    "exactly": {"deviceClassName": "gpu"},
                    "firstAvailable": [{"name": "s", "deviceClassName": "gpu"}],
                }]),
                &json!([]),
            ),
            "spec.devices.requests[0].firstAvailable: expected no alternatives beside",
        ),
        (
            claim(&json!(vec![plain.clone(); 33]), &json!([])),
            "spec.devices.requests: expected at most 32, found `33`",
        ),
        (
            constrained(json!({"matchAttribute": "numa"})),
            "spec.devices.constraints[0].matchAttribute: expected a name with its domain",
        ),
        (
            constrained(json!({"matchAttribute": "d/numa", "requests": ["r/s"]})),
            "spec.devices.constraints[0].requests[0]: expected a request of the claim, found `r/s`",
        ),
    ] {
        is_refused(&object, expected);
    }
}

#[test]
fn later_versions_want_requests_to_say_whether_they_have_alternatives() {
    let read = |version: &str, kind: &str, request: &str| {
        let claim = format!("{{devices: {{requests: [{request}]}}}}");
        let spec = match kind {
            "ResourceClaim" => claim,
            _ => format!("{{spec: {claim}}}"),
        };
        let text = format!(
            "apiVersion: resource.k8s.io/{version}\nkind: {kind}\nmetadata: {{name: c}}\nspec: {spec}\n"
        );
        let mut reader = ManifestReader::new();
        let input = Input::bytes("claims.yaml", text.into_bytes());
        reader.read(&input).map_err(|error| error.to_string())
    };
    let (flat, exact) = (
        "{name: r, deviceClassName: gpu}",
        "{name: r, exactly: {deviceClassName: gpu}}",
    );
    for (kind, field) in [
        ("ResourceClaim", "spec.devices.requests[0]"),
        ("ResourceClaimTemplate", "spec.spec.devices.requests[0]"),
    ] {
        for version in ["v1", "v1beta2"] {
            assert_eq!(read(version, kind, exact), Ok(()));
            let said = read(version, kind, flat).expect_err("the form of `v1beta1`");
            let expected = format!("{field}: expected `exactly` or `firstAvailable`, found");
            assert!(said.contains(&expected), "{said}");
            let fix =
                format!("`resource.k8s.io/{version}` wants `exactly: {{deviceClassName: …}}`");
            assert!(said.contains(&fix), "{said}");
        }
        assert_eq!(read("v1beta1", kind, flat), Ok(()));
    }
}

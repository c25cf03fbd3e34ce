//! Virtual machines that move in runs: every rule decides in its own way, and saves energy.

use std::path::Path;

use windtunnel::lab::summary::VariantSummary;

use crate::scratch::{Scratch, output, stderr};

fn value(variant: &VariantSummary, id: &str) -> Option<f64> {
    variant.metrics.get(id).and_then(|metric| metric.value)
}

#[test]
fn rules_move_machines_and_save_energy_each_in_its_own_way() {
    let scratch = Scratch::new("consolidation", &[]);
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scenario = project.join("scenarios/virtual-machines.yaml");
    let scenario = scenario.to_str().expect("a path of text");
    let run = ["run", scenario, "--set", "stop={at: 6h}", "--out", "out"];
    let made = output(&scratch.0, &run);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    let variants = scratch.summary("out").variants;
    let energy = |variant| value(variant, "energy.total").expect("power models");
    let (never, rules) = variants.split_first().expect("variants");
    assert_eq!(value(never, "migrations.started"), None);
    let mut digests = vec![&never.digest];
    for rule in rules {
        let name = &rule.name;
        assert!(value(rule, "migrations.started") > Some(100.0), "{name}");
        assert!(2.0 * energy(rule) < energy(never), "{name}");
        let (overload, degradation) = (
            value(rule, "migrations.overload_time").expect("moves"),
            value(rule, "migrations.degradation").expect("moves"),
        );
        assert!(overload > 0.0 && degradation > 0.0, "{name}");
        let violation = value(rule, "migrations.violation").expect("moves");
        assert!((violation - overload * degradation).abs() < 1e-12, "{name}");
        assert!(!digests.contains(&&rule.digest), "{name}");
        digests.push(&rule.digest);
    }
}

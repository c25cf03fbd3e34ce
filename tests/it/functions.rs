//! What the scenario about functions claims, and what is refused.

use std::path::Path;

use windtunnel::lab::summary::{Summary, VariantSummary};

use crate::scratch::Scratch;

fn scenario() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/functions.yaml");
    path.to_str().expect("a path of text").to_owned()
}

fn variant<'a>(summary: &'a Summary, name: &str) -> &'a VariantSummary {
    let mut variants = summary.variants.iter();
    variants.find(|own| own.name == name).expect("a variant")
}

fn value(variant: &VariantSummary, id: &str) -> f64 {
    let value = variant.metrics.get(id).and_then(|own| own.value);
    value.unwrap_or_else(|| panic!("{}: {id}", variant.name))
}

#[test]
fn functions_are_cheaper_where_hardly_anybody_asks_and_dearer_where_many_do() {
    let scratch = Scratch::new("functions", &[]);
    let path = scenario();
    let arguments = ["run", &path, "--out", "out", "--quiet"];
    scratch.run(&[&arguments[..], &["--set", "stop={at: 2h}"]].concat(), 0);
    let summary = scratch.summary("out");
    let (quiet, busy) = (variant(&summary, "quiet"), variant(&summary, "busy"));
    let nodes = 2.0 * 2.0 * 0.096;
    for own in [quiet, busy] {
        assert!((value(own, "cost.total") - nodes).abs() < 1e-6);
    }
    assert!(value(quiet, "functions.cost") < 0.001 * nodes);
    assert!(value(busy, "functions.cost") > 1.5 * nodes);
    // 200 ms of half a GiB, rounded up to whole milliseconds, and a request.
    let each = 0.5 * 0.2005 * 16.6667 + 0.2;
    let found = value(busy, "functions.per_million_requests");
    assert!((found - each).abs() < 0.02 * each, "{found} {each}");
    // Who is hardly asked begins again and again.
    assert!(value(quiet, "functions.cold_starts") > 0.1);
    assert!(value(busy, "functions.cold_starts") < 0.002);
    let limited = variant(&summary, "limited");
    assert!(value(limited, "functions.throttled") > 1_000.0);
    assert!(value(limited, "requests.retries") > 1_000.0);
    assert!((value(limited, "functions.instances") - 10.0).abs() < 1e-9);
    let provisioned = variant(&summary, "provisioned");
    assert!(value(provisioned, "functions.cold_starts") < value(quiet, "functions.cold_starts"));
    assert!(value(provisioned, "functions.cost") > value(quiet, "functions.cost"));
    // What the nodes cost is a matter of the requests to pods alone.
    let pods = busy
        .services
        .iter()
        .find(|own| own.service == "default/resize");
    let served = pods.map_or(0.0, |own| own.served as f64);
    let each = value(busy, "cost.total") / served * 1e6;
    let found = value(busy, "cost.per_million_requests");
    assert!((found - each).abs() < 1e-6 * each, "{found} {each}");
    // Functions stand among the services.
    let row = busy
        .services
        .iter()
        .find(|own| own.service == "Function/resize");
    assert!(row.is_some_and(|row| row.offered > 400_000), "{row:?}");
}

#[test]
fn wrong_functions_are_refused() {
    let scratch = Scratch::new("functions-wrong", &[]);
    let path = scenario();
    for (set, expected) in [
        (
            "traffic.1.function=resizes",
            "there is no function `resizes`; there are `resize`",
        ),
        (
            "functions.0.provisioned=101",
            "101 instances are provisioned, but only 100 are allowed",
        ),
        ("functions.0.memory=0", "an instance without memory"),
        ("functions.0.concurrency=0", "concurrency"),
        ("functions.0.keepAlive=-1s", "cannot be negative"),
        ("functions.0.keepalive=1s", "keepAlive"),
        (
            "metrics.functionPrices.millionRequests=-1",
            "cannot be negative",
        ),
        ("traffic.1.service=default/resize", "function"),
    ] {
        let arguments = ["run", &path, "--out", "bad", "--quiet", "--set", set];
        let told = scratch.run(&arguments, 2);
        assert!(told.contains(expected), "{set}: {told}");
    }
}

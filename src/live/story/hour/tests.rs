//! Hours of clusters as experiments.

use super::*;

fn pod(name: &str, node: Option<&str>) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "uid": name, "resourceVersion": "1"},
        "spec": {
            "nodeName": node,
            "containers": [{"name": "main", "image": "x", "resources": {"requests": {"cpu": "1"}}}],
        },
        "status": {"phase": "Running"},
    })
}

fn seen(object: Value, is_gone: bool) -> Observation {
    Observation {
        kind: Kind::Pod,
        is_gone,
        object,
    }
}

#[test]
fn pods_have_their_nodes_for_as_long_as_they_had_them() {
    let mut reading = Reading::default();
    let at = |seconds| Instant::ZERO.saturating_add(Duration::from_secs(seconds));
    let (old, waits) = (pod("old", Some("n0")), pod("waits", None));
    reading.take(at(10), &[seen(old.clone(), false), seen(waits, false)]);
    reading.take(at(12), &[seen(pod("new", None), false)]);
    reading.take(
        at(15),
        &[seen(pod("new", Some("n1")), false), seen(old, true)],
    );
    reading.take(at(75), &[seen(pod("new", Some("n1")), true)]);
    reading.hour.end = at(100);
    let hour = reading.hour;
    let arrivals: Vec<&str> = hour
        .pods
        .iter()
        .filter(|own| own.is_arrival())
        .map(|own| own.name.as_str())
        .collect();
    assert_eq!(arrivals, ["shop.waits", "shop.new"]);
    let (document, files) =
        hour.experiment(&json!({"system": {"name": "kubernetes", "controllers": {}}}));
    assert_eq!(document["system"], json!({"name": "kubernetes"}));
    assert_eq!(
        document["operations"],
        json!([{"delete": "Pod/shop/old", "at": "5s"}])
    );
    assert_eq!(document["stop"]["at"], "1m30s");
    let table = files.iter().find(|own| own.name == PODS).expect("a table");
    let rows: Vec<&str> = table.text.lines().skip(1).collect();
    assert!(rows[0].starts_with("0,shop.waits,shop,,0,"), "{rows:?}");
    assert!(
        rows[1].starts_with("2000000000,shop.new,shop,60000000000,0,"),
        "{rows:?}"
    );
}

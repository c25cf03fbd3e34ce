//! Gates on placement rules of single workloads, and draws that a new image leaves as they were.

use super::*;
use crate::fixture::Scratch;

const SCENARIO: &str = include_str!("../../../../tests/data/check/shop/shop.yaml");
const OBJECTS: &str = include_str!("../../../../tests/data/check/shop/objects.yaml");

/// Results of the shop with other manifests, over a number of seeds.
fn shop(objects: &str, seeds: usize) -> SuiteResults {
    let folder = Scratch::new();
    let path = folder.file("objects.yaml", objects);
    let text = SCENARIO.replace("objects.yaml", &path.display().to_string());
    let settings = CheckSettings {
        seeds,
        ..settings(false)
    };
    results_of(&text, &settings)
}

/// Metrics of the gates that fall when the manifests change from those of the shop.
fn fallen(from: &str, to: &str) -> Vec<String> {
    assert!(OBJECTS.contains(from), "{from}");
    let base = accepted(&shop(OBJECTS, 6), None, "quick");
    let settings = CheckSettings {
        despite_inputs: true,
        ..settings(false)
    };
    let head = shop(&OBJECTS.replacen(from, to, 1), 6);
    let held = Some((&base, "quick.baseline.json"));
    let report = judge(&head, held, "quick.yaml", &settings, &|_| None);
    let gates = report.gates.iter();
    let fallen =
        gates.filter(|gate| matches!(gate.outcome, Outcome::Regressed | Outcome::Vanished));
    let mut fallen: Vec<String> = fallen.map(|gate| gate.metric.clone()).collect();
    fallen.sort_unstable();
    fallen
}

#[test]
fn a_misspelt_spread_selector_and_a_loose_budget_are_caught() {
    assert_eq!(fallen("cpu: 500m", "cpu: 500m"), Vec::<String>::new());
    assert_eq!(
        fallen(
            "labelSelector: {matchLabels: {app: web}}",
            "labelSelector: {matchLabels: {app: wep}}"
        ),
        [
            "spread.zone.domain_share{workload=shop/w*}",
            "spread.zone.worst_skew{workload=Deployment shop/web}",
        ]
    );
    assert_eq!(
        fallen("maxUnavailable: 1", "maxUnavailable: 100%"),
        ["exposure.evictable{workload=Deployment shop/web}"]
    );
}

#[test]
fn a_workload_that_is_renamed_vanishes() {
    let fallen = fallen(
        "metadata: {name: web, namespace: shop}",
        "metadata: {name: site, namespace: shop}",
    );
    let gates = [
        "exposure.evictable{workload=Deployment shop/web}",
        "missing_replicas.pod_hours{workload=shop/web}",
        "spread.zone.domain_share{workload=shop/w*}",
        "spread.zone.worst_skew{workload=Deployment shop/web}",
    ];
    assert_eq!(fallen, gates);
}

#[test]
fn a_new_image_or_a_renamed_neighbour_changes_no_draw() {
    let base = shop(OBJECTS, 20);
    for (from, to) in [
        ("web:1.4.2", "web:1.4.3"),
        (
            "metadata: {name: web, namespace: shop}\nspec:\n  maxUnavailable",
            "metadata: {name: www, namespace: shop}\nspec:\n  maxUnavailable",
        ),
    ] {
        assert!(OBJECTS.contains(from), "{from}");
        let head = shop(&OBJECTS.replacen(from, to, 1), 20);
        let (base, head) = (&base.entries[0], &head.entries[0]);
        assert_eq!(base.runs.len(), 20, "chance has a say");
        assert_eq!(base.placements, head.placements);
        for (base, head) in base.runs.iter().zip(&head.runs) {
            let values = |run: &VariantSummary| {
                let all = run.metrics.iter();
                all.map(|(id, metric)| (id.clone(), metric.value))
                    .collect::<Vec<_>>()
            };
            assert_eq!(values(base), values(head));
        }
    }
}

//! Vertical autoscalers of dumps: what they recommend, and what their recommender has stored.

use serde_json::{Value, json};

use super::cluster::{Course, Pod, at, deployment, nodes, object, template};

fn autoscaler() -> Value {
    let spec = json!({"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "updatePolicy": {"updateMode": "Initial"}});
    let mut own = object(
        "autoscaling.k8s.io/v1",
        "VerticalPodAutoscaler",
        "web",
        &spec,
    );
    own["status"] = json!({"recommendation": {"containerRecommendations": [{"containerName": "c",
        "target": {"cpu": "7", "memory": "262144k"}, "lowerBound": {"cpu": "6", "memory": "262144k"},
        "upperBound": {"cpu": "8", "memory": "262144k"}}]}});
    own
}

/// A week of samples of six cores and a few MiB.
fn checkpoint() -> Value {
    let spec = json!({"vpaObjectName": "web", "containerName": "c"});
    let version = "autoscaling.k8s.io/v1";
    let mut own = object(version, "VerticalPodAutoscalerCheckpoint", "web-c", &spec);
    own["status"] = json!({"version": "v3", "firstSampleStart": "2025-02-22T12:00:00Z",
        "lastSampleStart": at(-30), "lastUpdateTime": at(0), "totalSamplesCount": 10_080,
        "cpuHistogram": {"referenceTimestamp": "2025-03-02T00:00:00Z", "bucketWeights": {"70": 10_000},
            "totalWeight": 40.0},
        "memoryHistogram": {"referenceTimestamp": "2025-03-02T00:00:00Z", "bucketWeights": {"0": 10_000},
            "totalWeight": 7.0}});
    own
}

fn begun(objects: Vec<Value>) -> Course {
    let pods = vec![Pod::new("web-1-a", &template("web"), "n-0").of_set(1)];
    let rest = "operations: [{at: 10m, scale: Deployment/d/web, replicas: 2}]\nstop: {at: 20m}";
    Course::new(
        &[nodes(), deployment(1, &[(1, 1, "a:1")]), objects],
        pods,
        rest,
    )
}

/// The second pod is sized by what the recommender knows: with its checkpoint what it used for a week,
/// without one nothing, of which is told.
#[test]
fn the_recommender_goes_on_with_its_checkpoints() {
    let run = ["run", "run.yaml", "--out", "told", "--force"];
    let with = begun(vec![autoscaler(), checkpoint()]);
    let events = with.events("run.yaml");
    let recommended = |events: &[String]| -> Vec<String> {
        let of_web = events
            .iter()
            .filter(|line| line.contains("updated VerticalPodAutoscaler/d/web"));
        of_web.cloned().collect()
    };
    assert_eq!(
        recommended(&events),
        [
            "60.0 s updated VerticalPodAutoscaler/d/web c: cpu 7117m (7114m to 8133m), memory 250Mi (250Mi to \
             250Mi)"
        ]
    );
    let said = with.0.run(&run, 0);
    assert!(!said.contains("no checkpoint"), "{said}");
    let without = begun(vec![autoscaler()]);
    let said = without.0.run(&run, 0);
    assert!(
        said.contains(
            "1 vertical autoscaler has a recommendation and no checkpoint (first: `d/web`)"
        ),
        "{said}"
    );
}

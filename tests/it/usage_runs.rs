//! Use of pods through the front door: whatever their containers are, everybody who reads use reads the
//! same, and what is integrated over a run is integrated over every change.

use serde_json::{Value, json};

use crate::scratch::Scratch;

/// Nodes of an experiment without a name of their own.
const NODES: &str = "cluster: {nodes: [{count: 3, name: 'n-{}', template: {allocatable: {cpu: 8, memory: 16Gi, \
                     pods: 20}}}]}\n";

/// The text of an experiment.
fn experiment(rest: &str) -> String {
    format!("windtunnel: v1\nname: use\nseed: 1\n{NODES}{rest}")
}

/// A value of a metric in a run of `a.yaml`.
fn values(scratch: &Scratch, ids: &[&str], set: &[&str]) -> Vec<f64> {
    let run = ["run", "a.yaml", "--out", "ran", "--force"];
    scratch.run(&[&run[..], set].concat(), 0);
    let summary = scratch.summary("ran");
    let metrics = &summary.variants[0].metrics;
    let value = |id: &&str| metrics[*id].value.expect("known");
    ids.iter().map(value).collect()
}

fn close(found: f64, expected: f64) {
    let difference = (found - expected).abs();
    assert!(
        difference < 1e-6 * expected.max(1.0),
        "{found} for {expected}"
    );
}

/// Rows of a table in a run of an hour, on 24 cores.
fn core_hours(rows: &str, set: &[&str]) -> Vec<f64> {
    let rest =
        "workload: [{trace: {format: csv, path: w.csv}}]\nmodels: {usage: trace}\nstop: {at: 1h}\n";
    let scratch = Scratch::new(
        "use-rows",
        &[("a.yaml", &experiment(rest)), ("w.csv", rows)],
    );
    let ids = [
        "usage.cpu.utilization",
        "allocation.cpu.mean",
        "usage.cpu.demand",
    ];
    let found = values(&scratch, &ids, set);
    found.into_iter().map(|share| share * 24.0).collect()
}

#[test]
fn use_is_integrated_over_every_change() {
    // One that begins late, and never again anything happens.
    let late = "submit,name,cpu,memory,cpu_usage\n0,a,1,1Gi,50%\n30,b,5,1Gi,100%\n";
    let found = core_hours(late, &[]);
    close(found[0], 0.5 + 5.0 * 3570.0 / 3600.0);
    close(found[1], 1.0 + 5.0 * 3570.0 / 3600.0);
    // Six of half a minute, ten minutes apart: what they use is what they have.
    let row = |number: u32| format!("{},b{number},5,1Gi,30,100%\n", 600 * number);
    let rows: String = (0..6).map(row).collect();
    let short = format!("submit,name,cpu,memory,run_time,cpu_usage\n{rows}");
    let found = core_hours(&short, &[]);
    close(found[0], 5.0 * 180.0 / 3600.0);
    close(found[1], found[0]);
    // Steps between two minutes, and a rise that is full after a quarter of an hour.
    let curves = "submit,name,cpu,memory,cpu_usage\n0,a,2,1Gi,\"steps(0s: 1, 10s: 2, 25s: 0)\"\n\
                  7,b,4,1Gi,\"ramp(0, 4, 15m, 4)\"\n";
    let found = core_hours(curves, &[]);
    let rising = 4.0 * 900.0 / 2.0;
    let full = 4.0 * (3600.0 - 7.0 - 900.0);
    let expected = (10.0 + 30.0 + rising + full) / 3600.0;
    assert!(
        (found[0] - expected).abs() < 0.001,
        "{} for {expected}",
        found[0]
    );
}

#[test]
fn nodes_that_report_later_are_measured_from_the_start() {
    let pods = deployment("plain", &json!({"windtunnel.dev/cpu-usage": "50%"}), 4);
    let rest = "workload: [{manifests: w.yaml}]\nsystem: {name: kubernetes, controllers: {}}\nstop: {at: 10m}\n";
    let scratch = Scratch::new(
        "use-late",
        &[("a.yaml", &experiment(rest)), ("w.yaml", &pods)],
    );
    for set in [&[][..], &["--set", "models.set=production"][..]] {
        let found = values(&scratch, &["usage.cpu.slack"], set);
        close(found[0], 0.5);
    }
}

/// A deployment whose pods request a core and a GiB together, in one of several shapes.
fn deployment(shape: &str, annotations: &Value, replicas: u32) -> String {
    let amounts = |cpu: u32, memory: u32| json!({"requests": {"cpu": format!("{cpu}m"), "memory": format!("{memory}Mi")}});
    let container = |name: &str, cpu, memory| json!({"name": name, "image": "i:1", "resources": amounts(cpu, memory)});
    let (app, side) = (container("app", 900, 960), container("side", 100, 64));
    let mut sidecar = side.clone();
    sidecar["restartPolicy"] = "Always".into();
    let spec = match shape {
        "init" => json!({
            "initContainers": [side],
            "containers": [container("app", 1000, 1024)],
        }),
        "sidecar" => json!({"initContainers": [sidecar], "containers": [app]}),
        "two" => json!({"containers": [app, side]}),
        "pod-level" => json!({
            "resources": amounts(1000, 1024),
            "containers": [{"name": "app", "image": "i:1"}],
        }),
        _ => json!({"containers": [container("app", 1000, 1024)]}),
    };
    let labels = json!({"app": "app"});
    let template = json!({
        "metadata": {"labels": labels, "annotations": annotations},
        "spec": spec,
    });
    let spec = json!({
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "template": template,
    });
    document(&json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "app", "namespace": "d"},
        "spec": spec,
    }))
}

fn document(object: &Value) -> String {
    format!("---\n{object}\n")
}

fn autoscaler(version: &str, annotations: &Value, spec: &Value) -> String {
    let mut spec = spec.clone();
    spec["scaleTargetRef"] = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"});
    spec["minReplicas"] = 1.into();
    spec["maxReplicas"] = 20.into();
    document(&json!({
        "apiVersion": format!("autoscaling/{version}"),
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "h", "namespace": "d", "annotations": annotations},
        "spec": spec,
    }))
}

/// A utilization of processors of a half.
fn by_half() -> Value {
    let target = json!({"type": "Utilization", "averageUtilization": 50});
    json!({"metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]})
}

/// A folder with a workload and controllers that run for so long.
fn controlled(name: &str, manifests: &str, time: &str) -> Scratch {
    let rest = format!(
        "workload: [{{manifests: w.yaml}}]\nsystem: {{name: kubernetes, controllers: {{}}}}\nstop: {{at: {time}}}\n"
    );
    Scratch::new(
        name,
        &[("a.yaml", &experiment(&rest)), ("w.yaml", manifests)],
    )
}

/// The pods that run at the end of an hour.
fn replicas(manifests: &str, set: &[&str]) -> f64 {
    let scratch = controlled("use-scaled", manifests, "1h");
    values(&scratch, &["pods.running_at_end"], set)[0]
}

/// The lines of a run's events that have a text.
fn told(scratch: &Scratch, text: &str) -> Vec<String> {
    let events = scratch.printed(&["events", "ran"], 0);
    let lines = events.lines().filter(|line| line.contains(text));
    lines.map(ToOwned::to_owned).collect()
}

const SHAPES: [&str; 5] = ["plain", "init", "sidecar", "two", "pod-level"];

#[test]
fn autoscalers_read_the_use_of_pods_of_every_shape() {
    for shape in SHAPES {
        for (use_of_one, before, after) in [("310m", 4, 2.0), ("900m", 2, 4.0)] {
            let annotations = json!({"windtunnel.dev/cpu-usage": use_of_one});
            let pods = deployment(shape, &annotations, before);
            let scaler = autoscaler("v2", &json!({}), &by_half());
            let found = replicas(&(pods + &scaler), &[]);
            // Each of more pods uses as much, so they grow to the most.
            let expected = if before == 2 { 20.0 } else { after };
            close(found, expected);
        }
    }
}

#[test]
fn use_and_cost_are_those_of_pods_of_every_shape() {
    let annotations =
        json!({"windtunnel.dev/cpu-usage": "500m", "windtunnel.dev/memory-usage": "512Mi"});
    for shape in SHAPES {
        let scratch = controlled("use-shapes", &deployment(shape, &annotations, 4), "1h");
        for set in [
            &[][..],
            &["--set", "models.contention={cpu: true, memory: true}"][..],
        ] {
            let ids = ["usage.cpu.slack", "usage.memory.slack"];
            let found = values(&scratch, &ids, set);
            close(found[0], 0.5);
            close(found[1], 0.5);
        }
    }
}

#[test]
fn a_container_of_which_it_is_stated_uses_that_alone() {
    // One container of two leaks: it is killed, and the other goes on.
    let annotations = json!({
        "windtunnel.dev/memory-usage.app": "ramp(0, 960Mi, 10m)",
        "windtunnel.dev/memory-usage.side": "10Mi",
        "windtunnel.dev/cpu-usage.app": "450m",
    });
    let limited = |text: String| {
        let (app, side) = ("\"memory\":\"960Mi\"}", "\"memory\":\"64Mi\"}");
        let limit = |own: &str| format!("{own},\"limits\":{{{own}");
        text.replace(app, &limit(app)).replace(side, &limit(side))
    };
    let pods = limited(deployment("two", &annotations, 1));
    let scratch = controlled("use-leak", &pods, "12m");
    let run = [
        "run",
        "a.yaml",
        "--out",
        "ran",
        "--force",
        "--events",
        "--set",
        "models.contention={memory: true}",
    ];
    scratch.run(&run, 0);
    let killed = told(&scratch, " exited ");
    assert_eq!(killed.len(), 1, "{killed:?}");
    let expected = "app ended with exit code 137 (OOMKilled)";
    assert!(killed[0].contains(expected), "{killed:?}");
    // An autoscaler reads the named container.
    let target = json!({"type": "Utilization", "averageUtilization": 25});
    let source = json!({"name": "cpu", "container": "app", "target": target});
    let metrics = json!({"metrics": [{"type": "ContainerResource", "containerResource": source}]});
    let scaler = autoscaler("v2", &json!({}), &metrics);
    let pods = deployment("two", &json!({"windtunnel.dev/cpu-usage.app": "450m"}), 1);
    close(replicas(&(pods + &scaler), &[]), 20.0);
}

#[test]
fn what_autoscaling_v1_carries_in_annotations_is_read() {
    let pods = deployment("plain", &json!({"windtunnel.dev/cpu-usage": "100m"}), 4);
    let spec = json!({"targetCPUUtilizationPercentage": 50});
    let behavior = json!({
        "autoscaling.alpha.kubernetes.io/behavior": "{\"ScaleDown\":{\"SelectPolicy\":\"Disabled\"}}",
    });
    let scaled = |annotations: &Value, spec: &Value| {
        replicas(
            &format!("{pods}{}", autoscaler("v1", annotations, spec)),
            &[],
        )
    };
    close(scaled(&json!({}), &spec), 1.0);
    close(scaled(&behavior, &spec), 4.0);
    let metrics = json!({
        "autoscaling.alpha.kubernetes.io/metrics":
            "[{\"type\":\"Resource\",\"resource\":{\"name\":\"cpu\",\"targetAverageValue\":\"50m\"}}]",
    });
    close(scaled(&metrics, &json!({})), 20.0);
}

/// A vertical autoscaler.
fn vertical(mode: &str) -> String {
    document(&json!({
        "apiVersion": "autoscaling.k8s.io/v1",
        "kind": "VerticalPodAutoscaler",
        "metadata": {"name": "v", "namespace": "d"},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"},
            "updatePolicy": {"updateMode": mode},
        },
    }))
}

#[test]
fn a_vertical_autoscaler_sizes_containers_of_every_shape() {
    let annotations =
        json!({"windtunnel.dev/cpu-usage": "310m", "windtunnel.dev/memory-usage": "300Mi"});
    for shape in SHAPES {
        let pods = deployment(shape, &annotations, 4);
        let scratch = controlled("use-vertical", &(pods + &vertical("Off")), "1h");
        scratch.run(&["run", "a.yaml", "--out", "ran"], 0);
        let summary = scratch.text("ran/summary.json");
        let summary: Value = serde_json::from_str(&summary).expect("JSON");
        let recommended = &summary["variants"][0]["autoscalers"][0]["recommended"];
        let names = recommended.as_array().into_iter().flatten();
        let names: Vec<&Value> = names.map(|own| &own["container"]).collect();
        // Init containers are not sized, sidecars among them.
        let expected: &[&str] = if shape == "two" {
            &["app", "side"]
        } else {
            &["app"]
        };
        assert_eq!(names, expected, "{shape}: {recommended}");
    }
}

#[test]
fn pods_are_resized_in_place_where_their_nodes_have_room_and_else_evicted() {
    let annotations =
        json!({"windtunnel.dev/cpu-usage": "2", "windtunnel.dev/memory-usage": "1500Mi"});
    let pods = deployment("plain", &annotations, 2);
    let counted = |mode: &str, set: &[&str]| {
        let scratch = controlled("use-in-place", &format!("{pods}{}", vertical(mode)), "6h");
        let run = ["run", "a.yaml", "--out", "ran", "--events"];
        scratch.run(&[&run[..], set].concat(), 0);
        let resized = told(&scratch, " resized ").len();
        let evicted = told(&scratch, " terminating ").len();
        (resized, evicted)
    };
    assert_eq!(counted("InPlaceOrRecreate", &[]), (2, 0));
    assert_eq!(counted("Recreate", &[]), (0, 2));
    // A release that can't, and nodes that are too small.
    assert_eq!(
        counted("InPlaceOrRecreate", &["--set", "system.release=1.32"]),
        (0, 2)
    );
    let small = "cluster.nodes=[{count: 3, name: 'n-{}', template: {allocatable: {cpu: 1500m, memory: 16Gi, pods: 9}}}]";
    let (resized, evicted) = counted("InPlaceOrRecreate", &["--set", small]);
    assert_eq!(resized, 0);
    assert!(evicted > 0);
    assert_eq!(counted("InPlace", &["--set", small]), (0, 0));
}

#[test]
fn a_quota_counts_pods_of_every_shape_alike() {
    let quota = document(&json!({
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "q", "namespace": "d"},
        "spec": {"hard": {"requests.cpu": "3"}},
    }));
    for shape in SHAPES {
        let pods = deployment(shape, &json!({}), 5);
        close(replicas(&(pods + &quota), &[]), 3.0);
    }
}

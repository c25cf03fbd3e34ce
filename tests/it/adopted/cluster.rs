//! Dumps of a small cluster as `kubectl get -o json` prints them, with times counted from the dump, and runs
//! that begin from them.

use serde_json::{Value, json};

use crate::scratch::Scratch;

/// The time of the dump: 2025-03-01T12:00:00Z, as seconds of its day.
const NOON: i64 = 12 * 3_600;

/// A time so many seconds after the dump, on its day.
pub(super) fn at(seconds: i64) -> String {
    let time = NOON + seconds;
    let (hours, minutes, seconds) = (time / 3_600, time / 60 % 60, time % 60);
    format!("2025-03-01T{hours:02}:{minutes:02}:{seconds:02}Z")
}

/// A node that was heard when the dump was taken.
pub(super) fn node(name: &str) -> Value {
    let amounts = json!({"cpu": "8", "memory": "32Gi", "pods": "110"});
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "uid": format!("node-{name}"), "creationTimestamp": at(-40_000),
            "labels": {"kubernetes.io/hostname": name}},
        "spec": {},
        "status": {"allocatable": amounts, "capacity": amounts, "conditions": [
            {"type": "Ready", "status": "True", "lastHeartbeatTime": at(0), "lastTransitionTime": at(-40_000)},
        ]},
    })
}

/// Four nodes, `n-0` and on.
pub(super) fn nodes() -> Vec<Value> {
    (0..4).map(|number| node(&format!("n-{number}"))).collect()
}

/// A template of pods of one container with a readiness probe.
pub(super) fn template(app: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": app}},
        "spec": {"containers": [{"name": "c", "image": "a:1", "resources": {"requests": {"cpu": "500m"}},
            "readinessProbe": {"httpGet": {"port": 80}, "periodSeconds": 5}}]},
    })
}

/// An object of a dump in the namespace `d`.
pub(super) fn object(version: &str, kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": version, "kind": kind,
        "metadata": {"name": name, "namespace": "d", "uid": format!("{kind}-{name}"),
            "creationTimestamp": at(-36_000)},
        "spec": spec,
    })
}

/// The reference to the object that controls another one.
fn owned(kind: &str, name: &str) -> Value {
    let version = if kind == "Job" { "batch/v1" } else { "apps/v1" };
    json!([{"apiVersion": version, "kind": kind, "name": name, "uid": format!("{kind}-{name}"),
        "controller": true}])
}

/// The deployment `web` and its replica sets: the number of the roll-out, the size, and the image of each.
pub(super) fn deployment(replicas: i32, sets: &[(i32, i32, &str)]) -> Vec<Value> {
    let of_image = |image: &str| {
        let mut template = template("web");
        template["spec"]["containers"][0]["image"] = image.into();
        template
    };
    let newest = sets.last().map_or("a:1", |own| own.2);
    let mut objects = vec![object(
        "apps/v1",
        "Deployment",
        "web",
        &json!({"replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
            "template": of_image(newest)}),
    )];
    for &(revision, size, image) in sets {
        let hash = revision.to_string();
        let mut template = of_image(image);
        template["metadata"]["labels"]["pod-template-hash"] = hash.as_str().into();
        let labels = template["metadata"]["labels"].clone();
        let mut set = object(
            "apps/v1",
            "ReplicaSet",
            &format!("web-{hash}"),
            &json!({"replicas": size, "selector": {"matchLabels": labels}, "template": template}),
        );
        set["metadata"]["ownerReferences"] = owned("Deployment", "web");
        set["metadata"]["annotations"] = json!({
            "deployment.kubernetes.io/revision": hash,
            "deployment.kubernetes.io/desired-replicas": replicas.to_string(),
            "deployment.kubernetes.io/max-replicas": (replicas + 1).to_string(),
        });
        objects.push(set);
    }
    objects
}

/// A stateful set `db`.
pub(super) fn stateful_set(replicas: i32, template: &Value, status: &Value) -> Value {
    let spec = json!({"serviceName": "db", "replicas": replicas, "template": template,
        "selector": {"matchLabels": {"app": "db"}}});
    let mut set = object("apps/v1", "StatefulSet", "db", &spec);
    set["status"] = status.clone();
    set
}

/// A disruption budget of an app.
pub(super) fn budget(app: &str, least: i32) -> Value {
    let spec = json!({"minAvailable": least, "selector": {"matchLabels": {"app": app}}});
    object("policy/v1", "PodDisruptionBudget", app, &spec)
}

/// A pod of a dump.
pub(super) struct Pod(pub(super) Value);

impl Pod {
    /// A pod of a template that runs on a node since an hour and is ready.
    pub(super) fn new(name: &str, template: &Value, node: &str) -> Self {
        let mut pod = object("v1", "Pod", name, &template["spec"]);
        for key in ["labels", "annotations"] {
            pod["metadata"][key] = template["metadata"][key].clone();
        }
        pod["spec"]["nodeName"] = node.into();
        pod["status"] = json!({"phase": "Running"});
        let mut own = Self(pod);
        own.start(-3_600);
        own
    }

    /// One that the replica set of a roll-out controls.
    pub(super) fn of_set(self, revision: i32) -> Self {
        let hash = revision.to_string();
        self.owned("ReplicaSet", &format!("web-{hash}"))
            .labelled("pod-template-hash", &hash)
    }

    pub(super) fn owned(mut self, kind: &str, name: &str) -> Self {
        self.0["metadata"]["ownerReferences"] = owned(kind, name);
        self
    }

    pub(super) fn labelled(mut self, key: &str, value: &str) -> Self {
        self.0["metadata"]["labels"][key] = value.into();
        self
    }

    fn start(&mut self, seconds: i64) {
        self.0["metadata"]["creationTimestamp"] = at(seconds - 1).into();
        self.0["status"]["startTime"] = at(seconds).into();
        self.0["status"]["conditions"] =
            json!([{"type": "Ready", "status": "True", "lastTransitionTime": at(seconds + 2)}]);
        let containers = self.0["spec"]["containers"].as_array().cloned();
        let statuses = containers.unwrap_or_default().into_iter().map(|own| {
            json!({"name": own["name"], "ready": true, "restartCount": 0,
                "state": {"running": {"startedAt": at(seconds + 1)}}, "lastState": {}})
        });
        self.0["status"]["containerStatuses"] = statuses.collect::<Vec<Value>>().into();
    }

    /// One that its node took up at a time.
    pub(super) fn since(mut self, seconds: i64) -> Self {
        self.start(seconds);
        self
    }

    /// One that is not ready since a time.
    pub(super) fn unready(mut self, seconds: i64) -> Self {
        self.0["status"]["conditions"] =
            json!([{"type": "Ready", "status": "False", "lastTransitionTime": at(seconds)}]);
        self.0["status"]["containerStatuses"][0]["ready"] = false.into();
        self
    }

    /// One whose first container waits for a reason.
    pub(super) fn waiting(mut self, phase: &str, reason: &str) -> Self {
        self.0["status"]["phase"] = phase.into();
        let status = &mut self.0["status"]["containerStatuses"][0];
        status["ready"] = false.into();
        status["state"] = json!({"waiting": {"reason": reason}});
        self
    }

    /// One whose first container crash-loops: how often it was started again, and when it last ran.
    pub(super) fn crashing(self, restarts: u32, from: i64, to: i64) -> Self {
        let mut own = self.unready(to).waiting("Running", "CrashLoopBackOff");
        let status = &mut own.0["status"]["containerStatuses"][0];
        status["restartCount"] = restarts.into();
        status["lastState"] = json!({"terminated": {"exitCode": 3, "reason": "Error",
            "startedAt": at(from), "finishedAt": at(to)}});
        own
    }

    /// One that was told to end and has until a time.
    pub(super) fn told_to_end(mut self, until: i64) -> Self {
        self.0["metadata"]["deletionTimestamp"] = at(until).into();
        self.0["metadata"]["deletionGracePeriodSeconds"] = 30.into();
        self
    }
}

/// A dump and an experiment that begins from it.
pub(super) struct Course(pub(super) Scratch);

impl Course {
    /// The dump of these objects and pods, and what else the experiment says.
    pub(super) fn new(objects: &[Vec<Value>], pods: Vec<Pod>, rest: &str) -> Self {
        let pods = pods.into_iter().map(|own| own.0).collect();
        let items: Vec<Value> = objects
            .concat()
            .into_iter()
            .chain::<Vec<Value>>(pods)
            .collect();
        let dump = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
        let experiment = format!(
            "windtunnel: v1\nname: begun\nseed: 1\ncluster: {{nodes: [{{manifests: dump.json}}]}}\n\
             workload: [{{manifests: dump.json}}]\nsystem: {{name: kubernetes, controllers: {{}}}}\n{rest}\n"
        );
        let files = [("dump.json", dump.as_str()), ("run.yaml", &experiment)];
        Self(Scratch::new("begun", &files))
    }

    /// The events of a run of the experiment, each as its time, kind, object and details; those by which
    /// the run states what it finds are left out.
    pub(super) fn events(&self, experiment: &str) -> Vec<String> {
        let run = [
            "run", experiment, "--quiet", "--events", "--out", "out", "--force",
        ];
        self.0.run(&run, 0);
        let events = self.0.printed(&["events", "out"], 0);
        let lines = events
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        lines.collect()
    }

    /// Events about pods of some kinds, by the words that their lines have.
    pub(super) fn told(&self, kinds: &[&str]) -> Vec<String> {
        let events = self.events("run.yaml").into_iter();
        let told = events.filter(|line| {
            let mut words = line.split(' ');
            line.contains(" Pod/") && words.any(|word| kinds.contains(&word))
        });
        told.map(|line| line.replace("Pod/d/", "")).collect()
    }
}

//! What is named of edits of manifests and scenarios, and which edits are none.

use super::*;
use crate::fixture::{Scratch, experiment};
use crate::hashes::input_hashes;
use scenario::Experiment;
use units::SortedSet;

const MANIFEST: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      priorityClassName: high
      containers:
      - name: main
        image: web:1
        command: [run]
        env: [{name: TOKEN, value: hunter2}, {name: B, valueFrom: {configMapKeyRef: {name: used, key: k}}}]
        resources: {requests: {cpu: 500m, memory: 1Gi}}
      affinity:
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
          - {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: web}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: used, namespace: shop}
data: {k: secret-text}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: shop}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: web}}}
";

const SCENARIO: &str = "\
windtunnel: v1
name: shop
cluster:
  nodes:
    - name: pool-{}
      count: 6
      template: {allocatable: {cpu: 8, memory: 32Gi, pods: 110}}
workload:
  - {manifests: web.yaml}
system: {name: kubernetes, controllers: {}}
stop: {at: 1h}
";

/// A side: its objects, and the hashes of its files.
struct Sides {
    _folder: Scratch,
    experiment: Experiment,
    text: String,
}

impl Sides {
    fn new(scenario: &str, manifest: &str) -> Self {
        let folder = Scratch::new();
        let path = folder.file("web.yaml", manifest);
        let text = scenario.replace("web.yaml", &path.display().to_string());
        Self {
            experiment: experiment(&text, "shop.yaml", &[]),
            _folder: folder,
            text,
        }
    }

    fn objects(&self) -> Vec<Object> {
        let files = input_hashes(&self.experiment).expect("files that can be read");
        let manifests = ManifestObjects::of(&self.experiment);
        let place = ScenarioText {
            file: "shop.yaml",
            text: &self.text,
            variant: None,
        };
        let scenario = &self.experiment.variants[0].scenario;
        manifests.objects(&self.experiment, scenario, &files, place)
    }

    fn hash(&self) -> String {
        let files = input_hashes(&self.experiment).expect("files that can be read");
        let scenario = &self.experiment.variants[0].scenario;
        let read = ManifestObjects::of(&self.experiment).hashes(scenario, &files, false);
        read[0].blake3.clone()
    }
}

fn told(scenario: &str, manifest: &str) -> Vec<String> {
    let (base, head) = (
        Sides::new(SCENARIO, MANIFEST),
        Sides::new(scenario, manifest),
    );
    let stored = serde_json::to_string(&bounded(&base.objects())).expect("objects are JSON");
    assert!(
        !stored.contains("hunter2") && !stored.contains("secret-text"),
        "{stored}"
    );
    let stored: Vec<Object> = serde_json::from_str(&stored).expect("objects");
    assert_eq!(stored, base.objects());
    let found = field_changes(&stored, &head.objects());
    assert_eq!(
        found.is_empty(),
        base.hash() == head.hash() && scenario == SCENARIO
    );
    let words = found.iter().map(|change| {
        let line = change
            .line
            .map_or_else(String::new, |line| format!(" :{line}"));
        format!("{}{line}", change.words())
    });
    words.collect()
}

fn edited(from: &str, to: &str) -> Vec<String> {
    assert!(MANIFEST.contains(from), "{from}");
    told(SCENARIO, &MANIFEST.replacen(from, to, 1))
}

#[test]
fn edits_that_nothing_reads_are_none() {
    let comment = format!("# hi\n{MANIFEST}");
    assert_eq!(told(SCENARIO, &comment), [""; 0]);
    let config =
        format!("{MANIFEST}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: other}}\n");
    assert_eq!(told(SCENARIO, &config), [""; 0]);
    let mut documents: Vec<&str> = MANIFEST.split("---\n").collect();
    documents.reverse();
    assert_eq!(told(SCENARIO, &documents.join("---\n")), [""; 0]);
    for (from, to) in [
        ("hunter2", "hunter3"),
        ("[run]", "[run]\n        securityContext: {runAsUser: 1}"),
        ("secret-text", "other"),
        ("cpu: 500m", "cpu: 0.5"),
        ("1Gi", "1024Mi"),
        ("{cpu: 500m, memory: 1Gi}", "{memory: 1Gi, cpu: 500m}"),
        (
            "spec:\n  replicas: 3",
            "spec:\n  revisionHistoryLimit: 10\n  replicas: 3",
        ),
    ] {
        assert_eq!(edited(from, to), [""; 0], "{to}");
    }
}

#[test]
fn fields_are_named_as_a_user_says_them() {
    let check = |from: &str, to: &str, expected: &str| {
        assert_eq!(edited(from, to), [expected], "{to}");
    };
    check(
        "cpu: 500m",
        "cpu: 1",
        "Deployment shop/web requests.cpu 500m → 1 :16",
    );
    check(
        "replicas: 3",
        "replicas: 4",
        "Deployment shop/web replicas 3 → 4 :5",
    );
    check(
        "image: web:1",
        "image: web:2",
        "Deployment shop/web image web:1 → web:2 :13",
    );
    check(
        "maxUnavailable: 1",
        "maxUnavailable: 100%",
        "PodDisruptionBudget shop/web maxUnavailable 1 → 100% :30",
    );
    let (before, rest) = MANIFEST.split_once("      affinity:").expect("an affinity");
    let (_, after) = rest.split_once("---").expect("another document");
    assert_eq!(
        told(SCENARIO, &format!("{before}---{after}")),
        [
            "Deployment shop/web affinity.podAntiAffinity.required [{topologyKey: kubernetes.io/hostname, … → unset :10"
        ]
    );
    let other = [
        "ConfigMap shop/used removed",
        "Deployment shop/web env [ConfigMap used] → [ConfigMap absent] :15",
    ];
    assert_eq!(edited("name: used, key", "name: absent, key"), other);
}

#[test]
fn objects_and_parts_of_the_scenario_are_named() {
    let gone = MANIFEST.rsplit_once("---").expect("documents").0;
    assert_eq!(
        told(SCENARIO, gone),
        ["PodDisruptionBudget shop/web removed"]
    );
    let several = MANIFEST.replace(
        "      affinity:",
        "      - {name: log, image: log:1}\n      affinity:",
    );
    let added = "Deployment shop/web containers[log] unset → {name: log, image: log:1} :17";
    assert_eq!(told(SCENARIO, &several), [added]);
    let check = |from: &str, to: &str, expected: &[&str]| {
        assert_eq!(
            told(&SCENARIO.replace(from, to), MANIFEST),
            expected,
            "{to}"
        );
    };
    check("count: 6", "count: 3", &["nodes pool-{} count 6 → 3 :6"]);
    check("at: 1h", "at: 2h", &["stop at 1h → 2h :11"]);
    for (scheduler, expected) in [
        ("queue: fifo", "system scheduler.queue unset → fifo :10"),
        (
            "plugins: {PodTopologySpread: null}",
            "system scheduler.plugins.PodTopologySpread unset → off :10",
        ),
    ] {
        let system = format!("scheduler: {{{scheduler}}}, controllers: {{}}");
        check("controllers: {}", &system, &[expected]);
    }
}

#[test]
fn a_template_that_stands_there_twice_counts_with_all_it_says() {
    let applied = format!("{SCENARIO}operations:\n  - {{at: 10m, apply: next.yaml}}\n");
    let sides = |next: &str| {
        let folder = Scratch::new();
        let path = folder.file("next.yaml", next);
        let text = applied.replace("next.yaml", &path.display().to_string());
        let sides = Sides::new(&text, MANIFEST);
        let objects = sides.objects();
        drop(folder);
        objects
    };
    let next = MANIFEST.replace("hunter2", "hunter3");
    let found = field_changes(&sides(MANIFEST), &sides(&next));
    let words: Vec<String> = found.iter().map(FieldChange::words).collect();
    assert_eq!(words, ["Deployment shop/web templateRevision 0 → 1"]);
}

#[test]
fn the_configuration_of_a_scheduler_is_an_object() {
    const CONFIG: &str = "\
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
clientConnection: {kubeconfig: /root/secret}
profiles:
- schedulerName: default-scheduler
  pluginConfig:
  - name: NodeResourcesFit
    args:
      scoringStrategy: {type: LeastAllocated, resources: [{name: cpu, weight: 1}]}
";
    let folder = Scratch::new();
    let objects = |name: &str, text: &str| {
        let path = folder.file(name, text).display().to_string();
        let config = format!("system: {{name: kubernetes, scheduler: {{config: {path}}}, ");
        let scenario = SCENARIO.replace("system: {name: kubernetes, ", &config);
        Sides::new(&scenario, MANIFEST).objects()
    };
    let base = objects("a.yaml", CONFIG);
    let stored = serde_json::to_string(&base).expect("objects are JSON");
    assert!(!stored.contains("secret"), "{stored}");
    let head = objects("b.yaml", &CONFIG.replace("LeastAllocated", "MostAllocated"));
    let found = field_changes(&base, &head);
    let words: Vec<String> = found.iter().map(FieldChange::words).collect();
    let expected = "KubeSchedulerConfiguration profiles.pluginConfig.args.scoringStrategy.type \
                    LeastAllocated → MostAllocated";
    assert_eq!(words, [expected]);
    assert_eq!(found[0].line, Some(9));
    assert!(found[0].is_policy());
    // What a scheduler does anyway is no change, whether or not it is stated.
    let (profiles, settings) = CONFIG.split_once("profiles:").expect("profiles");
    let none = "profiles: [{}]\n";
    let stated = CONFIG
        .replace(
            "[{name: cpu, weight: 1}]",
            "[{name: memory, weight: 1}, {name: cpu, weight: 1}]",
        )
        .replace(
            "profiles:",
            "parallelism: 16\npercentageOfNodesToScore: 0\nprofiles:",
        );
    assert!(!settings.is_empty());
    let (bare, stated) = (format!("{profiles}{none}"), objects("c.yaml", &stated));
    assert_eq!(field_changes(&objects("d.yaml", &bare), &stated), []);
    let other = CONFIG.replace("profiles:", "parallelism: 8\nprofiles:");
    let found = field_changes(&base, &objects("e.yaml", &other));
    assert_eq!(found[0].field, "parallelism");
}

#[test]
fn an_item_of_a_scenario_in_front_changes_none_behind_it() {
    let failures = "stop: {at: 1h}\nfailures:\n  - {kind: zone-outage, zone: a, at: 10m, for: 1m}\n  \
                    - {kind: zone-outage, zone: b, at: 20m, for: 1m}\n";
    let zones = |text: &str| {
        let scenario = SCENARIO.replace("count: 6", "count: 6\n      zone: \"z{index % 3}\"");
        let text = text
            .replace("zone: a", "zone: z0")
            .replace("zone: b", "zone: z1");
        Sides::new(&scenario.replace("stop: {at: 1h}\n", &text), MANIFEST).objects()
    };
    let new = "failures:\n  - {kind: zone-outage, zone: z2, at: 5m, for: 9m}\n";
    let head = failures
        .replace("failures:\n", new)
        .replace("at: 20m", "at: 25m");
    let found = field_changes(&zones(failures), &zones(&head));
    let words: Vec<String> = found.iter().map(FieldChange::words).collect();
    assert_eq!(words, ["failure 0 added", "failure 2 at 20m → 25m"]);
    let items: Vec<_> = found.iter().map(|own| own.item).collect();
    assert_eq!(items, [Some([None, Some(0)]), Some([Some(1), Some(2)])]);
}

#[test]
fn equal_changes_of_many_objects_are_one() {
    let change = |name: &str, field: &str, head: &str| FieldChange {
        object: ObjectKey::parse(&format!("Deployment shop/{name}")),
        field: field.to_owned(),
        base: None,
        head: Some(head.to_owned()),
        file: "a.yaml".to_owned(),
        line: None,
        entries: Vec::new(),
        item: None,
    };
    let changes = [
        change("a", "requests.cpu", "1"),
        change("b", "requests.cpu", "1"),
        change("a", "labels.chart", "2"),
        change("b", "labels.chart", "2"),
        change("c", "labels.chart", "3"),
    ];
    assert_eq!(alike(&changes), [vec![0], vec![1], vec![2, 3], vec![4]]);
    let words = |places: &[usize]| {
        let own: Vec<&FieldChange> = places.iter().map(|place| &changes[*place]).collect();
        words_of_all(&own)
    };
    assert_eq!(
        words(&[2, 3]),
        "labels.chart unset → 2 of 2 objects: Deployment shop/a, Deployment shop/b (a.yaml)"
    );
    assert_eq!(
        words(&[0, 2]),
        "Deployment shop/a requests.cpu unset → 1, labels.chart unset → 2 (a.yaml)"
    );
    let many = ["a", "b", "c", "d"].map(|name| change(name, "replicas", "1"));
    assert_eq!(alike(&many), [[0, 1, 2, 3]]);
}

#[test]
fn fields_are_taken_back_one_by_one() {
    let read = |text: &str| -> Json { serde_saphyr::from_str(text).expect("YAML") };
    let text = MANIFEST.split("---").next().expect("a document");
    let base = read(text);
    let head = read(
        &text
            .replace("replicas: 3", "replicas: 2")
            .replace("cpu: 500m, memory: 1Gi", "cpu: 1")
            .replace(
                "      priorityClassName: high\n",
                "      tolerations: [{key: a, operator: Exists}]\n",
            )
            .replace(
                "      - name: main\n",
                "      - {name: z, image: a}\n      - {name: aa, image: a}\n      - name: main\n        ports: [{containerPort: 1}]\n",
            )
            .replace(
                "      affinity:\n",
                "      nodeSelector: {disk: ssd}\n      affinity:\n",
            ),
    );
    let names = |own: &Json| -> Vec<String> {
        let (one, other) = (k8s::read_part(&base), k8s::read_part(own));
        let (one, other) = (one.expect("a kind"), other.expect("a kind"));
        let object = |fields| {
            Object::new(
                ObjectKey::of_manifest(&base),
                String::new(),
                fields,
                Lines::Unknown,
            )
        };
        let changes = field_changes(&[object(one)], &[object(other)]);
        changes.into_iter().map(|change| change.field).collect()
    };
    let all = names(&head);
    assert!(all.len() >= 6, "{all:?}");
    for field in &all {
        let mixed = with_fields(&head, &base, &SortedSet::from_iter([field.clone()]));
        let left: Vec<&String> = all.iter().filter(|own| *own != field).collect();
        assert_eq!(names(&mixed).iter().collect::<Vec<_>>(), left, "{field}");
    }
    assert!(names(&with_fields(&head, &base, &all.iter().cloned().collect())).is_empty());
}

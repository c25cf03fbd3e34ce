//! Processes that share a node, in whole runs: cores by weight and limit, memory that runs out
//! (spec: orchestrators-b.md 10.6, kubernetes.md part 4).

use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{EndReason, Event, EvictionCause, Object, ObjectChange, Pod, PodChange};
use windtunnel::sim::check::Checker;
use windtunnel::units::{Instant, SortedMap};

use crate::kube_scenario::load_file;
use crate::scratch::Scratch;
use crate::watch::watch;

/// What became of pods, in words: second, what, pod.
#[derive(Default)]
struct Story {
    checker: Checker,
    lines: Vec<String>,
    /// Bytes of memory that a vertical autoscaler recommends for containers.
    recommended: SortedMap<String, i64>,
}

impl Observer for Story {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.checker.observe(at, event, ended, store);
        let at = at.as_secs_f64();
        let name = |pod| {
            let record = store.pods().get(pod).or(ended);
            record.map(|pod| {
                pod.name
                    .to_string()
                    .split('-')
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            })
        };
        let (pod, what) = match event {
            Event::PodRunning { pod } => (*pod, "runs".to_owned()),
            Event::PodEnded { pod, reason } => (
                *pod,
                match reason {
                    EndReason::Evicted(EvictionCause::NodePressure) => "evicted".to_owned(),
                    reason => format!("ended {reason:?}"),
                },
            ),
            Event::PodChanged {
                pod,
                change: PodChange::OomKilled { .. },
            } => (*pod, "killed".to_owned()),
            Event::PodChanged {
                pod,
                change: PodChange::Restarted(count),
            } => (*pod, format!("restart {}", count.total())),
            Event::Object(ObjectChange::Updated {
                object: Object::VerticalPodAutoscaler(vertical),
                ..
            }) => {
                for (name, own) in &vertical.recommended {
                    let memory = own.target.memory_bytes;
                    self.recommended.insert(name.to_string(), memory);
                }
                return;
            }
            _ => return,
        };
        self.lines
            .push(format!("{at} {what} {}", name(pod).unwrap_or_default()));
    }
}

/// Runs manifests on one node of so many cores and so much memory.
fn play(name: &str, node: &str, models: &str, manifests: &str) -> Story {
    play_through(name, node, (models, ""), manifests)
}

/// The same, through failures.
fn play_through(
    name: &str,
    node: &str,
    (models, failures): (&str, &str),
    manifests: &str,
) -> Story {
    let text = format!(
        "windtunnel: v1\nname: contention\ncluster:\n  nodes:\n    - {{name: node, count: 1, template: \
         {{allocatable: {{{node}, pods: 2000}}}}}}\nworkload: [{{manifests: pods.yaml}}]\nsystem: {{name: \
         kubernetes, controllers: {{}}}}\nmodels: {{{models}}}\nfailures: [{failures}]\nstop: {{at: 60m}}\n"
    );
    let files = [("pods.yaml", manifests), ("scenario.yaml", &*text)];
    let scratch = Scratch::new(&format!("contention-{name}"), &files);
    let experiment = load_file(&scratch.path("scenario.yaml"));
    let scenario = &experiment.variants[0].scenario;
    let mut story = Story::default();
    watch(scenario, &experiment.files, &mut story).expect("a run that ends");
    assert_eq!(story.checker.failure(), None);
    story
}

fn job(name: &str, pods: u32, run_time: &str, resources: &str) -> String {
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: {name}}}\nspec:\n  parallelism: \
         {pods}\n  completions: {pods}\n  template:\n    metadata:\n      annotations: \
         {{windtunnel.dev/run-time: {run_time}}}\n    spec:\n      restartPolicy: Never\n      \
         containers: [{{name: main, image: main, resources: {{{resources}}}}}]\n---\n"
    )
}

#[test]
fn a_thousand_jobs_of_a_second_on_one_core_end_at_a_thousand_seconds() {
    // The job controller creates at most 500 pods of a job at once.
    let manifests = [job("many", 500, "1s", ""), job("more", 500, "1s", "")].concat();
    let node = "cpu: 1, memory: 64Gi";
    let story = play("many", node, "contention: {}", &manifests);
    let ended: Vec<&String> = (story.lines.iter())
        .filter(|line| line.contains("ended"))
        .collect();
    assert_eq!(ended.len(), 1_000);
    assert!(
        ended
            .iter()
            .all(|line| line.starts_with("1000 ended Completed m")),
        "{:?}",
        ended[0]
    );
    // Without contention each has what it wants.
    let story = play("alone", node, "{}".trim_matches(['{', '}']), &manifests);
    assert!(
        story
            .lines
            .iter()
            .filter(|line| line.starts_with("1 ended Completed m"))
            .count()
            == 1_000
    );
}

#[test]
fn requests_are_weights_limits_are_kept_and_a_run_is_stretched() {
    // Two cores: `big` has nearly twice the weight of `small`, `capped` half a core of the two that it
    // wants.
    let manifests = [
        job("big", 1, "90s", "requests: {cpu: 800m}"),
        job("small", 1, "90s", "requests: {cpu: 400m}"),
        job(
            "capped",
            1,
            "60s",
            "requests: {cpu: 500m}, limits: {cpu: 500m}",
        ),
    ]
    .concat();
    let models = "contention: {overhead: {cpu: 100m}}, usage: {cpu: \"2\"}";
    let story = play("weights", "cpu: 2, memory: 8Gi", models, &manifests);
    let at = |name: &str| {
        let line = story
            .lines
            .iter()
            .find(|line| line.ends_with(&format!("Completed {name}")));
        let text = line
            .and_then(|line| line.split(' ').next())
            .unwrap_or_default();
        text.parse::<f64>().unwrap_or_default()
    };
    // 1.9 cores: capped has 0.5 until 240 s; weights of 819 and 409 shares are 32 and 16, so big has
    // 2/3 of the 1.4 that are left, 180 core-seconds of work each.
    let big = 180.0 / (1.4 * 2.0 / 3.0);
    assert!((at("capped") - 240.0).abs() < 1e-6, "{}", at("capped"));
    assert!((at("big") - big).abs() < 1e-6, "{} {big}", at("big"));
    // Then small has 1.4, and 1.9 once capped is done.
    let done = big * 1.4 / 3.0 + (240.0 - big) * 1.4;
    let small = 240.0 + (180.0 - done) / 1.9;
    assert!(
        (at("small") - small).abs() < 1e-6,
        "{} {small}",
        at("small")
    );
}

fn deployment(name: &str, memory: &str, resources: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: \
         1\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata:\n      labels: \
         {{app: {name}}}\n      annotations: {{windtunnel.dev/memory-usage: \"{memory}\", \
         windtunnel.dev/stop-time: 0s, windtunnel.dev/run-time: 10h}}\n    spec:\n      containers: \
         [{{name: main, image: main, resources: {{{resources}}}}}]\n---\n"
    )
}

#[test]
fn a_leak_is_killed_at_its_limit_again_and_again() {
    // From 100 MiB by 100 MiB a minute to 300 MiB: two minutes, and a byte more.
    let manifests = deployment(
        "leak",
        "ramp(100Mi, 100Mi, 1m)",
        "limits: {memory: 300Mi}, requests: {memory: 200Mi}",
    );
    let story = play("leak", "cpu: 4, memory: 8Gi", "contention: {}", &manifests);
    let killed: Vec<i64> = (story.lines.iter())
        .filter(|line| line.ends_with("killed leak"))
        .filter_map(|line| line.split(' ').next()?.parse::<f64>().ok())
        .map(|at| at as i64)
        .take(5)
        .collect();
    // Restarted at once, then after 10 s, 20 s, 40 s.
    assert_eq!(killed, [120, 240, 370, 510, 670]);
}

#[test]
fn a_kill_raises_what_is_recommended_for_that_container_alone() {
    // Two thirds of what the pod uses are `main`'s, one third is `side`'s: 400 MiB, its limit, when
    // `main` is at 800 MiB.
    let vertical = "apiVersion: autoscaling.k8s.io/v1\nkind: VerticalPodAutoscaler\nmetadata: \
                    {name: web}\nspec:\n  targetRef: {apiVersion: apps/v1, kind: Deployment, name: \
                    web}\n  updatePolicy: {updateMode: 'Off'}\n";
    let resources = "requests: {memory: 512Mi}}}, {name: side, image: side, resources: {requests: \
                     {memory: 256Mi}, limits: {memory: 400Mi}";
    let manifests = deployment("web", "ramp(900Mi, 60Mi, 6m)", resources) + vertical;
    let node = "cpu: 4, memory: 8Gi";
    let story = play("vertical", node, "contention: {}", &manifests);
    assert!(
        story
            .lines
            .iter()
            .any(|line| line.starts_with("1800") && line.ends_with(" killed web")),
        "{:?}",
        story.lines
    );
    // 15 % above what is needed, to the end of a bucket of a twentieth and 10 MB.
    let within = |name: &str, needed: f64| {
        let given = story.recommended[name] as f64 / f64::from(1 << 20);
        let most = needed * 1.15 * 1.05 + 12.0;
        assert!((needed * 1.14..most).contains(&given), "{name}: {given}");
    };
    within("side", 500.0);
    // It is never killed and grows on, to 1,000 MiB at the end of the hour.
    within("main", 1000.0);
}

#[test]
fn a_node_short_of_memory_evicts_who_is_furthest_above_its_request() {
    // 4 GiB, of which 100 MiB have to be left and are not allocatable; `grows` is above its request from the start, `modest`
    // never is.
    let manifests = [
        deployment("modest", "1Gi", "requests: {memory: 1500Mi}"),
        deployment(
            "grows",
            "ramp(1Gi, 512Mi, 1m, 3Gi)",
            "requests: {memory: 512Mi}",
        ),
    ]
    .concat();
    let story = play(
        "pressure",
        "cpu: 4, memory: 3996Mi",
        "contention: {}",
        &manifests,
    );
    let first = story
        .lines
        .iter()
        .find(|line| line.contains("evicted"))
        .cloned();
    // 1 GiB + 1 GiB + 512 MiB a minute come to 3,996 MiB after 228.28 s, seen at the pass of 230 s.
    assert_eq!(first.as_deref(), Some("230 evicted grows"));
    assert!(
        !story
            .lines
            .iter()
            .any(|line| line.contains("evicted modest"))
    );
    assert!(!story.lines.iter().any(|line| line.contains("killed")));
    let runs = story
        .lines
        .iter()
        .filter(|line| line.ends_with("runs grows"))
        .count();
    assert!(runs > 3, "its controller makes another: {runs}");
}

#[test]
fn a_node_without_memory_kills_the_highest_score() {
    // Both steps of 100 s are faster than a pass of the kubelet.
    let manifests = [
        deployment("idle", "100Mi", ""),
        deployment(
            "large",
            "steps(0s: 1Gi, 101s: 3Gi)",
            "requests: {memory: 1Gi}",
        ),
        deployment(
            "safe",
            "steps(0s: 512Mi, 101s: 1Gi)",
            "requests: {cpu: 1, memory: 2Gi}, limits: {cpu: 1, memory: 2Gi}",
        ),
    ]
    .concat();
    let story = play(
        "score",
        "cpu: 4, memory: 3996Mi",
        "contention: {}",
        &manifests,
    );
    let killed: Vec<&String> = story
        .lines
        .iter()
        .filter(|line| line.contains("killed"))
        .collect();
    assert_eq!(
        killed.first().map(|line| &***line),
        Some("101 killed large")
    );
    assert!(!killed.iter().any(|line| line.ends_with("safe")));
}

#[test]
fn a_job_goes_on_from_its_last_checkpoint() {
    let manifests = job("long", 1, "1000s", "").replace("Never", "OnFailure");
    let node = "cpu: 4, memory: 8Gi";
    let outage = "{kind: node-outage, node: node, at: 500s, for: 40s}";
    let ended = |name: &str, models: &str| {
        let story = play_through(name, node, (models, outage), &manifests);
        let line = story
            .lines
            .iter()
            .find(|line| line.contains("Completed"))
            .cloned();
        line.unwrap_or_default()
    };
    // The host is back at 540 s, and its kubelet starts the container again.
    assert_eq!(ended("anew", ""), "1540 ended Completed long");
    // A checkpoint every 110 s: 400 s of work are saved, 600 s with five checkpoints are left.
    let rule = "checkpoints: {interval: 100s, write: 10s, restart: 5s}";
    assert_eq!(ended("saved", rule), "1195 ended Completed long");
    // Young: the root of 2 x 2 s x 2,500 s is 100 s; four of 102 s are written by then.
    let rule = "checkpoints: {mtbf: 2500s, write: 2s, restart: 5s}";
    assert_eq!(ended("young", rule), "1155 ended Completed long");
}

#[test]
fn usage_that_a_trace_recorded_contends() {
    let text = |models: &str| {
        format!(
            "windtunnel: v1\nname: recorded\ncluster:\n  nodes:\n    - {{name: node, count: 1, \
             template: {{allocatable: {{cpu: 2, memory: 8Gi, pods: 110}}}}}}\nworkload: [{{trace: \
             {{format: csv, path: jobs.csv}}}}]\nmodels: {{{models}}}\nstop: {{at: 60m}}\n"
        )
    };
    // Three jobs of 60 s that ask for half a core each and use two: 360 core-seconds of two cores.
    let table = "submit,name,run_time,cpu,cpu_usage\n0,a,60,500m,2\n0,b,60,500m,2\n0,c,60,500m,2\n";
    for (name, models, expected) in [
        (
            "recorded",
            "usage: trace, contention: {}",
            "180 ended Completed",
        ),
        ("requested", "contention: {}", "60 ended Completed"),
    ] {
        let scenario = text(models);
        let files = [("jobs.csv", table), ("scenario.yaml", &*scenario)];
        let scratch = Scratch::new(&format!("contention-{name}"), &files);
        let experiment = load_file(&scratch.path("scenario.yaml"));
        let mut story = Story::default();
        let scenario = &experiment.variants[0].scenario;
        watch(scenario, &experiment.files, &mut story).expect("a run that ends");
        let ended = story.lines.iter().filter(|line| line.starts_with(expected));
        assert_eq!(ended.count(), 3, "{name}: {:?}", story.lines);
    }
}

#[test]
fn usage_of_a_trace_that_has_none_is_refused() {
    let scenario = "windtunnel: v1\nname: none\ncluster:\n  nodes: [{count: 1, template: \
                    {allocatable: {cpu: 2, memory: 4Gi, pods: 110}}}]\nworkload: [{generate: {model: lublin99, \
                    jobs: 10}}]\nmodels: {usage: trace}\n";
    let scratch = Scratch::new("usage-refused", &[("scenario.yaml", scenario)]);
    let told = scratch.run(&["run", "scenario.yaml", "--out", "out"], 2);
    assert!(
        told.contains(
            "formats that do are swf, google-2011-tasks, google-2011-usage, google-2019-instances, \
             alibaba-2017-services, alibaba-2017-tasks, alibaba-2018-containers, alibaba-2018-tasks, \
             alibaba-gpu-2020-tasks, azure-vm, opendc, prometheus, planetlab, bitbrains, csv"
        ),
        "{told}"
    );
    assert!(
        !scratch.path("out.partial").exists(),
        "nothing is left of a refused run"
    );
}

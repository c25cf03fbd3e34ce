//! Cells whose answers are known.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::*;
use crate::limits::Limits;
use crate::names::Registered;
use scenario::{Color, FileLookup, Files, LoadOptions, SearchPath, load};
use world::inputs::inline;

#[test]
fn the_ninetieth_percentile_is_the_tenth_of_eleven() {
    let known = [812, 815, 815, 818, 820, 821, 823, 824, 826, 830, 841];
    let own = Compacted {
        name: "a".to_owned(),
        nodes: 1000,
        arrivals: 1,
        pods: 1,
        rejected: 0,
        pinned: 0,
        softened: 0,
        ignores_requests: false,
        stopped: 0,
        trials: known.map(Some).to_vec(),
        backlog: Backlog::default(),
    };
    assert_eq!(own.value(Question::Compact), Some(830));
    assert_eq!(own.value(Question::Inflate), Some(815));
    assert_eq!(own.span(), Some([812, 841]));
}

const CELL: &str = "\
windtunnel: v1
name: cell
seed: 7
cluster:
  nodes:
    - {name: 'big-{}', count: 4, template: {allocatable: {cpu: 8, memory: 32Gi, pods: 110}}}
    - {name: 'small-{}', count: 4, template: {allocatable: {cpu: 4, memory: 16Gi, pods: 110}}}
workload: [{generate: {model: lublin99, jobs: 6, processors: 8}}]
system: {name: pipeline, scheduler: {profile: most-allocated}}
stop: {when: drained}
variants: {kubernetes: {system: {name: kubernetes}}, pipeline: {}, fleet: {system: {name: fleet}}}
";

#[test]
fn pods_that_may_stay_pending_are_counted_or_a_share_of_the_picky() {
    let packed = |pending, picky| cell::Packed {
        pending,
        picky,
        pods: 3,
        ..cell::Packed::default()
    };
    let any = Pending::Any { pods: 1 };
    let all_picky = Pending::Picky { ppm: 400_000 };
    assert!(packed(1, 0).fits(any) && !packed(2, 2).fits(any));
    assert!(packed(1, 1).fits(all_picky) && !packed(1, 0).fits(all_picky));
    assert!(!packed(2, 2).fits(all_picky));
}

/// The files of an experiment, which are nowhere else.
struct Named<'a>(&'a Files);

impl FileLookup for Named<'_> {
    fn exists(&self, path: &Path) -> bool {
        path.to_str().is_some_and(|name| self.0.contains_key(name))
    }

    fn names_in(&self, _folder: &Path) -> Vec<String> {
        Vec::new()
    }
}

fn compacted(question: Question, text: &str) -> Result<Vec<Compacted>, ExperimentError> {
    with_file(question, text, "none", "")
}

fn with_file(
    question: Question,
    text: &str,
    file: &str,
    content: &str,
) -> Result<Vec<Compacted>, ExperimentError> {
    let files = Files::from_iter([(file.to_owned(), inline(content))]);
    let options = LoadOptions {
        sets: &[],
        search: &SearchPath::default(),
        lookup: &Named(&files),
        names: &Registered,
    };
    let experiment = load(text, "cell.yaml", options);
    let mut experiment = experiment.unwrap_or_else(|own| panic!("{}", own.render(Color::Off)));
    experiment.files = files;
    let plan = TrialPlan {
        question,
        trials: 3,
        removals: &[],
        pending: Pending::Picky { ppm: 2000 },
        seed: 7,
        settle: Duration::from_secs(3600),
    };
    let workers = Workers {
        threads: 2,
        interrupted: &AtomicBool::new(false),
        progress: &|_, _| {},
        limits: Limits::default(),
        manifests: &world::ManifestCache::new(),
    };
    compact(&experiment, plan, workers)
}

#[test]
fn as_many_machines_stay_as_the_pods_need() {
    let found = compacted(Question::Compact, CELL).expect("answers");
    let pods = usize::try_from(found[0].pods).expect("a small number");
    for own in &found[..2] {
        for trial in &own.trials {
            let count = trial.expect("a value");
            // Every pod takes a whole core, and the largest machine has eight.
            assert!(count >= pods.div_ceil(8) && count <= 8, "{own:?}");
        }
    }
    assert!(found[2].ignores_requests && !found[0].ignores_requests);
    assert_eq!(found[2].value(Question::Compact), Some(1));
}

#[test]
fn an_inflated_workload_fills_the_cell() {
    let found = compacted(Question::Inflate, CELL).expect("answers");
    for trial in &found[1].trials {
        let more = trial.expect("a value");
        assert!(more > 0 && more + found[1].arrivals <= 48, "{found:?}");
    }
}

#[test]
fn a_workload_that_fits_nowhere_has_no_value() {
    let tight = CELL
        .replace("cpu: 8", "cpu: 500m")
        .replace("cpu: 4", "cpu: 500m");
    let found = compacted(Question::Compact, &tight).expect("answers");
    assert_eq!(found[0].trials, [None; 3]);
    assert_eq!(found[0].value(Question::Compact), None);
    // Who reads that wants to know who stands in the way.
    let waiting = &found[0].backlog;
    assert_eq!(waiting.pods, found[0].pods);
    assert_eq!(waiting.first.as_deref(), Some("job-1-0"));
}

/// Six machines of eight cores, two of which have a fast disk.
fn six(workload: &str, system: &str) -> String {
    let machine = "allocatable: {cpu: 8, memory: 16Gi, pods: 110}";
    format!(
        "windtunnel: v1\nname: six\nseed: 1\ncluster:\n  nodes:\n    - {{name: 's-{{}}', count: 2, \
         template: {{{machine}, labels: {{disk: ssd}}}}}}\n    - {{name: 'm-{{}}', count: 4, template: \
         {{{machine}}}}}\nworkload: [{workload}]\nsystem: {system}\nstop: {{at: 1h}}\n"
    )
}

/// Four pods that take a machine each.
const SERVICE: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: web, resources: {requests: {cpu: 8}}}]
";

#[test]
fn pods_of_objects_are_packed_whoever_makes_them() {
    let systems = [
        "kubernetes, controllers: {}",
        "borg",
        "mesos",
        "swarmkit",
        "ecs",
    ];
    for system in systems {
        let text = six("{manifests: web.yaml}", &format!("{{name: {system}}}"));
        let found = with_file(Question::Compact, &text, "web.yaml", SERVICE);
        let found = found.unwrap_or_else(|error| panic!("{system}: {error}"));
        assert_eq!(found[0].trials, [Some(4); 3], "{system}");
        assert_eq!(found[0].pods, 4, "{system}");
    }
}

#[test]
fn a_question_without_an_answer_is_refused() {
    let text = six("{manifests: web.yaml}", "{name: kubernetes}");
    let empty = with_file(Question::Compact, &text, "web.yaml", SERVICE);
    let empty = empty.expect_err("nothing makes pods").to_string();
    assert!(empty.contains("no pod wants a machine"), "{empty}");
    let text = six("{manifests: web.yaml}", "{name: borg}");
    let copies = with_file(Question::Inflate, &text, "web.yaml", SERVICE);
    let copies = copies.expect_err("nothing arrives").to_string();
    assert!(copies.contains("no arrival to copy"), "{copies}");
}

#[test]
fn constraints_of_objects_are_eased_like_those_of_pods() {
    let system = "{name: kubernetes, controllers: {}}";
    let text = six("{manifests: web.yaml}", system);
    let bound = |label: &str| {
        let own = format!("spec:\n      nodeSelector: {{{label}}}\n      containers");
        SERVICE.replace("spec:\n      containers", &own)
    };
    let large = with_file(Question::Compact, &text, "web.yaml", &bound("disk: ssd"));
    let large = large.expect("an answer");
    assert_eq!(large[0].softened, 4);
    assert_eq!(large[0].trials, [Some(4); 3]);
    // Another service that belongs to one machine is no part of the workload.
    let one = bound("disk: ssd").replace("name: web}", "name: one}");
    let both = format!("{SERVICE}---\n{one}");
    let text = text.replace("'s-{}', count: 2", "'s-{}', count: 1");
    let pinned = with_file(Question::Compact, &text, "web.yaml", &both).expect("an answer");
    assert_eq!((pinned[0].pinned, pinned[0].pods), (4, 4));
}

#[test]
fn daemons_belong_to_the_machines_that_are_left() {
    // Of eight cores, a daemon takes four on each machine, so that one pod fits beside it.
    let service = SERVICE.replace("cpu: 8", "cpu: 4");
    let daemon = service
        .replace("Deployment", "DaemonSet")
        .replace("  replicas: 4\n", "")
        .replace("name: web}", "name: agent}")
        .replace("app: web", "app: agent");
    let text = six(
        "{manifests: web.yaml}",
        "{name: kubernetes, controllers: {}}",
    );
    let alone = with_file(Question::Compact, &text, "web.yaml", &daemon).expect("an answer");
    // No daemon of a machine that is gone wants another.
    assert_eq!(alone[0].trials, [Some(1); 3]);
    let both = format!("{daemon}---\n{service}");
    let both = with_file(Question::Compact, &text, "web.yaml", &both).expect("an answer");
    assert_eq!(both[0].trials, [Some(4); 3]);
}

const FIRST_FIT: &str = "{name: pipeline, scheduler: {profile: first-fit}}";

const HEAD: &str = "submit,name,run_time,cpu,memory,members,tenant,priority";

#[test]
fn a_workload_grows_until_it_no_longer_fits() {
    let text = six("{trace: {format: csv, path: jobs.csv}}", FIRST_FIT);
    let rows = format!("{HEAD}\n0,a,10s,2,1Gi,1,ann,100\n");
    let found = with_file(Question::Inflate, &text, "jobs.csv", &rows).expect("an answer");
    // Twenty-four pods of two cores fit on six machines of eight.
    assert_eq!(found[0].trials, [Some(23); 3]);
    assert_eq!(found[0].stopped, 0);
    let text = text.replace(FIRST_FIT, "{name: fleet}");
    let found = with_file(Question::Inflate, &text, "jobs.csv", &rows).expect("an answer");
    assert_eq!(found[0].stopped, 3);
}

#[test]
fn jobs_beyond_a_quota_are_no_part_of_the_workload() {
    let system = "{name: borg, borg: {quota: [{tier: batch, cpu: 8}]}}";
    let text = six("{trace: {format: csv, path: jobs.csv}}", system);
    let rows = format!("{HEAD}\n0,a,10s,8,1Gi,1,ann,110\n0,b,10s,8,1Gi,2,ann,110\n");
    let found = with_file(Question::Compact, &text, "jobs.csv", &rows).expect("an answer");
    assert_eq!((found[0].pods, found[0].rejected), (1, 2));
    assert_eq!(found[0].trials, [Some(1); 3]);
}

#[test]
fn no_stage_waits_for_another_one() {
    let system = "{name: graphene, graphene: {stages: [{stage: a}, {stage: b, after: [a]}]}}";
    let text = six("{trace: {format: csv, path: jobs.csv}}", system);
    let rows = format!("{HEAD}\n0,j-a,10s,1,1Gi,1,ann,0\n0,j-b,10s,1,1Gi,1,ann,0\n");
    let found = with_file(Question::Compact, &text, "jobs.csv", &rows).expect("an answer");
    assert_eq!(found[0].trials, [Some(1); 3]);
}

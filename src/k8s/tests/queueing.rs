//! Objects of Kueue: what is read of them, and what is refused.

use super::super::{ManifestReader, Manifests};
use super::read;
use intake::Input;
use model::Object;
use model::queueing::{FairStrategy, TopologyConstraint};
use units::{Duration, Quantity};

fn with_jobs(text: &str) -> Result<Manifests, String> {
    let mut reader = ManifestReader::new().with_workloads();
    let input = Input::bytes("queues.yaml", text.as_bytes().to_vec());
    reader.read(&input).map_err(|error| error.to_string())?;
    Ok(reader.finish())
}

fn error(text: &str) -> String {
    with_jobs(text).expect_err("a bad manifest")
}

/// A queue of a cluster with these lines in its `spec`, indented by two.
fn queue(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: kueue.x-k8s.io/v1beta2\nkind: ClusterQueue\nmetadata: {{name: {name}}}\nspec:\n{spec}\n"
    )
}

/// The spec of a queue with this quota of one flavor.
fn quota(quota: &str) -> String {
    format!(
        "  resourceGroups:\n    - coveredResources: [cpu]\n      flavors:\n        \
         - {{name: f, resources: [{{name: cpu, {quota}}}]}}"
    )
}

#[test]
fn objects_of_queues_are_read() {
    let own = format!(
        "{}---\n{}",
        queue(
            "q",
            &format!("  cohort: c\n{}", quota("nominalQuota: 1500m"))
        )
        .replace("v1beta2", "v1beta1"),
        "apiVersion: kueue.x-k8s.io/v1beta2\nkind: LocalQueue\n\
         metadata: {name: l, namespace: n}\nspec: {clusterQueue: q}\n\
         ---\nkind: WorkloadPriorityClass\napiVersion: kueue.x-k8s.io/v1beta2\n\
         metadata: {name: high}\nvalue: 7\n\
         ---\nkind: Configuration\napiVersion: config.kueue.x-k8s.io/v1beta2\n\
         fairSharing: {preemptionStrategies: [LessThanInitialShare]}\n\
         ---\nkind: Job\napiVersion: batch/v1\n\
         metadata: {name: j, namespace: n, labels: {kueue.x-k8s.io/queue-name: l}}\n\
         spec: {template: {spec: {restartPolicy: Never, containers: [{name: c}]}}}\n"
    );
    let read = read(&own);
    let objects = &read.objects.queueing;
    assert_eq!(objects.queues[0].cohort.as_deref(), Some("c"));
    let nominal = objects.queues[0].groups[0].flavors[0].resources[0].nominal;
    assert_eq!(nominal, Quantity::from_milli(1500));
    assert_eq!(&*objects.local_queues[0].cluster_queue, "q");
    assert_eq!(objects.priorities.get("high"), Some(&7));
    let strategies = Some(vec![FairStrategy::LessThanInitialShare]);
    assert_eq!(objects.fair_sharing, strategies);
    assert_eq!(objects.len(), 4);
    assert!(read.ignored_kinds.is_empty() || read.ignored_kinds.len() == 1);
}

#[test]
fn fields_that_are_left_out_are_listed() {
    let own = queue(
        "q",
        "  admissionChecksStrategy: {admissionChecks: [{name: a, on: f}]}\n  chort: c",
    );
    let fields: Vec<String> = read(&own)
        .findings
        .into_iter()
        .map(|finding| finding.field)
        .collect();
    let expected = [
        "spec.admissionChecksStrategy.admissionChecks[0].on",
        "spec.chort",
    ];
    assert_eq!(fields, expected);
}

/// Kueue's configuration.
fn waits(rules: &str) -> String {
    format!("apiVersion: config.kueue.x-k8s.io/v1beta2\nkind: Configuration\n{rules}\n")
}

/// An admission check with an annotation.
fn check(annotation: &str) -> String {
    format!(
        "apiVersion: kueue.x-k8s.io/v1beta2\nkind: AdmissionCheck\n\
         metadata: {{name: c, annotations: {{{annotation}}}}}\nspec: {{controllerName: example.com/c}}\n"
    )
}

/// A job with a queue whose pods have wishes about a topology.
fn wish(annotations: &str) -> String {
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: j, labels: {{kueue.x-k8s.io/queue-name: l}}}}\n\
         spec:\n  template:\n    metadata: {{annotations: {{kueue.x-k8s.io/podset-{annotations}}}}}\n    \
         spec: {{restartPolicy: Never, containers: [{{name: c}}]}}\n"
    )
}

#[test]
fn what_workloads_have_to_pass_is_read() {
    let own = with_jobs(&format!(
        "{}---\n{}---\n{}",
        waits(
            "waitForPodsReady: {timeout: 5m, blockAdmission: true, \
             requeuingStrategy: {timestamp: Creation, backoffLimitCount: 3}}"
        ),
        check("windtunnel.dev/check-takes: 2m, windtunnel.dev/check-retries: 1"),
        wish(
            "required-topology: rack, kueue.x-k8s.io/podset-slice-required-topology: host, \
              kueue.x-k8s.io/podset-slice-size: '2'"
        ),
    ))
    .expect("it can be read");
    let objects = &own.objects.queueing;
    let waits = objects.wait_for_pods_ready.as_ref().expect("it is stated");
    assert_eq!(waits.timeout, Duration::from_secs(300));
    assert_eq!(waits.recovery_timeout, Some(waits.timeout));
    assert_eq!(
        (waits.backoff_limit, waits.blocks_admission),
        (Some(3), true)
    );
    let check = &objects.checks[0];
    assert_eq!((check.takes, check.retries), (Duration::from_secs(120), 1));
    let Object::Job(job) = &own.workloads[0].object else {
        panic!("a job");
    };
    let queue = job.queue.0.as_deref().expect("it has a queue");
    let topology = queue.topology.as_ref().expect("its pods have wishes");
    assert_eq!(
        topology.wish,
        Some(TopologyConstraint::Required("rack".into()))
    );
    assert_eq!(topology.slices[0].size, 2);
}

#[test]
fn contradictions_are_refused_at_their_fields() {
    let cohort = |name: &str, parent: &str| {
        format!(
            "---\napiVersion: kueue.x-k8s.io/v1beta2\nkind: Cohort\nmetadata: {{name: {name}}}\n\
             spec: {{parentName: {parent}}}\n"
        )
    };
    for (text, expected) in [
        (
            cohort("a", "b") + &cohort("b", "c") + &cohort("c", "a"),
            "document 3, Cohort `c`: spec.parentName: expected a cohort that is not below this one, \
             found `c -> a -> b -> c`",
        ),
        (
            queue("q", &quota("nominalQuota: 1, borrowingLimit: 2")),
            "ClusterQueue `q`: spec.resourceGroups[0].flavors[0].resources[0].borrowingLimit: expected \
             no limit, as there is no cohort, found `2`",
        ),
        (
            queue(
                "q",
                &format!(
                    "  cohortName: c\n{}",
                    quota("nominalQuota: 1, lendingLimit: 2")
                ),
            ),
            "ClusterQueue `q`: spec.resourceGroups[0].flavors[0].resources[0].lendingLimit: expected at \
             most the nominal quota 1, found `2`",
        ),
        (
            queue("q", "  fairSharing: {weight: -1}"),
            "ClusterQueue `q`: spec.fairSharing.weight: expected a quantity of 0 or more, found `-1`",
        ),
        (
            queue("q", "  stopPolicy: Now"),
            "ClusterQueue `q`: spec.stopPolicy: expected `None`, `Hold` or `HoldAndDrain`, found `Now`",
        ),
        (
            queue("q", "  cohortName: c") + "---\n" + &queue("q", "  cohortName: c"),
            "document 2, ClusterQueue `q`: metadata.name: expected a unique name, found `q`",
        ),
        (
            "apiVersion: kueue.x-k8s.io/v1beta2\nkind: LocalQueue\nmetadata: {name: l}\nspec: {}\n"
                .to_owned(),
            "LocalQueue `l`: spec.clusterQueue: expected a queue of the cluster, but it is missing",
        ),
        (
            "apiVersion: config.kueue.x-k8s.io/v1beta2\nkind: Configuration\n\
             fairSharing: {preemptionStrategies: [First]}\n"
                .to_owned(),
            "fairSharing.preemptionStrategies[0]: expected `LessThanOrEqualToFinalShare` or \
             `LessThanInitialShare`, found `\"First\"`",
        ),
    ] {
        let found = error(&text);
        assert!(found.contains(expected), "{found}\nlacks {expected}");
    }
}

#[test]
fn what_workloads_have_to_pass_is_checked() {
    for (text, expected) in [
        (
            waits("waitForPodsReady: {timeout: soon}"),
            "waitForPodsReady.timeout: expected a duration above 0, such as `5m`, found `soon`",
        ),
        (
            waits("waitForPodsReady: {requeuingStrategy: {timestamp: Now}}"),
            "waitForPodsReady.requeuingStrategy.timestamp: expected `Eviction` or `Creation`, found `Now`",
        ),
        (
            waits("waitForPodsReady: {requeuingStrategy: {backoffLimitCount: -1}}"),
            "backoffLimitCount: expected a number of attempts, 0 or more, found `-1`",
        ),
        (
            check("windtunnel.dev/check-answer: Perhaps"),
            "AdmissionCheck `c`: metadata.annotations[\"windtunnel.dev/check-answer\"]: expected `Ready`, \
             `Retry` or `Rejected`, found `Perhaps`",
        ),
        (
            check("windtunnel.dev/check-answer: Retry"),
            "metadata.annotations[\"windtunnel.dev/check-takes\"]: expected a time above 0",
        ),
        (
            wish("required-topology: rack, kueue.x-k8s.io/podset-preferred-topology: block"),
            "spec.template.metadata.annotations[\"kueue.x-k8s.io/podset-preferred-topology\"]: expected no \
             `kueue.x-k8s.io/podset-preferred-topology` beside `kueue.x-k8s.io/podset-required-topology`, \
             found `block`",
        ),
        (
            wish("slice-size: '2'"),
            "kueue.x-k8s.io/podset-slice-size\"]: expected `kueue.x-k8s.io/podset-slice-required-topology` \
             beside it, found `2`",
        ),
    ] {
        let found = error(&text);
        assert!(found.contains(expected), "{found}\nlacks {expected}");
    }
}

/// A set of jobs with these replicated jobs.
fn job_set(jobs: &str) -> String {
    format!(
        "apiVersion: jobset.x-k8s.io/v1alpha2\nkind: JobSet\n\
         metadata: {{name: s, labels: {{kueue.x-k8s.io/queue-name: l}}}}\n\
         spec:\n  replicatedJobs:\n{jobs}"
    )
}

/// A replicated job of a set.
fn replicated(name: &str, replicas: i32, pods: i32) -> String {
    format!(
        "    - name: {name}\n      replicas: {replicas}\n      template: {{spec: {{parallelism: {pods}, \
         completions: {pods}, template: {{spec: {{restartPolicy: Never, containers: [{{name: c}}]}}}}}}}}\n"
    )
}

#[test]
fn a_set_of_jobs_is_a_job_for_each_that_its_controller_makes() {
    let own = job_set(&(replicated("driver", 1, 1) + &replicated("worker", 2, 4)));
    let read = with_jobs(&own).expect("it can be read");
    let jobs = read
        .workloads
        .iter()
        .map(|workload| match &workload.object {
            Object::Job(job) => job,
            other => panic!("a job, not {other:?}"),
        });
    let told: Vec<String> = jobs
        .map(|job| {
            let queue = job.queue.0.as_deref().expect("a queue");
            let member = queue.member.as_deref().expect("a member");
            let pods = job.parallelism;
            let (number, replica) = (member.number, member.replica);
            format!(
                "{} {pods} {} {number} {replica} of {}",
                job.name, member.set, member.jobs
            )
        })
        .collect();
    let expected = [
        "s-driver-0 1 driver 0 0 of 3",
        "s-worker-0 4 worker 1 0 of 3",
        "s-worker-1 4 worker 1 1 of 3",
    ];
    assert_eq!(told, expected);
    assert!(read.findings.iter().all(|finding| finding.lacks_queues));
    let twice = error(&job_set(&(replicated("a", 1, 1) + &replicated("a", 1, 1))));
    let expected = "spec.replicatedJobs[1].name: expected each name once, found `a`";
    assert!(twice.contains(expected), "{twice}");
    let negative = error(&job_set(&replicated("a", -1, 1)));
    assert!(
        negative.contains("spec.replicatedJobs[0].replicas"),
        "{negative}"
    );
    let open = replicated("a", 1, 1).replace("restartPolicy: Never, ", "");
    let open = error(&job_set(&open));
    let expected = "spec.replicatedJobs[0].template.spec.template.spec.restartPolicy";
    assert!(open.contains(expected), "{open}");
}

#[test]
fn jobs_of_a_dumped_set_are_read_once() {
    let child = "---\napiVersion: batch/v1\nkind: Job\nmetadata:\n  name: s-a-0\n  ownerReferences: \
                 [{kind: JobSet, name: s, apiVersion: jobset.x-k8s.io/v1alpha2, uid: u, controller: true}]\n\
                 spec: {template: {spec: {restartPolicy: Never, containers: [{name: c}]}}}\n";
    let alone = with_jobs(&child[4..]).expect("it can be read");
    assert_eq!(alone.workloads.len(), 1);
    let both = with_jobs(&(job_set(&replicated("a", 1, 1)) + child)).expect("it can be read");
    assert_eq!(both.workloads.len(), 1);
    let Object::Job(job) = &both.workloads[0].object else {
        panic!("a job");
    };
    assert!(job.queue.0.is_some());
}

/// Jobs of a file as `NAME PODS WORKLOAD SET NUMBER of JOBS`.
fn told(yaml: &str) -> Vec<String> {
    told_of(&with_jobs(yaml).expect("it can be read"))
}

fn told_of(read: &Manifests) -> Vec<String> {
    assert!(read.pods.is_empty());
    let jobs = read
        .workloads
        .iter()
        .map(|workload| match &workload.object {
            Object::Job(job) => job,
            other => panic!("a job, not {other:?}"),
        });
    let told = jobs.map(|job| {
        let queue = job.queue.0.as_deref().expect("a queue");
        let own = queue.member.as_deref().expect("a member");
        let (name, pods, set) = (&job.name, job.parallelism, &own.set);
        format!(
            "{name} {pods} {} {set} {} of {}",
            own.workload, own.number, own.jobs
        )
    });
    told.collect()
}

const TEMPLATE: &str = "{spec: {containers: [{name: c}]}}";

fn of_kind(version: &str, kind: &str, spec: &str) -> String {
    format!(
        "apiVersion: {version}\nkind: {kind}\nmetadata: {{name: t, namespace: n, labels: \
         {{kueue.x-k8s.io/queue-name: jobs}}}}\nspec: {spec}\n"
    )
}

#[test]
fn roles_of_trainings_and_of_ray_are_pod_sets() {
    let spec = format!(
        "{{pytorchReplicaSpecs: {{Worker: {{replicas: 3, template: {TEMPLATE}}}, Master: {{template: {TEMPLATE}}}}}}}"
    );
    let training = of_kind("kubeflow.org/v1", "PyTorchJob", &spec);
    let expected = [
        "t-master 1 pytorchjob-t master 0 of 2",
        "t-worker 3 pytorchjob-t worker 1 of 2",
    ];
    assert_eq!(told(&training), expected);
    let other = error(&training.replace("Worker:", "Wroker:"));
    let expected =
        "spec.pytorchReplicaSpecs: expected roles among `Master`, `Worker`, found `Wroker`";
    assert!(other.contains(expected), "{other}");
    let negative = error(&training.replace("replicas: 3", "replicas: -3"));
    let expected = "spec.pytorchReplicaSpecs.Worker.replicas: expected a number from 0 to 100000";
    assert!(negative.contains(expected), "{negative}");
    let cluster = format!(
        "{{headGroupSpec: {{template: {TEMPLATE}}}, workerGroupSpecs: [{{groupName: gpu, replicas: 2, \
         numOfHosts: 2, template: {TEMPLATE}}}]}}"
    );
    let expected = [
        "t-head 1 raycluster-t head 0 of 2",
        "t-gpu 4 raycluster-t gpu 1 of 2",
    ];
    assert_eq!(
        told(&of_kind("ray.io/v1", "RayCluster", &cluster)),
        expected
    );
    let job = format!("{{rayClusterSpec: {cluster}}}");
    let jobs = told(&of_kind("ray.io/v1", "RayJob", &job));
    assert_eq!(jobs[2], "t-submitter 1 rayjob-t submitter 2 of 3");
}

#[test]
fn workers_of_ray_keep_to_their_bounds() {
    let pods = |group: &str| {
        let cluster = format!(
            "{{headGroupSpec: {{template: {TEMPLATE}}}, workerGroupSpecs: [{{groupName: w, {group}, \
             template: {TEMPLATE}}}]}}"
        );
        told(&of_kind("ray.io/v1", "RayCluster", &cluster)).remove(1)
    };
    for (group, expected) in [
        ("replicas: 20, minReplicas: 1, maxReplicas: 10", 10),
        ("replicas: 1, minReplicas: 3, numOfHosts: 2", 6),
        ("minReplicas: 2, maxReplicas: 2147483647", 2),
        ("maxReplicas: 5", 0),
        ("replicas: 5, suspend: true", 0),
    ] {
        let expected = format!("t-w {expected} raycluster-t w 1 of 2");
        assert_eq!(pods(group), expected, "{group}");
    }
    let refused = |group: &str| {
        error(&of_kind(
            "ray.io/v1",
            "RayCluster",
            &format!(
                "{{headGroupSpec: {{template: {TEMPLATE}}}, workerGroupSpecs: [{{{group}, template: {TEMPLATE}}}]}}"
            ),
        ))
    };
    let crossed = refused("groupName: w, minReplicas: 3, maxReplicas: 2");
    let expected =
        "spec.workerGroupSpecs[0].minReplicas: expected at most `maxReplicas`, 2, found `3`";
    assert!(crossed.contains(expected), "{crossed}");
    let unquoted = refused("groupName: off");
    let expected = "spec.workerGroupSpecs[0].groupName: expected a name (in quotes, for YAML)";
    assert!(unquoted.contains(expected), "{unquoted}");
}

#[test]
fn the_head_of_a_scaled_ray_has_its_autoscaler() {
    let cpu = |options: &str| {
        let cluster = format!(
            "{{enableInTreeAutoscaling: true, {options}headGroupSpec: {{template: {{spec: {{containers: \
             [{{name: c, resources: {{requests: {{cpu: 1}}}}}}]}}}}}}}}"
        );
        let read =
            with_jobs(&of_kind("ray.io/v1", "RayCluster", &cluster)).expect("it can be read");
        let Object::Job(job) = &read.workloads[0].object else {
            panic!("a job");
        };
        let requests = job.template.requests().expect("sums");
        requests.get("cpu").to_string()
    };
    assert_eq!(cpu(""), "1500m");
    let options = "autoscalerOptions: {resources: {requests: {cpu: 2}}}, ";
    assert_eq!(cpu(options), "3");
}

#[test]
fn queues_of_other_schedulers_are_told() {
    let cluster = format!("{{headGroupSpec: {{template: {TEMPLATE}}}}}");
    let cluster = of_kind("ray.io/v1", "RayCluster", &cluster);
    let cluster = cluster.replace("kueue.x-k8s.io/queue-name", "yunikorn.apache.org/queue");
    let read = with_jobs(&cluster).expect("it can be read");
    let told = read.findings.iter().map(ToString::to_string);
    let told: Vec<String> = told.collect();
    let expected = "RayCluster `n/t`: metadata.labels[\"yunikorn.apache.org/queue\"]: the queue `jobs` is not \
                    modelled; pods start at once";
    assert!(told.iter().any(|own| own.contains(expected)), "{told:?}");
}

#[test]
fn each_group_of_a_leader_and_its_workers_is_a_workload() {
    let version = "leaderworkerset.x-k8s.io/v1";
    let spec = format!(
        "{{replicas: 2, leaderWorkerTemplate: {{size: 4, leaderTemplate: {TEMPLATE}, workerTemplate: {TEMPLATE}}}}}"
    );
    let set = of_kind(version, "LeaderWorkerSet", &spec);
    let expected = [
        "t-0 1 leaderworkerset-t-0 leader 0 of 2",
        "t-0-worker 3 leaderworkerset-t-0 worker 1 of 2",
        "t-1 1 leaderworkerset-t-1 leader 0 of 2",
        "t-1-worker 3 leaderworkerset-t-1 worker 1 of 2",
    ];
    assert_eq!(told(&set), expected);
    let alike = set.replace(&format!("leaderTemplate: {TEMPLATE}, "), "");
    assert_eq!(told(&alike)[1], "t-1 4 leaderworkerset-t-1 main 0 of 1");
    let without = error(&set.replace(&format!(", workerTemplate: {TEMPLATE}"), ""));
    let expected = "spec.leaderWorkerTemplate.workerTemplate: expected a pod template";
    assert!(without.contains(expected), "{without}");
}

fn grouped(name: &str, image: &str, total: u32) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{kueue.x-k8s.io/queue-name: jobs, \
         kueue.x-k8s.io/pod-group-name: g}}, annotations: {{kueue.x-k8s.io/pod-group-total-count: \"{total}\"}}}}\n\
         spec: {{containers: [{{name: c, resources: {{requests: {{cpu: {image}}}}}}}]}}\n"
    )
}

#[test]
fn pods_of_a_group_are_one_workload() {
    let all = grouped("a", "1", 3) + &grouped("b", "2", 3) + &grouped("c", "2", 3);
    assert_eq!(told(&all), ["a 1 g a 0 of 2", "b 2 g b 1 of 2"]);
    // A group that is not complete waits for a job that never comes.
    let some = grouped("a", "1", 3) + &grouped("c", "1", 3);
    assert_eq!(told(&some), ["a 2 g main 0 of 2"]);
    // The rest of a group may stand in another file; a job of each file is a part of it.
    let rest = with_jobs(&(grouped("b", "2", 3) + &grouped("c", "1", 3))).expect("it can be read");
    let mut reader = ManifestReader::with_classes(rest.admission).with_workloads();
    let first = grouped("a", "1", 3);
    reader
        .read(&Input::bytes("a.yaml", first.as_bytes()))
        .expect("it can be read");
    assert_eq!(told_of(&reader.finish()), ["a 1 g c 1 of 3"]);
    let more = error(&(all + &grouped("d", "1", 3)));
    assert!(more.contains("expected a group of 3 pods"), "{more}");
    let other = error(&(grouped("a", "1", 3) + &grouped("b", "1", 2)));
    let expected = "expected 3, as other pods of the group `g` have it, found `2`";
    assert!(other.contains(expected), "{other}");
    let none = grouped("a", "1", 3).replace("pod-group-total-count", "other");
    assert!(error(&none).contains("expected a number from 1 to 100000, but it is missing"));
    let alone = grouped("a", "1", 1).replace("kueue.x-k8s.io/pod-group-name: g", "a: b");
    let alone = alone.replace("kueue.x-k8s.io/pod-group-total-count", "other");
    assert_eq!(told(&alone), ["a 1 pod-a main 0 of 1"]);
}

#[test]
fn jobs_of_a_set_have_priorities_of_their_own() {
    let classes = "---\napiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: high}\nvalue: 9\n";
    let high = replicated("a", 1, 1).replace("containers:", "priorityClassName: high, containers:");
    let read = with_jobs(&(job_set(&(high + &replicated("b", 1, 1))) + classes));
    let read = read.expect("it can be read");
    let priorities = read
        .workloads
        .iter()
        .filter_map(|workload| match &workload.object {
            Object::Job(job) => Some(job.template.priority),
            _ => None,
        });
    assert_eq!(priorities.collect::<Vec<i32>>(), [9, 0]);
}

#[test]
fn what_a_dumped_set_of_leaders_has_made_is_read_once() {
    let spec =
        format!("{{replicas: 1, leaderWorkerTemplate: {{size: 2, workerTemplate: {TEMPLATE}}}}}");
    let set = of_kind("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", &spec);
    let made = |name: &str, owner: &str| {
        format!(
            "---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: {name}, namespace: n, ownerReferences: \
             [{{{owner}, uid: u, controller: true}}]}}\nspec: {{selector: {{matchLabels: {{a: b}}}}, template: \
             {{metadata: {{labels: {{a: b}}}}, spec: {{containers: [{{name: c}}]}}}}}}\n"
        )
    };
    let leader = made(
        "t",
        "apiVersion: leaderworkerset.x-k8s.io/v1, kind: LeaderWorkerSet, name: t",
    );
    let workers = made("t-0", "apiVersion: v1, kind: Pod, name: t-0");
    assert_eq!(
        told(&(set + &leader + &workers)),
        ["t-0 2 leaderworkerset-t-0 main 0 of 1"]
    );
}

//! Queues of Kueue in an experiment: every wrong object is refused with its file, field and fix, and what
//! is right runs.

use crate::scratch::Scratch;

const EXPERIMENT: &str = "\
windtunnel: v1
name: queue-inputs
cluster:
  nodes:
    - name: n{}
      count: 2
      template:
        labels: {gpu: a100, rack: r1}
        allocatable: {cpu: 8, memory: 8Gi, pods: 9, nvidia.com/gpu: 4}
workload:
  - manifests: queues.yaml
system: {name: kubernetes, controllers: {}}
stop: {at: 1h}
";

const QUEUES: &str = "\
apiVersion: kueue.x-k8s.io/v1beta2
kind: ResourceFlavor
metadata: {name: a100}
spec: {nodeLabels: {gpu: a100}, topologyName: racks}
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: Topology
metadata: {name: racks}
spec: {levels: [{nodeLabel: rack}, {nodeLabel: kubernetes.io/hostname}]}
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: Cohort
metadata: {name: company}
spec: {parentName: root}
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: ClusterQueue
metadata: {name: lab}
spec:
  cohortName: company
  namespaceSelector: {}
  fairSharing: {weight: 1}
  preemption: {reclaimWithinCohort: Any, borrowWithinCohort: {policy: LowerPriority}}
  admissionChecksStrategy: {admissionChecks: [{name: budget}]}
  resourceGroups:
    - coveredResources: [nvidia.com/gpu]
      flavors:
        - name: a100
          resources: [{name: nvidia.com/gpu, nominalQuota: 8, borrowingLimit: 2}]
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: AdmissionCheck
metadata: {name: budget, annotations: {windtunnel.dev/check-takes: 1m}}
spec: {controllerName: example.com/budget}
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: LocalQueue
metadata: {name: jobs}
spec: {clusterQueue: lab}
---
apiVersion: config.kueue.x-k8s.io/v1beta2
kind: Configuration
waitForPodsReady: {timeout: 5m}
---
apiVersion: jobset.x-k8s.io/v1alpha2
kind: JobSet
metadata: {name: s, labels: {kueue.x-k8s.io/queue-name: jobs}}
spec:
  replicatedJobs:
    - name: worker
      replicas: 2
      template:
        spec:
          parallelism: 2
          completions: 2
          template:
            metadata: {annotations: {windtunnel.dev/run-time: 10m, kueue.x-k8s.io/podset-required-topology: rack}}
            spec:
              restartPolicy: Never
              containers: [{name: c, image: c, resources: {limits: {nvidia.com/gpu: 2}}}]
";

/// Pods of a group, behind the others in the queue.
const GROUP: &str = "\
---
apiVersion: v1
kind: Pod
metadata:
  name: x
  labels: {kueue.x-k8s.io/queue-name: jobs, kueue.x-k8s.io/pod-group-name: g}
  annotations: {windtunnel.dev/run-time: 5m, kueue.x-k8s.io/pod-group-total-count: '2'}
spec:
  restartPolicy: Never
  containers: [{name: c, image: c, resources: {limits: {nvidia.com/gpu: 1}}}]
---
apiVersion: v1
kind: Pod
metadata:
  name: y
  labels: {kueue.x-k8s.io/queue-name: jobs, kueue.x-k8s.io/pod-group-name: g}
  annotations: {windtunnel.dev/run-time: 5m, kueue.x-k8s.io/pod-group-total-count: '2'}
spec:
  restartPolicy: Never
  containers: [{name: c, image: c, resources: {limits: {nvidia.com/gpu: 1}}}]
";

fn scratch(queues: &str) -> Scratch {
    let files = [("a.yaml", EXPERIMENT), ("queues.yaml", queues)];
    Scratch::new("queue-inputs", &files)
}

#[test]
fn jobs_of_a_set_get_places_in_a_rack_after_their_check() {
    let scratch = scratch(QUEUES);
    scratch.run(&["run", "a.yaml", "--out", "out"], 0);
    let summary = scratch.summary("out");
    let value = |id: &str| {
        let metrics = &summary.variants[0].metrics;
        metrics.get(id).and_then(|own| own.value)
    };
    assert_eq!(value("quota_wait.admitted"), Some(1.0));
    assert_eq!(value("quota_wait.mean"), Some(60.0));
    assert_eq!(value("pending_time.max"), Some(60.0));
    assert_eq!(value("queue_evictions.not_ready"), Some(0.0));
    let queue = &summary.variants[0].queues[0];
    let priority = &queue.priorities[0];
    assert_eq!(
        (priority.priority, priority.admitted, priority.wait_mean_s),
        (0, 1, 60.0)
    );
    // 8 of 8 GPUs for 11 min of the hour, from the reservation on.
    let timeline = queue.timeline.as_ref().expect("time passed");
    assert_eq!(timeline.share.len(), timeline.waiting.len());
    assert_eq!(timeline.share.first(), Some(&1.0));
    assert_eq!(timeline.share.last(), Some(&0.0));
    assert_eq!(
        (queue.uses[0].nominal, queue.uses[0].held.first()),
        (8.0, Some(&8.0))
    );
    let report = scratch.text("out/report.html");
    assert!(report.contains("<h2 id=\"queue-0\">Queue lab</h2>"));
    assert!(report.contains("Queue lab over time"));
}

/// Correct text, the fault that takes its place, the place that is named, and what is said of it.
const WRONG: [(&str, &str, &str, &str); 20] = [
    (
        "topologyName: racks",
        "topologyName: rack",
        "queues.yaml: ResourceFlavor `a100`: spec.topologyName:",
        "no file declares the Topology `rack`; did you mean `racks`?",
    ),
    (
        "{nodeLabel: rack}, ",
        "{nodeLabel: block}, ",
        "Topology `racks`: spec.levels[0].nodeLabel:",
        "no node of the ResourceFlavor `a100` has the label `block`",
    ),
    (
        "{nodeLabel: rack}, ",
        "{nodeLabel: rack}, {nodeLabel: rack}, ",
        "document 2, Topology `racks`: spec.levels[1].nodeLabel:",
        "expected each level once, found `rack`",
    ),
    (
        "parentName: root",
        "parentName: company",
        "document 3, Cohort `company`: spec.parentName:",
        "expected a cohort that is not below this one, found `company -> company`",
    ),
    (
        "  cohortName: company\n",
        "",
        "document 4, ClusterQueue `lab`: spec.resourceGroups[0].flavors[0].resources[0].borrowingLimit:",
        "expected no limit, as there is no cohort, found `2`",
    ),
    (
        "weight: 1",
        "weight: -1",
        "document 4, ClusterQueue `lab`: spec.fairSharing.weight:",
        "expected a quantity of 0 or more, found `-1`",
    ),
    (
        "reclaimWithinCohort: Any",
        "reclaimWithinCohort: Never",
        "document 4, ClusterQueue `lab`: spec.preemption.borrowWithinCohort.policy:",
        "expected `Never`, as `reclaimWithinCohort` is `Never`, found `LowerPriority`",
    ),
    (
        "admissionChecks: [{name: budget}]",
        "admissionChecks: [{name: budge}]",
        "queues.yaml: ClusterQueue `lab`: spec.admissionChecksStrategy.admissionChecks:",
        "no file declares the AdmissionCheck `budge`; did you mean `budget`?",
    ),
    (
        "        - name: a100\n",
        "        - name: h100\n",
        "queues.yaml: ClusterQueue `lab`: spec.resourceGroups[0].flavors[0].name:",
        "no file declares the ResourceFlavor `h100`; did you mean `a100`?",
    ),
    (
        "        - name: a100\n          resources: [{name: nvidia.com/gpu, nominalQuota: 8, borrowingLimit: 2}]\n",
        "        - name: a100\n          resources: [{name: nvidia.com/gpu, nominalQuota: 8}]\n        - name: a100\n          resources: [{name: nvidia.com/gpu, nominalQuota: 8}]\n",
        "document 4, ClusterQueue `lab`: spec.resourceGroups[0].flavors[1].name:",
        "expected each flavor once, found `a100`",
    ),
    (
        "coveredResources: [nvidia.com/gpu]",
        "coveredResources: [nvidia.com/gpu, cpu]",
        "document 4, ClusterQueue `lab`: spec.resourceGroups[0].flavors[0].resources:",
        "expected a quota of cpu, but it is missing",
    ),
    (
        "nominalQuota: 8, borrowingLimit: 2",
        "nominalQuota: 8, lendingLimit: 9",
        "document 4, ClusterQueue `lab`: spec.resourceGroups[0].flavors[0].resources[0].lendingLimit:",
        "expected at most the nominal quota 8, found `9`",
    ),
    (
        "check-takes: 1m",
        "check-takes: soon",
        "document 5, AdmissionCheck `budget`: metadata.annotations[\"windtunnel.dev/check-takes\"]:",
        "expected a duration of 0 or more",
    ),
    (
        "clusterQueue: lab",
        "clusterQueue: labs",
        "queues.yaml: LocalQueue `default/jobs`: spec.clusterQueue:",
        "no file declares the ClusterQueue `labs`; did you mean `lab`?",
    ),
    (
        "kind: Configuration\n",
        "kind: Configuration\nmetadata: {annotations: {windtunnel.dev/equal-shares: first}}\n",
        "document 7, Configuration: metadata.annotations[\"windtunnel.dev/equal-shares\"]:",
        "expected `last` or `random`, found `first`",
    ),
    (
        "timeout: 5m",
        "timeout: 0s",
        "document 7, Configuration: waitForPodsReady.timeout:",
        "expected a duration above 0, such as `5m`, found `0s`",
    ),
    (
        "timeout: 5m",
        "requeuingStrategy: {timestamp: Later}",
        "document 7, Configuration: waitForPodsReady.requeuingStrategy.timestamp:",
        "expected `Eviction` or `Creation`, found `Later`",
    ),
    (
        "    - name: worker\n      replicas: 2",
        "    - name: worker\n      replicas: -2",
        "queues.yaml: line 51, document 8, JobSet `s`: spec.replicatedJobs[0].replicas:",
        "expected a number of jobs from 0",
    ),
    (
        "podset-required-topology: rack",
        "podset-unconstrained-topology: maybe",
        "JobSet `s`: spec.replicatedJobs[0].template.spec.template.metadata.annotations[\"kueue.x-k8s.io/podset-unconstrained-topology\"]:",
        "expected `true` or `false`, found `maybe`",
    ),
    (
        "podset-required-topology: rack",
        "podset-slice-size: '0'",
        "kueue.x-k8s.io/podset-slice-size\"]:",
        "expected a number of pods, 1 or more, found `0`",
    ),
];

#[test]
fn wrong_queues_are_refused_in_words() {
    for (right, wrong, place, expected) in WRONG {
        assert!(QUEUES.contains(right), "{right}");
        let said =
            scratch(&QUEUES.replacen(right, wrong, 1)).run(&["run", "a.yaml", "--out", "out"], 2);
        let words = format!("{place} {expected}");
        assert!(said.contains(&words), "{wrong}: expected {words}: {said}");
    }
}

/// A queue of eight CPUs, of which a workload holds six.
const HELD: &str = "\
apiVersion: kueue.x-k8s.io/v1beta2
kind: ResourceFlavor
metadata: {name: spot}
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: ClusterQueue
metadata: {name: lab}
spec:
  namespaceSelector: {}
  resourceGroups:
    - coveredResources: [cpu]
      flavors: [{name: spot, resources: [{name: cpu, nominalQuota: 8}]}]
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: LocalQueue
metadata: {name: jobs}
spec: {clusterQueue: lab}
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: Workload
metadata: {name: held, namespace: default, creationTimestamp: '2026-03-02T08:00:00Z'}
spec: {queueName: jobs, podSets: [{name: main, count: 6, template: {spec: {containers: [{name: c, resources: {requests: {cpu: 1}}}]}}}]}
status:
  admission:
    clusterQueue: lab
    podSetAssignments: [{name: main, count: 6, flavors: {cpu: spot}, resourceUsage: {cpu: 6}}]
  conditions:
    - {type: QuotaReserved, status: 'True', reason: QuotaReserved, lastTransitionTime: '2026-03-02T08:00:00Z'}
    - {type: Admitted, status: 'True', reason: Admitted, lastTransitionTime: '2026-03-02T08:00:00Z'}
";

const JOB: &str = "\
apiVersion: batch/v1
kind: Job
metadata: {name: new, labels: {kueue.x-k8s.io/queue-name: jobs}}
spec:
  parallelism: 4
  completions: 4
  template:
    spec:
      restartPolicy: Never
      containers: [{name: c, image: c, resources: {requests: {cpu: 1}}}]
";

#[test]
fn questions_count_all_quota_that_is_held_and_name_what_is_wrong() {
    let ask = |held: &str, job: &str, code: i32| {
        let files = [("held.yaml", held), ("job.yaml", job)];
        Scratch::new("queue-held", &files).run(&["queue", "held.yaml", "job.yaml"], code)
    };
    let waits = "default/new waits, as the first of its queue";
    assert!(ask(HELD, JOB, 100).contains(waits));
    // What is held counts whatever its LocalQueue is.
    let elsewhere = HELD.replace("queueName: jobs", "queueName: gone");
    let said = ask(&elsewhere, JOB, 100);
    assert!(said.contains(waits), "{said}");
    for (right, wrong, expected) in [
        (
            "    clusterQueue: lab\n",
            "    clusterQueue: labs\n",
            "held.yaml: Workload `default/held`: status.admission.clusterQueue: no file declares the \
             ClusterQueue `labs`; did you mean `lab`?",
        ),
        (
            "flavors: {cpu: spot}",
            "flavors: {cpu: spto}",
            "held.yaml: Workload `default/held`: status.admission.podSetAssignments[0].flavors[\"cpu\"]: no \
             file declares the ResourceFlavor `spto`; did you mean `spot`?",
        ),
    ] {
        let said = ask(&HELD.replace(right, wrong), JOB, 2);
        assert!(said.contains(expected), "{said}");
    }
    for (right, wrong, expected) in [
        (
            "parallelism: 4",
            "parallelism: -3",
            "job.yaml: line 5, document 1, Job `new`: spec.parallelism: -3 is negative",
        ),
        (
            "cpu: 1",
            "cpu: x",
            "resources.requests[\"cpu\"]: `x` is not a quantity",
        ),
    ] {
        let said = ask(HELD, &JOB.replace(right, wrong), 2);
        assert!(said.contains(expected), "{said}");
    }
}

/// Gangs of Kubernetes' own API, on a pod and in a template.
#[test]
fn gangs_that_are_not_modelled_are_refused_by_name() {
    let pod = "\
---
apiVersion: v1
kind: Pod
metadata: {name: x}
spec:
  workloadRef: {name: w, podGroup: g}
  containers: [{name: c, image: c}]
";
    let template = "            spec:\n              restartPolicy: Never\n";
    let in_template = QUEUES.replacen(
        template,
        &format!("{template}              schedulingGroup: {{podGroupName: g}}\n"),
        1,
    );
    for (queues, expected) in [
        (
            [QUEUES, pod].concat(),
            "document 9, Pod `x`: spec.workloadRef: expected no gang of Kubernetes' own API",
        ),
        (
            in_template,
            "spec.replicatedJobs[0].template.spec.template.spec.schedulingGroup: expected no gang",
        ),
    ] {
        let said = scratch(&queues).run(&["run", "a.yaml", "--out", "out"], 2);
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn pods_of_groups_that_disagree_are_refused_in_words() {
    let cases = [
        (
            "total-count: '2'",
            "total-count: '3'",
            "expected 3, as other pods of the group `g` have it, found `2`",
        ),
        (
            "total-count: '2'",
            "total-count: '0'",
            "pod-group-total-count\"]: expected a number from 1 to 100000, found `0`",
        ),
        (
            ", kueue.x-k8s.io/pod-group-total-count: '2'",
            "",
            "pod-group-total-count\"]: expected a number from 1 to 100000, but it is missing",
        ),
        (
            "queue-name: jobs",
            "queue-name: other",
            "expected `other`, the queue of other pods of the group `g`, found `jobs`",
        ),
    ];
    for (right, wrong, expected) in cases {
        assert!(GROUP.contains(right), "{right}");
        let queues = [QUEUES, &GROUP.replacen(right, wrong, 1)].concat();
        let said = scratch(&queues).run(&["run", "a.yaml", "--out", "out"], 2);
        assert!(said.contains(expected), "{wrong}: {said}");
    }
}

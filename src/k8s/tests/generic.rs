//! Workloads of Kueue without an owner, and layers of slices.

use crate::ManifestReader;
use intake::Input;
use model::Object;
use model::queueing::TopologySlice;
use model::workload::Job;
use std::sync::Arc;

const WORKLOAD: &str = "\
apiVersion: kueue.x-k8s.io/v1beta2
kind: Workload
metadata: {name: w, namespace: lab}
spec:
  queueName: jobs
  priority: 7
  podSets:
    - name: driver
      count: 1
      template:
        metadata: {annotations: {windtunnel.dev/run-time: 5m}}
        spec: {restartPolicy: Never, containers: [{name: c, image: c}]}
    - name: worker
      count: 4
      topologyRequest: {required: rack}
      template:
        metadata: {annotations: {windtunnel.dev/run-time: 5m}}
        spec: {restartPolicy: Never, containers: [{name: c, image: c}]}
";

fn jobs(text: &str) -> Vec<Arc<Job>> {
    let mut reader = ManifestReader::default().with_everything();
    let input = Input::bytes("w.yaml", text.as_bytes().to_vec());
    reader.read(&input).expect("objects");
    let read = reader.finish();
    assert_eq!(read.objects.queueing.workloads.len(), 1);
    let jobs = read
        .workloads
        .iter()
        .filter_map(|workload| match &workload.object {
            Object::Job(job) => Some(Arc::clone(job)),
            _ => None,
        });
    jobs.collect()
}

#[test]
fn a_workload_without_an_owner_is_a_job_of_its_own() {
    let all = jobs(WORKLOAD);
    let told = all.iter().map(|job| {
        let queue = job.queue.0.as_ref().expect("a queue");
        let member = queue.member.as_ref().expect("a workload");
        assert_eq!(
            (&*queue.name, &*member.workload, member.jobs),
            ("jobs", "w", 2)
        );
        assert_eq!(job.template.priority, 7);
        assert!(job.template.life.is_some());
        (
            job.name.to_string(),
            job.parallelism,
            member.set.to_string(),
            queue.topology.is_some(),
        )
    });
    let expected = [
        ("w-driver".to_owned(), 1, "driver".to_owned(), false),
        ("w-worker".to_owned(), 4, "worker".to_owned(), true),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[test]
fn a_workload_that_is_owned_or_holds_quota_makes_no_jobs() {
    let owned = "metadata: {name: w, namespace: lab, ownerReferences: [{apiVersion: example.com/v1, kind: Gizmo, name: g, uid: u}]}";
    let stated = "metadata: {name: w, namespace: lab}";
    assert!(jobs(&WORKLOAD.replacen(stated, owned, 1)).is_empty());
    let held =
        format!("{WORKLOAD}status: {{admission: {{clusterQueue: q, podSetAssignments: []}}}}\n");
    assert!(jobs(&held).is_empty());
    let inactive = WORKLOAD.replacen("queueName: jobs", "queueName: jobs\n  active: false", 1);
    assert!(jobs(&inactive).is_empty());
}

#[test]
fn layers_of_slices_are_read_from_one_annotation() {
    let key = "kueue.x-k8s.io/podset-slice-required-topology-constraints";
    let read = |value: &str| {
        let job = format!(
            "apiVersion: kueue.x-k8s.io/v1beta2\nkind: ClusterQueue\nmetadata: {{name: c}}\nspec:\n  \
             resourceGroups: [{{coveredResources: [cpu], flavors: [{{name: f, resources: \
             [{{name: cpu, nominalQuota: 1}}]}}]}}]\n---\n\
             apiVersion: batch/v1\nkind: Job\nmetadata: {{name: j, labels: {{kueue.x-k8s.io/queue-name: q}}}}\n\
             spec:\n  template:\n    metadata:\n      annotations:\n        {key}: '{value}'\n    \
             spec: {{restartPolicy: Never, containers: [{{name: c, image: c}}]}}\n"
        );
        let mut reader = ManifestReader::new().with_workloads();
        let read = reader.read(&Input::bytes("j.yaml", job.into_bytes()));
        read.map_err(|error| error.to_string())?;
        let read = reader.finish();
        let Some(Object::Job(job)) = read
            .workloads
            .first()
            .map(|workload| workload.object.clone())
        else {
            return Err("no job".to_owned());
        };
        let queue = job.queue.0.clone().ok_or("no queue")?;
        Ok(queue
            .topology
            .clone()
            .map_or_else(Vec::new, |topology| topology.slices))
    };
    let slice = |level: &str, size| TopologySlice {
        level: level.into(),
        size,
    };
    let found = read(r#"[{"topology": "block", "size": 8}, {"topology": "rack", "size": "4"}]"#);
    assert_eq!(found, Ok(vec![slice("block", 8), slice("rack", 4)]));
    for wrong in ["[]", "rack", r#"[{"topology": "rack", "size": 0}]"#] {
        let said = read(wrong).expect_err(wrong);
        assert!(
            said.contains("one to three layers") && said.contains(key),
            "{said}"
        );
    }
}

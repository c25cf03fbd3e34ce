//! Tests of `intake::unknown_columns` on real formats.

use crate::registry;
use crate::tests::prelude::*;
use intake::ledger::Ledger;

fn ledger(name: &str, text: &str) -> Ledger {
    let input = Input::bytes("t", text.as_bytes().to_vec());
    let entry = registry::recognize(&input).expect("known");
    assert_eq!(entry.name, name);
    let options = options_with(|own| own.rows = RowPolicy::REPORT);
    match entry.open {
        Constructor::Workload(open) => {
            let mut source = open(&input, &options).expect("a table");
            Recorded::collect(&mut *source).expect("good").ledger
        }
        Constructor::Nodes(read) => read(&input, &options).expect("a table").ledger,
    }
}

#[test]
fn columns_that_no_format_knows_are_told() {
    for (name, text) in [
        (
            "openb-pods",
            "name,cpu_milli,memory_mib,num_gpu,gpu_milli,zone\na,1,1,0,0,z\n",
        ),
        (
            "openb-nodes",
            "sn,cpu_milli,memory_mib,gpu,model,zone\na,1,1,0,,z\n",
        ),
        (
            "tiresias-jobs",
            "job_id,num_gpu,submit_time,iterations,model_name,duration,interval,zone\n0,1,0,6,v,1,3,7\n",
        ),
        (
            "philly-table",
            "timestamp,duration,num_gpus,gpu_time,cluster,zone\n2017-10-09 07:01:55,6,1,6,a,z\n",
        ),
        (
            "sacct",
            "JobID|Submit|Start|End|AllocCPUS|zone\n1|2024-03-01T10:00:00|Unknown|Unknown|1|z\n",
        ),
        (
            "gwf",
            "WorkflowID, JobID, SubmitTime, RunTime, NProcs, ReqNProcs, zone\n0, 1, 0, 1, 1, 1, z\n",
        ),
    ] {
        let ledger = ledger(name, text);
        assert_eq!(ledger.count("column `zone`, not used"), 1, "{name}");
    }
    let two = "app,func,end_timestamp,duration,zone,,row\na,b,1,1,z,,1\n";
    let ledger = ledger("azure-functions-2021", two);
    assert_eq!(ledger.count("columns `zone`, `row`, not used"), 1);
}

#[test]
fn columns_that_the_publisher_has_are_not_told() {
    let rows = "time,type,collection_id,instance_index,priority,alloc_instance_index,zone\n\
                600000000,0,1,0,0,-1,z\n";
    let ledger = ledger("google-2019-instances", rows);
    assert_eq!(ledger.count("column `zone`, not used"), 1);
}

#[test]
fn keys_of_recordings_that_their_apis_do_not_know_are_told() {
    let job = r#"{"jobs": [{"allocation_nodes": 1, "job_id": 1, "name": "a", "colour": 1, "required": {"CPUs": 1},
"time": {"submission": 1700000000, "start": 1700000000, "end": 1700000009}}]}"#;
    assert_eq!(ledger("sacct", job).count("key `colour`, not used"), 1);
    let events = r#"{"items": [
{"kind": "Event", "involvedObject": {"kind": "Pod", "name": "a", "zone": "z"}, "reason": "Started", "colour": 1,
"firstTimestamp": "2024-03-01T10:00:05Z", "source": {"component": "kubelet"}}]}"#;
    let events = ledger("kubernetes-events", events);
    assert_eq!(events.count("key `colour`, not used"), 1);
    assert_eq!(events.count("key `involvedObject.zone`, not used"), 1);
    let request = r#"{"kind": "Event", "apiVersion": "audit.k8s.io/v1", "auditID": "1", "stage": "ResponseComplete", "verb": "create", "colour": 1, "objectRef": {"resource": "pods", "name": "a", "namespace": "n"}, "stageTimestamp": "2024-03-01T10:00:05Z", "responseObject": {"spec": {"nodeselector": {"a": "b"}, "containers": [{"name": "c", "resource": {"a": 1}}]}}}"#;
    let audit = ledger("kubernetes-audit", request);
    for key in ["colour", "spec.nodeselector", "spec.containers.resource"] {
        assert_eq!(audit.count(&format!("key `{key}`, not used")), 1, "{key}");
    }
    let google = r#"{"time": "600000000", "type": "0", "collection_id": "1", "instance_index": "0", "priority": "0", "zone": "z", "resource_request": {"cpus": 0.1, "gpus": 1}, "alloc_instance_index": "-1"}"#;
    let google = ledger("google-2019-instances", google);
    assert_eq!(google.count("key `zone`, not used"), 1);
    assert_eq!(google.count("key `resource_request.gpus`, not used"), 1);
    assert_eq!(google.count("key `alloc_instance_index`, not used"), 0);
}

#[test]
fn keys_without_number_are_told_together() {
    let keys: Vec<String> = (0..40).map(|key| format!("\"k{key}\": 1")).collect();
    let events = format!(
        "{{\"items\": [{{\"kind\": \"Event\", \"involvedObject\": {{\"kind\": \"Pod\", \"name\": \"a\"}}, \
         \"reason\": \"Started\", \"firstTimestamp\": \"2024-03-01T10:00:05Z\", {}}}]}}",
        keys.join(", ")
    );
    let events = ledger("kubernetes-events", &events);
    assert_eq!(events.count("another key, not used"), 8);
    let entries = events.entries().iter();
    let told = entries.filter(|own| own.kind.starts_with("key `"));
    assert_eq!(told.count(), 32);
}

#[test]
fn keys_that_no_format_knows_are_told() {
    let workload = r#"{"jobs": [{"id": 1, "subtime": 0, "res": 1, "profile": "d", "after": [2]}],
"profiles": {"d": {"type": "delay", "delay": 2}}}"#;
    let kind = "key `after`, not used";
    assert_eq!(ledger("batsim", workload).count(kind), 1);
    let log = r#"[{"jobid": "j", "submitted_time": "2017-10-09 07:00:00", "after": 1, "attempts":
[{"start_time": "2017-10-09 07:01:00", "end_time": null, "detail": [{"gpus": ["a"]}]}]}]"#;
    assert_eq!(ledger("philly", log).count(kind), 1);
    let flow = r#"{"schemaVersion": "1.4", "workflow": {"tasks": [
{"name": "a", "runtime": 1, "cores": 1, "memory": 5, "files": [], "after": 1, "priority": 20}]}}"#;
    let ledger = ledger("wfformat", flow);
    assert_eq!(ledger.count(kind), 1);
    assert_eq!(ledger.count("memory that a task took, not requested"), 1);
    assert_eq!(ledger.count("priority of a task, not heeded"), 1);
    assert_eq!(ledger.total(), 3);
}

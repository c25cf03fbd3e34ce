//! Arrivals of one instant in the order of their file, whatever a reader holds back until its record is whole (spec:
//! traces.md, section 0).

use crate::registry::find;
use crate::tests::prelude::*;

/// Files of formats whose readers hold records back: those that end first, or at all, stand neither first nor last.
const HELD_BACK: &[(&str, &str)] = &[
    (
        "sacct",
        "JobID|Submit|Start|End|AllocCPUS|State\n\
         a|2024-03-01T10:00:00|2024-03-01T10:00:00|Unknown|96|RUNNING\n\
         b|2024-03-01T10:00:00|2024-03-01T10:00:00|2024-03-01T11:00:00|96|COMPLETED\n\
         c|2024-03-01T10:00:00|2024-03-01T10:00:00|Unknown|96|RUNNING\n\
         d|2024-03-01T10:00:00|2024-03-01T10:00:00|2024-03-01T10:30:00|96|COMPLETED\n",
    ),
    (
        "kubernetes-audit",
        r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"1","stage":"ResponseComplete","verb":"create","objectRef":{"resource":"pods","namespace":"n","name":"a"},"stageTimestamp":"2024-03-01T10:00:01.000000Z"}
{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"2","stage":"ResponseComplete","verb":"create","objectRef":{"resource":"pods","namespace":"n","name":"b"},"stageTimestamp":"2024-03-01T10:00:01.000000Z"}
{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"3","stage":"ResponseComplete","verb":"create","objectRef":{"resource":"pods","namespace":"n","name":"c"},"stageTimestamp":"2024-03-01T10:00:01.000000Z"}
{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"4","stage":"ResponseComplete","verb":"create","objectRef":{"resource":"pods","namespace":"n","name":"d"},"stageTimestamp":"2024-03-01T10:00:01.000000Z"}
{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"5","stage":"ResponseComplete","verb":"delete","objectRef":{"resource":"pods","namespace":"n","name":"d"},"stageTimestamp":"2024-03-01T10:00:05.000000Z"}
{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"6","stage":"ResponseComplete","verb":"delete","objectRef":{"resource":"pods","namespace":"n","name":"b"},"stageTimestamp":"2024-03-01T10:00:09.000000Z"}
"#,
    ),
    (
        "kubernetes-events",
        r#"{"items": [
{"kind": "Event", "involvedObject": {"kind": "Pod", "namespace": "n", "name": "a"}, "reason": "Scheduled", "firstTimestamp": "2024-03-01T10:00:01Z"},
{"kind": "Event", "involvedObject": {"kind": "Pod", "namespace": "n", "name": "b"}, "reason": "Scheduled", "firstTimestamp": "2024-03-01T10:00:01Z"},
{"kind": "Event", "involvedObject": {"kind": "Pod", "namespace": "n", "name": "c"}, "reason": "Scheduled", "firstTimestamp": "2024-03-01T10:00:01Z"},
{"kind": "Event", "involvedObject": {"kind": "Pod", "namespace": "n", "name": "d"}, "reason": "Scheduled", "firstTimestamp": "2024-03-01T10:00:01Z"},
{"kind": "Event", "involvedObject": {"kind": "Pod", "namespace": "n", "name": "d"}, "reason": "Killing", "firstTimestamp": "2024-03-01T10:00:05Z"},
{"kind": "Event", "involvedObject": {"kind": "Pod", "namespace": "n", "name": "b"}, "reason": "Killing", "firstTimestamp": "2024-03-01T10:00:09Z"}]}"#,
    ),
    (
        "google-2011-tasks",
        "600000000,,1,0,,0,u,2,9,0.5,0.25,,0\n600000000,,2,0,,0,u,2,9,0.5,0.25,,0\n\
         600000000,,3,0,,0,u,2,9,0.5,0.25,,0\n600000000,,4,0,,0,u,2,9,0.5,0.25,,0\n\
         610000000,,4,0,5,1,u,2,9,0.5,0.25,,0\n610000000,,2,0,5,1,u,2,9,0.5,0.25,,0\n\
         620000000,,4,0,5,4,u,2,9,0.5,0.25,,0\n630000000,,2,0,5,4,u,2,9,0.5,0.25,,0\n",
    ),
    (
        "google-2019-instances",
        "time,type,collection_id,instance_index,priority\n\
         600000000,0,1,0,9\n600000000,0,2,0,9\n600000000,0,3,0,9\n600000000,0,4,0,9\n\
         610000000,3,4,0,9\n610000000,3,2,0,9\n620000000,6,4,0,9\n630000000,6,2,0,9\n",
    ),
    (
        "google-2011-usage",
        "600000000,900000000,1,0,5,0.1,0.1,0,0,0,0,0,0,0.1,0,2,0.01,1,1,0.1\n\
         600000000,700000000,2,0,5,0.1,0.1,0,0,0,0,0,0,0.1,0,2,0.01,1,1,0.1\n\
         600000000,900000000,3,0,5,0.1,0.1,0,0,0,0,0,0,0.1,0,2,0.01,1,1,0.1\n\
         600000000,650000000,4,0,5,0.1,0.1,0,0,0,0,0,0,0.1,0,2,0.01,1,1,0.1\n",
    ),
    (
        "alibaba-2017-services",
        "0,Create,1,5,4,0.1,,1\n0,Create,2,5,4,0.1,,1\n0,Create,3,5,4,0.1,,1\n0,Create,4,5,4,0.1,,1\n\
         50,Remove,4,5,4,0.1,,1\n60,Remove,2,5,4,0.1,,1\n",
    ),
    (
        "alibaba-2018-containers",
        "c_1,m_1,0,app_1,started,400,400,1.56\nc_2,m_1,0,app_1,started,400,400,1.56\n\
         c_3,m_1,0,app_1,started,400,400,1.56\nc_4,m_1,0,app_1,started,400,400,1.56\n\
         c_4,m_1,50,app_1,stopped,400,400,1.56\nc_2,m_1,60,app_1,stopped,400,400,1.56\n",
    ),
    (
        "alibaba-2018-tasks",
        "M1,1,j_1,1,Running,100,0,50,0.39\nM1,1,j_2,1,Terminated,100,170,50,0.39\n\
         M1,1,j_3,1,Running,100,0,50,0.39\nM1,1,j_4,1,Terminated,100,150,50,0.39\n",
    ),
    (
        "openb-pods",
        "name,cpu_milli,memory_mib,num_gpu,gpu_milli,creation_time,deletion_time\n\
         a,1,1,0,0,5,\nb,1,1,0,0,5,9\nc,1,1,0,0,5,\nd,1,1,0,0,5,7\n",
    ),
    (
        "alibaba-gpu-2020-tasks",
        "j1,w,1.0,Running,100.0,,600,29.3,50,MISC\nj2,w,1.0,Terminated,100.0,190.0,600,29.3,50,MISC\n\
         j3,w,1.0,Running,100.0,,600,29.3,50,MISC\nj4,w,1.0,Terminated,100.0,150.0,600,29.3,50,MISC\n",
    ),
    (
        "prometheus",
        r#"{"status": "success", "data": {"resultType": "matrix", "result": [
{"metric": {"__name__": "kube_pod_info", "namespace": "n", "pod": "a"}, "values": [[1709287200, "1"], [1709287260, "1"]]},
{"metric": {"__name__": "kube_pod_info", "namespace": "n", "pod": "b"}, "values": [[1709287200, "1"]]},
{"metric": {"__name__": "kube_pod_info", "namespace": "n", "pod": "c"}, "values": [[1709287200, "1"], [1709287260, "1"]]},
{"metric": {"__name__": "kube_pod_info", "namespace": "n", "pod": "d"}, "values": [[1709287200, "1"]]}]}}"#,
    ),
];

#[test]
fn arrivals_of_one_instant_keep_the_order_of_their_file() {
    for &(format, text) in HELD_BACK {
        let entry = find(format).expect("known");
        let open = opener(entry);
        let input = Input::bytes("trace", text.as_bytes());
        let source = open(&input, &ReadOptions::default());
        let mut source = source.unwrap_or_else(|error| panic!("{format}: {error}"));
        let recorded = Recorded::collect(&mut *source).expect("good records");
        let names = recorded.names();
        let mut sorted = names.clone();
        sorted.sort();
        assert_eq!((names.len(), &names), (4, &sorted), "{format}");
        let first = recorded.arrivals[0].submit;
        assert!(
            recorded.arrivals.iter().all(|own| own.submit == first),
            "{format}"
        );
        // Some end and some don't, or at other times.
        let runs = recorded.each(|own| own.run_time);
        assert!(runs.iter().any(|run| *run != runs[0]), "{format}");
    }
}

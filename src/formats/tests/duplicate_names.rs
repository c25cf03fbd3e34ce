//! Tests of `arrivals::duplicate_names` on real formats.

use crate::registry;
use crate::tests::prelude::*;
use arrivals::duplicate_names::*;

/// Formats with a row whose name is `7`, and what stands above and around it.
const ROWS: [(&str, &str, &str, &str); 14] = [
    (
        "helios",
        "job_id,user,vc,gpu_num,cpu_num,node_num,state,submit_time,start_time,end_time,duration,queue\n",
        "7,u,v,1,1,1,FAILED,2020-04-01 00:00:10,2020-04-01 00:00:10,2020-04-01 00:00:20,10,0\n",
        "",
    ),
    (
        "alibaba-spot-gpu-2026-jobs",
        "job_name,organization,gpu_model,cpu_request,gpu_request,worker_num,submit_time,duration,job_type\n",
        "7,1,A10,1,1,1,5,4,HP\n",
        "",
    ),
    (
        "alibaba-dlrm-2025",
        "instance_sn,role,app_name,cpu_request,cpu_limit,gpu_request,gpu_limit,rdma_request,rdma_limit,\
         memory_request,memory_limit,disk_request,disk_limit,max_instance_per_node,creation_time,scheduled_time,\
         deletion_time\n",
        "7,CN,x,1,1,0,0,0,0,1,1,1,1,-1,5,6,7\n",
        "",
    ),
    (
        "tiresias-jobs",
        "job_id,num_gpu,submit_time,iterations,model_name,duration,interval\n",
        "7,1,5,1,x,1,1\n",
        "",
    ),
    (
        "chronus",
        "job_id,user,num_gpu,submit_time,iterations,model_name,duration,interval,expect_time_list,\
         expect_value_list,best_effort,job_type\n",
        "7,u,1,5,1,x,1,1,,,1,best\n",
        "",
    ),
    (
        "gwf",
        "WorkflowID,JobID,SubmitTime,RunTime,NProcs,ReqNProcs,Dependencies\n",
        "0,7,5,1,1,1,\n",
        "",
    ),
    (
        "alibaba-2017-tasks",
        "",
        "100,190,1,7,1,Terminated,50,0.25\n",
        "",
    ),
    (
        "alibaba-2018-tasks",
        "",
        "M1,1,j_7,1,Terminated,100,200,100,0.5\n",
        "",
    ),
    (
        "alibaba-gpu-2020-tasks",
        "",
        "j7,worker,1,Failed,1,2,1,1,1,\n",
        "",
    ),
    (
        "openb-pods",
        "name,cpu_milli,memory_mib,num_gpu,gpu_milli,creation_time,deletion_time\n",
        "7,1,1,0,0,5,6\n",
        "8,1,1,0,0,9,9\n",
    ),
    (
        "azure-vm",
        "",
        "7,s,d,0,300,9,3,9,Unknown,1,1\n",
        "8,s,d,0,300,9,3,9,Unknown,1,1\n",
    ),
    ("swf", "", "7 5 1 9 2 -1 -1 2 9 -1 1 1 1 1 1 1 -1 -1\n", ""),
    (
        "batsim",
        "{\"profiles\": {\"d\": {\"type\": \"delay\", \"delay\": 1}}, \"jobs\": [\n",
        "{\"id\": 7, \"subtime\": 0, \"res\": 1, \"profile\": \"d\"},",
        "\n{\"id\": \"8\", \"subtime\": 0, \"res\": 1, \"profile\": \"d\"}]}",
    ),
    (
        "philly",
        "[",
        "{\"jobid\": \"7\", \"submitted_time\": \"2017-10-09 07:00:00\", \"attempts\": [{\"start_time\": \
         \"2017-10-09 07:01:00\", \"end_time\": \"2017-10-09 07:02:00\", \"detail\": [{\"gpus\": [\"a\"]}]}]},",
        "{\"jobid\": \"8\", \"submitted_time\": \"2017-10-09 07:00:00\", \"attempts\": []}]",
    ),
];

#[test]
fn a_name_that_is_there_twice_is_told() {
    for (format, before, row, behind) in ROWS {
        let entry = registry::find(format).expect("known");
        for (times, expected) in [(1, 0), (2, 1), (3, 2)] {
            let text = format!("{before}{}{behind}", row.repeat(times));
            let found = faults(entry, "t", text);
            assert!(found.is_valid(), "{format}: {found:?}");
            assert_eq!(found.ledger.count(TWICE), expected, "{format}");
            assert!(found.accepted >= times as u64, "{format}");
        }
    }
}

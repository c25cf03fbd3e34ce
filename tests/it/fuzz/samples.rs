//! A small file in each format of traces that no bundled file has.

pub(super) const SAMPLES: &[(&str, &str)] = &[
    (
        "google-2011-machines",
        "0,5,0,p,0.5,0.25\n0,6,0,p,,\n9,5,1,p,,\n10,5,0,p,0.5,0.25\n11,6,2,p,1,0.5\n",
    ),
    (
        "google-2011-tasks",
        "600000000,,7,0,,0,ann,2,9,0.1,0.1,0,1\n610000000,,7,0,5,1,ann,2,9,0.1,0.1,0,1\n\
         650000000,,7,0,5,4,ann,2,9,0.1,0.1,0,1\n600000000,2,8,0,,1,ann,2,9,,0.1,0,0\n",
    ),
    (
        "google-2011-usage",
        "600000000,900000000,7,0,5,0.5,0.25,0,0,0,0,0,0,0,0,0,0,0,1,0\n\
         900000000,950000000,7,0,5,0.25,0.25,0,0,0,0,0,0,0,0,0,0,0,1,0\n",
    ),
    (
        "google-2019-machines",
        r#"{"time": "0", "machine_id": "5", "type": 1, "switch_id": "s", "capacity": {"cpus": 0.5, "memory": 0.25}, "platform_id": "p"}
{"time": "9000000", "machine_id": "5", "type": 2, "platform_id": "p"}
"#,
    ),
    (
        "google-2019-instances",
        "time,type,collection_id,instance_index,collection_type,priority,alloc_collection_id,machine_id,\
         resource_request.cpus,resource_request.memory,constraint\n\
         600000000,0,7,0,0,200,0,0,0.5,0.25,[]\n610000000,3,7,0,0,200,0,4,0.5,0.25,[]\n\
         670000000,6,7,0,0,200,0,4,0.5,0.25,[]\n600000000,0,8,0,1,200,0,0,1,0.25,\n",
    ),
    (
        "alibaba-2017-services",
        "0,Create,1,5,4,0.1,0.1,1|2\n100,Create,2,5,4,0.1,0.1,1|2\n160,Remove,2,5,4,0.1,0.1,1|2\n",
    ),
    (
        "alibaba-2017-tasks",
        "41562,41618,120,686,2,Terminated,50,0.004\n10,90,121,2,1,Running,50,0.1\n",
    ),
    (
        "alibaba-2017-machines",
        "0,1,add,,64,0.69,0.4\n0,2,add,,64,0.69,0.4\n500,1,softerror,disk_full,,,\n",
    ),
    (
        "alibaba-2018-tasks",
        "M1,2,j_1,1,Terminated,100,160,50,0.39\nR2_1,1,j_1,1,Terminated,160,170,100,0.5\n\
         task_Nzg3,1,j_2,1,Failed,90,0,100,\n",
    ),
    (
        "alibaba-2018-machines",
        "m_1,0,3,30,96,100,USING\nm_2,0,3,31,96,50,USING\nm_1,60,3,30,64,100,USING\n",
    ),
    (
        "alibaba-2018-containers",
        "c_1,m_2,0,app_5,started,400,800,1.5\nc_1,m_2,300,app_5,started,800,800,1.5\n",
    ),
    (
        "alibaba-gpu-2020-tasks",
        "j1,tensorflow,2.0,Terminated,1000.5,1060.5,600,29.3,50,MISC\n\
         j2,worker,1,Running,1010,,600,,250,V100\n",
    ),
    (
        "alibaba-gpu-2020-machines",
        "m1,T4,96,512,2\nm2,CPU,96,512,0\n",
    ),
    (
        "alibaba-dlrm-2025",
        "instance_sn,role,app_name,cpu_request,cpu_limit,gpu_request,gpu_limit,rdma_request,rdma_limit,\
         memory_request,memory_limit,disk_request,disk_limit,max_instance_per_node,creation_time,\
         scheduled_time,deletion_time\n\
         i0,HN,app_0,12,12,1,1,25,25,120.0,120.0,640.0,800.0,8,,,\n\
         i1,CN,app_1,64,64,0,0,1,1,320,320,255,300,-1,475.00000000000006,623.0,683.0\n",
    ),
    (
        "alibaba-spot-gpu-2026-machines",
        "gpu_model,gpu_capacity_num,cpu_num,node_name\nA10,1,128,2\nH800,8,192,3\n",
    ),
    (
        "alibaba-spot-gpu-2026-jobs",
        "job_name,organization,gpu_model,cpu_request,gpu_request,worker_num,submit_time,duration,job_type\n\
         7,57,A100-SXM4-80GB,15,1,16,9589663,41060,Spot\n8,13,A10,20,1,1,0,2764799,HP\n",
    ),
    (
        "azure-functions-2021",
        "app,func,end_timestamp,duration\na,f,10.5,0.25\nb,g,0.5,1\n",
    ),
    (
        "azure-llm-2023",
        "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,4808,10\n\
         2023-11-16 18:17:04.0319600,3180,8\n",
    ),
    (
        "sacct",
        "JobID|User|Partition|State|Submit|Start|End|Timelimit|NNodes|AllocCPUS|ReqMem|AllocTRES|\n\
         7|ann|gpu|COMPLETED|2024-03-01T10:00:00|2024-03-01T10:01:00|2024-03-01T10:03:00|1-02:00:00|2|\
         16|8Gn|cpu=16,gres/gpu=4|\n\
         7.batch||||2024-03-01T10:00:00|2024-03-01T10:01:00|2024-03-01T10:03:00|||8|||\n",
    ),
    (
        "opendc",
        "id,submission_time,duration,cpu_count,cpu_capacity,mem_capacity,parents\n\
         1,1704067200000,30000,1,2000,512,[]\n2,1704067260000,60000,2,4000,1024,[1]\n",
    ),
    (
        "simkube",
        r#"{"version": 2, "config": {"trackedObjects": {}}, "events": [
{"ts": 100, "applied_objs": [{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
"spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "c", "resources": {"requests":
{"cpu": "500m"}}}]}}}}], "deleted_objs": []},
{"ts": 110, "applied_objs": [], "deleted_objs": [{"kind": "Deployment", "metadata": {"name": "web"}}]}],
"pod_lifecycles": {"apps/v1.Deployment default/web": {"9": [{"Finished": [101, 105]}, {"Running": 102}]}}}"#,
    ),
    (
        "kubernetes-audit",
        r#"{"kind": "Event", "apiVersion": "audit.k8s.io/v1", "auditID": "x", "stage": "ResponseComplete", "verb": "create", "objectRef": {"resource": "pods", "namespace": "n", "name": "a"}, "stageTimestamp": "2024-03-01T10:00:01.000000Z", "requestObject": {"spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "500m"}}}]}}}
{"apiVersion": "audit.k8s.io/v1", "auditID": "y", "stage": "ResponseComplete", "verb": "delete", "objectRef": {"resource": "pods", "namespace": "n", "name": "a"}, "stageTimestamp": "2024-03-01T10:00:09.000000Z"}
"#,
    ),
    (
        "kubernetes-events",
        r#"{"apiVersion": "v1", "items": [
{"involvedObject": {"kind": "Pod", "namespace": "n", "name": "a"}, "reason": "Started",
 "firstTimestamp": "2024-03-01T10:00:01Z", "lastTimestamp": null},
{"involvedObject": {"kind": "Pod", "namespace": "n", "name": "a"}, "reason": "Killing",
 "firstTimestamp": null, "eventTime": "2024-03-01T10:00:07.5Z"}]}"#,
    ),
    (
        "prometheus",
        r#"{"status": "success", "data": {"resultType": "matrix", "result": [
{"metric": {"__name__": "kube_pod_container_resource_requests", "namespace": "n", "pod": "a", "container":
 "c", "resource": "cpu"}, "values": [[1709287200, "0.5"], [1709287260.5, "0.5"], [1709287320, "1"]]}]}}"#,
    ),
    (
        "prometheus",
        "# TYPE kube_pod_info gauge\nkube_pod_info{namespace=\"n\",pod=\"a\"} 1 1709287200\n# EOF\n",
    ),
    (
        "docker-services",
        r#"{"ID":"x","Image":"nginx","Mode":"replicated","Name":"web","Ports":"","Replicas":"2/3"}
{"ID":"z","Image":"db","Mode":"replicated","Name":"db","Ports":"","Replicas":"1/1 (max 1 per node)"}
"#,
    ),
    (
        "marathon",
        r#"{"apps": [{"id": "/team/web", "instances": 2, "cpus": 0.5, "mem": 128, "gpus": 1}]}"#,
    ),
    (
        "ecs",
        r#"{"tasks": [{"taskArn": "arn:aws:ecs:eu:1:task/c/t1", "group": "service:web", "cpu": "512",
 "memory": "1024", "lastStatus": "RUNNING"}]}"#,
    ),
    (
        "nomad",
        r#"[{"ID": "1", "Name": "web.g[0]", "JobID": "web", "TaskGroup": "g", "ClientStatus": "running",
 "AllocatedResources": {"Tasks": {"a": {"Cpu": {"CpuShares": 500}, "Memory": {"MemoryMB": 256}}}}}]"#,
    ),
    (
        "tiresias-machines",
        "num_switch,num_node_p_switch,num_gpu_p_node,num_cpu_p_node,mem_p_node\n2,3,4,128,254\n",
    ),
    (
        "tiresias-jobs",
        "job_id,num_gpu,submit_time,iterations,model_name,duration,interval\n1,8,30,133,vgg11,147,23\n",
    ),
    (
        "chronus",
        "job_id,user,num_gpu,submit_time,iterations,model_name,duration,interval,expect_time_list,\
         expect_value_list,best_effort,job_type\n0,vc_1,4,12198,6910,resnet101,211,8,282,10,0,strict\n",
    ),
    (
        "wfformat",
        r#"{"schemaVersion": "1.5", "workflow": {
"specification": {"tasks": [{"name": "a", "id": "1", "parents": []},
{"name": "b", "id": "2", "parents": ["1"]}]},
"execution": {"tasks": [{"id": "1", "runtimeInSeconds": 10.5, "coreCount": 2},
{"id": "2", "runtimeInSeconds": 20}]}}}"#,
    ),
    (
        "gavel",
        "ResNet-18 (batch size 32)\tpython3 main.py\t--num_steps\t1\t4803268\t2720160.000000\t8\n",
    ),
    (
        "azure-vm",
        "a,s1,d,0,2591700,99,3.424,10,Delay-insensitive,1,1.75\n\
         b,s1,d,300,1500,10,10.01,10,Unkown,>24,>64\n",
    ),
    (
        "bitbrains",
        "Timestamp [ms];\tCPU cores;\tCPU capacity provisioned [MHZ];\tCPU usage [MHZ];\tCPU usage [%];\t\
         Memory capacity provisioned [KB];\tMemory usage [KB];\tDisk read throughput [KB/s];\t\
         Disk write throughput [KB/s];\tNetwork received throughput [KB/s];\t\
         Network transmitted throughput [KB/s]\n\
         0;\t2;\t2599.9;\t19.06;\t0.7;\t2048.0;\t1024.0;\t0.0;\t1.4;\t0.0;\t0.0\n\
         300000;\t2;\t2599.9;\t19.06;\t0.7;\t2048.0;\t1024.0;\t0.0;\t1.4;\t0.0;\t0.0\n",
    ),
    (
        "philly",
        r#"[{"status": "Pass", "vc": "b", "jobid": "j3", "submitted_time": "2017-10-09 06:59:00",
"user": "u", "attempts": [{"start_time": "2017-10-09 07:00:00", "end_time": "2017-10-09 07:10:00",
"detail": [{"ip": "m1", "gpus": ["gpu0", "gpu1"]}]}]}]"#,
    ),
    (
        "philly-table",
        "timestamp,duration,num_gpus,gpu_time,cluster\n2017-10-09 07:01:55,66.0,2,132.0,a\n",
    ),
    (
        "philly-machines",
        "machineId, number of GPUs, single GPU mem\nm0, 2, 24GB\nm1, 8, 12GB\n",
    ),
    (
        "helios-machines",
        "date,vcA,vcB,total\n2020-04-01,16,8,24\n2020-04-02,8,,8\n",
    ),
    (
        "swf-machines",
        "0\tseth\t120\t2\t1\t1048576\n1\told\t4\t1\t0.5\t1048576\n",
    ),
    (
        "helios",
        "job_id,user,vc,gpu_num,cpu_num,node_num,state,submit_time,start_time,end_time,duration,queue\n\
         7,u1,vc1,16,64,2,COMPLETED,2020-04-01 00:00:10,2020-04-01 00:01:10,2020-04-01 00:02:10,60,60\n",
    ),
    (
        "gwf",
        "WorkflowID, JobID     , SubmitTime, RunTime   , NProcs    , ReqNProcs , Dependencies\n\
         0 , 1 , 16 , 11 , 1 , 1 ,   \n0 , 2 , 40 , 11 , 4 , -1 , 1 \n",
    ),
    (
        "batsim",
        r#"{"nb_res": 4, "jobs": [{"id": "b", "subtime": 5.5, "walltime": 10, "res": 2, "profile": "seq"}],
"profiles": {"seq": {"type": "delay", "delay": 20}}}"#,
    ),
];

/// An archive (tar) of files.
pub(super) fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, text) in files {
        let mut header = [0_u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", text.len()).as_bytes());
        header[156] = b'0';
        header[257..262].copy_from_slice(b"ustar");
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(text.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 2 * 512, 0);
    bytes
}

/// A file with the use of a machine.
pub(super) const DAY: &[(&str, &str)] = &[("day/a", "7\n7\n9\n0\n0\n")];

/// The tables of machines and of their types.
pub(super) const PACKING: &[(&str, &str)] = &[
    (
        "vm.csv",
        include_str!("../../../docs/manual/traces.in/packing/vm.csv"),
    ),
    (
        "vmType.csv",
        include_str!("../../../docs/manual/traces.in/packing/vmType.csv"),
    ),
];

/// A Parquet file of three tasks.
pub(super) const PARQUET: &[u8] = include_bytes!("../../../src/intake/parquet/tests/tasks.parquet");

/// A table of a function's invocations by minute of the day.
pub(super) fn invocations() -> Vec<u8> {
    let minutes: Vec<String> = (1..=1_440).map(|minute| minute.to_string()).collect();
    let names = "HashOwner,HashApp,HashFunction,Trigger";
    let counts = vec!["3"; 1_440].join(",");
    format!("{names},{}\no,a,f,http,{counts}\n", minutes.join(",")).into_bytes()
}

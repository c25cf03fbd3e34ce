//! Clean files, small ones.

use super::Shape::{self, Beside, Day, Lines, List, Table};

/// Declares clean files by the names of their formats.
macro_rules! clean_files {
    ($($format:literal: $shape:expr, $text:expr;)+) => {
        /// A clean file of each format.
        pub(crate) const CLEAN: &[(&str, Shape, &str)] = &[$(($format, $shape, $text)),+];
    };
}

clean_files! {
    "openb-nodes": Table(',', 1), "sn,cpu_milli,memory_mib,gpu,model\nn0,64000,262144,2,P100\nn1,8000,262144,0,\n";
    "openb-pods": Table(',', 1),
        "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time\n\
         p0,1000,1024,1,500,A|B,LS,Running,1,9,2\np1,1000,1024,0,0,,BE,Running,2,9,3\n";
    "swf": Table(' ', 1),
        "; MaxProcs: 8\n1 0 -1 60 4 -1 -1 4 90 -1 1 1 1 1 1 1 -1 -1\n2 5 -1 60 4 -1 -1 4 90 -1 1 1 1 1 1 1 -1 -1\n";
    "swf-machines": Table('\t', 0), "0\tseth\t120\t2\t1\t1048576\n1\tlow\t3\t8\t1\t2048\n";
    "google-2011-machines": Table(',', 0), "0,5,0,p,0.5,0.2\n0,6,0,p,0.5,0.2\n620000000,6,2,p,0.25,0.1\n";
    "google-2011-tasks": Table(',', 0),
        "600000000,,7,1,,0,ann,2,9,0.5,0.25,0.1,0\n600000000,,8,1,,0,ann,2,9,0.5,0.25,0.1,0\n\
         610000000,,7,1,5,1,ann,2,9,0.5,0.25,0.1,0\n";
    "google-2011-usage": Table(',', 0),
        "600000000,900000000,7,0,5,0.0625,0.03125,0,0,0,0,0,0,0.125,0,2.1,0.01,1,1,0.05\n\
         600000000,900000000,7,1,6,0.125,0.03125,0,0,0,0,0,0,0.125,0,2.1,0.01,1,1,0.05\n";
    "google-2019-machines": Table(',', 1),
        "time,machine_id,type,switch_id,capacity.cpus,capacity.memory,platform_id,missing_data_reason\n\
         0,5,1,s1,0.5,0.25,p1,\n0,6,1,s1,1,0.5,p2,\n";
    "google-2019-instances": Lines,
        "{\"time\":\"600000000\",\"type\":\"0\",\"collection_id\":\"7\",\"instance_index\":\"0\",\"collection_type\":\"0\",\"priority\":\"200\",\"machine_id\":\"0\",\"resource_request\":{\"cpus\":0.03,\"memory\":0.01}}\n\
         {\"time\":\"600000000\",\"type\":\"0\",\"collection_id\":\"8\",\"instance_index\":\"0\",\"collection_type\":\"0\",\"priority\":\"200\",\"machine_id\":\"0\",\"resource_request\":{\"cpus\":0.03,\"memory\":0.01}}\n";
    "alibaba-2017-machines": Table(',', 0),
        "0,1,add,,64,0.69,0.42\n0,2,add,,64,0.69,0.42\n500,1,softerror,disk_full,,,\n";
    "alibaba-2017-services": Table(',', 0),
        "0,Create,1,5,4,0.042,0.1,1|2|3|4\n100,Create,2,5,8,0.06,0.1,5|6|7|8\n200,Create,3,5,8,0.06,0.1,5|6\n";
    "alibaba-2017-tasks": Table(',', 0),
        "41562,41618,120,686,2,Terminated,50,0.004\n41700,41800,121,690,4,Failed,100,0.01\n41700,41900,122,691,4,Terminated,100,0.01\n";
    "alibaba-2018-machines": Table(',', 0), "m_1,0,3,30,96,100,USING\nm_2,0,3,31,96,100,USING\n";
    "alibaba-2018-containers": Table(',', 0),
        "c_1,m_1,0,app_1,started,400,400,1.56\nc_2,m_2,120,app_1,started,800,800,3.13\n";
    "alibaba-2018-tasks": Table(',', 0),
        "M1,3,j_1,1,Terminated,100,160,50,0.39\nR2_1,1,j_1,1,Terminated,160,170,100,0.5\n";
    "alibaba-gpu-2020-machines": Table(',', 0), "7c3a,T4,96,512,2\n8d4b,V100,96,512,8\n";
    "alibaba-gpu-2020-tasks": Table(',', 0),
        "ab12,tensorflow,2.0,Terminated,1673795.0,1674795.5,600,29.3,50,MISC\ncd34,worker,1.0,Terminated,1673801.0,1673900.0,600,58.6,200,V100\n";
    "alibaba-dlrm-2025": Table(',', 1),
        "instance_sn,role,app_name,cpu_request,cpu_limit,gpu_request,gpu_limit,rdma_request,rdma_limit,memory_request,memory_limit,disk_request,disk_limit,max_instance_per_node,creation_time,scheduled_time,deletion_time\n\
         i_0,HN,app_0,12,12,1,1,25,25,120.0,120.0,640.0,800.0,8,,,\ni_1,CN,app_22,64,64,0,0,1,1,320.0,320.0,544.0,640.0,-1,475.0,623.0,91730.0\n";
    "alibaba-spot-gpu-2026-machines": Table(',', 1),
        "gpu_model,gpu_capacity_num,cpu_num,node_name\nA100,4,192,0\nA10,1,128,2\n";
    "alibaba-spot-gpu-2026-jobs": Table(',', 1),
        "job_name,organization,gpu_model,cpu_request,gpu_request,worker_num,submit_time,duration,job_type\n\
         1,13,A10,20,1,1,0,2764799,HP\n2,57,A10,15,1,16,9589663,41060,Spot\n";
    "azure-vm": Table(',', 0),
        "a,s,d,0,2591700,99.4,3.42,10.19,Interactive,1,1.75\nb,s,d,300,1539300,100,6.18,33.98,Interactive,2,0.75\n";
    "azure-packing-2020": Beside(&[(
            "vmType.csv",
            "id,vmTypeId,machineId,core,memory,hdd,ssd,nic\n1,7,0,0.25,0.125,,0.1,\n2,8,0,1,,,0.1,0\n",
        )]),
        "vmId,tenantId,vmTypeId,priority,starttime,endtime\n1,11,7,0,-0.5,1.5\n2,12,8,1,0.25,\n";
    "azure-functions-2019": Table(',', 1), "";
    "azure-functions-2021": Table(',', 1), "app,func,end_timestamp,duration\na,f,57.1,0.078\nb,g,58.1,57.1\n";
    "azure-llm-2023": Table(',', 1),
        "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,4808,10\n2023-11-16 18:17:04.0319600,3180,8\n";
    "sacct": Table('|', 1), "JobID|User|Partition|State|Submit|Start|End|Timelimit|NNodes|AllocCPUS|ReqMem|AllocTRES\n\
         1|ann|gpu|COMPLETED|2024-03-01T10:00:00|2024-03-01T10:01:00|2024-03-01T12:01:00|1-00:00:00|2|32|64G|cpu=32,gres/gpu=8\n\
         2|bob|cpu|TIMEOUT|2024-03-01T10:05:00|2024-03-01T10:06:00|2024-03-01T11:06:00|01:00:00|1|4|2Gc|cpu=4\n";
    "opendc": Table(',', 1),
        "id,submission_time,duration,cpu_count,cpu_capacity,mem_capacity\n1,0,5000,1,1000,1024\n2,0,5000,1,1000,1024\n";
    "simkube": List("/events"), r#"{"version": 2, "config": {"trackedObjects": {}}, "events": [
        {"ts": 100, "applied_objs": [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, "spec": {"containers": [{"name": "c"}]}}], "deleted_objs": []},
        {"ts": 110, "applied_objs": [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "two"}, "spec": {"containers": [{"name": "c"}]}}], "deleted_objs": []}],
        "pod_lifecycles": {}}"#;
    "kubernetes-audit": Lines,
        "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"auditID\":\"1\",\"stage\":\"ResponseComplete\",\"verb\":\"create\",\"objectRef\":{\"resource\":\"pods\",\"namespace\":\"n\",\"name\":\"a\"},\"responseStatus\":{\"code\":201},\"stageTimestamp\":\"2024-03-01T10:00:01.000000Z\",\"requestObject\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"resources\":{\"requests\":{\"cpu\":\"500m\"}}}]}}}\n\
         {\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"auditID\":\"2\",\"stage\":\"ResponseComplete\",\"verb\":\"create\",\"objectRef\":{\"resource\":\"pods\",\"namespace\":\"n\",\"name\":\"b\"},\"responseStatus\":{\"code\":201},\"stageTimestamp\":\"2024-03-01T10:00:02.000000Z\"}\n";
    "kubernetes-events": List("/items"), r#"{"apiVersion": "v1", "kind": "List", "items": [
        {"kind": "Event", "involvedObject": {"kind": "Pod", "namespace": "n", "name": "a"}, "reason": "Scheduled", "firstTimestamp": "2024-03-01T10:00:01Z", "lastTimestamp": "2024-03-01T10:00:01Z"},
        {"kind": "Event", "involvedObject": {"kind": "Pod", "namespace": "n", "name": "b"}, "reason": "Scheduled", "firstTimestamp": "2024-03-01T10:00:02Z", "lastTimestamp": "2024-03-01T10:00:02Z"}]}"#;
    "prometheus": List("/data/result"), r#"{"status": "success", "data": {"resultType": "matrix", "result": [
        {"metric": {"__name__": "kube_pod_container_resource_requests", "namespace": "n", "pod": "a", "container": "c", "resource": "cpu"}, "values": [[1709287200, "0.5"], [1709287260, "0.5"]]},
        {"metric": {"__name__": "kube_pod_info", "namespace": "n", "pod": "b"}, "values": [[1709287260, "1"], [1709287320, "1"]]}]}}"#;
    "docker-services": Lines,
        "{\"ID\":\"x1\",\"Image\":\"nginx:1.27\",\"Mode\":\"replicated\",\"Name\":\"web\",\"Ports\":\"\",\"Replicas\":\"3/3\"}\n\
         {\"ID\":\"x2\",\"Image\":\"db:16\",\"Mode\":\"replicated\",\"Name\":\"db\",\"Ports\":\"\",\"Replicas\":\"1/1\"}\n";
    "marathon": List("/apps"),
        r#"{"apps": [{"id": "/web", "instances": 3, "cpus": 0.5, "mem": 512, "disk": 0, "gpus": 0}, {"id": "/db", "instances": 1, "cpus": 2, "mem": 4096}]}"#;
    "ecs": List("/tasks"),
        r#"{"tasks": [{"taskArn": "t1", "group": "service:web", "cpu": "512", "memory": "1024", "lastStatus": "RUNNING"},
        {"taskArn": "t2", "group": "service:web", "cpu": "512", "memory": "1024", "lastStatus": "RUNNING"}]}"#;
    "nomad": List(""),
        r#"[{"ID": "1", "Name": "web.app[0]", "JobID": "web", "TaskGroup": "app", "ClientStatus": "running", "AllocatedResources": {"Tasks": {"app": {"Cpu": {"CpuShares": 500}, "Memory": {"MemoryMB": 256}}}}},
        {"ID": "2", "Name": "web.app[1]", "JobID": "web", "TaskGroup": "app", "ClientStatus": "running", "AllocatedResources": {"Tasks": {"app": {"Cpu": {"CpuShares": 500}, "Memory": {"MemoryMB": 256}}}}}]"#;
    "planetlab": Day, "10\n20\n30\n";
    "bitbrains": Table(';', 1),
        "Timestamp [ms];\tCPU cores;\tCPU capacity provisioned [MHZ];\tCPU usage [MHZ];\tCPU usage [%];\tMemory capacity provisioned [KB];\tMemory usage [KB];\tDisk read throughput [KB/s];\tDisk write throughput [KB/s];\tNetwork received throughput [KB/s];\tNetwork transmitted throughput [KB/s]\n\
         1376314846;\t2;\t5199.99;\t19.06;\t0.73;\t2097152.0;\t110448.5;\t0.0;\t1.4;\t0.0;\t0.0\n\
         1376315146;\t2;\t5199.99;\t19.06;\t12.5;\t2097152.0;\t110448.5;\t0.0;\t1.4;\t0.0;\t0.0\n";
    "philly": List(""),
        r#"[{"status": "Pass", "vc": "a", "jobid": "1", "submitted_time": "2017-10-09 07:00:00", "attempts": [{"start_time": "2017-10-09 07:01:00", "end_time": "2017-10-09 07:02:00", "detail": [{"ip": "m1", "gpus": ["gpu0"]}]}]},
        {"status": "Pass", "vc": "a", "jobid": "2", "submitted_time": "2017-10-09 07:00:00", "attempts": [{"start_time": "2017-10-09 07:01:00", "end_time": "2017-10-09 07:02:00", "detail": [{"ip": "m1", "gpus": ["gpu0"]}]}]}]"#;
    "philly-table": Table(',', 1),
        "timestamp,duration,num_gpus,gpu_time,cluster\n2017-10-09 07:01:55,66.0,1,66.0,a\n2017-10-09 06:13:03,2951.0,4,11804.0,b\n";
    "philly-machines": Table(',', 1), "machineId, number of GPUs, single GPU mem\nm0, 2, 24GB\nm1, 8, 12GB\n";
    "helios": Table(',', 1),
        "job_id,user,vc,gpu_num,cpu_num,node_num,state,submit_time,start_time,end_time,duration,queue\n\
         1,u6,v,16,64,2,COMPLETED,2020-04-01 00:00:10,2020-04-01 00:01:10,2020-04-01 00:02:10,60,60\n\
         2,u7,v,0,3,1,FAILED,2020-04-01 00:00:00,2020-04-01 00:00:00,2020-04-01 00:00:05,5,0\n";
    "helios-machines": Table(',', 1), "date,vcA,vcB,total\n2020-04-01,16,8,24\n2020-04-02,8,8,16\n";
    "tiresias-machines": Table(',', 1),
        "num_switch,num_node_p_switch,num_gpu_p_node,num_cpu_p_node,mem_p_node\n1,2,4,128,254\n1,2,8,128,254\n";
    "tiresias-jobs": Table(',', 1),
        "job_id,num_gpu,submit_time,iterations,model_name,duration,interval\n0,1,0,606,vgg19,164,30\n1,8,30,133,vgg11,147,23\n";
    "chronus": Table(',', 1),
        "job_id,user,num_gpu,submit_time,iterations,model_name,duration,interval,expect_time_list,expect_value_list,best_effort,job_type\n\
         0,a,4,12198,6910,resnet101,211,8,282,10,0,strict\n1,b,1,7199,8897,resnet101,31,6,88,10,0,strict\n";
    "gavel": Table('\t', 0),
        "ResNet (batch size 32)\tpython3 main.py\t--num_steps\t1\t4803268\t2720160.0\t8\nTransformer (batch size 128)\tpython3 train.py\t-step\t1\t13407515\t0.0\t1\n";
    "gwf": Table(',', 1),
        "WorkflowID, JobID, SubmitTime, RunTime, NProcs, ReqNProcs, Dependencies\n0, 1, 16, 11, 1, 1, \n0, 2, 40, 11, 4, 4, 1\n";
    "wfformat": List("/workflow/tasks"),
        r#"{"schemaVersion": "1.4", "workflow": {"tasks": [{"name": "a", "runtime": 10.5, "cores": 2}, {"name": "b", "runtime": 5, "cores": 1, "parents": ["a"]}]}}"#;
    "batsim": List("/jobs"),
        r#"{"nb_res": 4, "jobs": [{"id": 1, "subtime": 0, "res": 1, "profile": "d", "walltime": 100}, {"id": 2, "subtime": 5.5, "res": 1, "profile": "d"}], "profiles": {"d": {"type": "delay", "delay": 20.2}}}"#;
    "csv": Table(',', 1), "name,submit,run_time,cpu,gpus\na,0,1h,500m,1\nb,5,1h,500m,1\n";
}

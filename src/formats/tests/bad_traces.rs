//! Traces that are wrong, each in a way that readers meet: what is said about them, and where.

use crate::packed::archive;
use crate::registry;
use crate::tests::prelude::*;
use arrivals::inspect::validate;

/// The first complaint about a file of a format: of a row, else of the file as a whole.
fn complaint(format: &str, name: &str, bytes: &[u8]) -> String {
    let entry = registry::find(format).expect("a format");
    let found = validate(
        &Input::bytes(name, bytes),
        entry,
        &ReadOptions::default(),
        1,
    );
    let mut complaints = found.bad_rows.iter().chain(&found.stopped);
    complaints
        .next()
        .map(ToString::to_string)
        .unwrap_or_default()
}

const PARQUET: &[u8] = include_bytes!("../../intake/parquet/tests/tasks.parquet");

/// A gzip member that ends within its data.
const CUT_GZIP: &[u8] = &[
    0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b, 0x4c, 0x4a, 0x4e, 0x49,
];

/// Bad files: their format, their bytes, their name, and what is said about them.
const BAD: &[(&str, &[u8], &str, &str)] = &[
    // A wrong number of columns.
    ("google-2011-tasks", b"600000000,,9,0\n", "part-0.csv", "part-0.csv:1: column `machine id`: the row has 4 fields where the format has 13, found `600000000,,9,0`"),
    // A column that is not there.
    ("azure-llm-2023", b"TIMESTAMP,ContextTokens\n", "requests.csv", "requests.csv: the header has no column `GeneratedTokens`; it has: TIMESTAMP, ContextTokens"),
    // A column that is there twice.
    ("azure-functions-2021", b"app,app,func,end_timestamp,duration\n", "f.csv", "f.csv: the header names column `app` twice; rename one"),
    // Swapped units: microseconds where seconds are meant.
    ("azure-vm", b"a,s,d,0,1583000000000000,9,3,9,Unknown,1,1\n", "vmtable.csv", "vmtable.csv:1: column `deleted`: must be at most 3200000000 s, and not in milliseconds, found `1583000000000000`"),
    // A negative time.
    ("azure-vm", b"a,s,d,-300,900,9,3,9,Unknown,1,1\n", "vmtable.csv", "vmtable.csv:1: column `created`: must be at least 0, found `-300`"),
    // An end before the start.
    ("google-2011-usage", b"9,5,7,0,5,1,1,0,0,0,0,0,0,0,0,0,0,0,1,0\n", "usage.csv", "usage.csv:1: column `end time`: must be no earlier than the start, found `5`"),
    // Zones that are mixed.
    (
        "azure-llm-2023",
        b"TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,1,1\n\
          2023-11-16 19:17:03+01:00,1,1\n",
        "requests.csv",
        "requests.csv:3: column `TIMESTAMP`: must be a date without a zone of its own, as the others are, found `2023-11-16 19:17:03+01:00`",
    ),
    // A date with too many digits, which is none of another zone.
    (
        "azure-llm-2023",
        b"TIMESTAMP,ContextTokens,GeneratedTokens\n2023-111111-16 18:17:03,1,1\n",
        "requests.csv",
        "requests.csv:2: column `TIMESTAMP`: must be a date such as `2020-04-01 07:01:55`, found `2023-111111-16 18:17:03`",
    ),
    // A date that no calendar has.
    (
        "sacct",
        b"JobID|Submit|Start|End|AllocCPUS\n1|2023-02-29T10:00:00|Unknown|Unknown|1\n",
        "jobs.txt",
        "jobs.txt:2: column `Submit`: must be a date such as `2020-04-01 07:01:55`, found `2023-02-29T10:00:00`",
    ),
    // No number.
    ("opendc", b"id,submission_time,duration,cpu_count,cpu_capacity,mem_capacity\n1,0,5,1,NaN,1\n", "tasks.csv", "tasks.csv:2: column `cpu_capacity`: must be a number, found `NaN`"),
    // The same task twice.
    ("opendc", b"id,submission_time,duration,cpu_count,cpu_capacity,mem_capacity\n1,0,5,1,1,1\n1,0,5,1,1,1\n", "tasks.csv", "tasks.csv:3: column `id`: must be the only task of its number, found `1`"),
    // A quote that is never closed.
    ("azure-functions-2021", b"app,func,end_timestamp,duration\n\"a,f,1,1\n", "f.csv", "f.csv:2: column `app`: a row must close its quotes on the same line, found `a,f,1,1`"),
    // Another encoding.
    ("azure-functions-2021", b"app,func,end_timestamp,duration\na,\xff,1,1\n", "f.csv", "f.csv:2: column `func`: a row must be UTF-8 text; convert the file (`iconv -f latin1 -t utf-8`), found `a,\u{fffd},1,1`"),
    // A Parquet file without its footer, and one with a damaged page.
    ("opendc", PARQUET.split_at(600).0, "tasks.parquet", "tasks.parquet: ends after 600 bytes without the footer of Parquet: the file is truncated; download or copy it again"),
    // A list that is cut off.
    ("philly", b"[{\"jobid\": \"a\", \"submitted_time\": \"2017-10-09 07:00:00\",", "log.json", "log.json: the JSON text ends too early (EOF while parsing a value at line 1 column 56): the file is truncated; copy it again"),
    // A map that is cut off.
    ("simkube", b"\x82\xa7version\x02\xa6events\xdd\xff\xff\xff\xff", "t.sktrace", "t.sktrace: byte 22: the file ends too early: it is truncated; copy it again"),
    // Tasks that wait for each other.
    (
        "wfformat",
        b"{\"workflow\": {\"tasks\": [{\"name\": \"a\", \"runtime\": 1, \"parents\": [\"a\"]}]}}",
        "w.json",
        "w.json:1: column `parents`: must be free of circles, found `a`",
    ),
    // Half of a trace.
    ("opendc", b"id,duration,cpu_usage\n1,5,1\n", "fragments.csv", "fragments.csv: has fragments and no tasks; name the folder or archive that has both"),
    // An answer that is none.
    ("prometheus", b"{\"status\": \"error\", \"error\": \"query timed out\"}", "answer.json", "answer.json: Prometheus answered with an error: query timed out"),
    // A compressed file that is cut off, and one of a compression that is not read.
    ("azure-functions-2021", CUT_GZIP, "f.csv.gz", "f.csv.gz: the compressed data ends too early: the file is truncated; download or copy it again"),
    ("helios", b"PK\x03\x04\x14\x00", "helios.zip", "helios.zip: the compressed data ends too early: the file is truncated; download or copy it again"),
    // Lines that end with a carriage return alone, as old programs write them.
    ("csv", b"submit,run_time,cpu\r0,1,1\r5,1,1\r", "jobs.csv", "jobs.csv: lines end with a carriage return alone; convert them (`tr '\\r' '\\n'`)"),
    // Milliseconds where seconds are meant.
    ("csv", b"submit,run_time\n160000000,1\n1600000000000,1\n", "jobs.csv", "jobs.csv:3: column `submit`: must be at most 9223372036 s, and not in milliseconds; write the unit, as in `1500ms`, if it is another, found `1600000000000`"),
    ("openb-pods", b"name,cpu_milli,memory_mib,num_gpu,gpu_milli,creation_time,deletion_time\np,1,1,0,0,1600000000000,1600000001000\n", "pods.csv", "pods.csv:2: column `creation_time`: must be at most 3200000000 s, and not in milliseconds, found `1600000000000`"),
    ("swf", b"1 1600000000000 -1 60 4 -1 -1 4 90 -1 1 1 1 1 1 1 -1 -1\n", "log.swf", "log.swf:1: column `2 submit time`: must be at most 3200000000 s, and not in milliseconds, found `1600000000000`"),
    // Nothing, where a header stands first and where none does.
    ("helios", b"", "cluster_log.csv", "cluster_log.csv: is empty; a header with column names is expected"),
    ("alibaba-2018-machines", b"\n\n", "machine_meta.csv", "machine_meta.csv: is empty; rows of 7 columns without a header are expected: machine_id, time_stamp, failure_domain_1, failure_domain_2, cpu_num, mem_size, status; copy or export it again"),
];

#[test]
fn bad_traces_are_named_by_file_line_column_and_rule() {
    let found = BAD
        .iter()
        .map(|(format, bytes, name, _)| complaint(format, name, bytes));
    let found: Vec<String> = found.collect();
    let expected: Vec<String> = BAD.iter().map(|one| one.3.to_owned()).collect();
    assert_eq!(found, expected);
}

/// A file of each reader that the table above has none of.
const OTHERS: &[(&str, &[u8], &str, &str)] = &[
    ("alibaba-2017-machines", b"0,1,melt,,64,1,1\n", "server_event.csv", "server_event.csv:1: column `event type`: must be add, softerror or harderror, found `melt`"),
    ("alibaba-2017-services", b"0,Create,1,2,many,1,1,cpus\n", "container_event.csv", "container_event.csv:1: column `cpus`: must be a number, found `many`"),
    ("alibaba-2017-tasks", b"0,5,1,2,3,Melted,1,1\n", "batch_task.csv", "batch_task.csv:1: column `status`: must be one of Ready, Waiting, Running, Terminated, Failed, Cancelled, Interrupted, found `Melted`"),
    ("alibaba-2018-containers", b"c_1,m_1,0,app_1,started,400,800,half\n", "container_meta.csv", "container_meta.csv:1: column `mem_size`: must be a number, found `half`"),
    ("alibaba-2018-machines", b"m_1,0,1,1,96,101.5,USING\n", "machine_meta.csv", "machine_meta.csv:1: column `mem_size`: must be at most 100, found `101.5`"),
    ("alibaba-2018-tasks", b"M1,1.5,j_1,1,Terminated,10,20,100,0.5\n", "batch_task.csv", "batch_task.csv:1: column `instance_num`: must be a whole number, found `1.5`"),
    ("alibaba-dlrm-2025", b"instance_sn,role,app_name,cpu_request\na,CN,b,64\n", "dlrm.csv", "dlrm.csv: the header has no column `gpu_request`; it has: instance_sn, role, app_name, cpu_request"),
    ("alibaba-gpu-2020-machines", b"m,V100,96,512,nine\n", "pai_machine_spec.csv", "pai_machine_spec.csv:1: column `cap_gpu`: must be a whole number, found `nine`"),
    ("alibaba-gpu-2020-tasks", b"j,worker,1,Terminated,1000,2000,600,29,-50,V100\n", "pai_task_table.csv", "pai_task_table.csv:1: column `plan_gpu`: must be at least 0, found `-50`"),
    ("alibaba-spot-gpu-2026-jobs", b"job_name,organization\nj,o\n", "job_info.csv", "job_info.csv: the header has no column `gpu_model`; it has: job_name, organization"),
    ("alibaba-spot-gpu-2026-machines", b"node_name,gpu_model\nn,A10\n", "node_info.csv", "node_info.csv: the header has no column `gpu_capacity_num`; it has: node_name, gpu_model"),
    ("azure-functions-2019", b"HashOwner,HashApp,HashFunction,Trigger,1,2\no,a,f,http,1,2\n", "functions.csv", "functions.csv: the header has no column `3`; it has: HashOwner, HashApp, HashFunction, Trigger, 1, 2"),
    ("azure-packing-2020", b"SQLite format 3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "packing.sqlite", "packing.sqlite: is a database of SQLite, and its tables are read as CSV; export them (`mkdir packing`, `sqlite3 -csv -header packing.sqlite 'SELECT * FROM vm' > packing/vm.csv`, `sqlite3 -csv -header packing.sqlite 'SELECT * FROM vmType' > packing/vmType.csv`) and name the folder `packing`"),
    ("batsim", b"{\"nb_res\": 4, \"jobs\": [{\"id\": \"1\", \"subtime\": 0, \"res\": 4, \"profile\": \"p\"}], \"profiles\": {}}", "w.json", "w.json:1: column `0.profile`: must be the name of a profile, found `\"p\"`"),
    ("bitbrains", b"Timestamp [ms];\tCPU cores;\tCPU capacity provisioned [MHZ];\tCPU usage [MHZ];\tCPU usage [%];\tMemory capacity provisioned [KB];\tMemory usage [KB];\tDisk read throughput [KB/s];\tDisk write throughput [KB/s];\tNetwork received throughput [KB/s];\tNetwork transmitted throughput [KB/s]\n1376314846;\tfour;\t11703.9;\t-5;\t0;\t0;\t0;\t0;\t0;\t0;\t0\n", "1.csv", "1.csv:2: column `CPU cores`: must be a number, found `four`"),
    ("bitbrains", b"Timestamp [ms];\tCPU cores;\tCPU capacity provisioned [MHZ];\tCPU usage [MHZ];\tCPU usage [%];\tMemory capacity provisioned [KB];\tMemory usage [KB];\tDisk read throughput [KB/s];\tDisk write throughput [KB/s];\tNetwork received throughput [KB/s];\tNetwork transmitted throughput [KB/s]\n13762344000;\t4;\t11703.9;\t-5;\t0;\t0;\t0;\t0;\t0;\t0;\t0\n", "1.csv", "1.csv:2: column `Timestamp [ms]`: must be at most 3200000000 s, or in milliseconds, found `13762344000`"),
    ("chronus", b"job_id,num_gpu,submit_time\n1,1,0\n", "chronus.csv", "chronus.csv: the header has no column `user`; it has: job_id, num_gpu, submit_time"),
    ("csv", b"submit,run_time\n5,1h\n-5,1h\n", "jobs.csv", "jobs.csv:3: column `submit`: must be at least 0, found `-5`"),
    ("docker-services", b"[{\"Spec\":{\"Name\":\"web\",\"Mode\":{\"Replicated\":{\"Replicas\":-1}}}}]", "services.json", "services.json:1: column `0.Spec.Mode.Replicated.Replicas`: must be a number from 0 to 1048576, found `-1`"),
    ("ecs", b"{\"tasks\":[{\"taskArn\":\"a\",\"cpu\":\"quarter\",\"memory\":\"512\"}]}", "tasks.json", "tasks.json:1: column `0.cpu`: must be a number from 0 to 1000000000, found `\"quarter\"`"),
    ("gavel", b"ResNet-18 (batch size 16)\tpython3 main.py\t1000\n", "gavel.trace", "gavel.trace:1: column `needs data`: the row has 3 fields where the format has 7, found `ResNet-18 (batch size 16),python3 main.p… (46 characters)`"),
    ("google-2011-machines", b"0,5,9,p,0.5,0.2\n", "machines.csv", "machines.csv:1: column `event`: must be at most 2, found `9`"),
    ("google-2019-instances", b"{\"time\": \"0\", \"type\": 11, \"collection_id\": \"7\", \"instance_index\": \"0\"}\n", "instance_events.json", "instance_events.json:1: column `type`: must be at most 10, found `11`"),
    ("google-2019-machines", b"{\"time\": \"0\", \"machine_id\": \"5\", \"type\": 1, \"capacity\": {\"cpus\": 1.5, \"memory\": 0.2}}\n{\"time\": \"zero\"", "machine_events.json", "machine_events.json:1: column `capacity.cpus`: must be at most 1, found `1.5`"),
    ("gwf", b"WorkflowID, JobID , SubmitTime, RunTime, NProcs, ReqNProcs, Dependencies\n0, 1, -7, 5, 1, 1, \n", "w.gwf", "w.gwf:2: column `SubmitTime`: must be at least 0, found `-7`"),
    ("kubernetes-audit", b"{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"verb\":\"create\"\n", "audit.log", "audit.log:1: column `record`: must be a JSON object; its byte 62 is not, found `{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.… (62 characters)`"),
    ("kubernetes-events", b"{\"kind\":\"List\",\"items\":[{\"kind\":\"Event\",", "events.json", "events.json: the JSON text ends too early (EOF while parsing a value at line 1 column 40): the file is truncated; copy it again"),
    ("marathon", b"{\"apps\":[{\"id\":\"/web\",\"instances\":\"two\",\"cpus\":1,\"mem\":64}]}", "apps.json", "apps.json:1: column `0.instances`: must be a number from 0 to 1048576, found `\"two\"`"),
    ("nomad", b"[{\"ID\":\"a\",\"Name\":\"j.g[0]\",\"JobID\":\"j\",\"ClientStatus\":\"running\",\"AllocatedResources\":{\"Tasks\":{\"t\":{\"Cpu\":{\"CpuShares\":\"many\"},\"Memory\":{\"MemoryMB\":64}}}}}]", "allocations.json", "allocations.json:1: column `0.AllocatedResources.Tasks.t.Cpu.CpuShares`: must be a number from 0 to 1000000000, found `\"many\"`"),
    ("openb-nodes", b"sn,cpu_milli,memory_mib,gpu,model\na,-1,1,0,\n", "nodes.csv", "nodes.csv:2: column `cpu_milli`: must be at least 1, found `-1`"),
    ("openb-pods", b"name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time\np,1,1,2,500,,LS,Running,9,8,9\n", "pods.csv", "pods.csv:2: column `deletion_time`: must be no earlier than second 9, found `8`"),
    ("philly-table", b"timestamp,duration,num_gpus,gpu_time,cluster\n0,-5,1,-5,a\n", "philly.csv", "philly.csv:2: column `timestamp`: must be a date such as `2020-04-01 07:01:55`, found `0`"),
    ("philly-machines", b"machineId, number of GPUs, single GPU mem\nm0, two, 24GB\n", "cluster_machine_list", "cluster_machine_list:2: column `number of GPUs`: must be a whole number, found `two`"),
    ("helios-machines", b"date,vcA,total\n2020-04-31,8,8\n", "gpus.csv", "gpus.csv:2: column `date`: must be a day such as `2020-04-01`, found `2020-04-31`"),
    ("swf-machines", b"0\tseth\t120\t-2\t1\t1048576\n", "log.swf.machines", "log.swf.machines:1: column `CPUs per node`: must be at least 1, found `-2`"),
    ("planetlab", b"10\n101\n", "vm", "vm:2: column `use`: expected a whole percentage from 0 to 100, found `101`"),
    ("swf", b"; MaxProcs: 8\n1 0 -1 60 4 -1 -1 4 90 -1 1 1 1 1 1 1 -1 -1\n2 5 -1 sixty 4 -1 -1 4 90 -1 1 1 1 1 1 1 -1 -1\n", "log.swf", "log.swf:3: column `4 run time`: must be a number, found `sixty`"),
    ("tiresias-jobs", b"job_id,num_gpu,submit_time,iterations,model_name,duration,interval\n1,1,0,1,vgg,-5,0\n", "jobs.csv", "jobs.csv:2: column `duration`: must be at least 0, found `-5`"),
    ("tiresias-machines", b"num_switch,num_node_p_switch,num_gpu_p_node,num_cpu_p_node,mem_p_node\n1,0,8,64,256\n", "cluster.csv", "cluster.csv:2: column `num_node_p_switch`: must be at least 1, found `0`"),
];

#[test]
fn every_reader_names_the_fault_of_a_bad_file() {
    let found = OTHERS
        .iter()
        .map(|(format, bytes, name, _)| complaint(format, name, bytes));
    let found: Vec<String> = found.collect();
    let expected: Vec<String> = OTHERS.iter().map(|one| one.3.to_owned()).collect();
    assert_eq!(found, expected);
    let known = |name: &str| BAD.iter().chain(OTHERS).any(|one| one.0 == name);
    for format in registry::FORMATS {
        assert!(known(format.name), "{} has no bad file", format.name);
    }
}

#[test]
fn every_format_of_rows_alone_names_what_an_empty_file_lacks() {
    let mut rows = 0;
    for format in registry::FORMATS {
        let told = complaint(format.name, "empty", b"");
        if told.contains("without a header") {
            let first = format.columns.iter().find(|column| column.required);
            let first = first.map_or("", |column| column.name);
            assert!(told.starts_with("empty: is empty; rows of "), "{told}");
            assert!(told.contains(first), "{}: {told}", format.name);
            rows += 1;
        }
    }
    assert_eq!(rows, 14);
}

#[test]
fn logs_begin_at_their_own_zero() {
    let log = |start: i64, submits: &[i64]| {
        let rows = submits.iter().zip(1..).map(|(submit, job)| {
            format!("{job} {submit} 0 60 1 -1 -1 1 60 -1 1 1 1 1 1 1 -1 -1\n")
        });
        let rows: String = rows.collect();
        format!("; UnixStartTime: {start}\n{rows}")
    };
    let bytes = archive(&[
        ("b.swf", &log(1_000_600, &[0, 100])),
        ("a.swf", &log(1_000_000, &[30])),
    ]);
    let input = Input::bytes("logs.tar", bytes);
    let entry = registry::recognize(&input).expect("known");
    let arrivals::format::Constructor::Workload(open) = entry.open else {
        panic!("a workload");
    };
    let recorded = collected(open(&input, &ReadOptions::default()));
    let submits = recorded.each(|one| one.submit);
    assert_eq!(submits, [30, 600, 700].map(Instant::from_secs));
    recorded.ledger.has_once([
        "log that begins after another by its `UnixStartTime`; its jobs come so much later",
    ]);
}

#[test]
fn shards_that_are_not_in_order_are_sorted() {
    let row = |second: u32, task: u32| format!("{second}000000,,7,{task},,0,ann,2,9,0.1,0.1,0,0\n");
    let bytes = archive(&[
        ("part-00000.csv", &(row(900, 1) + &row(950, 2))),
        ("part-00001.csv", &(row(600, 3) + &row(920, 4))),
    ]);
    let input = Input::bytes("shards.tar", bytes);
    let entry = registry::recognize(&input).expect("known");
    let arrivals::format::Constructor::Workload(open) = entry.open else {
        panic!("a workload");
    };
    let mut source = open(&input, &ReadOptions::default()).expect("good rows");
    let mut names = Vec::new();
    while let Some(arrival) = source.next().expect("good rows") {
        names.push(arrival.name.to_string());
    }
    assert_eq!(names, ["7-3", "7-1", "7-4", "7-2"]);
}

#[test]
fn a_file_that_is_no_part_of_the_table_beside_it_is_named() {
    let bytes = archive(&[
        ("calls.csv", "app,func,end_timestamp,duration\na,f,5,1\n"),
        ("notes.csv", "day,note\n1,calm\n"),
    ]);
    assert_eq!(
        complaint("azure-functions-2021", "calls.tar", &bytes),
        "calls.tar: notes.csv: the header has no column `app`; it has: day, note; all files of a folder or an archive \
         are read as parts of one table: keep this one elsewhere if it is none, or name the trace's own file"
    );
}

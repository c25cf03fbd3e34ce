//! Relations between fields: each is broken by changing one side of it, and told.

use crate::tests::prelude::*;

use super::dirty_rows::clean::CLEAN;
use super::dirty_rows::file;
use crate::registry::{FORMATS, find};
use rng::Stream;

/// A record with a number left open.
struct Open {
    format: &'static str,
    /// The relation's place in the format's table.
    place: usize,
    text: String,
    /// A number with which it holds.
    holds: i64,
    /// The least and the greatest number that break it.
    breaks: [i64; 2],
}

fn open(format: &'static str, place: usize, text: &str, holds: i64, breaks: [i64; 2]) -> Open {
    Open {
        format,
        place,
        text: format!("{text}\n"),
        holds,
        breaks,
    }
}

const OPENB: &str = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,\
                     creation_time,deletion_time,scheduled_time\n";
const DLRM: &str = "instance_sn,role,app_name,cpu_request,cpu_limit,gpu_request,gpu_limit,rdma_request,rdma_limit,\
                    memory_request,memory_limit,disk_request,disk_limit,max_instance_per_node,creation_time,\
                    scheduled_time,deletion_time\n";
const SACCT: &str =
    "JobID|State|Submit|Start|End|Elapsed|Suspended|Timelimit|NNodes|AllocCPUS\n1|COMPLETED|";
const HELIOS: &str = "job_id,user,vc,gpu_num,cpu_num,node_num,state,submit_time,start_time,end_time,duration,queue,\
                      gpu_time\n1,u,v,16,64,2,COMPLETED,2020-04-15 00:00:10,2020-04-15 00:01:10,";

fn philly(start: &str, end: &str) -> String {
    format!(
        r#"[{{"status": "Pass", "vc": "a", "jobid": "1", "submitted_time": "2017-10-15 07:00:00", "attempts":
        [{{"start_time": "2017-10-{start} 07:01:00", "end_time": "2017-10-{end} 07:02:00",
        "detail": [{{"ip": "m1", "gpus": ["gpu0"]}}]}}]}}]"#
    )
}

fn wfformat(minute: &str) -> String {
    format!(
        r#"{{"schemaVersion": "1.6", "workflow": {{"tasks": [
        {{"id": "a", "runtime": 1200, "cores": 1, "executedAt": "2026-08-04T15:10:00Z"}},
        {{"id": "b", "runtime": 1, "cores": 1, "parents": ["a"], "executedAt": "2026-08-04T15:{minute}:00Z"}}]}}}}"#
    )
}

fn batsim(job: &str, profile: &str) -> String {
    format!(
        r#"{{"nb_res": 64, "jobs": [{{"id": 1, "subtime": 0, "profile": "p", {job}}}], "profiles": {{"p": {profile}}}}}"#
    )
}

fn tables() -> Vec<Open> {
    vec![
        open(
            "openb-pods",
            0,
            &format!("{OPENB}p,1000,1024,0,0,,LS,Running,5,{{}},7"),
            9,
            [0, 6],
        ),
        open(
            "swf",
            0,
            "1 0 -1 {} 4 -1 -1 4 90 -1 1 1 1 1 1 1 -1 -1",
            60,
            [91, 500],
        ),
        open(
            "swf",
            1,
            "1 0 -1 60 4 {} -1 4 90 -1 1 1 1 1 1 1 -1 -1",
            30,
            [61, 500],
        ),
        open(
            "google-2011-usage",
            0,
            "600000000,{},7,0,5,0.0625,0.03125,0,0,0,0,0,0,0.125,0,2.1,0.01,1,1,0.05",
            900_000_000,
            [1, 599_999_999],
        ),
        open(
            "alibaba-2017-tasks",
            0,
            "41562,{},120,686,2,Terminated,50,0.004",
            41_618,
            [1, 41_561],
        ),
        open(
            "alibaba-2018-tasks",
            0,
            "M1,3,j_1,1,Terminated,100,{},50,0.39",
            160,
            [1, 99],
        ),
        open(
            "alibaba-gpu-2020-tasks",
            0,
            "ab12,worker,2.0,Terminated,9000.0,{},600,29.3,50,MISC",
            9_500,
            [1, 8_999],
        ),
        open(
            "helios-machines",
            0,
            "date,vcA,vcB,total\n2020-04-01,16,8,{}",
            24,
            [32, 96],
        ),
        open(
            "csv",
            0,
            "name,submit,run_time,time_limit\na,0,100,{}",
            200,
            [1, 99],
        ),
    ]
}

fn others() -> Vec<Open> {
    let dlrm = |row: &str| format!("{DLRM}i,CN,app,{row}");
    vec![
        open(
            "alibaba-dlrm-2025",
            0,
            &dlrm("64,64,0,0,1,1,320,320,544,640,-1,475,{},9000"),
            623,
            [0, 474],
        ),
        open(
            "alibaba-dlrm-2025",
            1,
            &dlrm("64,64,0,0,1,1,320,320,544,640,-1,475,623,{}"),
            9_000,
            [0, 622],
        ),
        open(
            "alibaba-dlrm-2025",
            2,
            &dlrm("64,64,2,{},1,1,320,320,544,640,-1,475,623,9000"),
            2,
            [3, 60],
        ),
        open(
            "alibaba-dlrm-2025",
            3,
            &dlrm("64,{},0,0,1,1,320,320,544,640,-1,475,623,9000"),
            64,
            [1, 63],
        ),
        open(
            "azure-vm",
            0,
            "a,s,d,300,{},99.4,3.42,10.19,Interactive,1,1.75",
            1_539_300,
            [0, 299],
        ),
        open(
            "azure-vm",
            1,
            "a,s,d,0,2591700,50,{},10.19,Interactive,1,1.75",
            3,
            [51, 99],
        ),
        open(
            "azure-packing-2020",
            0,
            "vmId,tenantId,vmTypeId,priority,starttime,endtime\n1,11,7,0,5,{}",
            9,
            [0, 4],
        ),
        open(
            "azure-functions-2021",
            0,
            "app,func,end_timestamp,duration\na,f,57.1,{}",
            1,
            [58, 900],
        ),
        open(
            "philly-table",
            0,
            "timestamp,duration,num_gpus,gpu_time,cluster\n2017-10-09 07:01:55,66,1,{},a",
            66,
            [100, 900],
        ),
    ]
}

fn logs() -> Vec<Open> {
    let sacct = |row: &str| format!("{SACCT}{row}|1|4");
    vec![
        open(
            "sacct",
            0,
            &sacct("2024-03-15T10:00:00|2024-03-15T10:01:00|2024-03-{}T10:31:00|||"),
            15,
            [10, 14],
        ),
        open(
            "sacct",
            1,
            &sacct(
                "2024-03-15T10:00:00|2024-03-15T10:01:00|2024-03-15T10:31:10|00:30:{}|00:00:00|01:00:00",
            ),
            10,
            [12, 59],
        ),
        open(
            "sacct",
            2,
            &sacct("2024-03-15T10:00:00|2024-03-15T10:01:00|2024-03-15T10:31:00|||00:{}:00"),
            59,
            [10, 27],
        ),
        open(
            "sacct",
            3,
            &sacct("2024-03-{}T10:00:00|2024-03-15T10:01:00|2024-03-15T10:31:00|||"),
            15,
            [16, 28],
        ),
        open(
            "sacct",
            4,
            "JobID|State|Submit|Eligible|Start|End|AllocCPUS\n\
             1|COMPLETED|2024-03-15T10:00:00|2024-03-{}T10:00:30|2024-03-15T10:01:00|2024-03-15T10:31:00|1",
            15,
            [16, 28],
        ),
    ]
}

fn logs_of_training() -> Vec<Open> {
    let helios = |row: &str| format!("{HELIOS}{row}");
    let delay = r#"{"type": "delay", "delay": 20.2}"#;
    let spread = r#"{"type": "parallel", "cpu": [1, 1], "com": [0, 0, 0, 0]}"#;
    vec![
        open("wfformat", 0, &wfformat("{}"), 30, [10, 28]),
        open("philly", 0, &philly("{}", "25"), 15, [10, 14]),
        open("philly", 1, &philly("15", "{}"), 15, [10, 14]),
        open("helios", 0, &helios("2020-04-{} 00:02:10,,,"), 15, [10, 14]),
        open(
            "helios",
            1,
            &helios("2020-04-15 00:02:10,{},60,"),
            60,
            [62, 900],
        ),
        open(
            "helios",
            2,
            &helios("2020-04-15 00:02:10,60,{},"),
            60,
            [62, 900],
        ),
        open(
            "helios",
            3,
            &helios("2020-04-15 00:02:10,60,60,{}"),
            960,
            [962, 9_000],
        ),
        open(
            "helios",
            4,
            "job_id,gpu_num,cpu_num,node_num,submit_time,start_time,end_time\n\
             1,{},64,2,2020-04-15 00:00:10,2020-04-15 00:01:10,2020-04-15 00:02:10",
            16,
            [17, 128],
        ),
        open(
            "batsim",
            0,
            &batsim(r#""res": 1, "walltime": {}"#, delay),
            100,
            [1, 20],
        ),
        open("batsim", 1, &batsim(r#""res": {}"#, spread), 2, [3, 64]),
        open("batsim", 2, &batsim(r#""res": {}"#, delay), 64, [65, 900]),
    ]
}

fn all() -> impl Iterator<Item = Open> {
    let apart = [tables(), others(), logs(), logs_of_training()];
    apart.into_iter().flatten()
}

/// The breaches that a strict reading tells of a record with a number.
fn breaches(own: &Open, number: i64) -> (bool, Vec<&'static str>) {
    let shape = CLEAN.iter().find(|(name, ..)| *name == own.format);
    let (_, shape, _) = shape.expect("a shape");
    let text = own.text.replace("{}", &number.to_string());
    let options = options_with(|options| {
        options.rows.strict = true;
        options.usage = ["swf", "azure-vm"].contains(&own.format);
    });
    let entry = find(own.format).expect("a format");
    let found = validate(&file("own", *shape, &text), entry, &options, 9);
    let told = found.broken().into_iter().map(|relation| relation.breach);
    (found.is_valid(), told.collect())
}

#[test]
fn one_side_of_a_relation_alone_is_told() {
    for own in all() {
        let relation = find(own.format).expect("a format").relations[own.place];
        let what = format!("{} {:?}", own.format, relation.of);
        let (_, told) = breaches(&own, own.holds);
        assert!(told.is_empty(), "{what}: {told:?}");
        let mut stream = Stream::new(1, "test-relations", 0);
        let [least, most] = own.breaks;
        let drawn = (0..20).map(|_| least + stream.below((most - least + 1) as u64) as i64);
        for number in [least, most].into_iter().chain(drawn) {
            let (is_valid, told) = breaches(&own, number);
            assert!(!is_valid, "{what}: {number}");
            assert!(told.contains(&relation.breach), "{what}: {number} {told:?}");
        }
    }
}

/// Formats whose records have no two columns that say the same, or that bound each other: states, events and rows of one
/// fact a column. What their rows say of other rows, such as the events of a task, is a rule of the reader.
const WITHOUT: &[&str] = &[
    "openb-nodes",
    "swf-machines",
    "google-2011-machines",
    "google-2011-tasks",
    "google-2019-machines",
    "google-2019-instances",
    "alibaba-2017-machines",
    "alibaba-2017-services",
    "alibaba-2018-machines",
    "alibaba-2018-containers",
    "alibaba-gpu-2020-machines",
    "alibaba-spot-gpu-2026-machines",
    "alibaba-spot-gpu-2026-jobs",
    "azure-functions-2019",
    "azure-llm-2023",
    "opendc",
    "simkube",
    "kubernetes-audit",
    "kubernetes-events",
    "prometheus",
    "docker-services",
    "marathon",
    "ecs",
    "nomad",
    "planetlab",
    "bitbrains",
    "philly-machines",
    "tiresias-machines",
    "tiresias-jobs",
    "chronus",
    "gavel",
    "gwf",
];

/// Every relation has a record here, and a row in the manual.
#[test]
fn every_relation_is_tried_and_told() {
    let tried: Vec<Open> = all().collect();
    let page = include_str!("../../../docs/manual/traces.md");
    for entry in FORMATS {
        assert_eq!(
            entry.relations.is_empty(),
            WITHOUT.contains(&entry.name),
            "{}",
            entry.name
        );
        for (place, relation) in entry.relations.iter().enumerate() {
            let is_tried = |own: &Open| own.format == entry.name && own.place == place;
            assert!(tried.iter().any(is_tried), "{} {place}", entry.name);
            let fields: Vec<String> = relation.of.iter().map(|own| format!("`{own}`")).collect();
            let row = format!(
                "| {} | {} | {} | {} |",
                entry.name,
                fields.join(", "),
                relation.breach,
                relation.original
            );
            assert!(page.contains(&row), "the manual lacks\n{row}");
        }
    }
}

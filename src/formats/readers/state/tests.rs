//! A state of each kind, and what is wrong with others.

mod rules;

use crate::registry::recognize;
use crate::tests::prelude::*;

const DOCKER: &str = r#"{"ID":"x","Image":"nginx","Mode":"replicated","Name":"web","Ports":"","Replicas":"2/3"}
{"ID":"y","Image":"agent","Mode":"global","Name":"agent","Ports":"","Replicas":"5/5"}
{"ID":"z","Image":"db","Mode":"replicated","Name":"db","Ports":"","Replicas":"1/1 (max 1 per node)"}
{"ID":"z","Image":"db","Mode":"replicated","Name":"bad","Ports":"","Replicas":"many"}
{"ID":"z","Image":"db","Mode":"replicated","Name":"","Ports":"","Replicas":"1/1"}
"#;

const INSPECTED: &str = r#"[{"ID": "x", "Spec": {"Name": "web", "TaskTemplate": {"ContainerSpec": {},
"Resources": {"Reservations": {"NanoCPUs": 500000000, "MemoryBytes": 67108864}},
"Placement": {"Constraints": ["node.role == worker"]}}, "Mode": {"Replicated": {"Replicas": 2}}}},
{"Spec": {"Name": "half", "TaskTemplate": {"ContainerSpec": {}}, "Mode": {"Replicated": {"Replicas": 1.5}}}}]"#;

const MARATHON: &str = r#"{"apps": [
{"id": "/team/web", "instances": 2, "cpus": 0.5, "mem": 128, "disk": 0, "gpus": 1, "constraints": [["a"]]},
{"id": "/lone", "instances": 1, "cpus": 1, "mem": 64.5},
{"id": "/bad", "instances": -1, "cpus": 1, "mem": 64},
{"id": "/bad", "instances": 1, "cpus": "much", "mem": 64},
{"instances": 1, "cpus": 1, "mem": 64}]}"#;

const ECS: &str = r#"{"tasks": [
{"taskArn": "arn:aws:ecs:eu:1:task/c/t1", "group": "service:web", "cpu": "512", "memory": "1024",
 "lastStatus": "RUNNING"},
{"taskArn": "arn:aws:ecs:eu:1:task/c/t2", "cpu": "512", "memory": "1024", "lastStatus": "STOPPED"},
{"taskArn": "arn:aws:ecs:eu:1:task/c/t3", "cpu": "x", "memory": "1024", "lastStatus": "RUNNING"}],
"services": [{"serviceName": "web", "desiredCount": 2}, {"serviceName": "b"}]}"#;

const NOMAD: &str = r#"[
{"ID": "1", "Name": "web.g[0]", "JobID": "web", "TaskGroup": "g", "ClientStatus": "running",
 "AllocatedResources": {"Tasks": {"a": {"Cpu": {"CpuShares": 500}, "Memory": {"MemoryMB": 256}},
 "b": {"Cpu": {"CpuShares": 250}, "Memory": {"MemoryMB": 64}}}}},
{"ID": "2", "Name": "web.g[1]", "JobID": "web", "TaskGroup": "g", "ClientStatus": "complete"},
{"ID": "3", "Name": "old.g[0]", "JobID": "old", "TaskGroup": "g", "ClientStatus": "pending",
 "Resources": {"CPU": 100, "MemoryMB": 32}},
{"ID": "4", "Name": "x", "JobID": "old", "TaskGroup": "g", "ClientStatus": "running",
 "Resources": {"CPU": -100, "MemoryMB": 32}},
{"ID": "5", "Name": "y", "TaskGroup": "g", "ClientStatus": "running"}]"#;

/// The pods of a state (name, 1/1000 cores, MiB), and the complaints about it.
fn read(entry: &FormatEntry, text: &str) -> (Vec<(String, i64, i64)>, Vec<String>) {
    let input = Input::bytes("s", text.as_bytes());
    assert_eq!(recognize(&input).expect("known").name, entry.name);
    let found = validate(&input, entry, &ReadOptions::default(), 9);
    let options = options_with(|own| own.rows = intake::ledger::RowPolicy::REPORT);
    let open = opener(entry);
    let recorded = collected(open(&input, &options));
    let pods = recorded.arrivals.iter().map(|one| {
        let requests = recorded.classes[one.class as usize]
            .requests()
            .expect("small");
        let cpu = requests.get("cpu").milli_ceil().expect("small");
        let memory = requests.get("memory").units_ceil().expect("small") >> 20;
        (one.name.to_string(), cpu, memory)
    });
    let bad = found.bad_rows.iter().map(ToString::to_string);
    (pods.collect(), bad.collect())
}

/// The kinds of what was found odd about a state without a bad element.
fn ledger(entry: &FormatEntry, text: &str) -> Vec<String> {
    let found = faults(entry, "s", text);
    assert_eq!(found.bad_row_count, 0, "{text}");
    let entries = found.ledger.entries().iter();
    entries.map(|own| own.kind.to_string()).collect()
}

#[test]
fn devices_and_containers_are_requested() {
    let nomad = r#"[{"ID": "1", "Name": "a.g[0]", "JobID": "a", "TaskGroup": "g", "ClientStatus": "running",
"AllocatedResources": {"Tasks": {"t": {"Cpu": {"CpuShares": 500}, "Memory": {"MemoryMB": 256}, "Devices": [
{"Vendor": "nvidia", "Type": "gpu", "DeviceIDs": ["x", "y"]}, {"Type": "fpga", "DeviceIDs": ["z"]}]}}}}]"#;
    let ecs = r#"{"tasks": [{"taskArn": "arn:aws:ecs:x:1:task/c/abc", "lastStatus": "RUNNING", "containers": [
{"cpu": "512", "memory": "256", "gpuIds": ["GPU-1"]}, {"cpu": "0", "memoryReservation": "64", "gpuIds": ["GPU-2"]}]}]}"#;
    for (entry, text, memory) in [
        (&super::nomad::ENTRY, nomad, 256),
        (&super::ecs::ENTRY, ecs, 320),
    ] {
        let open = opener(entry);
        let recorded = collected_of(open, "s", text);
        let spec = &recorded.classes[0];
        let requests = spec.requests().expect("small");
        assert_eq!(requests.get("cpu").milli_ceil(), Ok(500));
        assert_eq!(requests.get("memory").units_ceil(), Ok(memory << 20));
        assert_eq!(spec.gpu.devices, 2);
    }
}

/// A job of Nomad, but for what an inspection puts around it.
const JOB: &str = r#"{"ID": "web", "Type": "service", "Status": "running", "Priority": 70, "Datacenters": ["dc1"],
"Constraints": [{"LTarget": "${attr.kernel.name}", "RTarget": "linux", "Operand": "="}], "Periodic": null, "TaskGroups": [
{"Name": "front", "Count": 2, "Tasks": [
{"Name": "a", "Resources": {"CPU": 500, "Cores": 0, "MemoryMB": 256, "Devices": [{"Name": "nvidia/gpu", "Count": 1}]}},
{"Name": "b", "Resources": {"CPU": 0, "Cores": 2, "MemoryMB": 64, "Devices": [{"Name": "fpga"}]}}]},
{"Name": "back", "Count": 1, "Tasks": [{"Name": "c", "Resources": {"CPU": 100, "MemoryMB": 32}}]}]}"#;

#[test]
fn jobs_of_nomad_are_pods() {
    let pod = |name: &str, cpu, memory| (name.to_owned(), cpu, memory);
    let expected = [
        pod("web.front-1", 2_500, 320),
        pod("web.front-2", 2_500, 320),
        pod("web.back", 100, 32),
    ];
    for text in [
        JOB.to_owned(),
        format!("{{\"Job\": {JOB}}}"),
        format!(
            "[{JOB}, {}]",
            JOB.replace("running", "dead").replace("web", "old")
        ),
        format!(
            "{JOB}\n{}",
            JOB.replace("running", "dead").replace("web", "old")
        ),
    ] {
        let (pods, bad) = read(&super::nomad::ENTRY, &text);
        assert_eq!(pods, expected);
        assert!(bad.is_empty(), "{bad:?}");
    }
    let found = ledger(&super::nomad::ENTRY, JOB);
    let expected = [
        "constraints of a job, not enforced",
        "datacenters of a job, not enforced",
        "device of another type than gpu, not enforced",
        "MHz counted as thousandths of a core",
    ];
    assert_eq!(found, expected);
    let listed = r#"[{"ID": "web", "Type": "service", "Status": "running", "Datacenters": ["dc1"], "JobSummary": {"JobID": "web",
"Summary": {"front": {"Queued": 1, "Complete": 4, "Failed": 0, "Running": 1, "Starting": 0, "Lost": 0}}}}]"#;
    // Older servers list no datacenters.
    for listed in [
        listed.to_owned(),
        listed.replace("\"Datacenters\": [\"dc1\"], ", ""),
    ] {
        let (pods, bad) = read(&super::nomad::ENTRY, &listed);
        assert_eq!(pods, [pod("web.front-1", 0, 0), pod("web.front-2", 0, 0)]);
        assert!(bad.is_empty(), "{bad:?}");
    }
    let (pods, bad) = read(
        &super::nomad::ENTRY,
        &JOB.replace("\"Count\": 2", "\"Count\": -2"),
    );
    assert!(pods.is_empty());
    let expected =
        "s:1: column `TaskGroups.0.Count`: must be a number from 0 to 1048576, found `-2`";
    assert_eq!(bad, [expected]);
}

#[test]
fn services_applications_tasks_and_allocations_are_pods() {
    let pod = |name: &str, cpu, memory| (name.to_owned(), cpu, memory);
    let (pods, bad) = read(&super::docker::ENTRY, DOCKER);
    let expected = ["web-1", "web-2", "web-3", "db"].map(|name| pod(name, 0, 0));
    assert_eq!(pods, expected);
    bad.are([
        "s:4: column `Replicas`: must be replicas such as `3/3`, found `\"many\"`",
        "s:5: column `Name`: must be the name of a service, found `\"\"`",
    ]);
    let (pods, bad) = read(&super::docker::ENTRY, INSPECTED);
    assert_eq!(pods, ["web-1", "web-2"].map(|name| pod(name, 500, 64)));
    assert_eq!(
        bad,
        ["s:4: column `Spec.Mode.Replicated.Replicas`: must be a whole number, found `1.5`"]
    );
    let (pods, bad) = read(&super::marathon::ENTRY, MARATHON);
    let expected = [
        pod("team-web-1", 500, 128),
        pod("team-web-2", 500, 128),
        pod("lone", 1_000, 64),
    ];
    assert_eq!(pods, expected);
    bad.are([
        "s:4: column `instances`: must be a number from 0 to 1048576, found `-1`",
        "s:5: column `cpus`: must be a number from 0 to 1000000000, found `\"much\"`",
        "s:6: column `id`: must be the path of an application, found ``",
    ]);
    let (pods, bad) = read(&super::ecs::ENTRY, ECS);
    let expected = [pod("t1", 500, 1_024), pod("web", 0, 0)];
    assert_eq!(pods, expected);
    bad.are([
        "s:6: column `1.desiredCount`: must be a number of tasks, found ``",
        "s:5: column `cpu`: must be a number from 0 to 1000000000, found `\"x\"`",
    ]);
    let (pods, bad) = read(&super::nomad::ENTRY, NOMAD);
    assert_eq!(pods, [pod("web.g[0]", 750, 320), pod("old.g[0]", 100, 32)]);
    bad.are([
        "s:8: column `Resources.CPU`: must be a number from 0 to 1000000000, found `-100`",
        "s:10: column `JobID`: must be the name of a job, found ``",
    ]);
    let stopped = faults(&super::marathon::ENTRY, "s", "{\"apps\": 5}").stopped;
    assert!(stopped.is_some());
}

#[test]
fn the_table_of_services_is_read_as_its_json_is() {
    let table = "\
ID             NAME       MODE         REPLICAS               IMAGE          PORTS
x7k2j9m1abcd   web        replicated   2/3                    nginx:1.27     *:80->80/tcp
y7k2j9m1abcd   agent      global       5/5                    agent:2
z7k2j9m1abcd   db         replicated   1/1 (max 1 per node)   db
z7k2j9m1abcd   bad        replicated   many                   db
z7k2j9m1abcd              replicated   1/1                    db
z7k2j9m1abcd   too-long-for-it   replicated   1/1             db
";
    for text in [table.to_owned(), table.replace('\n', "\r\n")] {
        let (pods, bad) = read(&super::docker::ENTRY, &text);
        let expected = ["web-1", "web-2", "web-3", "db"].map(|name| (name.to_owned(), 0, 0));
        assert_eq!(pods, expected);
        bad.are([
                "s:5: column `Replicas`: must be replicas such as `3/3`, found `\"many\"`",
                "s:6: column `Name`: must be the name of a service, found `\"\"`",
                "s:7: column `Mode`: must begin in column 27 of the line, under its word in the header; print the table \
                 again, or as JSON (`--format json`), found `z7k2j9m1abcd   too-long-for-it   replica… (64 \
                 characters)`",
            ]);
    }
    let short = "NAME   MODE         REPLICAS\nweb    replicated   1/1\n";
    assert_eq!(
        read(&super::docker::ENTRY, short).0,
        [("web".to_owned(), 0, 0)]
    );
}

#[test]
fn what_states_no_pods_or_no_amounts_is_told() {
    let marathon = r#"{"apps": [{"id": "/a", "instances": 0, "cpus": 1, "mem": 64},
{"id": "/b", "instances": 1, "mem": 64}, {"id": "/c", "instances": 1, "cpus": 1}, {"id": "/d", "instances": 1}]}"#;
    let none = "no pod is wanted";
    let [cores, both] =
        ["cores", "cores and memory"].map(|what| format!("{what} not stated; requests none"));
    let usual = [
        none,
        "cores not stated; an application has 1 by default",
        "memory not stated; an application has 128 MiB by default",
    ];
    assert_eq!(ledger(&super::marathon::ENTRY, marathon), usual);
    let listed = r#"{"Image":"a","Mode":"replicated","Name":"web","Replicas":"0/0"}"#;
    assert_eq!(ledger(&super::docker::ENTRY, listed), [none]);
    let inspected = r#"[{"Spec": {"Name": "w", "TaskTemplate": {"ContainerSpec": {}},
"Mode": {"Replicated": {"Replicas": 1}}}}]"#;
    assert_eq!(ledger(&super::docker::ENTRY, inspected), [&*both]);
    let ecs = r#"{"services": [{"serviceName": "web", "desiredCount": 0}]}"#;
    assert_eq!(ledger(&super::ecs::ENTRY, ecs), [none]);
    let ecs = r#"{"failures": [{"arn": "x", "reason": "MISSING"}], "tasks": [{"taskArn": "a/b",
"cpu": "256", "memory": "512", "lastStatus": "RUNNING"}]}"#;
    let missing = "object that the answer says is missing";
    assert_eq!(ledger(&super::ecs::ENTRY, ecs), [missing]);
    let nomad = r#"[{"ID": "1", "Name": "a", "JobID": "j", "TaskGroup": "g", "ClientStatus": "running",
"AllocatedResources": {"Tasks": {"t": {"Memory": {"MemoryMB": 256}}}}},
{"ID": "2", "Name": "b", "JobID": "j", "TaskGroup": "g", "ClientStatus": "running"}]"#;
    assert_eq!(ledger(&super::nomad::ENTRY, nomad), [&*cores, &both]);
}

#[test]
fn groups_and_pods_of_marathon_and_pages_of_answers_are_read_as_a_whole() {
    let pod = |name: &str, cpu, memory| (name.to_owned(), cpu, memory);
    let groups = r#"{"id": "/", "apps": [{"id": "/a", "instances": 1, "cpus": 1, "mem": 64, "disk": 5}],
"groups": [{"id": "/g", "apps": [{"id": "/g/b", "instances": 1, "cpus": 2, "mem": 64},
{"id": "/g/x", "instances": 1, "cpus": "many", "mem": 64}], "groups": [{"id": "/g/h", "apps": [],
"pods": [{"id": "/g/h/p", "scaling": {"kind": "fixed", "instances": 1}, "containers": [
{"resources": {"cpus": 0.5, "mem": 32}}, {"resources": {"cpus": 0.25, "mem": 32}}]}], "groups": []}]}]}"#;
    let (pods, bad) = read(&super::marathon::ENTRY, groups);
    pods.are([
        pod("a", 1_000, 64),
        pod("g-b", 2_000, 64),
        pod("g-h-p", 750, 64),
    ]);
    assert_eq!(
        bad,
        ["s:2: column `0.apps.1.cpus`: must be a number from 0 to 1000000000, found `\"many\"`"]
    );
    let task = |name: &str| {
        format!(
            "{{\"tasks\": [{{\"taskArn\": \"a/{name}\", \"cpu\": \"512\", \"memory\": \"64\", \"lastStatus\": \
             \"RUNNING\"}}]}}\n"
        )
    };
    let (pods, bad) = read(&super::ecs::ENTRY, &(task("t1") + &task("t2")));
    assert_eq!(pods, [pod("t1", 500, 64), pod("t2", 500, 64)]);
    assert!(bad.is_empty(), "{bad:?}");
}

#[test]
fn what_applications_of_marathon_leave_out_has_its_default_and_is_told() {
    let pod = |name: &str, cpu, memory| (name.to_owned(), cpu, memory);
    let text = r#"{"apps": [{"id": "/a", "cmd": "sleep 1"}, {"id": "/b", "cpus": 0.5, "mem": 64},
{"id": "/c", "instances": 0}]}"#;
    let (pods, bad) = read(&super::marathon::ENTRY, text);
    assert_eq!(pods, [pod("a", 1_000, 128), pod("b", 500, 64)]);
    assert!(bad.is_empty(), "{bad:?}");
    let told = ledger(&super::marathon::ENTRY, text);
    for kind in [
        "instances not stated; one by default",
        "cores not stated; an application has 1 by default",
        "memory not stated; an application has 128 MiB by default",
        "no pod is wanted",
    ] {
        assert!(told.iter().any(|own| own == kind), "{kind}: {told:?}");
    }
}

#[test]
fn limits_of_services_are_limits_of_their_pods() {
    let text = r#"[{"Spec": {"Name": "web", "TaskTemplate": {"ContainerSpec": {}, "Placement": {"Preferences":
[{"Spread": {"SpreadDescriptor": "node.labels.zone"}}]}, "Resources": {"Limits": {"NanoCPUs": 2000000000,
"MemoryBytes": 0}, "Reservations": {"NanoCPUs": 500000000, "MemoryBytes": 64}}},
"Mode": {"Replicated": {"Replicas": 1}}}}]"#;
    let open = opener(&super::docker::ENTRY);
    let recorded = collected_of(open, "s", text);
    let limits = &recorded.classes[0].containers[0].limits;
    assert_eq!(limits.get("cpu").milli_ceil(), Ok(2_000));
    assert_eq!(limits.named().count(), 1);
    recorded
        .ledger
        .has_once(["spread of a service, not enforced"]);
}

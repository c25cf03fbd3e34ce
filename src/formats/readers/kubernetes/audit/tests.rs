//! Requests about pods, and what is wrong with others.

use super::*;
use crate::tests::prelude::*;
use arrivals::memory::Recorded;

fn event(verb: &str, sub: &str, name: &str, second: u32, more: &str) -> String {
    format!(
        "{{\"kind\": \"Event\", \"apiVersion\": \"audit.k8s.io/v1\", \"auditID\": \"x\", \
         \"stage\": \"ResponseComplete\", \"verb\": \"{verb}\", \"objectRef\": {{\"resource\": \
         \"pods\", \"namespace\": \"n\", \"name\": \"{name}\", \"subresource\": \"{sub}\"}}, \
         \"stageTimestamp\": \"2024-03-01T10:00:{second:02}.000000Z\"{more}}}\n"
    )
}

#[test]
fn pods_live_from_their_creation_to_their_end() {
    let spec = ", \"requestObject\": {\"spec\": {\"containers\": [{\"name\": \"c\", \"resources\": \
                {\"requests\": {\"cpu\": \"500m\"}}}]}}";
    let phase = ", \"requestObject\": {\"status\": {\"phase\": \"Succeeded\"}}";
    let log = [
        event("create", "", "a", 1, spec),
        event("create", "binding", "a", 3, ""),
        event("create", "", "b", 5, ""),
        event("patch", "status", "a", 13, phase),
        event("delete", "", "a", 20, ""),
        event("create", "", "a", 21, spec),
        event("create", "", "", 2, spec),
        event("create", "binding", "g-x", 30, ""),
        event(
            "create",
            "",
            "c",
            22,
            ", \"responseStatus\": {\"code\": 403}",
        ),
        event("delete", "", "z", 23, ""),
        event("create", "", "d", 24, "").replace("\"pods\"", "\"configmaps\""),
        event("create", "", "d", 24, "").replace("ResponseComplete", "RequestReceived"),
        event("get", "", "a", 24, ""),
    ];
    let input = file_of(&ENTRY, "audit.log", log.concat());
    let recorded = collected(open(&input, &ReadOptions::default()));
    let seen = recorded.each(|one| (one.name.to_string(), one.submit, one.run_time));
    seen.are([
        ("a".to_owned(), Instant::ZERO, Some(Duration::from_secs(10))),
        ("b".to_owned(), Instant::from_secs(4), None),
        ("a".to_owned(), Instant::from_secs(20), None),
        ("g-x".to_owned(), Instant::from_secs(29), None),
    ]);
    recorded.ledger.has_counts([
        ("request that was refused", 1),
        ("end of a pod that was created before the log", 1),
        ("request about other objects", 1),
        ("request at a stage before its answer", 1),
        ("request that changes no pod's life", 1),
        ("request about a pod whose name is not recorded", 1),
        (
            "pod whose creation is not recorded; arrives with its binding",
            1,
        ),
        ("pod whose spec is not recorded; requests nothing", 2),
        ("pod whose end is not recorded; run time not known", 3),
    ]);
}

#[test]
fn dry_runs_change_nothing_and_a_first_line_with_a_fault_hides_no_log() {
    let address =
        |options: &str| format!(", \"requestURI\": \"/api/v1/namespaces/n/pods?{options}\"");
    let log = [
        "{\"stage\"\n".to_owned(),
        event("create", "", "a", 1, &address("fieldManager=k")),
        event("create", "", "b", 2, &address("fieldManager=k&dryRun=All")),
        event("delete", "", "a", 3, &address("dryRun=All")),
    ];
    let input = file_of(&ENTRY, "audit.log", log.concat());
    let found = validate(&input, &ENTRY, &ReadOptions::default(), 9);
    assert_eq!((found.accepted, found.bad_row_count), (1, 1));
    assert_eq!(found.ledger.count("dry run, which changes nothing"), 2);
    found
        .ledger
        .has_once(["pod whose end is not recorded; run time not known"]);
}

#[test]
fn dirty_requests_are_named() {
    let spec = ", \"requestObject\": {\"spec\": {\"containers\": [{\"resources\": {\"requests\": \
                {\"cpu\": \"500m\"}}}]}}";
    let dirty = [
        event("create", "", "a", 1, "").replace("2024-03-01T10:00:01.000000Z", "noon"),
        event("create", "", "a", 1, "").replace("000000Z", "000000+02:00"),
        event("create", "", "a", 1, &spec.replace("500m", "5x")),
        "{\"stage\": \n".to_owned(),
        event("", "", "a", 1, ""),
    ];
    faults(&ENTRY, "audit.log", dirty.concat()).has_bad_rows([
            "audit.log:1: column `stageTimestamp`: must be a date of UTC such as \
             `2024-03-01T10:00:00Z`, found `\"noon\"`",
            "audit.log:2: column `stageTimestamp`: must be a date of UTC such as \
             `2024-03-01T10:00:00Z`, found `\"2024-03-01T10:00:01.000000+02:00\"`",
            "audit.log:3: column `spec.containers[0].resources.requests[\"cpu\"]`: unknown quantity suffix `x`: \
             expected none, one of n u m k M G T P E Ki Mi Gi Ti Pi Ei, or an exponent such as e3, found `5x`",
            "audit.log:4: column `record`: must be a JSON object; its byte 10 is not, found \
             `{\"stage\": `",
            "audit.log:5: column `verb`: must be a verb such as create, found `\"\"`",
        ]);
}

fn read(log: &str) -> Recorded {
    let input = file_of(&ENTRY, "audit.log", log);
    let options = options_with(|own| own.outcomes = true);
    collected(open(&input, &options))
}

/// Name, 1/1000 cores, seconds of submission and run time, outcome.
fn seen(recorded: &Recorded) -> Vec<(String, i64, i64, Option<i64>, String)> {
    let seconds = |span: Duration| span.as_nanos() / 1_000_000_000;
    let arrivals = recorded
        .arrivals
        .iter()
        .zip(crate::tests::outcomes(recorded));
    let arrivals = arrivals.map(|(one, outcome)| {
        let list = recorded.classes[one.class as usize].requests();
        (
            one.name.to_string(),
            list.expect("small").get("cpu").milli_ceil().expect("small"),
            seconds(one.submit.since(Instant::ZERO)),
            one.run_time.map(seconds),
            outcome.to_string(),
        )
    });
    arrivals.collect()
}

const SPEC: &str =
    "{\"containers\": [{\"name\": \"c\", \"resources\": {\"requests\": {\"cpu\": \"500m\"}}}]}";

#[test]
fn pods_end_as_their_phase_or_their_deletion_says() {
    let spec = format!(", \"requestObject\": {{\"spec\": {SPEC}}}");
    let phase =
        |phase: &str| format!(", \"requestObject\": {{\"status\": {{\"phase\": \"{phase}\"}}}}");
    let answer = |phase: &str, more: &str| {
        format!(", \"responseObject\": {{\"status\": {{\"phase\": \"{phase}\"{more}}}}}")
    };
    let ended = ", \"containerStatuses\": [{\"state\": {\"terminated\": {\"finishedAt\": \
                 \"2024-03-01T10:00:31Z\"}}}]";
    let names = ["good", "bad", "cut", "evicted", "done"];
    let created: String = names
        .map(|name| event("create", "", name, 0, &spec) + &event("create", "binding", name, 1, ""))
        .concat();
    let rest = [
        event("patch", "status", "good", 11, &phase("Succeeded")),
        event("delete", "", "good", 20, ""),
        event("patch", "status", "bad", 12, &phase("Failed")),
        // The node ends what is deleted some time later.
        event("delete", "", "cut", 13, &answer("Running", "")),
        event("patch", "status", "cut", 43, &phase("Succeeded")),
        event("delete", "", "cut", 44, ""),
        event("create", "eviction", "evicted", 14, ""),
        event("delete", "", "evicted", 24, ""),
        event("delete", "", "done", 40, &answer("Failed", ended)),
    ];
    let recorded = read(&(created + &rest.concat()));
    let pod = |name: &str, run: i64, outcome: &str| {
        (name.to_owned(), 500, 0, Some(run), outcome.to_owned())
    };
    seen(&recorded).are([
        pod("good", 10, "completed"),
        pod("bad", 11, "failed"),
        pod("cut", 42, "cancelled"),
        pod("evicted", 23, "cancelled"),
        pod("done", 30, "failed"),
    ]);
    // Without phases nothing says whether what is deleted had come to its end.
    let metadata = [
        event("create", "", "a", 1, ""),
        event("delete", "", "a", 9, ""),
        event("create", "", "b", 1, ""),
        event(
            "delete",
            "",
            "b",
            9,
            ", \"user\": {\"username\": \"system:kube-scheduler\"}",
        ),
    ];
    let outcomes: Vec<String> = { seen(&read(&metadata.concat())).into_iter() }
        .map(|(.., outcome)| outcome)
        .collect();
    assert_eq!(outcomes, ["", "cancelled"]);
}

#[test]
fn pods_that_came_before_the_log_arrive_at_its_beginning() {
    let answer = |name: &str, created: &str| {
        format!(
            ", \"responseObject\": {{\"metadata\": {{\"name\": \"{name}\", \"creationTimestamp\": \
             \"2024-03-01T{created}Z\"}}, \"spec\": {SPEC}, \"status\": {{\"phase\": \"Running\"}}}}"
        )
    };
    let list = ", \"responseObject\": {\"kind\": \"PodList\", \"items\": [{\"metadata\": {\"name\": \"old\"}, \
         \"status\": {\"phase\": \"Running\"}}, {\"metadata\": {\"name\": \"new\"}}]}";
    let log = [
        event("create", "", "x", 10, ""),
        event("patch", "status", "old", 20, &answer("old", "08:00:00")),
        event("patch", "status", "new", 21, &answer("new", "10:00:15")),
        event("patch", "status", "new", 22, &answer("new", "10:00:15")),
        event("delete", "", "gone", 30, &answer("gone", "08:00:00")),
        event("deletecollection", "", "", 50, list),
        event("deletecollection", "", "", 51, ""),
    ];
    let recorded = read(&log.concat());
    let pod = |name: &str, at: i64, run: Option<i64>, cpu: i64, outcome: &str| {
        (name.to_owned(), cpu, at, run, outcome.to_owned())
    };
    seen(&recorded).are([
        pod("x", 0, None, 0, ""),
        pod("old", 0, Some(40), 500, "cancelled"),
        pod("gone", 0, Some(20), 500, "cancelled"),
        pod("new", 5, Some(35), 500, ""),
    ]);
    recorded.ledger.has_counts([
        (
            "pod that was there before the log; arrives at its beginning",
            2,
        ),
        (
            "deletion of several pods at once, whose names are not recorded",
            1,
        ),
        ("request that changes no pod's life", 1),
    ]);
}

#[test]
fn pods_that_the_server_names_are_those_of_their_creations() {
    let made = |second: u32| {
        let object = format!(
            ", \"requestObject\": {{\"metadata\": {{\"generateName\": \"web-7d-\"}}, \"spec\": {SPEC}}}"
        );
        event("create", "", "", second, &object)
    };
    let log = [
        made(1),
        made(2),
        made(3),
        event("create", "binding", "web-7d-abcde", 4, ""),
        event("create", "binding", "web-7d-fghij", 5, ""),
        event("create", "binding", "other-7d-fghij", 6, ""),
        event("delete", "", "web-7d-abcde", 14, ""),
    ];
    let items: Vec<&str> = log.iter().map(|line| line.trim_end()).collect();
    let list = format!(
        "{{\"kind\": \"EventList\", \"apiVersion\": \"audit.k8s.io/v1\", \"items\": [{}]}}\n",
        items.join(", ")
    );
    let pod = |name: &str, cpu: i64, at: i64, run: Option<i64>| {
        (name.to_owned(), cpu, at, run, String::new())
    };
    for text in [log.concat(), list] {
        let recorded = read(&text);
        seen(&recorded).are([
            pod("web-7d-abcde", 500, 0, Some(10)),
            pod("web-7d-fghij", 500, 1, None),
            pod("web-7d-", 500, 2, None),
            pod("other-7d-fghij", 0, 5, None),
        ]);
        recorded.ledger.has_counts([
            (
                "pod that the server named; its creation is found by what its name begins with",
                2,
            ),
            (
                "pod that the server named and no later record names; has what its name begins with",
                1,
            ),
            (
                "pod whose creation is not recorded; arrives with its binding",
                1,
            ),
        ]);
    }
}

#[test]
fn rules_of_pods_are_read() {
    let more = r#", "responseObject": {"spec": {"containers": [{"name": "c", "ports": [{"hostPort": 80}]}],
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "topologySpreadConstraints": [{"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}]}}"#;
    let recorded = read(&event("create", "", "a", 5, &more.replace('\n', " ")));
    let spec = &recorded.classes[0];
    assert_eq!(spec.tolerations[0].key.as_deref(), Some("gpu"));
    assert_eq!(spec.topology_spread[0].max_skew, 2);
    assert_eq!(
        spec.host_ports().map(|own| own.port).collect::<Vec<_>>(),
        [80]
    );
    assert_eq!(
        recorded
            .ledger
            .count(crate::parts::recorded_pod::UNENFORCED),
        0
    );
    let more = r#", "requestObject": {"spec": {"nodeName": "n0", "containers": [{"name": "c"}]}}"#;
    assert_eq!(
        read(&event("create", "", "a", 5, more))
            .ledger
            .count(PLACED),
        1
    );
}

/// The part of a request or its answer about a container.
fn asked(object: &str, name: &str, cpu: &str) -> String {
    format!(
        ", \"{object}Object\": {{\"spec\": {{\"containers\": [{{\"name\": \"{name}\", \"resources\": \
         {{\"requests\": {{\"cpu\": \"{cpu}\"}}}}}}]}}}}"
    )
}

/// A pod of two containers that is resized before it runs, while it does and afterwards.
fn resized() -> String {
    let created = ", \"requestObject\": {\"spec\": {\"containers\": [{\"name\": \"c\", \"resources\": {\"requests\": \
                   {\"cpu\": \"500m\"}}}, {\"name\": \"d\", \"resources\": {\"requests\": {\"cpu\": \"250m\"}}}]}}";
    let refused = ", \"responseStatus\": {\"code\": 422}";
    [
        event("create", "", "a", 0, created),
        event("patch", "resize", "a", 1, &asked("request", "c", "400m")),
        event("create", "binding", "a", 2, ""),
        event("patch", "resize", "a", 12, &asked("request", "c", "4")),
        event("update", "resize", "a", 22, &asked("response", "d", "1")),
        event("patch", "resize", "a", 23, ""),
        event("patch", "resize", "a", 24, &asked("request", "x", "1")),
        event(
            "patch",
            "resize",
            "a",
            25,
            &(asked("request", "c", "9") + refused),
        ),
        event("delete", "", "a", 42, ""),
        event("patch", "resize", "before", 43, &asked("request", "c", "9")),
    ]
    .concat()
}

/// The 1/1000 cores of the only pod of a log, its resizes by their seconds, and the ledger.
fn cores(log: &str, options: &ReadOptions) -> (i64, Vec<(i64, i64)>, intake::Ledger) {
    let recorded = collected(open(&file("audit.log", log), options));
    let spec = PodSpec::clone(&recorded.classes[recorded.arrivals[0].class as usize]);
    let cpu = spec.requests().expect("small").get("cpu").milli_ceil();
    let resizes = spec.behaviour.map(|own| own.resizes.clone());
    let resizes = resizes.into_iter().flatten().map(|own| {
        let cpu = own.requests.get("cpu").milli_ceil().expect("small");
        (own.after.as_nanos() / 1_000_000_000, cpu)
    });
    (cpu.expect("small"), resizes.collect(), recorded.ledger)
}

#[test]
fn pods_are_resized_as_requests_say() {
    let log = resized();
    let options = options_with(|own| own.resizes = true);
    let (cpu, resizes, ledger) = cores(&log, &options);
    // What the second container asks for besides is the first one's.
    assert_eq!((cpu, resizes), (750, vec![(10, 4_000), (20, 4_750)]));
    ledger.has_counts([
        (
            "fewer cores requested while it waited; the first request stands",
            1,
        ),
        (
            "resize whose amounts are not recorded; the request stands",
            1,
        ),
        (
            "resize of a container that is not recorded; its request stands",
            1,
        ),
        ("request that was refused", 1),
        ("resize of a pod whose creation is not recorded", 1),
        ("request that changes no pod's life", 0),
    ]);
    let (cpu, resizes, ledger) = cores(&log, &ReadOptions::default());
    assert_eq!((cpu, resizes), (750, vec![]));
    let kind = "more cores requested while it ran; the first request stands";
    assert_eq!(ledger.count(kind), 2);
    let options = options_with(|own| own.largest_request = true);
    assert_eq!(cores(&log, &options).0, 5_000);
}

#[test]
fn resizes_that_the_first_container_can_not_stand_for_are_told() {
    let created = ", \"requestObject\": {\"spec\": {\"containers\": [{\"name\": \"c\", \"resources\": {\"requests\": \
                   {\"cpu\": \"100m\"}}}, {\"name\": \"d\", \"resources\": {\"requests\": {\"cpu\": \"2\"}}}]}}";
    let smaller = ", \"requestObject\": {\"spec\": {\"containers\": [{\"name\": \"d\", \"resources\": {\"requests\": \
                   {\"cpu\": \"1\"}}}]}}";
    let log = [
        event("create", "", "a", 0, created),
        event("create", "binding", "a", 2, ""),
        event("patch", "resize", "a", 12, smaller),
    ];
    let recorded = read(&log.concat());
    let kind = "resize that the first container of a pod can't stand for; its request stands";
    assert_eq!(recorded.ledger.count(kind), 1);
}

#[test]
fn machines_that_come_change_and_go_are_told() {
    let about =
        |verb: &str, sub: &str| event(verb, sub, "n1", 5, "").replace("\"pods\"", "\"nodes\"");
    let log = [
        event("create", "", "a", 0, ""),
        about("create", ""),
        about("delete", ""),
        about("patch", ""),
        about("patch", "status"),
        about("list", ""),
    ];
    let recorded = read(&log.concat());
    for (what, count) in [
        ("added", 1),
        ("removed", 1),
        ("changed, or closed to pods", 1),
    ] {
        let kind = format!("machine that is {what}, not followed; a run has those of its cluster");
        assert_eq!(recorded.ledger.count(&kind), count, "{kind}");
    }
    assert_eq!(recorded.ledger.count("request about other objects"), 2);
}

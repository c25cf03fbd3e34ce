use super::*;
use crate::tests::prelude::*;

const HEADER: &str = "time,type,collection_id,instance_index,collection_type,priority,\
                      alloc_collection_id,machine_id,resource_request_cpus,\
                      resource_request.memory,constraint\n";

fn read(text: String) -> Recorded {
    let input = Input::bytes("i", text.into_bytes());
    collected(open(&input, &ReadOptions::default()))
}

/// Type, time in seconds, collection, and alloc set of a few events.
const EVENTS: [(i64, i64, i64, i64); 9] = [
    (0, 600, 7, 0),
    (1, 600, 7, 0),
    (2, 605, 7, 0),
    (3, 610, 7, 0),
    (6, 670, 7, 0),
    (0, 620, 8, 0),
    (3, 630, 8, 0),
    (0, 640, 9, 8),
    (3, 650, 9, 8),
];

#[test]
fn tables_and_objects_give_the_same_demands() {
    let row = |(kind, seconds, collection, alloc): (i64, i64, i64, i64)| {
        let set = i64::from(collection == 8);
        format!("{seconds}000000,{kind},{collection},0,{set},200,{alloc},0,0.5,0.25,[]\n")
    };
    let object = |(kind, seconds, collection, alloc): (i64, i64, i64, i64)| {
        let set = i64::from(collection == 8);
        format!(
            "{{\"time\": \"{seconds}000000\", \"type\": {kind}, \"instance_index\": 0, \
             \"collection_id\": \"{collection}\", \"collection_type\": {set}, \
             \"priority\": 200, \"alloc_collection_id\": \"{alloc}\", \
             \"resource_request\": {{\"cpus\": 0.5, \"memory\": 0.25}}, \"constraint\": []}}\n"
        )
    };
    let rows: String = EVENTS.map(row).concat();
    let table = format!("{HEADER}{rows}");
    let objects: String = EVENTS.map(object).concat();
    for text in [&table, &objects] {
        file_of(&ENTRY, "i", text);
    }
    let (one, other) = (read(table), read(objects));
    assert_eq!(one.arrivals, other.arrivals);
    assert_eq!(one.classes, other.classes);
    let seen: Vec<_> = { one.arrivals.iter() }
        .map(|one| (one.name.to_string(), one.submit, one.run_time))
        .collect();
    let at = Instant::from_secs;
    seen.are([
        ("7-0".to_owned(), at(600), Some(Duration::from_secs(60))),
        ("8-0".to_owned(), at(620), None),
    ]);
    let requests = one.classes[0].requests().expect("small");
    assert_eq!(requests.get("cpu").milli_ceil(), Ok(32_000));
    let kind = "event of a task inside a reservation; takes nothing besides";
    assert_eq!(one.ledger.count(kind), 2);
}

#[test]
fn collections_beside_instances_say_whose_they_are_and_what_is_waited_for() {
    let head = "time,type,collection_id,instance_index,collection_type,priority,\
                alloc_collection_id,resource_request_cpus,resource_request.memory\n";
    let rows = [(7, 600, ""), (8, 620, ""), (9, 630, ""), (5, 640, "1")]
        .map(|(id, at, priority)| format!("{at}000000,0,{id},0,,{priority},,0.5,0.25\n"));
    let events = format!("{head}{}", rows.concat());
    let collections = "time,type,collection_id,user,start_after_collection_ids,scheduler,\
                       priority,collection_type,alloc_collection_id\n\
                       0,0,7,ann,,1,200,,\n0,0,8,bob,[7],0,300,1,\n0,0,9,bob,,0,100,0,8\n";
    let bytes = archive(&[
        ("collection_events.csv", collections),
        ("instance_events.csv", &events),
    ]);
    let input = Input::bytes("t.tar", bytes);
    assert_eq!(
        crate::registry::recognize(&input).map(|entry| entry.name),
        Ok(ENTRY.name)
    );
    let recorded = collected(open(&input, &ReadOptions::default()));
    let seen = recorded.each(|one| {
        let priority = recorded.classes[one.class as usize].priority;
        (one.task().to_string(), one.after().len(), priority)
    });
    // The third runs inside the second, which is an alloc set.
    seen.are([
        ("7".to_owned(), 0, 200),
        ("8".to_owned(), 1, 300),
        ("5-0".to_owned(), 0, 1),
    ]);
    assert_eq!(
        recorded.tenants,
        ["ann".into(), "bob".into(), "default".into()]
    );
    let alone = Input::bytes("c.csv", collections.as_bytes());
    let refused = open(&alone, &ReadOptions::default()).err();
    let told = refused.map(|error| error.to_string()).unwrap_or_default();
    assert!(told.contains("has no `instance_events`"), "{told}");
}

#[test]
fn constraints_are_kept_to_if_that_is_asked_for() {
    let record = |relation: i64, value: &str| {
        format!(
            "{{\"time\": \"600000000\", \"type\": 0, \"collection_id\": \"7\", \
             \"instance_index\": {relation}, \"priority\": 1, \"resource_request\": {{}}, \
             \"constraint\": [{{\"name\": \"a\", \"value\": \"{value}\", \
             \"relation\": {relation}}}]}}\n"
        )
    };
    let values = ["4", "4", "4", "4", "4", "4", "", ""];
    let text: String = (0..)
        .zip(values)
        .map(|(at, value)| record(at, value))
        .collect();
    let input = Input::bytes("i.json", text.into_bytes());
    let options = options_with(|own| own.constraints = true);
    let recorded = collected(open(&input, &options));
    let machine = |value: Option<&str>| {
        let labels = value.map(|value| ("a".into(), value.into()));
        model::Node {
            labels: labels.into_iter().collect(),
            ..model::Node::default()
        }
    };
    let machines = ["3", "4", "5"].map(Some).into_iter().chain([None]);
    let admitting: Vec<String> = machines
        .map(|value| {
            let node = machine(value);
            let admits = |spec| model::rules::affinity::admits(spec, &node);
            let classes = recorded.classes.iter();
            classes
                .map(|spec| if admits(spec) { 'y' } else { '-' })
                .collect()
        })
        .collect();
    // =, !=, <, >, <=, >=, there, not there.
    assert_eq!(admitting, ["-yy-y-y-", "y---yyy-", "-y-y-yy-", "-y-----y"]);
}

#[test]
fn dirty_records_are_named() {
    let rows = "1,11,7,0,0,1,0,0,0.5,0.5,\n1,0,7,0,2,1,0,0,0.5,0.5,\n1,0,7,0,0,1,0,0,-1,1,\n\
                1,0,8,0,0,1,0,-1,,1,\"[{\"\"name\"\":\"\"a\"\",\"\"relation\"\":6}]\"\n9223372036854775807,6,8,0,0,1,0,-1,,1,\n";
    let found = faults(&ENTRY, "i.csv", format!("{HEADER}{rows}"));
    found.has_bad_rows([
        "i.csv:2: column `type`: must be at most 10, found `11`",
        "i.csv:3: column `collection_type`: must be at most 1, found `2`",
        "i.csv:4: column `resource_request_cpus`: must be at least 0, found `-1`",
    ]);
    found.ledger.has_once([
        "no request; counted as 0",
        "constraint on attributes, not enforced without `constraints`",
        "dedicated machine, not enforced",
        "event after the trace; the task has not ended",
    ]);
}

#[test]
fn usage_beside_the_events_is_what_tasks_use() {
    let events = format!("{HEADER}600000000,0,7,0,0,200,0,0,0.5,0.25,\n");
    let usage = "{\"start_time\": \"600000000\", \"end_time\": \"900000000\", \"collection_id\": \"7\", \
                 \"instance_index\": 0, \"average_usage\": {\"cpus\": 0.125, \"memory\": 0.25}}\n";
    let bytes = archive(&[
        ("instance_events.csv", &events),
        ("instance_usage.json", usage),
    ]);
    let input = Input::bytes("g.tar", bytes);
    let options = options_with(|own| own.usage = true);
    let mut source = open(&input, &options).expect("good rows");
    let recorded = Recorded::collect(&mut *source).expect("good rows");
    let used = recorded.classes[0]
        .behaviour
        .as_ref()
        .and_then(|own| own.cpu_usage.clone());
    assert_eq!(used.as_deref(), Some("recorded(0s: 8000m)"));
    let recorded = collected(open(&input, &ReadOptions::default()));
    assert_eq!(recorded.ledger.count(USAGE_NOT_READ), 1);
}

#[test]
fn limits_of_one_instance_keep_them_apart_if_that_is_asked_for() {
    let events =
        "time,type,collection_id,instance_index,priority\n1,0,7,0,9\n1,0,7,1,9\n2,0,8,0,9\n";
    let collections = "time,type,collection_id,user,max_per_machine,max_per_switch\n\
                       0,0,7,ann,1,1\n0,0,8,bob,2,0\n";
    let files = [
        ("collection_events.csv", collections),
        ("instance_events.csv", events),
    ];
    let input = Input::bytes("t.tar", archive(&files));
    for (constraints, waived, domains) in [
        (false, 1, Vec::new()),
        (true, 0, vec!["kubernetes.io/hostname", "google.com/switch"]),
    ] {
        let options = options_with(|own| own.constraints = constraints);
        let recorded = collected(open(&input, &options));
        let own = |place: usize| &recorded.classes[recorded.arrivals[place].class as usize];
        let terms = &own(0).affinity.required_pod_anti_affinity;
        let found: Vec<&str> = terms.iter().map(|term| &*term.topology_key).collect();
        assert_eq!(found, domains);
        assert!(own(2).affinity.required_pod_anti_affinity.is_empty());
        recorded.ledger.has_counts([
            (
                "one instance on a machine, not enforced without `constraints`",
                waived,
            ),
            (
                "one instance below a switch, not enforced without `constraints`",
                waived,
            ),
            ("limit of instances on a machine, not enforced", 1),
        ]);
    }
}

#[test]
fn names_of_constraints_alone_are_told() {
    let text = "time,type,collection_id,instance_index,collection_type,priority,resource_request_cpus,\
                resource_request_memory,constraint\n600000000,0,7,0,0,200,0.5,0.25,[os]\n";
    let read = |constraints| {
        let options = options_with(|own| own.constraints = constraints);
        let input = Input::bytes("i.csv", text.as_bytes());
        arrivals::inspect::validate(&input, &ENTRY, &options, 9)
    };
    let found = read(false);
    let kind = "constraint on attributes, not enforced without `constraints`";
    assert_eq!((found.accepted, found.ledger.count(kind)), (1, 1));
    let bad = read(true).bad_rows[0].to_string();
    assert!(
        bad.contains("must be a list of objects with `name`, `value` and `relation`, not of names"),
        "{bad}"
    );
}

#[test]
fn constraints_of_a_parquet_file_are_those_of_json() {
    let rows = include_bytes!("../../../../intake/parquet/tests/structures.parquet");
    let objects = [
        r#"[{"name": "os", "value": "a \"b\"", "relation": 0}]"#,
        "[]",
        "null",
        r#"[{"name": "disks", "value": "3", "relation": 3}, {"name": "gpu", "value": null, "relation": 7}]"#,
    ];
    let object = |(index, constraint): (usize, &str)| {
        format!(
            "{{\"time\": 600000000, \"type\": 0, \"collection_id\": 7, \"instance_index\": {index}, \
             \"priority\": 200, \"resource_request\": {{\"cpus\": 0.5, \"memory\": 0.25}}, \
             \"constraint\": {constraint}}}\n"
        )
    };
    let objects: String = objects.into_iter().enumerate().map(object).collect();
    let read = |name: &str, bytes: &[u8]| {
        let options = options_with(|own| own.constraints = true);
        let recorded = collected(open(&Input::bytes(name, bytes), &options));
        let classes = recorded.arrivals.iter().map(|own| own.class as usize);
        let specs = classes.map(|class| recorded.classes[class].affinity.clone());
        specs.collect::<Vec<_>>()
    };
    let stored = read("i.parquet", rows);
    assert_eq!(stored, read("i.json", objects.as_bytes()));
    let demands: Vec<usize> = { stored.iter() }
        .map(|own| {
            { own.node.required.iter() }
                .map(|all| all.terms[0].match_expressions.len())
                .sum()
        })
        .collect();
    assert_eq!(demands, [1, 0, 0, 2]);
}

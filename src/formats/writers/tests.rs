//! Records that are written and read again: what readers find lacks exactly what the writer said it would.

#[path = "../../arrivals/pod/settings/tests/pods.rs"]
mod pods;
mod records;
mod templates;
mod written_pods;
mod written_rules;

use crate::tests::prelude::*;

use proptest::prelude::*;

use super::conversion::Tally;
use super::lost::{Fate, LostField, of_arrival, of_spec};
use super::*;
use crate::registry;
use arrivals::memory::MemorySource;

use pods::pod;
use records::recorded;

fn csv() -> &'static Writer {
    find("csv").expect("a format")
}

fn read(input: &Input) -> Recorded {
    let entry = registry::recognize(input).expect("known");
    let options = ReadOptions {
        usage: match entry.name {
            "csv" => {
                let first = intake::archive::first_bytes(input).expect("a header");
                String::from_utf8_lossy(&first).contains("cpu_usage")
            }
            _ => entry.options.contains(&"usage"),
        },
        ..ReadOptions::default()
    };
    let open = opener(entry);
    collected(open(input, &options))
}

/// Everything about arrivals but their numbering and how their names are stored.
fn content(recorded: &Recorded) -> Vec<String> {
    let of = |one: &Arrival| {
        let spec = &recorded.classes[one.class as usize];
        let tenant = &recorded.tenants[one.tenant as usize];
        let times = (one.submit, one.run_time, one.time_limit, one.historic_start);
        format!("{} {times:?} {} {tenant} {spec:?}", one.name, one.members)
    };
    recorded.arrivals.iter().map(of).collect()
}

/// What a writer says of a workload, and what it writes.
fn written(writer: &Writer, workload: &Recorded, with_usage: bool) -> (Converted, Vec<u8>) {
    let mut out = Vec::new();
    let mut source = MemorySource::new(workload.clone());
    let converted = writer.write(&mut source, with_usage, &mut out);
    (converted.expect("memory"), out)
}

/// A written workload as its readers take it, with every option that keeps something.
fn read_back(format: &str, bytes: Vec<u8>, with_usage: bool) -> Recorded {
    let entry = registry::find(format).expect("a reader");
    let options = options_with(|own| {
        (own.usage, own.memory, own.recorded, own.resizes) = (with_usage, true, true, true);
    });
    let open = opener(entry);
    let input = Input::bytes("written", bytes);
    collected(open(&input, &options))
}

/// What a workload lacks that was read back, counted by field.
fn lacking(before: &Recorded, after: &Recorded) -> Vec<Lost> {
    let mut tally = Tally::default();
    let tenant = |of: &Recorded, one: &Arrival| of.tenants[one.tenant as usize].clone();
    for (own, read) in before.arrivals.iter().zip(&after.arrivals) {
        let mut lost = of_arrival(own, read);
        if tenant(before, own) != tenant(after, read) {
            lost.push(LostField {
                field: "tenant".into(),
                fate: Fate::Changed,
            });
        }
        let spec = |of: &Recorded, one: &Arrival| Arc::clone(&of.classes[one.class as usize]);
        lost.extend(of_spec(&spec(before, own), &spec(after, read)));
        tally.record(&lost);
    }
    tally.lost()
}

proptest! {
    #[test]
    fn tables_say_what_they_lose(
        workload in recorded(false),
        with_usage in any::<bool>(),
        format in prop::sample::select(vec!["csv", "parquet"]),
    ) {
        let (said, bytes) = written(find(format).expect("a format"), &workload, with_usage);
        let again = read_back("csv", bytes, with_usage);
        prop_assert_eq!(again.arrivals.len(), workload.arrivals.len());
        prop_assert_eq!(said.lost, lacking(&workload, &again));
    }

    #[test]
    fn logs_say_what_they_lose(workload in recorded(true)) {
        let (said, bytes) = written(find("swf").expect("a format"), &workload, false);
        let mut workload = workload;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let again = read_back("swf", bytes, false);
        workload.arrivals.retain(|arrival| arrival.run_time.is_some());
        prop_assert_eq!(again.arrivals.len(), workload.arrivals.len(), "{}", &text);
        let unreadable = said.rows as usize - workload.arrivals.len();
        prop_assert_eq!(said.unreadable as usize, unreadable);
        if unreadable == 0 {
            prop_assert_eq!(said.lost, lacking(&workload, &again), "{}", text);
        }
    }

    #[test]
    fn what_was_read_back_is_written_whole(
        workload in recorded(true),
        format in prop::sample::select(vec!["csv", "parquet", "swf"]),
    ) {
        let writer = find(format).expect("a format");
        let reader = if format == "swf" { "swf" } else { "csv" };
        let (_, bytes) = written(writer, &workload, false);
        prop_assume!(workload.arrivals.iter().any(|arrival| arrival.run_time.is_some()));
        let first = read_back(reader, bytes, false);
        let (said, bytes) = written(writer, &first, false);
        prop_assert_eq!(said.lost, Vec::new());
        let second = read_back(reader, bytes, false);
        prop_assert_eq!(content(&second), content(&first));
    }
}

proptest! {
    #[test]
    fn tables_keep_every_setting_of_a_pod(
        specs in prop::collection::vec(pod(), 1..3),
        format in prop::sample::select(vec!["csv", "parquet"]),
    ) {
        let arrivals = (0..).zip(&specs).map(|(class, _)| Arrival { class, ..Arrival::new(Instant::ZERO, "a".into()) });
        let workload = Recorded {
            arrivals: arrivals.collect(),
            classes: specs.into_iter().map(Arc::new).collect(),
            tenants: vec!["t".into()],
            ..Recorded::default()
        };
        let (said, bytes) = written(find(format).expect("a format"), &workload, true);
        prop_assert_eq!(&said.lost, &Vec::new());
        prop_assert!(!said.may_change_runs());
        let again = read_back("csv", bytes, true);
        prop_assert_eq!(content(&again), content(&workload));
    }
}

#[test]
fn what_a_table_cannot_say_is_named() {
    let rows = "c_1,m_2,0,app_5,started,400,800,1.5\n";
    let mut workload = read(&Input::bytes("c.csv", rows.as_bytes()));
    let spec = Arc::make_mut(&mut workload.classes[0]);
    spec.behaviour = Some(Arc::new(Behaviour {
        cpu_usage: Some("trace(other.csv)".into()),
        ..Behaviour::default()
    }));
    let (converted, _) = written(csv(), &workload, false);
    let lost = |own: &Lost| (own.field.to_string(), own.fate, own.count);
    let lost: Vec<_> = converted.lost.iter().map(lost).collect();
    assert_eq!(lost, [("cpu_usage".to_owned(), Fate::LeftOut, 1)]);
    assert!(converted.may_change_runs());
    assert_eq!((converted.rows, converted.reduced), (1, 1));
}

#[test]
fn limits_of_containers_are_kept() {
    let rows = "c_1,m_2,0,app_5,started,400,800,1.5\n";
    let workload = read(&Input::bytes("c.csv", rows.as_bytes()));
    for format in ["csv", "parquet"] {
        let (converted, bytes) = written(find(format).expect("a format"), &workload, false);
        assert_eq!(
            (&converted.lost, converted.may_change_runs()),
            (&Vec::new(), false)
        );
        assert_eq!(content(&read_back("csv", bytes, false)), content(&workload));
    }
}

#[test]
fn a_header_is_written_or_counted() {
    let text = "; Version: 2.2\n; MaxProcs: 8\n; Queues: 2\n\
                7 10 5 90 4 -1 -1 4 100 -1 0 33 2 5 1 3 -1 -1\n";
    let workload = read_back("swf", text.as_bytes().to_vec(), false);
    let header = |converted: &Converted| {
        let mut lost = converted.lost.iter();
        lost.find(|own| own.field.contains("header"))
            .map(|own| own.count)
    };
    let (said, bytes) = written(find("swf").expect("a format"), &workload, false);
    assert_eq!(String::from_utf8(bytes).expect("text"), text);
    assert_eq!((header(&said), said.reduced), (None, 0));
    let (said, _) = written(csv(), &workload, false);
    assert_eq!(header(&said), Some(3));
}

#[test]
fn a_node_states_no_amount_that_it_has_not() {
    let Constructor::Nodes(read) = registry::find("philly-machines").expect("known").open else {
        panic!("nodes");
    };
    let list = read(
        &file(
            "m.csv",
            *b"machineId, number of GPUs, single GPU mem\nm1, 2, 12GB\n",
        ),
        &ReadOptions::default(),
    )
    .expect("good rows");
    let mut out = Vec::new();
    write_nodes(&list, &mut out).expect("memory");
    let text = String::from_utf8(out).expect("text");
    assert!(text.contains("m1,,,2,"), "{text}");
}

#[test]
fn a_written_table_reads_back_as_it_was() {
    for (name, text) in [
        (
            "vmtable.csv",
            "a,s1,d,0,2591700,99,3.424,10,Interactive,1,1.75\n\
             \"b,\"\"x\",s1,d,300,1500,10,9,10,Unknown,4,8\n",
        ),
        (
            "p.csv",
            "timestamp,duration,num_gpus,gpu_time,cluster\n2017-10-09 07:01:55,66.5,2,133,a\n",
        ),
        (
            "part-0.csv",
            "0,,7,1,,0,ann,2,9,0.5,0.25,0.1,0\n5000000,,7,1,,1,ann,2,9,0.5,0.25,0.1,0\n\
             9000001,,7,1,,4,ann,2,9,0.5,0.25,0.1,0\n",
        ),
        ("vm", "5\n7\n7\n9\n"),
        (
            "usage.csv",
            "600000000,900000000,7,0,5,0.5,0.25,0,0,0,0,0,0,0,0,0,0,0,1,0\n\
             900000000,950000000,7,0,5,0.25,0.25,0,0,0,0,0,0,0,0,0,0,0,1,0\n",
        ),
        (
            "tasks.csv",
            "id,submission_time,duration,cpu_count,cpu_capacity,mem_capacity\n\
             1,1704067200000,30500,1,2000,512\n2,1704067260250,60000,2,4000,1024\n",
        ),
        (
            "jobs.txt",
            "JobID|User|Submit|Start|End|NNodes|AllocCPUS|ReqMem|AllocTRES|Timelimit\n\
             7|ann|2024-03-01T10:00:00|2024-03-01T10:01:00|2024-03-01T10:03:00|2|16|8Gn|\
             gres/gpu=4|30:00\n",
        ),
        (
            "typed.csv",
            "submit,name,run_time,cpu,job_type\n1,a,60,2,ResNet-18\n2,b,60,2,\n",
        ),
        (
            "allocations.json",
            r#"[{"Name": "w[0]", "JobID": "w", "TaskGroup": "g", "ClientStatus": "running",
            "Resources": {"CPU": 100, "MemoryMB": 32}}]"#,
        ),
    ] {
        let input = Input::bytes(name, text.as_bytes());
        let recorded = read(&input);
        let entry = registry::recognize(&input).expect("known");
        let with_usage = entry.options.contains(&"usage");
        for to in ["csv", "parquet"] {
            let writer = crate::writers::find(to).expect("a format");
            let mut source = arrivals::MemorySource::new(recorded.clone());
            let mut table = Vec::new();
            let converted = writer.write(&mut source, with_usage, &mut table);
            let converted = converted.expect("memory");
            assert_eq!(converted.lost, [], "{name}, {to}");
            assert_eq!(converted.rows, recorded.arrivals.len() as u64);
            let again = read(&Input::bytes("jobs", table));
            assert_eq!(content(&again), content(&recorded), "{name}, {to}");
        }
    }
}

/// Arrivals of one name, which count how many of them are kept at a time.
struct Counting {
    name: Arc<str>,
    left: u32,
    most: usize,
    classes: arrivals::Classes,
}

impl ArrivalSource for Counting {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        self.most = self.most.max(Arc::strong_count(&self.name));
        self.left = self.left.saturating_sub(1);
        Ok((self.left > 0).then(|| Arrival::new(Instant::ZERO, PodName::Text(self.name.clone()))))
    }

    fn classes(&self) -> &arrivals::Classes {
        &self.classes
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        unreachable!("nothing reads it twice")
    }
}

#[test]
fn an_amount_of_zero_is_not_one_that_is_absent() {
    let table = "submit,name,cpu,memory,ephemeral_storage\n0,a,0,,\n1,b,,0,\n2,c,,,0\n3,d,,,\n";
    let workload = read(&Input::bytes("t.csv", table.as_bytes()));
    assert_eq!(workload.classes.len(), 4);
    for to in ["csv", "parquet"] {
        let (done, bytes) = written(find(to).expect("a format"), &workload, false);
        assert_eq!(done.lost, Vec::new(), "{to}");
        let back = read_back("csv", bytes, false);
        assert_eq!(content(&back), content(&workload), "{to}");
    }
}

#[test]
fn a_conversion_keeps_no_arrival() {
    let mut source = Counting {
        name: "a".into(),
        left: 10_000,
        most: 0,
        classes: vec![Arc::new(PodSpec::default())].into(),
    };
    let converted = csv().write(&mut source, false, &mut std::io::sink());
    let converted = converted.expect("memory");
    assert_eq!((converted.rows, source.most), (9_999, 1));
}

#[test]
fn nodes_read_back_as_they_were() {
    let text = "sn,cpu_milli,memory_mib,gpu,model\nn0,64000,262144,2,P100\nn1,1,1,0,\nn2,,,4,\n";
    let read = |input: &Input| {
        let Constructor::Nodes(read) = crate::readers::openb_nodes::ENTRY.open else {
            panic!("nodes");
        };
        read(input, &ReadOptions::default()).expect("good rows")
    };
    let nodes = read(&Input::bytes("n.csv", text.as_bytes()));
    let mut table = Vec::new();
    let converted = write_nodes(&nodes, &mut table).expect("memory");
    assert_eq!((converted.rows, converted.lost), (3, Vec::new()));
    assert_eq!(read(&Input::bytes("n.csv", table)), nodes);
}

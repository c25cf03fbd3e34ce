//! Traces written again in a format of this project: arrivals as its own table, nodes as a table of
//! openb. What the written format can't say is counted.

use std::io::{self, Write};

use thiserror::Error;

use super::error::TraceError;
use super::formats::openb_nodes::GPU_MODEL_LABEL;
use super::stream::{Arrival, ArrivalSource};
use model::node::HOSTNAME_LABEL;
use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY, PODS};
use model::{
    Behaviour, GpuInventory, JOB_TYPE_LABEL, Labels, Node, PodName, PodSpec, ResourceList, Text,
};
use std::sync::Arc;
use units::{Duration, Instant, Quantity};

/// A count of what was written and of what the format can't say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Converted {
    /// Number of rows written.
    pub rows: u64,
    /// Number of rows that say less than the record they are made of.
    pub reduced: u64,
    /// Number of rows that no reader of the format takes, because it demands what the source doesn't say.
    pub unreadable: u64,
}

/// An error while a trace is converted.
#[derive(Debug, Error)]
pub enum ConvertError {
    /// The trace can't be read on.
    #[error(transparent)]
    Read(#[from] TraceError),
    /// The output can't be written.
    #[error(transparent)]
    Write(#[from] io::Error),
}

/// The header of a written table of arrivals.
const HEADER: &str = "submit,name,run_time,cpu,memory,ephemeral_storage,gpus,gpu_milli,gpu_models,\
                      members,time_limit,start,tenant,priority,namespace,job_type";

/// The columns of what arrivals wait for, where a source may say so.
const LINKS: &str = ",after,part_of,think_time";

/// Writes the arrivals of a source as the project's own table, with the usage of their classes or
/// without it.
///
/// # Errors
/// The source can't be read on, or the output can't be written.
pub fn write_arrivals(
    source: &mut dyn ArrivalSource,
    with_usage: bool,
    out: &mut dyn Write,
) -> Result<Converted, ConvertError> {
    let usage = if with_usage {
        ",cpu_usage,memory_usage"
    } else {
        ""
    };
    let has_links = source.may_wait();
    let links = if has_links { LINKS } else { "" };
    writeln!(out, "{HEADER}{usage}{links}")?;
    let mut converted = Converted::default();
    let mut classes: Vec<Class> = Vec::new();
    while let Some(arrival) = source.next()? {
        for spec in source.classes().iter().skip(classes.len()) {
            classes.push(Class::of(spec, with_usage));
        }
        let class = &classes[arrival.class as usize];
        converted.rows += 1;
        converted.reduced += u64::from(class.is_reduced);
        write_arrival(&arrival, class, &tenant_name(&arrival, source), out)?;
        if has_links {
            write!(out, ",{}", link_cells(&arrival))?;
        }
        writeln!(out)?;
    }
    Ok(converted)
}

/// The name of an arrival's tenant; its number where the source has no names.
pub(crate) fn tenant_name(arrival: &Arrival, source: &dyn ArrivalSource) -> Text {
    let tenant = source.tenants().get(arrival.tenant as usize);
    tenant.map_or_else(|| arrival.tenant.to_string().into(), Text::clone)
}

/// The tasks that an arrival waits for, joined by `|`, and the task that it is a part of. Names of several
/// merged workloads begin with the number of theirs.
pub(crate) fn task_names(arrival: &Arrival) -> (String, String) {
    let name = |name: &PodName| match arrival.part {
        0 => name.to_string(),
        part => format!("{part}/{name}"),
    };
    let links = arrival.links.as_deref();
    let part_of = match links.and_then(|own| own.part_of.as_ref()) {
        None if arrival.part == 0 => String::new(),
        _ => name(arrival.task()),
    };
    let after: Vec<String> = arrival.after().iter().map(name).collect();
    (after.join("|"), part_of)
}

/// The cells of what an arrival waits for.
fn link_cells(arrival: &Arrival) -> String {
    let (after, part_of) = task_names(arrival);
    let links = arrival.links.as_deref();
    let delay = match links.map(|own| own.delay).unwrap_or_default() {
        Duration::ZERO => String::new(),
        delay => delay.to_string(),
    };
    format!("{},{},{delay}", quoted(&after), quoted(&part_of))
}

fn write_arrival(
    arrival: &Arrival,
    class: &Class,
    tenant: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    let span = |span: Option<Duration>| span.map(|span| span.to_string()).unwrap_or_default();
    let since_zero = |at: Instant| at.since(Instant::ZERO).to_string();
    write!(
        out,
        "{},{},{},{},{},{},{},{},{},{}",
        since_zero(arrival.submit),
        quoted(&arrival.name.to_string()),
        span(arrival.run_time),
        class.requests,
        arrival.members,
        span(arrival.time_limit),
        arrival.historic_start.map(since_zero).unwrap_or_default(),
        quoted(tenant),
        class.priority,
        class.usage,
    )
}

/// The fields of a class, as they stand in every row of it.
struct Class {
    requests: String,
    priority: i32,
    usage: String,
    is_reduced: bool,
}

impl Class {
    fn of(spec: &PodSpec, with_usage: bool) -> Self {
        let said = said(spec, with_usage);
        let list = said.requests().unwrap_or_default();
        let amount = |resource: &str| match list.get(resource) {
            amount if amount == Quantity::ZERO => String::new(),
            amount => amount.to_string(),
        };
        let gpu = &said.gpu;
        let gpus = match gpu.devices {
            0 => ",,".to_owned(),
            devices => {
                let models: Vec<&str> = gpu.models.iter().map(|model| &**model).collect();
                format!(
                    "{devices},{},{}",
                    gpu.milli_per_device,
                    quoted(&models.join("|"))
                )
            }
        };
        let patterns = said.behaviour.as_deref();
        let pattern =
            |text: Option<&model::Text>| text.map(|text| quoted(text)).unwrap_or_default();
        let usage = if with_usage {
            let cpu = pattern(patterns.and_then(|usage| usage.cpu_usage.as_ref()));
            let memory = pattern(patterns.and_then(|usage| usage.memory_usage.as_ref()));
            format!(",{cpu},{memory}")
        } else {
            String::new()
        };
        let job_type = said.labels.get(JOB_TYPE_LABEL).map_or("", |own| &**own);
        Self {
            requests: format!(
                "{},{},{},{gpus}",
                amount(CPU),
                amount(MEMORY),
                amount(EPHEMERAL_STORAGE)
            ),
            priority: said.priority,
            usage: format!("{},{}{usage}", quoted(&said.namespace), quoted(job_type)),
            is_reduced: said != *spec,
        }
    }
}

/// The part of a spec that a row of the table says.
pub(crate) fn said(spec: &PodSpec, with_usage: bool) -> PodSpec {
    let all = spec.requests().unwrap_or_default();
    let mut list = ResourceList::default();
    for resource in [CPU, MEMORY, EPHEMERAL_STORAGE] {
        if all.get(resource) > Quantity::ZERO {
            list.set(resource, all.get(resource));
        }
    }
    let mut gpu = spec.gpu.clone();
    gpu.models.sort_unstable();
    gpu.models.dedup();
    let usage = spec.behaviour.as_ref().filter(|_| with_usage);
    let usage = usage.map(|behaviour| {
        Arc::new(Behaviour {
            cpu_usage: behaviour.cpu_usage.clone(),
            memory_usage: behaviour.memory_usage.clone(),
            ..Behaviour::default()
        })
    });
    PodSpec {
        namespace: spec.namespace.clone(),
        labels: labels(&spec.labels, |name| name == JOB_TYPE_LABEL),
        priority: spec.priority,
        gpu,
        behaviour: usage,
        ..PodSpec::with_requests(list)
    }
}

/// A field as it stands in a table.
fn quoted(text: &str) -> String {
    if text.contains([',', '"']) || text != text.trim() {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// Writes nodes as a table of openb.
///
/// # Errors
/// The output can't be written.
pub fn write_nodes(nodes: &[Node], out: &mut dyn Write) -> Result<Converted, ConvertError> {
    writeln!(out, "sn,cpu_milli,memory_mib,gpu,model")?;
    let mut converted = Converted::default();
    for node in nodes {
        let list = &node.allocatable;
        let cpu_milli = list.get(CPU).milli_floor().unwrap_or(i64::MAX);
        let memory_mib = list.get(MEMORY).units_ceil().unwrap_or(i64::MAX) >> 20;
        let (gpus, model) = match &node.gpu {
            Some(GpuInventory { devices, model }) => (*devices, &**model),
            None => (0, ""),
        };
        let name = quoted(&node.name);
        writeln!(
            out,
            "{name},{cpu_milli},{memory_mib},{gpus},{}",
            quoted(model)
        )?;
        let is_known = |label: &str| matches!(label, HOSTNAME_LABEL | GPU_MODEL_LABEL);
        let said = Node {
            name: node.name.clone(),
            labels: labels(&node.labels, is_known),
            allocatable: ResourceList::from_pairs([
                (CPU, Quantity::from_milli(cpu_milli)),
                (MEMORY, Quantity::from_units(memory_mib << 20)),
                (PODS, list.get(PODS)),
            ]),
            gpu: node.gpu.clone(),
            ..Node::default()
        };
        converted.rows += 1;
        converted.reduced += u64::from(said != *node);
    }
    Ok(converted)
}

/// The labels that pass a test.
fn labels(all: &Labels, is_kept: impl Fn(&str) -> bool) -> Labels {
    let mut labels = Labels::new();
    for (name, value) in all.iter().filter(|(name, _)| is_kept(name)) {
        labels.insert(name.clone(), value.clone());
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Constructor;
    use crate::memory::Recorded;
    use crate::{Input, ReadOptions, registry};
    use model::PodName;

    fn read(input: &Input) -> Recorded {
        let entry = registry::recognize(input).expect("known");
        let options = ReadOptions {
            usage: match entry.name {
                "csv" => {
                    let first = crate::archive::first_bytes(input).expect("a header");
                    String::from_utf8_lossy(&first).contains("cpu_usage")
                }
                _ => entry.options.contains(&"usage"),
            },
            ..ReadOptions::default()
        };
        let Constructor::Workload(open) = entry.open else {
            panic!("a workload");
        };
        Recorded::collect(&mut *open(input, &options).expect("good rows")).expect("good rows")
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
                let mut source = crate::MemorySource::new(recorded.clone());
                let mut table = Vec::new();
                let converted = (writer.write)(&mut source, with_usage, &mut table);
                let converted = converted.expect("memory");
                assert_eq!(converted.reduced, 0, "{name}, {to}");
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
        classes: crate::Classes,
    }

    impl ArrivalSource for Counting {
        fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
            self.most = self.most.max(Arc::strong_count(&self.name));
            self.left = self.left.saturating_sub(1);
            Ok((self.left > 0).then(|| Arrival {
                submit: Instant::ZERO,
                name: PodName::Text(self.name.clone()),
                class: 0,
                members: 1,
                tenant: 0,
                run_time: None,
                time_limit: None,
                historic_start: None,
                links: None,
                part: 0,
                origin: crate::Origin::NONE,
            }))
        }

        fn classes(&self) -> &crate::Classes {
            &self.classes
        }

        fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
            unreachable!("nothing reads it twice")
        }
    }

    #[test]
    fn a_conversion_keeps_no_arrival() {
        let mut source = Counting {
            name: "a".into(),
            left: 10_000,
            most: 0,
            classes: vec![Arc::new(PodSpec::default())],
        };
        let converted = write_arrivals(&mut source, false, &mut io::sink()).expect("memory");
        assert_eq!((converted.rows, source.most), (9_999, 1));
    }

    #[test]
    fn what_a_table_cannot_say_is_counted() {
        let rows = "c_1,m_2,0,app_5,started,400,800,1.5\n";
        let recorded = read(&Input::bytes("c.csv", rows.as_bytes()));
        let mut source = crate::MemorySource::new(recorded);
        let converted = write_arrivals(&mut source, false, &mut Vec::new()).expect("memory");
        assert_eq!((converted.rows, converted.reduced), (1, 1));
    }

    #[test]
    fn nodes_read_back_as_they_were() {
        let text = "sn,cpu_milli,memory_mib,gpu,model\nn0,64000,262144,2,P100\nn1,1,1,0,\n";
        let read = |input: &Input| {
            let Constructor::Nodes(read) = crate::formats::openb_nodes::ENTRY.open else {
                panic!("nodes");
            };
            read(input, &ReadOptions::default())
                .expect("good rows")
                .nodes
        };
        let nodes = read(&Input::bytes("n.csv", text.as_bytes()));
        let mut table = Vec::new();
        let converted = write_nodes(&nodes, &mut table).expect("memory");
        assert_eq!((converted.rows, converted.reduced), (2, 0));
        assert_eq!(read(&Input::bytes("n.csv", table)), nodes);
    }
}

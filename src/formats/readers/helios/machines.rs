//! Machines of the Helios clusters, as `cluster_gpu_number.csv` states them: the GPUs of each virtual cluster, day by day.
//! Eight make a machine, which comes and goes with them; its cores and memory are not stated, and are those that the
//! experiment gives. A list of virtual clusters with their numbers of machines (`,num`), as Lucid has it, is read as well.

use crate::parts::machine_course::{MachineCourse, in_order};
use crate::readers::prelude::*;
use intake::archive::of_one_folder;
use intake::table::{Column, Row, Table};
use model::GpuInventory;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "helios-machines",
    summary: "machines of SenseTime's Helios clusters (`cluster_gpu_number.csv`, CSV with header)",
    columns: columns! {
        required("date", "day of UTC+8"),
        required("virtual cluster", "GPUs of a virtual cluster on that day; any number of such columns, under their names"),
        optional("total", "GPUs of all; compared with their sum"),
        optional("num", "machines, of a list of virtual clusters without days"),
    },
    relations: &[Relation::recorded(
        &["virtual cluster", "total"],
        "total that is not the sum of the virtual clusters",
    )],
    names: &["virtual cluster"],
    cells: |format, input, show| {
        let mut parts = tables(input)?.read.into_iter().flatten();
        parts.try_for_each(|part| show_text(format, &part, show))
    },
    options: &["pods-per-node", "full-cpu", "full-memory"],
    sniff,
    open: Constructor::Nodes(read),
};

/// The label that carries the virtual cluster of a machine.
pub const VIRTUAL_CLUSTER_LABEL: &str = "helios.sensetime/virtual-cluster";

/// GPUs of a machine.
pub(super) const GPUS: i64 = 8;

/// The most machines of a virtual cluster.
const MOST: i64 = 100_000;

/// Whether a table that begins with these bytes is one of virtual clusters.
pub(super) fn sniff(first: &[u8]) -> Confidence {
    let by_day = header_has(first, &["date", "total"]);
    let line = first.split(|&byte| byte == b'\n').next().unwrap_or(first);
    if line.trim_ascii() == b",num" {
        Confidence::Certain
    } else {
        by_day
    }
}

fn tables(input: &Input) -> Result<Tables<1>, TraceError> {
    let tables = Tables::with_first(input, super::TABLES, ["cluster_gpu_number"])?;
    // Each cluster has a folder of its own, and no job runs on machines of another.
    of_one_folder(input, &tables.read[0])?;
    Ok(tables)
}

/// The number of machines of a virtual cluster, from a time on each.
type Course = Vec<(Instant, i64)>;

fn read(input: &Input, options: &ReadOptions) -> Result<NodeList, TraceError> {
    let tables = tables(input)?;
    let mut journal = tables.journal(input, options)?;
    let mut clusters: Vec<(Text, Course)> = Vec::new();
    for part in &tables.read[0] {
        journal.file = part.name.clone();
        let mut table = Table::open(part)?;
        let places = Places::of(&table)?;
        while let Some(row) = table.next_row()? {
            match row {
                Ok(row) => heed(&mut journal, |journal| {
                    places.take(journal, &row, &mut clusters)
                })?,
                Err(bad) => journal.bad_row(bad)?,
            }
        }
        journal.end(table.open_end())?;
    }
    Ok(nodes(clusters, journal, options))
}

/// The places of a table's columns.
struct Places {
    /// The day, or the name of a virtual cluster.
    first: Column,
    /// The virtual clusters with their names; none in a list of them.
    clusters: Vec<(Text, Column)>,
    total: Option<Column>,
    number: Option<Column>,
}

impl Places {
    fn of(table: &Table) -> Result<Self, TraceError> {
        if let (Some(first), Some(number)) = (table.column(""), table.column("num")) {
            return Ok(Self {
                first,
                clusters: Vec::new(),
                total: None,
                number: Some(number),
            });
        }
        let names = table.columns().iter();
        let others = names.filter(|name| !matches!(&***name, "date" | "total"));
        let clusters = others.filter_map(|name| Some(((&**name).into(), table.column(name)?)));
        Ok(Self {
            first: table.required_column("date")?,
            clusters: clusters.collect(),
            total: table.column("total"),
            number: None,
        })
    }

    fn take(
        &self,
        journal: &mut Journal,
        row: &Row<'_>,
        clusters: &mut Vec<(Text, Course)>,
    ) -> Result<(), Refused> {
        let mut add = |name: &str, at: Instant, machines: i64| match clusters
            .iter_mut()
            .find(|(known, _)| **known == *name)
        {
            Some((_, course)) => course.push((at, machines)),
            None => clusters.push((name.into(), vec![(at, machines)])),
        };
        if let Some(number) = &self.number {
            add(
                row.text(&self.first),
                Instant::ZERO,
                row.integer(number, 0, MOST)?,
            );
            return Ok(());
        }
        let day = day(row, &self.first)?;
        let mut sum = 0;
        let mut found = Vec::new();
        for (name, column) in &self.clusters {
            let gpus = match row.text(column) {
                "" => 0,
                _ => whole(row, column)?,
            };
            sum += gpus;
            found.push((name, gpus));
        }
        for (name, gpus) in found {
            let kind = "GPUs that fill no machine of 8; left out";
            journal.drop_if(gpus % GPUS > 0, kind, row.line)?;
            add(name, day, gpus / GPUS);
        }
        let total = self
            .total
            .as_ref()
            .filter(|column| !row.text(column).is_empty());
        let total = total.map(|column| whole(row, column)).transpose()?;
        let kind = "total that is not the sum of the virtual clusters; they hold";
        journal.keep_if(total.is_some_and(|total| total != sum), kind, row.line)?;
        Ok(())
    }
}

/// A number of GPUs, which tables of days without some clusters state with a point.
fn whole(row: &Row<'_>, column: &Column) -> Result<i64, BadRow> {
    let most = GPUS * MOST;
    match row
        .text(column)
        .strip_suffix(".0")
        .and_then(|own| own.parse::<i64>().ok())
    {
        Some(number) if (0..=most).contains(&number) => Ok(number),
        _ => row.integer(column, 0, most),
    }
}

/// The beginning of a day.
fn day(row: &Row<'_>, column: &Column) -> Result<Instant, BadRow> {
    let text = row.text(column);
    let zone = super::zone();
    let at = zone
        .instant(text)
        .or_else(|| zone.instant(&format!("{text} 00:00:00")));
    at.ok_or_else(|| row.bad(column, "a day such as `2020-04-01`"))
}

/// The machines of virtual clusters, whose first day is the zero of time.
fn nodes(clusters: Vec<(Text, Course)>, journal: Journal, options: &ReadOptions) -> NodeList {
    let days = clusters
        .iter()
        .flat_map(|(_, course)| course.iter().map(|(day, _)| *day));
    let zero = days.min().unwrap_or_default();
    let capacity = Capacity {
        cpu_milli: options.full_cpu_milli,
        memory: options.full_memory_bytes,
        disk: None,
    };
    let (mut nodes, mut events) = (Vec::new(), Vec::new());
    for (name, mut days) in clusters {
        days.sort_by_key(|(day, _)| *day);
        let most = days.iter().map(|(_, machines)| *machines).max();
        for number in 0..most.unwrap_or(0) {
            let gpus = GpuInventory {
                devices: GPUS as u8,
                model: "".into(),
            };
            let own = format!("{name}-{number}").into();
            let mut node = gpu_node(own, capacity, gpus, options.pods_per_node);
            node.labels
                .insert(VIRTUAL_CLUSTER_LABEL.into(), name.clone());
            let mut course = MachineCourse::default();
            for (day, machines) in &days {
                let at = Instant::ZERO + day.since(zero);
                if number < *machines {
                    course.comes(at);
                } else {
                    course.goes(at);
                }
            }
            course.finish(nodes.len(), options.pods_per_node, &mut events);
            nodes.push(node);
        }
    }
    NodeList {
        nodes,
        ledger: journal.ledger,
        events: in_order(events),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::prelude::*;

    fn list(text: &str) -> NodeList {
        let input = file_of(&ENTRY, "gpus.csv", text);
        read(&input, &ReadOptions::default()).expect("good rows")
    }

    #[test]
    fn machines_of_virtual_clusters_come_and_go_by_day() {
        let list = list(
            "date,vcA,vcB,total\n2020-04-03,16,16,32\n2020-04-01,8,12,20\n2020-04-02,8.0,,9\n",
        );
        let names: Vec<&str> = list.nodes.iter().map(|node| &*node.name).collect();
        assert_eq!(names, ["vcA-0", "vcA-1", "vcB-0", "vcB-1"]);
        let first = &list.nodes[0];
        assert_eq!(first.labels[VIRTUAL_CLUSTER_LABEL], "vcA".into());
        assert_eq!(first.gpu.as_ref().map(|gpu| gpu.devices), Some(8));
        assert_eq!(first.allocatable.get("cpu").milli_floor(), Ok(64_000));
        let seen = events(&list, 86_400_000_000_000);
        seen.are([
            (0, 1, &NodeEventKind::Goes),
            (0, 3, &NodeEventKind::Goes),
            (1, 2, &NodeEventKind::Goes),
            (2, 1, &NodeEventKind::Comes),
            (2, 2, &NodeEventKind::Comes),
            (2, 3, &NodeEventKind::Comes),
        ]);
        list.ledger.has_once([
            "GPUs that fill no machine of 8; left out",
            "total that is not the sum of the virtual clusters; they hold",
        ]);
    }

    #[test]
    fn a_list_of_virtual_clusters_has_its_machines() {
        let list = list(",num\nvcA,2\nvcB,1\n");
        let names: Vec<&str> = list.nodes.iter().map(|node| &*node.name).collect();
        assert_eq!(names, ["vcA-0", "vcA-1", "vcB-0"]);
        assert!(list.events.is_empty());
    }

    #[test]
    fn days_are_recognized_by_their_header_in_any_order_and_quotes() {
        for text in [
            "\"date\",\"vcA\",\"total\"\n\"2020-04-01\",\"8\",\"8\"\n",
            "total,vcA,date\n8,8,2020-04-01\n",
        ] {
            let input = Input::bytes("gpus.csv", text.as_bytes());
            assert_eq!(
                crate::registry::recognize(&input).expect("known").name,
                ENTRY.name
            );
            assert_eq!(list(text).nodes.len(), 1, "{text}");
        }
    }

    #[test]
    fn a_last_line_without_an_end_is_told() {
        let kind = "last line without an end of line; it is cut off if the file is";
        for (text, expected) in [("date,vcA,total\n2020-04-01,8,8\n", 0), (",num\nvcA,1", 1)] {
            assert_eq!(list(text).ledger.count(kind), expected, "{text}");
        }
    }

    #[test]
    fn dirty_rows_are_named() {
        let text =
            "date,vcA,total\n2020-04-01,8,8\nApril,8,8\n2020-04-02,-1,8\n2020-04-03,8,many\n";
        faults(&ENTRY, "gpus.csv", text).has_bad_rows([
            "gpus.csv:3: column `date`: must be a day such as `2020-04-01`, found `April`",
            "gpus.csv:4: column `vcA`: must be at least 0, found `-1`",
            "gpus.csv:5: column `total`: must be a whole number, found `many`",
        ]);
    }
}

//! Machines of a log in the Standard Workload Format, as Alea lists them beside it (`.swf.machines`): clusters of equal
//! nodes, separated by tabs. Format: `traces.md`, section 1.

use crate::readers::prelude::*;
use intake::archive::parts;
use model::Node;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "swf-machines",
    summary: "machines of a job log, as Alea lists them (`.swf.machines`, separated by tabs)",
    columns: COLUMNS,
    relations: &[],
    names: &["index", "name"],
    cells: |format, input, show| {
        let mut parts = parts(input)?.into_iter();
        parts.try_for_each(|part| show_rows(format, &layout(&part.first_bytes()?), &part, show))
    },
    options: &["pods-per-node"],
    sniff,
    open: Constructor::Nodes(read),
};

columns! { COLUMNS;
    _: required("index", "number of the cluster; read, not used"),
    NAME: required("name", "cluster; becomes part of the nodes' names"),
    NODES: required("nodes", "number of nodes"),
    CPU: required("CPUs per node", "cores of a node"),
    SPEED: required("speed", "speed of a core; counted if it is not 1"),
    MEMORY: required("RAM", "memory of a node, KB"),
    _: required("more", "seventh column of some lists; read, not used"),
}

/// The most nodes of a cluster.
const MOST: i64 = 1_000_000;

/// The columns of a list that begins with these bytes: the seventh stands in some lists alone, in most of their rows.
fn layout(first: &[u8]) -> Layout {
    let lines = first.split(|&byte| byte == b'\n');
    let fields = lines.map(|line| line.split(|&byte| byte == b'\t').count());
    let fields: Vec<usize> = fields.collect();
    let rows = |columns: usize| fields.iter().filter(|&&own| own == columns).count();
    let all = COLUMNS.len();
    let columns = if rows(all) > rows(all - 1) {
        COLUMNS
    } else {
        &COLUMNS[..all - 1]
    };
    Layout {
        separator: b'\t',
        ..Layout::headless(columns)
    }
}

fn has_columns(first: &[u8], columns: usize) -> Confidence {
    let tests: [FieldTest; 4] = [
        (NODES, is_whole),
        (CPU, is_whole),
        (SPEED, is_number_or_empty),
        (MEMORY, is_whole),
    ];
    row_has(first, b'\t', columns, &tests)
}

fn sniff(first: &[u8]) -> Confidence {
    let all = COLUMNS.len();
    has_columns(first, all).max(has_columns(first, all - 1))
}

fn read(input: &Input, options: &ReadOptions) -> Result<NodeList, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut nodes = Vec::new();
    for part in parts(input)? {
        journal.file = part.name.clone();
        let layout = layout(&part.first_bytes()?);
        each_row_of(&part, &layout, &mut journal, &mut |journal, fields| {
            take(&mut nodes, journal, fields, options.pods_per_node)
        })?;
    }
    Ok(NodeList {
        nodes,
        ledger: journal.ledger,
        ..NodeList::default()
    })
}

fn take(
    nodes: &mut Vec<Node>,
    journal: &mut Journal,
    fields: &Fields<'_, '_>,
    pods: i64,
) -> Result<(), Refused> {
    let name = fields.name(NAME, "the name of a cluster")?;
    let count = fields.number(NODES, 1, MOST)?;
    let speed = fields.decimal(SPEED, 1e6)?;
    let capacity = Capacity {
        cpu_milli: 1_000 * fields.number(CPU, 1, 1_000_000)?,
        memory: fields.number(MEMORY, 0, 1 << 40)? << 10,
        disk: None,
    };
    if speed.is_some_and(|speed| libm::fabs(speed - 1.0) > f64::EPSILON) {
        let kind = "speed of a core, not heeded; jobs run as long as the log says";
        journal.dirt(kind, Action::Keep, fields.line())?;
    }
    for number in 0..count {
        let name = format!("{name}-{number}").into();
        nodes.push(node(name, Labels::new(), capacity, pods));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::prelude::*;

    #[test]
    fn clusters_are_equal_nodes() {
        for (text, memory) in [
            (
                "0\tseth\t2\t4\t1\t1048576\n1\told\t1\t1\t0.5\t1048576\n",
                1_i64 << 30,
            ),
            (
                "0\tfit\t2\t4\t1\t67108864\t30\r\n1\tfit2\t1\t16\t0.5\t1\t30\r\n",
                64 << 30,
            ),
        ] {
            let input = file_of(&ENTRY, "m.machines", text);
            let list = read(&input, &ReadOptions::default()).expect("good rows");
            assert_eq!(list.nodes.len(), 3);
            let first = &list.nodes[0].allocatable;
            assert_eq!(first.get("cpu").milli_floor(), Ok(4_000));
            assert_eq!(first.get("memory").units_ceil(), Ok(memory));
            let kind = "speed of a core, not heeded; jobs run as long as the log says";
            assert_eq!(list.ledger.count(kind), 1);
        }
    }

    #[test]
    fn dirty_rows_are_named() {
        let text = "0\tseth\t2\t4\t1\t1048576\n0\t\t2\t4\t1\t1\n0\tseth\t0\t4\t1\t1\n0\tseth\t2\n";
        let found = faults(&ENTRY, "m.machines", text);
        let bad: Vec<String> = found.bad_rows.iter().map(ToString::to_string).collect();
        bad[..2].are([
            "m.machines:2: column `name`: must be the name of a cluster, found ``",
            "m.machines:3: column `nodes`: must be at least 1, found `0`",
        ]);
        assert_eq!(found.bad_row_count, 3);
    }
}

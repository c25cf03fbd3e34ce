//! The columns of the tables that a run leaves, as data: name, type, unit, meaning, and what an
//! absent value means. The writers, the readers and `docs/results.md` follow these lists.

/// Type of a column's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8 text.
    Text,
    /// A 64-bit signed integer.
    Integer,
    /// A 64-bit float; CSV has the shortest text that reads back to the same float.
    Number,
}

impl Kind {
    /// The name of the type in the documentation, which is that of Parquet.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "utf8",
            Self::Integer => "int64",
            Self::Number => "double",
        }
    }
}

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// The column's name, with the unit last where there is one.
    pub name: &'static str,
    /// Type of the column's content.
    pub kind: Kind,
    /// The unit of its values; empty where there is none.
    pub unit: &'static str,
    /// Meaning of the column.
    pub meaning: &'static str,
    /// Meaning of an absent value (null in Parquet, an empty field in CSV); `None` where every row
    /// has a value.
    pub absent: Option<&'static str>,
}

impl Column {
    const fn or_absent(self, meaning: &'static str) -> Self {
        Self {
            absent: Some(meaning),
            ..self
        }
    }
}

const fn text(name: &'static str, meaning: &'static str) -> Column {
    Column {
        name,
        kind: Kind::Text,
        unit: "",
        meaning,
        absent: None,
    }
}

const fn integer(name: &'static str, unit: &'static str, meaning: &'static str) -> Column {
    Column {
        kind: Kind::Integer,
        unit,
        ..text(name, meaning)
    }
}

const fn number(name: &'static str, unit: &'static str, meaning: &'static str) -> Column {
    Column {
        kind: Kind::Number,
        unit,
        ..text(name, meaning)
    }
}

/// A table of a result folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableSchema {
    /// Name of the table in messages.
    pub title: &'static str,
    /// The table's file as CSV.
    pub csv: &'static str,
    /// The table's file as Parquet.
    pub parquet: &'static str,
    /// The table's columns, in order.
    pub columns: &'static [Column],
}

impl TableSchema {
    /// The names of its columns.
    pub fn names(&self) -> Vec<&'static str> {
        self.columns.iter().map(|column| column.name).collect()
    }
}

/// The state of the cluster over time.
pub const SERIES: TableSchema = TableSchema {
    title: "the time series",
    csv: "timeseries.csv",
    parquet: "timeseries.parquet",
    columns: &SERIES_COLUMNS,
};

/// The pods.
pub const PODS: TableSchema = TableSchema {
    title: "the table of pods",
    csv: "pods.csv.zst",
    parquet: "pods.parquet",
    columns: &POD_COLUMNS,
};

/// The values of the runs of a comparison.
pub const VALUES: TableSchema = TableSchema {
    title: "the table of values",
    csv: "values.csv",
    parquet: "values.parquet",
    columns: &VALUE_COLUMNS,
};

/// The classes of pods.
pub const CLASSES: TableSchema = TableSchema {
    title: "the table of classes",
    csv: "classes.csv",
    parquet: "classes.parquet",
    columns: &CLASS_COLUMNS,
};

const VARIANT: Column = text(
    "variant",
    "the variant's name; rows of one variant are adjacent, variants in written order",
);

/// Columns of the time series.
pub(super) const SERIES_COLUMNS: [Column; 13] = [
    VARIANT,
    integer(
        "time_ns",
        "ns",
        "simulated time; the row shows the state after all changes of this instant",
    ),
    integer(
        "allocated_cpu_milli",
        "milli-core",
        "CPU reserved by pods on nodes",
    ),
    integer(
        "allocated_memory_bytes",
        "byte",
        "memory reserved by pods on nodes",
    ),
    integer(
        "allocated_gpu_milli",
        "milli-GPU",
        "GPU reserved by pods on nodes",
    ),
    integer(
        "capacity_cpu_milli",
        "milli-core",
        "allocatable CPU of the nodes that are up",
    ),
    integer(
        "capacity_memory_bytes",
        "byte",
        "allocatable memory of the nodes that are up",
    ),
    integer(
        "capacity_gpu_milli",
        "milli-GPU",
        "allocatable GPU of the nodes that are up",
    ),
    integer("pods_pending", "pods", "submitted pods without a node"),
    integer(
        "pods_bound",
        "pods",
        "pods that hold a node, running or starting",
    ),
    integer("pods_running", "pods", "pods that run"),
    integer("nodes_up", "nodes", "nodes that are up"),
    number(
        "gpu_fragmented_milli",
        "milli-GPU",
        "expected idle GPU that a pod drawn at random from the workload can't use",
    )
    .or_absent("the workload requests no GPU"),
];

/// Columns of the table of pods.
pub(super) const POD_COLUMNS: [Column; 19] = [
    VARIANT,
    text("pod", "the pod's name"),
    integer(
        "tenant",
        "",
        "number of the user or group that the pod is accounted to, in order of first appearance",
    ),
    integer(
        "class",
        "",
        "number of the pod's class (pods with the same requests and rules), in order of first \
         appearance",
    ),
    integer("submit_ns", "ns", "simulated time of the pod's submission"),
    integer(
        "bound_ns",
        "ns",
        "simulated time at which the pod was bound to its last node",
    )
    .or_absent("the pod holds no node, or held none when it ended"),
    integer(
        "started_ns",
        "ns",
        "simulated time at which the pod began to run",
    )
    .or_absent("the pod is not running, or was not running when it ended"),
    integer("ended_ns", "ns", "simulated time at which the pod ended")
        .or_absent("the pod is still alive at the end of the run"),
    text("node", "the name of the pod's node").or_absent("the pod had none"),
    text(
        "gpus",
        "indexes of the GPU devices that the pod held on its node, ascending, joined by `-`",
    )
    .or_absent("the pod held none"),
    text(
        "outcome",
        "`succeeded`, `time_limit` (killed at its limit), `error`, `rejected` (refused \
         permanently), `node_lost`, `evicted`, `cancelled`, `moved` (continued by the next pod of its \
         name, on another node), or why the node that it was bound to refused it: `OutOfcpu`, \
         `OutOfmemory`, `OutOfephemeral-storage`, `OutOfpods`, `OutOfextended`, `NodeAffinity`, `NodePorts`, `TaintToleration`, `Evicted` (short of \
         memory or disk); of pods still alive: `pending`, `starting`, `running` (whatever their \
         containers do, and while they end)",
    ),
    text(
        "job",
        "the object that controls the pod, as `KIND/NAME`, or `gang-N` for pods of one arrival",
    )
    .or_absent("the pod is a job of its own"),
    text("user", "name of the user or group that `tenant` numbers")
        .or_absent("the workload names none"),
    NAMESPACE,
    QUEUE,
    PRIORITY,
    CPU,
    MEMORY,
    GPU,
];

const NAMESPACE: Column = text("namespace", "the pod's namespace").or_absent("the pod has none");

const QUEUE: Column = text(
    "queue",
    "the queue that the pod's labels name (those of Kueue and Volcano, or `queue`)",
)
.or_absent("its labels name none");

const PRIORITY: Column = integer("priority", "", "the pod's priority");

const CPU: Column = integer(
    "requested_cpu_milli",
    "milli-core",
    "CPU that the pod requests",
);

const MEMORY: Column = integer(
    "requested_memory_bytes",
    "byte",
    "memory that the pod requests",
);

const GPU: Column = integer(
    "requested_gpu_milli",
    "milli-GPU",
    "GPU that the pod requests, over all devices",
);

/// Columns of the table of classes.
pub(super) const CLASS_COLUMNS: [Column; 9] = [
    VARIANT,
    integer("class", "", "number of the class, as in the table of pods"),
    integer("pods", "pods", "submitted pods of the class"),
    NAMESPACE,
    QUEUE,
    PRIORITY,
    CPU,
    MEMORY,
    GPU,
];

/// Columns of the table of values.
const VALUE_COLUMNS: [Column; 6] = [
    text(
        "candidate",
        "the candidate's name; rows of one candidate are adjacent, the baseline comes first",
    ),
    integer("seed", "", "seed of the run"),
    integer(
        "shake",
        "",
        "number of the perturbation of the input, or of the log drawn from its blocks",
    )
    .or_absent("the run is on the input as it is"),
    text("metric", "id of the metric"),
    text("unit", "unit of the value"),
    number(
        "value",
        "",
        "value of the metric in the run; a metric without a value has no row",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_is_documented() {
        use metrics::pod_table::outcome;
        use model::{EndReason, EvictionCause, Refusal};

        let column = PODS.columns.iter().find(|column| column.name == "outcome");
        let documented = column.expect("a column of that name").meaning;
        let plain = [
            EndReason::Completed,
            EndReason::TimeLimit,
            EndReason::Error,
            EndReason::Rejected,
            EndReason::NodeLost,
            EndReason::Cancelled,
            EndReason::Moved,
        ];
        let evicted = EvictionCause::ALL.map(EndReason::Evicted);
        let refused = Refusal::ALL.map(EndReason::Refused);
        for reason in plain.into_iter().chain(evicted).chain(refused) {
            let name = outcome(reason);
            assert!(documented.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn names_are_unique_and_carry_their_unit() {
        for table in [SERIES, PODS, CLASSES, VALUES] {
            let mut names: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), table.columns.len());
            for column in table.columns {
                let suffix = match column.unit {
                    "ns" => "_ns",
                    "byte" => "_bytes",
                    "milli-core" | "milli-GPU" => "_milli",
                    _ => "",
                };
                assert!(column.name.ends_with(suffix), "{column:?}");
            }
        }
    }
}

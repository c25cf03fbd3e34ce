//! Alibaba's GPU trace of 2020 (PAI): headerless tables whose columns are named in files of their own.
//! Times are seconds with a fraction; processors are in 1/100 core, GPUs in 1/100 device, memory in
//! GiB. Format: `traces.md`, section 5.

mod beside;
pub mod machines;
pub mod tasks;

use crate::readers::prelude::*;

/// The tables of the trace.
const TABLES: &[TraceTable] = &[
    TraceTable {
        name: "pai_task_table",
        sniff: tasks::is_tasks,
        unread: "tasks, read by `alibaba-gpu-2020-tasks`",
    },
    TraceTable {
        name: "pai_job_table",
        sniff: beside::is_jobs,
        unread: "jobs, read by `alibaba-gpu-2020-tasks`",
    },
    TraceTable {
        name: "pai_group_tag_table",
        sniff: beside::is_tags,
        unread: "tags of jobs, read by `alibaba-gpu-2020-tasks`",
    },
    TraceTable {
        name: "pai_sensor_table",
        sniff: beside::is_sensors,
        unread: "usage of workers, read by `alibaba-gpu-2020-tasks`",
    },
    TraceTable {
        name: "pai_instance_table",
        sniff: is_instances,
        unread: "instances, not read; a task is a gang, which begins and ends as its task did",
    },
    TraceTable {
        name: "pai_machine_spec",
        sniff: machines::is_machines,
        unread: "machines, read by `alibaba-gpu-2020-machines`",
    },
    TraceTable {
        name: "pai_machine_metric",
        sniff: is_metrics,
        unread: "usage of machines, not read; a run's nodes use what their pods do",
    },
];

/// Whether a table that begins with these bytes is one of instances.
fn is_instances(first: &[u8]) -> Confidence {
    let tests: [FieldTest; 3] = [
        (5, |field| tasks::STATES.contains(&field)),
        (6, is_number_or_empty),
        (7, is_number_or_empty),
    ];
    row_has(first, b',', 9, &tests)
}

/// Whether a table that begins with these bytes is one of the usage of machines.
fn is_metrics(first: &[u8]) -> Confidence {
    let tests: [FieldTest; 4] = [
        (0, is_word),
        (1, is_word),
        (2, is_number_or_empty),
        (11, is_number_or_empty),
    ];
    row_has(first, b',', 12, &tests)
}

/// Whether a field is a name.
fn is_word(field: &str) -> bool {
    !is_number_or_empty(field)
}

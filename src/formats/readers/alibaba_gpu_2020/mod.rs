//! Alibaba's GPU trace of 2020 (PAI): headerless tables whose columns are named in files of their own.
//! Times are seconds with a fraction; processors are in 1/100 core, GPUs in 1/100 device, memory in
//! GiB. Format: `traces.md`, section 5.

mod beside;
pub mod machines;
pub mod tasks;

use crate::readers::prelude::*;

trace_tables! { TABLES;
    "pai_task_table": |first| tasks::LAYOUT.confidence(first), "tasks, read by `alibaba-gpu-2020-tasks`";
    "pai_job_table": |first| beside::JOBS.confidence(first), "jobs, read by `alibaba-gpu-2020-tasks`";
    "pai_group_tag_table": |first| beside::TAGS.confidence(first), "tags of jobs, read by `alibaba-gpu-2020-tasks`";
    "pai_sensor_table": |first| beside::SENSORS.confidence(first), "usage of workers, read by `alibaba-gpu-2020-tasks`";
    "pai_instance_table": is_instances, "instances, not read; a task is a gang, which begins and ends as its task did";
    "pai_machine_spec": |first| machines::LAYOUT.confidence(first), "machines, read by `alibaba-gpu-2020-machines`";
    "pai_machine_metric": is_metrics, "usage of machines, not read; a run's nodes use what their pods do";
}

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

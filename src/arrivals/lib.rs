//! Arrivals: the uniform stream that a run reads, whatever the format; numbering, merging, sorting and caching of streams,
//! fill-ups, and summaries of what a stream holds.

pub mod amounts;
pub mod cache;
pub mod class_cache;
pub mod class_columns;
pub mod classes;
pub mod cut_tasks;
pub mod duplicate_names;
pub mod ended_tasks;
pub mod failures;
pub mod fill_up;
pub mod format;
pub mod header_record;
pub mod implausible;
pub mod inspect;
pub mod intern;
pub mod job_fields;
pub mod links;
pub mod memory;
pub mod merge;
pub mod name_key;
pub mod partitions;
pub mod pod;
pub mod precedence;
pub mod quantiles;
pub mod read_ahead;
pub mod read_options;
pub mod relation;
pub mod renumbering;
pub mod reordering;
pub mod request_rates;
pub mod spill;
pub mod stream;
pub mod submission;
pub mod tenants;
pub mod transform;
pub mod usage_samples;

pub use classes::Classes;
pub use ended_tasks::{EndedTasks, TaskEnd, TaskKey};
pub use fill_up::{FillOrder, FillResource, FillUp, Filled, fill_up};
pub use links::Links;
pub use memory::{MemorySource, Recorded};
pub use precedence::WaitFault;
pub use read_options::ReadOptions;
pub use stream::{Arrival, ArrivalSource, UNNAMED};
pub use submission::Submission;

//! Parts that several readers share.

pub(crate) mod anti_affinity;
pub(crate) mod batch_plans;
pub(crate) mod cells;
pub(crate) mod class_keys;
pub(crate) mod gangs;
pub(crate) mod instances;
pub(crate) mod joined_name;
pub(crate) mod machine_course;
pub(crate) mod machine_list;
pub(crate) mod measurements;
pub(crate) mod node_cells;
pub(crate) mod numbering;
pub(crate) mod plain_demand;
pub(crate) mod recorded_pod;
pub(crate) mod requests;
pub(crate) mod resize_list;
pub(crate) mod resizes;
pub(crate) mod side_by_side;
pub(crate) mod sorting;
pub(crate) mod task_edges;
pub(crate) mod task_names;
pub(crate) mod timeline;

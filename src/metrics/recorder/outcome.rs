//! The outcome of a run: its values and tables.

use crate::alerts::AlertLog;
use crate::families::packing::arrived_demand::ArrivedTables;
use crate::record::tables::Tables;
use crate::record::workloads::Row;
use crate::values::MetricValue;

/// The values and tables of a run.
#[derive(Clone, Debug, Default)]
pub struct RunMetrics {
    /// Every value, in the order of the registry.
    pub values: Vec<MetricValue>,
    /// The tables and findings that families left.
    pub tables: Tables,
    /// The events of a fill-up and what their tables are made of, where they were followed.
    pub arrived: Option<ArrivedTables>,
    /// Results of each workload that controllers maintained.
    pub workloads: Vec<Row>,
    /// Outcomes of the alert rules.
    pub alerts: AlertLog,
    /// Pods that others, which moved while they ran, went on as.
    pub moved: u64,
}

impl RunMetrics {
    /// The value of an id.
    pub fn get(&self, id: &str) -> Option<&MetricValue> {
        self.values.iter().find(|value| value.id == id)
    }
}

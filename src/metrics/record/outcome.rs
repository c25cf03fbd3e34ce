//! The outcome of a run: its values and tables.

use crate::alerts::AlertLog;
use crate::families::autoscaling::autoscalers::AutoscalerRow;
use crate::families::autoscaling::fights::FightRow;
use crate::families::money::cost::CostTable;
use crate::families::packing::arrived::ArrivedTables;
use crate::families::traffic::services::ServiceRow;
use crate::record::collector::MetricValue;
use crate::record::workloads::Row;

/// The values and tables of a run.
#[derive(Clone, Debug, Default)]
pub struct RunMetrics {
    /// Every value, in the order of the registry.
    pub values: Vec<MetricValue>,
    /// The events of a fill-up and what their tables are made of, where they were followed.
    pub arrived: Option<ArrivedTables>,
    /// Results of each workload that controllers maintained.
    pub workloads: Vec<Row>,
    /// Results of each service.
    pub services: Vec<ServiceRow>,
    /// Outcomes of the alert rules.
    pub alerts: AlertLog,
    /// Cost of the nodes by cause, if any node has a price.
    pub costs: Option<CostTable>,
    /// Actions of each pod autoscaler, in the order of creation.
    pub autoscalers: Vec<AutoscalerRow>,
    /// Controllers that undid each other's work, the busiest of each kind first.
    pub fights: Vec<FightRow>,
}

impl RunMetrics {
    /// The value of an id.
    pub fn get(&self, id: &str) -> Option<&MetricValue> {
        self.values.iter().find(|value| value.id == id)
    }
}

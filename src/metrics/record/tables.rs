//! The tables that families leave beside their values.

use crate::families::autoscaling::autoscalers::AutoscalerRow;
use crate::families::autoscaling::fights::FightRow;
use crate::families::money::cost::CostTable;

/// The tables of a run; each collector adds the rows that it kept.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// The bill, where any node has a price.
    pub costs: Option<CostTable>,
    /// The autoscalers of pods, in the order of their making.
    pub autoscalers: Vec<AutoscalerRow>,
    /// Controllers that undid each other's work, the busiest of each kind first.
    pub fights: Vec<FightRow>,
}

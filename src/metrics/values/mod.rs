//! Values of metrics: the statistics that a family lists, a reading of one, and the set of readings
//! that a collector hands back.

mod reading;
mod statistic;

pub use reading::{MetricValue, Reading, Values};
pub use statistic::{Direction, Range, Statistic, of_each};

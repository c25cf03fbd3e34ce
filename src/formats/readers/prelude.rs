//! Imports that nearly all readers of formats need.

pub(crate) use crate::parts::cells::{show_rows, show_text};
pub(crate) use crate::parts::plain_demand::{Amounts, PlainDemand};
pub(crate) use crate::parts::requests::requests;
pub(crate) use crate::parts::side_by_side::{Tables, trace_tables};
pub(crate) use crate::parts::sorting::{Capacity, Demand, Gather, gpu_node, node};
pub(crate) use crate::parts::timeline::{Rank, Timed};
pub(crate) use crate::prelude::*;

//! Imports of the layers below that nearly all readers and writers of formats need: `use crate::prelude::*`.

pub(crate) use std::sync::Arc;

pub(crate) use crate::columns::columns;
pub(crate) use arrivals::format::{Constructor, FormatEntry, NodeList};
pub(crate) use arrivals::job_fields::{Outcome, PLACEMENT, outcome_alone, state_one_per_node};
pub(crate) use arrivals::read_options::ReadOptions;
pub(crate) use arrivals::relation::Relation;
pub(crate) use arrivals::spill::{FlatName, Places};
pub(crate) use arrivals::stream::{Arrival, ArrivalSource};
pub(crate) use intake::budget::MEMBERS;
pub(crate) use intake::columns::{ColumnDoc, Confidence, FieldTest};
pub(crate) use intake::columns::{header_has, is_any, is_number_or_empty, is_whole, row_has};
pub(crate) use intake::json::Element;
pub(crate) use intake::ledger::{Action, BadRow, Journal};
pub(crate) use intake::origin::Origin;
pub(crate) use intake::rows::{Fields, LAST_SECOND, Layout, Refused};
pub(crate) use intake::rows::{each_row, each_row_of, each_row_of_all, heed};
pub(crate) use intake::{Input, TraceError};
pub(crate) use model::gpu::MAX_DEVICES;
pub(crate) use model::{Behaviour, Labels, PodName, PodSpec, ResourceList, Text};
pub(crate) use units::{Duration, Instant, Quantity};

//! Not yet.
use super::{Decide};
pub(super) fn decide(_: &str) -> Option<Decide> { None }
use serde_json::Value;
use super::{Case, Trouble};
pub(super) fn drf_tasks(_: &Case) -> Result<Value, Trouble> { Err(Trouble::Unsupported(String::new())) }

//! Not yet.
use super::Decide;
pub(super) fn decide(_: &str) -> Option<Decide> {
    None
}
use super::{Case, Trouble};
use serde_json::Value;
pub(super) fn drf_tasks(_: &Case) -> Result<Value, Trouble> {
    Err(Trouble::Unsupported(String::new()))
}

//! Not yet.
use super::{Case, Trouble};
use serde_json::Value;
pub(super) fn decide(_: &Case) -> Result<Value, Trouble> {
    Err(Trouble::Unsupported(String::new()))
}

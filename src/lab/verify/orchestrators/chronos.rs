//! Not yet.
use super::Decide;
pub(super) fn decide(_: &str) -> Option<Decide> {
    None
}

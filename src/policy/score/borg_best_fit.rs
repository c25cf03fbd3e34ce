//! Borg's best fit (spec: orchestrators-b.md section 5.2): the node with the smallest sum of free
//! fractions left.

use crate::borg::{Borg, Rule};
use crate::{Constructor, Entry, Point, PolicyInstance};

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "borg-best-fit",
    point: Point::Score,
    summary: "Borg's best fit: the node with the smallest sum of free fractions left.",
    source: "orchestrators-b.md 5.2",
    parameters: &[],
    constructor: Constructor::Policy(|_, _| {
        let rule = Rule::BestFit;
        let name = ENTRY.name;
        Ok(PolicyInstance::Plugin(Box::new(Borg { name, rule })))
    }),
};

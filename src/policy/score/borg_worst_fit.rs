//! The reverse of Borg's best fit, for comparisons (spec: orchestrators-b.md section 5.4): the node with
//! the largest sum of free fractions left.

use crate::borg::{Borg, Rule};
use crate::{Constructor, Entry, Point, PolicyInstance};

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "borg-worst-fit",
    point: Point::Score,
    summary: "The reverse of Borg's best fit: the node with the largest sum of free fractions left.",
    source: "orchestrators-b.md 5.4",
    parameters: &[],
    constructor: Constructor::Policy(|_, _| {
        let rule = Rule::WorstFit;
        let name = ENTRY.name;
        Ok(PolicyInstance::Plugin(Box::new(Borg { name, rule })))
    }),
};

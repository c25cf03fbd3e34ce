//! Borg's hybrid (spec: orchestrators-b.md section 5.2): the node where the least is left that the lack of
//! another resource strands; of equal ones the fuller one.

use crate::borg::{Borg, Rule};
use crate::{Constructor, Entry, Point, PolicyInstance};

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "borg-stranded",
    point: Point::Score,
    summary: "Borg's hybrid: the node where the least is left that another resource's lack strands.",
    source: "orchestrators-b.md 5.2",
    parameters: &[],
    constructor: Constructor::Policy(|_, _| {
        let rule = Rule::Stranded;
        let name = ENTRY.name;
        Ok(PolicyInstance::Plugin(Box::new(Borg { name, rule })))
    }),
};

//! Borg's variant of E-PVM (spec: orchestrators-b.md section 5.2): the node whose cost over all
//! resources rises least, which spreads the load.

use crate::borg::{Borg, Rule};
use crate::{Constructor, Entry, Kind, Parameter, Point, PolicyInstance};

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "borg-epvm",
    point: Point::Score,
    summary: "Borg's E-PVM: the node whose cost over all resources rises least; it spreads.",
    source: "orchestrators-b.md 5.2",
    parameters: &[BASE],
    constructor: Constructor::Policy(|_, arguments| {
        let base = BASE.integer(arguments)? as f64;
        let rule = Rule::Epvm { base };
        let name = ENTRY.name;
        Ok(PolicyInstance::Plugin(Box::new(Borg { name, rule })))
    }),
};

const BASE: Parameter = Parameter {
    name: "base",
    kind: Kind::Integer {
        default: 10,
        min: 2,
        max: 1_000_000,
    },
    doc: "Base of the cost of a utilization; Borg's own is not published.",
};

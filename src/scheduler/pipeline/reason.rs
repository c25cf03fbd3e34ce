//! Reasons a node was rejected.

use std::fmt;

use units::ResourceId;

/// One reason why a pod can't be placed on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A fixed sentence in the words of the modelled system.
    Text(&'static str),
    /// Too little of an extended resource.
    Insufficient(ResourceId),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Insufficient(resource) => write!(f, "Insufficient {resource}"),
        }
    }
}

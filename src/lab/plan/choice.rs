//! Numbers of nodes to buy, and the ways in which pods find places on them.

/// Numbers of nodes by type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Choice {
    /// Price in millionths an hour, or the number of nodes where these are counted.
    pub price: i64,
    /// Number of nodes of each type of the market.
    pub counts: Vec<u64>,
}

/// Numbers of nodes on which all pods find places, in one way or another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Possible {
    /// The numbers of nodes.
    pub choice: Choice,
    /// The way in which the pods find nodes.
    pub way: Way,
}

/// Way to place pods: their order, and the choice among nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The given order and the scheduler's profiles.
    Given,
    /// The largest pods first.
    Large,
    /// The largest pods first, each on the fullest node that takes it.
    Packed,
    /// Another order, seeded.
    Seeded,
}

//! Pods that the API server refuses when a run ends.

/// Pods of one object that are refused when a run ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// Object and reason, in words.
    pub words: String,
    /// Names of the classes that objectives are about which the pods would be of.
    pub classes: Vec<String>,
}

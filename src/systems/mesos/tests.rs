//! Worked examples and properties of the whole.

//! The worked examples of the specification, and jobs under random failures.

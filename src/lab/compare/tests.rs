//! Comparisons of made-up runs.

//! Statistics that families share and that know nothing of clusters: exact integrals, percentiles,
//! distributions with censored durations, ratios and time series in bins.

pub mod bins;
pub mod concentration;
pub mod distribution;
pub mod integral;
pub mod max_tree;
pub mod pairwise;
pub mod ratios;
pub mod samples;
pub mod span;
pub mod spread;
pub mod weighted;

//! Scores: which of the feasible nodes is the best place.

pub mod best_fit;
pub mod dot_product;
pub mod fgd;
pub mod gpu_best_fit;
pub mod gpu_clustering;
pub mod gpu_packing;
pub mod least_allocated;
pub mod most_allocated;
pub mod worst_fit;

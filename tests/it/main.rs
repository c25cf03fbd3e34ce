//! The one integration binary: shared helpers and a module per concern.

mod layers;
mod shared;

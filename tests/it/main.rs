//! The one integration binary: shared helpers and a module per concern.

mod forms;
mod layers;
mod openb;
mod placements;
mod shared;
mod store;

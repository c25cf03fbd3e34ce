//! The one integration binary: shared helpers and a module per concern.

mod forms;
mod openb;
mod placements;

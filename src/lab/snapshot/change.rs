//! What-if changes of a snapshot.

//! What checks look like.

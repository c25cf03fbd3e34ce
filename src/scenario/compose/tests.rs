//! Projects of compose files.

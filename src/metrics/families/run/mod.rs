//! The run itself: its measured window, and whether it has a steady state.

pub mod measured_window;
pub mod saturation;

//! Randomness: named `ChaCha8` streams, distributions and float functions over `libm`.

pub mod go;
pub mod math;

pub use go::GoRand;

//! Randomness: named `ChaCha8` streams, distributions and float functions over `libm`.

pub mod agreement;
pub mod chance;
pub mod distribution;
pub mod go;
pub mod math;
mod sample;
pub mod special;
pub mod stream;

pub use chance::ChanceWatch;
pub use distribution::{Distribution, DistributionError, Law, LawError};
pub use go::GoRand;
pub use stream::{Stream, Streams};

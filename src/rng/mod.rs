//! Randomness: named `ChaCha8` streams, distributions and float functions over `libm`.

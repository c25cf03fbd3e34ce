//! The features of foreign crates, the same for every selection of packages; `Cargo.toml` beside this
//! file is all there is.

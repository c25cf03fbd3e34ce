//! Docker Machine: hosts that drivers create, provision, start and stop, each step awaited by polls
//! (spec: orchestrators-a.md section 4; docker/machine b170508 `libmachine`).

pub mod create;
pub mod poll;
pub mod step;

pub use create::{Creation, Phase, Times};
pub use poll::Poll;
pub use step::{Absence, Outcome, Part, Step, StepTimes};

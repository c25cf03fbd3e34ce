//! Implementations of the scheduler's extension points, one file each, and the registry that knows
//! them by name. `control` never names a policy; a profile composes them.

mod allocation;
pub mod backfill;
pub mod borg;
pub mod bounds;
pub mod cost_model;
mod declaration_cache;
pub mod devices;
pub mod entry;
pub mod filter;
pub mod graphene;
pub mod job_order;
pub mod kube_profiles;
pub mod kubernetes;
pub mod las;
pub mod order;
pub mod parameter;
pub mod preemption;
mod profile_entry;
mod profile_error;
pub mod profiles;
pub mod registered;
pub mod registry;
pub mod sample;
pub mod score;
pub mod select;
pub mod sharing;
pub mod tarcil;
#[cfg(test)]
mod testing;
pub mod tetris;
pub mod vector_packing;

pub use entry::{Constructor, Entry, KubeConstructor, Point, PolicyInstance, Setup};
pub use parameter::{ArgumentError, Arguments, Kind, Parameter};
pub use profiles::{PluginOverride, ProfileChoice, ProfileError, build_profile};

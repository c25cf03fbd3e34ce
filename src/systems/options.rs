//! The options of single systems, kept by their types: this module and the registry's entry name no
//! system, and a system's options stand beside the system.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use ::options::Section;
use policy::backfill::shutdown::ShutdownOptions;
use scheduler::sparrow::SparrowOptions;

use super::batch::slurm::Slurm;
use super::borg::section::Borg;
use super::compose::section::Compose;
use super::consolidation::Consolidation;
use super::ecs::section::Ecs;
use super::fleet;
use super::flow::FlowOptions;
use super::gpu_sharing::GpuSharingOptions;
use super::graphene::options::GrapheneOptions;
use super::mesos::dcos::Dcos;
use super::mesos::section::Mesos;
use super::nova::section::Nova;
use super::omega::OmegaOptions;
use super::openshift::section::OpenShift;
use super::{swarm, swarmkit};

/// The options of one system: any type that threads may share and that can be printed.
///
/// Options of a system beside those of the registry:
///
/// ```
/// use systems::SystemOptions;
///
/// #[derive(Clone, Debug, Default)]
/// struct OwnSystem {
///     retries: u32,
/// }
///
/// let options = SystemOptions::default().with(OwnSystem { retries: 3 });
/// assert_eq!(options.of::<OwnSystem>().retries, 3);
/// ```
pub trait OwnOptions: Any + Debug + Send + Sync {}

impl<T: Any + Debug + Send + Sync> OwnOptions for T {}

/// The options of any number of systems, at most one value of each type. A system takes those of its
/// own type and ignores the others.
///
/// ```
/// use systems::SystemOptions;
/// use systems::batch::BatchOptions;
/// use systems::swarmkit::SwarmKitOptions;
///
/// let options = SystemOptions::default().with(SwarmKitOptions {
///     managers: 5,
///     ..SwarmKitOptions::default()
/// });
/// assert_eq!(options.of::<SwarmKitOptions>().managers, 5);
/// // Options that were never given are those of the type's default.
/// assert_eq!(options.of::<BatchOptions>().order, "fcfs");
/// ```
#[derive(Clone, Debug, Default)]
pub struct SystemOptions(Vec<Arc<dyn OwnOptions>>);

impl SystemOptions {
    /// Options with those of one more system, which replace earlier ones of the same type.
    #[must_use]
    pub fn with<T: OwnOptions>(mut self, options: T) -> Self {
        self.0.retain(|own| own_as::<T>(own).is_none());
        self.0.push(Arc::new(options));
        self
    }

    /// The options of a type, or the type's default where none were given.
    #[must_use]
    pub fn of<T: OwnOptions + Clone + Default>(&self) -> T {
        let found = self.0.iter().find_map(own_as::<T>);
        found.cloned().unwrap_or_default()
    }
}

fn own_as<T: OwnOptions>(own: &Arc<dyn OwnOptions>) -> Option<&T> {
    let any: &dyn Any = own.as_ref();
    any.downcast_ref()
}

/// Options of systems as experiment files state them, in the order of their schema.
pub const SECTIONS: &[Section] = &[
    Section::of::<Slurm>(),
    Section::of::<ShutdownOptions>(),
    Section::of::<swarm::options::Swarm>(),
    Section::of::<swarmkit::section::SwarmKit>(),
    Section::of::<fleet::options::FleetOptions>(),
    Section::of::<SparrowOptions>(),
    Section::of::<Consolidation>(),
    Section::of::<GpuSharingOptions>(),
    Section::of::<OmegaOptions>(),
    Section::of::<FlowOptions>(),
    Section::of::<GrapheneOptions>(),
    Section::of::<Borg>(),
    Section::of::<Nova>(),
    Section::of::<Compose>(),
    Section::of::<OpenShift>(),
    Section::of::<Ecs>(),
    Section::of::<Mesos>(),
    Section::of::<Dcos>(),
];

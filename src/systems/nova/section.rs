//! Options of Nova as experiment files state them: the filter scheduler, the services of hosts and the
//! machines that instances boot in, with Nova's defaults.

use std::sync::Arc;

use model::Node;
use options::{Rules, Share, SystemSection};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::nearest::hint;
use units::{Duration, Quantity, SortedMap};

use super::filter::Filter;
use super::host::Ratios;
use super::migration::AtTimeout;
use super::options::Schedulers;

/// Options of `OpenStack` Nova; used with `name: nova`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Nova {
    /// Filters in the order in which they are applied (`enabled_filters`); default `compute`,
    /// `capabilities`, `anti-affinity`, `affinity`.
    pub filters: Vec<Filter>,
    /// Factors of the weighers (`*_weight_multiplier`).
    pub weighers: NovaWeighers,
    /// Number of the best hosts among which one is drawn (`host_subset_size`), 1 to 1000; default 1.
    #[schemars(range(min = 1, max = 1_000))]
    pub host_subset_size: u32,
    /// Maximum number of hosts with room that are weighed (`max_placement_results`), 1 or more;
    /// default 1000.
    #[schemars(range(min = 1))]
    pub max_placement_results: u32,
    /// Maximum number of hosts that a build is tried on (`max_attempts`), 1 to 100; default 3.
    #[schemars(range(min = 1, max = 100))]
    pub max_attempts: u32,
    /// Number of operations under way at which the filter `io-ops` passes a host no more
    /// (`max_io_ops_per_host`); default 8.
    pub max_io_ops: u32,
    /// Number of instances at which the filter `num-instances` passes a host no more
    /// (`max_instances_per_host`); default 50.
    pub max_instances: u32,
    /// Number of members of a server group with anti-affinity that one host takes (`max_server_per_host`), 1
    /// or more; default 1.
    #[schemars(range(min = 1))]
    pub max_server_per_host: u32,
    /// Host aggregates by name; default none.
    #[serde(skip_serializing_if = "SortedMap::is_empty")]
    pub aggregates: SortedMap<String, NovaAggregate>,
    /// Names, or patterns with `*`, of the hosts that the filter `isolated-hosts` keeps for isolated images (`isolated_hosts`);
    /// default none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub isolated_hosts: Vec<String>,
    /// Images that the filter `isolated-hosts` keeps to isolated hosts (`isolated_images`), as the first
    /// container of a pod names them; default none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub isolated_images: Vec<String>,
    /// Exclusion of other images from isolated hosts (`restrict_isolated_hosts_to_isolated_images`); default
    /// `true`.
    pub restrict_isolated_hosts: bool,
    /// Hints of requests by the labels of pods, of which the first that selects a pod counts; default none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<NovaHints>,
    /// IP addresses of hosts, by name, for the filter `simple-cidr-affinity`; default none.
    #[serde(skip_serializing_if = "SortedMap::is_empty")]
    pub addresses: SortedMap<String, String>,
    /// Schedulers that decide side by side, each with the hosts as they were when it began, so that their
    /// claims race; `models.decisionTime` adds to their times. Default one that decides at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedulers: Option<Schedulers>,
    /// Allocation ratios of all hosts.
    pub ratios: Ratios,
    /// Resources that every host keeps for itself.
    pub reserved: NovaReserved,
    /// Time between two reports of a host (`report_interval`); default `10s`.
    #[schemars(extend("x-positive" = true))]
    pub report_interval: Duration,
    /// Age of the last report up to which a host is up (`service_down_time`); default `60s`.
    #[schemars(extend("x-positive" = true))]
    pub service_down_time: Duration,
    /// Time after which an operator evacuates a host that is down; default none: Nova itself never
    /// does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evacuate_after: Option<Duration>,
    /// Boot of the instances that ran on a host, once it is back (`resume_guests_state_on_host_boot`); default
    /// `false`: they stay off.
    pub resume_guests: bool,
    /// Live migration of instances off hosts that are cordoned while they are up, as `cordon`, `drain` and
    /// `upgrade` of `operations` do; default none, which leaves instances where they are (`drain` and
    /// `upgrade` then end them).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live_migration: Option<NovaMigration>,
    /// Cold migrations and resizes, as `migrate` and `resize` of `operations` ask for them.
    #[serde(skip_serializing_if = "NovaResize::is_default")]
    pub resize: NovaResize,
    /// Client retry delay for a request that no host could take; `0s` gives up. Default `10s`. Nova
    /// itself never retries.
    pub client_retry: Duration,
    /// Machine that every instance boots in.
    pub machine: NovaMachine,
}

impl Default for Nova {
    fn default() -> Self {
        Self {
            filters: Filter::DEFAULT.to_vec(),
            weighers: NovaWeighers::default(),
            host_subset_size: 1,
            max_placement_results: 1_000,
            max_attempts: 3,
            max_io_ops: 8,
            max_instances: 50,
            max_server_per_host: 1,
            aggregates: SortedMap::new(),
            isolated_hosts: Vec::new(),
            isolated_images: Vec::new(),
            restrict_isolated_hosts: true,
            hints: Vec::new(),
            addresses: SortedMap::new(),
            schedulers: None,
            ratios: Ratios::default(),
            reserved: NovaReserved::default(),
            report_interval: Duration::from_secs(10),
            service_down_time: Duration::from_secs(60),
            evacuate_after: None,
            resume_guests: false,
            live_migration: None,
            resize: NovaResize::default(),
            client_retry: Duration::from_secs(10),
            machine: NovaMachine::default(),
        }
    }
}

/// Factors of Nova's weighers; a negative one turns a preference round, 0 switches it off.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NovaWeighers {
    /// Factor of free memory; default 1.
    pub ram: f64,
    /// Factor of free virtual processors; default 1.
    pub cpu: f64,
    /// Factor of free disk; default 1.
    pub disk: f64,
    /// Factor of operations under way; default -1.
    pub io_ops: f64,
    /// Factor of members of the same soft-affinity group; default 1.
    pub soft_affinity: f64,
    /// Factor of the lack of members of the same soft-anti-affinity group; default 1.
    pub soft_anti_affinity: f64,
    /// Factor of failed builds; default -1000000.
    pub build_failure: f64,
    /// Factor of the number of instances; default 0.
    pub num_instances: f64,
}

impl Default for NovaWeighers {
    fn default() -> Self {
        Self {
            ram: 1.0,
            cpu: 1.0,
            disk: 1.0,
            io_ops: -1.0,
            soft_affinity: 1.0,
            soft_anti_affinity: 1.0,
            build_failure: -1_000_000.0,
            num_instances: 0.0,
        }
    }
}

/// Resources that every host keeps for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NovaReserved {
    /// Processors (`reserved_host_cpus`), whole ones; default 0.
    pub cpu: u32,
    /// Memory (`reserved_host_memory_mb`), in whole MiB; default `512Mi`.
    pub memory: Quantity,
    /// Disk (`reserved_host_disk_mb`), in whole MiB; default 0.
    pub disk: Quantity,
}

impl Default for NovaReserved {
    fn default() -> Self {
        Self {
            cpu: 0,
            memory: Quantity::from_units(512 << 20),
            disk: Quantity::ZERO,
        }
    }
}

/// Live migration: passes send the memory that the pass before left behind, until the instance stands
/// still for the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NovaMigration {
    /// Bytes a second that a migration sends.
    #[schemars(extend("x-positive" = true))]
    pub bandwidth: Quantity,
    /// Bytes of its memory that an instance writes in a second; default 0.
    #[serde(default)]
    pub dirty_rate: Quantity,
    /// Maximum time for which an instance stands still (`live_migration_downtime`); default `500ms`.
    #[serde(default = "NovaMigration::downtime")]
    pub downtime: Duration,
    /// Time that a migration may take for each GiB of memory, of which at least two are counted
    /// (`live_migration_completion_timeout`); default `800s`.
    #[serde(default = "NovaMigration::timeout")]
    #[schemars(extend("x-positive" = true))]
    pub timeout: Duration,
    /// Consequence of a migration that lasts longer (`live_migration_timeout_action`); default `abort`.
    #[serde(default)]
    pub at_timeout: AtTimeout,
    /// Number of migrations off a host at a time (`max_concurrent_live_migrations`), 1 to 100; default 1.
    #[serde(default = "NovaMigration::parallel")]
    #[schemars(range(min = 1, max = 100))]
    pub parallel: u32,
}

impl NovaMigration {
    const fn downtime() -> Duration {
        Duration::from_millis(500)
    }

    const fn timeout() -> Duration {
        Duration::from_secs(800)
    }

    const fn parallel() -> u32 {
        1
    }
}

/// Machine that an instance boots in. Fields that are left out are those of the preset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NovaMachine {
    /// Preset for boot time and memory of the guest system; default `none`, a machine that is up at
    /// once and needs nothing.
    pub preset: NovaPreset,
    /// Memory of the guest system beside the pod's own, in whole MiB; default the preset's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guest_memory: Option<Quantity>,
    /// Size of the image that a host copies before its first instance of it; default 0.
    pub image_size: Quantity,
    /// Bytes a second at which a host copies an image; 0 copies at once. Default the preset's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_rate: Option<Quantity>,
    /// Store of copied images; default `host`.
    pub image_store: NovaImageStore,
    /// Time in which the hypervisor creates the machine; default `0s`.
    pub create: Duration,
    /// Speed of a processor inside the machine, as a share of the host's: about 98% with a tuned KVM and
    /// 83% with an untuned one (Felter and others 2014); default 100%.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed: Option<Share>,
    /// Time in which the guest system boots; default the preset's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot: Option<Duration>,
    /// Probability that a build fails on its host, which is then tried on the next of the alternates
    /// (`maxAttempts`), as a share; default 0%.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_failure: Option<Share>,
    /// Time from the claim of a host to the failure of a build there; default `10s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fails_after: Option<Duration>,
}

/// Store of the images that hosts have copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NovaImageStore {
    /// Disk of each host, as with KVM: every host copies an image once.
    #[default]
    Host,
    /// Datastore of all hosts, as with `VMware`: an image is copied once.
    Shared,
}

/// Measured boot times of machines (spec: orchestrators-a.md sections 4 and 6.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NovaPreset {
    /// Up at once, no memory.
    #[default]
    None,
    /// EC2, Linux: 96.9 s; 256 MiB.
    Ec2Linux,
    /// EC2, Windows: 810.2 s; 256 MiB.
    Ec2Windows,
    /// Rackspace, Linux: 44.2 s; 256 MiB.
    RackspaceLinux,
    /// Rackspace, Windows: 429.2 s; 256 MiB.
    RackspaceWindows,
    /// Azure, VM role: 356.6 s; 256 MiB.
    AzureVmRole,
    /// Azure, web role: 374.8 s; 256 MiB.
    AzureWebRole,
    /// Azure, worker role: 406.2 s; 256 MiB.
    AzureWorkerRole,
    /// A micro-VM (Firecracker): 125 ms; 5 MiB.
    MicroVm,
    /// A unikernel (`LightVM`): 2.3 ms; 5 MiB.
    LightVm,
}

impl NovaPreset {
    /// Boot time of the preset's machine.
    pub const fn boot(self) -> Duration {
        Duration::from_nanos(
            1_000
                * match self {
                    Self::None => 0,
                    Self::Ec2Linux => 96_900_000,
                    Self::Ec2Windows => 810_200_000,
                    Self::RackspaceLinux => 44_200_000,
                    Self::RackspaceWindows => 429_200_000,
                    Self::AzureVmRole => 356_600_000,
                    Self::AzureWebRole => 374_800_000,
                    Self::AzureWorkerRole => 406_200_000,
                    Self::MicroVm => 125_000,
                    Self::LightVm => 2_300,
                },
        )
    }

    /// Memory of the preset's guest system, in MiB.
    pub const fn guest_memory(self) -> i64 {
        match self {
            Self::None => 0,
            Self::MicroVm | Self::LightVm => 5,
            Self::Ec2Linux
            | Self::Ec2Windows
            | Self::RackspaceLinux
            | Self::RackspaceWindows
            | Self::AzureVmRole
            | Self::AzureWebRole
            | Self::AzureWorkerRole => 256,
        }
    }

    /// Bytes a second at which a host of the preset's cloud copies images; 0 copies at once.
    pub const fn image_rate(self) -> i64 {
        match self {
            Self::None | Self::MicroVm | Self::LightVm => 0,
            Self::Ec2Linux | Self::Ec2Windows => 10_900_000,
            Self::RackspaceLinux | Self::RackspaceWindows => 22_500_000,
            Self::AzureVmRole | Self::AzureWebRole | Self::AzureWorkerRole => 1_100_000,
        }
    }
}

/// Host aggregate: hosts that share metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NovaAggregate {
    /// Names of the aggregate's hosts, which may be in several aggregates; `*` in a name stands for any text.
    #[schemars(length(min = 1))]
    pub hosts: Vec<String>,
    /// Metadata: `ram_weight_multiplier` and the like replace the factor of a weigher on these hosts, the
    /// smallest value where aggregates differ; other keys are what node selectors of pods ask for with the
    /// filter `aggregate-instance-extra-specs`, several values separated by commas.
    #[schemars(extend("minProperties" = 1))]
    pub metadata: SortedMap<String, String>,
}

/// Scheduler hints that clients state with their requests for some pods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(
    extend("anyOf" = [{"required": ["query"]}, {"required": ["buildNearHostIp"]}]),
    extend("dependentRequired" = {"cidr": ["buildNearHostIp"]})
)]
pub struct NovaHints {
    /// Labels of the pods.
    #[schemars(extend("minProperties" = 1))]
    pub labels: SortedMap<String, String>,
    /// Namespace of the pods; default any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub namespace: Option<String>,
    /// Query about the host for the filter `json` (`query`): lists in JSON of an operator (`=`, `<`, `>`, `in`,
    /// `<=`, `>=`, `not`, `or`, `and`) and its terms, such as `["and", [">=", "$free_ram_mb", 1024], ["<",
    /// "$num_instances", 8]]`. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Address that the filter `simple-cidr-affinity` looks for hosts near (`build_near_host_ip`); default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_near_host_ip: Option<String>,
    /// Length of the prefix that near addresses share (`cidr`); default `/24`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidr: Option<String>,
}

/// Cold migrations and resizes, as `migrate` and `resize` of `operations` ask for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NovaResize {
    /// Bytes a second at which the disk of an instance is copied to another host; default none, which leaves
    /// disks on storage that all hosts share.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub bandwidth: Option<Quantity>,
    /// Time in which the guest system shuts down, at most 60 s in Nova itself (`shutdown_timeout`); default `0s`.
    pub shutdown: Duration,
    /// Whether a resize may leave an instance on its host (`allow_resize_to_same_host`); default `false`.
    pub same_host: bool,
    /// Time after which a move that no user answers is confirmed (`resize_confirm_window`); default `0s`, which
    /// never does.
    pub confirm_window: Duration,
}

impl NovaResize {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Nova {
    /// Refuses names of hosts that are not there; a pattern may name hosts that join later.
    ///
    /// # Errors
    /// An aggregate, the isolated hosts or the addresses name such; the message begins with the field.
    pub fn check_hosts(&self, hosts: &[Arc<Node>]) -> Result<(), String> {
        let named = self.aggregates.iter().map(|(name, own)| {
            let place = format!("aggregates.{name}.hosts");
            (place, own.hosts.iter().collect::<Vec<&String>>())
        });
        let isolated = (
            "isolatedHosts".to_owned(),
            self.isolated_hosts.iter().collect(),
        );
        let addressed = ("addresses".to_owned(), self.addresses.keys().collect());
        for (place, names) in named.chain([isolated, addressed]) {
            let is_pattern = |name: &str| name.contains('*') && place != "addresses";
            for name in names {
                if !is_pattern(name) && !hosts.iter().any(|own| *own.name == **name) {
                    let near = hint(name, hosts.iter().map(|own| &*own.name));
                    return Err(format!("{place}: no host is named `{name}`; {near}"));
                }
            }
        }
        Ok(())
    }
}

impl SystemSection for Nova {
    const SYSTEM: &'static str = "nova";
    const MEANING: &'static str = "Options of Nova, for `name: nova`.";

    fn check(&self, rules: &mut Rules<'_>) {
        super::rules::check(self, rules);
    }

    fn placement(&self) -> Option<&'static str> {
        Some("weighed-hosts")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_those_that_were_measured() {
        for (preset, boot_millis, rate) in [
            (NovaPreset::Ec2Linux, 96_900, 10_900_000),
            (NovaPreset::Ec2Windows, 810_200, 10_900_000),
            (NovaPreset::AzureWebRole, 374_800, 1_100_000),
            (NovaPreset::AzureWorkerRole, 406_200, 1_100_000),
            (NovaPreset::AzureVmRole, 356_600, 1_100_000),
            (NovaPreset::RackspaceLinux, 44_200, 22_500_000),
            (NovaPreset::RackspaceWindows, 429_200, 22_500_000),
            (NovaPreset::MicroVm, 125, 0),
        ] {
            assert_eq!(preset.boot(), Duration::from_millis(boot_millis));
            assert_eq!(preset.image_rate(), rate);
        }
        assert_eq!(NovaPreset::LightVm.boot(), Duration::from_nanos(2_300_000));
    }
}

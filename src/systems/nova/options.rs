//! Parts of a Nova; the defaults are the original's, where it has one (spec: orchestrators-a.md
//! section 6).

use std::net::IpAddr;

use model::Text;
use units::{Duration, SortedMap};

use super::aggregate::{Aggregate, Isolation};
use super::filter::{Filter, Limits};
use super::hints::StatedHints;
use super::host::{Amounts, Ratios};
use super::migration::MigrationOptions;
use super::service::ServiceOptions;
use super::weigher::{Multipliers, Weigher};

/// Rules of the filter scheduler.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Filters, in the order in which they are asked.
    pub filters: Vec<Filter>,
    /// Limits of the filters that count.
    pub limits: Limits,
    /// Factors of the weighers.
    pub multipliers: Multipliers,
    /// Weighers whose factor is another on the hosts of some aggregates.
    pub overridden: Vec<Weigher>,
    /// Number of the best hosts among which one is drawn (`host_subset_size`).
    pub host_subset_size: usize,
    /// Hosts with room that are looked at, in the order in which they joined
    /// (`max_placement_results`).
    pub most_candidates: usize,
    /// Hosts that a build is tried on (`max_attempts`).
    pub max_attempts: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            filters: Filter::DEFAULT.to_vec(),
            limits: Limits::default(),
            multipliers: Multipliers::default(),
            overridden: Vec::new(),
            host_subset_size: 1,
            most_candidates: 1_000,
            max_attempts: 3,
        }
    }
}

/// The machine that an instance boots in: its memory beside the pod's, and the steps of its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Speed of work inside the machine, in millionths of that of its host.
    pub speed_ppm: u32,
    /// Memory of the guest system, in MiB, that the flavor holds beside the pod's.
    pub guest_memory: i64,
    /// Size of the image that a host copies before the first instance of it.
    pub image_size: i64,
    /// Bytes a second at which a host copies images; zero copies at once.
    pub image_rate: i64,
    /// Whether one copy of an image serves all hosts.
    pub shares_images: bool,
    /// Time in which the hypervisor creates the machine.
    pub create: Duration,
    /// Time in which the guest system boots.
    pub boot: Duration,
    /// Probability that a build fails on its host, in millionths.
    pub failure_ppm: u32,
    /// Time from the claim of a host to the failure of a build there.
    pub fails_after: Duration,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            speed_ppm: 1_000_000,
            guest_memory: 0,
            image_size: 0,
            image_rate: 0,
            shares_images: false,
            create: Duration::ZERO,
            boot: Duration::ZERO,
            failure_ppm: 0,
            fails_after: Duration::ZERO,
        }
    }
}

impl Machine {
    /// The host that stands for those that have a copy of an image with this one.
    pub fn image_host(&self, host: usize) -> usize {
        if self.shares_images { 0 } else { host }
    }

    /// Time in which a host copies the image.
    pub fn copy_time(&self) -> Duration {
        if self.image_rate <= 0 {
            return Duration::ZERO;
        }
        let nanoseconds = i128::from(self.image_size) * 1_000_000_000 / i128::from(self.image_rate);
        Duration::from_nanos(i64::try_from(nanoseconds).unwrap_or(i64::MAX))
    }

    /// Time between the claim of a host and the start of the pod's processes.
    pub fn start_time(&self, has_image: bool) -> Duration {
        let copy = if has_image {
            Duration::ZERO
        } else {
            self.copy_time()
        };
        copy.saturating_add(self.create).saturating_add(self.boot)
    }
}

/// Schedulers that decide side by side, with the hosts as they were when each began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Schedulers {
    /// Number of the schedulers.
    pub number: usize,
    /// Time of a decision on a request.
    pub per_request: Duration,
    /// Time of a decision on each of its instances, in addition.
    pub per_instance: Duration,
}

/// Cold migrations and resizes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelocationOptions {
    /// Bytes a second at which disks are copied; zero: disks are on storage that all hosts share.
    pub bandwidth: i64,
    /// Time in which the guest system shuts down.
    pub shutdown: Duration,
    /// Whether a resize may leave an instance on its host (`allow_resize_to_same_host`).
    pub same_host: bool,
    /// Time after which a move without an answer is confirmed (`resize_confirm_window`); zero: never.
    pub confirm_window: Duration,
}

impl RelocationOptions {
    /// Time in which a disk of so many MiB is copied to another host.
    pub fn copy_time(&self, disk: i64) -> Duration {
        if self.bandwidth <= 0 {
            return Duration::ZERO;
        }
        let bytes = i128::from(disk.max(0)) << 20;
        let nanoseconds = bytes * 1_000_000_000 / i128::from(self.bandwidth);
        Duration::from_nanos(i64::try_from(nanoseconds).unwrap_or(i64::MAX))
    }
}

/// Options of the scheduler, the services and the machines.
#[derive(Clone, Debug)]
pub struct NovaOptions {
    /// Rules of the filter scheduler.
    pub rules: Rules,
    /// Members of a server group with anti-affinity that one host takes (`max_server_per_host`).
    pub most_per_host: i64,
    /// Host aggregates.
    pub aggregates: Vec<Aggregate>,
    /// Hosts and images that are set apart.
    pub isolation: Isolation,
    /// Hints of requests; the first that selects a pod holds for it.
    pub hints: Vec<StatedHints>,
    /// Addresses of hosts, by name.
    pub addresses: SortedMap<Text, IpAddr>,
    /// Schedulers whose decisions take time; `None` is one that decides at once.
    pub schedulers: Option<Schedulers>,
    /// Allocation ratios of all hosts.
    pub ratios: Ratios,
    /// Amounts that every host keeps for itself.
    pub reserved: Amounts,
    /// Reports of hosts.
    pub services: ServiceOptions,
    /// Time after which an operator evacuates a host that is down; `None` is never.
    pub evacuate_after: Option<Duration>,
    /// Whether instances that ran on a host boot again with it (`resume_guests_state_on_host_boot`).
    pub resumes_guests: bool,
    /// Live migration of instances off hosts that are disabled while they are up; `None` leaves them there.
    pub migration: Option<MigrationOptions>,
    /// Cold migrations and resizes.
    pub relocation: RelocationOptions,
    /// Time after which a client asks again for what no host could take; zero: it gives up.
    pub client_retry: Duration,
    /// The machine that instances boot in.
    pub machine: Machine,
}

impl Default for NovaOptions {
    fn default() -> Self {
        Self {
            rules: Rules::default(),
            most_per_host: 1,
            aggregates: Vec::new(),
            isolation: Isolation::default(),
            hints: Vec::new(),
            addresses: SortedMap::new(),
            schedulers: None,
            ratios: Ratios::default(),
            reserved: Amounts {
                memory: 512,
                ..Amounts::default()
            },
            services: ServiceOptions::default(),
            evacuate_after: None,
            resumes_guests: false,
            migration: None,
            relocation: RelocationOptions::default(),
            client_retry: Duration::from_secs(10),
            machine: Machine::default(),
        }
    }
}

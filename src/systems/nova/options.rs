//! Parts of a Nova; the defaults are the original's, where it has one (spec: orchestrators-a.md
//! section 6).

use std::fmt::Display;
use std::net::IpAddr;
use std::sync::Arc;

use ::options::Share;
use model::{Labels, Text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Duration, Quantity, SortedMap, SortedSet};

use super::aggregate::{self, Aggregate, Isolation};
use super::filter::{Filter, Limits};
use super::hints::StatedHints;
use super::host::{Amounts, Ratios};
use super::migration::MigrationOptions;
use super::network::{DEFAULT_PREFIX, Network, NetworkError};
use super::query::Query;
use super::section::{Nova, NovaAggregate, NovaImageStore, NovaMachine, NovaMigration, NovaResize};
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

/// Schedulers that decide side by side, each with the hosts as they were when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "NovaSchedulers")]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Schedulers {
    /// Number of schedulers (`[scheduler] workers`), 1 to 64; default 2.
    #[schemars(range(min = 1, max = 64))]
    pub number: u32,
    /// Time of a decision on a request; default `100ms`.
    #[schemars(extend("x-positive" = true))]
    pub per_request: Duration,
    /// Time of a decision on each of its instances, in addition; default `10ms`.
    pub per_instance: Duration,
}

impl Default for Schedulers {
    fn default() -> Self {
        Self {
            number: 2,
            per_request: Duration::from_millis(100),
            per_instance: Duration::from_millis(10),
        }
    }
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

impl NovaOptions {
    /// Parts of a cloud with these options.
    ///
    /// # Errors
    /// A value is none; the message begins with its field.
    pub fn new(written: &Nova) -> Result<Self, String> {
        let mut multipliers = Multipliers::NONE;
        let factors = &written.weighers;
        for (weigher, factor) in [
            (Weigher::Memory, factors.ram),
            (Weigher::Cpu, factors.cpu),
            (Weigher::Disk, factors.disk),
            (Weigher::IoOperations, factors.io_ops),
            (Weigher::SoftAffinity, factors.soft_affinity),
            (Weigher::SoftAntiAffinity, factors.soft_anti_affinity),
            (Weigher::BuildFailure, factors.build_failure),
            (Weigher::Instances, factors.num_instances),
        ] {
            multipliers.set(weigher, factor);
        }
        let aggregates: Vec<Aggregate> = written.aggregates.values().map(aggregate_of).collect();
        let reserved = &written.reserved;
        Ok(Self {
            rules: Rules {
                filters: written.filters.clone(),
                limits: Limits {
                    most_io_operations: i64::from(written.max_io_ops),
                    most_instances: i64::from(written.max_instances),
                    restricts_isolated_hosts: written.restrict_isolated_hosts,
                },
                multipliers,
                overridden: aggregate::overridden(&aggregates),
                host_subset_size: written.host_subset_size as usize,
                most_candidates: written.max_placement_results as usize,
                max_attempts: written.max_attempts as usize,
            },
            most_per_host: i64::from(written.max_server_per_host),
            aggregates,
            isolation: Isolation {
                hosts: texts(&written.isolated_hosts),
                images: texts(&written.isolated_images),
            },
            hints: hints(written)?,
            addresses: addresses(written)?,
            schedulers: written.schedulers,
            ratios: written.ratios,
            reserved: Amounts {
                vcpus: i64::from(reserved.cpu),
                memory: mebibytes("reserved.memory", reserved.memory)?,
                disk: mebibytes("reserved.disk", reserved.disk)?,
            },
            services: ServiceOptions {
                report_interval: written.report_interval,
                down_time: written.service_down_time,
            },
            evacuate_after: written.evacuate_after,
            resumes_guests: written.resume_guests,
            migration: written.live_migration.as_ref().map(migration).transpose()?,
            relocation: relocation(&written.resize)?,
            client_retry: written.client_retry,
            machine: machine(&written.machine)?,
        })
    }
}

/// The machines of the cloud.
fn machine(machine: &NovaMachine) -> Result<Machine, String> {
    Ok(Machine {
        speed_ppm: match machine.speed {
            Some(share) if share.as_f64() <= 0.0 => return Err(SPEEDS.to_owned()),
            Some(share) => ppm(share, SPEEDS)?,
            None => 1_000_000,
        },
        guest_memory: match machine.guest_memory {
            Some(memory) => mebibytes("machine.guestMemory", memory)?,
            None => machine.preset.guest_memory(),
        },
        image_size: bytes("machine.imageSize", machine.image_size)?,
        image_rate: match machine.image_rate {
            Some(rate) => bytes("machine.imageRate", rate)?,
            None => machine.preset.image_rate(),
        },
        shares_images: machine.image_store == NovaImageStore::Shared,
        create: machine.create,
        boot: machine.boot.unwrap_or(machine.preset.boot()),
        failure_ppm: match machine.build_failure {
            Some(share) => ppm(share, "machine.buildFailure: expected 0% to 100%")?,
            None => 0,
        },
        fails_after: machine.fails_after.unwrap_or(FAILS_AFTER),
    })
}

/// The hints that clients state.
fn hints(written: &Nova) -> Result<Vec<StatedHints>, String> {
    let wrong =
        |number: usize, field: &str, why: &dyn Display| format!("hints[{number}].{field}: {why}");
    let hints = written.hints.iter().enumerate().map(|(number, own)| {
        let query = own.query.as_deref().map(Query::parse).transpose();
        let query = query.map_err(|why| wrong(number, "query", &why))?;
        let near = own.build_near_host_ip.as_deref().map(|address| {
            let prefix = own.cidr.as_deref().unwrap_or(DEFAULT_PREFIX);
            Network::around(address, prefix).map_err(|why| match why {
                NetworkError::Address(_) => wrong(number, "buildNearHostIp", &why),
                NetworkError::Prefix(..) => wrong(number, "cidr", &why),
            })
        });
        Ok(StatedHints {
            namespace: own.namespace.as_deref().map(Into::into),
            labels: Labels::from(&own.labels),
            query: query.map(Arc::new),
            near: near.transpose()?,
        })
    });
    hints.collect()
}

/// The addresses of hosts.
fn addresses(written: &Nova) -> Result<SortedMap<Text, IpAddr>, String> {
    let addresses = written.addresses.iter().map(|(name, text)| {
        let address = text.parse().map_err(|_| {
            format!("addresses.{name}: `{text}` is no IP address; expected one such as `10.0.0.1`")
        })?;
        Ok((name.as_str().into(), address))
    });
    addresses.collect()
}

fn texts(written: &[String]) -> SortedSet<Text> {
    written.iter().map(|own| own.as_str().into()).collect()
}

fn aggregate_of(written: &NovaAggregate) -> Aggregate {
    let metadata = written.metadata.iter();
    let metadata = metadata.map(|(key, value)| (key.as_str().into(), value.as_str().into()));
    Aggregate {
        hosts: texts(&written.hosts),
        metadata: metadata.collect(),
    }
}

fn migration(written: &NovaMigration) -> Result<MigrationOptions, String> {
    Ok(MigrationOptions {
        bandwidth: bytes("liveMigration.bandwidth", written.bandwidth)?,
        dirty_rate: bytes("liveMigration.dirtyRate", written.dirty_rate)?,
        downtime: written.downtime,
        timeout: written.timeout,
        at_timeout: written.at_timeout,
        parallel: written.parallel as usize,
    })
}

fn relocation(written: &NovaResize) -> Result<RelocationOptions, String> {
    let bandwidth = written.bandwidth;
    Ok(RelocationOptions {
        bandwidth: bandwidth.map_or(Ok(0), |own| bytes("resize.bandwidth", own))?,
        shutdown: written.shutdown,
        same_host: written.same_host,
        confirm_window: written.confirm_window,
    })
}

/// Time after which a build fails, where nothing is stated.
const FAILS_AFTER: Duration = Duration::from_secs(10);

const SPEEDS: &str = "machine.speed: expected more than 0% and at most 100%";

/// Millionths of a share that is one of a whole.
fn ppm(written: Share, wrong: &str) -> Result<u32, String> {
    let share = written.as_f64();
    if share > 1.0 {
        return Err(wrong.to_owned());
    }
    Ok((share * 1e6).round_ties_even() as u32)
}

fn bytes(field: &str, amount: Quantity) -> Result<i64, String> {
    let wrong = |why: &dyn Display| format!("{field}: {why}");
    let bytes = amount.units_ceil().map_err(|why| wrong(&why))?;
    if bytes < 0 {
        return Err(wrong(&format!(
            "{amount} is less than nothing; expected 0 or more"
        )));
    }
    Ok(bytes)
}

fn mebibytes(field: &str, amount: Quantity) -> Result<i64, String> {
    const MIB: i64 = 1 << 20;
    let bytes = bytes(field, amount)?;
    Ok(bytes / MIB + i64::from(bytes % MIB != 0))
}

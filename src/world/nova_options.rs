//! Options of Nova, from the experiment file to what its scheduler and agents are made from.

use std::net::IpAddr;
use std::sync::Arc;

use ::units::nearest::hint;
use ::units::{Duration, Instant, Quantity, SortedMap, SortedSet};
use autoscale::cluster_autoscaler::GroupOptions;
use control::operation::Operation;
use control::provider::MachineHosts;
use metrics::HypervisorRoom;
use model::{Node, Text};
use scenario::schema::{
    Nova, NovaAggregate, NovaAtTimeout, NovaFilter, NovaGroupPolicy, NovaImageStore, NovaMachine,
    NovaMigration, NovaProvider, NovaResize,
};
use scenario::{Scenario, Share};
use systems::nova::NovaOptions;
use systems::nova::aggregate::{self, Aggregate, Isolation};
use systems::nova::filter::{Filter, Limits};
use systems::nova::flavor::{self, GroupPolicy};
use systems::nova::hints::StatedHints;
use systems::nova::host::{Amounts, Ratios};
use systems::nova::machines::Hypervisors;
use systems::nova::migration::{AtTimeout, MigrationOptions};
use systems::nova::network::{DEFAULT_PREFIX, Network, NetworkError};
use systems::nova::options::{Machine, RelocationOptions, Rules, Schedulers};
use systems::nova::query::Query;
use systems::nova::service::ServiceOptions;
use systems::nova::weigher::{Multipliers, Weigher};

use super::BuildError;
use super::nodes::of_template;

/// The options of an experiment's `system.nova`.
pub(super) fn nova_options(written: &Nova) -> Result<NovaOptions, BuildError> {
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
    let (reserved, ratios) = (&written.reserved, &written.ratios);
    Ok(NovaOptions {
        rules: Rules {
            filters: written.filters.iter().copied().map(filter).collect(),
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
        schedulers: written.schedulers.map(|own| Schedulers {
            number: own.number as usize,
            per_request: own.per_request,
            per_instance: own.per_instance,
        }),
        ratios: Ratios {
            cpu: ratios.cpu,
            memory: ratios.memory,
            disk: ratios.disk,
        },
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

/// The machines of the cloud.
fn machine(machine: &NovaMachine) -> Result<Machine, BuildError> {
    Ok(Machine {
        speed_ppm: machine.speed.map_or(Ok(1_000_000), speed_ppm)?,
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
        failure_ppm: machine.build_failure.map_or(Ok(0), failure_ppm)?,
        fails_after: machine.fails_after.unwrap_or(FAILS_AFTER),
    })
}

/// The hints that clients state.
fn hints(written: &Nova) -> Result<Vec<StatedHints>, BuildError> {
    let wrong = |number: usize, field: &str, why: &dyn std::fmt::Display| {
        BuildError::Experiment(format!("system.nova.hints[{number}].{field}: {why}"))
    };
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
        let labels = own.labels.iter();
        let labels = labels.map(|(key, value)| (key.as_str().into(), value.as_str().into()));
        Ok(StatedHints {
            namespace: own.namespace.as_deref().map(Into::into),
            labels: labels.collect(),
            query: query.map(Arc::new),
            near: near.transpose()?,
        })
    });
    hints.collect()
}

/// The addresses of hosts.
fn addresses(written: &Nova) -> Result<SortedMap<Text, IpAddr>, BuildError> {
    let addresses = written.addresses.iter().map(|(name, text)| {
        let address = text.parse().map_err(|_| {
            BuildError::Experiment(format!(
                "system.nova.addresses.{name}: `{text}` is no IP address; expected one such as `10.0.0.1`"
            ))
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

/// Refuses options of a scenario's Nova that name hosts which are not there, and which no operation lets join.
///
/// # Errors
/// An aggregate, the isolated hosts or the addresses name such.
pub(super) fn check_nova_hosts(
    scenario: &Scenario,
    nodes: &[Arc<Node>],
    operations: &[(Instant, Operation)],
) -> Result<(), BuildError> {
    let Some(written) = &scenario.system.nova else {
        return Ok(());
    };
    let joining = operations.iter().filter_map(|(_, own)| match own {
        Operation::ApplyNode(node) => Some(node),
        _ => None,
    });
    let hosts: Vec<Arc<Node>> = nodes.iter().chain(joining).cloned().collect();
    check_hosts("system.nova", written, &hosts)
}

/// Refuses options that name hosts which are not there; a pattern may name hosts that join later.
fn check_hosts(field: &str, written: &Nova, hosts: &[Arc<Node>]) -> Result<(), BuildError> {
    let named = written.aggregates.iter().map(|(name, own)| {
        let place = format!("aggregates.{name}.hosts");
        (place, own.hosts.iter().collect::<Vec<&String>>())
    });
    let isolated = written.isolated_hosts.iter().collect();
    let addressed = written.addresses.keys().collect();
    let others = [("isolatedHosts", isolated), ("addresses", addressed)];
    let others = others.map(|(place, names)| (place.to_owned(), names));
    for (place, names) in named.chain(others) {
        let is_pattern = |name: &str| name.contains('*') && place != "addresses";
        for name in names {
            if !is_pattern(name) && !hosts.iter().any(|own| *own.name == **name) {
                let near = hint(name, hosts.iter().map(|own| &*own.name));
                return Err(BuildError::Experiment(format!(
                    "{field}.{place}: no host is named `{name}`; {near}"
                )));
            }
        }
    }
    Ok(())
}

/// The field that states hypervisors below a provider.
const FIELD: &str = "cluster.provider.nova";

fn hosts(written: &NovaProvider) -> Result<Vec<Arc<Node>>, BuildError> {
    let mut hosts = Vec::new();
    let mut names = SortedSet::new();
    for own in &written.hosts {
        for index in 0..u64::from(own.count) {
            let mut host = of_template(&own.template, index);
            host.name = own.name.render(index).as_str().into();
            if !names.insert(host.name.clone()) {
                let name = &host.name;
                return Err(BuildError::Experiment(format!(
                    "{FIELD}.hosts: two hypervisors are named `{name}`; put `{{}}` into the name, or \
                     choose another"
                )));
            }
            hosts.push(Arc::new(host));
        }
    }
    Ok(hosts)
}

/// Room of the hypervisors below a scenario's cluster, where its nodes are machines on such.
///
/// # Errors
/// Two hypervisors have one name, or an amount is out of range.
pub fn hypervisor_room(scenario: &Scenario) -> Result<Option<HypervisorRoom>, BuildError> {
    let provider = scenario.cluster.provider.as_ref();
    let Some(written) = provider.and_then(|own| own.nova.as_ref()) else {
        return Ok(None);
    };
    let options = nova_options(&written.options)?;
    let mut room = HypervisorRoom {
        guest_memory: options.machine.guest_memory,
        ..HypervisorRoom::default()
    };
    for node in hosts(written)? {
        let given = flavor::host(&node, &options).capacity();
        room.hosts += 1;
        room.vcpus = room.vcpus.saturating_add(given.vcpus);
        room.memory = room.memory.saturating_add(given.memory);
    }
    Ok(Some(room))
}

/// The hypervisors below the provider, and the machines that are on them from the start.
pub(super) fn hypervisors(
    written: &NovaProvider,
    groups: &[GroupOptions],
    initial: &mut [Arc<Node>],
    seed: u64,
) -> Result<Box<dyn MachineHosts>, BuildError> {
    let field = FIELD;
    let hosts = hosts(written)?;
    check_hosts("cluster.provider.nova.options", &written.options, &hosts)?;
    let mut policies = SortedMap::new();
    for (name, policy) in &written.server_groups {
        if !groups.iter().any(|own| *own.name == **name) {
            let near = hint(name, groups.iter().map(|own| &*own.name));
            return Err(BuildError::Experiment(format!(
                "{field}.serverGroups.{name}: no group of `cluster.provider.groups` has this name; {near}"
            )));
        }
        let policy = match policy {
            NovaGroupPolicy::Affinity => GroupPolicy::Affinity,
            NovaGroupPolicy::AntiAffinity => GroupPolicy::AntiAffinity {
                most_per_host: i64::from(written.options.max_server_per_host),
            },
            NovaGroupPolicy::SoftAffinity => GroupPolicy::SoftAffinity,
            NovaGroupPolicy::SoftAntiAffinity => GroupPolicy::SoftAntiAffinity,
        };
        policies.insert(name.as_str().into(), policy);
    }
    let options = nova_options(&written.options)?;
    let mut hypervisors = Hypervisors::new(options, &hosts, policies, seed);
    for node in initial {
        let placed = hypervisors.found(node).map_err(|why| {
            let name = &node.name;
            BuildError::Experiment(format!(
                "{field}.hosts: the machine of node `{name}`, which is there from the start, finds no \
                 host: {why}; add hypervisors, or lower `initial` of its group"
            ))
        })?;
        let (key, value) = placed.label;
        Arc::make_mut(node).labels.insert(key, value);
    }
    Ok(Box::new(hypervisors))
}

const fn filter(written: NovaFilter) -> Filter {
    match written {
        NovaFilter::Compute => Filter::Compute,
        NovaFilter::Capabilities => Filter::Capabilities,
        NovaFilter::AntiAffinity => Filter::AntiAffinity,
        NovaFilter::Affinity => Filter::Affinity,
        NovaFilter::SameHost => Filter::SameHost,
        NovaFilter::DifferentHost => Filter::DifferentHost,
        NovaFilter::Json => Filter::Query,
        NovaFilter::SimpleCidrAffinity => Filter::Near,
        NovaFilter::AggregateInstanceExtraSpecs => Filter::AggregateExtraSpecs,
        NovaFilter::IsolatedHosts => Filter::IsolatedHosts,
        NovaFilter::IoOps => Filter::IoOperations,
        NovaFilter::NumInstances => Filter::Instances,
    }
}

fn migration(written: &NovaMigration) -> Result<MigrationOptions, BuildError> {
    Ok(MigrationOptions {
        bandwidth: bytes("liveMigration.bandwidth", written.bandwidth)?,
        dirty_rate: bytes("liveMigration.dirtyRate", written.dirty_rate)?,
        downtime: written.downtime,
        timeout: written.timeout,
        at_timeout: match written.at_timeout {
            NovaAtTimeout::Abort => AtTimeout::Abort,
            NovaAtTimeout::ForceComplete => AtTimeout::ForceComplete,
        },
        parallel: written.parallel as usize,
    })
}

fn relocation(written: &NovaResize) -> Result<RelocationOptions, BuildError> {
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

fn failure_ppm(written: Share) -> Result<u32, BuildError> {
    let share = written.as_f64();
    if (0.0..=1.0).contains(&share) {
        return Ok(libm::rint(share * 1e6) as u32);
    }
    Err(BuildError::Experiment(
        "system.nova.machine.buildFailure: expected 0% to 100%".to_owned(),
    ))
}

fn speed_ppm(written: Share) -> Result<u32, BuildError> {
    let speed = written.as_f64();
    if speed > 0.0 && speed <= 1.0 {
        return Ok(libm::rint(speed * 1e6) as u32);
    }
    Err(BuildError::Experiment(
        "system.nova.machine.speed: expected more than 0% and at most 100%".to_owned(),
    ))
}

fn bytes(field: &str, amount: Quantity) -> Result<i64, BuildError> {
    let wrong =
        |why: &dyn std::fmt::Display| BuildError::Experiment(format!("system.nova.{field}: {why}"));
    let bytes = amount.units_ceil().map_err(|why| wrong(&why))?;
    if bytes < 0 {
        return Err(wrong(&format!(
            "{amount} is less than nothing; expected 0 or more"
        )));
    }
    Ok(bytes)
}

fn mebibytes(field: &str, amount: Quantity) -> Result<i64, BuildError> {
    const MIB: i64 = 1 << 20;
    let bytes = bytes(field, amount)?;
    Ok(bytes / MIB + i64::from(bytes % MIB != 0))
}

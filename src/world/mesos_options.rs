//! Options of Mesos, from the experiment file to what its master is made from.

use std::fmt::Display;
use std::sync::Arc;

use model::{Node, Text};
use scenario::Share;
use scenario::schema::{
    self, GpuSchedulingBehavior, KillSelection as WrittenSelection, MesosAgentOrder, MesosAmount,
    MesosDeal, MesosFramework, MesosSorter, MesosStrategy,
};
use systems::mesos::batch::DelayOptions;
use systems::mesos::chronos::calendar::DateTime;
use systems::mesos::chronos::graph::JobGraph;
use systems::mesos::chronos::job::JobOptions;
use systems::mesos::chronos::schedule::Schedule;
use systems::mesos::drf_tasks::Blocked;
use systems::mesos::fast::Walk;
use systems::mesos::fast::tree::Order;
use systems::mesos::marathon::constraint::Constraint;
use systems::mesos::marathon::gpu::GpuScheduling;
use systems::mesos::marathon::scale_down::KillSelection;
use systems::mesos::marathon::unreachable::UnreachableStrategy;
use systems::mesos::observer::{ObserverOptions, removal_limit};
use systems::mesos::options::{
    Allocation, Amount, BatchFramework, ChronosFramework, ChronosJob, Deal, FrameworkKind,
    FrameworkOptions, MarathonFramework, MesosOptions, Oversubscription, Reservation, RoleQuota,
    Strategy,
};
use systems::mesos::roles::{check_quotas, check_weight, is_at_or_above};
use systems::parts::delay::Growth;
use systems::parts::quorum::check_odd;
use units::{Quantity, SortedMap, SortedSet};

use super::BuildError;
use super::start_date::second_of;

/// The place of the roles in an experiment.
pub(super) const ROLES: &str = "system.mesos.roles";

/// The tenants that are weighed task by task, with their weights: those of the roles of a framework of their name,
/// and of roles of their name.
pub(super) fn listed_tenants(written: &schema::Mesos) -> Vec<(Text, f64)> {
    if written.strategy == MesosStrategy::Offers || written.roles.is_empty() {
        return Vec::new();
    }
    let own = written.frameworks.iter().filter_map(|framework| {
        let role = written.roles.get(framework.roles.first()?)?;
        Some((Text::from(&*framework.name), role.weight))
    });
    let mut all: Vec<(Text, f64)> = own.collect();
    for (name, role) in &written.roles {
        if !all.iter().any(|(known, _)| **known == **name) {
            all.push((Text::from(&**name), role.weight));
        }
    }
    all
}

/// The options of a Mesos cluster.
pub(super) fn mesos_options(written: Option<&schema::Mesos>) -> Result<MesosOptions, BuildError> {
    let Some(written) = written else {
        return Ok(MesosOptions::default());
    };
    let zero = zero(written)?;
    let mut frameworks = Vec::new();
    for (number, own) in written.frameworks.iter().enumerate() {
        frameworks.extend(framework(number, own, zero)?);
    }
    let names: SortedSet<&Text> = frameworks.iter().map(|own| &own.name).collect();
    if names.len() < frameworks.len() {
        return Err(wrong(
            "frameworks",
            &"two have the same name; write `{}` into the name of several",
        ));
    }
    let limit = removal_limit(&written.agent_removal_rate_limit);
    let observer = ObserverOptions {
        ping_period: written.agent_ping_timeout,
        max_missed: written.max_agent_ping_timeouts,
        removal_limit: limit
            .map_err(|why| BuildError::Experiment(format!("system.mesos.{why}")))?,
    };
    check_odd("masters", written.masters as usize).map_err(|why| wrong("masters", &why))?;
    let options = MesosOptions {
        strategy: match written.strategy {
            MesosStrategy::Offers => Strategy::Offers,
            MesosStrategy::DrfTasks => Strategy::DrfTasks(Blocked::Skip),
            MesosStrategy::DrfTasksStop => Strategy::DrfTasks(Blocked::Stop),
        },
        tenant_weights: { listed_tenants(written).into_iter() }
            .map(|(_, weight)| weight)
            .collect(),
        allocation: allocation(written)?,
        observer,
        registration_backoff: written.registration_backoff,
        masters: written.masters as usize,
        deal: match written.deal {
            MesosDeal::Tenant => Deal::Tenant,
            MesosDeal::Job => Deal::Job,
        },
        reservations: reservations(written, &frameworks)?,
        oversubscription: oversubscription(written, &frameworks)?,
        frameworks,
        seed: 0,
        place: None,
    };
    Ok(options)
}

fn wrong(field: &str, why: &dyn Display) -> BuildError {
    BuildError::Experiment(format!("system.mesos.{field}: {why}"))
}

fn zero(written: &schema::Mesos) -> Result<i64, BuildError> {
    let Some(date) = &written.start_date else {
        return Ok(0);
    };
    second_of(date).map_err(|why| wrong("startDate", &why))
}

fn allocation(written: &schema::Mesos) -> Result<Allocation, BuildError> {
    let (mut weights, mut quotas) = (SortedMap::new(), SortedMap::new());
    for (name, role) in &written.roles {
        let field = format!("roles.{name}");
        let checked = check_weight(name, role.weight);
        checked.map_err(|why| wrong(&format!("{field}.weight"), &why))?;
        weights.insert(Text::from(name.as_str()), role.weight);
        let quota = RoleQuota {
            guarantee: amount(&role.guarantee, &format!("{field}.guarantee"))?,
            limit: amount(&role.limit, &format!("{field}.limit"))?,
        };
        if quota != RoleQuota::default() {
            if name.contains('/') {
                let why = "only top-level roles have quotas; remove `guarantee` and `limit`";
                return Err(wrong(&field, &why));
            }
            quotas.insert(Text::from(name.as_str()), quota);
        }
    }
    let least = amount(&written.min_allocatable, "minAllocatable")?;
    let excluded = written.fair_sharing_excluded.iter();
    Ok(Allocation {
        interval: written.allocation_interval,
        order: match written.sorter {
            MesosSorter::Drf => Order::DominantResource,
            MesosSorter::Random => Order::Random,
            MesosSorter::Fifo => Order::FirstCome,
        },
        walk: match written.agent_order {
            MesosAgentOrder::Shuffled => Walk::Shuffled,
            MesosAgentOrder::InOrder => Walk::ById,
        },
        min_allocatable: (
            least.cpu_milli.unwrap_or(i64::MAX),
            least.memory_bytes.unwrap_or(i64::MAX),
        ),
        filter_gpu_resources: written.filter_gpu_resources,
        excluded: excluded.map(|name| name.as_str().into()).collect(),
        offer_timeout: written.offer_timeout,
        weights,
        quotas,
    })
}

fn amount(written: &MesosAmount, field: &str) -> Result<Amount, BuildError> {
    let whole = |stated: Option<Quantity>, name: &str, milli: bool| {
        let Some(stated) = stated else {
            return Ok(None);
        };
        let rounded = if milli {
            stated.milli_ceil()
        } else {
            stated.units_ceil()
        };
        match rounded {
            Ok(amount) if amount >= 0 => Ok(Some(amount)),
            _ => Err(wrong(&format!("{field}.{name}"), &"expected 0 or more")),
        }
    };
    Ok(Amount {
        cpu_milli: whole(written.cpu, "cpu", true)?,
        memory_bytes: whole(written.memory, "memory", false)?,
        gpus: written.gpus,
    })
}

fn reservations(
    written: &schema::Mesos,
    frameworks: &[FrameworkOptions],
) -> Result<Vec<Reservation>, BuildError> {
    let mut all = Vec::new();
    for (number, own) in written.reservations.iter().enumerate() {
        let field = format!("reservations[{number}]");
        let mut roles: SortedSet<&str> = frameworks
            .iter()
            .flat_map(|framework| framework.roles.iter().map(|role| &**role))
            .collect();
        roles.extend(written.roles.keys().map(String::as_str));
        if !roles.iter().any(|role| is_at_or_above(&own.role, role)) {
            let known: Vec<String> = roles.iter().map(|role| format!("`{role}`")).collect();
            let why = format!(
                "no framework has the role `{}`; known are {}",
                own.role,
                known.join(", ")
            );
            return Err(wrong(&format!("{field}.role"), &why));
        }
        let stated = own.amount.unwrap_or_default();
        let labels = own.labels.iter();
        all.push(Reservation {
            role: own.role.as_str().into(),
            labels: labels
                .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
                .collect(),
            amount: amount(&stated, &format!("{field}.amount"))?,
            is_all: own.amount.is_none(),
        });
    }
    Ok(all)
}

/// Oversubscription: resources that agents offer a second time, and the roles that they offer them
/// to.
fn oversubscription(
    written: &schema::Mesos,
    frameworks: &[FrameworkOptions],
) -> Result<Option<Oversubscription>, BuildError> {
    for (number, own) in written.frameworks.iter().enumerate() {
        let field = format!("frameworks[{number}].revocable");
        if own.revocable && own.batch.is_none() {
            let why = "only batch frameworks accept revocable resources; remove it";
            return Err(wrong(&field, &why));
        }
        if own.revocable && written.oversubscription.is_none() {
            let why = "no agent offers revocable resources; write `oversubscription: {}` under \
                       `system.mesos`, or remove it";
            return Err(wrong(&field, &why));
        }
    }
    let Some(own) = &written.oversubscription else {
        return Ok(None);
    };
    if !frameworks.iter().any(|own| own.revocable_resources) {
        let why = "no framework accepts revocable resources; write `revocable: true` at a batch \
                   framework";
        return Err(wrong("oversubscription", &why));
    }
    let fixed = own.fixed.as_ref();
    let fixed = fixed.map(|fixed| amount(fixed, "oversubscription.fixed"));
    Ok(Some(Oversubscription {
        interval: own.interval,
        fixed: fixed.transpose()?,
        slack_share: own.slack.as_f64(),
        correct_above: own.correct_above.map(Share::as_f64),
        correction_interval: own.correction_interval,
    }))
}

/// A framework as often as it is there.
fn framework(
    number: usize,
    written: &MesosFramework,
    zero: i64,
) -> Result<Vec<FrameworkOptions>, BuildError> {
    let field = format!("frameworks[{number}]");
    if written.name.is_empty() {
        return Err(wrong(&format!("{field}.name"), &"a framework needs a name"));
    }
    let kind = match (&written.marathon, &written.chronos, &written.batch) {
        (Some(own), None, None) => FrameworkKind::Marathon(Box::new(marathon(own, &field)?)),
        (None, Some(own), None) => FrameworkKind::Chronos(chronos(own, &field, zero)?),
        (None, None, Some(own)) => FrameworkKind::Batch(BatchFramework {
            data_replicas: own.data_replicas,
            delay: DelayOptions {
                agent_wait: own.agent_wait,
                rack_wait: own.rack_wait,
            },
            ..BatchFramework::default()
        }),
        _ => {
            let why = "expected one of `marathon`, `chronos` and `batch`, such as `batch: {}`";
            return Err(wrong(&field, &why));
        }
    };
    let many = (0..written.count).map(|number| {
        let numbered = |text: &String| -> Text { text.replace("{}", &number.to_string()).into() };
        let plain = FrameworkOptions::new(&numbered(&written.name), kind.clone());
        FrameworkOptions {
            roles: written.roles.iter().map(numbered).collect(),
            namespaces: (written.namespaces.iter())
                .map(|name| name.as_str().into())
                .collect(),
            refusal: written.refuse.unwrap_or(plain.refusal),
            revive_interval: written.revive_interval.unwrap_or(plain.revive_interval),
            offer_delay: written.offer_delay,
            failover_timeout: written.failover_timeout.unwrap_or(plain.failover_timeout),
            suppresses: written.suppress,
            revocable_resources: written.revocable,
            gpu_resources: written.gpu_resources.unwrap_or(plain.gpu_resources),
            is_partition_aware: written.partition_aware.unwrap_or(plain.is_partition_aware),
            ..plain
        }
    });
    Ok(many.collect())
}

fn marathon(written: &schema::Marathon, field: &str) -> Result<MarathonFramework, BuildError> {
    let mut constraints = SortedMap::new();
    for (app, rules) in &written.constraints {
        let mut all = Vec::new();
        for (number, rule) in rules.iter().enumerate() {
            let place = format!("{field}.marathon.constraints.{app}[{number}]");
            let (name, operator, value) = match rule.as_slice() {
                [name, operator] => (name, operator, ""),
                [name, operator, value] => (name, operator, value.as_str()),
                _ => {
                    let why = "expected `[FIELD, OPERATOR]` or `[FIELD, OPERATOR, VALUE]`";
                    return Err(wrong(&place, &why));
                }
            };
            let parsed = Constraint::parse(operator, value).map_err(|why| wrong(&place, &why))?;
            all.push((Text::from(name.as_str()), parsed));
        }
        constraints.insert(Text::from(app.as_str()), all);
    }
    let unreachable = UnreachableStrategy {
        inactive_after: written.inactive_after,
        expunge_after: written.expunge_after,
    };
    let checked = unreachable.check();
    checked.map_err(|why| wrong(&format!("{field}.marathon.inactiveAfter"), &why))?;
    let capacities = (
        written.minimum_health_capacity,
        written.maximum_over_capacity,
    );
    Ok(MarathonFramework {
        has_even_groups: written.release == schema::MarathonRelease::Head,
        constraints,
        kept_label: None,
        backoff: Growth {
            first: written.backoff,
            factor: written.backoff_factor,
            most: written.max_launch_delay,
        },
        gpu_scheduling: match written.gpu_scheduling_behavior {
            GpuSchedulingBehavior::Restricted => GpuScheduling::Restricted,
            GpuSchedulingBehavior::Unrestricted => GpuScheduling::Unrestricted,
        },
        unreachable,
        forces: written.force,
        kill_selection: match written.kill_selection {
            WrittenSelection::YoungestFirst => KillSelection::YoungestFirst,
            WrittenSelection::OldestFirst => KillSelection::OldestFirst,
        },
        instances_per_offer: written.instances_per_offer,
        launch_tokens: (written.launch_tokens > 0).then_some(written.launch_tokens),
        token_refresh: written.launch_token_refresh,
        upgrade: match capacities {
            (None, None) => None,
            (health, over) => Some((health.unwrap_or(1.0), over.unwrap_or(1.0))),
        },
    })
}

fn chronos(
    written: &schema::Chronos,
    field: &str,
    zero: i64,
) -> Result<ChronosFramework, BuildError> {
    let mut jobs = SortedMap::new();
    for (name, job) in &written.jobs {
        let place = format!("{field}.chronos.jobs.{name}");
        if let Some(text) = &job.schedule {
            if !job.parents.is_empty() {
                let why = "a job has a schedule or parents, not both";
                return Err(wrong(&place, &why));
            }
            let parsed = Schedule::parse(text, DateTime(zero));
            let schedule = parsed.map_err(|why| wrong(&format!("{place}.schedule"), &why))?;
            if let Some(ends) = schedule.ends().filter(|ends| ends.0 < zero) {
                let why = format!(
                    "`{text}` ends in the past: its last run is due at {ends}, before the run \
                     begins at {}; see `startDate`",
                    DateTime(zero)
                );
                return Err(wrong(&format!("{place}.schedule"), &why));
            }
        }
        let parents = job.parents.iter();
        jobs.insert(
            Text::from(name.as_str()),
            ChronosJob {
                schedule: job.schedule.as_deref().map(Text::from),
                parents: parents.map(|parent| parent.as_str().into()).collect(),
                soft_error: job.soft_error,
                options: JobOptions {
                    epsilon: job.epsilon.map(|longest| longest.seconds),
                    is_concurrent: job.concurrent,
                    retries: job.retries,
                    disable_after_failures: job.disable_after_failures,
                    ..JobOptions::default()
                },
            },
        );
    }
    let parents = jobs
        .iter()
        .map(|(name, job)| (name.clone(), job.parents.clone()));
    JobGraph::new(parents, []).map_err(|why| wrong(&format!("{field}.chronos.jobs"), &why))?;
    Ok(ChronosFramework {
        jobs,
        zero_unix_secs: zero,
        ..ChronosFramework::default()
    })
}

/// Refuses what can't be on these nodes: quotas above the cluster, and constraints over fields that no
/// agent has.
pub(super) fn check_on_nodes(
    options: &MesosOptions,
    nodes: &[Arc<Node>],
) -> Result<(), BuildError> {
    let mut fields: SortedSet<Text> = ["@region", "@zone"].map(Text::from).into();
    let mut sum = (0_i64, 0_i64, 0_i64);
    for node in nodes {
        fields.extend(node.labels.keys().cloned());
        let of = |name: &str| node.allocatable.get(name);
        sum.0 = sum.0.saturating_add(of("cpu").milli_floor().unwrap_or(0));
        sum.1 = sum.1.saturating_add(of("memory").units_ceil().unwrap_or(0));
        sum.2 += node.gpu.as_ref().map_or(0, |gpu| i64::from(gpu.devices));
    }
    let total = Amount {
        cpu_milli: Some(sum.0),
        memory_bytes: Some(sum.1),
        gpus: Some(sum.2),
    };
    let checked = check_quotas(&options.allocation.quotas, &total);
    checked.map_err(|why| wrong(&format!("roles.{}", why.role()), &why))?;
    for own in &options.frameworks {
        let FrameworkKind::Marathon(marathon) = &own.kind else {
            continue;
        };
        for (app, rules) in &marathon.constraints {
            for (field, rule) in rules {
                let checked = rule.check_field(field, &fields);
                let place = format!("frameworks: constraints of `{app}`");
                checked.map_err(|why| wrong(&place, &why))?;
            }
        }
    }
    Ok(())
}

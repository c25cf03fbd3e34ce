//! Clients of a scenario's services, ready to run.

use std::sync::Arc;

use arrivals::request_rates::{Gap, Reading, read_alibaba_qps, read_azure_functions, read_series};
use control::operation::Operation;
use control::services::{FunctionLimits, route};
use model::service::{Balancing, Publish};
use model::traffic::LatencyObjective;
use model::{Object, Text};
use scenario::Scenario;
use scenario::Share;
use scenario::schema::{self, MeasuredWindow, RateFormat, TrafficForm};
use sim::traffic::rate::{Diurnal, LoadSpike, Rate};
use sim::traffic::{
    BALANCER_LABEL, Detail, FunctionPlan, Group, Load, ProxyMode, Retries, ServerDefaults,
    ServiceModel, Target, TrafficPlan,
};
use systems::mapping::template_of;
use systems::{mesos, swarmkit};
use units::{Duration, Instant, SortedMap, SortedSet};

use super::runs_workloads::{how_to_have_controllers, runs_workloads};
use super::{BuildError, FileSource, Remarks};

/// Most requests of a run that are followed one by one unless that is asked for.
const ONE_BY_ONE: f64 = 1e6;

/// The clients of a scenario, if it has some.
pub fn traffic(
    scenario: &Scenario,
    operations: &[(Instant, Operation)],
    files: &FileSource<'_>,
    remarks: &mut Remarks,
) -> Result<Option<Arc<TrafficPlan>>, BuildError> {
    if scenario.traffic.is_empty() {
        return Ok(None);
    }
    // Functions need no pods.
    let asks_services = scenario.traffic.iter().any(|own| own.function.is_none());
    if asks_services && !runs_workloads(scenario) {
        return Err(BuildError::Experiment(format!(
            "traffic: no controller would serve the Services that clients call; {}",
            how_to_have_controllers(&scenario.system.name)
        )));
    }
    super::routers::note_wildcards(scenario, operations, remarks);
    let mut groups = Vec::new();
    for (number, written) in scenario.traffic.iter().enumerate() {
        groups.push(group(number, written, scenario, operations, files)?);
    }
    let services = &scenario.models.services;
    if forwarding(scenario) == ProxyMode::Ipvs {
        note_ipvs(services, operations, remarks);
    }
    if forwarding(scenario) == ProxyMode::MarathonLb {
        note_balancers(&groups, operations, remarks);
    }
    let detail = match services.form {
        TrafficForm::Aggregated => Detail::Aggregated,
        TrafficForm::Requests => Detail::Requests,
        TrafficForm::Auto => {
            let secs = scenario.stop.at.unwrap_or_default().as_secs_f64();
            let asks = groups.iter().filter(|own| asks_pods(own));
            let all: f64 = asks.map(|own| peak(own, services)).sum();
            if all * secs <= ONE_BY_ONE {
                Detail::Requests
            } else {
                Detail::Aggregated
            }
        }
    };
    if detail == Detail::Aggregated && groups.iter().any(asks_pods) {
        remarks.note(
            "requests are modelled as flows by queueing theory: counts are exact, latencies \
             within 10 % below a load of 90 %; `models.services.form: requests` simulates them \
             one by one"
                .to_owned(),
        );
    }
    Ok(Some(Arc::new(TrafficPlan {
        groups,
        functions: scenario.functions.iter().map(function).collect(),
        model: ServiceModel {
            routers: super::routers::routers(scenario),
            ..model(services, forwarding(scenario))
        },
        detail,
        cuts: cuts(scenario),
        volumes: volumes(scenario),
    })))
}

/// Workloads that keep data, by the names of their volumes.
fn volumes(scenario: &Scenario) -> SortedMap<Text, Text> {
    let volumes = scenario.storage.iter();
    let of_workloads = volumes.filter_map(|own| {
        let workload = super::object_name::target(&own.workload)?;
        Some((own.volume.as_str().into(), workload.to_string().into()))
    });
    of_workloads.collect()
}

/// Whether what a group asks are pods; requests to functions are followed one by one anyway.
fn asks_pods(group: &Group) -> bool {
    !matches!(group.target, Target::Function(_))
}

/// Requests a second that a group makes at most, roughly.
fn peak(group: &Group, services: &schema::Services) -> f64 {
    match &group.load {
        Load::Open(rate) => rate.peak(),
        Load::Closed { clients, think } => {
            let service = services.service_time.mean().unwrap_or_default();
            let turn = think.as_secs_f64() + service.as_secs_f64();
            *clients as f64 / turn.max(1e-3)
        }
    }
}

/// Forwarding of requests to the address of a service.
fn forwarding(scenario: &Scenario) -> ProxyMode {
    let system = &*scenario.system.name;
    if system == swarmkit::ENTRY.name {
        ProxyMode::Ipvs
    } else if system == mesos::ENTRY.name || system == mesos::dcos::ENTRY.name {
        ProxyMode::MarathonLb
    } else {
        ProxyMode::KubeProxy
    }
}

/// Notes that nobody takes requests from outside.
fn note_balancers(groups: &[Group], operations: &[(Instant, Operation)], remarks: &mut Remarks) {
    let (label, values) = BALANCER_LABEL;
    let is_outside = |group: &Group| matches!(group.target, Target::Published { .. });
    let is_balancer = |(_, operation): &(Instant, Operation)| {
        let (Operation::Create(object) | Operation::Apply(object)) = operation else {
            return false;
        };
        let own = template_of(object).and_then(|template| template.labels.get(label));
        own.is_some_and(|own| values.contains(&&**own))
    };
    if groups.iter().any(is_outside) && !operations.iter().any(is_balancer) {
        remarks.note(format!(
            "traffic: requests from outside need a load balancer, but no workload is one: a \
             template with the label `{label}: {}`",
            values[0]
        ));
    }
}

/// Notes what of services IPVS does not do.
fn note_ipvs(
    services: &schema::Services,
    operations: &[(Instant, Operation)],
    remarks: &mut Remarks,
) {
    const TURNS: &str = "SwarmKit distributes requests over tasks round-robin";
    let is_default = |own| {
        matches!(
            own,
            schema::Balancing::Random | schema::Balancing::RoundRobin
        )
    };
    if !is_default(services.balancing) {
        remarks.note(format!("models.services.balancing: {TURNS}"));
    }
    for (_, operation) in operations {
        let (Operation::Create(Object::Service(own)) | Operation::Apply(Object::Service(own))) =
            operation
        else {
            continue;
        };
        let name = format!("Service/{}/{}", own.namespace, own.name);
        if own.affinity.is_some() {
            remarks.note(format!("{name}: SwarmKit has no session affinity"));
        }
        if own
            .balancing
            .is_some_and(|own| own != Balancing::RoundRobin)
        {
            remarks.note(format!("{name}: {TURNS}"));
        }
    }
}

fn model(services: &schema::Services, forwarding: ProxyMode) -> ServiceModel {
    ServiceModel {
        forwarding,
        propagation: services.propagation_delay,
        ttl: services.dns_ttl,
        balancing: match services.balancing {
            schema::Balancing::RoundRobin => Balancing::RoundRobin,
            schema::Balancing::SmoothWeighted => Balancing::SmoothWeighted,
            schema::Balancing::LeastConnections => Balancing::LeastConnections,
            schema::Balancing::Random => Balancing::Random,
            schema::Balancing::TwoChoices => Balancing::TwoChoices,
            schema::Balancing::Source => Balancing::Source,
        },
        server: ServerDefaults {
            service_time: services.service_time.clone(),
            concurrency: services.concurrency,
            queue_limit: services.queue_limit,
            error_share: services.error_rate.map_or(0.0, Share::as_f64),
            cpu_per_request: services.cpu_per_request,
        },
        interval: services.interval,
        routers: Vec::new(),
    }
}

/// Beginning and end of measuring.
fn cuts(scenario: &Scenario) -> Vec<Instant> {
    let mut cuts = SortedSet::from([scenario.metrics.warmup]);
    if let MeasuredWindow::Time { from, to } = scenario.metrics.window {
        cuts.extend(from.into_iter().chain(to));
    }
    cuts.remove(&Duration::ZERO);
    cuts.into_iter().map(|at| Instant::ZERO + at).collect()
}

fn group(
    number: usize,
    written: &schema::Traffic,
    scenario: &Scenario,
    operations: &[(Instant, Operation)],
    files: &FileSource<'_>,
) -> Result<Group, BuildError> {
    let retries = &written.retries;
    Ok(Group {
        name: written.name.as_str().into(),
        target: match &written.function {
            Some(name) => asked_function(number, name, scenario)?,
            None => target(number, written, operations)?,
        },
        load: load(written, files)?,
        clients: written.clients,
        timeout: written.timeout,
        retries: Retries {
            most: retries.most,
            back_off: retries.back_off,
            budget: retries.budget.map_or(f64::INFINITY, Share::as_f64),
        },
        objective: written.objective.map(|own| LatencyObjective {
            latency: own.latency,
            share: own.share.as_f64(),
        }),
    })
}

/// A function as it runs.
fn function(written: &schema::Function) -> FunctionPlan {
    let bytes = written.memory.units_ceil().unwrap_or(i64::MAX).max(0);
    FunctionPlan {
        name: written.name.as_str().into(),
        memory_mib: (bytes as u64).div_ceil(1 << 20),
        duration: written.duration.clone(),
        cold_start: written.cold_start.clone(),
        bills_start: written.bill_cold_start,
        error_share: written.error_rate.map_or(0.0, Share::as_f64),
        limits: FunctionLimits {
            keep_alive: written.keep_alive,
            concurrency: written.concurrency,
            provisioned: written.provisioned,
            queue_limit: written.queue_limit,
        },
    }
}

/// The function that a group asks.
fn asked_function(number: usize, name: &str, scenario: &Scenario) -> Result<Target, BuildError> {
    let mut known = scenario.functions.iter();
    let found = known.position(|own| own.name == name);
    found.map(Target::Function).ok_or_else(|| {
        let known = scenario
            .functions
            .iter()
            .map(|own| format!("`{}`", own.name));
        let known: Vec<String> = known.collect();
        let known = if known.is_empty() {
            "`functions:` declares none".to_owned()
        } else {
            format!("there are {}", known.join(", "))
        };
        BuildError::Experiment(format!(
            "traffic[{number}].function: there is no function `{name}`; {known}"
        ))
    })
}

/// Target of a client group: a service that is declared at some time of the run.
fn target(
    number: usize,
    written: &schema::Traffic,
    operations: &[(Instant, Operation)],
) -> Result<Target, BuildError> {
    let objects = operations
        .iter()
        .filter_map(|(_, operation)| match operation {
            Operation::Create(object) | Operation::Apply(object) => Some(object),
            _ => None,
        });
    let asked = written.service.as_ref().or(written.published.as_ref());
    if let Some(name) = asked {
        let is_published = written.published.is_some();
        let field = if is_published { "published" } else { "service" };
        let known: SortedSet<String> = objects
            .filter_map(|object| match object {
                Object::Service(own) if !is_published || own.publish != Publish::No => {
                    Some(format!("{}/{}", own.namespace, own.name))
                }
                _ => None,
            })
            .collect();
        if !known.contains(name) {
            let known: Vec<String> = known.into_iter().map(|name| format!("`{name}`")).collect();
            let known = if known.is_empty() {
                "no manifest declares one".to_owned()
            } else {
                format!("there are {}", known.join(", "))
            };
            let what = if is_published {
                "Service with `type: NodePort` or `LoadBalancer`"
            } else {
                "Service"
            };
            return Err(BuildError::Experiment(format!(
                "traffic[{number}].{field}: there is no {what} `{name}`; {known}"
            )));
        }
        let (namespace, name) = name.split_once('/').unwrap_or(("default", name));
        let (namespace, name) = (namespace.into(), name.into());
        return Ok(if is_published {
            Target::Published { namespace, name }
        } else {
            Target::Service { namespace, name }
        });
    }
    let host = written.host.as_deref().unwrap_or_default();
    let path = written.path.as_deref().unwrap_or("/");
    let mut ingresses = objects.filter_map(|object| match object {
        Object::Ingress(own) => Some(own),
        _ => None,
    });
    if !ingresses.any(|own| route(std::iter::once(own), host, path).is_some()) {
        return Err(BuildError::Experiment(format!(
            "traffic[{number}].host: no Ingress of the manifests has a rule for `{host}{path}`, and \
             none has a default backend"
        )));
    }
    Ok(Target::Host {
        host: host.into(),
        path: path.into(),
    })
}

fn load(written: &schema::Traffic, files: &FileSource<'_>) -> Result<Load, BuildError> {
    if let Some(think) = written.think {
        return Ok(Load::Closed {
            clients: written.clients,
            think,
        });
    }
    if let Some(model) = &written.diurnal {
        let crowd = |own: &schema::FlashCrowd| LoadSpike {
            at: Instant::ZERO + own.at,
            ramp: own.ramp,
            lasts: own.lasts,
            times: own.times,
        };
        return Ok(Load::Open(Rate::Diurnal(Box::new(Diurnal {
            mean: model.mean,
            swing: model.swing,
            peak_at: model.peak_at,
            period: model.period,
            weekend: model.weekend,
            step: model.step,
            crowds: model.flash_crowds.iter().map(crowd).collect(),
        }))));
    }
    if let Some(trace) = &written.trace {
        let input = files.open(&trace.path);
        let reading = Reading {
            scale: trace.scale,
            gap: match trace.gaps {
                schema::Gaps::Fail => Gap::Fail,
                schema::Gaps::Hold => Gap::Hold,
                schema::Gaps::Zero => Gap::Zero,
            },
        };
        let steps = match trace.format {
            RateFormat::Csv => read_series(&input, reading)?,
            RateFormat::AzureFunctions => {
                read_azure_functions(&input, trace.function.as_deref(), reading)?
            }
            RateFormat::AlibabaQps => read_alibaba_qps(&input, trace.function.as_deref(), reading)?,
        };
        return Ok(Load::Open(Rate::Steps(steps.into())));
    }
    let rate = written.rate.unwrap_or(0.0);
    Ok(Load::Open(Rate::Constant((rate * 1e6).round() as u64)))
}

//! Assignments to the fields of an arrival.

use std::sync::Arc;

use super::evaluate::{Facts, Value};
use super::exact::Exact;
use super::{Assignment, Field};
use arrivals::stream::Arrival;
use intake::budget::MEMBERS;
use intake::number::MOST_OF_A_RESOURCE;
use model::gpu::{DEVICE_MILLI, MAX_DEVICES};
use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY};
use model::{Container, JOB_TYPE_LABEL, Labels, PodSpec, Text};
use units::{Duration, Instant, Quantity};

/// An arrival as assignments leave it, with the spec of its pods and the name of its tenant.
pub(crate) struct Assigned {
    /// The arrival, its class and tenant still to be numbered.
    pub(crate) arrival: Arrival,
    /// The spec.
    pub(crate) spec: Arc<PodSpec>,
    /// The tenant.
    pub(crate) tenant: Text,
}

/// Makes assignments one after the other: each sees what those before it left.
pub(crate) fn apply(assignments: &[Assignment], own: &mut Assigned) -> Result<(), String> {
    for assignment in assignments {
        let facts = Facts {
            arrival: &own.arrival,
            spec: &own.spec,
            tenant: &own.tenant,
        };
        let value = assignment.value(facts)?;
        let name = own.arrival.name.to_string();
        assign(own, assignment.field, value)
            .map_err(|rule| format!("`{}`: {rule}, for `{name}`", assignment.text))?;
    }
    Ok(())
}

/// The greatest amount of thousandths of a core.
const MOST_MILLI: i64 = 1 << 40;

fn assign(own: &mut Assigned, field: Field, value: Value) -> Result<(), String> {
    let number = match &value {
        Value::Number(number) => Some(*number),
        _ => None,
    };
    let text: Text = match value {
        Value::Text(text) => text,
        _ => Text::default(),
    };
    let arrival = &mut own.arrival;
    match field {
        Field::Submit => {
            let at = span(number)?.ok_or("a submission can't be `none`")?;
            arrival.submit = Instant::ZERO + at;
        }
        Field::RunTime => arrival.run_time = span(number)?,
        Field::TimeLimit => arrival.time_limit = span(number)?,
        Field::Start => arrival.historic_start = span(number)?.map(|at| Instant::ZERO + at),
        Field::Members => {
            let members = whole(number, 1, MEMBERS)?.ok_or("members can't be `none`")?;
            arrival.members = members as u32;
        }
        Field::Tenant => {
            own.tenant = match &*text {
                "" => "default".into(),
                _ => text,
            }
        }
        Field::Name => {}
        of_spec => return assign_spec(Arc::make_mut(&mut own.spec), of_spec, number, text),
    }
    Ok(())
}

fn assign_spec(
    spec: &mut PodSpec,
    field: Field,
    number: Option<Exact>,
    text: Text,
) -> Result<(), String> {
    match field {
        Field::Cpu => {
            let milli = parts(number, 1_000, MOST_MILLI)?;
            request(spec, CPU, milli.map(Quantity::from_milli));
        }
        Field::Memory => {
            let bytes = parts(number, 1, MOST_OF_A_RESOURCE)?;
            request(spec, MEMORY, bytes.map(Quantity::from_units));
        }
        Field::EphemeralStorage => {
            let bytes = parts(number, 1, MOST_OF_A_RESOURCE)?;
            request(spec, EPHEMERAL_STORAGE, bytes.map(Quantity::from_units));
        }
        Field::Gpus => {
            let devices = whole(number, 0, MAX_DEVICES as i64)?.unwrap_or(0);
            spec.gpu.devices = devices as u8;
            spec.gpu.milli_per_device = match devices {
                0 => 0,
                1 if spec.gpu.milli_per_device > 0 => spec.gpu.milli_per_device,
                _ => DEVICE_MILLI,
            };
            if devices == 0 {
                spec.gpu.models = Vec::new();
            }
        }
        Field::GpuMilli => {
            let most = i64::from(DEVICE_MILLI);
            let milli = whole(number, 1, most)?.unwrap_or(most);
            if spec.gpu.devices == 0 || (spec.gpu.devices > 1 && milli < most) {
                return Err("a share of a device is one of a single device".to_owned());
            }
            spec.gpu.milli_per_device = milli as u16;
        }
        Field::Priority => {
            let (least, most) = (i64::from(i32::MIN), i64::from(i32::MAX));
            spec.priority = whole(number, least, most)?.unwrap_or(0) as i32;
        }
        Field::Namespace => spec.namespace = text,
        Field::JobType => {
            let mut labels = Labels::new();
            let others = spec
                .labels
                .iter()
                .filter(|(name, _)| ***name != *JOB_TYPE_LABEL);
            for (name, value) in others {
                labels.insert(name.clone(), value.clone());
            }
            if !text.is_empty() {
                labels.insert(JOB_TYPE_LABEL.into(), text);
            }
            spec.labels = labels;
        }
        _ => {}
    }
    Ok(())
}

fn span(number: Option<Exact>) -> Result<Option<Duration>, String> {
    Ok(parts(number, 1_000_000_000, i64::MAX)?.map(Duration::from_nanos))
}

/// The nearest number of units from 0 to a limit, of which one has this many parts.
fn parts(number: Option<Exact>, of_one: i64, most: i64) -> Result<Option<i64>, String> {
    let Some(number) = number else {
        return Ok(None);
    };
    let own = number.in_parts(of_one);
    match own {
        Some(own) if (0..=most).contains(&own) => Ok(Some(own)),
        Some(own) if own < 0 => Err("the value is below 0".to_owned()),
        _ => Err("the value is too large".to_owned()),
    }
}

fn whole(number: Option<Exact>, least: i64, most: i64) -> Result<Option<i64>, String> {
    let Some(number) = number else {
        return Ok(None);
    };
    match number.in_parts(1) {
        Some(own) if (least..=most).contains(&own) => Ok(Some(own)),
        _ => Err(format!("the value is not from {least} to {most}")),
    }
}

/// Sets what a pod requests of a resource: its first container asks for all of it. Without an amount none states a request,
/// as in a trace that does not.
fn request(spec: &mut PodSpec, resource: &'static str, amount: Option<Quantity>) {
    follow(spec, resource, amount.unwrap_or(Quantity::ZERO));
    let all = spec.containers.iter_mut().chain(&mut spec.init_containers);
    let Some(amount) = amount else {
        for container in all {
            container.requests.remove(resource);
        }
        spec.pod_requests.remove(resource);
        return;
    };
    for container in all {
        container.requests.set(resource, Quantity::ZERO);
    }
    if spec.containers.is_empty() {
        spec.containers.push(Container::default());
    }
    if !spec.pod_requests.iter().any(|(name, _)| name == resource) {
        spec.containers[0].requests.set(resource, amount);
        return;
    }
    spec.pod_requests.set(resource, amount);
}

/// Has later requests of a pod and its limit follow a new request: later ones keep their ratio to it, and a limit is no
/// less than it.
fn follow(spec: &mut PodSpec, resource: &'static str, amount: Quantity) {
    let whole = spec.requests().unwrap_or_default().get(resource);
    let Some(first) = spec.containers.first_mut() else {
        return;
    };
    if { first.limits.stated(resource) }.is_some_and(|limit| limit < amount) {
        first.limits.set(resource, amount);
    }
    let others = whole.nanos() - first.requests.get(resource).nanos();
    let Some(behaviour) = spec.behaviour.as_mut() else {
        return;
    };
    if behaviour.resizes.is_empty() {
        return;
    }
    for resize in &mut Arc::make_mut(behaviour).resizes {
        if let Some(later) = resize.requests.stated(resource) {
            let later = later.nanos() + others;
            let later = in_ratio(later, whole.nanos(), amount);
            resize.requests.set(resource, later);
        }
    }
}

/// An amount times the ratio of two others, rounded up to thousandths; the amount itself if there is none.
fn in_ratio(later: i128, whole: i128, amount: Quantity) -> Quantity {
    /// Nanounits of a thousandth.
    const MILLI: i128 = 1_000_000;
    let product = (later / MILLI).checked_mul(amount.nanos() / MILLI);
    let divisor = whole / MILLI;
    let product = product.filter(|own| divisor > 0 && *own >= 0);
    let milli = product.map(|own| (own + divisor - 1) / divisor);
    let milli = milli.and_then(|own| i64::try_from(own).ok());
    milli.map_or(amount, Quantity::from_milli)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::behaviour::Resize;
    use model::{Behaviour, ResourceList};

    #[test]
    fn a_request_that_is_taken_away_is_not_stated() {
        let memory = ResourceList::from_pairs([(MEMORY, Quantity::from_units(100))]);
        let mut spec = PodSpec::with_requests(memory);
        request(&mut spec, MEMORY, Some(Quantity::ZERO));
        let stated = |spec: &PodSpec| spec.requests().expect("small").stated(MEMORY);
        assert_eq!(stated(&spec), Some(Quantity::ZERO));
        request(&mut spec, MEMORY, None);
        assert_eq!(stated(&spec), None);
    }

    #[test]
    fn later_requests_and_limits_follow_a_request() {
        let memory = |units: i64| ResourceList::from_pairs([(MEMORY, Quantity::from_units(units))]);
        let mut spec = PodSpec::with_requests(memory(100));
        spec.containers[0].limits = memory(110);
        spec.behaviour = Some(Arc::new(Behaviour {
            resizes: vec![Resize {
                after: Duration::from_secs(5),
                requests: memory(50),
            }],
            ..Behaviour::default()
        }));
        request(&mut spec, MEMORY, Some(Quantity::from_units(120)));
        let later = &spec.behaviour.as_ref().expect("resizes").resizes[0].requests;
        assert_eq!(later.get(MEMORY), Quantity::from_units(60));
        assert_eq!(spec.containers[0].limits, memory(120));
    }
}

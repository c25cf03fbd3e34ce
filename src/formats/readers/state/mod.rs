//! The state of other orchestrators at one time, as their commands and interfaces print it: what is there
//! arrives at zero and stays.

pub mod docker;
pub mod ecs;
pub mod marathon;
pub mod nomad;
mod ports;
mod printed;
mod services;

use serde_json::Value;

use crate::parts::requests::whole_gpus;
use crate::readers::prelude::*;
use intake::archive::parts;
use intake::budget::OBJECTS;
use intake::json::{each_element, each_line, each_text};
use model::GpuRequest;
use services::Services;

/// A function that takes an element of a state.
type TakeElement = fn(&mut State, &mut Journal, &Element) -> Result<(), Refused>;

/// The places of elements in a JSON text: lists by the keys before them, and whether each line or each text may be an
/// object as well. Or the words by which a table is told that is printed for people.
struct Places {
    lists: &'static [&'static [&'static str]],
    has_lines: bool,
    has_texts: bool,
    printed: &'static [&'static str],
    /// The list that a file should have, for messages.
    expected: &'static str,
    /// The list of objects of which the answer says that they are missing.
    missing: &'static [&'static str],
    /// The key before an object that is alone in its text; empty if none is.
    wrapped: &'static str,
}

/// The pods of a state up to now.
#[derive(Default)]
struct State {
    gather: Gather,
    /// The services that state no more than how many tasks they want, and the tasks that were taken.
    services: Services,
}

/// The pods of an element, which are alike.
struct Pods<'e> {
    name: &'e str,
    tenant: &'e str,
    count: i64,
    /// Amounts of one pod, in 1/1000 core and bytes.
    cpu_milli: Option<i64>,
    memory: Option<i64>,
}

/// Notes pods whose element says less than all of what they request, or that there are none.
fn note_pods(journal: &mut Journal, line: u64, pods: &Pods<'_>) -> Result<(), TraceError> {
    let (kind, action) = match (pods.count, pods.cpu_milli, pods.memory) {
        (0, ..) => ("no pod is wanted", Action::Drop),
        (_, Some(_), Some(_)) => return Ok(()),
        (_, None, None) => ("cores and memory not stated; requests none", Action::Keep),
        (_, None, _) => ("cores not stated; requests none", Action::Keep),
        (_, _, None) => ("memory not stated; requests none", Action::Keep),
    };
    journal.dirt(kind, action, line)
}

impl State {
    /// Adds pods that are there from the beginning; they are named by number if there are several.
    fn add(
        &mut self,
        origin: Origin,
        pods: &Pods<'_>,
        spec: impl Fn(&mut PodSpec),
    ) -> Result<(), Refused> {
        if self.gather.count() as i64 + pods.count > OBJECTS as i64 {
            return Err(Refused::Row(BadRow {
                line: origin.line.into(),
                column: "number of pods".to_owned(),
                value: pods.count.to_string(),
                rule: format!("must make no more than {OBJECTS} pods in all"),
            }));
        }
        for number in 1..=pods.count {
            let name: Arc<str> = match pods.count {
                1 => pods.name.into(),
                _ => format!("{}-{number}", pods.name).into(),
            };
            let mut own = PodSpec::with_requests(requests(pods.cpu_milli, pods.memory));
            spec(&mut own);
            let demand = Demand {
                submit: Instant::ZERO,
                name: PodName::Text(name),
                tenant: pods.tenant.into(),
                spec: own,
                ..Demand::default()
            };
            self.gather.push(origin, demand);
        }
        Ok(())
    }

    /// Adds the tasks that services want besides those that were taken.
    fn add_services(&mut self, journal: &mut Journal) -> Result<(), TraceError> {
        let mut services = std::mem::take(&mut self.services).all();
        while let Some(service) = services.next()? {
            journal.file = service.file;
            journal.drop_if(service.wanted == 0, "no pod is wanted", service.line)?;
            let kind = "service with tasks beside it; those that are missing are added";
            journal.keep_if(service.taken > 0, kind, service.line)?;
            let count = (service.wanted - service.taken).max(0);
            let kind = "service whose reservations are not stated; requests nothing";
            journal.keep_if(count > 0, kind, service.line)?;
            let pods = Pods {
                name: &service.name,
                tenant: &service.name,
                count,
                cpu_milli: None,
                memory: None,
            };
            let origin = journal.origin(service.line);
            heed(journal, |_| {
                self.add(origin, &pods, |spec| {
                    if service.is_apart {
                        ecs::stand_alone(spec, &service.name);
                    }
                })
            })?;
        }
        Ok(())
    }
}

/// Reads a state.
fn open(
    input: &Input,
    options: &ReadOptions,
    places: &Places,
    take: TakeElement,
) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut state = State::default();
    for part in parts(input)? {
        journal.file = part.name.clone();
        let first = part.first_bytes()?;
        if !places.printed.is_empty() && printed::has_words(&first, places.printed) {
            printed::each_row(&part, &mut journal, |journal, element| {
                take(&mut state, journal, element)
            })?;
            continue;
        }
        if !places.wrapped.is_empty() && wraps(&first, places.wrapped) {
            each_text(&part, |mut element| {
                let inner = element.value.get_mut(places.wrapped);
                element.value = inner.map(Value::take).unwrap_or_default();
                heed(&mut journal, |journal| take(&mut state, journal, &element))
            })?;
            continue;
        }
        let is_list = first.trim_ascii_start().first() == Some(&b'[');
        if places.has_lines && !is_list {
            each_line(&part, &mut journal, |journal, element| {
                take(&mut state, journal, element)
            })?;
            continue;
        }
        let mut is_found = places.has_texts && !is_list;
        if is_found {
            each_text(&part, |element| {
                heed(&mut journal, |journal| take(&mut state, journal, &element))
            })?;
        }
        for path in places
            .lists
            .iter()
            .filter(|path| path.is_empty() == is_list)
        {
            is_found |= each_element(&part, path, |element| {
                heed(&mut journal, |journal| take(&mut state, journal, &element))
            })?;
        }
        if !places.missing.is_empty() {
            each_element(&part, places.missing, |element| {
                let kind = "object that the answer says is missing";
                journal.dirt(kind, Action::Drop, element.line)
            })?;
        }
        if !is_found {
            return Err(TraceError::Format {
                file: part.name.to_string(),
                reason: format!("has no {}", places.expected),
            });
        }
    }
    state.add_services(&mut journal)?;
    state.gather.finish(journal)
}

/// Whether a text begins as an object of which this key is the first.
fn wraps(first: &[u8], key: &str) -> bool {
    let inner = first.trim_ascii_start().strip_prefix(b"{");
    let inner = inner.unwrap_or_default().trim_ascii_start();
    inner.starts_with(format!("\"{key}\"").as_bytes())
}

/// Returns `Certain` if a text begins as JSON does and has all of these keys.
fn has_keys(first: &[u8], keys: &[&str]) -> Confidence {
    let is_json = matches!(first.trim_ascii_start().first(), Some(b'{' | b'['));
    let has = |key: &&str| memchr::memmem::find(first, format!("\"{key}\"").as_bytes()).is_some();
    Confidence::certain_if(is_json && keys.iter().all(has))
}

/// A number of pods, which must be whole.
fn count(element: &Element, path: &str) -> Result<Option<i64>, BadRow> {
    let number = element.number_at(path, MEMBERS as f64)?;
    match number {
        Some(number) if number.fract() > 0.0 => Err(element.bad_at(path, "a whole number")),
        number => Ok(number.map(|number| number as i64)),
    }
}

/// An amount in units of which `scale` make one, rounded.
fn scaled(element: &Element, path: &str, scale: i64) -> Result<Option<i64>, BadRow> {
    let number = element.number_at(path, 1e9)?;
    Ok(number.map(|number| libm::rint(number * scale as f64) as i64))
}

/// What the containers of a task request together, by the first of the members that each states.
fn sum(
    element: &Element,
    containers: usize,
    members: &[&str],
    scale: i64,
) -> Result<Option<i64>, BadRow> {
    let mut sum: Option<i64> = None;
    for place in 0..containers {
        for member in members {
            let own = scaled(element, &format!("/containers/{place}/{member}"), scale)?;
            if let Some(own) = own {
                sum = Some(sum.unwrap_or(0).saturating_add(own));
                break;
            }
        }
    }
    Ok(sum)
}

/// A request for whole GPUs that the members at a path ask for.
fn whole_gpus_of(element: &Element, path: &str, gpus: usize) -> Result<GpuRequest, BadRow> {
    let devices = i64::try_from(gpus).ok();
    match devices.filter(|_| gpus <= MAX_DEVICES) {
        Some(devices) => Ok(whole_gpus(devices, "")),
        None => Err(element.bad_at(path, &format!("at most {MAX_DEVICES} GPUs"))),
    }
}

/// Notes a demand that no run heeds.
fn note(
    journal: &mut Journal,
    element: &Element,
    path: &str,
    kind: &str,
) -> Result<(), TraceError> {
    let is_empty = match element.at(path) {
        None => true,
        Some(found) => {
            found.as_array().is_some_and(Vec::is_empty)
                || found.as_object().is_some_and(serde_json::Map::is_empty)
        }
    };
    if is_empty {
        return Ok(());
    }
    journal.dirt(kind, Action::Waive, element.line)
}

#[cfg(test)]
mod tests;

//! Services of Docker Swarm: `docker service ls`, a table or (`--format json`) an object a line, which says how many
//! replicas a service has, and `docker service inspect`, a list that says what they reserve as well.

use super::ports::{Ports, paths};
use super::{Places, Pods, State, count, has_keys, note, note_pods, printed};
use crate::readers::prelude::*;

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "docker-services",
    summary: "services of Docker Swarm (`docker service ls`, also as JSON, or `inspect`)",
    columns: columns! {
        required("Name", "service; becomes the name. `Spec.Name` of `inspect`"),
        required("Replicas", "pods that are there and those wanted, such as 3/3"),
        optional("Mode", "replicated; services of another mode are left out"),
        optional("Image", "read, not used"),
        optional("Spec.TaskTemplate.Resources.Reservations", "NanoCPUs and MemoryBytes of a replica; `inspect`"),
        optional("Spec.TaskTemplate.Resources.Limits", "NanoCPUs and MemoryBytes of a replica; `inspect`"),
        optional("Spec.EndpointSpec.Ports", "PublishedPort is taken on the machine where PublishMode is host; `inspect`"),
        optional("Spec.TaskTemplate.Placement", "not enforced; `inspect`"),
    },
    relations: &[],
    names: &["Name", "Image"],
    cells: show_text,
    options: &[],
    sniff,
    open: Constructor::Workload(|input, options| super::open(input, options, &PLACES, take)),
};

const PLACES: Places = Places {
    lists: &[&[]],
    has_lines: true,
    has_texts: false,
    printed: PRINTED,
    expected: "list of services, as `docker service inspect` prints it",
    missing: &[],
    wrapped: "",
};

/// Words of the header that `docker service ls` prints.
const PRINTED: &[&str] = &["NAME", "MODE", "REPLICAS"];

/// The reservations of a service's replicas.
const RESERVED: &str = "/Spec/TaskTemplate/Resources/Reservations";
/// Their limits.
const LIMITED: &str = "/Spec/TaskTemplate/Resources/Limits";

fn sniff(first: &[u8]) -> Confidence {
    let listed = has_keys(first, &["Mode", "Name", "Replicas", "Image"]);
    if printed::has_words(first, PRINTED) {
        return Confidence::Certain;
    }
    listed.max(has_keys(first, &["Spec", "TaskTemplate", "ContainerSpec"]))
}

fn take(state: &mut State, journal: &mut Journal, service: &Element) -> Result<(), Refused> {
    let line = service.line;
    if service.at("/Spec").is_some() {
        return take_inspected(state, journal, service);
    }
    let name = service.name_at("/Name", "the name of a service")?;
    if !matches!(service.text_at("/Mode"), "" | "replicated") {
        let kind = "service of another mode than replicated";
        return Ok(journal.dirt(kind, Action::Drop, line)?);
    }
    let replicas = service.text_at("/Replicas");
    // `3/5 (max 2 per node)` wants five.
    let wanted = replicas.split_once('/').map(|(_, wanted)| wanted);
    let mut words = wanted.unwrap_or_default().split_whitespace();
    let wanted = words.next().and_then(|wanted| wanted.parse::<i64>().ok());
    let wanted = wanted.filter(|wanted| (0..=MEMBERS).contains(wanted));
    let wanted = wanted.ok_or_else(|| service.bad_at("/Replicas", "replicas such as `3/3`"))?;
    let kind = "most replicas on a node, not enforced";
    journal.waive_if(words.next().is_some(), kind, line)?;
    let pods = Pods {
        name,
        tenant: "",
        count: wanted,
        cpu_milli: None,
        memory: None,
    };
    if wanted == 0 {
        note_pods(journal, line, &pods)?;
    } else {
        let kind = "service whose reservations are not stated; requests nothing";
        journal.dirt(kind, Action::Keep, line)?;
    }
    state.add(journal.origin(service.line), &pods, |_| {})
}

fn take_inspected(
    state: &mut State,
    journal: &mut Journal,
    service: &Element,
) -> Result<(), Refused> {
    let name = service.name_at("/Spec/Name", "the name of a service")?;
    if service.at("/Spec/Mode/Replicated").is_none() {
        let kind = "service of another mode than replicated";
        return Ok(journal.dirt(kind, Action::Drop, service.line)?);
    }
    let wanted = count(service, "/Spec/Mode/Replicated/Replicas")?.unwrap_or(1);
    let (cpu_milli, memory) = amounts(service, RESERVED)?;
    let (most_cpu, most_memory) = amounts(service, LIMITED)?;
    let limits = requests(
        most_cpu.filter(|&own| own > 0),
        most_memory.filter(|&own| own > 0),
    );
    for (member, kind) in [
        (
            "Placement/Constraints",
            "constraints of a service, not enforced",
        ),
        ("Placement/Preferences", "spread of a service, not enforced"),
        (
            "Placement/Platforms",
            "platforms of a service, not enforced",
        ),
        (
            "Resources/Reservations/GenericResources",
            "generic resources, not requested",
        ),
    ] {
        let path = format!("/Spec/TaskTemplate/{member}");
        note(journal, service, &path, kind)?;
    }
    let ports = ports(service)?;
    let most = count(service, "/Spec/TaskTemplate/Placement/MaxReplicas")?;
    let kind = "most replicas on a node, not enforced";
    journal.waive_if(most.is_some_and(|most| most > 0), kind, service.line)?;
    let pods = Pods {
        name,
        tenant: "",
        count: wanted,
        cpu_milli,
        memory,
    };
    note_pods(journal, service.line, &pods)?;
    state.add(journal.origin(service.line), &pods, |spec| {
        if let Some(container) = spec.containers.first_mut() {
            container.limits = limits.clone();
        }
        ports.give(spec);
    })
}

/// The ports that a replica takes on its machine; others are those of the whole swarm.
fn ports(service: &Element) -> Result<Ports, BadRow> {
    let mut ports = Ports::default();
    for own in paths(service, "/Spec/EndpointSpec/Ports") {
        if service.text_at(&format!("{own}/PublishMode")) == "host" {
            let protocol = service.text_at(&format!("{own}/Protocol"));
            ports.add(service, &format!("{own}/PublishedPort"), protocol)?;
        }
    }
    Ok(ports)
}

/// The 1/1000 cores and bytes at a place.
fn amounts(service: &Element, place: &str) -> Result<(Option<i64>, Option<i64>), BadRow> {
    let nanos = service.number_at(&format!("{place}/NanoCPUs"), 1e15)?;
    let memory = service.number_at(&format!("{place}/MemoryBytes"), 1e15)?;
    let milli = nanos.map(|nanos| libm::rint(nanos / 1e6) as i64);
    Ok((milli, memory.map(|bytes| bytes as i64)))
}

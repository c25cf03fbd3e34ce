//! A project's tree to [`Project`]: which services are on, and the rules between them.

use super::experiment::NODES;
use super::load::{Loader, unset_finding};
use super::project::Project;
use super::service::{COMPLETED, HEALTHY, Reader, SHARED};
use super::{Remark, Target, declared, fields, published, shapes};
use crate::diagnostic::{Code, Finding};
use crate::tree::{Entry, Span, Tree, Value};
use units::{SortedMap, graph, nearest};

/// Fields of a service that name what the project declares at the top, by the top's field.
const REFERENCES: &[(&str, &str)] = &[
    ("configs", "configs"),
    ("models", "models"),
    ("networks", "networks"),
    ("secrets", "secrets"),
    ("volumes", "volumes"),
];

/// Run time of a container that others wait for and that states none.
pub(super) const ONCE: &str = "10s";

/// The project of a tree.
pub(super) fn project(loader: &mut Loader<'_>, tree: &Tree) -> Project {
    let own = tree.get("name").and_then(Tree::text);
    let own = own.filter(|_| !loader.request.is_named);
    let mut project = Project {
        name: own.unwrap_or(loader.request.name).to_owned(),
        services: Vec::new(),
        off: Vec::new(),
        remarks: Vec::new(),
    };
    let services = tree.get("services").map_or(&[][..], Tree::entries);
    if services.is_empty() {
        let finding = Finding::new(
            Code::MissingField,
            "the file declares no service",
            tree.span,
        );
        let mut finding = finding.label("expected `services` with one service or more");
        let is_service = |entry: &&Entry| {
            entry.value.get("image").is_some() || entry.value.get("build").is_some()
        };
        if let Some(first) = tree.entries().iter().find(is_service) {
            finding = finding.help(format!(
                "`{}` stands at the top, as services do in files of version 1, which Compose no longer \
                 reads: put them under `services:`",
                first.key
            ));
        }
        loader.findings.push(finding);
        return project;
    }
    let (on, off): (Vec<&Entry>, Vec<&Entry>) = services
        .iter()
        .partition(|entry| is_on(loader.request.profiles, &entry.value));
    project.off = off.iter().map(|entry| entry.key.clone()).collect();
    if on.is_empty() {
        let names: Vec<&str> = off.iter().map(|entry| entry.key.as_str()).collect();
        let message = format!("no service is on: `{}`", names.join("`, `"));
        let finding = Finding::new(Code::Conflict, message, tree.span);
        let finding = finding.label("expected one service or more whose profile is on");
        let help = "turn a profile on with `--profile NAME`, or all with `--profile '*'`";
        loader.findings.push(finding.help(help));
        return project;
    }
    for entry in &on {
        let mut reader = Reader {
            loader,
            remarks: &mut project.remarks,
            name: &entry.key,
        };
        let service = reader.service(&entry.value);
        project.services.push(service);
        references(loader, tree, entry);
        shapes::check(loader, &entry.value);
        declared::refused(loader, &entry.value);
    }
    declared::declared(loader, tree, &mut project);
    declared::container_names(loader, &on, &project);
    unset(loader, &mut project);
    dependencies(loader, &on, &off, &mut project);
    published::check(loader, &on, &project.services);
    names(loader, &on, &mut project);
    project
}

/// Whether one of a service's profiles is on; a service without any always is.
fn is_on(profiles: &[String], service: &Tree) -> bool {
    let own = service.get("profiles").map_or(&[][..], Tree::items);
    let is_on = |own: &str| profiles.iter().any(|on| on == "*" || on == own);
    own.is_empty() || own.iter().filter_map(Tree::text).any(is_on)
}

/// Variables without a value: refused where a run depends on them, listed elsewhere.
fn unset(loader: &mut Loader<'_>, project: &mut Project) {
    for own in std::mem::take(&mut loader.unset) {
        let path: Vec<&str> = own.path.iter().map(String::as_str).collect();
        let (service, field) = match path[..] {
            ["services", service, field, ..] => (service, field),
            _ => ("", path.first().copied().unwrap_or_default()),
        };
        if project.off.iter().any(|off| off == service) {
            continue;
        }
        let effect = fields::effect(fields::OF_SERVICES, field);
        let matters = effect.is_some_and(|effect| effect.without(loader.request.target).is_none());
        // A port without a number to publish is published at any that is free.
        if (matters && field != "ports") || field == "x-windtunnel" {
            let message = format!("`{field}` depends on the variable `{}`", own.name);
            loader
                .findings
                .push(unset_finding(message, &own.name, own.span));
            continue;
        }
        let place = place(loader, own.span);
        let instead = if field == "ports" {
            "any free port is published"
        } else {
            "nothing stands for it"
        };
        project.remarks.push(Remark {
            service: service.to_owned(),
            field: field.to_owned(),
            place,
            effect: format!("the variable `{}` is not set, so {instead}", own.name),
        });
    }
}

fn place(loader: &Loader<'_>, span: Span) -> String {
    let (line, column) = loader.sources.position(span);
    format!("{}:{line}:{column}", loader.sources.get(span.source).name)
}

/// Refuses names of networks, volumes, secrets and configs that the project does not declare.
fn references(loader: &mut Loader<'_>, tree: &Tree, service: &Entry) {
    for (field, top) in REFERENCES {
        let declared = tree.get(top).map_or(&[][..], Tree::entries);
        let Some(own) = service.value.get(field) else {
            continue;
        };
        let listed = own.items().iter().filter_map(|item| match &item.value {
            Value::Map(_) if *field == "volumes" => {
                let kind = item.get("type").and_then(Tree::text);
                let source = item.get("source")?;
                (kind == Some("volume")).then(|| Some((source.text()?, source.span)))?
            }
            Value::Map(_) => Some((item.get("source")?.text()?, item.span)),
            _ if *field == "volumes" => Some((volume_name(item.text()?)?, item.span)),
            _ => Some((item.text()?, item.span)),
        });
        let keyed = own
            .entries()
            .iter()
            .map(|entry| (&*entry.key, entry.key_span));
        let named: Vec<(&str, Span)> = listed.chain(keyed).collect();
        for (name, span) in named {
            let is_known = declared.iter().any(|entry| entry.key == name);
            if is_known || (*field == "networks" && name == "default") {
                continue;
            }
            let message = format!(
                "service `{}` refers to `{name}`, which is not in `{top}`",
                service.key
            );
            let hint = nearest::hint(
                name,
                declared.iter().map(|entry| &*entry.key).collect::<Vec<_>>(),
            );
            let finding = Finding::new(Code::UnknownName, message, span).label("not declared");
            let fix =
                format!("declare it at the top of the file: `{top}: {{{name}: {{}}}}`; {hint}");
            loader.findings.push(finding.help(fix));
        }
    }
}

/// The name of a volume in the short form; folders of the host have none.
fn volume_name(text: &str) -> Option<&str> {
    let (source, _) = text.split_once(':')?;
    let is_folder = source.starts_with(['.', '/', '~', '\\']) || source.is_empty();
    // A drive of Windows.
    let is_drive = source.len() == 1;
    (!is_folder && !is_drive).then_some(source)
}

/// The place where a service names another that it depends on, with the field.
fn naming(service: &Entry, on: &str) -> Naming {
    let tree = &service.value;
    let depends_on = tree.entry("depends_on");
    if let Some(own) = depends_on.and_then(|own| own.value.entry(on)) {
        return Naming::at("depends_on", own.key_span);
    }
    for field in ["links", "volumes_from"] {
        let mut items = tree.get(field).map_or(&[][..], Tree::items).iter();
        let is_named = |text: &str| text.split(':').next() == Some(on);
        if let Some(item) = items.find(|item| item.text().is_some_and(is_named)) {
            return Naming::at(field, item.span);
        }
    }
    for &field in SHARED {
        let own = tree.get(field);
        if let Some(own) = own.filter(|own| own.text() == Some(&format!("service:{on}"))) {
            return Naming::at(field, own.span);
        }
    }
    Naming::at(
        "depends_on",
        depends_on.map_or(service.key_span, |own| own.key_span),
    )
}

/// A place where a service names another.
struct Naming {
    field: &'static str,
    span: Span,
}

impl Naming {
    const fn at(field: &'static str, span: Span) -> Self {
        Self { field, span }
    }
}

/// The rules of `depends_on`: services that are there, no circles, conditions that can be met.
fn dependencies(loader: &mut Loader<'_>, on: &[&Entry], off: &[&Entry], project: &mut Project) {
    let numbers: SortedMap<&str, usize> = on
        .iter()
        .enumerate()
        .map(|(number, entry)| (&*entry.key, number))
        .collect();
    let mut edges = vec![Vec::new(); on.len()];
    let mut awaited = Vec::new();
    for (number, service) in project.services.iter().enumerate() {
        for own in &service.depends_on {
            let Naming { field, span } = naming(on[number], &own.service);
            if let Some(&other) = numbers.get(&*own.service) {
                edges[number].push(other);
                awaited.push((other, own.condition.clone(), span));
                continue;
            }
            let is_off = off.iter().find(|entry| entry.key == own.service);
            if !own.is_required {
                project.remarks.push(Remark {
                    service: service.name.clone(),
                    field: format!("depends_on.{}", own.service),
                    place: place(loader, span),
                    effect: "the service is not there, and the dependency optional".to_owned(),
                });
                continue;
            }
            let (name, other) = (&service.name, &own.service);
            let message = match field {
                "depends_on" => format!("service `{name}` depends on undefined service `{other}`"),
                _ => format!("`{field}` of `{name}` names the undefined service `{other}`"),
            };
            let finding = Finding::new(Code::UnknownName, message, span);
            loader.findings.push(if let Some(entry) = is_off {
                let profiles = entry.value.get("profiles").map_or(&[][..], Tree::items);
                let profile = profiles.first().and_then(Tree::text).unwrap_or_default();
                let or = match field {
                    "depends_on" => ", or write `required: false`",
                    _ => "",
                };
                let fix = format!("turn its profile on with `--profile {profile}`{or}");
                finding.label("its profiles are off").help(fix)
            } else {
                let known: Vec<&str> = numbers.keys().copied().collect();
                finding
                    .label("not declared")
                    .help(nearest::hint(&own.service, known))
            });
        }
    }
    if let Some(circle) = graph::cycle(&edges) {
        let names: Vec<&str> = circle
            .iter()
            .chain(circle.first())
            .map(|&own| &*on[own].key)
            .collect();
        let message = format!("dependency cycle: {}", names.join(" -> "));
        let first = on[circle[0]];
        let finding = Finding::new(Code::Conflict, message, naming(first, names[1]).span);
        let label = "expected services that don't wait for each other";
        let help = format!(
            "leave `{}` out of what `{}` depends on, or another step of the circle",
            names[1], names[0]
        );
        loader.findings.push(finding.label(label).help(help));
    }
    for (other, condition, span) in awaited {
        awaited_by(loader, project, other, &condition, span);
    }
}

/// What a service needs for a condition that another waits for.
fn awaited_by(
    loader: &mut Loader<'_>,
    project: &mut Project,
    other: usize,
    condition: &str,
    span: Span,
) {
    let place = place(loader, span);
    let service = &mut project.services[other];
    let effect = match condition {
        COMPLETED => {
            service.is_job = true;
            if service.is_global {
                let is_one_host = loader.request.target == Target::Compose;
                service.complete_on_each(if is_one_host { 1 } else { NODES });
            }
            if service.behaviour.run_time.is_some() {
                return;
            }
            service.behaviour.run_time = Some(ONCE.to_owned());
            format!("`x-windtunnel.runTime` states no run time, so it runs for {ONCE}")
        }
        HEALTHY if service.is_unchecked => {
            let message = format!("the health check of `{}` is switched off", service.name);
            loader.wrong(
                &message,
                span,
                "expected `service_started`, or a health check",
            );
            return;
        }
        HEALTHY if service.health.is_none() && loader.request.target == Target::Compose => {
            "the file states no health check, so it counts as healthy once it runs".to_owned()
        }
        _ => return,
    };
    project.remarks.push(Remark {
        service: service.name.clone(),
        field: "depends_on".to_owned(),
        place,
        effect,
    });
}

/// Refuses services whose names become one: objects have lower case letters, digits and dashes. Tells
/// of names that become others.
fn names(loader: &mut Loader<'_>, on: &[&Entry], project: &mut Project) {
    let mut known: SortedMap<String, &Entry> = SortedMap::new();
    for entry in on {
        let name = super::objects::object_name(&entry.key);
        if name.is_empty() {
            let message = format!("`{}` holds no letter and no digit", entry.key);
            let finding = Finding::new(Code::Impossible, message, entry.key_span);
            loader
                .findings
                .push(finding.label("expected a name of letters and digits"));
        } else if name != entry.key {
            project.remarks.push(Remark {
                service: entry.key.clone(),
                field: "name".to_owned(),
                place: place(loader, entry.key_span),
                effect: format!("its object is `{name}`, which operations and failures name"),
            });
        }
        if let Some(twin) = known.insert(name, entry) {
            let message = format!(
                "`{}` and `{}` become one name of an object",
                twin.key, entry.key
            );
            let finding = Finding::new(Code::DuplicateName, message, entry.key_span);
            let finding = finding.context(twin.key_span, "first here");
            loader.findings.push(finding.label("expected another name"));
        }
    }
}

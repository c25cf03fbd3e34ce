//! Declarations at the top of a project's files: networks, volumes, secrets, configs and models. None of them
//! has an effect here, so each is listed; those that an engine would refuse are refused.

use super::fields::{NETWORK, SECRET, STORE};
use super::ipam;
use super::load::Loader;
use super::project::Project;
use super::{Remark, Target};
use crate::diagnostic::{Code, Finding};
use crate::tree::{Entry, Tree, Value};
use units::{SortedMap, nearest, plural};

/// A kind of declarations.
struct Kind {
    /// Field at the top.
    top: &'static str,
    /// Fields of a declaration.
    fields: &'static [&'static str],
    /// Fields of which a declaration has exactly one, unless it is external.
    sources: &'static [&'static str],
    /// Drivers that an engine has without a plugin; empty where plugins alone are named.
    drivers: &'static [&'static str],
    /// Reason it has no effect.
    effect: &'static str,
}

/// All kinds.
const KINDS: &[Kind] = &[
    Kind {
        top: "configs",
        fields: &[
            "content",
            "environment",
            "external",
            "file",
            "labels",
            "name",
            "template_driver",
        ],
        sources: &["content", "environment", "file"],
        drivers: &[],
        effect: SECRET,
    },
    Kind {
        top: "models",
        fields: &["context_size", "model", "name", "runtime_flags"],
        sources: &["model"],
        drivers: &[],
        effect: SECRET,
    },
    Kind {
        top: "networks",
        fields: &[
            "attachable",
            "driver",
            "driver_opts",
            "enable_ipv4",
            "enable_ipv6",
            "external",
            "internal",
            "ipam",
            "labels",
            "name",
        ],
        sources: &[],
        drivers: &[
            "bridge",
            "default",
            "host",
            "ipvlan",
            "l2bridge",
            "l2tunnel",
            "macvlan",
            "nat",
            "none",
            "null",
            "overlay",
            "transparent",
        ],
        effect: NETWORK,
    },
    Kind {
        top: "secrets",
        fields: &[
            "driver",
            "driver_opts",
            "environment",
            "external",
            "file",
            "labels",
            "name",
            "template_driver",
        ],
        sources: &["driver", "environment", "file"],
        drivers: &[],
        effect: SECRET,
    },
    Kind {
        top: "volumes",
        fields: &["driver", "driver_opts", "external", "labels", "name"],
        sources: &[],
        drivers: &["local"],
        effect: STORE,
    },
];

/// Letters of a project's name.
const NAME: &str = "lower-case letters, digits, `-` and `_`, a letter or a digit first";

/// Checks and lists what a tree declares at its top.
pub(super) fn declared(loader: &mut Loader<'_>, tree: &Tree, project: &mut Project) {
    if let Some(own) = tree.get("name") {
        project_name(loader, own);
    }
    for kind in KINDS {
        let Some(own) = tree.get(kind.top) else {
            continue;
        };
        if !matches!(own.value, Value::Map(_) | Value::Null) {
            let expected = format!("a map of {}", kind.top);
            loader.wrong_type(own, &expected);
        }
        for entry in own.entries() {
            one(loader, kind, entry, project);
        }
    }
}

fn project_name(loader: &mut Loader<'_>, own: &Tree) {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let text = own.text().unwrap_or_default();
    let mut bytes = text.bytes();
    let is_right = bytes.next().is_some_and(is_letter)
        && bytes.all(|byte| is_letter(byte) || byte == b'-' || byte == b'_');
    if !is_right {
        let message = format!("`{text}` is no name of a project");
        let finding = Finding::new(Code::WrongType, message, own.span);
        loader
            .findings
            .push(finding.label(format!("expected {NAME}")));
    }
}

/// One declaration.
fn one(loader: &mut Loader<'_>, kind: &Kind, entry: &Entry, project: &mut Project) {
    let own = &entry.value;
    if !matches!(own.value, Value::Map(_) | Value::Null) {
        loader.wrong_type(own, "a map, or nothing");
        return;
    }
    let fields: Vec<&Entry> = (own.entries().iter())
        .filter(|field| !field.key.starts_with("x-"))
        .collect();
    for field in &fields {
        if !kind.fields.contains(&&*field.key) {
            let message = format!("there is no field `{}` here", field.key);
            let finding = Finding::new(Code::UnknownField, message, field.key_span);
            let hint = nearest::hint(&field.key, kind.fields.iter().copied());
            loader.findings.push(finding.label("not known").help(hint));
        }
    }
    let is_external = match own.get("external").map(|own| &own.value) {
        Some(Value::Bool(is_external)) => *is_external,
        // An older form, with a name.
        Some(Value::Map(_)) => true,
        _ => false,
    };
    let surplus = fields
        .iter()
        .find(|field| is_external && !["external", "name"].contains(&&*field.key));
    if let Some(field) = surplus {
        let message = format!(
            "`{}` is external, so `{}` has no meaning",
            entry.key, field.key
        );
        loader.wrong(&message, field.key_span, "leave it or `external` out");
    }
    sources(loader, kind, entry, is_external);
    let plugin = own
        .get("driver")
        .and_then(|driver| plugin(loader, kind, driver));
    if let Some(ipam) = own
        .get("ipam")
        .filter(|_| kind.top == "networks" && !is_external)
    {
        ipam::check(loader, ipam);
    }
    if !fields.is_empty() {
        let (line, column) = loader.sources.position(entry.key_span);
        let file = &loader.sources.get(entry.key_span.source).name;
        project.remarks.push(Remark {
            service: String::new(),
            field: format!("{}.{}", kind.top, entry.key),
            place: format!("{file}:{line}:{column}"),
            effect: match plugin {
                None => kind.effect.to_owned(),
                Some(name) => format!("the driver `{name}` is taken to be there; {}", kind.effect),
            },
        });
    }
}

/// The driver that an engine has by a plugin alone. One that is written nearly as one of the engine's own is
/// refused, as Compose refuses a driver that is not there.
fn plugin(loader: &mut Loader<'_>, kind: &Kind, own: &Tree) -> Option<String> {
    let Some(name) = own.text().filter(|name| !name.is_empty()) else {
        loader.wrong_type(own, "the name of a driver");
        return None;
    };
    if kind.drivers.contains(&name) {
        return None;
    }
    if let Some(known) = nearest::nearest(name, kind.drivers.iter().copied()) {
        let message = format!("no driver of {} is named `{name}`", kind.top);
        let finding = Finding::new(Code::WrongType, message, own.span);
        let hint = format!("did you mean `{known}`?");
        loader.findings.push(finding.label("not known").help(hint));
        return None;
    }
    Some(name.to_owned())
}

/// Holds a declaration to one source of its content.
fn sources(loader: &mut Loader<'_>, kind: &Kind, entry: &Entry, is_external: bool) {
    if is_external || kind.sources.is_empty() {
        return;
    }
    let given: Vec<&str> = (kind.sources.iter().copied())
        .filter(|source| entry.value.get(source).is_some())
        .collect();
    let expected = kind.sources.join("`, `");
    match given[..] {
        [_] => {}
        [] => {
            let message = format!("`{}` of `{}` has no content", entry.key, kind.top);
            let finding = Finding::new(Code::MissingField, message, entry.key_span);
            loader
                .findings
                .push(finding.label(format!("expected one of `{expected}`")));
        }
        [first, second, ..] => {
            let message = format!("`{}` has both `{first}` and `{second}`", entry.key);
            loader.wrong(&message, entry.key_span, "expected one of the two");
        }
    }
}

/// Holds fixed names of containers to one container each.
pub(super) fn container_names(loader: &mut Loader<'_>, on: &[&Entry], project: &Project) {
    // A stack and objects have names of their own.
    if loader.request.target != Target::Compose {
        return;
    }
    let mut known: SortedMap<&str, &Entry> = SortedMap::new();
    for (entry, service) in on.iter().zip(&project.services) {
        let Some(stated) = entry.value.get("container_name") else {
            continue;
        };
        let Some(name) = stated.text() else {
            loader.wrong_type(stated, "the name of a container");
            continue;
        };
        if service.replicas > 1 {
            let message = format!(
                "{} of `{}` would have the name `{name}`",
                plural::count(service.replicas, "container"),
                service.name
            );
            loader.wrong(&message, stated.span, "leave the name out, or run one");
        }
        if let Some(twin) = known.insert(name, entry) {
            let message = format!("`{}` has the name `{name}`, too", twin.key);
            let finding = Finding::new(Code::DuplicateName, message, stated.span);
            let finding = finding.context(twin.key_span, "declared here");
            loader
                .findings
                .push(finding.label("expected a name of its own"));
        }
    }
}

/// Checks fields of a service that have no effect, and that an engine would refuse.
pub(super) fn refused(loader: &mut Loader<'_>, service: &Tree) {
    const ACTIONS: [&str; 5] = ["rebuild", "restart", "sync", "sync+exec", "sync+restart"];
    const MOUNTS: [&str; 6] = ["bind", "cluster", "image", "npipe", "tmpfs", "volume"];
    if let Some(own) = service.get("provider")
        && own.get("type").and_then(Tree::text).is_none()
    {
        missing(loader, own, "type", "the name of a provider");
    }
    let watch = service.get("develop").and_then(|own| own.get("watch"));
    for own in watch.map_or(&[][..], Tree::items) {
        chosen(loader, own, "action", &ACTIONS);
        if own.get("path").is_none() {
            missing(loader, own, "path", "the folder or file that is watched");
        }
    }
    let volumes = service.get("volumes").map_or(&[][..], Tree::items);
    for own in volumes
        .iter()
        .filter(|own| matches!(own.value, Value::Map(_)))
    {
        chosen(loader, own, "type", &MOUNTS);
        if own.get("target").is_none() {
            missing(loader, own, "target", "the path in the container");
        }
    }
    let test = service
        .get("healthcheck")
        .and_then(|own| own.get("test"))
        .and_then(|own| own.items().first());
    let is_right = |own: &Tree| matches!(own.text(), Some("NONE" | "CMD" | "CMD-SHELL"));
    if let Some(first) = test.filter(|own| !is_right(own)) {
        loader.wrong_type(first, "`CMD`, `CMD-SHELL` or `NONE`, followed by the test");
    }
}

fn missing(loader: &mut Loader<'_>, tree: &Tree, field: &str, expected: &str) {
    let message = format!("`{field}` is missing");
    let finding = Finding::new(Code::MissingField, message, tree.span);
    loader
        .findings
        .push(finding.label(format!("expected `{field}`: {expected}")));
}

/// Holds a field that has to be there to its words.
fn chosen(loader: &mut Loader<'_>, tree: &Tree, field: &str, words: &[&str]) {
    let Some(own) = tree.get(field) else {
        return missing(loader, tree, field, &format!("one of {}", words.join(", ")));
    };
    if own.text().is_none_or(|text| !words.contains(&text)) {
        let found = own
            .text()
            .map_or_else(|| own.value.kind().to_owned(), |text| format!("`{text}`"));
        let message = format!("{field}: {found} is none of {}", words.join(", "));
        let finding = Finding::new(Code::WrongType, message, own.span);
        let hint = nearest::hint(own.text().unwrap_or_default(), words.iter().copied());
        loader.findings.push(finding.label("not known").help(hint));
    }
}

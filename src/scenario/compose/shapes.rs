//! Shapes of the fields of a service whose values a run does not read, and of the fields within them
//! (compose-spec `compose-spec.json`): a wrong one is refused as an engine refuses it.

use super::amount;
use super::load::Loader;
use crate::diagnostic::{Code, Finding};
use crate::tree::{Entry, Tree, Value};
use units::nearest;

#[cfg(test)]
mod tests;

/// Shape of a value; nothing, and a text without letters, stand for a value that is not stated.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// Anything: another part checks it, or nobody knows its fields.
    Any,
    /// A text or a number.
    Text,
    /// One of these words.
    Words(&'static [&'static str]),
    /// `true` or `false`, or a word for one of the two.
    Flag,
    /// A number.
    Number,
    /// A size in bytes, or `-1` for no bound.
    Size,
    /// A list, with the shape of its items.
    List(&'static Shape),
    /// A map of names, with the shape of their values.
    Named(&'static Shape),
    /// A map of these fields.
    Fields(&'static [(&'static str, Shape)]),
    /// A list of texts, or a map of scalars.
    Pairs,
    /// The first of these whose kind the value has.
    Either(&'static [Shape]),
}

use Shape::{Any, Either, Fields, Flag, List, Named, Number, Pairs, Size, Text, Words};

const TEXTS: Shape = List(&Text);
const TEXT_OR_TEXTS: Shape = Either(&[Text, TEXTS]);
const NAMED_ANY: Shape = Named(&Any);

const FILE_REFERENCES: Shape = List(&Either(&[
    Text,
    Fields(&[
        ("gid", Text),
        ("mode", Text),
        ("source", Text),
        ("target", Text),
        ("uid", Text),
    ]),
]));

const ULIMITS: Shape = Named(&Either(&[
    Number,
    Fields(&[("hard", Number), ("soft", Number)]),
]));

const BUILD: Shape = Either(&[
    Text,
    Fields(&[
        ("additional_contexts", Pairs),
        ("args", Pairs),
        ("cache_from", TEXTS),
        ("cache_to", TEXTS),
        ("context", Text),
        ("dockerfile", Text),
        ("dockerfile_inline", Text),
        ("entitlements", TEXTS),
        ("extra_hosts", Either(&[Pairs, Named(&TEXT_OR_TEXTS)])),
        ("isolation", Text),
        ("labels", Pairs),
        ("network", Text),
        ("no_cache", Flag),
        ("no_cache_filter", TEXT_OR_TEXTS),
        ("platforms", TEXTS),
        ("privileged", Flag),
        ("provenance", Any),
        ("pull", Flag),
        ("sbom", Any),
        ("secrets", FILE_REFERENCES),
        ("shm_size", Size),
        ("ssh", Either(&[Text, Pairs])),
        ("tags", TEXTS),
        ("target", Text),
        ("ulimits", ULIMITS),
    ]),
]);

const DEVICE_RATES: Shape = List(&Fields(&[("path", Text), ("rate", Size)]));

const HOOKS: Shape = List(&HOOK);
const HOOK: Shape = Fields(&[
    ("command", TEXT_OR_TEXTS),
    ("environment", Pairs),
    ("privileged", Flag),
    ("user", Text),
    ("working_dir", Text),
]);

const WATCH: Shape = List(&Fields(&[
    ("action", Any),
    ("exec", HOOK),
    ("ignore", TEXT_OR_TEXTS),
    ("include", TEXT_OR_TEXTS),
    ("initial_sync", Flag),
    ("path", Text),
    ("target", Text),
]));

const VOLUMES: Shape = List(&Either(&[
    Text,
    Fields(&[
        (
            "bind",
            Fields(&[
                ("create_host_path", Flag),
                ("propagation", Text),
                (
                    "recursive",
                    Words(&["disabled", "enabled", "readonly", "writable"]),
                ),
                ("selinux", Words(&["Z", "z"])),
            ]),
        ),
        ("consistency", Text),
        ("image", Fields(&[("subpath", Text)])),
        ("read_only", Flag),
        ("source", Text),
        ("target", Text),
        ("tmpfs", Fields(&[("mode", Number), ("size", Size)])),
        ("type", Any),
        (
            "volume",
            Fields(&[("labels", Pairs), ("nocopy", Flag), ("subpath", Text)]),
        ),
    ]),
]));

const NETWORKS: Shape = Either(&[
    TEXTS,
    Named(&Fields(&[
        ("aliases", TEXTS),
        ("driver_opts", NAMED_ANY),
        ("gw_priority", Number),
        ("interface_name", Text),
        ("ipv4_address", Text),
        ("ipv6_address", Text),
        ("link_local_ips", TEXTS),
        ("mac_address", Text),
        ("priority", Number),
    ])),
]);

/// Ports; what their fields say is read elsewhere.
const PORTS: Shape = List(&Either(&[
    Text,
    Fields(&[
        ("app_protocol", Text),
        ("host_ip", Any),
        ("mode", Words(&["host", "ingress"])),
        ("name", Text),
        ("protocol", Any),
        ("published", Any),
        ("target", Any),
    ]),
]));

const DEPLOY: Shape = Fields(&[
    ("endpoint_mode", Words(&["dnsrr", "vip"])),
    ("labels", Pairs),
    ("mode", Any),
    (
        "placement",
        Fields(&[
            ("constraints", List(&Any)),
            ("max_replicas_per_node", Any),
            ("preferences", List(&Fields(&[("spread", Any)]))),
        ]),
    ),
    ("replicas", Any),
    ("resources", Any),
    ("restart_policy", Any),
    ("rollback_config", Any),
    ("update_config", Any),
]);

/// Shapes of a service's fields, by name; those that are missing are checked as they are read.
const OF_SERVICES: &[(&str, Shape)] = &[
    ("annotations", Pairs),
    ("attach", Flag),
    (
        "blkio_config",
        Fields(&[
            ("device_read_bps", DEVICE_RATES),
            ("device_read_iops", DEVICE_RATES),
            ("device_write_bps", DEVICE_RATES),
            ("device_write_iops", DEVICE_RATES),
            ("weight", Number),
            (
                "weight_device",
                List(&Fields(&[("path", Text), ("weight", Number)])),
            ),
        ]),
    ),
    ("build", BUILD),
    ("cap_add", TEXTS),
    ("cap_drop", TEXTS),
    ("cgroup", Words(&["host", "private"])),
    ("cgroup_parent", Text),
    ("command", TEXT_OR_TEXTS),
    ("configs", FILE_REFERENCES),
    ("cpu_count", Number),
    ("cpu_percent", Number),
    ("cpu_period", Any),
    ("cpu_quota", Number),
    ("cpu_rt_period", Any),
    ("cpu_rt_runtime", Any),
    ("cpu_shares", Number),
    ("cpuset", Text),
    (
        "credential_spec",
        Fields(&[("config", Text), ("file", Text), ("registry", Text)]),
    ),
    ("deploy", DEPLOY),
    ("develop", Fields(&[("watch", WATCH)])),
    ("device_cgroup_rules", TEXTS),
    (
        "devices",
        List(&Either(&[
            Text,
            Fields(&[("permissions", Text), ("source", Text), ("target", Text)]),
        ])),
    ),
    ("dns", TEXT_OR_TEXTS),
    ("dns_opt", TEXTS),
    ("dns_search", TEXT_OR_TEXTS),
    ("domainname", Text),
    ("driver_opts", NAMED_ANY),
    ("entrypoint", TEXT_OR_TEXTS),
    (
        "env_file",
        Either(&[
            Text,
            List(&Either(&[
                Text,
                Fields(&[("format", Text), ("path", Any), ("required", Any)]),
            ])),
        ]),
    ),
    ("environment", Pairs),
    ("expose", List(&Any)),
    ("external_links", TEXTS),
    ("extra_hosts", Either(&[Pairs, Named(&TEXT_OR_TEXTS)])),
    ("group_add", TEXTS),
    ("hostname", Text),
    ("init", Flag),
    ("ipc", Text),
    ("isolation", Text),
    ("label_file", TEXT_OR_TEXTS),
    ("labels", Pairs),
    ("links", TEXTS),
    (
        "logging",
        Fields(&[("driver", Text), ("options", NAMED_ANY)]),
    ),
    ("mac_address", Text),
    ("mem_swappiness", Number),
    ("memswap_limit", Size),
    (
        "models",
        Either(&[
            TEXTS,
            Named(&Fields(&[("endpoint_var", Text), ("model_var", Text)])),
        ]),
    ),
    ("network_mode", Text),
    ("networks", NETWORKS),
    ("oom_kill_disable", Flag),
    ("oom_score_adj", Number),
    ("pid", Text),
    ("pids_limit", Number),
    ("platform", Text),
    ("ports", PORTS),
    ("post_start", HOOKS),
    ("pre_stop", HOOKS),
    ("privileged", Flag),
    ("profiles", TEXTS),
    ("provider", Fields(&[("options", NAMED_ANY), ("type", Any)])),
    ("pull_refresh_after", Text),
    ("read_only", Flag),
    ("runtime", Text),
    ("secrets", FILE_REFERENCES),
    ("security_opt", TEXTS),
    ("shm_size", Size),
    ("stdin_open", Flag),
    ("stop_signal", Text),
    ("storage_opt", NAMED_ANY),
    ("sysctls", Pairs),
    ("tmpfs", TEXT_OR_TEXTS),
    ("tty", Flag),
    ("ulimits", ULIMITS),
    ("use_api_socket", Flag),
    ("user", Text),
    ("userns_mode", Text),
    ("uts", Text),
    ("volumes", VOLUMES),
    ("volumes_from", TEXTS),
    ("working_dir", Text),
];

/// Words for `true` and `false`.
const FLAGS: &[&str] = &["false", "n", "no", "off", "on", "true", "y", "yes"];

impl Shape {
    /// The value that is expected, in words.
    fn expected(self) -> String {
        match self {
            Any => "anything".to_owned(),
            Text => "a text".to_owned(),
            Words(words) => format!("`{}`", words.join("` or `")),
            Flag => "`true` or `false`".to_owned(),
            Number => "a number".to_owned(),
            Size => amount::BYTES.to_owned(),
            List(_) => "a list".to_owned(),
            Named(_) | Fields(_) => "a map".to_owned(),
            Pairs => "a list or a map".to_owned(),
            Either(shapes) => {
                let own: Vec<String> = shapes.iter().map(|shape| shape.expected()).collect();
                own.join(" or ")
            }
        }
    }

    /// Whether a value has the kind of this shape, whatever is in it.
    fn is_kind_of(self, value: &Value) -> bool {
        match self {
            Any => true,
            Text | Words(_) | Number | Size => matches!(value, Value::String(_) | Value::Number(_)),
            Flag => matches!(value, Value::Bool(_) | Value::String(_)),
            List(_) => matches!(value, Value::List(_)),
            Named(_) | Fields(_) => matches!(value, Value::Map(_)),
            Pairs => {
                let is_scalar = |own: &Tree| !matches!(own.value, Value::Map(_) | Value::List(_));
                match value {
                    Value::List(items) => items.iter().all(is_scalar),
                    Value::Map(entries) => entries.iter().all(|entry| is_scalar(&entry.value)),
                    _ => false,
                }
            }
            Either(shapes) => shapes.iter().any(|shape| shape.is_kind_of(value)),
        }
    }

    /// Whether a scalar of the right kind says what it should.
    fn is_said(self, text: &str) -> bool {
        match self {
            Words(words) => words.contains(&text),
            Flag => FLAGS.contains(&&*text.to_ascii_lowercase()),
            Number => text.parse().is_ok_and(f64::is_finite) || is_octal(text),
            Size => text == "-1" || amount::bytes(text).is_some(),
            _ => true,
        }
    }
}

/// Whether a text is a number in the octal form of YAML.
fn is_octal(text: &str) -> bool {
    let digits = text.strip_prefix("0o");
    digits.is_some_and(|digits| u64::from_str_radix(digits, 8).is_ok())
}

/// Checks the fields of a service.
pub(super) fn check(loader: &mut Loader<'_>, service: &Tree) {
    for entry in service.entries() {
        if let Some((_, shape)) = OF_SERVICES.iter().find(|(name, _)| *name == entry.key) {
            one(loader, &entry.key, &entry.value, *shape);
        }
    }
    let networks = service.get("networks");
    let has_networks =
        networks.is_some_and(|own| !own.items().is_empty() || !own.entries().is_empty());
    let mode = service.entry("network_mode");
    let stated = mode.filter(|own| has_networks && own.value.value != Value::Null);
    if let Some(mode) = stated {
        let message = "`network_mode` and `networks` both say which networks there are";
        loader.wrong(message, mode.key_span, "leave one of the two out");
    }
}

/// Checks the value of a field, or what is in it.
fn one(loader: &mut Loader<'_>, field: &str, tree: &Tree, shape: Shape) {
    if tree.value == Value::Null || tree.text() == Some("") {
        return;
    }
    if !shape.is_kind_of(&tree.value) {
        return loader.wrong_type(tree, &shape.expected());
    }
    match shape {
        Either(shapes) => {
            let own = shapes.iter().find(|own| own.is_kind_of(&tree.value));
            if let Some(own) = own {
                one(loader, field, tree, *own);
            }
        }
        List(shape) => {
            for item in tree.items() {
                one(loader, field, item, *shape);
            }
        }
        Named(shape) => {
            for entry in tree.entries() {
                one(loader, &entry.key, &entry.value, *shape);
            }
        }
        Fields(fields) => {
            for entry in tree.entries() {
                match fields.iter().find(|(name, _)| *name == entry.key) {
                    Some((_, shape)) => one(loader, &entry.key, &entry.value, *shape),
                    None if entry.key.starts_with("x-") => {}
                    None => {
                        let known: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
                        unknown(loader, entry, &known);
                    }
                }
            }
        }
        Any | Text | Words(_) | Flag | Number | Size | Pairs => {
            if let Some(text) = tree.text().filter(|text| !shape.is_said(text)) {
                let expected = shape.expected();
                let message = format!("{field}: `{text}` is not {expected}");
                let finding = Finding::new(Code::WrongType, message, tree.span);
                let finding = finding.label(format!("expected {expected}"));
                loader.findings.push(finding);
            }
        }
    }
}

/// Refuses a field that is not known.
pub(super) fn unknown(loader: &mut Loader<'_>, entry: &Entry, known: &[&str]) {
    let message = format!("there is no field `{}` here", entry.key);
    let finding = Finding::new(Code::UnknownField, message, entry.key_span);
    let hint = nearest::hint(&entry.key, known.iter().copied());
    loader.findings.push(finding.label("not known").help(hint));
}

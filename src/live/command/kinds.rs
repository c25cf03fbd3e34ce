//! Kinds of objects as users name them.

use k8s::kind_named;
use model::Object;
use units::nearest::hint;

/// Kinds that are listed beside those of objects.
const OTHERS: [&str; 2] = ["Pod", "Node"];

/// Namespace of objects for which none is named.
pub(super) const DEFAULT: &str = "default";

/// Wish of a user: a kind, or one object of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) kind: &'static str,
    /// Namespace and name of one object; without a namespace, in all of them.
    pub(super) object: Option<(Option<String>, String)>,
}

/// Kinds of `all`, as `kubectl` has them.
const ALL: [&str; 10] = [
    "Pod",
    "ReplicationController",
    "Service",
    "DaemonSet",
    "Deployment",
    "ReplicaSet",
    "StatefulSet",
    "HorizontalPodAutoscaler",
    "CronJob",
    "Job",
];

/// Wishes of a user that are fulfilled together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Several(pub(super) Vec<Wanted>);

/// The kinds that a text names, between commas, or `all`; or one object.
pub(super) fn several(text: &str) -> Result<Several, String> {
    if text == "all" {
        let all = ALL.map(|kind| Wanted { kind, object: None });
        return Ok(Several(all.into()));
    }
    let wanted: Result<Vec<Wanted>, String> = text.split(',').map(wanted).collect();
    let wanted = wanted?;
    if wanted.len() > 1 && wanted.iter().any(|one| one.object.is_some()) {
        return Err(
            "expected kinds between commas, such as `pods,services`, or one object".to_owned(),
        );
    }
    Ok(Several(wanted))
}

/// The kind, or the object, that a text names.
pub(super) fn wanted(text: &str) -> Result<Wanted, String> {
    let mut parts = text.split('/');
    let kind = kind(parts.next().unwrap_or_default())?;
    let rest: Vec<&str> = parts.collect();
    let object = match rest.as_slice() {
        [] => None,
        [name] if !name.is_empty() => Some((None, (*name).to_owned())),
        [namespace, name] if !is_of_cluster(kind) && !namespace.is_empty() && !name.is_empty() => {
            Some((Some((*namespace).to_owned()), (*name).to_owned()))
        }
        _ => return Err(path_of(kind)),
    };
    Ok(Wanted { kind, object })
}

/// The one object that a text names, as `KIND/NAMESPACE/NAME`, or `KIND/NAME` for one of the whole cluster;
/// without a namespace it is that of the name `default`.
pub(super) fn one_object(text: &str) -> Result<String, String> {
    let Wanted { kind, object } = wanted(text)?;
    match object {
        Some((_, name)) if is_of_cluster(kind) => Ok(format!("{kind}/{name}")),
        Some((namespace, name)) => {
            let namespace = namespace.unwrap_or_else(|| DEFAULT.to_owned());
            Ok(format!("{kind}/{namespace}/{name}"))
        }
        None => Err(path_of(kind)),
    }
}

/// Returns whether objects of a kind have no namespace.
pub(super) fn is_of_cluster(kind: &str) -> bool {
    kind == "Node" || Object::OF_CLUSTER.contains(&kind)
}

/// Form in which one object of a kind is named, as messages state it.
fn path_of(kind: &str) -> String {
    if is_of_cluster(kind) {
        format!("expected `{kind}/NAME`")
    } else {
        format!("expected `{kind}/NAMESPACE/NAME`")
    }
}

/// The kind that a word names: the kind itself, its plural or its short name, in any case.
fn kind(word: &str) -> Result<&'static str, String> {
    let held = || OTHERS.iter().chain(Object::KINDS).copied();
    let known = kind_named(word).ok();
    let known = known.and_then(|known| held().find(|kind| *kind == known));
    known.ok_or_else(|| {
        let hint = hint(word, held());
        format!(
            "a control server holds no such kind (plural and short names such as `pods` or `deploy` are \
             taken as well); {hint}"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_named_as_kubectl_takes_them() {
        for (text, kind) in [
            ("pods", "Pod"),
            ("po", "Pod"),
            ("no", "Node"),
            ("deploy", "Deployment"),
            ("deployments", "Deployment"),
            ("Deployment", "Deployment"),
            ("rs", "ReplicaSet"),
            ("sts", "StatefulSet"),
            ("ds", "DaemonSet"),
            ("jobs", "Job"),
            ("cj", "CronJob"),
            ("hpa", "HorizontalPodAutoscaler"),
            ("horizontalpodautoscalers", "HorizontalPodAutoscaler"),
            ("svc", "Service"),
            ("pdb", "PodDisruptionBudget"),
            ("ingresses", "Ingress"),
            ("cm", "ConfigMap"),
        ] {
            let object = None;
            assert_eq!(wanted(text), Ok(Wanted { kind, object }), "{text}");
        }
        // Everything that a control server holds has a name.
        for kind in OTHERS.iter().chain(Object::KINDS) {
            let found = wanted(kind).map(|wanted| wanted.kind);
            assert_eq!(found, Ok(*kind));
        }
    }

    #[test]
    fn what_changes_one_object_needs_its_name() {
        for (text, object) in [
            ("deploy/web", "Deployment/default/web"),
            ("po/shop/web-0", "Pod/shop/web-0"),
            ("node/n0", "Node/n0"),
            ("PriorityClass/high", "PriorityClass/high"),
        ] {
            assert_eq!(one_object(text).as_deref(), Ok(object));
        }
        let why = one_object("deploy").expect_err("no name");
        assert_eq!(why, "expected `Deployment/NAMESPACE/NAME`");
        let why = one_object("n0").expect_err("no kind");
        assert!(
            why.starts_with("a control server holds no such kind"),
            "{why}"
        );
    }

    #[test]
    fn one_object_is_named_by_its_path() {
        let one = |text: &str| wanted(text).expect("an object").object;
        let web = "web".to_owned();
        let default = Some("default".to_owned());
        assert_eq!(one("deploy/web"), Some((None, web.clone())));
        assert_eq!(one("Deployment/default/web"), Some((default, web)));
        assert_eq!(one("Node/n0"), Some((None, "n0".to_owned())));
        for text in [
            "deploy/",
            "deploy//web",
            "deploy/a/b/c",
            "Node/a/b",
            "Node/",
        ] {
            let why = wanted(text).expect_err(text);
            assert!(why.starts_with("expected `"), "{why}");
        }
        for text in ["", "xxxxxxxxxx", "all", "pods,nodes"] {
            let why = wanted(text).expect_err(text);
            assert!(
                why.starts_with("a control server holds no such kind"),
                "{why}"
            );
        }
        let why = wanted("deploymend").expect_err("no kind");
        assert!(why.ends_with("did you mean `Deployment`?"), "{why}");
    }

    #[test]
    fn several_kinds_are_named_together() {
        let kinds = |text: &str| -> Vec<&str> {
            let several = several(text).expect(text).0;
            several.iter().map(|wanted| wanted.kind).collect()
        };
        assert_eq!(kinds("pods,svc"), ["Pod", "Service"]);
        assert_eq!(kinds("deploy/web"), ["Deployment"]);
        assert_eq!(kinds("all"), ALL);
        for text in ["pods,", "pods,deploy/web", "pods,all"] {
            assert!(several(text).is_err(), "{text}");
        }
    }
}

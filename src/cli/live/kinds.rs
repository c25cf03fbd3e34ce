//! Kinds of objects as users name them.

use manifest::kind_named;
use model::Object;

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
    let known = match word {
        "cm" => Some("ConfigMap"),
        word => kind_named(word).ok(),
    };
    let known = known.and_then(|known| held().find(|kind| *kind == known));
    known.ok_or_else(|| {
        let kinds: Vec<&str> = held().collect();
        let near = units::nearest::nearest(word, held());
        let near = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
        format!(
            "a control server holds no such kind; {near}expected one of {}, or a plural or short name such \
             as `pods` or `deploy`",
            kinds.join(", ")
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
        assert!(why.contains("expected one of Pod, Node"), "{why}");
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
        for text in ["", "foo", "pvc", "all", "pods,nodes"] {
            let why = wanted(text).expect_err(text);
            assert!(
                why.contains("expected one of Pod, Node, Deployment"),
                "{why}"
            );
        }
    }
}

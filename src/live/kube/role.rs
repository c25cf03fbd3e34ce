//! The rights that a scheduler needs, as objects to apply.

use std::fmt::Write as _;

use units::SortedMap;

use crate::wire::observation::Kind;

/// A role and its binding to an account. One that decides beside the cluster's own scheduler reads alone.
pub fn manifest(account: &str, namespace: &str, binds: bool) -> String {
    let mut groups: SortedMap<&str, Vec<&str>> = SortedMap::new();
    for kind in Kind::ALL {
        let place = kind.place();
        groups.entry(place.group).or_default().push(place.plural);
    }
    let mut rules = String::new();
    let mut rule = |group: &str, resources: &str, verbs: &str| {
        let _ = writeln!(
            rules,
            "- {{apiGroups: [\"{group}\"], resources: [{resources}], verbs: [{verbs}]}}"
        );
    };
    for (group, kinds) in &groups {
        rule(group, &kinds.join(", "), "get, list, watch");
    }
    if binds {
        rule("", "pods/binding", "create");
        rule("", "pods/status", "patch");
        rule("", "pods", "delete");
        rule("events.k8s.io", "events", "create");
        rule("coordination.k8s.io", "leases", "get, create, update");
    }
    format!(
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {account}, namespace: {namespace}}}\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: {account}}}\nrules:\n{rules}---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {{name: {account}}}\n\
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {account}}}\n\
         subjects:\n- {{kind: ServiceAccount, name: {account}, namespace: {namespace}}}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_only_looks_may_write_nothing() {
        let text = manifest("windtunnel", "kube-system", false);
        for verb in ["create", "update", "patch", "delete"] {
            assert!(!text.contains(verb), "{verb}: {text}");
        }
        let documents = k8s::read_values(&text).expect("objects");
        assert_eq!(documents.len(), 3);
        let text = manifest("windtunnel", "kube-system", true);
        assert!(
            text.contains("resources: [pods/binding], verbs: [create]"),
            "{text}"
        );
    }
}

//! Sets of machines that nodes belong to. OpenShift's and Cluster API's machine controllers name them in a node's
//! annotations alone, so the reader gives such a node a label of its pool, as the nodes of other providers have.
//!
//! Sources: nodes of OpenShift (`machine.openshift.io/machine`); `cluster-api`: the annotations of nodes, and the
//! five drawn letters behind the name of a deployment's set (`apirand.String(5)`).

use model::node::{GROUP_LABEL, MACHINE_SET_LABEL, POOL_LABELS};
use model::{Labels, Text};

use super::keys::{MACHINE, MACHINE_OWNER_KIND, MACHINE_OWNER_NAME};
use super::raw::Annotations;

/// Letters and digits of the suffixes that Kubernetes draws (`k8s.io/apimachinery/pkg/util/rand`).
const DRAWN: &str = "bcdfghjklmnpqrstvwxz2456789";
/// Number of them in a suffix.
const DRAWN_LENGTH: usize = 5;

/// Labels a node with the set of its machine, unless a label names its pool.
pub(super) fn label_pool(labels: &mut Labels, annotations: &Annotations) {
    let has_pool = std::iter::once(GROUP_LABEL)
        .chain(POOL_LABELS)
        .any(|label| labels.contains_key(label));
    if has_pool {
        return;
    }
    if let Some(set) = machine_set(|key| annotations.get(key)) {
        labels.insert(MACHINE_SET_LABEL.into(), Text::from(set));
    }
}

/// The set of a node's machine, by the annotations of the node. Of a set that a deployment of machines made, the name is
/// that of the deployment, so that a roll-out does not split its pool.
fn machine_set<'a>(annotation: impl Fn(&str) -> Option<&'a str>) -> Option<&'a str> {
    if let Some(machine) = annotation(MACHINE) {
        let name = machine.rsplit('/').next()?;
        return without_suffix(name, is_drawn);
    }
    let owner = annotation(MACHINE_OWNER_NAME).filter(|name| !name.is_empty())?;
    match annotation(MACHINE_OWNER_KIND)? {
        "MachineSet" => {
            Some(without_suffix(owner, |end| is_drawn(end) || is_hash(end)).unwrap_or(owner))
        }
        "MachinePool" => Some(owner),
        _ => None,
    }
}

/// A name without what stands behind its last hyphen, if that was made and not chosen.
fn without_suffix(name: &str, is_made: impl Fn(&str) -> bool) -> Option<&str> {
    let (start, end) = name.rsplit_once('-')?;
    (is_made(end) && !start.is_empty()).then_some(start)
}

fn is_drawn(end: &str) -> bool {
    end.len() == DRAWN_LENGTH && end.chars().all(|own| DRAWN.contains(own))
}

/// Older sets of Cluster API carry the hash of their template, a number of nine or ten digits.
fn is_hash(end: &str) -> bool {
    end.len() >= 9 && end.bytes().all(|own| own.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_belong_to_the_set_of_their_machine() {
        let check = |annotations: &[(&str, &str)], expected: Option<&str>| {
            let find = |key: &str| {
                let found = annotations.iter().find(|(own, _)| *own == key);
                found.map(|(_, value)| *value)
            };
            assert_eq!(machine_set(find), expected, "{annotations:?}");
        };
        let worker = "openshift-machine-api/shop-7xk2p-worker-eu-west-1a-9l6wq";
        check(&[(MACHINE, worker)], Some("shop-7xk2p-worker-eu-west-1a"));
        let of_control_plane = "openshift-machine-api/shop-7xk2p-master-0";
        check(&[(MACHINE, of_control_plane)], None);
        let owned = |kind: &'static str, name: &'static str| {
            [(MACHINE_OWNER_KIND, kind), (MACHINE_OWNER_NAME, name)]
        };
        check(&owned("MachineSet", "shop-md-0-x7k2p"), Some("shop-md-0"));
        check(
            &owned("MachineSet", "shop-md-0-5d9c8b7f4d-x7k2p"),
            Some("shop-md-0-5d9c8b7f4d"),
        );
        check(
            &owned("MachineSet", "shop-md-0-1234567890"),
            Some("shop-md-0"),
        );
        check(&owned("MachineSet", "batch"), Some("batch"));
        check(
            &owned("MachinePool", "shop-pool-x7k2p"),
            Some("shop-pool-x7k2p"),
        );
        check(&owned("KubeadmControlPlane", "shop-control-plane"), None);
        check(&[], None);
    }
}

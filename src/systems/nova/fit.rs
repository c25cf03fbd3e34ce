//! Options of Nova beside what happens to its hosts.

use control::operation::Operation;

use super::section::Nova;
use crate::setting::Setting;

/// Notes about options that change nothing.
pub(crate) fn idle(stated: &Nova, setting: &Setting<'_>) -> Vec<String> {
    let cordons = |own: &Operation| {
        matches!(
            own,
            Operation::Cordon(_) | Operation::Drain(..) | Operation::Upgrade(_)
        )
    };
    let is_used = setting.declared.iter().any(|(_, own)| cordons(own))
        || setting.has_failures
        || setting.nodes.iter().any(|node| node.unschedulable);
    if stated.live_migration.is_none() || is_used {
        return Vec::new();
    }
    vec![
        "system.nova.liveMigration has no effect: no host is taken out of use; write `cordon`, `drain` or `upgrade` \
         under `operations`, or leave it out"
            .to_owned(),
    ]
}

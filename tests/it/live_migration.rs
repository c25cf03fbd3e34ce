//! Live migration of a cloud's instances: one after the other, and several over one link.

use crate::failover::{Story, play};

#[test]
fn nova_moves_instances_off_a_host_that_is_drained() {
    // A GiB of the guest system and one of the pod, at 128 MiB/s: 16 s each, one after the other.
    let drained = "operations: [{at: 53s, drain: n0}]\nstop: {at: 10m}\n";
    let moves = "liveMigration: {bandwidth: 128Mi}";
    let system = format!("name: nova, nova: {{machine: {{guestMemory: 1Gi}}, {moves}}}");
    let story = play("nova-moved", (3, 6), &system, drained);
    assert_eq!(story.ended, [69.0, 85.0]);
    assert_eq!(Story::later(&story.running, 53.0), [69.0, 85.0]);
    // Both at a time, each at half the speed.
    let moves = "liveMigration: {bandwidth: 128Mi, parallel: 2}";
    let system = format!("name: nova, nova: {{machine: {{guestMemory: 1Gi}}, {moves}}}");
    let story = play("nova-moved-together", (3, 6), &system, drained);
    assert_eq!(story.ended, [85.0, 85.0]);
}

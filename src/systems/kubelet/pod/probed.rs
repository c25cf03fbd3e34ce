//! The probes of a pod's containers: computed from what is said about applications, or made by the
//! machine.

use control::node::{ProbeOrder, Report};
use model::workload::probe::ProbeKind;
use units::Instant;

use super::super::container::Unit;
use super::super::prober::{Finding, Prober};
use super::super::{Probes, judge};
use super::{Held, Turn};

/// Probes of a container begin that runs now, in a pod that was first started at `since`.
pub(super) fn begin(unit: &mut Unit, since: Instant, turn: &Turn<'_>) {
    let life = &unit.life;
    if turn.orders_probes {
        let prober = Prober::new(life, since, turn.now);
        unit.verdicts = prober.verdicts(turn.now);
        unit.prober = Some(prober);
    } else {
        unit.verdicts = judge(&Probes { life, since }, turn.now);
        unit.verdicts.ready = unit.verdicts.ready.filter(|_| !unit.is_failing);
    }
}

impl Held {
    /// A probe of a container was made.
    pub(super) fn probed(
        &mut self,
        container: usize,
        kind: ProbeKind,
        is_success: bool,
        turn: &mut Turn<'_>,
    ) {
        let prober = self.units[container].prober.as_mut();
        let finding = prober.and_then(|prober| prober.take(turn.now, kind, is_success));
        if let Some(finding) = finding {
            self.found(container, finding, turn);
        }
    }

    /// Probes of a container have come to something.
    fn found(&mut self, container: usize, finding: Finding, turn: &mut Turn<'_>) {
        let unit = &mut self.units[container];
        let verdicts = &mut unit.verdicts;
        match finding {
            Finding::Started { is_ready } => {
                verdicts.started = Some(turn.now);
                verdicts.ready = is_ready.then_some(turn.now);
            }
            Finding::Ready => verdicts.ready = Some(turn.now),
            Finding::Unready => {
                verdicts.unready = Some(turn.now);
                if !unit.is_ready && !self.is_ready {
                    // A container that another agent started may be believed ready.
                    turn.out.reports.push(Report::Ready(self.pod, false));
                }
            }
            Finding::Failed => verdicts.killed = Some(turn.now),
        }
    }

    /// Orders the probes that are due.
    pub(super) fn order_probes(&mut self, turn: &mut Turn<'_>) {
        for (container, unit) in self.units.iter_mut().enumerate() {
            let prober = unit.prober.as_mut();
            for kind in prober.map_or(Vec::new(), |prober| prober.due(turn.now)) {
                turn.out.probe_orders.push(ProbeOrder {
                    pod: self.pod,
                    container: container as u16,
                    kind,
                });
            }
        }
    }
}

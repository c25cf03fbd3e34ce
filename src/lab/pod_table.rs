//! The table of pods of a variant: one row per pod, which also counts for the table of classes.

use std::io;

use metrics::{PodRow, PodSink};

use super::cells::Cell;
use super::classes::ClassCounts;
use super::columns::PODS;
use super::tables::{SharedTable, demand_cells};
use super::tenants::TenantNames;

/// Writes the table of pods of a variant.
pub(super) struct PodTable {
    /// The variant's name.
    pub(super) variant: String,
    /// Table that rows go to.
    pub(super) table: SharedTable,
    /// Names of the tenants met so far.
    pub(super) tenants: TenantNames,
    /// Pods by class, counted for the table of classes.
    pub(super) classes: ClassCounts,
}

impl PodSink for PodTable {
    fn row(&mut self, row: &PodRow<'_>) -> io::Result<()> {
        self.classes.count(row);
        let user = self.tenants.name(row.tenant);
        let cells = pod_cells(&self.variant, &user, row);
        self.table
            .borrow_mut()
            .row(&cells)
            .map_err(io::Error::other)
    }
}

/// A row of [`PODS`].
#[expect(clippy::ptr_arg, reason = "a cell shows a sized value")]
fn pod_cells<'a>(
    variant: &'a String,
    user: &'a String,
    row: &'a PodRow<'_>,
) -> [Cell<'a>; PODS.columns.len()] {
    let [namespace, queue, priority, cpu, memory, gpu] = demand_cells(&row.demand);
    [
        Cell::Shown(variant),
        Cell::Shown(row.name),
        Cell::of_amount(row.tenant.0),
        Cell::of_amount(row.class.0),
        Cell::of_time(Some(row.submit)),
        Cell::of_time(row.bound),
        Cell::of_time(row.started),
        Cell::of_time(row.ended),
        row.node
            .as_ref()
            .map_or(Cell::Absent, |node| Cell::Shown(node)),
        Cell::Shown(&row.gpus),
        Cell::Shown(&row.outcome),
        row.job
            .as_ref()
            .map_or(Cell::Absent, |job| Cell::Shown(job)),
        Cell::Shown(user),
        namespace,
        queue,
        priority,
        cpu,
        memory,
        gpu,
    ]
}

//! Objects that declare workloads and budgets of disruption.

use model::{Object, ObjectChange};
use units::{Instant, ObjectId};

use super::declaration::WorkloadDeclaration;
use super::part::Role;
use super::{Row, Workloads};
use crate::record::window::MeasuredWindow;

impl Workloads {
    pub(super) fn object(&mut self, at: Instant, change: &ObjectChange, measured: &MeasuredWindow) {
        self.has_objects = true;
        self.follow_budget(at, change, measured);
        match change {
            ObjectChange::Created { id, owner, object } => {
                let role = match owner.map_or(Role::Other, |owner| self.role(owner)) {
                    Role::Other => {
                        self.hold_until(at, measured);
                        self.begin(at, *id, object, measured)
                    }
                    known => known,
                };
                if self.objects.len() <= id.index() {
                    self.objects.resize(id.index() + 1, Role::Other);
                }
                self.objects[id.index()] = role;
            }
            ObjectChange::Updated { id, object } => {
                if let Role::Part(row) = self.role(*id)
                    && self.rows[row as usize].object == *id
                    && let Some(declared) = WorkloadDeclaration::of(object, self.min_ready_percent)
                {
                    self.touch(row, at, measured);
                    let amounts = [declared.desired, declared.required];
                    self.placements.declare(at, row, object, amounts, measured);
                    self.change(row, |row| row.declare(at, declared, measured));
                }
            }
            ObjectChange::Terminating { .. } | ObjectChange::Orphaned { .. } => {}
            ObjectChange::Deleted { id } => {
                if let Role::Part(row) = self.role(*id)
                    && self.rows[row as usize].object == *id
                {
                    self.touch(row, at, measured);
                    self.placements.deleted(at, row, measured);
                    self.change(row, Row::deleted);
                }
            }
        }
    }

    fn follow_budget(&mut self, at: Instant, change: &ObjectChange, measured: &MeasuredWindow) {
        let budget = match change {
            ObjectChange::Created { object, .. } | ObjectChange::Updated { object, .. } => {
                let Object::PodDisruptionBudget(budget) = object else {
                    return;
                };
                Some(budget)
            }
            ObjectChange::Deleted { .. } => None,
            ObjectChange::Terminating { .. } | ObjectChange::Orphaned { .. } => return,
        };
        let budget = budget.map(|budget| &**budget);
        self.placements.budget(at, change.id(), budget, measured);
    }

    /// A workload of its own, or work.
    fn begin(
        &mut self,
        at: Instant,
        id: ObjectId,
        object: &Object,
        measured: &MeasuredWindow,
    ) -> Role {
        if matches!(object, Object::Job(_) | Object::CronJob(_)) {
            return Role::Work;
        }
        let Some(declared) = WorkloadDeclaration::of(object, self.min_ready_percent) else {
            return Role::Other;
        };
        let row = self.rows.len() as u32;
        let amounts = [declared.desired, declared.required];
        let begun = Row::new(at, id, object, declared);
        self.missing += begun.missing();
        self.rows.push(begun);
        self.placements.begin(at);
        self.placements.declare(at, row, object, amounts, measured);
        self.enter_subsets(row as usize);
        Role::Part(row)
    }
}

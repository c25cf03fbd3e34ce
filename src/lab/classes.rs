//! The table of classes: one row per class of pods and variant, with what its pods request.

use std::cell::RefCell;
use std::rc::Rc;

use metrics::{Demand, PodRow};

use super::cells::Cell;
use super::columns::CLASSES;
use super::folder::FolderError;
use super::tables::{TableWriter, demand_cells};
use units::SortedMap;

/// Pods counted by class, shared by the table of pods that counts them and the outputs that write
/// the table of classes at the end.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClassCounts(Rc<RefCell<SortedMap<u32, ClassCount>>>);

/// A class with the number of its pods.
#[derive(Clone, Debug)]
struct ClassCount {
    pods: u64,
    namespace: String,
    queue: String,
    /// Demand whose texts are the two above.
    demand: Demand<'static>,
}

impl ClassCounts {
    /// Counts a pod.
    pub(super) fn count(&self, row: &PodRow<'_>) {
        let mut counts = self.0.borrow_mut();
        let entry = counts.entry(row.class.0).or_insert_with(|| ClassCount {
            pods: 0,
            namespace: row.demand.namespace.to_owned(),
            queue: row.demand.queue.to_owned(),
            demand: Demand {
                namespace: "",
                queue: "",
                priority: row.demand.priority,
                cpu_milli: row.demand.cpu_milli,
                memory_bytes: row.demand.memory_bytes,
                gpu_milli: row.demand.gpu_milli,
            },
        });
        entry.pods += 1;
    }

    /// Writes a row for each class.
    #[expect(clippy::ptr_arg, reason = "a cell shows a sized value")]
    pub(super) fn write(
        &self,
        variant: &String,
        table: &mut TableWriter,
    ) -> Result<(), FolderError> {
        for (class, count) in &*self.0.borrow() {
            let demand = Demand {
                namespace: &count.namespace,
                queue: &count.queue,
                ..count.demand
            };
            let [namespace, queue, priority, cpu, memory, gpu] = demand_cells(&demand);
            let cells: [Cell<'_>; CLASSES.columns.len()] = [
                Cell::Shown(variant),
                Cell::of_amount(*class),
                Cell::of_amount(count.pods),
                namespace,
                queue,
                priority,
                cpu,
                memory,
                gpu,
            ];
            table.row(&cells)?;
        }
        Ok(())
    }
}

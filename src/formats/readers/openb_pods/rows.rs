//! Rows of pods as arrivals: names and times are read of every row, a spec once a class.

use super::{Columns, Times};
use crate::parts::class_keys::ClassKeys;
use crate::readers::prelude::*;
use arrivals::header_record::HeaderRecord;
use arrivals::spill::Flat;
use intake::table::Row;

/// Rows as arrivals, in the file's order.
pub(super) struct Rows {
    gather: Gather,
    tenant: u32,
    keys: ClassKeys,
    ran_only: bool,
    keeps_outcomes: bool,
    /// Each kind of dirt that was met, in the order of the first rows.
    dirt: Vec<Met>,
    last: Option<Instant>,
}

/// Documented irregularities of a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dirt {
    NeverRan,
    NotSorted,
}

/// Rows with an irregularity: the line of the first, and how many there are.
struct Met {
    dirt: Dirt,
    line: u64,
    count: u64,
}

/// The outcome of a phase; `None` of a pod that has not ended.
fn outcome(phase: &str) -> Option<Outcome> {
    match phase {
        "Succeeded" => Some(Outcome::Completed),
        "Failed" => Some(Outcome::Failed),
        _ => None,
    }
}

impl Rows {
    pub(super) fn new(columns: &Columns, options: &ReadOptions) -> Self {
        let of_spec = [
            &columns.cpu_milli,
            &columns.memory_mib,
            &columns.num_gpu,
            &columns.gpu_milli,
        ];
        let keeps_outcomes = options.keeps_outcomes();
        let phase = columns.phase.iter().filter(|_| keeps_outcomes);
        let of_spec = of_spec.into_iter().chain(&columns.gpu_spec).chain(phase);
        let mut gather = Gather::default();
        Self {
            tenant: gather.tenant("openb"),
            gather,
            keys: ClassKeys::new(of_spec),
            ran_only: options.ran_only,
            keeps_outcomes,
            dirt: Vec::new(),
            last: None,
        }
    }

    pub(super) fn take(&mut self, columns: &Columns, row: &Row<'_>) -> Result<(), BadRow> {
        let Some(class) = self.keys.find(row) else {
            return self.take_unknown(columns, row);
        };
        // Its numbers were found good when they were met first.
        let name = columns.name(row)?;
        let times = columns.times(row)?;
        if self.is_kept(row.line, times) {
            self.add(row.line, name, times, class);
        }
        Ok(())
    }

    /// Takes a row whose numbers were not met before.
    #[cold]
    fn take_unknown(&mut self, columns: &Columns, row: &Row<'_>) -> Result<(), BadRow> {
        let pod = columns.pod(row)?;
        let times = pod.times();
        if self.is_kept(row.line, times) {
            let mut spec = pod.spec();
            if self.keeps_outcomes {
                Outcome::state(outcome(&pod.phase), &mut spec.labels);
            }
            let class = self.gather.class_of(spec);
            self.keys.learn(row, class);
            self.add(row.line, columns.name(row)?, times, class);
        }
        Ok(())
    }

    /// Whether the pod of a row arrives.
    #[inline(always)]
    fn is_kept(&mut self, line: u64, times: Times) -> bool {
        let never_ran = times.scheduled.is_none() && times.creation.is_some();
        if never_ran {
            self.meet(line, Dirt::NeverRan);
        }
        !(never_ran && self.ran_only)
    }

    #[inline(always)]
    fn add(&mut self, line: u64, name: &[u8], times: Times, class: u32) {
        let submit = times.creation.unwrap_or(Instant::ZERO);
        if self.last.is_some_and(|last| submit < last) {
            self.meet(line, Dirt::NotSorted);
        }
        self.last = Some(submit);
        self.gather.add_flat(&Flat {
            submit,
            name: FlatName::Text(name),
            class,
            members: 1,
            tenant: self.tenant,
            run_time: times.run_time(),
            time_limit: None,
            historic_start: times.scheduled,
            links: None,
            part: 0,
            origin: Origin::line(line),
        });
    }

    fn meet(&mut self, line: u64, dirt: Dirt) {
        match self.dirt.iter_mut().find(|own| own.dirt == dirt) {
            Some(own) => own.count += 1,
            None => self.dirt.push(Met {
                dirt,
                line,
                count: 1,
            }),
        }
    }

    /// Tells of documented dirt, once all rows were read: bad rows come first.
    pub(super) fn told(&self, journal: &mut Journal) -> Result<(), TraceError> {
        for &Met { dirt, line, count } in &self.dirt {
            let (kind, action) = match dirt {
                Dirt::NeverRan if self.ran_only => ("pod never ran", Action::Drop),
                Dirt::NeverRan => ("pod never ran; stays for its life", Action::Keep),
                Dirt::NotSorted => ("created before the row above; sorted", Action::Repair),
            };
            for _ in 0..count {
                journal.dirt(kind, action, line)?;
            }
        }
        Ok(())
    }

    /// The arrivals by creation, equal times in the file's order.
    pub(super) fn finish(
        self,
        mut journal: Journal,
        header: HeaderRecord,
    ) -> Result<Box<dyn ArrivalSource>, TraceError> {
        // The trace is the first file, and the only one.
        journal.origin(0);
        let mut gather = self.gather;
        gather.header = header;
        gather.finish(journal)
    }
}

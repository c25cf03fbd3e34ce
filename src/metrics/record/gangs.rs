//! Gangs of which a pod lives.

use indexmap::IndexMap;
use model::PodCreated;
use rustc_hash::FxBuildHasher;
use units::{ClassId, GangId, Instant, TenantId};

use super::jobs::JobOutcome;

#[derive(Clone, Copy, Debug)]
pub(super) struct OpenGang {
    pub(super) submit: Instant,
    pub(super) last_bound: Instant,
    pub(super) start: Option<Instant>,
    pub(super) last_start: Option<Instant>,
    pub(super) end: Instant,
    pub(super) failure: Option<JobOutcome>,
    /// Pods that made way or lost their node, and have not come back.
    pub(super) evicted: u32,
    /// Whether any pod made way or lost its node: later starts are not the job's first.
    pub(super) was_evicted: bool,
    pub(super) pods: u32,
    pub(super) unbound: u32,
    pub(super) living: u32,
    pub(super) class: ClassId,
    pub(super) tenant: TenantId,
    pub(super) priority: i32,
    pub(super) cpu_milli: i64,
    pub(super) memory_bytes: i64,
    pub(super) number: u64,
    pub(super) measured: bool,
    /// Whether a controller makes other pods in the place of its own.
    pub(super) is_replaced: bool,
}

/// The open gangs. Changes of one gang come together, so the last one is found at once.
#[derive(Clone, Debug, Default)]
pub(super) struct Gangs {
    rows: IndexMap<GangId, u32, FxBuildHasher>,
    slab: Vec<OpenGang>,
    vacant: Vec<u32>,
    last: Option<(GangId, u32)>,
}

impl Gangs {
    pub(super) fn find(&mut self, gang: GangId) -> Option<u32> {
        match self.last {
            Some((last, row)) if last == gang => Some(row),
            _ => {
                let row = *self.rows.get(&gang)?;
                self.last = Some((gang, row));
                Some(row)
            }
        }
    }

    pub(super) fn get_mut(&mut self, gang: GangId) -> Option<&mut OpenGang> {
        let row = self.find(gang)?;
        Some(&mut self.slab[row as usize])
    }

    pub(super) fn insert(&mut self, gang: GangId, open: OpenGang) {
        let row = if let Some(row) = self.vacant.pop() {
            self.slab[row as usize] = open;
            row
        } else {
            self.slab.push(open);
            (self.slab.len() - 1) as u32
        };
        self.rows.insert(gang, row);
        self.last = Some((gang, row));
    }

    pub(super) fn remove(&mut self, gang: GangId) -> Option<OpenGang> {
        self.last = None;
        let row = self.rows.swap_remove(&gang)?;
        self.vacant.push(row);
        Some(self.slab[row as usize])
    }

    /// All of them, by identity.
    pub(super) fn iter(&self) -> impl Iterator<Item = &OpenGang> {
        let mut rows: Vec<(GangId, u32)> = self.rows.iter().map(|(&id, &row)| (id, row)).collect();
        rows.sort_unstable();
        rows.into_iter().map(|(_, row)| &self.slab[row as usize])
    }
}

impl OpenGang {
    pub(super) const fn new(
        at: Instant,
        first: &PodCreated,
        priority: i32,
        number: u64,
        measured: bool,
    ) -> Self {
        Self {
            submit: at,
            last_bound: at,
            start: None,
            last_start: None,
            end: at,
            failure: None,
            evicted: 0,
            was_evicted: false,
            pods: 0,
            unbound: 0,
            living: 0,
            class: first.class,
            tenant: first.tenant,
            priority,
            cpu_milli: 0,
            memory_bytes: 0,
            number,
            measured,
            is_replaced: first.owner.is_some(),
        }
    }
}

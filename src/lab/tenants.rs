//! Names of the tenants of a workload, known while it is read: a pod carries a number only.

use std::sync::{Arc, Mutex, PoisonError};

use model::Text;
use trace::stream::{ClassTotal, Classes};
use trace::{Arrival, ArrivalSource, Ledger, TraceError};
use units::TenantId;

/// Names of the tenants met so far, shared by the source that meets them and the tables that show
/// them.
#[derive(Clone, Debug, Default)]
pub struct TenantNames(Arc<Mutex<Vec<Text>>>);

impl TenantNames {
    /// Name of a tenant; empty if the workload names none.
    pub(super) fn name(&self, tenant: TenantId) -> String {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = names.get(tenant.0 as usize);
        name.map(ToString::to_string).unwrap_or_default()
    }

    /// The source, which from now on tells the names of its tenants.
    pub(super) fn of(&self, source: Box<dyn ArrivalSource>) -> Box<dyn ArrivalSource> {
        let mut source = NamedSource {
            source,
            names: self.clone(),
            known: 0,
        };
        source.tell();
        Box::new(source)
    }
}

/// A source that tells the names of its tenants as it meets them.
struct NamedSource {
    source: Box<dyn ArrivalSource>,
    names: TenantNames,
    /// Names told so far.
    known: usize,
}

impl NamedSource {
    fn tell(&mut self) {
        let met = self.source.tenants();
        if met.len() > self.known {
            let mut names = self.names.0.lock().unwrap_or_else(PoisonError::into_inner);
            names.extend(met[self.known..].iter().cloned());
            self.known = met.len();
        }
    }
}

impl ArrivalSource for NamedSource {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        let next = self.source.next();
        self.tell();
        next
    }

    fn classes(&self) -> &Classes {
        self.source.classes()
    }

    fn class_totals(&self) -> Option<Vec<ClassTotal>> {
        self.source.class_totals()
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        self.source.fork()
    }

    fn ledger(&self) -> &Ledger {
        self.source.ledger()
    }

    fn progress(&self) -> Option<(u64, u64)> {
        self.source.progress()
    }

    fn tenants(&self) -> &[Text] {
        self.source.tenants()
    }
}

//! Several sources as one, merged by time; equal times in the order of the sources.

use std::sync::Arc;

use crate::class_columns::ClassColumns;
use crate::header_record::HeaderRecord;
use crate::intern::NameTable;
use crate::renumbering::Renumbered;
use crate::stream::{Arrival, ArrivalSource, Classes, UNNAMED};
use intake::TraceError;
use intake::ledger::Ledger;
use intake::origin::Origin;
use model::Text;
use units::SortedMap;

/// A merge of sources.
pub struct Merge {
    parts: Vec<Part>,
    classes: Classes,
    tenants: NameTable,
    ledger: Ledger,
    files: Vec<Arc<str>>,
    /// The place of each file.
    places: SortedMap<Arc<str>, u16>,
    /// Numbers of the parts of the workload, by the source and the part's number in it.
    numbers: SortedMap<(usize, u16), u16>,
    header: HeaderRecord,
}

struct Part {
    source: Box<dyn ArrivalSource>,
    next: Option<Arrival>,
    /// Index in the merge of each of the part's classes.
    classes: Vec<u32>,
    /// Index in the merge of each of the part's tenants.
    tenants: Vec<u32>,
    /// Number in the merge of each of the part's files.
    files: Vec<u16>,
}

impl Merge {
    /// A merge whose classes and tenants are numbered by their first arrivals, so that what arrives later
    /// changes nothing before.
    ///
    /// # Errors
    /// A source can't be read.
    pub fn numbered(
        sources: Vec<Box<dyn ArrivalSource>>,
    ) -> Result<Box<dyn ArrivalSource>, TraceError> {
        Ok(Box::new(Renumbered::new(Box::new(Self::new(sources)?))))
    }

    /// A merge from the present positions of its sources.
    pub fn new(sources: Vec<Box<dyn ArrivalSource>>) -> Result<Self, TraceError> {
        let mut merge = Self {
            parts: Vec::new(),
            classes: Classes::default(),
            tenants: NameTable::default(),
            ledger: Ledger::default(),
            files: Vec::new(),
            places: SortedMap::new(),
            numbers: SortedMap::new(),
            header: HeaderRecord::EMPTY,
        };
        for source in sources {
            let part = Part {
                source,
                next: None,
                classes: Vec::new(),
                tenants: Vec::new(),
                files: Vec::new(),
            };
            merge.parts.push(part);
            merge.advance(merge.parts.len() - 1)?;
        }
        let headers: Vec<&HeaderRecord> = { merge.parts.iter() }
            .map(|part| part.source.header())
            .collect();
        merge.header = HeaderRecord::merged(&headers);
        Ok(merge)
    }

    /// Reads a part's next arrival and numbers its class and tenant anew.
    fn advance(&mut self, index: usize) -> Result<(), TraceError> {
        let part = &mut self.parts[index];
        part.next = part.source.next()?;
        for spec in part.source.classes().since(part.classes.len()) {
            part.classes.push(self.classes.len() as u32);
            self.classes.push(spec?);
        }
        for tenant in &part.source.tenants()[part.tenants.len()..] {
            part.tenants.push(self.tenants.number_of_shared(tenant));
        }
        for file in &part.source.files()[part.files.len()..] {
            let files = &mut self.files;
            let place = self.places.entry(file.clone()).or_insert_with(|| {
                files.push(file.clone());
                (files.len() - 1).min(usize::from(u16::MAX)) as u16
            });
            part.files.push(*place);
        }
        if let Some(next) = &mut part.next {
            let file = part.files.get(usize::from(next.origin.file)).copied();
            next.origin = file.map_or(Origin::NONE, |file| Origin {
                file,
                ..next.origin
            });
            next.class = part.classes[next.class as usize];
            // Arrivals of a part that names no tenants are those of nobody else's.
            let tenants = &mut self.tenants;
            let known = part.tenants.get(next.tenant as usize).copied();
            next.tenant = known.unwrap_or_else(|| tenants.number_of(UNNAMED.as_bytes()));
            let number = self.numbers.len().min(usize::from(u16::MAX)) as u16;
            next.part = *self.numbers.entry((index, next.part)).or_insert(number);
        } else {
            self.ledger.merge(part.source.ledger());
        }
        Ok(())
    }
}

impl ArrivalSource for Merge {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        let first = (0..self.parts.len())
            .filter_map(|index| Some((self.parts[index].next.as_ref()?.submit, index)))
            .min();
        let Some((_, index)) = first else {
            return Ok(None);
        };
        let arrival = self.parts[index].next.take();
        self.advance(index)?;
        Ok(arrival)
    }

    fn may_wait(&self) -> bool {
        self.parts.iter().any(|part| part.source.may_wait())
    }

    fn has_gangs(&self) -> bool {
        self.parts.iter().any(|part| part.source.has_gangs())
    }

    fn class_columns(&self) -> ClassColumns {
        let columns = self.parts.iter().map(|part| part.source.class_columns());
        columns.fold(ClassColumns::default(), ClassColumns::or)
    }

    fn header(&self) -> &HeaderRecord {
        &self.header
    }

    fn classes(&self) -> &Classes {
        &self.classes
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        let fork = |part: &Part| {
            Ok(Part {
                source: part.source.fork()?,
                next: part.next.clone(),
                classes: part.classes.clone(),
                tenants: part.tenants.clone(),
                files: part.files.clone(),
            })
        };
        Ok(Box::new(Self {
            parts: self
                .parts
                .iter()
                .map(fork)
                .collect::<Result<_, TraceError>>()?,
            classes: self.classes.clone(),
            tenants: self.tenants.clone(),
            ledger: self.ledger.clone(),
            files: self.files.clone(),
            places: self.places.clone(),
            numbers: self.numbers.clone(),
            header: self.header.clone(),
        }))
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn files(&self) -> &[Arc<str>] {
        &self.files
    }

    fn tenants(&self) -> &[Text] {
        self.tenants.names()
    }

    fn progress(&self) -> Option<(u64, u64)> {
        // Units differ between sources; the least advanced one tells when all will be through.
        let parts = self.parts.iter().filter_map(|part| part.source.progress());
        parts.min_by_key(|&(done, all)| done.saturating_mul(1 << 20) / all.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{MemorySource, Recorded};
    use super::*;
    use model::{PodName, PodSpec};
    use units::Instant;

    fn source(times: &[i64], tenant: &str, priority: i32) -> Box<dyn ArrivalSource> {
        let arrivals = times
            .iter()
            .map(|&time| Arrival::new(Instant::from_secs(time), PodName::Job(time as u64)))
            .collect();
        let spec = PodSpec {
            priority,
            ..PodSpec::default()
        };
        Box::new(MemorySource::new(Recorded {
            arrivals,
            classes: vec![Arc::new(spec)],
            tenants: vec![tenant.into()],
            ledger: Ledger::default(),
            ..Recorded::default()
        }))
    }

    fn files() -> Vec<Box<dyn ArrivalSource>> {
        let open = |file: &str, at: i64| {
            let mut recorded = Recorded::collect(&mut *source(&[at], "a", 1)).expect("in memory");
            recorded.files = vec![file.into()];
            recorded.arrivals[0].origin = Origin::line(1);
            Box::new(MemorySource::new(recorded)) as Box<dyn ArrivalSource>
        };
        vec![open("y", 2), open("x", 1)]
    }

    #[test]
    fn arrivals_merge_by_time_and_keep_their_class_and_tenant() {
        let sources = vec![source(&[1, 5], "a", 1), source(&[1, 2, 9], "b", 2)];
        let mut merge = Merge::new(sources).expect("sources in memory");
        let mut seen = Vec::new();
        while let Some(next) = merge.next().expect("sources in memory") {
            let priority = merge.classes()[next.class as usize].priority;
            let tenant = merge.tenants()[next.tenant as usize].to_string();
            seen.push((next.submit.as_nanos() / 1_000_000_000, priority, tenant));
        }
        let mut merge = Merge::new(files()).expect("sources in memory");
        let mut origins = Vec::new();
        while let Some(next) = merge.next().expect("sources in memory") {
            let file = &merge.files()[usize::from(next.origin.file)];
            origins.push(format!("{file}:{}", next.origin.line));
        }
        assert_eq!(origins, ["x:1", "y:1"]);
        let expected = [
            (1, 1, "a"),
            (1, 2, "b"),
            (2, 2, "b"),
            (5, 1, "a"),
            (9, 2, "b"),
        ];
        let expected: Vec<_> = expected
            .iter()
            .map(|&(at, priority, name)| (at, priority, name.to_owned()))
            .collect();
        assert_eq!(seen, expected);
    }

    #[test]
    fn tenants_of_many_are_found_without_a_look_at_each() {
        // By a look at each, they would take minutes.
        const TENANTS: u32 = 100_000;
        let of_many = |first: u32| {
            let times = vec![0; TENANTS as usize];
            let mut recorded = Recorded::collect(&mut *source(&times, "", 0)).expect("in memory");
            recorded.tenants = (first..first + TENANTS)
                .map(|number| format!("tenant-{number}").into())
                .collect();
            for (tenant, arrival) in (0..).zip(&mut recorded.arrivals) {
                arrival.tenant = tenant;
            }
            Box::new(MemorySource::new(recorded)) as Box<dyn ArrivalSource>
        };
        let parts = vec![of_many(0), of_many(TENANTS / 2)];
        let mut merge = Merge::new(parts).expect("sources in memory");
        let mut expected = (0..TENANTS).chain(TENANTS / 2..TENANTS + TENANTS / 2);
        while let Some(next) = merge.next().expect("sources in memory") {
            assert_eq!(Some(next.tenant), expected.next());
        }
        assert_eq!(expected.next(), None);
        assert_eq!(merge.tenants().len() as u32, TENANTS + TENANTS / 2);
    }
}

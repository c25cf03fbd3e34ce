//! Transformations of a workload, each a source around another: a window of it, another time scale,
//! the same log several times end to end. All stream; the trace they are made of is untouched.

use crate::class_columns::ClassColumns;
use crate::cut_tasks::CutTasks;
use crate::header_record::HeaderRecord;
use crate::stream::{Arrival, ArrivalSource, Classes};
use intake::TraceError;
use intake::ledger::Ledger;
use model::{PodName, Text};
use units::{Duration, Instant};

fn beyond(what: &str) -> TraceError {
    TraceError::Format {
        file: what.to_owned(),
        reason: "an arrival would be submitted after more than 292 years".to_owned(),
    }
}

/// The arrivals submitted from one instant up to, not including, another. The first instant becomes
/// zero; run times are whole.
pub struct Window {
    inner: Box<dyn ArrivalSource>,
    from: Instant,
    until: Instant,
    ended: bool,
    /// What others wait for no more, as it came before.
    cut: Option<CutTasks>,
    header: HeaderRecord,
}

impl Window {
    /// The window `from..until` of a source.
    pub fn new(inner: Box<dyn ArrivalSource>, from: Instant, until: Instant) -> Self {
        Self {
            cut: inner.may_wait().then(CutTasks::default),
            header: inner.header().with_later_zero(from.since(Instant::ZERO)),
            inner,
            from,
            until,
            ended: false,
        }
    }
}

impl ArrivalSource for Window {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        while !self.ended {
            match self.inner.next()? {
                Some(arrival) if arrival.submit < self.from => {
                    if let Some(cut) = &mut self.cut {
                        cut.leave_out(&arrival);
                    }
                }
                Some(mut arrival) if arrival.submit < self.until => {
                    if let Some(cut) = &mut self.cut {
                        cut.keep(&mut arrival);
                    }
                    arrival.submit = Instant::ZERO + arrival.submit.since(self.from);
                    arrival.historic_start = arrival
                        .historic_start
                        .map(|start| Instant::ZERO + start.since(self.from));
                    return Ok(Some(arrival));
                }
                _ => self.ended = true,
            }
        }
        Ok(None)
    }

    fn header(&self) -> &HeaderRecord {
        &self.header
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        Ok(Box::new(Self {
            inner: self.inner.fork()?,
            cut: self.cut.clone(),
            header: self.header.clone(),
            ..*self
        }))
    }

    fn inner(&self) -> Option<&dyn ArrivalSource> {
        Some(&*self.inner)
    }
}

/// Jobs that are killed at the limit that they declare: none runs longer. Readers whose records have rules of
/// their own for such jobs have cut them before.
pub struct Killed {
    inner: Box<dyn ArrivalSource>,
}

impl Killed {
    /// A source whose jobs end at their limits.
    pub fn new(inner: Box<dyn ArrivalSource>) -> Self {
        Self { inner }
    }
}

impl ArrivalSource for Killed {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        let mut next = self.inner.next()?;
        if let Some(arrival) = &mut next
            && let Some(limit) = arrival.time_limit
        {
            arrival.run_time = Some(arrival.run_time.map_or(limit, |run| run.min(limit)));
        }
        Ok(next)
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        Ok(Box::new(Self::new(self.inner.fork()?)))
    }

    fn inner(&self) -> Option<&dyn ArrivalSource> {
        Some(&*self.inner)
    }
}

/// An exact factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    numerator: i64,
    denominator: i64,
}

impl Ratio {
    /// The factor `numerator / denominator`; `None` unless both are positive.
    pub fn new(numerator: i64, denominator: i64) -> Option<Self> {
        (numerator > 0 && denominator > 0).then_some(Self {
            numerator,
            denominator,
        })
    }

    /// A time multiplied by the factor, rounded down to whole nanoseconds; `None` beyond 292 years.
    pub fn of(self, nanos: i64) -> Option<i64> {
        let product = i128::from(nanos) * i128::from(self.numerator);
        i64::try_from(product.div_euclid(i128::from(self.denominator))).ok()
    }
}

/// Submit times multiplied by a factor: 1/2 doubles the offered load. Run times stay as they are;
/// historic starts keep their wait.
pub struct Scale {
    inner: Box<dyn ArrivalSource>,
    factor: Ratio,
    header: HeaderRecord,
}

impl Scale {
    /// A source with its submit times multiplied by `factor`.
    pub fn new(inner: Box<dyn ArrivalSource>, factor: Ratio) -> Self {
        Self {
            header: inner.header().of_part(),
            inner,
            factor,
        }
    }
}

impl ArrivalSource for Scale {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        let Some(mut arrival) = self.inner.next()? else {
            return Ok(None);
        };
        let submit = self
            .factor
            .of(arrival.submit.as_nanos())
            .map(Instant::from_nanos)
            .ok_or_else(|| beyond("scale"))?;
        arrival.historic_start = arrival
            .historic_start
            .map(|start| submit.saturating_add(start.since(arrival.submit)));
        arrival.submit = submit;
        Ok(Some(arrival))
    }

    fn header(&self) -> &HeaderRecord {
        &self.header
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        Ok(Box::new(Self {
            inner: self.inner.fork()?,
            header: self.header.clone(),
            ..*self
        }))
    }

    fn inner(&self) -> Option<&dyn ArrivalSource> {
        Some(&*self.inner)
    }
}

/// A log repeated several times end to end, reopened for each copy.
///
/// The log's span goes from its zero to the last end of one of its jobs in the origin (historic
/// start, where it isn't known submission, plus run time), rounded up to whole seconds. Copy k
/// (from 0) is shifted by k spans. Job numbers of copy k are raised by k times one more than the
/// largest; names get `-rK`.
pub struct Repeat {
    pristine: Box<dyn ArrivalSource>,
    current: Box<dyn ArrivalSource>,
    copies: u64,
    copy: u64,
    span: Duration,
    names: CopyNames,
    /// Classes and so on of the whole log, once the first copy has been read.
    whole: Option<Whole>,
}

#[derive(Clone)]
struct Whole {
    classes: Classes,
    tenants: Vec<Text>,
    ledger: Ledger,
}

impl Repeat {
    /// A source `copies` times, from its present position on.
    pub fn new(source: Box<dyn ArrivalSource>, copies: u64) -> Result<Self, TraceError> {
        Ok(Self {
            current: source.fork()?,
            pristine: source,
            copies,
            copy: 0,
            span: Duration::ZERO,
            names: CopyNames::default(),
            whole: None,
        })
    }

    /// The span found so far; that of the whole log once the first copy has been read.
    pub fn span(&self) -> Duration {
        self.span
    }

    fn measure(&mut self, arrival: &Arrival) -> Result<(), TraceError> {
        let end = arrival
            .historic_start
            .unwrap_or(arrival.submit)
            .max(arrival.submit)
            .checked_add(arrival.run_time.unwrap_or(Duration::ZERO))
            .and_then(|end| end.since(Instant::ZERO).checked_add(ALMOST_A_SECOND))
            .ok_or_else(|| beyond("repeat"))?;
        let seconds = end.as_nanos() / NANOS_PER_SECOND;
        self.span = self.span.max(Duration::from_secs(seconds));
        self.names.meet(arrival);
        Ok(())
    }

    fn shift(&self, arrival: &mut Arrival) -> Option<()> {
        let copy = i64::try_from(self.copy).ok()?;
        postpone(arrival, self.span.checked_mul(copy)?)?;
        self.names.rename(arrival, self.copy)
    }
}

/// Moves an arrival and its historic start to later; `None` beyond 292 years.
pub fn postpone(arrival: &mut Arrival, by: Duration) -> Option<()> {
    arrival.submit = arrival.submit.checked_add(by)?;
    arrival.historic_start = match arrival.historic_start {
        Some(start) => Some(start.checked_add(by)?),
        None => None,
    };
    Some(())
}

/// Names for copies of the jobs of a log: numbers of copy k are raised by k times one more than the largest
/// in the log, other names get `-rK`.
#[derive(Clone, Copy, Debug, Default)]
pub struct CopyNames {
    numbers: u64,
}

impl CopyNames {
    /// Meets a job of the log.
    pub fn meet(&mut self, arrival: &Arrival) {
        if let PodName::Job(number) | PodName::Member(number, _) = arrival.name {
            self.numbers = self.numbers.max(number.saturating_add(1));
        }
    }

    /// Gives a job the name that it has in a copy, and those that it names, too; copy 0 is the log. `None` beyond 64 bits.
    pub fn rename(self, arrival: &mut Arrival, copy: u64) -> Option<()> {
        if copy == 0 {
            return Some(());
        }
        arrival.name = self.of(&arrival.name, copy)?;
        if let Some(links) = &mut arrival.links {
            let after = links.after.iter_mut();
            for name in after.chain(&mut links.part_of).chain(&mut links.gang) {
                *name = self.of(name, copy)?;
            }
        }
        Some(())
    }

    fn of(self, name: &PodName, copy: u64) -> Option<PodName> {
        let raise = |number: u64| number.checked_add(self.numbers.checked_mul(copy)?);
        Some(match name {
            PodName::Text(name) => PodName::Text(format!("{name}-r{copy}").into()),
            PodName::Job(number) => PodName::Job(raise(*number)?),
            PodName::Member(number, member) => PodName::Member(raise(*number)?, *member),
        })
    }
}

const NANOS_PER_SECOND: i64 = units::time::NANOS_PER_SECOND;
const ALMOST_A_SECOND: Duration = Duration::from_nanos(NANOS_PER_SECOND - 1);

impl ArrivalSource for Repeat {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        while self.copy < self.copies {
            if let Some(mut arrival) = self.current.next()? {
                if self.copy == 0 {
                    self.measure(&arrival)?;
                } else {
                    self.shift(&mut arrival).ok_or_else(|| beyond("repeat"))?;
                }
                return Ok(Some(arrival));
            }
            if self.copy == 0 {
                self.whole = Some(Whole {
                    classes: self.current.classes().clone(),
                    tenants: self.current.tenants().to_vec(),
                    ledger: self.current.ledger().clone(),
                });
            }
            self.copy += 1;
            if self.copy < self.copies {
                self.current = self.pristine.fork()?;
            }
        }
        Ok(None)
    }

    fn may_wait(&self) -> bool {
        self.pristine.may_wait()
    }

    fn has_gangs(&self) -> bool {
        self.pristine.has_gangs()
    }

    fn class_columns(&self) -> ClassColumns {
        self.pristine.class_columns()
    }

    fn classes(&self) -> &Classes {
        self.whole
            .as_ref()
            .map_or_else(|| self.current.classes(), |whole| &whole.classes)
    }

    fn progress(&self) -> Option<(u64, u64)> {
        let (done, all) = self.current.progress()?;
        let copy = self.copy.min(self.copies.saturating_sub(1));
        Some((
            copy.saturating_mul(all).saturating_add(done),
            self.copies.saturating_mul(all),
        ))
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        Ok(Box::new(Self {
            pristine: self.pristine.fork()?,
            current: self.current.fork()?,
            whole: self.whole.clone(),
            ..*self
        }))
    }

    /// Ledger of one copy.
    fn ledger(&self) -> &Ledger {
        self.whole
            .as_ref()
            .map_or_else(|| self.current.ledger(), |whole| &whole.ledger)
    }

    fn files(&self) -> &[std::sync::Arc<str>] {
        self.pristine.files()
    }

    fn tenants(&self) -> &[Text] {
        self.whole
            .as_ref()
            .map_or_else(|| self.current.tenants(), |whole| &whole.tenants)
    }
}

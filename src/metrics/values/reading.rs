//! Readings: the values that a collector hands back, under the statistics of its entry.

use super::{Range, Statistic};

/// One value of a finished run. Undefined is `None` with its reason, never 0 or 100 %.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricValue {
    /// `SUBJECT.STATISTIC`, as the registry lists it.
    pub id: String,
    /// The value in the unit that the registry gives; `None` if it is undefined.
    pub value: Option<f64>,
    /// The least that the value can be, where what is open leaves it undefined.
    pub least: Option<f64>,
    /// The reason why there is no value, or a remark on it.
    pub reason: Option<String>,
    /// Marks a value that was taken from buckets rather than from every value.
    pub approx: bool,
    /// Number of observations behind it, where it is taken over jobs or pods.
    pub n: Option<u64>,
}

impl MetricValue {
    /// The value, or none where it estimates a steady state that there is not.
    #[must_use]
    pub(crate) fn unless_unsteady(self, statistic: &Statistic, unsteady: Option<&String>) -> Self {
        match unsteady {
            Some(why) if statistic.steady => Self {
                value: None,
                least: None,
                reason: Some(why.clone()),
                ..self
            },
            _ => self,
        }
    }
}

/// A value of a statistic, or the reason why there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The value in the unit of the statistic; `None` if it is undefined.
    pub value: Option<f64>,
    /// The least that the value can be, where what is open leaves it undefined.
    pub least: Option<f64>,
    /// The reason why there is no value, or a remark on it.
    pub reason: Option<String>,
    /// Marks a reading that was taken from buckets rather than from every value.
    pub approx: bool,
    /// Number of observations behind it.
    pub n: Option<u64>,
}

impl From<Result<f64, String>> for Reading {
    fn from(value: Result<f64, String>) -> Self {
        let (value, reason) = match value {
            Ok(value) => (Some(value), None),
            Err(reason) => (None, Some(reason)),
        };
        Self {
            value,
            least: None,
            reason,
            approx: false,
            n: None,
        }
    }
}

impl Reading {
    /// A value, or the reason why there is none.
    pub fn new(value: Result<f64, String>) -> Self {
        value.into()
    }

    /// No value, as something is open, and the least that it can be.
    pub fn open(reason: String, least: Option<f64>) -> Self {
        Self {
            least,
            ..Self::new(Err(reason))
        }
    }

    /// A count.
    pub fn count(count: u64) -> Self {
        Self::new(Ok(count as f64)).over(count)
    }

    /// The reading with the number of observations behind it.
    #[must_use]
    pub fn over(self, n: u64) -> Self {
        Self { n: Some(n), ..self }
    }

    /// The reading with a remark; a reason that is there already stays.
    #[must_use]
    pub fn remark(self, remark: Option<String>) -> Self {
        Self {
            reason: self.reason.or(remark),
            ..self
        }
    }

    /// The reading as one that was taken from buckets, or from every value.
    #[must_use]
    pub fn approximate(self, approx: bool) -> Self {
        Self { approx, ..self }
    }
}

/// The readings of one family, each under a statistic that its entry lists.
///
/// ```
/// use metrics::{Direction, Reading, Statistic, Values};
///
/// const KILLED: Statistic = Statistic::amount("killed", "pods", Direction::Lower);
/// const SHARE: Statistic = Statistic::ratio("share", Direction::Lower);
///
/// let mut values = Values::of(&[KILLED, SHARE]);
/// values.put(KILLED, Reading::count(3));
/// values.put(SHARE, Err("no pod ran".to_owned()));
/// let values = values.named("kills").expect("each statistic has a reading");
/// assert_eq!(values[0].id, "kills.killed");
/// assert_eq!(values[1].reason.as_deref(), Some("no pod ran"));
/// ```
#[derive(Clone, Debug)]
pub struct Values {
    statistics: &'static [Statistic],
    readings: Vec<Option<Reading>>,
    /// The first statistic that is not listed or was put twice.
    misplaced: Option<Statistic>,
}

impl Values {
    /// No reading yet of any of these statistics.
    pub fn of(statistics: &'static [Statistic]) -> Self {
        Self {
            statistics,
            readings: vec![None; statistics.len()],
            misplaced: None,
        }
    }

    /// Puts the reading of a statistic; [`Values::named`] tells of one that is not listed.
    pub fn put(&mut self, statistic: Statistic, reading: impl Into<Reading>) {
        let mut places = self.statistics.iter();
        let place = places.position(|place| place.is(&statistic));
        match place.map(|place| &mut self.readings[place]) {
            Some(free @ None) => *free = Some(reading.into()),
            _ => self.misplaced = self.misplaced.or(Some(statistic)),
        }
    }

    /// Leaves every statistic without a reading undefined, for one reason.
    pub fn put_undefined(&mut self, reason: &str) {
        for free in self.readings.iter_mut().filter(|reading| reading.is_none()) {
            *free = Some(Err(reason.to_owned()).into());
        }
    }

    /// The reading of the statistic at a place of the list.
    pub fn reading(&self, place: usize) -> Option<&Reading> {
        self.readings.get(place)?.as_ref()
    }

    /// The values of the family under their ids, in the order of the list.
    ///
    /// # Errors
    /// If a reading was put twice or under a statistic that is not listed, or one is missing, or a value
    /// is none that its statistic can have.
    pub fn named(self, subject: &str) -> Result<Vec<MetricValue>, String> {
        if let Some(own) = self.misplaced {
            let path = own.path();
            return Err(format!("{subject}.{path} was read twice or is not listed"));
        }
        let faults: Vec<Option<String>> = (self.statistics.iter())
            .map(|statistic| self.fault(statistic))
            .collect();
        let both = self.statistics.iter().zip(self.readings).zip(faults);
        both.map(|((statistic, reading), fault)| {
            let id = format!("{subject}.{}", statistic.path());
            let reading = reading.ok_or_else(|| format!("{id} was not read"))?;
            let fault = fault.map(|fault| format!("{id} {fault}"));
            if let Some(fault) = fault {
                return Err(fault);
            }
            Ok(MetricValue {
                id,
                // Readers of tables would take -0 for another value than 0.
                value: reading.value.map(|value| value + 0.0),
                least: reading.least,
                reason: reading.reason,
                approx: reading.approx,
                n: reading.n,
            })
        })
        .collect()
    }
}

impl Values {
    /// Fault of a statistic's reading: a value outside of its range, or a mean above the peak of
    /// the same part.
    fn fault(&self, statistic: &Statistic) -> Option<String> {
        let value_of = |own: &Statistic| {
            let place = self.statistics.iter().position(|known| known.is(own))?;
            self.readings[place].as_ref()?.value
        };
        let value = value_of(statistic)?;
        let Range { least, most } = statistic.range;
        if !statistic.range.has(value) {
            return Some(format!("is {value}, not from {least} to {most}"));
        }
        let peak = Statistic {
            name: "peak",
            ..*statistic
        };
        let peak = value_of(&peak).filter(|_| statistic.name == "mean")?;
        let is_above = value > peak + 1e-9 * peak.abs().max(1.0);
        is_above.then(|| format!("is {value}, above the peak of {peak}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Direction;

    const LISTED: Statistic = Statistic::ratio("listed", Direction::None);
    const OTHER: Statistic = Statistic::ratio("other", Direction::None);

    #[test]
    fn each_listed_statistic_is_read_once() {
        let check = |put: &[Statistic], expected: Result<usize, &str>| {
            let mut values = Values::of(&[LISTED]);
            for statistic in put {
                values.put(*statistic, Ok(0.5));
            }
            let found = values.named("family").map(|values| values.len());
            assert_eq!(found, expected.map_err(str::to_owned));
        };
        check(&[LISTED], Ok(1));
        check(&[LISTED.steady()], Ok(1));
        check(&[], Err("family.listed was not read"));
        let twice = "family.listed was read twice or is not listed";
        check(&[LISTED, LISTED], Err(twice));
        let other = "family.other was read twice or is not listed";
        check(&[LISTED, OTHER], Err(other));
    }

    #[test]
    fn a_value_that_cannot_be_is_a_fault() {
        const MEAN: Statistic = Statistic::ratio("mean", Direction::None);
        const PEAK: Statistic = Statistic::ratio("peak", Direction::None).within(Range::FROM_ZERO);
        let check = |mean: f64, peak: f64, expected: Option<&str>| {
            let mut values = Values::of(&[MEAN, PEAK]);
            values.put(MEAN, Ok(mean));
            values.put(PEAK, Ok(peak));
            let found = values.named("family").err();
            assert_eq!(found.as_deref(), expected, "{mean} {peak}");
        };
        check(0.5, 2.0, None);
        check(1.0 + 1e-12, 1.0, None);
        check(1.2, 2.0, Some("family.mean is 1.2, not from 0 to 1"));
        check(-0.1, 1.0, Some("family.mean is -0.1, not from 0 to 1"));
        check(0.6, 0.5, Some("family.mean is 0.6, above the peak of 0.5"));
        check(f64::NAN, 1.0, Some("family.mean is NaN, not from 0 to 1"));
    }
}

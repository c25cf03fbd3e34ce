//! Jobs drawn from a template as the mix draws them, to see which correlations come of those that are stated: jobs are
//! drawn again until they keep to their bounds, and amounts have equal values.

use rng::{Stream, special};
use units::{Duration, SortedMap};

use super::marginals::{Bounds, Fitted};
use crate::generate::mix::{Choice, Copula, FIELDS, Field, TRIES, Times, size};

/// Jobs that are drawn.
pub(super) const DRAWS: usize = 8_000;

/// The distribution that a field is drawn from.
enum Marginal {
    Times(Times),
    Amounts(Choice<i64>),
}

impl Marginal {
    fn of(fitted: &Fitted, field: Field) -> Option<Self> {
        if let Some(points) = fitted.times.get(&field) {
            let points = points.iter();
            let points = points.map(|&(place, at)| (place, Duration::from_nanos(at)));
            return Some(Self::Times(Times::Quantiles(points.collect())));
        }
        let amounts = fitted.amounts.get(&field)?.iter();
        let weighted = amounts.map(|&(value, jobs)| (value, jobs as f64)).collect();
        let choice = Choice::new(weighted).expect("invariant: amounts that jobs have");
        Some(Self::Amounts(choice))
    }

    fn at(&self, share: f64) -> i64 {
        match self {
            Self::Times(times) => times.at(share).as_nanos(),
            Self::Amounts(choice) => choice.values()[choice.at(share)],
        }
    }
}

/// Fields of a job, in the order of [`FIELDS`], and the place of its requests among the sorts.
#[derive(Clone, Copy, Default)]
struct Row {
    fields: [i64; FIELDS.len()],
    sort: i64,
}

impl Row {
    /// A job drawn with these probabilities.
    fn of(fitted: &Fitted, marginals: &Marginals, drawn: &[f64; FIELDS.len()]) -> Self {
        let mut row = Self::default();
        for (place, marginal) in marginals.fields.iter().enumerate() {
            let usual = i64::from(FIELDS[place] == Field::Pods);
            row.fields[place] = { marginal.as_ref() }.map_or(usual, |own| own.at(drawn[place]));
        }
        if let (Some(sorts), Some(marginal)) = (&fitted.sorts, &marginals.requests) {
            row.sort = marginal.at(drawn[Field::Requests.place()]);
            let own = sorts.all[row.sort as usize];
            for (field, amount) in [
                (Field::Cpu, own.cpu),
                (Field::Memory, own.memory),
                (Field::Gpus, own.gpus),
                (Field::Pods, own.pods),
            ] {
                row.fields[field.place()] = amount;
            }
        }
        row
    }

    const fn get(&self, field: Field) -> i64 {
        self.fields[field.place()]
    }
}

/// The distributions of all fields but for those that no job has.
struct Marginals {
    fields: [Option<Marginal>; FIELDS.len()],
    requests: Option<Marginal>,
}

/// Columns of the fields of drawn jobs, and of their submissions: those of the trace, from the first to the last.
pub(super) fn draws(
    fitted: &Fitted,
    copula: &Copula,
    submissions: &[i64],
) -> SortedMap<Field, Vec<i64>> {
    let mut stream = Stream::new(0, "fit/correlations", 0);
    let marginals = Marginals {
        fields: FIELDS.map(|field| Marginal::of(fitted, field)),
        requests: Marginal::of(fitted, Field::Requests),
    };
    let known = fitted.times.keys().chain(fitted.amounts.keys()).copied();
    let mut columns: SortedMap<Field, Vec<i64>> = { known.chain([Field::Submission]) }
        .map(|field| (field, Vec::with_capacity(DRAWS)))
        .collect();
    for number in 0..DRAWS {
        let share = (number as f64 + 0.5) / DRAWS as f64;
        let submit = submissions[(share * submissions.len() as f64) as usize];
        let score = special::normal_quantile(share);
        let mut row = Row::default();
        for _ in 0..TRIES {
            row = Row::of(fitted, &marginals, &copula.draw(score, &mut stream));
            if keeps(&mut row, submit, &fitted.bounds) {
                break;
            }
        }
        for (field, column) in &mut columns {
            column.push(match field {
                Field::Submission => submit,
                Field::Requests => row.sort,
                drawn => row.get(*drawn),
            });
        }
    }
    columns
}

/// Whether a job keeps to bounds; what runs on beyond the last end is cut.
fn keeps(row: &mut Row, submit: i64, bounds: &Bounds) -> bool {
    if let Some([first, last]) = bounds.ends {
        let run_time = &mut row.fields[Field::RunTime.place()];
        if last > submit {
            *run_time = (*run_time).min(last - submit);
        }
        if submit.saturating_add(*run_time) < first {
            return false;
        }
    }
    let Some([least, most]) = bounds.work else {
        return true;
    };
    let [cpu, gpus, pods] = [Field::Cpu, Field::Gpus, Field::Pods].map(|field| row.get(field));
    let work = i128::from(row.get(Field::RunTime)) * i128::from(size(cpu, gpus, pods));
    (least..=most).contains(&work)
}

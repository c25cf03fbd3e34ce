//! Throughputs of jobs by GPU model: a job that trains at 40 steps/s on one model and at 10 steps/s on
//! another takes four times as long there (Gavel, OSDI'20; spec: orchestrators-b.md section 8.2).

use thiserror::Error;

use super::{Labels, Text};
use units::{Duration, SortedMap, SortedSet};

/// The label of a pod that carries the type of its job, a row of [`Throughputs`].
pub const JOB_TYPE_LABEL: &str = "windtunnel/job-type";

/// All of a speed, in millionths.
pub const WHOLE_SPEED: u64 = 1_000_000;

/// Number of steps that [`Throughputs`] count in one.
const MICRO: f64 = 1e6;

/// The least and the greatest throughput in these counts; a job is at most a billion times as slow on one
/// model as on another.
const LEAST: f64 = 1e-3 * MICRO;
const MOST: f64 = 1e6 * MICRO;

/// A matrix of throughputs: a row for each type of job, a column for each GPU model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Throughputs {
    /// GPU models, ascending.
    models: Vec<Text>,
    /// Column of the model that run times are stated for.
    reference: usize,
    /// Millionths of a step a second, by type and column; at least 1,000.
    rows: SortedMap<Text, Vec<u64>>,
    /// Millionths of its speed that a job of a type keeps while its members are on several nodes.
    apart: SortedMap<Text, u64>,
    /// Millionths of its speed that a job of a type keeps beside a job of another type on the same GPU.
    packed: SortedMap<Text, SortedMap<Text, u64>>,
}

/// Parts of speed by type of job, as stated.
pub type Parts = SortedMap<String, f64>;

/// A fault of a matrix of throughputs.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ThroughputFault {
    /// A reference model on which no type has a throughput.
    #[error("no type has a throughput on the reference model `{model}`")]
    Reference {
        /// The model.
        model: String,
    },
    /// A type without a throughput on a model that another type, or the reference, has.
    #[error("type `{job_type}` has no throughput on `{model}`")]
    Hole {
        /// The type.
        job_type: String,
        /// The model.
        model: String,
    },
    /// A throughput that no job can have.
    #[error(
        "type `{job_type}` on `{model}`: expected steps per second from 0.001 to 1000000, such as 40"
    )]
    OutOfRange {
        /// The type.
        job_type: String,
        /// The model.
        model: String,
    },
    /// A part of the speed of a type that has no throughputs.
    #[error("`{field}`: type `{job_type}` has no throughputs")]
    Type {
        /// Field that names the type.
        field: &'static str,
        /// The type.
        job_type: String,
    },
    /// A part of the speed that is none.
    #[error(
        "`{field}.{}`: expected a part of the speed above 0 and up to 1, such as 0.7",
        .types.join(".")
    )]
    Part {
        /// Field that states the part.
        field: &'static str,
        /// Types whose part it is.
        types: Vec<String>,
    },
    /// A pair of types on one GPU of which one part is stated.
    #[error(
        "`packed.{job_type}.{other}` is stated and `packed.{other}.{job_type}` is not; state both"
    )]
    OneSided {
        /// The type whose part is stated.
        job_type: String,
        /// The type whose part is missing.
        other: String,
    },
}

impl Throughputs {
    /// The matrix of these rows with the parts of their speed that jobs keep on several nodes, and beside
    /// another job on the same GPU.
    ///
    /// # Errors
    /// Every fault of the rows, and of the parts if the rows have none.
    pub fn stated(
        reference: &str,
        rows: &SortedMap<String, Parts>,
        apart: &Parts,
        packed: &SortedMap<String, Parts>,
    ) -> Result<Self, Vec<ThroughputFault>> {
        let mut matrix = Self::new(reference, rows)?;
        let mut faults = Vec::new();
        for (job_type, &part) in apart {
            let micro = matrix.part("apart", &[job_type], part, &mut faults);
            matrix.apart.insert(job_type.as_str().into(), micro);
        }
        for (job_type, row) in packed {
            for (other, &part) in row {
                let micro = matrix.part("packed", &[job_type, other], part, &mut faults);
                let row = matrix.packed.entry(job_type.as_str().into());
                row.or_default().insert(other.as_str().into(), micro);
                if packed
                    .get(other)
                    .is_none_or(|row| !row.contains_key(job_type))
                {
                    let (job_type, other) = (job_type.clone(), other.clone());
                    faults.push(ThroughputFault::OneSided { job_type, other });
                }
            }
        }
        if faults.is_empty() {
            Ok(matrix)
        } else {
            Err(faults)
        }
    }

    /// A part of a speed in millionths; notes what is wrong about it.
    fn part(
        &self,
        field: &'static str,
        types: &[&String],
        part: f64,
        faults: &mut Vec<ThroughputFault>,
    ) -> u64 {
        for &job_type in types {
            if !self.rows.contains_key(job_type.as_str()) {
                let job_type = job_type.clone();
                faults.push(ThroughputFault::Type { field, job_type });
            }
        }
        let micro = libm::rint(part * MICRO);
        if (1.0..=MICRO).contains(&micro) {
            return micro as u64;
        }
        let types = types.iter().map(|&own| own.clone()).collect();
        faults.push(ThroughputFault::Part { field, types });
        0
    }

    /// Millionths of its speed that a job of pods with these labels keeps while they are on several
    /// nodes.
    pub fn apart(&self, labels: &Labels) -> u64 {
        let own = labels.get(JOB_TYPE_LABEL);
        let part = own.and_then(|own| self.apart.get(own));
        part.copied().unwrap_or(WHOLE_SPEED)
    }

    /// Millionths of its speed that a job of pods with these labels keeps beside another on the same
    /// GPU; `None` of a pair that is not stated.
    pub fn packed(&self, labels: &Labels, other: &Labels) -> Option<u64> {
        let row = self.packed.get(labels.get(JOB_TYPE_LABEL)?)?;
        row.get(other.get(JOB_TYPE_LABEL)?).copied()
    }

    /// Whether any jobs may share a GPU.
    pub fn has_pairs(&self) -> bool {
        !self.packed.is_empty()
    }

    /// Whether a job may be slower for where it and others run.
    pub fn has_parts(&self) -> bool {
        !self.apart.is_empty() || !self.packed.is_empty()
    }

    /// The matrix of these rows, in steps per second, and of a reference model.
    ///
    /// # Errors
    /// Every hole and every throughput out of range.
    pub fn new(
        reference: &str,
        rows: &SortedMap<String, SortedMap<String, f64>>,
    ) -> Result<Self, Vec<ThroughputFault>> {
        let mut models: SortedSet<&str> = SortedSet::new();
        for row in rows.values() {
            models.extend(row.keys().map(String::as_str));
        }
        let mut faults = Vec::new();
        if !models.contains(reference) {
            let model = reference.to_owned();
            faults.push(ThroughputFault::Reference { model });
        }
        let mut matrix = SortedMap::new();
        for (job_type, stated) in rows {
            let mut row = Vec::with_capacity(models.len());
            for &model in &models {
                let (job_type, model) = (job_type.clone(), model.to_owned());
                match stated.get(&model).map(|rate| libm::rint(rate * MICRO)) {
                    Some(micro) if (LEAST..=MOST).contains(&micro) => row.push(micro as u64),
                    Some(_) => faults.push(ThroughputFault::OutOfRange { job_type, model }),
                    None => faults.push(ThroughputFault::Hole { job_type, model }),
                }
            }
            matrix.insert(job_type.as_str().into(), row);
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let models: Vec<Text> = models.into_iter().map(Text::from).collect();
        Ok(Self {
            reference: models
                .iter()
                .position(|own| **own == *reference)
                .unwrap_or(0),
            models,
            rows: matrix,
            apart: SortedMap::new(),
            packed: SortedMap::new(),
        })
    }

    /// The GPU models, in the order of the columns.
    pub fn models(&self) -> &[Text] {
        &self.models
    }

    /// The column of a GPU model.
    pub fn column(&self, model: &str) -> Option<usize> {
        self.models.iter().position(|own| **own == *model)
    }

    /// The throughputs of pods with these labels, by column, in millionths of a step a second; `None`
    /// where no type is stated, or one that has no row.
    pub fn row(&self, labels: &Labels) -> Option<&[u64]> {
        let row = self.rows.get(labels.get(JOB_TYPE_LABEL)?)?;
        Some(row)
    }

    /// The throughput on the reference model and that on another, of pods with these labels.
    pub fn rates(&self, labels: &Labels, model: &str) -> Option<(u64, u64)> {
        let row = self.row(labels)?;
        Some((row[self.reference], row[self.column(model)?]))
    }

    /// The time that a number of steps takes on the reference model, rounded up, of pods with these
    /// labels.
    pub fn time(&self, labels: &Labels, steps: i64) -> Option<Duration> {
        let rate = i128::from(self.row(labels)?[self.reference]);
        let nanos = (i128::from(steps) * 1_000_000_000_000_000 + rate - 1) / rate;
        Some(Duration::from_nanos(
            i64::try_from(nanos).unwrap_or(i64::MAX),
        ))
    }

    /// Speeds of pods with these labels by column, as multiples of that on the reference model.
    pub fn speeds(&self, labels: &Labels) -> Option<Vec<f64>> {
        let row = self.row(labels)?;
        let reference = row[self.reference] as f64;
        Some(row.iter().map(|&rate| rate as f64 / reference).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(stated: &[(&str, &[(&str, f64)])]) -> SortedMap<String, SortedMap<String, f64>> {
        let row = |row: &[(&str, f64)]| {
            let cells = row.iter().map(|&(model, rate)| (model.to_owned(), rate));
            cells.collect()
        };
        let rows = stated
            .iter()
            .map(|&(name, own)| (name.to_owned(), row(own)));
        rows.collect()
    }

    fn labels(job_type: &str) -> Labels {
        let mut labels = Labels::new();
        labels.insert(JOB_TYPE_LABEL.into(), job_type.into());
        labels
    }

    #[test]
    fn speeds_are_those_beside_the_reference_model() {
        let stated = rows(&[
            ("image", &[("V100", 40.0), ("K80", 10.0)]),
            ("speech", &[("V100", 12.0), ("K80", 10.0)]),
        ]);
        let matrix = Throughputs::new("V100", &stated).expect("whole");
        assert_eq!(matrix.speeds(&labels("image")), Some(vec![0.25, 1.0]));
        let rates = matrix.rates(&labels("speech"), "K80");
        assert_eq!(rates, Some((12_000_000, 10_000_000)));
        assert_eq!(matrix.rates(&labels("speech"), "T4"), None);
        let time = matrix.time(&labels("image"), 100);
        assert_eq!(time, Some(Duration::from_millis(2_500)));
        assert_eq!(matrix.speeds(&labels("video")), None);
        assert_eq!(matrix.speeds(&Labels::new()), None);
    }

    fn parts(stated: &[(&str, f64)]) -> Parts {
        let parts = stated.iter().map(|&(name, part)| (name.to_owned(), part));
        parts.collect()
    }

    #[test]
    fn parts_of_a_speed_are_those_of_the_types() {
        let types = rows(&[("image", &[("V100", 40.0)]), ("speech", &[("V100", 12.0)])]);
        let packed = rows(&[
            ("image", &[("speech", 0.75)]),
            ("speech", &[("image", 0.5)]),
        ]);
        let apart = parts(&[("image", 0.6)]);
        let matrix = Throughputs::stated("V100", &types, &apart, &packed).expect("whole");
        let (image, speech) = (labels("image"), labels("speech"));
        assert_eq!(
            (matrix.apart(&image), matrix.apart(&speech)),
            (600_000, WHOLE_SPEED)
        );
        assert_eq!(matrix.packed(&image, &speech), Some(750_000));
        assert_eq!(matrix.packed(&speech, &image), Some(500_000));
        assert_eq!(matrix.packed(&image, &image), None);
        let packed = rows(&[("image", &[("speech", 0.75), ("video", 0.0)])]);
        let apart = parts(&[("image", 1.5)]);
        let faults = Throughputs::stated("V100", &types, &apart, &packed).expect_err("faults");
        let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let part = "expected a part of the speed above 0 and up to 1, such as 0.7";
        assert_eq!(
            texts,
            [
                format!("`apart.image`: {part}"),
                "`packed.image.speech` is stated and `packed.speech.image` is not; state both"
                    .to_owned(),
                "`packed`: type `video` has no throughputs".to_owned(),
                format!("`packed.image.video`: {part}"),
                "`packed.image.video` is stated and `packed.video.image` is not; state both"
                    .to_owned(),
            ]
        );
    }

    #[test]
    fn holes_and_impossible_throughputs_are_found() {
        let stated = rows(&[
            ("image", &[("V100", 40.0), ("K80", 0.0)]),
            ("speech", &[("V100", 12.0)]),
        ]);
        let faults = Throughputs::new("P100", &stated).expect_err("faults");
        let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "no type has a throughput on the reference model `P100`",
                "type `image` on `K80`: expected steps per second from 0.001 to 1000000, such as 40",
                "type `speech` has no throughput on `K80`",
            ]
        );
    }
}

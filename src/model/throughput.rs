//! Throughputs of jobs by GPU model: a job that trains at 40 steps/s on one model and at 10 steps/s on
//! another takes four times as long there (Gavel, OSDI'20; spec: orchestrators-b.md section 8.2).

pub mod goodput;
mod scaled;

use thiserror::Error;

use self::goodput::GoodputModel;
use self::scaled::Widths;
pub use self::scaled::{GPUS_NOW_LABEL, JOB_GPUS_LABEL, JobGpus, ScaledThroughputs};
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
    /// Throughputs of jobs of several GPUs; a type without them has those of `rows` with any number.
    scaled: Widths,
    /// Throughputs of jobs of several GPUs while their members are on several nodes.
    scaled_apart: Widths,
    /// Goodput of types of jobs whose speed it changes with.
    goodput: SortedMap<Text, GoodputModel>,
}

/// Numbers by name, as stated: parts of speed by type of job, or throughputs by model.
pub type Parts = SortedMap<String, f64>;

/// Throughputs as stated.
#[derive(Clone, Debug)]
pub struct StatedThroughputs<'a> {
    /// Model that run times are stated for.
    pub reference: &'a str,
    /// Steps per second by type and model.
    pub types: &'a SortedMap<String, Parts>,
    /// Part of its speed that a job keeps on several nodes, by type.
    pub apart: &'a Parts,
    /// Part of its speed that a job keeps beside another on the same GPU, by both types.
    pub packed: &'a SortedMap<String, Parts>,
    /// Steps per second of jobs of several GPUs.
    pub scaled: &'a ScaledThroughputs,
    /// Steps per second of jobs of several GPUs on several nodes.
    pub scaled_apart: &'a ScaledThroughputs,
    /// Goodput by type.
    pub goodput: SortedMap<String, GoodputModel>,
}

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
    /// A number of GPUs that is none, or no more than one.
    #[error("`{field}.{}`: expected a number of GPUs from 2 to 4096", .path.join("."))]
    Gpus {
        /// Field that states it.
        field: &'static str,
        /// Type and number.
        path: Vec<String>,
    },
    /// Throughputs of several GPUs of a model that no type has a throughput on.
    #[error(
        "`{field}.{}`: no type has a throughput on `{model}`; state it in `types` as well",
        .path.join(".")
    )]
    ScaledModel {
        /// Field that states it.
        field: &'static str,
        /// Type and number of GPUs.
        path: Vec<String>,
        /// The model.
        model: String,
    },
    /// Throughputs of several GPUs that lack a model.
    #[error("`{field}.{}` has no throughput on `{model}`", .path.join("."))]
    ScaledHole {
        /// Field that states the others.
        field: &'static str,
        /// Type and number of GPUs.
        path: Vec<String>,
        /// The model.
        model: String,
    },
    /// A throughput of several GPUs that no job can have.
    #[error(
        "`{field}.{}.{model}`: expected steps per second from 0.001 to 1000000, such as 40",
        .path.join(".")
    )]
    ScaledRange {
        /// Field that states it.
        field: &'static str,
        /// Type and number of GPUs.
        path: Vec<String>,
        /// The model.
        model: String,
    },
    /// Throughputs on several nodes of a number of GPUs without throughputs on one.
    #[error(
        "`scaledApart.{job_type}.{gpus}` is stated and `scaled.{job_type}.{gpus}` is not; state both"
    )]
    ApartAlone {
        /// The type.
        job_type: String,
        /// Number of GPUs.
        gpus: u32,
    },
    /// A field of a goodput that no job can have.
    #[error("`goodput.{}`: {expected}", .path.join("."))]
    Goodput {
        /// Type and field.
        path: Vec<String>,
        /// What is expected instead.
        expected: String,
    },
    /// A type with a goodput and throughputs by its number of GPUs.
    #[error("`scaled.{job_type}` is stated and `goodput.{job_type}`, too; state one of them")]
    GoodputAndScaled {
        /// The type.
        job_type: String,
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
    /// The matrix of throughputs as stated.
    ///
    /// # Errors
    /// Every fault of the types, and of what else is stated if they have none.
    pub fn stated(stated: &StatedThroughputs<'_>) -> Result<Self, Vec<ThroughputFault>> {
        let mut matrix = Self::new(stated.reference, stated.types)?;
        let mut faults = Vec::new();
        for (job_type, &part) in stated.apart {
            let micro = matrix.part("apart", &[job_type], part, &mut faults);
            matrix.apart.insert(job_type.as_str().into(), micro);
        }
        let packed = stated.packed;
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
        matrix.read_scaled(stated.scaled, stated.scaled_apart, &mut faults);
        for (job_type, goodput) in &stated.goodput {
            goodput.check(job_type, &mut faults);
            let (field, job_type) = ("goodput", job_type.clone());
            matrix
                .goodput
                .insert(job_type.as_str().into(), goodput.clone());
            if !stated.types.contains_key(&job_type) {
                faults.push(ThroughputFault::Type { field, job_type });
            } else if stated.scaled.contains_key(&job_type) {
                faults.push(ThroughputFault::GoodputAndScaled { job_type });
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

    /// The goodput of pods with these labels, if their type has one.
    pub fn goodput(&self, labels: &Labels) -> Option<&GoodputModel> {
        self.goodput.get(labels.get(JOB_TYPE_LABEL)?)
    }

    /// Whether any type has a goodput.
    pub fn has_goodput(&self) -> bool {
        !self.goodput.is_empty()
    }

    /// Whether any jobs may share a GPU.
    pub fn has_pairs(&self) -> bool {
        !self.packed.is_empty()
    }

    /// Whether a job may be slower for where it and others run.
    pub fn has_parts(&self) -> bool {
        !self.apart.is_empty()
            || !self.packed.is_empty()
            || !self.scaled_apart.is_empty()
            || self.has_goodput()
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
                match stated.get(&model).map(|&rate| micro_steps(rate)) {
                    Some(Some(micro)) => row.push(micro),
                    Some(None) => faults.push(ThroughputFault::OutOfRange { job_type, model }),
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
                .position(|model| **model == *reference)
                .unwrap_or(0),
            models,
            rows: matrix,
            apart: SortedMap::new(),
            packed: SortedMap::new(),
            scaled: SortedMap::new(),
            scaled_apart: SortedMap::new(),
            goodput: SortedMap::new(),
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

    /// The throughput of pods with these labels on the reference model with the GPUs that the run time of
    /// their job is stated for, and on another with those that it runs on.
    pub fn rates(&self, labels: &Labels, model: &str, gpus: JobGpus) -> Option<(u64, u64)> {
        let usual = self.rates_of(labels, gpus.stated)?[self.reference];
        Some((usual, self.rates_of(labels, gpus.now)?[self.column(model)?]))
    }

    /// The time that a number of steps takes on a number of GPUs of the reference model, rounded up, of
    /// pods with these labels.
    pub fn time(&self, labels: &Labels, steps: i64, gpus: u32) -> Option<Duration> {
        let rate = i128::from(self.rates_of(labels, gpus)?[self.reference]);
        let nanos = (i128::from(steps) * 1_000_000_000_000_000 + rate - 1) / rate;
        Some(Duration::from_nanos(
            i64::try_from(nanos).unwrap_or(i64::MAX),
        ))
    }

    /// Speeds by column of pods with these labels whose job has a number of GPUs, as multiples of that on
    /// the reference model; on some columns the job is on several nodes.
    pub fn speeds(
        &self,
        labels: &Labels,
        gpus: u32,
        is_apart: impl Fn(usize) -> bool,
    ) -> Option<Vec<f64>> {
        let reference = self.rates_of(labels, gpus)?[self.reference] as f64;
        let speed = |column| {
            let rate = self.rate(labels, column, gpus, is_apart(column))?;
            Some(rate as f64 / reference)
        };
        (0..self.models.len()).map(speed).collect()
    }
}

/// A throughput in these counts; `None` of one that no job can have.
fn micro_steps(rate: f64) -> Option<u64> {
    let micro = libm::rint(rate * MICRO);
    (LEAST..=MOST).contains(&micro).then_some(micro as u64)
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
        let speeds = |labels: &Labels| matrix.speeds(labels, 4, |_| false);
        assert_eq!(speeds(&labels("image")), Some(vec![0.25, 1.0]));
        let gpus = JobGpus { stated: 4, now: 4 };
        let rates = |model| matrix.rates(&labels("speech"), model, gpus);
        assert_eq!(rates("K80"), Some((12_000_000, 10_000_000)));
        assert_eq!(rates("T4"), None);
        let time = matrix.time(&labels("image"), 100, 4);
        assert_eq!(time, Some(Duration::from_millis(2_500)));
        assert_eq!(speeds(&labels("video")), None);
        assert_eq!(speeds(&Labels::new()), None);
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
        let stated = |apart, packed| {
            Throughputs::stated(&StatedThroughputs {
                reference: "V100",
                types: &types,
                apart,
                packed,
                scaled: &ScaledThroughputs::new(),
                scaled_apart: &ScaledThroughputs::new(),
                goodput: SortedMap::default(),
            })
        };
        let matrix = stated(&apart, &packed).expect("whole");
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
        let faults = stated(&apart, &packed).expect_err("faults");
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

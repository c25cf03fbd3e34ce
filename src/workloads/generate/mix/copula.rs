//! A Gaussian copula: probabilities of several fields whose normal scores have the stated correlations.

use rng::{Stream, math, special};
use serde::Deserialize;

/// Fields of a job that are drawn together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Field {
    /// Run time.
    RunTime,
    /// Time limit.
    TimeLimit,
    /// Processors.
    Cpu,
    /// Memory.
    Memory,
    /// GPU devices.
    Gpus,
    /// Pods that start together.
    Pods,
    /// Place of the submission among those of the template over the course of the arrivals; known before a job is drawn.
    Submission,
    /// The requests of the pods of a job, in written order: they stand in place of the amounts, and are drawn as the first
    /// of these is.
    Requests,
}

/// Every field that is drawn, in the order in which they are.
pub const FIELDS: [Field; 6] = [
    Field::RunTime,
    Field::TimeLimit,
    Field::Cpu,
    Field::Memory,
    Field::Gpus,
    Field::Pods,
];

const COUNT: usize = FIELDS.len();

impl Field {
    /// Row of the field in the matrix of correlations: what is known comes before what is drawn.
    const fn row(self) -> usize {
        match self {
            Self::Submission => 0,
            drawn => drawn.place() + 1,
        }
    }

    /// Place of the field among those that are drawn; that of the submission is none of them.
    pub(crate) const fn place(self) -> usize {
        match self {
            Self::Requests => Self::Cpu as usize,
            drawn => drawn as usize,
        }
    }

    /// Name of the field in a file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RunTime => "runTime",
            Self::TimeLimit => "timeLimit",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Gpus => "gpus",
            Self::Pods => "pods",
            Self::Submission => "submission",
            Self::Requests => "requests",
        }
    }
}

/// Independent standard normal numbers, one for each field.
pub(super) type Scores = [f64; COUNT];

/// Draws scores.
pub(super) fn scores(stream: &mut Stream) -> Scores {
    std::array::from_fn(|_| stream.standard_normal())
}

/// The lower triangle whose product with its transpose is the matrix of correlations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Copula {
    lower: [[f64; ROWS]; ROWS],
}

/// Fields that are drawn, and the submission.
const ROWS: usize = COUNT + 1;

/// Rests up to this size are taken for 0.
const ROUNDING: f64 = 1e-9;

impl Copula {
    /// A copula with the correlations of some pairs, 0 for all others; `None` where no such fields can
    /// exist, as the matrix has a negative eigenvalue.
    pub fn new(pairs: &[(Field, Field, f64)]) -> Option<Self> {
        let mut matrix = [[0.0; ROWS]; ROWS];
        for (place, row) in matrix.iter_mut().enumerate() {
            row[place] = 1.0;
        }
        for &(one, other, value) in pairs {
            matrix[one.row()][other.row()] = value;
            matrix[other.row()][one.row()] = value;
        }
        // Cholesky's decomposition; a field that others decide has a pivot of 0.
        let mut lower = [[0.0; ROWS]; ROWS];
        for row in 0..ROWS {
            for column in 0..=row {
                let known: f64 = (0..column)
                    .map(|place| lower[row][place] * lower[column][place])
                    .sum();
                let rest = matrix[row][column] - known;
                let pivot = lower[column][column];
                lower[row][column] = if row > column && pivot > 0.0 {
                    rest / pivot
                } else if row == column && rest > ROUNDING {
                    math::sqrt(rest)
                } else if rest.abs() <= ROUNDING {
                    0.0
                } else {
                    return None;
                };
            }
        }
        Some(Self { lower })
    }

    /// Draws a probability for each field, in the order of [`FIELDS`], beside the normal score of a submission: as many
    /// numbers of the stream whatever the correlations.
    pub fn draw(&self, submission: f64, stream: &mut Stream) -> [f64; COUNT] {
        self.probabilities(submission, &scores(stream))
    }

    /// Whether any field is correlated with the submission.
    pub(super) fn has_trend(&self) -> bool {
        self.lower[1..].iter().any(|row| row[0] != 0.0)
    }

    /// Draws a probability for each field, so that any two draws with the same scores in common have, field by
    /// field, normal scores with the correlation `likeness`, 0 to 1. Seen alone, each is as one of
    /// [`Self::draw`].
    pub(super) fn draw_alike(
        &self,
        submission: f64,
        stream: &mut Stream,
        common: &Scores,
        likeness: f64,
    ) -> [f64; COUNT] {
        let own = scores(stream);
        let [of_common, of_own] = [likeness, 1.0 - likeness].map(math::sqrt);
        let scores = std::array::from_fn(|row| of_common * common[row] + of_own * own[row]);
        self.probabilities(submission, &scores)
    }

    fn probabilities(&self, submission: f64, scores: &Scores) -> [f64; COUNT] {
        std::array::from_fn(|field| {
            let [known, lower @ ..] = &self.lower[field + 1];
            let drawn = lower.iter().zip(scores).take(field + 1);
            let drawn: f64 = drawn.map(|(lower, score)| lower * score).sum();
            special::normal_cdf(known * submission + drawn)
        })
    }
}

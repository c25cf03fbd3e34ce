//! Mixes of jobs that a file describes: arrivals with a rate over day and week and with bursts, sessions of
//! users, and templates of jobs whose times and requests are drawn from distributions with a correlation
//! between them (a Gaussian copula). The file is YAML:
//!
//! ```
//! use workloads::generate::mix::Mix;
//!
//! let text = "
//! arrivals: {gap: exponential(30s)}
//! templates:
//! - {name: batch, weight: 3, runTime: 'lognormal(10m, 1.5)', cpu: {500m: 3, 2: 1}, memory: 1Gi}
//! - {name: training, runTime: {quantiles: {0: 1m, 50: 2h, 100: 3d}}, cpu: 4, memory: 16Gi, gpus: {1: 9, 8: 1}}
//! ";
//! let mix = Mix::read("mix.yaml", text)?;
//! assert_eq!(mix.templates().len(), 2);
//! # Ok::<(), intake::TraceError>(())
//! ```

mod copula;
mod course;
mod marginal;
mod pace;
mod request;
mod room;
mod source;
#[cfg(test)]
mod tests;
mod trend;
mod weights;
mod written;

use model::Text;
use serde::Deserialize;
use units::Duration;

use intake::{Input, TraceError};

pub use copula::{Copula, FIELDS, Field};
pub(crate) use course::{Numbers, SESSIONS_MAX};
pub use marginal::{Choice, Devices, Times};
pub use pace::{Burst, Pace};
pub(crate) use request::Request;
pub use source::MixSource;
pub(crate) use source::TRIES;
pub(crate) use trend::{Ends, Places};

/// A mix of jobs.
#[derive(Clone, Debug)]
pub struct Mix {
    /// Time between two sessions at the mean rate.
    pub(crate) gap: Times,
    /// Correlation of each gap with the next, above -1 and below 1.
    pub(crate) autocorrelation: f64,
    pub(crate) pace: Pace,
    /// Numbers of sessions in the parts of the course, where it states them.
    pub(crate) numbers: Option<Numbers>,
    /// Processors, in thousandths, of a machine for whose room jobs wait before they are submitted.
    pub(crate) room: Option<i64>,
    /// Instants within which jobs end.
    pub(crate) ends: Option<Ends>,
    /// Places of submissions in the course, where fields are correlated with them.
    pub(crate) places: Option<Places>,
    pub(crate) sessions: Option<Sessions>,
    pub(crate) users: Choice<Text>,
    pub(crate) templates: Vec<Template>,
    /// Numbers of the templates by their weights, for each part of the course; one where there is no course.
    pub(crate) weights: Vec<Choice<u32>>,
}

/// Jobs that a user submits one after the other; they are of one template.
#[derive(Clone, Debug)]
pub(crate) struct Sessions {
    pub(crate) jobs: Choice<u32>,
    /// Time from one job to the next, counted from `after`.
    pub(crate) gap: Times,
    pub(crate) after: After,
    /// Correlation between the normal scores of any two jobs of a session, field by field, 0 to 1.
    pub(crate) likeness: f64,
}

/// Instant from which the time to a session's next job counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum After {
    /// Submission of the job before.
    #[default]
    Submission,
    /// End that the job before has if it starts at once.
    End,
}

/// Jobs of one kind.
#[derive(Clone, Debug)]
pub struct Template {
    /// Name of the template, which its pods have as the label `app`.
    pub name: Text,
    pub(crate) run_time: Option<Times>,
    pub(crate) time_limit: Option<Times>,
    pub(crate) cpu: Option<Choice<units::Quantity>>,
    pub(crate) memory: Option<Choice<units::Quantity>>,
    pub(crate) gpus: Option<Choice<Devices>>,
    pub(crate) pods: Option<Choice<u32>>,
    /// Amounts that come together, in place of the four above.
    pub(crate) requests: Option<Choice<Request>>,
    /// Least and most run time times processors (GPUs where it has any) of a job.
    pub(crate) work: Option<[Duration; 2]>,
    pub(crate) priority: i32,
    pub(crate) copula: Copula,
    /// Sessions of the template; `None` where those of the mix hold.
    pub(crate) sessions: Option<Sessions>,
}

impl Template {
    /// The run time of a job drawn with these probabilities, cut where it would be above the bounds.
    pub(crate) fn run_time(
        &self,
        drawn: &[f64; FIELDS.len()],
        bounds: Option<[Duration; 2]>,
    ) -> Option<Duration> {
        let times = self.run_time.as_ref();
        times.map(|times| Ends::cut(bounds, times.at(drawn[Field::RunTime as usize])))
    }

    /// Whether a job drawn with these probabilities has the work of the template, and the least run time of the bounds.
    pub(crate) fn has_work(
        &self,
        drawn: &[f64; FIELDS.len()],
        bounds: Option<[Duration; 2]>,
    ) -> bool {
        let Some(run_time) = self.run_time(drawn, bounds) else {
            return true;
        };
        if bounds.is_some_and(|[least, _]| run_time < least) {
            return false;
        }
        let Some([least, most]) = self.work else {
            return true;
        };
        let work = i128::from(run_time.as_nanos()) * i128::from(self.size(drawn)) / 1_000;
        (i128::from(least.as_nanos())..=i128::from(most.as_nanos())).contains(&work)
    }
}

/// Thousandths of GPUs that a job takes, of processors if it has none, or of pods if it has neither.
pub(crate) fn size(cpu: i64, gpus: i64, pods: i64) -> i64 {
    let each = match (gpus, cpu) {
        (0, 0) => 1_000,
        (0, cpu) => cpu,
        (gpus, _) => gpus,
    };
    each.saturating_mul(pods)
}

impl Mix {
    /// Reads a mix from the text of a file.
    ///
    /// # Errors
    /// The text is no YAML, or a field has no meaning; the message names file, line and field.
    pub fn read(file: &str, text: &str) -> Result<Self, TraceError> {
        written::read(file, text)
    }

    /// Reads a mix from a file.
    ///
    /// # Errors
    /// As [`Mix::read`], or the file can't be read.
    pub fn open(input: &Input) -> Result<Self, TraceError> {
        Self::read(&input.name, &input.read_to_string()?)
    }

    /// The templates, in written order.
    pub fn templates(&self) -> &[Template] {
        &self.templates
    }

    /// The sessions of a template's jobs, if they come in sessions.
    pub(crate) fn sessions_of(&self, template: u32) -> Option<&Sessions> {
        let own = self.templates[template as usize].sessions.as_ref();
        own.or(self.sessions.as_ref())
    }

    /// The numbers of the templates by their weights at an instant, in seconds.
    pub(crate) fn weights_at(&self, at: f64) -> &Choice<u32> {
        self.weights_of(self.pace.part(at))
    }

    /// The numbers of the templates by their weights in a part of the course.
    pub(crate) fn weights_of(&self, part: usize) -> &Choice<u32> {
        &self.weights[part % self.weights.len()]
    }

    /// Whether any template's jobs come in sessions.
    pub(crate) fn has_sessions(&self) -> bool {
        self.sessions.is_some() || self.templates.iter().any(|own| own.sessions.is_some())
    }

    /// The mean time between two sessions, if it is finite.
    pub fn mean_gap(&self) -> Option<Duration> {
        self.gap.mean()
    }
}

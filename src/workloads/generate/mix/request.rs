//! The requests of the pods of a job: amounts that are drawn one by one, or requests that come together as they are
//! written. Pods are of few sorts, and no correlation says that eight GPUs come with 88 processors.

use serde::Deserialize;
use units::Quantity;

use super::copula::{FIELDS, Field};
use super::marginal::{Amount, Choice, Devices, Scalar};
use super::{Template, size};

/// Amounts that a job asks for together.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Request {
    pub(crate) cpu: Option<Quantity>,
    pub(crate) memory: Option<Quantity>,
    pub(crate) gpus: Devices,
    pub(crate) pods: u32,
}

/// A request as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct WrittenRequest {
    #[serde(default = "one")]
    weight: f64,
    cpu: Option<Scalar>,
    memory: Option<Scalar>,
    gpus: Option<Scalar>,
    pods: Option<Scalar>,
}

const fn one() -> f64 {
    1.0
}

/// Requests in written order, with their weights.
pub(super) fn requests(written: Vec<WrittenRequest>) -> Result<Choice<Request>, String> {
    let mut weighted = Vec::with_capacity(written.len());
    for own in written {
        let request = Request {
            cpu: amount("cpu", own.cpu)?,
            memory: amount("memory", own.memory)?,
            gpus: amount("gpus", own.gpus)?.unwrap_or_default(),
            pods: amount("pods", own.pods)?.unwrap_or(1),
        };
        weighted.push((request, own.weight));
    }
    Choice::new(weighted)
        .ok_or_else(|| "requests: expected weights of at least 0, one of them above 0".to_owned())
}

fn amount<T: Amount>(field: &str, written: Option<Scalar>) -> Result<Option<T>, String> {
    let Some(Scalar(text)) = written else {
        return Ok(None);
    };
    let amount = T::parse(&text);
    let amount = amount.ok_or_else(|| format!("{field}: `{text}`: expected {}", T::EXPECTED));
    amount.map(Some)
}

impl Template {
    /// Places, in their distributions, of the amounts of a job drawn with these probabilities; those of pods alike are equal.
    pub(super) fn places(&self, drawn: &[f64; FIELDS.len()]) -> [usize; 3] {
        let of = |field: Field| drawn[field.place()];
        if let Some(requests) = &self.requests {
            return [requests.at(of(Field::Requests)), 0, 0];
        }
        let [cpu, memory, gpus] = [Field::Cpu, Field::Memory, Field::Gpus].map(of);
        let cpu = self.cpu.as_ref().map(|own| own.at(cpu));
        let memory = self.memory.as_ref().map(|own| own.at(memory));
        let gpus = self.gpus.as_ref().map(|own| own.at(gpus));
        [cpu, memory, gpus].map(Option::unwrap_or_default)
    }

    /// The amounts at these places; the number of pods is that of a request, or one.
    pub(super) fn request(&self, [cpu, memory, gpus]: [usize; 3]) -> Request {
        if let Some(requests) = &self.requests {
            return requests.values()[cpu].clone();
        }
        let devices = self.gpus.as_ref();
        Request {
            cpu: self.cpu.as_ref().map(|own| own.values()[cpu]),
            memory: self.memory.as_ref().map(|own| own.values()[memory]),
            gpus: devices.map_or(Devices::default(), |own| own.values()[gpus]),
            pods: 1,
        }
    }

    /// The number of pods of a job drawn with these probabilities.
    pub(super) fn pods(&self, drawn: &[f64; FIELDS.len()]) -> u32 {
        if let Some(requests) = &self.requests {
            return requests.values()[requests.at(drawn[Field::Requests.place()])].pods;
        }
        let pods = self.pods.as_ref();
        pods.map_or(1, |own| own.values()[own.at(drawn[Field::Pods.place()])])
    }

    /// The size of the job that is drawn with these probabilities, as [`size`] counts.
    pub(super) fn size(&self, drawn: &[f64; FIELDS.len()]) -> i64 {
        let request = self.request(self.places(drawn));
        let cpu = request.cpu.map(|own| own.milli_ceil().unwrap_or(i64::MAX));
        let gpus = i64::from(request.gpus.milli);
        size(cpu.unwrap_or(0), gpus, i64::from(self.pods(drawn)))
    }
}

//! Throughputs of jobs by the number of their GPUs: two GPUs are less than twice as fast as one, and less
//! still on two nodes (Gavel, OSDI'20: a table for each scale factor, consolidated and not).

use super::{JOB_TYPE_LABEL, MICRO, Parts, ThroughputFault, Throughputs, micro_steps};
use crate::{Labels, PodSpec, Text};
use units::SortedMap;

/// The label of a pod that carries the number of GPUs of all pods of its job together, for which its run
/// time is stated; without it a job has the GPUs of the pod.
pub const JOB_GPUS_LABEL: &str = "windtunnel/job-gpus";

/// The label of a pod whose job runs on another number of GPUs for now.
pub const GPUS_NOW_LABEL: &str = "windtunnel/job-gpus-now";

/// The most GPUs of a job that throughputs are stated for.
const MOST_GPUS: u32 = 4_096;

/// Steps per second by type of job, number of its GPUs and GPU model, as stated.
pub type ScaledThroughputs = SortedMap<String, SortedMap<String, Parts>>;

/// Throughputs by type of job and number of its GPUs, in millionths of a step a second by column.
pub(super) type Widths = SortedMap<Text, SortedMap<u32, Vec<u64>>>;

/// Number of GPUs of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobGpus {
    /// GPUs that its run time is stated for.
    pub stated: u32,
    /// GPUs that it runs on.
    pub now: u32,
}

impl JobGpus {
    /// The GPUs of the job of a pod.
    pub fn of(spec: &PodSpec) -> Self {
        let label = |name: &str| spec.labels.get(name)?.parse().ok();
        let stated = label(JOB_GPUS_LABEL).unwrap_or_else(|| u32::from(spec.gpu.devices));
        let stated = stated.max(1);
        Self {
            stated,
            now: label(GPUS_NOW_LABEL).unwrap_or(stated),
        }
    }
}

impl Throughputs {
    /// The throughputs of jobs of several GPUs, and of those on several nodes.
    pub(super) fn read_scaled(
        &mut self,
        scaled: &ScaledThroughputs,
        apart: &ScaledThroughputs,
        faults: &mut Vec<ThroughputFault>,
    ) {
        self.scaled = self.widths("scaled", scaled, faults);
        self.scaled_apart = self.widths("scaledApart", apart, faults);
        for (job_type, rows) in &self.scaled_apart {
            let together = self.scaled.get(job_type);
            for &gpus in rows.keys() {
                if together.is_none_or(|together| !together.contains_key(&gpus)) {
                    let job_type = job_type.to_string();
                    faults.push(ThroughputFault::ApartAlone { job_type, gpus });
                }
            }
        }
    }

    fn widths(
        &self,
        field: &'static str,
        stated: &ScaledThroughputs,
        faults: &mut Vec<ThroughputFault>,
    ) -> Widths {
        let mut known = Widths::new();
        for (job_type, rows) in stated {
            if !self.rows.contains_key(job_type.as_str()) {
                let job_type = job_type.clone();
                faults.push(ThroughputFault::Type { field, job_type });
                continue;
            }
            let mut widths = SortedMap::new();
            for (gpus, row) in rows {
                let path = || vec![job_type.clone(), gpus.clone()];
                let Some(number) = width(gpus) else {
                    let path = path();
                    faults.push(ThroughputFault::Gpus { field, path });
                    continue;
                };
                for model in row.keys().filter(|model| self.column(model).is_none()) {
                    let (path, model) = (path(), model.clone());
                    faults.push(ThroughputFault::ScaledModel { field, path, model });
                }
                let mut rates = Vec::with_capacity(self.models.len());
                for model in &self.models {
                    let (path, model) = (path(), model.to_string());
                    match row.get(&model).map(|&rate| micro_steps(rate)) {
                        Some(Some(micro)) => rates.push(micro),
                        Some(None) => {
                            faults.push(ThroughputFault::ScaledRange { field, path, model });
                        }
                        None => faults.push(ThroughputFault::ScaledHole { field, path, model }),
                    }
                }
                widths.insert(number, rates);
            }
            known.insert(job_type.as_str().into(), widths);
        }
        known
    }

    /// Whether any throughputs are stated by the number of GPUs.
    pub fn has_scaled(&self) -> bool {
        !self.scaled.is_empty()
    }

    /// Whether a throughput is known of pods with these labels whose job has a number of GPUs.
    pub fn knows(&self, labels: &Labels, gpus: u32) -> bool {
        self.rates_of(labels, gpus).is_some()
    }

    /// Whether the throughput of pods with these labels is stated by the number of GPUs of their job.
    pub fn is_scaled(&self, labels: &Labels) -> bool {
        let own = labels.get(JOB_TYPE_LABEL);
        own.is_some_and(|own| self.scaled.contains_key(own))
    }

    /// The least number of GPUs above another that a job of pods with these labels has a throughput on.
    pub fn next_width(&self, labels: &Labels, gpus: u32) -> Option<u32> {
        let widths = self.scaled.get(labels.get(JOB_TYPE_LABEL)?)?;
        widths.keys().copied().find(|&own| own > gpus)
    }

    /// Throughputs by column of pods with these labels whose job has a number of GPUs, which are close to
    /// each other.
    pub(super) fn rates_of(&self, labels: &Labels, gpus: u32) -> Option<&[u64]> {
        let job_type = labels.get(JOB_TYPE_LABEL)?;
        match self.scaled.get(job_type) {
            Some(widths) if gpus > 1 => widths.get(&gpus).map(Vec::as_slice),
            _ => self.rows.get(job_type).map(Vec::as_slice),
        }
    }

    /// Throughputs by column of pods with these labels whose job has a number of GPUs on several nodes,
    /// where they are stated.
    pub(super) fn rates_apart(&self, labels: &Labels, gpus: u32) -> Option<&[u64]> {
        let widths = self.scaled_apart.get(labels.get(JOB_TYPE_LABEL)?)?;
        widths.get(&gpus).map(Vec::as_slice)
    }

    /// The throughput on a model of pods with these labels whose job has a number of GPUs on several
    /// nodes, where it is stated by that number.
    pub fn scaled_apart(&self, labels: &Labels, model: &str, gpus: u32) -> Option<u64> {
        Some(self.rates_apart(labels, gpus)?[self.column(model)?])
    }

    /// The throughput of pods with these labels on a column, in millionths of a step a second, with a
    /// number of GPUs on one node or several.
    pub fn rate(&self, labels: &Labels, column: usize, gpus: u32, is_apart: bool) -> Option<u64> {
        let rate = *self.rates_of(labels, gpus)?.get(column)?;
        if !is_apart {
            return Some(rate);
        }
        let apart = { self.rates_apart(labels, gpus) }.and_then(|own| own.get(column));
        let part = || u128::from(rate) * u128::from(self.apart(labels)) / MICRO as u128;
        Some(apart.copied().unwrap_or_else(|| part() as u64).max(1))
    }
}

/// A number of several GPUs.
fn width(text: &str) -> Option<u32> {
    let number: u32 = text.parse().ok()?;
    ((2..=MOST_GPUS).contains(&number) && number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::super::StatedThroughputs;
    use super::*;
    use crate::gpu::GpuRequest;
    use crate::{ResourceList, WHOLE_SPEED};
    use proptest::prelude::*;
    use units::Duration;

    fn row(stated: &[(&str, f64)]) -> Parts {
        let cells = stated.iter().map(|&(model, rate)| (model.to_owned(), rate));
        cells.collect()
    }

    /// Throughputs by model, and those by number of GPUs.
    type Row<'a> = (&'a str, f64);
    type Rows<'a> = (&'a str, &'a [Row<'a>]);

    fn scaled(stated: &[(&str, &[Rows<'_>])]) -> ScaledThroughputs {
        let widths = |own: &[Rows<'_>]| {
            let own = own
                .iter()
                .map(|&(gpus, cells)| (gpus.to_owned(), row(cells)));
            own.collect()
        };
        let each = stated
            .iter()
            .map(|&(name, own)| (name.to_owned(), widths(own)));
        each.collect()
    }

    fn matrix(
        scaled: &ScaledThroughputs,
        apart: &ScaledThroughputs,
    ) -> Result<Throughputs, Vec<String>> {
        let types = SortedMap::from_iter([
            ("image".to_owned(), row(&[("K80", 4.0), ("V100", 40.0)])),
            ("speech".to_owned(), row(&[("K80", 10.0), ("V100", 12.0)])),
        ]);
        let parts = row(&[("image", 0.5)]);
        let stated = StatedThroughputs {
            reference: "V100",
            types: &types,
            apart: &parts,
            packed: &SortedMap::new(),
            scaled,
            scaled_apart: apart,
            goodput: SortedMap::new(),
        };
        let texts = |faults: Vec<ThroughputFault>| faults.iter().map(ToString::to_string).collect();
        Throughputs::stated(&stated).map_err(texts)
    }

    fn labels(job_type: &str) -> Labels {
        let mut labels = Labels::new();
        labels.insert(JOB_TYPE_LABEL.into(), job_type.into());
        labels
    }

    #[test]
    fn throughputs_are_those_of_the_number_of_gpus() {
        let wide = scaled(&[(
            "image",
            &[
                ("2", &[("K80", 7.0), ("V100", 60.0)]),
                ("8", &[("K80", 20.0), ("V100", 200.0)]),
            ],
        )]);
        let apart = scaled(&[("image", &[("8", &[("K80", 16.0), ("V100", 50.0)])])]);
        let matrix = matrix(&wide, &apart).expect("whole");
        let (image, speech) = (labels("image"), labels("speech"));
        let rate = |gpus, is_apart| matrix.rate(&image, 1, gpus, is_apart);
        assert_eq!(rate(1, false), Some(40_000_000));
        assert_eq!(rate(2, false), Some(60_000_000));
        // Half of the speed, as nothing else is stated for two GPUs apart.
        assert_eq!(rate(2, true), Some(30_000_000));
        assert_eq!(rate(8, true), Some(50_000_000));
        assert_eq!(rate(4, false), None);
        assert!(matrix.knows(&image, 8) && !matrix.knows(&image, 16));
        assert!(matrix.knows(&speech, 16) && !matrix.is_scaled(&speech));
        assert_eq!(matrix.next_width(&image, 2), Some(8));
        assert_eq!(matrix.next_width(&image, 8), None);
        assert_eq!(matrix.time(&image, 600, 2), Some(Duration::from_secs(10)));
        let job = JobGpus { stated: 2, now: 8 };
        assert_eq!(
            matrix.rates(&image, "K80", job),
            Some((60_000_000, 20_000_000))
        );
        let speeds = matrix.speeds(&image, 8, |column| column == 1);
        assert_eq!(speeds, Some(vec![0.1, 0.25]));
    }

    #[test]
    fn the_gpus_of_a_job_are_those_of_its_labels_or_of_the_pod() {
        let mut spec = PodSpec {
            gpu: GpuRequest {
                devices: 4,
                milli_per_device: 1_000,
                models: Vec::new(),
            },
            ..PodSpec::with_requests(ResourceList::default())
        };
        assert_eq!(JobGpus::of(&spec), JobGpus { stated: 4, now: 4 });
        spec.labels.insert(JOB_GPUS_LABEL.into(), "8".into());
        assert_eq!(JobGpus::of(&spec), JobGpus { stated: 8, now: 8 });
        spec.labels.insert(GPUS_NOW_LABEL.into(), "16".into());
        assert_eq!(JobGpus::of(&spec), JobGpus { stated: 8, now: 16 });
    }

    #[test]
    fn holes_and_impossible_numbers_are_found() {
        let wide = scaled(&[
            (
                "image",
                &[
                    ("02", &[("K80", 7.0), ("V100", 60.0)]),
                    ("4", &[("T4", 7.0), ("V100", 0.0)]),
                ],
            ),
            ("video", &[]),
        ]);
        let apart = scaled(&[("image", &[("8", &[("K80", 16.0), ("V100", 50.0)])])]);
        let faults = matrix(&wide, &apart).expect_err("faults");
        assert_eq!(
            faults,
            [
                "`scaled.image.02`: expected a number of GPUs from 2 to 4096",
                "`scaled.image.4`: no type has a throughput on `T4`; state it in `types` as well",
                "`scaled.image.4` has no throughput on `K80`",
                "`scaled.image.4.V100`: expected steps per second from 0.001 to 1000000, such as 40",
                "`scaled`: type `video` has no throughputs",
                "`scaledApart.image.8` is stated and `scaled.image.8` is not; state both",
            ]
        );
    }

    proptest! {
        /// On several nodes no job is faster than on one, unless that is stated, and the speed on the
        /// reference model with the stated number of GPUs is 1.
        #[test]
        fn a_part_of_the_speed_is_no_more_than_all_of_it(rates in prop::collection::vec(1.0_f64..1e5, 4)) {
            let wide = scaled(&[("image", &[("2", &[("K80", rates[0]), ("V100", rates[1])])])]);
            let matrix = matrix(&wide, &ScaledThroughputs::new()).expect("whole");
            let image = labels("image");
            for column in 0..2 {
                let rate = |is_apart| matrix.rate(&image, column, 2, is_apart).expect("stated");
                prop_assert!(rate(true) <= rate(false));
                prop_assert!(rate(true) * 2 + 2 >= rate(false));
            }
            prop_assert_eq!(matrix.apart(&image), WHOLE_SPEED / 2);
            let speeds = matrix.speeds(&image, 2, |_| false).expect("stated");
            prop_assert!((speeds[1] - 1.0).abs() < 1e-12);
        }
    }
}

//! Built-in mixes have the figures that they are made after (spec: published-results.md 8.2 and 8.3).

use model::resource_list::{CPU, MEMORY};

use super::{drawn, seconds};
use crate::generate::{GeneratorOptions, Output, find};
use arrivals::stream::{Arrival, Classes};

const JOBS: u32 = 40_000;

/// Jobs of a built-in mix.
struct Sample {
    jobs: Vec<Arrival>,
    classes: Classes,
    tenants: Vec<model::Text>,
}

fn sample(name: &str) -> Sample {
    let options = GeneratorOptions {
        jobs: JOBS,
        ..GeneratorOptions::default()
    };
    let entry = find(name).expect("a generator");
    assert!(matches!(entry.output, Output::Mix(Some(_))), "{name}");
    let arrivals = entry.arrivals(None, &options);
    let mut source = arrivals.expect("a description").expect("a mix");
    let jobs = drawn(&mut *source);
    assert!(jobs.is_sorted_by_key(|job| job.submit), "{name}");
    Sample {
        jobs,
        classes: source.classes().clone(),
        tenants: source.tenants().to_vec(),
    }
}

impl Sample {
    /// Share of the jobs that meet a condition.
    fn share(&self, condition: impl Fn(&Arrival) -> bool) -> f64 {
        let count = self.jobs.iter().filter(|job| condition(job)).count();
        count as f64 / self.jobs.len() as f64
    }

    /// Amount that a pod asks for, in thousandths.
    fn asks(&self, job: &Arrival, resource: &str) -> i64 {
        let amount = self.classes[job.class as usize]
            .requests()
            .expect("requests")
            .get(resource);
        amount.milli_ceil().expect("an amount")
    }

    /// Quantiles of the run time, in seconds.
    fn run_times<const COUNT: usize>(&self, percents: [usize; COUNT]) -> [f64; COUNT] {
        let mut all: Vec<f64> = self.jobs.iter().map(|job| seconds(job.run_time)).collect();
        all.sort_by(f64::total_cmp);
        percents.map(|percent| all[all.len() * percent / 100])
    }

    /// Mean run time, in seconds.
    fn mean_run_time(&self) -> f64 {
        let sum: f64 = self.jobs.iter().map(|job| seconds(job.run_time)).sum();
        sum / self.jobs.len() as f64
    }

    /// Core hours of a job, times a constant.
    fn hours_of(&self, job: &Arrival) -> f64 {
        let cores = self.asks(job, CPU) as f64;
        seconds(job.run_time) * cores * f64::from(job.members)
    }

    /// Share of the core hours of the jobs that meet a condition.
    fn hours(&self, condition: impl Fn(&Arrival) -> bool) -> f64 {
        let hours = |job: &Arrival| self.hours_of(job);
        let all: f64 = self.jobs.iter().map(hours).sum();
        let own = self.jobs.iter().filter(|job| condition(job));
        own.map(hours).sum::<f64>() / all
    }

    /// Share of the core hours of the largest jobs, one of so many.
    fn held_by_largest(&self, one_of: usize) -> f64 {
        let mut all: Vec<f64> = self.jobs.iter().map(|job| self.hours_of(job)).collect();
        all.sort_by(|one, other| other.total_cmp(one));
        let largest = &all[..all.len() / one_of];
        largest.iter().sum::<f64>() / all.iter().sum::<f64>()
    }

    /// Mean time between two submissions, in seconds.
    fn gap(&self) -> f64 {
        let last = self.jobs.last().expect("jobs");
        last.submit.as_nanos() as f64 / 1e9 / self.jobs.len() as f64
    }
}

fn near(found: f64, expected: f64, error: f64) {
    assert!((found - expected).abs() < error, "{found} for {expected}");
}

#[test]
fn training_has_the_durations_and_sizes_of_philly() {
    let sample = sample("training");
    let expected = [61.0, 115.0, 1144.0, 2932.0, 11265.0, 43646.0];
    let found = sample.run_times([10, 25, 50, 75, 90, 95]);
    for (found, expected) in found.into_iter().zip(expected) {
        near(found / expected, 1.0, 0.08);
    }
    let gpus =
        |job: &Arrival| u32::from(sample.classes[job.class as usize].gpu.devices) * job.members;
    for (count, expected) in [(1, 0.932), (2, 0.022), (4, 0.023), (8, 0.020)] {
        near(sample.share(|job| gpus(job) == count), expected, 0.005);
    }
    near(sample.share(|job| gpus(job) >= 12), 0.0035, 0.002);
    near(sample.gap(), 114.0, 8.0);
    near(sample.mean_run_time() / 13_136.0, 1.0, 0.1);
    // A machine's cores and memory go with its devices.
    for job in &sample.jobs {
        let devices = sample.classes[job.class as usize].gpu.devices;
        assert_eq!(sample.asks(job, CPU), 4_000 * i64::from(devices));
    }
}

#[test]
fn virtual_machines_have_the_sizes_and_lifetimes_of_azure() {
    let sample = sample("virtual-machines");
    let day = |job: &Arrival| seconds(job.run_time) > 86_400.0;
    near(
        sample.share(|job| sample.asks(job, CPU) <= 2_000),
        0.8,
        0.01,
    );
    let small = |job: &Arrival| sample.asks(job, MEMORY) < 4_000_000_000_000;
    near(sample.share(small), 0.7, 0.02);
    near(sample.share(day), 0.09, 0.01);
    let long = sample.hours(day);
    assert!(long > 0.95, "{long}");
}

#[test]
fn heavy_tails_hold_nearly_all_resource_hours() {
    let sample = sample("heavy-tailed");
    let [median] = sample.run_times([50]);
    assert!((170.0..230.0).contains(&median), "{median}");
    let top = sample.held_by_largest(100);
    assert!((0.99..0.995).contains(&top), "{top}");
    near(sample.share(|job| job.members == 1), 0.75, 0.04);
    near(sample.gap(), 4.0, 0.3);
}

#[test]
fn functions_have_few_applications_that_make_nearly_all_invocations() {
    let sample = sample("functions");
    let top = ["application-1", "application-2", "application-3"];
    let is_top = |job: &Arrival| top.contains(&&*sample.tenants[job.tenant as usize]);
    near(sample.share(is_top), 0.996, 0.002);
    let [median] = sample.run_times([50]);
    near(median, 0.684, 0.03);
    let most = sample.run_times([99])[0];
    assert!(most <= 600.0, "{most}");
    // Median and 90th percentile of the Burr law, in bytes.
    let memory = |bytes: i64| sample.share(|job| sample.asks(job, MEMORY) <= bytes * 1_000);
    near(memory(146_000_000), 0.55, 0.01);
    near(memory(262_000_000), 0.9, 0.01);
}

#[test]
fn web_load_has_a_day_a_week_and_a_flash_crowd() {
    let sample = sample("web-load");
    let hour = |number: i64| {
        let within = |job: &&Arrival| job.submit.as_nanos() / 3_600_000_000_000 == number;
        sample.jobs.iter().filter(within).count() as f64
    };
    // At 15:00 three times as busy as at 3:00.
    near(hour(15) / hour(3), 2.97, 0.5);
    // Half an hour at ten times the rate makes 5.5 of an hour.
    near(hour(2 * 24 + 19) / hour(24 + 19), 5.5, 0.8);
}

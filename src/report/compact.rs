//! Output formats of the answers of `compact` and `inflate`.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::format;
use crate::formats::Formats;
use crate::grid::{Grid, csv};
use lab::compact::{
    CLONES, Compacted, HANDFUL, INFLATION, INFLATION_WITHOUT_REQUESTS, Pending, Question, STEPWISE,
    TrialPlan,
};
use units::plural;

/// Answers for the variants of an experiment, with their context.
pub struct CompactReport<'a> {
    /// Name of the experiment.
    pub experiment: &'a str,
    /// Settings of the trials.
    pub plan: TrialPlan<'a>,
    /// Results of the variants; the first is the baseline.
    pub variants: &'a [Compacted],
}

const COLUMNS: usize = 5;

impl CompactReport<'_> {
    fn noun(&self) -> &'static str {
        match self.plan.question {
            Question::Compact => "machines",
            Question::Inflate => "more arrivals",
        }
    }

    /// Number that a value is a share of: the machines of the cell, or the arrivals of the workload.
    fn whole(&self, variant: &Compacted) -> usize {
        match self.plan.question {
            Question::Compact => variant.nodes,
            Question::Inflate => variant.arrivals,
        }
    }

    /// Size by which variants are compared: machines, or the whole inflated workload.
    fn size(&self, variant: &Compacted, value: usize) -> f64 {
        match self.plan.question {
            Question::Compact => value as f64,
            Question::Inflate => (variant.arrivals + value) as f64,
        }
    }

    /// Relative difference from the baseline in percent, by trial.
    fn differences(&self, variant: &Compacted) -> Vec<f64> {
        let Some(base) = self.variants.first() else {
            return Vec::new();
        };
        let pairs = base.trials.iter().zip(&variant.trials);
        let differences = pairs.filter_map(|(one, other)| {
            let one = self.size(base, (*one)?);
            let other = self.size(variant, (*other)?);
            (one > 0.0).then(|| 100.0 * (other / one - 1.0))
        });
        differences.collect()
    }

    fn headline(&self) -> String {
        let trials = plural::count(self.plan.trials, "trial");
        let nodes = self.variants.first().map_or(0, |own| own.nodes);
        let pods = self.variants.first().map_or(0, |own| own.pods);
        let question = match self.plan.question {
            Question::Compact => "fewest machines for all pods at once",
            Question::Inflate => "most further arrivals that fit as well",
        };
        format!(
            "{}: {question}; {} on {}, {trials}, {}",
            format::clean(self.experiment),
            plural::count(pods, "pod"),
            plural::count(nodes, "machine"),
            match self.plan.pending {
                Pending::Picky { ppm } =>
                    format!("{} % may stay pending if picky", ppm as f64 / 10_000.0),
                Pending::Any { pods } => {
                    format!("{} may stay pending", plural::count(pods, "pod"))
                }
            },
        )
    }

    /// What the numbers rest on.
    fn remark(&self) -> String {
        let nodes = self.variants.iter().map(|own| own.nodes).max();
        let method = match self.plan.question {
            Question::Compact if nodes.unwrap_or(0) <= STEPWISE => {
                "one machine is removed at a time, up to the first failure"
            }
            Question::Compact => {
                "the number is searched by halves along each order of removal, which may pass over a larger one \
                 that is not enough"
            }
            Question::Inflate => "the number is searched by halves along each order of copies",
        };
        let mut text = format!(
            "p90 is the nearest rank over the trials, their ends are error bars; {method}\n\
             picky are pods that at most {HANDFUL} machines could hold"
        );
        let ignoring = self.variants.iter().filter(|own| own.ignores_requests);
        let ignoring: Vec<String> = ignoring.map(|own| format::clean(&own.name)).collect();
        if !ignoring.is_empty() {
            let _ = write!(
                text,
                "\n{}: places pods whatever they request, so that any number fits on a machine",
                ignoring.join(", ")
            );
        }
        for own in self.variants {
            let name = format::clean(&own.name);
            if own.rejected > 0 {
                let _ = write!(
                    text,
                    "\n{name}: {} {} rejected at admission and left out",
                    plural::count(own.rejected, "pod"),
                    plural::either(own.rejected, "is", "are"),
                );
            }
            if own.stopped > 0 {
                let factor = if own.ignores_requests {
                    INFLATION_WITHOUT_REQUESTS
                } else {
                    INFLATION
                };
                let _ = write!(
                    text,
                    "\n{name}: {} ended at {factor} times the workload, where more still fits",
                    plural::count(own.stopped, "trial"),
                );
            }
        }
        if let Some(first) = self.variants.first() {
            if first.pinned > 0 {
                let _ = write!(
                    text,
                    "\n{} {} to one machine each and {} left out",
                    plural::count(first.pinned, "pod"),
                    plural::either(first.pinned, "belongs", "belong"),
                    plural::either(first.pinned, "is", "are")
                );
            }
            if first.softened > 0 {
                let _ = write!(
                    text,
                    "\nconstraints of {} are preferences, as their jobs are larger than half the cell",
                    plural::count(first.softened, "pod"),
                );
            }
        }
        text
    }

    fn heads(&self) -> [String; COLUMNS] {
        [
            "policy".to_owned(),
            format!("{}, p90", self.noun()),
            "least to most".to_owned(),
            match self.plan.question {
                Question::Compact => "of the cell",
                Question::Inflate => "of the workload",
            }
            .to_owned(),
            "against the first".to_owned(),
        ]
    }

    fn cells(&self, number: usize, variant: &Compacted) -> [String; COLUMNS] {
        let name = format::clean(&variant.name);
        let (Some(value), Some([least, most])) =
            (variant.value(self.plan.question), variant.span())
        else {
            let waiting = &variant.backlog;
            let wait = plural::either(waiting.pods, "pod waits", "pods wait");
            let first = waiting.first.as_ref();
            let first = first.map_or_else(String::new, |own| format!(" ({})", format::clean(own)));
            let words = match self.plan.question {
                Question::Compact => format!("does not fit on {CLONES} times the machines"),
                Question::Inflate => "does not fit as it is".to_owned(),
            };
            let words = format!("{words}: {} {wait}{first}", waiting.pods);
            return [name, words, String::new(), String::new(), String::new()];
        };
        let share = 100.0 * value as f64 / self.whole(variant).max(1) as f64;
        let differences = self.differences(variant);
        let against = match (number, bounds(&differences)) {
            (0, _) | (_, None) => String::new(),
            (_, Some([low, high])) => {
                let mean = differences.iter().sum::<f64>() / differences.len().max(1) as f64;
                format!("{mean:+.1} % ({low:+.1} to {high:+.1})")
            }
        };
        [
            name,
            value.to_string(),
            format!("{least} to {most}"),
            format!("{share:.1} %"),
            against,
        ]
    }

    fn grid(&self) -> Grid {
        let rows = self.variants.iter().enumerate();
        Grid::new("lr", self.heads()).with(rows.map(|(number, own)| self.cells(number, own)))
    }
}

impl Formats for CompactReport<'_> {
    fn table(&self) -> String {
        let (headline, grid) = (self.headline(), self.grid());
        format!("{headline}\n\n{}\n{}\n", grid.text(), self.remark())
    }

    fn markdown(&self) -> String {
        let (headline, grid) = (self.headline(), self.grid());
        format!("{headline}\n\n{}\n{}\n", grid.markdown(), self.remark())
    }

    /// CSV, one line per trial of a variant.
    fn csv(&self) -> String {
        let rows = self.variants.iter().flat_map(|variant| {
            let trials = (1_usize..).zip(&variant.trials);
            trials.map(|(trial, value)| {
                let value = value.map_or_else(String::new, |value| value.to_string());
                let whole = self.whole(variant).to_string();
                [variant.name.clone(), trial.to_string(), value, whole]
            })
        });
        csv(std::iter::once(["policy", "trial", "value", "of"].map(str::to_owned)).chain(rows))
    }

    fn json(&self) -> Value {
        let variants = self.variants.iter().map(|variant| {
            let span = variant.span();
            let differences = self.differences(variant);
            json!({
                "policy": variant.name,
                "machines": variant.nodes,
                "arrivals": variant.arrivals,
                "pods": variant.pods,
                "rejectedPods": variant.rejected,
                "pinnedPods": variant.pinned,
                "softenedPods": variant.softened,
                "ignoresRequests": variant.ignores_requests,
                "trials": variant.trials,
                "stoppedTrials": variant.stopped,
                "waiting": variant.value(self.plan.question).is_none().then(|| json!({
                    "pods": variant.backlog.pods,
                    "first": variant.backlog.first,
                })),
                "p90": variant.value(self.plan.question),
                "least": span.map(|own| own[0]),
                "most": span.map(|own| own[1]),
                "differencePercent": differences,
            })
        });
        json!({
            "experiment": self.experiment,
            "question": match self.plan.question {
                Question::Compact => "compact",
                Question::Inflate => "inflate",
            },
            "seed": self.plan.seed,
            "pendingPercent": match self.plan.pending {
                Pending::Picky { ppm } => Some(ppm as f64 / 10_000.0),
                Pending::Any { .. } => None,
            },
            "variants": variants.collect::<Vec<Value>>(),
        })
    }
}

fn bounds(values: &[f64]) -> Option<[f64; 2]> {
    let low = values.iter().copied().min_by(f64::total_cmp)?;
    let high = values.iter().copied().max_by(f64::total_cmp)?;
    Some([low, high])
}

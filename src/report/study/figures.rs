//! Figures of a comparison for its plots, in the form that `comparison.json` has.

use serde::Deserialize;

use crate::comparison::Comparison;
use crate::format;
use lab::compare::{Ranking, Study};
use units::SortedMap;

/// Figures of a comparison of paired runs.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StudyFigures {
    pub(crate) candidates: Vec<CandidateFigures>,
    /// The gated metrics.
    pub(crate) gated: Vec<String>,
    pub(crate) pairs: Vec<PairFigures>,
    pub(crate) pareto: Option<ParetoFigures>,
    /// The candidates among each other; none if only the baseline was compared with.
    #[serde(default)]
    pub(crate) all_pairs: Option<AllPairsFigures>,
}

/// The candidates among each other.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct AllPairsFigures {
    /// The orders of the candidates.
    pub(crate) rankings: Vec<Ranking>,
}

/// Candidate of a comparison.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CandidateFigures {
    pub(crate) name: String,
    /// Mean of every gated metric.
    pub(crate) gated: SortedMap<String, MeanFigures>,
}

/// Mean of a metric with its interval.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct MeanFigures {
    pub(crate) mean: Option<f64>,
    pub(crate) interval: Option<Range>,
}

/// Interval; an end may be unknown.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub(crate) struct Range {
    low: Option<f64>,
    high: Option<f64>,
}

/// Candidate against the baseline.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PairFigures {
    pub(crate) candidate: String,
    /// Reasons why the two are not comparable; none if they are.
    #[serde(default)]
    pub(crate) not_comparable: Vec<String>,
    pub(crate) metrics: Vec<MetricFigures>,
}

/// Metric of a candidate and the baseline.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MetricFigures {
    pub(crate) metric: String,
    pub(crate) unit: String,
    /// `higher`, `lower` or `none`.
    pub(crate) better: String,
    pub(crate) verdict: Option<String>,
    /// Mean of the baseline.
    pub(crate) base: Option<f64>,
    /// Mean of the candidate.
    pub(crate) head: Option<f64>,
    pub(crate) relative: Option<f64>,
    pub(crate) relative_interval: Option<Range>,
}

/// Pareto front over two metrics.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct ParetoFigures {
    pub(crate) x: String,
    pub(crate) y: String,
}

/// Both ends of an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ends {
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Range {
    /// The ends, if both are known.
    pub(crate) fn ends(self) -> Option<Ends> {
        let (low, high) = self.low.zip(self.high)?;
        Some(Ends { low, high })
    }
}

/// Mean of a metric over runs; none where no run has a value.
#[derive(Clone, Copy)]
struct RunMean(Option<f64>);

impl StudyFigures {
    /// Figures of a comparison; `None` if its form is another.
    pub fn of(study: &Study) -> Option<Self> {
        let json = serde_json::to_value(study).ok()?;
        serde_json::from_value(json).ok()
    }

    /// Keeps only these candidates. The baseline stays what the others are compared with.
    pub(crate) fn keep(&mut self, names: &[String]) {
        self.candidates.retain(|own| names.contains(&own.name));
        self.pairs.retain(|own| names.contains(&own.candidate));
        // Fewer candidates have other ranks.
        let ranked = |own: &Ranking| {
            own.standings
                .iter()
                .all(|own| names.contains(&own.candidate))
        };
        if let Some(all) = &mut self.all_pairs {
            all.rankings.retain(ranked);
        }
    }

    /// A metric of a pair or of any pair, to learn its unit and direction.
    pub(crate) fn metric(&self, id: &str) -> Option<&MetricFigures> {
        let mut all = self.pairs.iter().flat_map(|pair| &pair.metrics);
        all.find(|own| own.metric == id)
    }

    /// Puts the means that verdicts stand on in the place of single runs, of which none is called best.
    pub(crate) fn show_means(&self, comparison: &mut Comparison) {
        let names: Vec<String> = comparison
            .columns
            .iter()
            .map(|own| own.name.clone())
            .collect();
        for row in &mut comparison.rows {
            let means = names.iter().map(|name| self.mean(&row.id, name));
            let means: Vec<Option<RunMean>> = means.collect();
            let values = means.iter().map(|own| own.and_then(|own| own.0));
            let values: Vec<Option<f64>> = values.collect();
            let texts = format::values(&values, &row.unit);
            for ((cell, mean), text) in row.cells.iter_mut().zip(means).zip(texts) {
                (cell.best, cell.difference) = (false, None);
                if let Some(RunMean(mean)) = mean {
                    (cell.value, cell.text) = (mean, text);
                }
            }
        }
        comparison.facts.retain(|fact| !fact.starts_with("seed "));
        comparison
            .facts
            .push("means over the runs compared".to_owned());
    }

    /// Mean of a metric of a candidate over the runs of its pair; none if it was not compared.
    fn mean(&self, id: &str, candidate: &str) -> Option<RunMean> {
        let is_own = |pair: &&PairFigures| format::clean(&pair.candidate) == candidate;
        let own = self.pairs.iter().find(is_own);
        let metric = |pair: &PairFigures| {
            let found = pair.metrics.iter().find(|own| own.metric == id);
            found.map(|found| (RunMean(found.base), RunMean(found.head)))
        };
        match own {
            Some(pair) => metric(pair).map(|(_, head)| head),
            None => metric(self.pairs.first()?).map(|(base, _)| base),
        }
    }

    /// The interval of the mean of a gated metric of a candidate; none of others.
    pub(crate) fn interval(&self, id: &str, candidate: &str) -> Option<Ends> {
        let mut all = self.candidates.iter();
        let own = all.find(|own| format::clean(&own.name) == candidate)?;
        own.gated.get(id)?.interval?.ends()
    }

    /// Ids of every metric of the comparison.
    pub(crate) fn metric_ids(&self) -> impl Iterator<Item = &str> {
        let first = self.pairs.first();
        let all = first.into_iter().flat_map(|pair| &pair.metrics);
        all.map(|own| own.metric.as_str())
    }
}

impl MetricFigures {
    /// The verdict in words: that of a pair that is not comparable is none.
    pub(crate) fn words(&self, pair: &PairFigures) -> &str {
        if pair.not_comparable.is_empty() {
            self.verdict.as_deref().unwrap_or(crate::format::UNDEFINED)
        } else {
            "not comparable"
        }
    }
}

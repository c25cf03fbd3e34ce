//! Answers of plans for scenarios, as a table, JSON and CSV.

use std::fmt::Write;

use serde_json::{Value, json};

use ::scenario::schema::Objective;
use lab::check::limit::bounds;
use lab::plan::over_time::{Fewest, Held};
use report::format;
use report::plan::money;
use units::plural;

use super::command;

/// Answer for a scenario.
pub(super) struct Answer<'a> {
    /// Outcome of the search.
    pub(super) found: &'a Fewest,
    /// Goals.
    pub(super) objectives: &'a [Objective],
    /// Number of nodes that was tried at most.
    pub(super) most: u64,
    /// Names of the sources of nodes.
    pub(super) names: Vec<String>,
    /// Places of these.
    pub(super) sources: Vec<usize>,
    /// Costs of a node of each: its price in millionths an hour, or 1.
    pub(super) costs: &'a [i64],
    /// Currency of the prices; empty where nodes are counted.
    pub(super) currency: &'a str,
    /// Releases that the runs followed, in words; empty where there are none.
    pub(super) releases: &'a str,
}

impl Answer<'_> {
    fn goals(&self) -> String {
        let words = self.objectives.iter().map(|own| {
            let bound = bounds(own, "");
            format!("{} {}", own.metric, bound.trim_start_matches("limit "))
        });
        words.collect::<Vec<String>>().join(", ")
    }

    /// Price of numbers of nodes, in words; empty where nodes are counted.
    fn price(&self, counts: &[u64]) -> String {
        if self.currency.is_empty() {
            return String::new();
        }
        format!("{} {} an hour", money(self.cost(counts)), self.currency)
    }

    fn cost(&self, counts: &[u64]) -> i64 {
        let parts = counts.iter().zip(self.costs);
        parts.map(|(count, cost)| *count as i64 * cost).sum()
    }

    /// Numbers of nodes in words, by source where there are several.
    fn nodes(&self, counts: &[u64]) -> String {
        let nodes = plural::count(counts.iter().sum::<u64>(), "node");
        if counts.len() == 1 {
            return nodes;
        }
        let parts = counts.iter().zip(&self.names);
        let parts = parts.filter(|(count, _)| **count > 0);
        let parts = parts.map(|(count, name)| format!("{count} {name}"));
        format!("{nodes} ({})", parts.collect::<Vec<String>>().join(" + "))
    }

    fn verdict(&self) -> String {
        let goals = self.goals();
        let Some(reached) = &self.found.reached else {
            return format!(
                "no number of nodes up to {} helps: {goals} fails with each that was tried",
                self.most
            );
        };
        let of = |counts: &[u64]| self.found.tried.iter().find(|own| own.counts == counts);
        let nodes = reached.iter().sum::<u64>();
        let mut text = format!(
            "{} {} enough: {goals}",
            self.nodes(reached),
            plural::either(nodes, "is", "are")
        );
        if let Some(held) = of(reached) {
            let seeds = held.seeds.len() as u64;
            let _ = write!(
                text,
                " in {} of {}",
                held.count(),
                plural::count(seeds, "seed")
            );
            let _ = match held.least_share() {
                _ if held.is_certain() => write!(text, ", which all give the same run"),
                Some(share) => write!(
                    text,
                    ", so in at least {:.0} % of all seeds with 95 % confidence",
                    share * 100.0
                ),
                None => Ok(()),
            };
        }
        if !self.currency.is_empty() {
            let _ = write!(text, "; {}", self.price(reached));
        }
        if let Some(held) = self.next_below(reached) {
            let with = match &held.counts[..] {
                [own] => own.to_string(),
                several => self.nodes(several),
            };
            let _ = write!(
                text,
                "; with {with} in {} of {}{}",
                held.count(),
                held.seeds.len(),
                self.first_missed(held)
            );
        }
        text
    }

    /// The trial with one node less than was reached, or the dearest among the cheaper ones.
    fn next_below(&self, reached: &[u64]) -> Option<&Held> {
        if let [nodes] = reached {
            let less = nodes.checked_sub(1)?;
            return self.found.tried.iter().find(|own| own.counts == [less]);
        }
        let limit = self.cost(reached);
        let cheaper = self.found.tried.iter();
        let cheaper = cheaper.filter(|own| self.cost(&own.counts) < limit && !own.is_whole());
        cheaper.max_by_key(|own| (own.count(), self.cost(&own.counts)))
    }

    /// Mean of the first objective that is missed.
    fn first_missed(&self, held: &Held) -> String {
        let missed = |place: &usize| held.seeds.iter().any(|seed| !seed.holds[*place]);
        let first = (0..self.objectives.len()).find(missed);
        let named = first.and_then(|place| {
            let mean = held.mean(place)?;
            Some(format!(
                " ({} is {})",
                self.objectives[place].metric,
                number(mean)
            ))
        });
        named.unwrap_or_default()
    }

    /// Heads of the columns of numbers of nodes.
    fn heads(&self) -> Vec<&str> {
        match &self.names[..] {
            [_] => vec!["nodes"],
            several => several.iter().map(String::as_str).collect(),
        }
    }

    pub(super) fn table(&self) -> String {
        let mut text = format!("{}\n\n", self.verdict());
        let heads = self.heads();
        let width = |own: &&str| format::column_width([own.len(), 5].into_iter()) + 2;
        let widths: Vec<usize> = heads.iter().map(width).collect();
        for (own, width) in heads.iter().zip(&widths) {
            let _ = write!(text, "{own:>width$}");
        }
        if !self.currency.is_empty() {
            let _ = write!(text, "{:>16}", format!("{} an hour", self.currency));
        }
        let _ = write!(text, "{:>12}", "holds in");
        for own in self.objectives {
            let _ = write!(text, "  {:>24}", own.metric);
        }
        for held in &self.found.tried {
            text.push('\n');
            for (count, width) in held.counts.iter().zip(&widths) {
                let _ = write!(text, "{count:>width$}");
            }
            if !self.currency.is_empty() {
                let _ = write!(text, "{:>16}", money(self.cost(&held.counts)));
            }
            let holds = format!("{} of {}", held.count(), held.seeds.len());
            let _ = write!(text, "{holds:>12}");
            for place in 0..self.objectives.len() {
                let mean = held.mean(place).map_or("–".to_owned(), number);
                let _ = write!(text, "  {mean:>24}");
            }
        }
        let sources: Vec<String> = { self.sources.iter() }
            .map(|place| format!("`cluster.nodes.{place}`"))
            .collect();
        let (noun, verb) = match sources.len() {
            1 => ("number", "varies"),
            _ => ("numbers", "vary"),
        };
        let below = match (self.found.is_complete, sources.len()) {
            (true, 1) => "every smaller number was tried",
            (false, 1) => "smaller numbers were sampled, not all tried",
            (true, _) => "every cheaper mix was tried",
            (false, _) => "cheaper mixes were sampled, not all tried",
        };
        let _ = write!(
            text,
            "\n\nassumptions\n  the {noun} of {} {verb}, all else stays; values are \
             means over seeds\n  an objective holds if it holds under every seed; {below}\n",
            sources.join(" and ")
        );
        if !self.releases.is_empty() {
            let _ = writeln!(text, "  every run follows {}", self.releases);
        }
        let _ = write!(text, "\nagain: {}\n", command());
        text
    }

    /// Numbers of nodes by source, or the one number.
    fn counts(&self, counts: &[u64]) -> Value {
        let fields = self.names.iter().zip(&self.sources).zip(counts);
        let fields = fields.map(|((name, place), count)| {
            json!({"source": format!("cluster.nodes.{place}"), "name": name, "count": count})
        });
        fields.collect()
    }

    pub(super) fn json(&self) -> Value {
        let price = |counts: &[u64]| (!self.currency.is_empty()).then(|| self.cost(counts));
        let tried = self.found.tried.iter().map(|held| {
            let values = (0..self.objectives.len()).map(|place| held.mean(place));
            json!({
                "nodes": held.counts.iter().sum::<u64>(),
                "sources": self.counts(&held.counts),
                "priceMicroPerHour": price(&held.counts),
                "holds": held.count(),
                "seeds": held.seeds.len(),
                "means": values.collect::<Vec<Option<f64>>>(),
            })
        });
        let reached = self.found.reached.as_ref();
        let of = |own: &&Held| Some(&own.counts) == reached;
        let share = self.found.tried.iter().find(of).and_then(Held::least_share);
        json!({
            "schemaVersion": 1,
            "verdict": self.verdict(),
            "command": command(),
            "releases": self.releases,
            "objectives": self.objectives.iter().map(|own| &own.metric).collect::<Vec<_>>(),
            "currency": self.currency,
            "reached": reached.map(|own| own.iter().sum::<u64>()),
            "sources": reached.map(|own| self.counts(own)),
            "priceMicroPerHour": reached.and_then(|own| price(own)),
            "isComplete": self.found.is_complete,
            "leastShareOfSeeds": share,
            "tried": tried.collect::<Vec<Value>>(),
        })
    }

    pub(super) fn csv(&self) -> String {
        let names = self.objectives.iter().map(|own| format!(",{}", own.metric));
        let heads = self.heads().join(",");
        let mut text = format!("{heads},holds,seeds{}\n", names.collect::<String>());
        for held in &self.found.tried {
            let values = (0..self.objectives.len()).map(|place| {
                let mean = held.mean(place).map(number);
                format!(",{}", mean.unwrap_or_default())
            });
            let values: String = values.collect();
            let counts: Vec<String> = held.counts.iter().map(u64::to_string).collect();
            let _ = writeln!(
                text,
                "{},{},{}{values}",
                counts.join(","),
                held.count(),
                held.seeds.len()
            );
        }
        text
    }
}

/// A number without what binary fractions leave at its end.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

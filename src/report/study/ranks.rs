//! Ranks of candidates in words, the same in a terminal, in Markdown, LaTeX and the report.

use std::io::{self, Write};

use super::export::escaped;
use crate::format;
use crate::latex::{self, LatexTable};
use lab::compare::{BOOTSTRAP_MIN, CandidateRank, Ranking, Unranked};
use lab::statistics::Interval;
use metrics::{Direction, registry};

/// Order of candidates in a metric, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RankTable {
    /// Id of the metric.
    pub(crate) id: String,
    /// Name of the metric for people.
    pub(crate) label: String,
    /// Facts about the ranking: its sample and its tests.
    pub(crate) facts: String,
    /// The candidates, best first.
    pub(crate) rows: Vec<RankRow>,
}

/// Place of a candidate in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RankRow {
    /// Mean rank with its interval.
    pub(crate) rank: String,
    /// Letters of its groups, each in a column of its own, so that groups read as bars.
    pub(crate) letters: String,
    /// Name of the candidate.
    pub(crate) candidate: String,
}

impl RankTable {
    /// Words of a ranking on blocks of a name, such as `seeds`.
    pub(crate) fn of(ranking: &Ranking, blocks: &str) -> Self {
        let row = |own: &CandidateRank| RankRow {
            rank: rank(own),
            letters: columns(ranking, &own.candidate),
            candidate: format::clean(&own.candidate),
        };
        Self {
            id: ranking.metric.clone(),
            label: registry::title(&ranking.metric),
            facts: facts(ranking, blocks),
            rows: ranking.standings.iter().map(row).collect(),
        }
    }

    /// Lines of the table for a terminal.
    pub(crate) fn lines(&self) -> Vec<String> {
        let width = self.rows.iter().map(|row| row.rank.chars().count()).max();
        let width = width.unwrap_or(0);
        let line = |row: &RankRow| {
            let letters = match row.letters.as_str() {
                "" => String::new(),
                own => format!("{own}  "),
            };
            format!("  {:<width$}  {letters}{}", row.rank, row.candidate)
        };
        self.rows.iter().map(line).collect()
    }
}

/// Mean rank such as `1.25 [1.08, 1.50]`.
fn rank(standing: &CandidateRank) -> String {
    let words = |value: f64| format::fixed(value, 2);
    let interval = |at: Interval| format!(" [{}, {}]", words(at.low), words(at.high));
    let interval = standing.interval.map_or_else(String::new, interval);
    format!("{}{interval}", words(standing.rank))
}

/// Letters of a candidate's groups with a space for each group that it is not in.
fn columns(ranking: &Ranking, candidate: &str) -> String {
    let own = ranking.letters(candidate);
    let all = ranking
        .standings
        .iter()
        .map(|other| ranking.letters(&other.candidate));
    let mut letters: Vec<char> = Vec::new();
    for letter in all.collect::<String>().chars() {
        if !letters.contains(&letter) {
            letters.push(letter);
        }
    }
    let column = |letter: char| if own.contains(letter) { letter } else { ' ' };
    letters.into_iter().map(column).collect()
}

/// Facts such as `lower is better · 12 seeds · Friedman p 0.002 (χ² 12.7, F 15.1) · critical difference 1.35`.
fn facts(ranking: &Ranking, blocks: &str) -> String {
    let mut facts = vec![
        ranking.better.words().to_owned(),
        format!("{} {blocks}", ranking.n),
    ];
    match ranking.friedman {
        Some(test) => {
            let number = |value: f64| format::fixed(value, 1);
            let f = test.f.map_or_else(|| "infinite".to_owned(), number);
            facts.push(format!(
                "Friedman p {} (chi-square {}, F {f})",
                probability(ranking.p_adjusted),
                number(test.chi_square)
            ));
        }
        None => facts.push("no test of ranks".to_owned()),
    }
    let reach = ranking.critical_difference;
    facts.extend(reach.map(|own| format!("critical difference {}", format::fixed(own, 2))));
    facts.retain(|own| !own.is_empty());
    facts.join(" · ")
}

/// A p-value to three decimals.
pub(crate) fn probability(p: Option<f64>) -> String {
    match p {
        None => format::UNDEFINED.to_owned(),
        Some(p) if p < 0.001 => "<0.001".to_owned(),
        Some(p) => format::fixed(p, 3),
    }
}

/// Remark on how candidates are ranked; none without rankings.
pub(crate) fn remark(rankings: &[Ranking], blocks: &str) -> Option<String> {
    let first = rankings.first()?;
    let intervals = if first.standings.iter().any(|own| own.interval.is_some()) {
        ", with 95 % intervals of the BCa bootstrap".to_owned()
    } else {
        format!("; intervals need {BOOTSTRAP_MIN} {blocks}")
    };
    let tests = rankings.iter().filter(|own| own.friedman.is_some()).count();
    let tests = match tests {
        0 => String::new(),
        _ => format!(
            "; Friedman's p by permutations, corrected by Holm over {}; candidates that share a letter differ by less \
             than Nemenyi's critical difference at 0.05, or the test sees no difference at all",
            format::counted(tests as u64, "metric")
        ),
    };
    Some(format!(
        "ranks are means over {blocks}, 1 is best{intervals}{tests}"
    ))
}

/// Remark on metrics without an order; none if there are none.
pub(crate) fn unranked(metrics: &[Unranked]) -> Option<String> {
    let words = metrics.iter().map(|own| {
        let reason = format::clean(&own.reason);
        format!("{} ({reason})", registry::title(&own.metric))
    });
    let words: Vec<String> = words.collect();
    (!words.is_empty()).then(|| format!("not ranked: {}", words.join(", ")))
}

/// Writes rankings as one table of Markdown: metrics by candidates, in their order.
pub(super) fn write_markdown(
    out: &mut dyn Write,
    rankings: &[Ranking],
    names: &[&str],
) -> io::Result<()> {
    if rankings.is_empty() {
        return Ok(());
    }
    let head: Vec<String> = names.iter().map(|name| escaped(name)).collect();
    writeln!(
        out,
        "\n| mean rank | {} | Friedman p | critical difference |",
        head.join(" | ")
    )?;
    writeln!(
        out,
        "| --- |{} ---: | ---: |",
        " ---: |".repeat(names.len())
    )?;
    for ranking in rankings {
        let cells: Vec<String> = cells(ranking, names)
            .iter()
            .map(|own| escaped(own))
            .collect();
        writeln!(out, "| {} |", cells.join(" | "))?;
    }
    Ok(())
}

/// Writes rankings as one table of LaTeX; letters of groups stand above the line.
pub(super) fn write_latex(
    out: &mut dyn Write,
    rankings: &[Ranking],
    names: &[&str],
    blocks: &str,
    label: Option<&str>,
) -> io::Result<()> {
    let Some(first) = rankings.first() else {
        return Ok(());
    };
    let head = ["metric"].into_iter().chain(names.iter().copied());
    let rows = rankings.iter().map(|ranking| {
        let mut own: Vec<String> = (cells(ranking, names).iter())
            .map(|cell| match cell.rsplit_once(' ') {
                Some((rank, letters)) if letters.chars().all(char::is_alphabetic) => {
                    format!("{}$^{{{letters}}}$", latex::escaped(rank))
                }
                _ => latex::escaped(cell),
            })
            .collect();
        let arrow = match ranking.better {
            Direction::Higher => r" $\uparrow$",
            Direction::Lower => r" $\downarrow$",
            Direction::None => "",
        };
        own[0] = format!(
            "{}{arrow}",
            latex::escaped(&registry::title(&ranking.metric))
        );
        own
    });
    let table = LatexTable {
        caption: format!(
            "Mean ranks over {} {blocks}, 1 is best, with 95 % intervals from {BOOTSTRAP_MIN} on · candidates with a \
             letter in common are not shown to differ (Friedman's test, Nemenyi's critical difference at 0.05)",
            first.n
        ),
        columns: format!("l{}rr", "l".repeat(names.len())),
        head: head
            .chain(["Friedman p", "critical difference"])
            .map(latex::escaped)
            .collect(),
        rows: rows.collect(),
        label: label.map(|own| format!("{own}-ranks")),
    };
    table.write(out)
}

/// The cells of a ranking: metric, mean rank and letters of every candidate, test, critical difference.
fn cells(ranking: &Ranking, names: &[&str]) -> Vec<String> {
    let place = |name: &&str| match ranking.standing(name) {
        Some(own) => format!("{} {}", rank(own), ranking.letters(name))
            .trim_end()
            .to_owned(),
        None => format::UNDEFINED.to_owned(),
    };
    let mut cells = vec![registry::title(&ranking.metric)];
    cells.extend(names.iter().map(place));
    cells.push(probability(ranking.p_adjusted));
    let reach = ranking.critical_difference.map(|own| format::fixed(own, 2));
    cells.push(reach.unwrap_or_else(|| format::UNDEFINED.to_owned()));
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(candidate: &str, rank: f64, interval: Option<(f64, f64)>) -> CandidateRank {
        CandidateRank {
            candidate: candidate.to_owned(),
            rank,
            interval: interval.map(|(low, high)| Interval { low, high }),
        }
    }

    fn ranking() -> Ranking {
        let names = |of: &[&str]| of.iter().map(|own| (*own).to_owned()).collect();
        Ranking {
            metric: "pending_time.mean".to_owned(),
            better: Direction::Lower,
            n: 12,
            standings: vec![
                standing("b", 1.25, Some((1.0, 1.5))),
                standing("a|", 2.0, Some((1.5, 2.5))),
                standing("c", 2.75, None),
            ],
            friedman: None,
            p_adjusted: Some(0.0004),
            critical_difference: Some(0.957),
            groups: vec![names(&["b", "a|"]), names(&["a|", "c"])],
        }
    }

    #[test]
    fn letters_stand_below_each_other_as_bars_do() {
        let table = RankTable::of(&ranking(), "seeds");
        assert_eq!(
            table.lines(),
            [
                "  1.25 [1.00, 1.50]  a   b",
                "  2.00 [1.50, 2.50]  ab  a|",
                "  2.75                b  c",
            ]
        );
        assert_eq!(
            table.facts,
            "lower is better · 12 seeds · no test of ranks · critical difference 0.96"
        );
    }

    #[test]
    fn tables_have_the_candidates_in_their_order() {
        let mut bytes = Vec::new();
        write_markdown(&mut bytes, &[ranking()], &["a|", "b", "c", "d"]).expect("a vector");
        let text = String::from_utf8(bytes).expect("text");
        let row = "| pending time, mean | 2.00 \\[1.50, 2.50\\] ab | 1.25 \\[1.00, 1.50\\] a | 2.75 b | – | <0.001 | 0.96 |";
        assert!(text.contains(&row.replace('<', "&lt;")), "{text}");
        let mut bytes = Vec::new();
        write_latex(
            &mut bytes,
            &[ranking()],
            &["b", "c"],
            "seeds",
            Some("tab:q"),
        )
        .expect("a vector");
        let text = String::from_utf8(bytes).expect("text");
        assert!(text.contains(r"\label{tab:q-ranks}"), "{text}");
        assert!(
            text.contains(r"1.25 {[}1.00, 1.50{]}$^{a}$ & 2.75$^{b}$ & "),
            "{text}"
        );
    }

    #[test]
    fn probabilities_are_never_nothing() {
        assert_eq!(probability(Some(0.0)), "<0.001");
        assert_eq!(probability(Some(0.0125)), "0.013");
        assert_eq!(probability(None), format::UNDEFINED);
    }
}

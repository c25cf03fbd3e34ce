//! Mean ranks of candidates on a line, with bars below those that are not shown to differ: the critical-difference diagram of
//! Demšar (2006, Journal of Machine Learning Research 7, figure 1).

use plotters::style::text_anchor::HPos;

use super::figure::Figure;
use super::scene::{self, Area, Paint, Style};
use super::{Drawn, Material, Plot, PlotEntry, Table, cell};
use crate::format;
use crate::study::ranks::probability;
use lab::compare::Ranking;
use metrics::registry;

pub(super) const ENTRY: PlotEntry = PlotEntry {
    name: "critical-difference",
    title: "Mean ranks and what differs",
    caption: "Mean rank of each candidate over the runs compared, 1 is best. A thick bar joins candidates whose ranks are \
              closer than Nemenyi's critical difference at 0.05, or all of them where Friedman's test sees no difference.",
    shows_metrics: true,
    draw: draw_material,
};

/// Distances from the top of a panel: words about the tests, their bar, numbers of the ticks, the line of ranks.
const WORDS: f64 = 8.0;
const REACH: f64 = 24.0;
const NUMBERS: f64 = 42.0;
const LINE: f64 = 56.0;
/// Distance between the bars of groups, and between names.
const BAR: f64 = 9.0;
const ROW: f64 = 20.0;
/// Least width of the line of ranks, for which long names are cut.
const LINE_MIN: f64 = 150.0;

/// Draws the ranks over logs of candidates in their order; `None` without any.
pub fn of_logs(rankings: &[Ranking], names: &[String], style: Style) -> Option<Plot> {
    let series = |name: &str| {
        names
            .iter()
            .position(|own| own == name)
            .unwrap_or(names.len())
    };
    let all: Vec<&Ranking> = rankings.iter().collect();
    (!all.is_empty()).then(|| ENTRY.plot(draw(&all, &series, style)))
}

fn draw_material(material: &Material<'_>, style: Style) -> Result<Drawn, &'static str> {
    let all = material.figures.and_then(|study| study.all_pairs.as_ref());
    let all = all.ok_or("only a comparison of all pairs has ranks (`compare --all-pairs`)")?;
    let chosen: Vec<&Ranking> = match material.metrics {
        [] => all.rankings.iter().collect(),
        ids => { ids.iter() }
            .filter_map(|id| all.rankings.iter().find(|own| own.metric == *id))
            .collect(),
    };
    if chosen.is_empty() {
        return Err("no metric chosen is ranked, or not all candidates that are ranked are chosen");
    }
    Ok(draw(&chosen, &|name| material.series(name), style))
}

fn draw(rankings: &[&Ranking], series: &dyn Fn(&str) -> usize, style: Style) -> Drawn {
    let mut figure = Figure::new(style, ENTRY.title);
    for ranking in rankings {
        figure.panel_heading(&registry::title(&ranking.metric), Some(ranking.better));
        panel(&mut figure, ranking, series);
    }
    if style == Style::Paper {
        figure.note("Mean ranks, 1 is best. A bar joins what is not shown to differ.");
    }
    figure.top += style.scaled(6.0);
    let described = rankings.iter().map(|ranking| {
        let places = ranking.standings.iter();
        let places = places.map(|own| format!("{} {}", own.candidate, format::fixed(own.rank, 2)));
        let places: Vec<String> = places.collect();
        let groups = ranking.groups.iter().map(|own| own.join(" = "));
        let groups: Vec<String> = groups.collect();
        format!(
            "{}: {}; groups {}",
            ranking.metric,
            places.join(", "),
            groups.join(", ")
        )
    });
    let description = described.collect::<Vec<_>>().join(". ");
    figure.finish(description, table(rankings))
}

fn table(rankings: &[&Ranking]) -> Table {
    let rows = rankings.iter().flat_map(|ranking| {
        ranking.standings.iter().map(|own| {
            [
                ranking.metric.clone(),
                own.candidate.clone(),
                own.rank.to_string(),
                cell(own.interval.map(|at| at.low)),
                cell(own.interval.map(|at| at.high)),
                ranking.letters(&own.candidate),
                cell(ranking.critical_difference),
                cell(ranking.p_adjusted),
            ]
        })
    });
    let header = [
        "metric",
        "candidate",
        "rank",
        "low",
        "high",
        "groups",
        "critical_difference",
        "friedman_p_adjusted",
    ];
    Table::new(header, rows)
}

/// The line of ranks on the page.
struct Line {
    left: f64,
    width: f64,
    /// Height of the line on the page.
    y: f64,
    /// Number of candidates, which is the last rank.
    k: f64,
}

impl Line {
    /// The place of a rank.
    fn x(&self, rank: f64) -> f64 {
        self.left + (rank - 1.0) / (self.k - 1.0).max(1.0) * self.width
    }
}

fn panel(figure: &mut Figure, ranking: &Ranking, series: &dyn Fn(&str) -> usize) {
    let style = figure.style;
    let top = figure.top;
    let down = |length: f64| top + style.scaled(length);
    let labels = labels(ranking, style);
    // The better half stands on the left, the others on the right.
    let half = labels.len().div_ceil(2);
    let room = |labels: &[String]| {
        let widest = labels
            .iter()
            .map(|own| style.text_width(own))
            .fold(0.0, f64::max);
        widest + style.scaled(30.0)
    };
    let left = room(&labels[..half]);
    let line = Line {
        left,
        width: style.width() - left - room(&labels[half..]),
        y: down(LINE),
        k: labels.len() as f64,
    };
    draw_tests(figure, ranking, &line, [down(WORDS), down(REACH)]);
    draw_line(figure, &line, down(NUMBERS));
    let mut y = line.y + style.scaled(12.0);
    for group in ranking.groups.iter().filter(|group| group.len() > 1) {
        let ranks = group.iter().filter_map(|name| ranking.standing(name));
        let ends = super::chart::ends(ranks.map(|own| own.rank));
        // No further, as the next rank may be near.
        let reach = style.scaled(2.0);
        let thickness = style.scaled(4.0);
        figure.fill(
            Area {
                x: line.x(ends.0) - reach,
                y: y - thickness / 2.0,
                width: line.x(ends.1) - line.x(ends.0) + 2.0 * reach,
                height: thickness,
            },
            Paint::Ink,
        );
        y += style.scaled(BAR);
    }
    let rows = y + style.scaled(6.0);
    for (place, (own, label)) in ranking.standings.iter().zip(&labels).enumerate() {
        let is_left = place < half;
        let row = if is_left {
            place
        } else {
            labels.len() - 1 - place
        };
        let y = rows + row as f64 * style.scaled(ROW);
        let (end, anchor, sign) = if is_left {
            (line.left - style.scaled(10.0), HPos::Right, -1.0)
        } else {
            (line.left + line.width + style.scaled(10.0), HPos::Left, 1.0)
        };
        let x = line.x(own.rank);
        let paint = Paint::Series(series(&own.candidate));
        figure.line(&[(x, line.y), (x, y), (end, y)], paint, style.line() * 0.75);
        figure.text(
            (end + sign * style.scaled(6.0), y),
            label,
            Paint::Ink,
            anchor,
        );
    }
    figure.top = rows + half as f64 * style.scaled(ROW) + style.scaled(8.0);
}

/// Names with mean ranks, cut so that the line of ranks has its room.
fn labels(ranking: &Ranking, style: Style) -> Vec<String> {
    let room = (style.width() - style.scaled(LINE_MIN)) / 2.0 - style.scaled(30.0);
    let label = |name: &str, rank: f64| format!("{name} ({})", format::fixed(rank, 2));
    let fitting = |name: &str, rank: f64| {
        let name = scene::name(name);
        let whole = name.chars().count();
        let cut = (4..=whole)
            .rev()
            .map(|length| format::shortened(&name, length));
        let mut all = cut.map(|name| label(&name, rank));
        let found = all.find(|own| style.text_width(own) <= room);
        found.unwrap_or_else(|| label(&format::shortened(&name, 4), rank))
    };
    let places = ranking.standings.iter();
    places
        .map(|own| fitting(&own.candidate, own.rank))
        .collect()
}

/// Words about the tests, and the critical difference as long as it is on the line.
fn draw_tests(figure: &Figure, ranking: &Ranking, line: &Line, [words, bar]: [f64; 2]) {
    let style = figure.style;
    let Some(reach) = ranking.critical_difference else {
        let text = "no test of ranks";
        figure.text((line.left, words), text, Paint::Quiet, HPos::Left);
        return;
    };
    let p = probability(ranking.p_adjusted);
    let place = if reach > line.k - 1.0 {
        " beyond the line"
    } else {
        ""
    };
    let text = format!(
        "critical difference {}{place}, Friedman p {p}",
        format::fixed(reach, 2)
    );
    // Words that would run over the end stand further left.
    let most = style.width() - style.text_width(&text) - style.scaled(12.0);
    let at = line.left.min(most).max(style.scaled(12.0));
    figure.text((at, words), &text, Paint::Quiet, HPos::Left);
    if reach <= line.k - 1.0 {
        let (from, to, cap) = (line.x(1.0), line.x(1.0 + reach), style.scaled(4.0));
        let width = style.line();
        figure.line(&[(from, bar), (to, bar)], Paint::Ink, width);
        for end in [from, to] {
            figure.line(&[(end, bar - cap), (end, bar + cap)], Paint::Ink, width);
        }
    }
}

/// The line of ranks with its ticks, as many as have room.
fn draw_line(figure: &Figure, line: &Line, numbers: f64) {
    let style = figure.style;
    let thin = style.scaled(1.0);
    figure.line(
        &[(line.x(1.0), line.y), (line.x(line.k), line.y)],
        Paint::Quiet,
        thin,
    );
    let between = line.width / (line.k - 1.0).max(1.0);
    let last = line.k as u32;
    let has_room = |step: &u32| f64::from(*step) * between >= style.scaled(24.0);
    let step = (1..=last).find(has_room).unwrap_or(1);
    for rank in (1..=last).step_by(step as usize) {
        let x = line.x(f64::from(rank));
        figure.line(
            &[(x, line.y - style.scaled(5.0)), (x, line.y)],
            Paint::Quiet,
            thin,
        );
        figure.text((x, numbers), &rank.to_string(), Paint::Quiet, HPos::Center);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lab::compare::CandidateRank;
    use metrics::Direction;

    /// The ranking of Demšar's figure 1(a) with long names.
    fn ranking(names: &[&str], ranks: &[f64]) -> Ranking {
        let standings = names.iter().zip(ranks).map(|(name, rank)| CandidateRank {
            candidate: (*name).to_owned(),
            rank: *rank,
            interval: None,
        });
        Ranking {
            metric: "pending_time.mean".to_owned(),
            better: Direction::Lower,
            n: 14,
            standings: standings.collect(),
            friedman: None,
            p_adjusted: Some(0.02),
            critical_difference: Some(1.25),
            groups: vec![names.iter().map(|own| (*own).to_owned()).collect()],
        }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|own| (*own).to_owned()).collect()
    }

    #[test]
    fn ranks_stand_on_a_line_with_names_on_both_sides() {
        let own = ["C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5"];
        let ranking = ranking(&own, &[1.964, 2.0, 2.893, 3.143]);
        let plot =
            of_logs(std::slice::from_ref(&ranking), &names(&own), Style::Screen).expect("a plot");
        for part in [
            "C4.5+m+cf (1.96)",
            "C4.5 (3.14)",
            "critical difference 1.25",
            "p 0.020",
        ] {
            assert!(plot.svg.contains(part), "{part}: {}", plot.svg);
        }
        assert_eq!(plot.csv().lines().count(), 5, "{}", plot.csv());
        assert_eq!(of_logs(&[ranking], &names(&own), Style::Screen), Some(plot));
        assert_eq!(of_logs(&[], &[], Style::Screen), None);
    }

    #[test]
    fn long_names_leave_room_for_the_line() {
        let long = [
            "a-very-long-name-of-a-candidate",
            "another-very-long-name-of-one",
        ];
        let ranking = ranking(&long, &[1.2, 1.8]);
        for style in [Style::Screen, Style::Paper] {
            let labels = labels(&ranking, style);
            let widest = labels
                .iter()
                .map(|own| style.text_width(own))
                .fold(0.0, f64::max);
            let left = style.width() - 2.0 * (widest + style.scaled(30.0));
            assert!(left >= style.scaled(LINE_MIN) - 1.0, "{labels:?} {left}");
        }
    }
}

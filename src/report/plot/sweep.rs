//! Plots of a sweep: how a metric answers to each parameter, and maps over two of them.

use super::axis::{Axis, Limits};
use super::chart::{self, Line, Panel, ends};
use super::figure::{Figure, Mesh};
use super::scene::{self, Style};
use super::{Drawn, Plot, PlotEntry, Table, cell};
use crate::format;
use lab::sweep::SweepTable;
use metrics::{Direction, registry};

const RESPONSE: PlotEntry = PlotEntry {
    name: "response",
    title: "Response to the parameters",
    caption: "Each panel follows one parameter; a point is the mean over all runs with that value, \
              or over a tenth of the range where it was sampled.",
    shows_metrics: false,
    draw: |_, _| Err("only a sweep has this plot"),
};

const HEAT: PlotEntry = PlotEntry {
    name: "heat",
    title: "Over two parameters",
    caption: "Each cell is the mean over all runs with these two values; the darker, the larger.",
    shows_metrics: false,
    draw: |_, _| Err("only a sweep has this plot"),
};

/// More values than this are gathered into bins.
const VALUES_MAX: usize = 12;

/// Bins of a parameter with many values.
const BINS: usize = 10;

/// A map has no more rows or columns than this.
const CELLS_MAX: usize = 40;

/// Draws a sweep: each plot with the name of its file.
pub fn draw(table: &SweepTable, metrics: &[String], style: Style) -> Vec<(String, Plot)> {
    let mut plots = Vec::new();
    for metric in metrics {
        let drawn = [
            (&RESPONSE, response(table, metric, style)),
            (&HEAT, heat(table, metric, style)),
        ];
        for (entry, drawn) in drawn {
            let Some(drawn) = drawn else { continue };
            let plot = entry.plot(drawn);
            plots.push((format!("{}-{metric}", entry.name), plot));
        }
    }
    plots
}

fn better(metric: &str) -> Direction {
    registry::find(metric).map_or(Direction::None, |(_, statistic)| statistic.direction)
}

fn unit(metric: &str) -> &'static str {
    registry::find(metric).map_or("", |(_, statistic)| statistic.unit)
}

/// Mean over every point of a group; `None` where a point has no value.
fn mean(table: &SweepTable, points: &[usize], variant: usize, metric: &str) -> Option<f64> {
    let values: Option<Vec<f64>> = (points.iter())
        .map(|&point| table.mean(point, variant, metric))
        .collect();
    let values = values.filter(|values| !values.is_empty())?;
    Some(values.iter().sum::<f64>() / values.len() as f64)
}

/// Points by the value of a parameter, or by a bin of it, from left to right.
fn groups(values: &[f64]) -> Vec<(f64, Vec<usize>)> {
    let mut distinct = values.to_vec();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    let at = |value: f64| {
        let equal = |point: &usize| values[*point].total_cmp(&value).is_eq();
        (0..values.len()).filter(equal).collect()
    };
    if distinct.len() <= VALUES_MAX {
        return distinct
            .into_iter()
            .map(|value| (value, at(value)))
            .collect();
    }
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]).then(a.cmp(&b)));
    let size = order.len().div_ceil(BINS);
    let bins = order.chunks(size).map(|bin| {
        let middle = bin.iter().map(|&point| values[point]).sum::<f64>() / bin.len() as f64;
        (middle, bin.to_vec())
    });
    bins.collect()
}

fn response(table: &SweepTable, metric: &str, style: Style) -> Option<Drawn> {
    let file = &table.merged().file;
    let mut panels = Vec::new();
    for (parameter, path) in file.parameters.iter().enumerate() {
        let Some(values) = table.numbers(parameter) else {
            continue;
        };
        let groups = groups(&values);
        if groups.len() < 2 {
            continue;
        }
        let lines: Vec<Line> = (file.variants.iter().enumerate())
            .map(|(index, name)| Line {
                index: Some(index),
                name: name.clone(),
                points: (groups.iter())
                    .map(|(value, points)| (*value, mean(table, points, index, metric)))
                    .collect(),
            })
            .collect();
        let known = lines.iter().flat_map(|line| &line.points);
        let known: Vec<f64> = known.filter_map(|&(_, value)| value).collect();
        let (low, high) = bounds(metric, &known)?;
        let title = format!("{}, {}", registry::title(metric), unit(metric));
        let ends = (groups[0].0, groups[groups.len() - 1].0);
        let x = Axis::linear(&format::shortened(path, 60), ends.0, ends.1, 6);
        let y = Axis::linear("", low, high, 5);
        let title = title.trim_end_matches([',', ' ']);
        panels.push(Panel::new(title, better(metric), x, y, lines).straight());
    }
    (!panels.is_empty()).then(|| chart::draw(style, RESPONSE.title, "parameter", &panels, &[]))
}

/// The ends of an axis over some values, with a little room.
fn bounds(metric: &str, values: &[f64]) -> Option<(f64, f64)> {
    let (low, high) = ends((!values.is_empty()).then_some(values)?.iter().copied());
    let room = ((high - low) * 0.05).max(high.abs() * 1e-6).max(1e-9);
    Some(Limits::of(metric, values).within(low - room, high + room))
}

/// The distinct values of a parameter: in the order of numbers, else as given.
fn distinct(table: &SweepTable, parameter: usize) -> Vec<String> {
    let file = &table.merged().file;
    let mut known: Vec<(usize, String)> = Vec::new();
    for (position, point) in file.points.iter().enumerate() {
        if !known.iter().any(|(_, value)| *value == point[parameter]) {
            known.push((position, point[parameter].clone()));
        }
    }
    if let Some(numbers) = table.numbers(parameter) {
        known.sort_by(|a, b| numbers[a.0].total_cmp(&numbers[b.0]));
    }
    known.into_iter().map(|(_, value)| value).collect()
}

/// A map: its cells in rows.
struct Map<'t> {
    variant: &'t str,
    columns: &'t [String],
    rows: &'t [String],
    cells: Vec<Vec<Option<f64>>>,
}

fn heat(table: &SweepTable, metric: &str, style: Style) -> Option<Drawn> {
    let file = &table.merged().file;
    let fits: Vec<(usize, Vec<String>)> = (0..file.parameters.len())
        .map(|parameter| (parameter, distinct(table, parameter)))
        .filter(|(_, values)| (2..=CELLS_MAX).contains(&values.len()))
        .collect();
    let [(x, columns), (y, rows), ..] = fits.as_slice() else {
        return None;
    };
    let cell = |variant: usize, column: &String, row: &String| {
        let at = |point: &usize| {
            let values = &file.points[*point];
            values[*x] == *column && values[*y] == *row
        };
        let points: Vec<usize> = (0..file.points.len()).filter(at).collect();
        mean(table, &points, variant, metric)
    };
    let maps: Vec<Map<'_>> = (file.variants.iter().enumerate())
        .map(|(variant, name)| Map {
            variant: name,
            columns,
            rows,
            // The first row is drawn on top; values grow upwards.
            cells: (rows.iter().rev())
                .map(|row| {
                    (columns.iter())
                        .map(|column| cell(variant, column, row))
                        .collect()
                })
                .collect(),
        })
        .collect();
    let known: Vec<f64> = (maps.iter())
        .flat_map(|map| map.cells.iter().flatten().filter_map(|cell| *cell))
        .collect();
    let (low, high) = ends((!known.is_empty()).then_some(&known)?.iter().copied());
    let title = registry::title(metric);
    let mut figure = Figure::new(style, &format!("{}: {title}", HEAT.title));
    let key = key(metric, low, high);
    // Below each other where both are too long for a line.
    let y_label = format!("↑ {}", format::shortened(&file.parameters[*y], 60));
    figure.note(&y_label);
    figure.note(&key);
    figure.top += style.scaled(6.0);
    draw_maps(&mut figure, &maps, low, high, &file.parameters[*x]);
    let table = data(&maps, &file.parameters[*x], &file.parameters[*y]);
    Some(figure.finish(format!("{title}: {key}."), table))
}

/// Meaning of the shades, with the better direction.
fn key(metric: &str, low: f64, high: f64) -> String {
    let [light, dark] = [low, high].map(|value| format::value(value, unit(metric)));
    match better(metric) {
        Direction::None => format!("light {light} … dark {dark}"),
        better => format!("light {light} … dark {dark}, {}", better.words()),
    }
}

fn draw_maps(figure: &mut Figure, maps: &[Map<'_>], low: f64, high: f64, x_label: &str) {
    let style = figure.style;
    let words = |own: &String| format::shortened(&format::clean(own), 20);
    let Some(first) = maps.first() else { return };
    let y = Axis::names(first.rows.iter().rev().map(words));
    // The first value is at the beginning of the axis below.
    let mut x = Axis::names(first.columns.iter().rev().map(words));
    x.label = format::shortened(x_label, 60);
    let left = y.width(style).max(style.scaled(20.0)) + style.scaled(8.0);
    let height = (y.to * style.scaled(26.0)).min(style.scaled(260.0));
    let y = y.thinned(height, style);
    let names = maps.iter();
    let names: Vec<(String, String)> = names
        .map(|map| (scene::name(map.variant), String::new()))
        .collect();
    let span = if high > low { high - low } else { 1.0 };
    let percent = |cell: &Option<f64>| cell.map(|own| ((own - low) / span * 100.0).round() as u8);
    figure.grid(
        &names,
        1,
        (left, height),
        |_| x.clone(),
        |figure, index, plane, x| {
            let rows = maps[index].cells.iter();
            let rows = rows.map(|row| row.iter().map(percent).collect());
            figure.raster(plane, rows.collect());
            figure.chart(plane, x, &y, Mesh::None);
        },
    );
}

fn data(maps: &[Map<'_>], x: &str, y: &str) -> Table {
    let rows = maps.iter().flat_map(|map| {
        let rows = map.rows.iter().rev().zip(&map.cells);
        rows.flat_map(move |(row, cells)| {
            let cells = map.columns.iter().zip(cells);
            cells.map(move |(column, value)| {
                let variant = map.variant.to_owned();
                [variant, column.clone(), row.clone(), cell(*value)]
            })
        })
    });
    Table::new(["variant", x, y, "value"], rows)
}

#[cfg(test)]
mod tests {

    use super::*;
    use lab::sweep::record::{RunRecord, Treatment};
    use lab::sweep::{Merged, SweepFile};
    use units::SortedMap;

    const METRIC: &str = "pending_time.mean";

    /// Two parameters, one of them in words, with values that are told from each other.
    fn table(undefined: Option<usize>) -> SweepTable {
        let mut points = Vec::new();
        let (mut runs, mut records) = (Vec::new(), SortedMap::new());
        for (position, size) in [1, 2, 10].into_iter().enumerate() {
            for (place, profile) in ["fgd", "first"].into_iter().enumerate() {
                let run = points.len();
                points.push(vec![size.to_string(), profile.to_owned()]);
                let key = format!("{run:064}");
                let value = (position * 10 + place) as f64;
                let record = RunRecord {
                    key: key.clone(),
                    program: String::new(),
                    seed: 1,
                    nodes: 1,
                    pods: 1,
                    ended: String::new(),
                    end_ns: 0,
                    changes: 0,
                    decisions: 0,
                    digest: String::new(),
                    treatment: Treatment::default(),
                    metrics: [(
                        METRIC.to_owned(),
                        Some(value).filter(|_| undefined != Some(run)),
                    )]
                    .into(),
                };
                records.insert(key.clone(), record);
                runs.push(key);
            }
        }
        let file = SweepFile {
            schema_version: 1,
            program: String::new(),
            name: "n".to_owned(),
            parameters: vec!["size".to_owned(), "profile".to_owned()],
            sampling: None,
            samples: None,
            variants: vec!["v".to_owned()],
            seeds: 1,
            points,
            releases: Vec::new(),
            runs,
            experiment: lab::sweep::SweptExperiment::default(),
        };
        SweepTable::new(Merged { file, records }).expect("a table")
    }

    #[test]
    fn a_response_is_drawn_over_numbers_and_a_map_over_anything() {
        let plots = draw(&table(None), &[METRIC.to_owned()], Style::Screen);
        let names: Vec<&str> = plots.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            ["response-pending_time.mean", "heat-pending_time.mean"]
        );
        // Means over the profiles, at the three sizes.
        let response = plots[0].1.csv();
        let values: Vec<&str> = response.lines().skip(1).collect();
        let ends = ["v,1,0.5", "v,2,10.5", "v,10,20.5"];
        assert!(
            values
                .iter()
                .zip(ends)
                .all(|(line, end)| line.ends_with(end)),
            "{response}"
        );
        let heat = plots[1].1.csv();
        assert!(heat.starts_with("variant,size,profile,value\n"), "{heat}");
        assert!(
            heat.contains("v,10,first,21\n") && heat.contains("v,1,fgd,0\n"),
            "{heat}"
        );
    }

    #[test]
    fn what_is_undefined_leaves_a_gap() {
        let plots = draw(&table(Some(0)), &[METRIC.to_owned()], Style::Paper);
        assert!(plots[0].1.csv().contains("v,1,\n"), "{}", plots[0].1.csv());
        assert!(
            plots[1].1.csv().contains("v,1,fgd,\n"),
            "{}",
            plots[1].1.csv()
        );
        assert!(draw(&table(None), &["no.such".to_owned()], Style::Screen).is_empty());
    }

    #[test]
    fn many_values_are_gathered_into_bins() {
        let values: Vec<f64> = (0..100).map(f64::from).collect();
        let groups = groups(&values);
        assert_eq!(groups.len(), BINS);
        assert!(groups.iter().all(|(_, points)| points.len() == 10));
        assert!((groups[0].0 - 4.5).abs() < 1e-12);
    }
}

//! Text output of a sweep for the terminal.

use std::fmt::Write as _;

use crate::format;
use crate::plot::{Style, sweep as plots};
use crate::releases::fact;
use lab::folder::KeptFolder;
use lab::sweep::sensitivity::{self, Index};
use lab::sweep::{SweepError, SweepFile, SweepTable};
use metrics::registry;

/// Writes the plots of a sweep in these metrics, the data behind them, and the sensitivities.
///
/// # Errors
/// If a file can't be written.
pub fn write_drawings(
    table: &SweepTable,
    metrics: &[String],
    folder: &KeptFolder,
) -> Result<(), SweepError> {
    for (name, plot) in plots::draw(table, metrics, Style::Screen) {
        folder.write(&format!("plots/{name}.svg"), plot.svg.as_bytes())?;
        folder.write(&format!("plots/{name}.csv"), plot.csv().as_bytes())?;
    }
    let found = sensitivity::of_table(table, metrics);
    if !found.is_empty() {
        let text = sensitivity::to_csv(&table.merged().file.parameters, &found);
        folder.write("sensitivity.csv", text.as_bytes())?;
    }
    Ok(())
}

fn part(count: usize, word: &str) -> String {
    format::counted(count as u64, word)
}

/// Number of points, variants and seeds, and the releases that they follow.
fn size(file: &SweepFile) -> String {
    let mut parts = vec![part(file.points.len(), "point")];
    if file.variants.len() > 1 {
        parts.push(part(file.variants.len(), "variant"));
    }
    parts.push(part(file.seeds as usize, "seed"));
    let mut text = format!("{} = {}", parts.join(" × "), part(file.runs.len(), "run"));
    if let Some(words) = releases(file) {
        let _ = write!(text, " · {words}");
    }
    text
}

/// Words about the releases that the sweep's variants follow.
fn releases(file: &SweepFile) -> Option<String> {
    let names: Vec<String> = { file.releases.iter() }
        .map(|own| match (file.variants.len(), own.points) {
            (_, points) if points == file.points.len() => own.variant.clone(),
            (1, points) => format!("{points} of {}", part(file.points.len(), "point")),
            (_, points) => format!("{} at {}", own.variant, part(points, "point")),
        })
        .collect();
    fact({ file.releases.iter().zip(&names) }.map(|(own, name)| (name, &own.releases)))
}

/// Head line of a finished sweep.
pub fn head(file: &SweepFile, found: usize, wall_time: &str) -> String {
    let there = match found {
        0 => String::new(),
        found => format!(" · {} already finished", format::count(found as u64)),
    };
    format!(
        "{} · {}{there} · {wall_time}\n",
        format::clean(&file.name),
        size(file)
    )
}

/// Description of the runs that a sweep would make.
pub fn planned(file: &SweepFile, distinct: usize) -> String {
    let mut text = format!("{} · {}", format::clean(&file.name), size(file));
    if distinct < file.runs.len() {
        let _ = write!(
            text,
            ", {} of them distinct",
            format::count(distinct as u64)
        );
    }
    text.push('\n');
    for row in [0, file.runs.len().saturating_sub(1)] {
        if row < file.runs.len() {
            let _ = writeln!(text, "  {}", file.words(row));
        }
    }
    text
}

/// Points at which each metric is lowest and highest, by its mean over seeds.
pub fn extremes(table: &SweepTable, metrics: &[String]) -> String {
    let file = &table.merged().file;
    let mut text = String::new();
    let titles: Vec<String> = metrics.iter().map(|id| registry::title(id)).collect();
    let widest = titles
        .iter()
        .map(|title| title.chars().count())
        .max()
        .unwrap_or(0);
    for (metric, title) in metrics.iter().zip(&titles) {
        let mut means: Vec<(f64, usize, usize)> = Vec::new();
        for point in 0..file.points.len() {
            for variant in 0..file.variants.len() {
                let mean = table.mean(point, variant, metric);
                means.extend(mean.map(|mean| (mean, point, variant)));
            }
        }
        let least = means.iter().min_by(|a, b| a.0.total_cmp(&b.0));
        let most = means.iter().max_by(|a, b| a.0.total_cmp(&b.0));
        let unit = registry::find(metric).map_or("", |(_, statistic)| statistic.unit);
        for (word, found) in [("lowest", least), ("highest", most)] {
            if let Some(&(mean, point, variant)) = found {
                let title = if word == "lowest" { title } else { "" };
                let value = format::value(mean, unit);
                let place = place(file, point, variant);
                let _ = writeln!(text, "{title:widest$}  {word:7}  {value:>12}  at {place}");
            }
        }
    }
    text
}

fn place(file: &SweepFile, point: usize, variant: usize) -> String {
    let named = file.parameters.iter().zip(&file.points[point]);
    let mut parts: Vec<String> = named
        .map(|(path, value)| {
            // The end of a path says enough where it is long.
            let name = path.rsplit('.').next().unwrap_or(path);
            format!("{}={}", format::clean(name), format::clean(value))
        })
        .collect();
    if file.variants.len() > 1 || parts.is_empty() {
        parts.push(format::clean(&file.variants[variant]));
    }
    parts.join(", ")
}

/// Sensitivity indices, if the sweep was designed for them.
pub fn sensitivities(table: &SweepTable, metrics: &[String]) -> String {
    let parameters = &table.merged().file.parameters;
    let widest = parameters.iter().map(|path| path.chars().count()).max();
    let widest = widest.unwrap_or(0);
    let mut text = String::new();
    let shown = |index: Index| {
        format!(
            "{:5.2} [{:5.2}, {:5.2}]",
            index.value, index.low, index.high
        )
    };
    for found in sensitivity::of_table(table, metrics) {
        let _ = writeln!(
            text,
            "\nshare of the variance of {} ({}), 95 % intervals",
            registry::title(&found.metric),
            format::clean(&found.variant)
        );
        match found.effects {
            Err(why) => {
                let _ = writeln!(text, "  none: {why}");
            }
            Ok(effects) => {
                let _ = writeln!(text, "  {:widest$}  {:<21}  with interactions", "", "alone");
                for (path, effect) in parameters.iter().zip(effects) {
                    let (first, total) = (shown(effect.first_order), shown(effect.total));
                    let _ = writeln!(text, "  {path:widest$}  {first}  {total}");
                }
            }
        }
    }
    text
}

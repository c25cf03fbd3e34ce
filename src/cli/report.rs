//! `windtunnel report`: finished runs, one or many side by side, from their result folders.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use intake::Input;
use lab::compare::Study;
use lab::folder::{Existing, write_file};
use report::comparison::{Comparison, Rows};
use report::plot::{self, NotDrawn, Plot, PlotEntry, REGISTRY, Rgb, Style};
use report::result_files::{ReadError, WriteError, compared, read};
use report::runs::Gathered;
use report::study::{self, StudyOptions};
use report::table::TableOptions;
use report::validate::error_bar;
use report::{self, Format};
use units::plural;

use super::function_figures::of_functions;
use super::{Exit, Failure, Global, output, terminal};

/// Arguments of `report`.
#[derive(Clone, Debug, Args)]
pub(super) struct ReportArguments {
    /// Result folders of finished runs
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Output format [default: html, or svg with --plot]
    #[arg(long, value_enum)]
    format: Option<ReportFormat>,
    /// Output file or folder, or `-` for stdout [default: `report.html`, `NAME.png` or `NAME.pdf` in the
    /// current folder; text formats go to stdout]
    #[arg(long, value_name = "FILE|DIR")]
    out: Option<PathBuf>,
    /// Only these metrics, in this order, in tables and in the plots of metrics (differences, pareto,
    /// waiting)
    #[arg(long = "metric", visible_alias = "metrics", value_name = "ID", num_args = 1..)]
    metrics: Vec<String>,
    /// Only the figures of the seven functions of a platform, a few for each, in tables
    #[arg(long, conflicts_with = "metrics")]
    functions: bool,
    /// Only these candidates: variants, or RUN/VARIANT of several runs; each keeps its color
    #[arg(long = "candidate", visible_alias = "candidates", value_name = "NAME", num_args = 1..)]
    candidates: Vec<String>,
    /// Only this plot (`all` for every one with data); may be repeated
    #[arg(long = "plot", value_name = "NAME")]
    plots: Vec<String>,
    /// Style of the plots: for a screen, or for a column of a paper (3.3 inches, in greys)
    #[arg(long, value_enum, default_value_t = PlotStyle::Screen)]
    style: PlotStyle,
    /// With --plot: colors of candidates, such as `fcfs=#0072b2,easy=#d55e00`; the usual ones differ for any color
    /// vision
    #[arg(long, value_name = "NAME=#RRGGBB", value_delimiter = ',', value_parser = color, requires = "plots")]
    colors: Vec<(String, Rgb)>,
    /// Answer of `windtunnel validate --format json` on the same cluster; its figures stand in the
    /// report as an error bar
    #[arg(long, value_name = "FILE")]
    validation: Option<PathBuf>,
    /// With --format latex: label by which the text of a paper refers to the table
    #[arg(long, value_name = "NAME", value_parser = label)]
    label: Option<String>,
    /// Replace existing files
    #[arg(long)]
    force: bool,
}

/// Parses a label of LaTeX.
pub(super) fn label(text: &str) -> Result<String, String> {
    let is_plain = |own: char| own.is_ascii_alphanumeric() || ":-_.".contains(own);
    if !text.is_empty() && text.chars().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err("expected letters, digits and `:-_.`, such as tab:queues".to_owned())
    }
}

/// Parses the color of a candidate.
fn color(text: &str) -> Result<(String, Rgb), String> {
    let parsed = text.rsplit_once("=#").and_then(|(name, digits)| {
        let is_hex = digits.len() == 6 && digits.bytes().all(|own| own.is_ascii_hexdigit());
        let number = u32::from_str_radix(digits, 16).ok().filter(|_| is_hex)?;
        let [_, red, green, blue] = number.to_be_bytes();
        Some((name.to_owned(), [red, green, blue]))
    });
    parsed.ok_or_else(|| "expected NAME=#RRGGBB, such as easy=#d55e00".to_owned())
}

/// Refuses a label where there is no LaTeX table to bear it.
pub(super) fn check_label(label: Option<&String>, is_latex: bool) -> Result<(), Failure> {
    if label.is_some() && !is_latex {
        return Err(Failure::input(
            "--label names a LaTeX table; add --format latex",
        ));
    }
    Ok(())
}

/// Output format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
    /// HTML, a single file that needs no network.
    Html,
    /// Markdown table, for pull requests.
    Markdown,
    /// Table for the terminal.
    Table,
    /// JSON, one object.
    Json,
    /// CSV: one line per metric and variant, or the data behind plots.
    Csv,
    /// LaTeX table, for papers (package booktabs).
    Latex,
    /// SVG plots (with --plot).
    Svg,
    /// PNG plots (with --plot).
    Png,
    /// PDF plots (with --plot).
    Pdf,
}

/// Style of plots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PlotStyle {
    /// Screen: color, light and dark.
    Screen,
    /// Column of a paper: 3.3 inches wide, small text, greys and dashes.
    Paper,
}

impl From<PlotStyle> for Style {
    fn from(style: PlotStyle) -> Self {
        match style {
            PlotStyle::Screen => Self::Screen,
            PlotStyle::Paper => Self::Paper,
        }
    }
}

pub(super) fn run(global: &Global, arguments: &ReportArguments) -> Result<Exit, Failure> {
    let is_latex = arguments.format == Some(ReportFormat::Latex);
    check_label(arguments.label.as_ref(), is_latex)?;
    let entries = entries(&arguments.plots)?;
    let runs = arguments.runs.iter().map(|path| read(path));
    let mut gathered = Gathered::new(runs.collect::<Result<_, _>>()?);
    if let [folder] = arguments.runs.as_slice()
        && let Some(study) = compared(folder)?
    {
        gathered = gathered.compared(study);
    }
    if let Some(path) = &arguments.validation {
        let words = error_bar_of(path, &gathered)?;
        gathered.notices.push(words);
    }
    if !arguments.candidates.is_empty() {
        let only = gathered.only_candidates(&arguments.candidates);
        gathered = only.map_err(Failure::input)?;
    }
    gathered = { gathered.with_colors(&arguments.colors) }.map_err(Failure::input)?;
    if let Some(entries) = entries {
        return plots(arguments, gathered, &entries);
    }
    match arguments.format.unwrap_or(ReportFormat::Html) {
        ReportFormat::Html => html(arguments, &gathered),
        ReportFormat::Markdown => printed(global, arguments, &gathered, Format::Markdown),
        ReportFormat::Table => printed(global, arguments, &gathered, Format::Table),
        ReportFormat::Json => printed(global, arguments, &gathered, Format::Json),
        ReportFormat::Csv => printed(global, arguments, &gathered, Format::Csv),
        ReportFormat::Latex => printed(global, arguments, &gathered, Format::Latex),
        ReportFormat::Svg | ReportFormat::Png | ReportFormat::Pdf => Err(Failure::input(format!(
            "--format svg, png and pdf are for plots; add --plot NAME (one of all, {})",
            plot_names()
        ))),
    }
}

fn plot_names() -> String {
    let names: Vec<&str> = REGISTRY.iter().map(|entry| entry.name).collect();
    names.join(", ")
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Results(error) => error.into(),
            ReadError::Compare(error) => error.into(),
            error => Self::input(error),
        }
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Folder(error) => error.into(),
            error => Self::incomplete(error),
        }
    }
}

fn html(arguments: &ReportArguments, gathered: &Gathered) -> Result<Exit, Failure> {
    if arguments.functions {
        return Err(Failure::input(
            "--functions selects rows of tables; use --format table, markdown, latex, csv or json",
        ));
    }
    if !arguments.metrics.is_empty() {
        return Err(Failure::input(
            "--metric selects rows of tables and metrics of plots; use --format table, markdown, \
             latex, csv or json, or name a plot with --plot differences, pareto or waiting",
        ));
    }
    let (plots, missing) = plot::draw_all(&gathered.material(), arguments.style.into());
    let html = report::html::render(gathered, &plots, &missing).map_err(Failure::incomplete)?;
    deliver(arguments, "report.html", html.as_bytes(), Usual::File)?;
    Ok(Exit::Done)
}

/// Writer of a table in the format that the user chose.
type Writer<'a> = Box<dyn Fn(&mut dyn Write) -> io::Result<()> + 'a>;

fn printed(
    global: &Global,
    arguments: &ReportArguments,
    gathered: &Gathered,
    format: Format,
) -> Result<Exit, Failure> {
    let width = terminal::width().filter(|_| arguments.out.is_none());
    let study = gathered.study.as_ref().filter(|_| !arguments.functions);
    let write: Writer<'_> = if let Some(study) = study {
        let study = chosen(study, &arguments.metrics)?;
        let options = StudyOptions {
            all: global.verbose,
            label: arguments.label.as_deref(),
            ..StudyOptions::default()
        };
        Box::new(move |out| study::write(out, &study, format, options))
    } else {
        let comparison = side_by_side(global, arguments, gathered)?;
        let options = TableOptions {
            width,
            label: arguments.label.as_deref(),
            ..TableOptions::default()
        };
        Box::new(move |out| report::write(out, &comparison, format, options))
    };
    if arguments.out.is_none() {
        output::print_with(write)?;
        return Ok(Exit::Done);
    }
    let mut bytes = Vec::new();
    {
        let mut plainly = anstream::StripStream::new(&mut bytes);
        write(&mut plainly).map_err(Failure::incomplete)?;
    }
    let name = match format {
        Format::Markdown => "report.md",
        Format::Table => "report.txt",
        Format::Json => "comparison.json",
        Format::Csv => "comparison.csv",
        Format::Latex => "report.tex",
    };
    deliver(arguments, name, &bytes, Usual::Stdout)?;
    Ok(Exit::Done)
}

/// Comparison in the metrics that the user chose; in all of them without a choice.
fn chosen(study: &Study, metrics: &[String]) -> Result<Study, Failure> {
    if metrics.is_empty() {
        return Ok(study.clone());
    }
    study::only(study.clone(), metrics).map_err(Failure::input)
}

/// Table of runs side by side, in the metrics that the user chose.
fn side_by_side(
    global: &Global,
    arguments: &ReportArguments,
    gathered: &Gathered,
) -> Result<Comparison, Failure> {
    if arguments.functions {
        let all = Comparison::of(gathered, Rows::All);
        return Ok(of_functions(all));
    }
    if arguments.metrics.is_empty() {
        let rows = if global.verbose {
            Rows::All
        } else {
            Rows::Headline
        };
        return Ok(Comparison::of(gathered, rows));
    }
    let all = Comparison::of(gathered, Rows::All);
    all.only(&arguments.metrics).map_err(Failure::input)
}

/// Words of a validation, which has to be of the cluster of the runs.
fn error_bar_of(path: &Path, gathered: &Gathered) -> Result<String, Failure> {
    let input = Input::argument(&path.display().to_string())?;
    let text = input.read_to_string()?;
    let Some(bar) = error_bar(&text) else {
        return Err(Failure::input(format!(
            "{}: no validation; write one with `windtunnel validate EXPERIMENT RECORDING --format \
             json`",
            path.display()
        )));
    };
    let mut variants = gathered.summary.variants.iter();
    match variants.find(|variant| variant.nodes != bar.nodes) {
        None => Ok(bar.words),
        Some(other) => Err(Failure::input(format!(
            "{}: of a cluster with {}; `{}` ran on {}: validate the experiment of these runs",
            path.display(),
            plural::count(bar.nodes, "node"),
            other.name,
            other.nodes
        ))),
    }
}

/// Plots by name; `None` if none is named.
fn entries(names: &[String]) -> Result<Option<Vec<&'static PlotEntry>>, Failure> {
    if names.is_empty() {
        return Ok(None);
    }
    if names.iter().any(|name| name == "all") {
        return Ok(Some(REGISTRY.iter().collect()));
    }
    let find = |name: &String| {
        plot::find(name).ok_or_else(|| {
            let name = report::format::clean(name);
            Failure::input(format!(
                "there is no plot `{name}`; known are {}",
                plot_names()
            ))
        })
    };
    names.iter().map(find).collect::<Result<_, _>>().map(Some)
}

fn plots(
    arguments: &ReportArguments,
    gathered: Gathered,
    entries: &[&'static PlotEntry],
) -> Result<Exit, Failure> {
    let gathered = with_metrics(gathered, &arguments.metrics, entries)?;
    let is_all = arguments.plots.iter().any(|name| name == "all");
    let ending = match arguments.format {
        None | Some(ReportFormat::Svg) => "svg",
        Some(ReportFormat::Png) => "png",
        Some(ReportFormat::Csv) => "csv",
        Some(ReportFormat::Pdf) => "pdf",
        Some(_) => {
            return Err(Failure::input("a plot has --format svg, png, pdf or csv"));
        }
    };
    let mut drawn: Vec<Plot> = Vec::new();
    for entry in entries {
        match entry.draw(&gathered.material(), arguments.style.into()) {
            Ok(plot) => drawn.push(plot),
            Err(_) if is_all => {}
            Err(NotDrawn { name, reason, .. }) => {
                return Err(Failure::new(
                    Exit::NothingMeasured,
                    format!("nothing to draw for the plot `{name}`: {reason}"),
                ));
            }
        }
    }
    if drawn.len() > 1 && !arguments.out.as_ref().is_some_and(|out| is_folder(out)) {
        return Err(Failure::input(
            "several plots need a folder; add --out DIR/ (with the slash if it is not there yet)",
        ));
    }
    for plot in drawn {
        let bytes = match ending {
            "png" => plot.png().map_err(Failure::input)?,
            "csv" => plot.csv().into_bytes(),
            "pdf" => plot.pdf(),
            _ => format!("{}\n", plot.svg).into_bytes(),
        };
        let usual = match ending {
            "png" | "pdf" => Usual::File,
            _ => Usual::Stdout,
        };
        deliver(arguments, &format!("{}.{ending}", plot.name), &bytes, usual)?;
    }
    Ok(Exit::Done)
}

/// Chooses the metrics of plots. A plot that shows no metrics can't take any.
fn with_metrics(
    gathered: Gathered,
    metrics: &[String],
    entries: &[&'static PlotEntry],
) -> Result<Gathered, Failure> {
    if metrics.is_empty() {
        return Ok(gathered);
    }
    if let [only] = entries
        && !only.shows_metrics
    {
        let takers = REGISTRY.iter().filter(|entry| entry.shows_metrics);
        let takers: Vec<&str> = takers.map(|entry| entry.name).collect();
        return Err(Failure::input(format!(
            "the plot `{}` shows no metrics, so --metric has nothing to select; it is for the plots \
             {}",
            only.name,
            takers.join(", ")
        )));
    }
    gathered.with_metrics(metrics).map_err(Failure::input)
}

/// Default destination of a format without `--out`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Usual {
    File,
    Stdout,
}

fn is_folder(path: &Path) -> bool {
    path.is_dir() || path.to_string_lossy().ends_with('/')
}

/// Writes a format to its destination; prints the path of a file.
fn deliver(
    arguments: &ReportArguments,
    name: &str,
    bytes: &[u8],
    usual: Usual,
) -> Result<(), Failure> {
    let path = match &arguments.out {
        None if usual == Usual::Stdout => return output::print(bytes),
        Some(out) if out.as_os_str() == "-" => return output::print(bytes),
        None => PathBuf::from(name),
        Some(out) if is_folder(out) => out.join(name),
        Some(out) => out.clone(),
    };
    let existing = Existing::forced(arguments.force);
    write_file(&path, bytes, existing)?;
    terminal::print(&format!("{}\n", path.display()));
    Ok(())
}

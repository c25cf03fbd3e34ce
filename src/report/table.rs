//! Summary table for a terminal: metrics as rows, variants as columns, numbers right-aligned, the
//! best marked. A narrow terminal gets several blocks of columns.
//!
//! Styles are written as escape sequences; the printer (`anstream`) removes them for pipes and
//! under `NO_COLOR`. No information is conveyed by color alone.

use std::io::{self, Write};

use anstyle::Style;

use crate::comparison::{Column, Comparison, Row};
use crate::format;
use crate::sense::GOOD;

const HEAD: Style = Style::new().bold();
const QUIET: Style = Style::new().dimmed();
const PLAIN: Style = Style::new();

/// Maximum length of a name; longer ones are cut, so that one does not push all others off the
/// screen.
const NAME_LENGTH_MAX: usize = 24;
const LABEL_LENGTH_MAX: usize = 40;
const GAP: usize = 3;

/// Options of the table in addition to the comparison. None of them goes into files.
#[derive(Clone, Copy, Debug, Default)]
pub struct TableOptions<'a> {
    /// Columns of the terminal; `None` if the output is no terminal, in which case lines do not
    /// wrap.
    pub width: Option<usize>,
    /// Wall-clock time of the run, as text.
    pub wall_time: Option<&'a str>,
    /// Path of the report.
    pub report: Option<&'a str>,
    /// Label of the LaTeX table.
    pub label: Option<&'a str>,
}

/// One line of the table body.
struct Line<'a> {
    label: String,
    cells: Vec<(&'a str, &'static str, Style)>,
    style: Style,
}

/// Writes the head line, the table and the path of the report.
pub fn write(
    out: &mut dyn Write,
    comparison: &Comparison,
    options: TableOptions<'_>,
) -> io::Result<()> {
    write_head(out, comparison, options)?;
    if let Some(reason) = &comparison.apart {
        writeln!(
            out,
            "{HEAD}! NOT COMPARED: {reason}; no best, no differences{HEAD:#}"
        )?;
    }
    for notice in &comparison.notices {
        writeln!(out, "! {notice}")?;
    }
    let lines = lines(comparison);
    let label_width = lines
        .iter()
        .map(|line| length(&line.label))
        .max()
        .unwrap_or(0)
        .min(LABEL_LENGTH_MAX);
    let columns: Vec<ColumnLayout> = comparison
        .columns
        .iter()
        .enumerate()
        .map(|(index, column)| ColumnLayout::new(column, index, &lines))
        .collect();
    let blocks = blocks(&columns, label_width, options.width);
    for (index, block) in blocks.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        write_block(out, &columns, block.clone(), label_width, &lines)?;
    }
    if let Some(report) = options.report {
        writeln!(out, "report: {}", format::clean(report))?;
    }
    Ok(())
}

/// Writes the head line, which breaks between its parts.
fn write_head(
    out: &mut dyn Write,
    comparison: &Comparison,
    options: TableOptions<'_>,
) -> io::Result<()> {
    let mut used = length(&comparison.name);
    write!(out, "{HEAD}{}{HEAD:#}", comparison.name)?;
    let parts = comparison
        .facts
        .iter()
        .map(String::as_str)
        .chain(options.wall_time);
    for part in parts {
        if options
            .width
            .is_some_and(|width| used + 3 + length(part) > width)
        {
            write!(out, "\n  {part}")?;
            used = 2 + length(part);
        } else {
            write!(out, " · {part}")?;
            used += 3 + length(part);
        }
    }
    writeln!(out)
}

fn lines(comparison: &Comparison) -> Vec<Line<'_>> {
    let mut said_best = false;
    let mut lines: Vec<Line<'_>> = comparison
        .rows
        .iter()
        .map(|row| {
            let mark = if row.has_best() && !said_best {
                said_best = true;
                " ◀ best"
            } else {
                " ◀"
            };
            line(row, mark)
        })
        .collect();
    lines.push(Line {
        label: "digest".to_owned(),
        cells: comparison
            .columns
            .iter()
            .map(|column| (column.digest.as_str(), "", QUIET))
            .collect(),
        style: QUIET,
    });
    lines
}

fn line<'a>(row: &'a Row, mark: &'static str) -> Line<'a> {
    let cells = row
        .cells
        .iter()
        .map(|cell| {
            let (mark, style) = if cell.best { (mark, GOOD) } else { ("", PLAIN) };
            (cell.text.as_str(), mark, style)
        })
        .collect();
    Line {
        label: format::shortened(&row.label, LABEL_LENGTH_MAX),
        cells,
        style: PLAIN,
    }
}

struct ColumnLayout {
    name: String,
    /// Width of the right-aligned text.
    text_width: usize,
    /// Width of the marks behind it.
    mark_width: usize,
}

impl ColumnLayout {
    fn new(column: &Column, index: usize, lines: &[Line<'_>]) -> Self {
        let name = format::shortened(&column.name, NAME_LENGTH_MAX);
        let cells = || lines.iter().map(|line| line.cells[index]);
        let text_width = cells().map(|(text, ..)| length(text)).max().unwrap_or(0);
        let mark_width = cells().map(|(_, mark, _)| length(mark)).max().unwrap_or(0);
        Self {
            text_width: text_width.max(length(&name)),
            mark_width,
            name,
        }
    }

    fn width(&self) -> usize {
        GAP + self.text_width + self.mark_width
    }
}

/// Columns to show side by side: as many as fit, at least one.
fn blocks(
    columns: &[ColumnLayout],
    label_width: usize,
    width: Option<usize>,
) -> Vec<std::ops::Range<usize>> {
    let mut blocks = Vec::new();
    let mut start = 0;
    let mut used = label_width;
    for (index, column) in columns.iter().enumerate() {
        if index > start && width.is_some_and(|width| used + column.width() > width) {
            blocks.push(start..index);
            start = index;
            used = label_width;
        }
        used += column.width();
    }
    blocks.push(start..columns.len());
    blocks
}

fn write_block(
    out: &mut dyn Write,
    columns: &[ColumnLayout],
    block: std::ops::Range<usize>,
    label_width: usize,
    lines: &[Line<'_>],
) -> io::Result<()> {
    let head: Vec<(&str, &str, Style)> = columns[block.clone()]
        .iter()
        .map(|column| (column.name.as_str(), "", HEAD))
        .collect();
    let block_columns = &columns[block.clone()];
    write_line(out, "", PLAIN, label_width, block_columns, &head)?;
    for line in lines {
        let cells = &line.cells[block.clone()];
        write_line(
            out,
            &line.label,
            line.style,
            label_width,
            block_columns,
            cells,
        )?;
    }
    Ok(())
}

/// Deferred spaces, written only if text follows, so that no line ends in one.
fn write_line(
    out: &mut dyn Write,
    label: &str,
    style: Style,
    label_width: usize,
    columns: &[ColumnLayout],
    cells: &[(&str, &str, Style)],
) -> io::Result<()> {
    write!(out, "{style}{label}{style:#}")?;
    let mut owed = label_width - length(label);
    for (column, (text, mark, style)) in columns.iter().zip(cells) {
        let space = owed + GAP + column.text_width - length(text);
        write!(out, "{:space$}{style}{text}{mark}{style:#}", "")?;
        owed = column.mark_width - length(mark);
    }
    writeln!(out)
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::Rows;
    use crate::example;
    use lab::summary::Summary;
    use snapbox::{assert_data_eq, str};

    fn render(summary: &Summary, rows: Rows, width: Option<usize>) -> String {
        let comparison = Comparison::new(summary, rows);
        let options = TableOptions {
            width,
            wall_time: Some("0.41 s"),
            report: Some("results/gpu-packing/report.html"),
            label: None,
        };
        let mut bytes = Vec::new();
        write(&mut bytes, &comparison, options).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn a_fill_up() {
        let text = plain(&render(&example::fill_up(), Rows::Headline, None));
        assert_data_eq!(
            text,
            str![[r"
gpu-packing · 10,866 pods on 1,213 nodes · seed 42 · 6 variants · 0.41 s
                         random   dot-product   gpu-clustering   gpu-packing   best-fit      fgd
GPU allocation, end      81.2 %        87.1 %           86.9 %        88.5 %     88.9 %   93.1 % ◀ best
GPU fragmentation, end   15.2 %        10.3 %           10.9 %         8.9 %      8.7 %    5.1 % ◀
pods never placed           412           231              240           190        186       77 ◀
digest                     b1a6          09ab             51cc          77e0       e09f     6f1c
report: results/gpu-packing/report.html

"]]
        );
    }

    #[test]
    fn a_narrow_terminal_gets_blocks() {
        let text = plain(&render(&example::fill_up(), Rows::Headline, Some(60)));
        assert!(text.lines().all(|line| length(line) <= 60));
        assert_data_eq!(
            text,
            str![[r"
gpu-packing · 10,866 pods on 1,213 nodes · seed 42
  6 variants · 0.41 s
                         random   dot-product
GPU allocation, end      81.2 %        87.1 %
GPU fragmentation, end   15.2 %        10.3 %
pods never placed           412           231
digest                     b1a6          09ab

                         gpu-clustering   gpu-packing
GPU allocation, end              86.9 %        88.5 %
GPU fragmentation, end           10.9 %         8.9 %
pods never placed                   240           190
digest                             51cc          77e0

                         best-fit      fgd
GPU allocation, end        88.9 %   93.1 % ◀ best
GPU fragmentation, end      8.7 %    5.1 % ◀
pods never placed             186       77 ◀
digest                       e09f     6f1c
report: results/gpu-packing/report.html

"]]
        );
    }

    #[test]
    fn every_metric_of_a_batch_run() {
        let text = plain(&render(&example::batch(), Rows::All, Some(100)));
        assert_data_eq!(
            text,
            str![[r"
lcg-queue · 188,041 pods on 2,000 nodes · seed 42 · 3 variants · 0.41 s
                            fcfs        sjf           f1
bounded slowdown, mean     44.90      12.31         9.87 ◀ best
makespan                   365 d      365 d        365 d
pending time, mean       132 min   20.8 min ◀   23.5 min
pending time, p99         24.2 h     3.82 h ◀     4.31 h
digest                      aa01       aa02         ab03
report: results/gpu-packing/report.html

"]]
        );
    }

    #[test]
    fn the_narrowest_terminal_still_gets_every_column() {
        let text = plain(&render(&example::fill_up(), Rows::Headline, Some(1)));
        for variant in &example::fill_up().variants {
            assert!(text.contains(&variant.name));
        }
    }

    #[test]
    fn the_best_is_styled_and_marked() {
        let text = render(&example::fill_up(), Rows::Headline, None);
        assert!(
            text.contains("\u{1b}[1m\u{1b}[36m93.1 % ◀ best\u{1b}[0m"),
            "{text:?}"
        );
    }

    #[test]
    fn names_cannot_write_to_the_terminal() {
        let mut summary = example::fill_up();
        summary.variants[0].name = "\u{1b}[31mred\n".to_owned();
        let text = plain(&render(&summary, Rows::Headline, None));
        assert!(text.contains("\u{fffd}[31mred\u{fffd}"));
    }
}

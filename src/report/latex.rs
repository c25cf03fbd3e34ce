//! Tables for papers: LaTeX with the lines of the package booktabs. Everything that comes from a
//! result is escaped, and the best value of a row is bold, which stays visible in grey print.

use std::io::{self, Write};

use crate::comparison::Comparison;
use crate::format;
use metrics::Direction;

/// Writes the comparison of runs.
pub(crate) fn write(
    out: &mut dyn Write,
    comparison: &Comparison,
    label: Option<&str>,
) -> io::Result<()> {
    let mut caption = vec![comparison.name.clone()];
    caption.extend(comparison.facts.iter().cloned());
    if let Some(reason) = &comparison.apart {
        caption.push(format!("NOT COMPARED: {reason}"));
    }
    caption.extend(comparison.notices.iter().cloned());
    let mut head = vec![String::new()];
    head.extend(
        comparison
            .columns
            .iter()
            .map(|column| escaped(&column.name)),
    );
    let rows = comparison.rows.iter().map(|row| {
        let arrow = match row.better {
            Direction::Higher => r" $\uparrow$",
            Direction::Lower => r" $\downarrow$",
            Direction::None => "",
        };
        let mut cells = vec![format!("{}{arrow}", escaped(&row.label))];
        cells.extend(row.cells.iter().map(|cell| marked(&cell.text, cell.best)));
        cells
    });
    let table = LatexTable {
        caption: caption.join(" · "),
        columns: format!("l{}", "r".repeat(comparison.columns.len())),
        head,
        rows: rows.collect(),
        label: label.map(str::to_owned),
    };
    table.write(out)?;
    writeln!(
        out,
        "% An arrow shows the better direction, bold the best value."
    )
}

/// Text of a cell, bold if it is the best.
pub(crate) fn marked(text: &str, is_best: bool) -> String {
    if is_best {
        format!("\\textbf{{{}}}", escaped(text))
    } else {
        escaped(text)
    }
}

/// Table whose cells are LaTeX already.
pub(crate) struct LatexTable {
    /// Caption as plain text.
    pub(crate) caption: String,
    /// Alignment of the columns, such as `lrr`.
    pub(crate) columns: String,
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    /// Name by which the text refers to the table.
    pub(crate) label: Option<String>,
}

/// Letters of the usual small size that a column of a paper has room for.
const COLUMN_LETTERS: usize = 52;

impl LatexTable {
    /// Writes the table.
    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "% needs \\usepackage{{booktabs}}")?;
        let environment = if self.letters() > COLUMN_LETTERS {
            "table*"
        } else {
            "table"
        };
        writeln!(out, "\\begin{{{environment}}}\n  \\centering\\footnotesize")?;
        writeln!(out, "  \\caption{{{}}}", escaped(&self.caption))?;
        if let Some(label) = &self.label {
            writeln!(out, "  \\label{{{label}}}")?;
        }
        writeln!(out, "  \\begin{{tabular}}{{{}}}", self.columns)?;
        writeln!(out, "    \\toprule\n    {} \\\\", self.head.join(" & "))?;
        writeln!(out, "    \\midrule")?;
        for row in &self.rows {
            writeln!(out, "    {} \\\\", row.join(" & "))?;
        }
        writeln!(
            out,
            "    \\bottomrule\n  \\end{{tabular}}\n\\end{{{environment}}}"
        )
    }

    /// Width in letters, with the space between columns. A command stands for about one letter.
    fn letters(&self) -> usize {
        let plain = |cell: &String| {
            let mut letters = 0;
            let mut is_command = false;
            for letter in cell.chars() {
                is_command = letter == '\\' || (is_command && letter.is_ascii_alphabetic());
                letters += usize::from(!is_command && !"{}$^".contains(letter));
            }
            letters
        };
        let widest = |column: usize| {
            let cells = std::iter::once(&self.head).chain(&self.rows);
            cells.filter_map(|row| row.get(column)).map(plain).max()
        };
        let columns = 0..self.head.len();
        columns.map(|column| 2 + widest(column).unwrap_or(0)).sum()
    }
}

/// Text with every character that has a meaning in LaTeX escaped, and signs that the usual fonts
/// lack replaced by commands.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in format::clean(text).chars() {
        match letter {
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '<' => escaped.push_str("\\textless{}"),
            '>' => escaped.push_str("\\textgreater{}"),
            '|' => escaped.push_str("\\textbar{}"),
            '"' => escaped.push_str("\\textquotedbl{}"),
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => {
                escaped.push('\\');
                escaped.push(letter);
            }
            // A bracket after a line break would be taken for its length.
            '[' => escaped.push_str("{[}"),
            ']' => escaped.push_str("{]}"),
            '−' => escaped.push_str("$-$"),
            '–' => escaped.push_str("--"),
            '·' => escaped.push_str("$\\cdot$"),
            '≈' => escaped.push_str("$\\approx$"),
            '≤' => escaped.push_str("$\\leq$"),
            '≥' => escaped.push_str("$\\geq$"),
            '→' => escaped.push_str("$\\rightarrow$"),
            '±' => escaped.push_str("$\\pm$"),
            'µ' | 'μ' => escaped.push_str("$\\mu$"),
            '×' => escaped.push_str("$\\times$"),
            '\u{a0}' => escaped.push('~'),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::Rows;
    use crate::example;

    fn written(comparison: &Comparison) -> String {
        let mut bytes = Vec::new();
        write(&mut bytes, comparison, Some("tab:queues")).expect("a vector takes every byte");
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn a_table_has_the_lines_of_booktabs() {
        let comparison = Comparison::new(&example::batch(), Rows::Headline);
        let expected = r"% needs \usepackage{booktabs}
\begin{table*}
  \centering\footnotesize
  \caption{lcg-queue $\cdot$ 188,041 pods on 2,000 nodes $\cdot$ seed 42 $\cdot$ 3 variants}
  \label{tab:queues}
  \begin{tabular}{lrrr}
    \toprule
     & fcfs & sjf & f1 \\
    \midrule
    bounded slowdown, mean $\downarrow$ & 44.90 & 12.31 & \textbf{9.87} \\
    pending time, mean $\downarrow$ & 132 min & \textbf{20.8 min} & 23.5 min \\
    pending time, p99 $\downarrow$ & 24.2 h & \textbf{3.82 h} & 4.31 h \\
    \bottomrule
  \end{tabular}
\end{table*}
% An arrow shows the better direction, bold the best value.
";
        assert_eq!(written(&comparison), expected);
    }

    #[test]
    fn names_stay_text() {
        let mut summary = example::batch();
        summary.variants[0].name = r"a&b_{c}\input{x}%$#~^[d]".to_owned();
        let text = written(&Comparison::new(&summary, Rows::Headline));
        let name = r"a\&b\_\{c\}\textbackslash{}input\{x\}\%\$\#\textasciitilde{}\textasciicircum{}{[}d{]}";
        assert!(text.contains(name), "{text}");
    }
}

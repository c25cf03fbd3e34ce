//! Summary in the formats that other programs read: JSON, CSV and Markdown.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::comparison::{Cell, Column, Comparison};

/// Writes the comparison as JSON, indented.
pub(super) fn write_json(out: &mut dyn Write, comparison: &Comparison) -> io::Result<()> {
    let cell = |(cell, column): (&Cell, &Column)| {
        let mut value = json!({"variant": column.name, "value": cell.value, "best": cell.best});
        if let Some(note) = &cell.note {
            value["note"] = json!(note);
        }
        value
    };
    let metrics = comparison.rows.iter().map(|row| {
        json!({
            "metric": row.id,
            "label": row.label,
            "unit": row.unit,
            "better": row.better.name(),
            "values": row.cells.iter().zip(&comparison.columns).map(cell).collect::<Value>(),
        })
    });
    let mut document = json!({"name": comparison.name});
    // Reason why nothing is compared, if the variants are of different scenarios.
    if let Some(reason) = &comparison.apart {
        document["notCompared"] = json!(reason);
    }
    if !comparison.notices.is_empty() {
        document["notices"] = json!(comparison.notices);
    }
    document["metrics"] = metrics.collect();
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

/// Writes the comparison as CSV, one line per metric and variant: the long form that data frames
/// take. An undefined value is an empty field.
pub(super) fn write_csv(out: &mut dyn Write, comparison: &Comparison) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(["metric", "unit", "better", "variant", "value", "best"])?;
    for row in &comparison.rows {
        for (cell, column) in row.cells.iter().zip(&comparison.columns) {
            let value = cell
                .value
                .map(|value| value.to_string())
                .unwrap_or_default();
            let best = if cell.best { "true" } else { "false" };
            let better = row.better.name();
            writer.write_record([&row.id, &row.unit, better, &column.name, &value, best])?;
        }
    }
    writer.flush()
}

/// Writes the comparison as a Markdown table, for pull requests.
pub(super) fn write_markdown(out: &mut dyn Write, comparison: &Comparison) -> io::Result<()> {
    write!(out, "**{}**", markdown(&comparison.name))?;
    for fact in &comparison.facts {
        write!(out, " · {fact}")?;
    }
    writeln!(out)?;
    if let Some(reason) = &comparison.apart {
        let reason = markdown(reason);
        writeln!(
            out,
            "\n> **NOT COMPARED**: {reason}; no best, no differences."
        )?;
    }
    for notice in &comparison.notices {
        writeln!(out, "\n> {}", markdown(notice))?;
    }
    write!(out, "\n|  |")?;
    for column in &comparison.columns {
        write!(out, " {} |", markdown(&column.name))?;
    }
    write!(out, "\n| --- |")?;
    for _ in &comparison.columns {
        write!(out, " ---: |")?;
    }
    writeln!(out)?;
    for row in &comparison.rows {
        write!(out, "| {} |", markdown(&row.label))?;
        for cell in &row.cells {
            if cell.best {
                write!(out, " **{}** ◀ |", cell.text)?;
            } else {
                write!(out, " {} |", cell.text)?;
            }
        }
        writeln!(out)?;
    }
    write!(out, "| digest |")?;
    for column in &comparison.columns {
        write!(out, " `{}` |", column.digest)?;
    }
    writeln!(out)
}

/// Escapes the characters that have a meaning in a Markdown table or in HTML.
fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '|' | '*' | '_' | '`' | '[' | ']' | '#' | '!' | '~' | '@' => {
                escaped.push('\\');
                escaped.push(letter);
            }
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
    use snapbox::{assert_data_eq, str};

    fn text(
        write: fn(&mut dyn Write, &Comparison) -> io::Result<()>,
        comparison: &Comparison,
    ) -> String {
        let mut bytes = Vec::new();
        write(&mut bytes, comparison).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn markdown_table() {
        let comparison = Comparison::new(&example::batch(), Rows::Headline);
        assert_data_eq!(
            text(write_markdown, &comparison),
            str![[r"
**lcg-queue** · 188,041 pods on 2,000 nodes · seed 42 · 3 variants

|  | fcfs | sjf | f1 |
| --- | ---: | ---: | ---: |
| bounded slowdown, mean | 44.90 | 12.31 | **9.87** ◀ |
| pending time, mean | 132 min | **20.8 min** ◀ | 23.5 min |
| pending time, p99 | 24.2 h | **3.82 h** ◀ | 4.31 h |
| digest | `aa01` | `aa02` | `ab03` |

"]]
        );
    }

    #[test]
    fn csv_table() {
        let comparison = Comparison::new(&example::batch(), Rows::Headline);
        assert_data_eq!(
            text(write_csv, &comparison),
            str![[r"
metric,unit,better,variant,value,best
bounded_slowdown.mean,factor,lower,fcfs,44.9025,false
bounded_slowdown.mean,factor,lower,sjf,12.31,false
bounded_slowdown.mean,factor,lower,f1,9.87,true
pending_time.mean,seconds,lower,fcfs,7920,false
pending_time.mean,seconds,lower,sjf,1250,true
pending_time.mean,seconds,lower,f1,1410,false
pending_time.p99,seconds,lower,fcfs,87120,false
pending_time.p99,seconds,lower,sjf,13750,true
pending_time.p99,seconds,lower,f1,15510,false

"]]
        );
    }

    #[test]
    fn json_document() {
        let mut summary = example::fill_up();
        summary.variants.truncate(2);
        for variant in &mut summary.variants {
            variant
                .metrics
                .retain(|id, _| id == "makespan" || id == "allocation.gpu.end");
        }
        let comparison = Comparison::new(&summary, Rows::All);
        assert_data_eq!(
            text(write_json, &comparison),
            str![[r#"
{
  "name": "gpu-packing",
  "metrics": [
    {
      "metric": "allocation.gpu.end",
      "label": "GPU allocation, end",
      "unit": "ratio",
      "better": "higher",
      "values": [
        {
          "variant": "random",
          "value": 0.812,
          "best": false
        },
        {
          "variant": "dot-product",
          "value": 0.871,
          "best": true
        }
      ]
    },
    {
      "metric": "makespan",
      "label": "makespan",
      "unit": "steps",
      "better": "lower",
      "values": [
        {
          "variant": "random",
          "value": null,
          "best": false,
          "note": "no pod finished"
        },
        {
          "variant": "dot-product",
          "value": null,
          "best": false,
          "note": "no pod finished"
        }
      ]
    }
  ]
}

"#]]
        );
    }

    #[test]
    fn names_stay_text_in_markdown() {
        let mut summary = example::batch();
        summary.variants[0].name = "a|b <img src=x onerror=alert(1)> **c**\n|".to_owned();
        let comparison = Comparison::new(&summary, Rows::Headline);
        let text = text(write_markdown, &comparison);
        assert!(
            text.contains(r"| a\|b &lt;img src=x onerror=alert(1)&gt; \*\*c\*\*�\| |"),
            "{text}"
        );
    }
}

//! HTML report: one file that needs no network, with the verdict, the table, the plots, the meaning
//! of every figure and how to reproduce it.
//!
//! The text around the figures is in the template, `report.html.jinja`. The template engine escapes
//! everything that comes from a result; the plots, which escape their own text, are inserted
//! unchanged. The summary is embedded as JSON for programs that find only the report, and so is the
//! data of the search and the zoom; JSON in the page contains none of `<`, `>` and `&`. The page's
//! policy allows a single script, `html/closer.js`, by its hash.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;
use thiserror::Error;

use crate::plot::{NotDrawn, Plot};
use crate::runs::Gathered;

mod closer;
mod costs;
mod faults;
mod page;
mod paired;
mod queues;
mod remarks;
mod services;
mod tables;
#[cfg(test)]
mod tests;
mod workloads;

const TEMPLATE: &str = include_str!("report.html.jinja");

/// Error in rendering the report: a defect of the program or of the template.
#[derive(Debug, Error)]
#[error("the report could not be rendered: {reason}")]
pub struct RenderError {
    /// Message of the template engine, with the line.
    pub reason: String,
}

/// Renders the report on runs with these plots, and the reasons for missing plots.
pub fn render(
    gathered: &Gathered,
    plots: &[Plot],
    missing: &[NotDrawn],
) -> Result<String, RenderError> {
    let shown = page::Shown::new(gathered, plots, missing);
    let page = shown.page()?;
    let failed = |error: minijinja::Error| RenderError {
        reason: format!("{error:#}"),
    };
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()
            .map_err(failed)?,
    );
    let template = environment
        .template_from_named_str("report.html", TEMPLATE)
        .map_err(failed)?;
    let mut html = template.render(Serde(&page)).map_err(failed)?;
    html.push('\n');
    Ok(html)
}

/// JSON that is safe inside a script element: nothing in it can end the element.
fn embedded_json(value: &impl Serialize) -> Result<String, RenderError> {
    let json = serde_json::to_string(value).map_err(|error| RenderError {
        reason: error.to_string(),
    })?;
    // Outside strings, JSON has none of these characters.
    Ok(json
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029"))
}

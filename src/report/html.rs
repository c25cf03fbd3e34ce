//! The report: one HTML file that needs no network, with the verdict, the table, the plots, what
//! every figure means and how to get it again.
//!
//! The text around the figures is in the template, `report.html.jinja`. Whatever comes from a
//! result is escaped by the template engine; the plots, which escape their own text, are put in
//! as they are. The summary itself is embedded as JSON for programs that find only the report, and
//! so is what the search and the zoom work on; JSON in the page holds none of `<`, `>` and `&`.
//! The page's policy lets one script run, `html/closer.js`, named by its hash.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;
use thiserror::Error;

use crate::plot::{NotDrawn, Plot};
use crate::runs::Gathered;

mod alarms;
mod autoscalers;
mod closer;
mod costs;
mod faults;
mod fights;
mod page;
mod paired;
mod remarks;
mod services;
#[cfg(test)]
mod tests;
mod traffic;
mod workloads;

const TEMPLATE: &str = include_str!("report.html.jinja");

/// The report could not be rendered: a defect of the program or of the template.
#[derive(Debug, Error)]
#[error("the report could not be rendered: {reason}")]
pub struct RenderError {
    /// What the template engine said, with the line.
    pub reason: String,
}

/// Renders the report on runs with these plots; of the plots that are missing it says why.
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

/// JSON that can stand inside a script element: nothing in it can end the element.
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

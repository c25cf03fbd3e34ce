//! Page of an inspected trace: its figures and plots, without a network.

use std::fmt::Write;

use trace::inspect::Inspection;

use crate::plot::{Plot, series_variables};

const STYLE: &str = include_str!("page.css");

/// The page of an inspection with its plots.
pub fn page(inspection: &Inspection, plots: &[Plot]) -> String {
    let mut page = String::new();
    let name = escaped(&inspection.file);
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>{name}</title><style>{}{STYLE}</style></head><body><main>\n<h1>{name}</h1>\n\
         <pre>{}</pre>\n",
        series_variables(),
        escaped(&super::inspection(inspection))
    );
    for plot in plots {
        let _ = writeln!(
            page,
            "<figure>{}<figcaption>{}</figcaption></figure>",
            plot.svg, plot.caption
        );
    }
    page.push_str("</main></body></html>\n");
    page
}

/// Text that stands for itself in HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

//! Page of a trace: its figures and plots, without a network.

use std::fmt::Write;

use crate::format::html as escaped;
use crate::plot::{Plot, series_variables};

const STYLE: &str = include_str!("page.css");

/// The page of a trace by its name: figures as text, and plots.
pub fn page(name: &str, figures: &str, plots: &[Plot]) -> String {
    let mut page = String::new();
    let name = escaped(name);
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>{name}</title><style>{}{STYLE}</style></head><body><main>\n<h1>{name}</h1>\n\
         <pre>{}</pre>\n",
        series_variables(),
        escaped(figures)
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

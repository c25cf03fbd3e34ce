//! A scene as SVG: text stays text, colors follow the reader's choice of light or dark, and a
//! title and a description tell screen readers what is drawn. It stands alone as a file as well as
//! inside the report.

use std::fmt::Write as _;

use base64::prelude::{BASE64_STANDARD, Engine};

use super::colors::{self, hex};
use super::scene::{Anchor, Area, Mark, Paint, Scene, Style, Text};
use super::{Drawn, png};

/// The SVG document of a plot with this name and title, without an XML declaration, so that HTML can hold
/// it.
pub(super) fn write(name: &str, title: &str, drawn: &Drawn) -> String {
    let scene = &drawn.scene;
    let mut svg = head(name, title, scene, &drawn.description);
    for mark in &scene.marks {
        match mark {
            Mark::Line {
                points,
                paint,
                width,
            } => line(&mut svg, scene.style, points, *paint, *width),
            Mark::Fill { area, paint } => {
                let _ = write!(svg, "<rect{}{}/>", frame(*area), fill(*paint, scene.style));
            }
            Mark::Text(mark) => text(&mut svg, mark, scene.style),
            Mark::Raster { area, rows } => {
                let _ = write!(
                    svg,
                    "<image{} preserveAspectRatio=\"none\" style=\"image-rendering:pixelated\" \
                     href=\"data:image/png;base64,{}\"/>",
                    frame(*area),
                    BASE64_STANDARD.encode(png::raster(rows))
                );
            }
        }
        svg.push('\n');
    }
    svg.push_str("</svg>");
    svg
}

fn head(name: &str, title: &str, scene: &Scene, description: &str) -> String {
    let (width, height) = (number(scene.width()), number(scene.height));
    let inches = |pixels: f64| number(pixels / 96.0);
    let size = match scene.style {
        Style::Screen => format!("width=\"{width}\" height=\"{height}\""),
        Style::Paper => format!(
            "width=\"{}in\" height=\"{}in\"",
            inches(scene.width()),
            inches(scene.height)
        ),
    };
    let mut head = format!(
        "<svg class=\"windtunnel-plot\" {size} viewBox=\"0 0 {width} {height}\" \
         xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" \
         aria-labelledby=\"plot-{name}-title plot-{name}-description\" \
         font-family=\"Helvetica, Arial, 'Liberation Sans', sans-serif\" stroke-linejoin=\"round\">\n\
         <title id=\"plot-{name}-title\">{}</title>\n\
         <desc id=\"plot-{name}-description\">{}</desc>\n",
        escaped(title),
        escaped(description),
    );
    if scene.style == Style::Screen {
        head.push_str(&style_sheet());
    }
    let paper = hex(colors::PAPER[0]);
    let _ = writeln!(
        head,
        "<rect width=\"{width}\" height=\"{height}\" fill=\"{paper}\" class=\"fill-paper\"/>"
    );
    head
}

fn style_sheet() -> String {
    let mut sheet = "<style>\n@media screen and (prefers-color-scheme: dark) {\n".to_owned();
    let mut rule = |class: &str, color: &str| {
        let _ = writeln!(
            sheet,
            ".windtunnel-plot .stroke-{class} {{ stroke: {color} }} \
             .windtunnel-plot .fill-{class} {{ fill: {color} }}"
        );
    };
    rule("paper", &hex(colors::PAPER[1]));
    let series = (0..colors::SERIES.len()).map(Paint::Series);
    for paint in [Paint::Ink, Paint::Quiet, Paint::Grid]
        .into_iter()
        .chain(series)
    {
        rule(
            &colors::class(paint),
            &hex(colors::rgb(paint, Style::Screen)[1]),
        );
    }
    sheet.push_str("}\n</style>\n");
    sheet
}

fn paint(attribute: &str, paint: Paint, style: Style) -> String {
    let color = hex(colors::rgb(paint, style)[0]);
    let class = colors::class(paint);
    format!(" {attribute}=\"{color}\" class=\"{attribute}-{class}\"")
}

fn fill(of: Paint, style: Style) -> String {
    paint("fill", of, style)
}

fn line(svg: &mut String, style: Style, points: &[(f64, f64)], of: Paint, width: f64) {
    svg.push_str("<polyline points=\"");
    for (index, (x, y)) in points.iter().enumerate() {
        let blank = if index > 0 { " " } else { "" };
        let _ = write!(svg, "{blank}{},{}", number(*x), number(*y));
    }
    let _ = write!(
        svg,
        "\" fill=\"none\"{} stroke-width=\"{}\"",
        paint("stroke", of, style),
        number(width)
    );
    let dashes: Vec<String> = (colors::dashes(of).iter())
        .map(|length| number(length * width))
        .collect();
    if !dashes.is_empty() {
        let _ = write!(svg, " stroke-dasharray=\"{}\"", dashes.join(" "));
    }
    svg.push_str("/>");
}

fn text(svg: &mut String, mark: &Text, style: Style) {
    let anchor = match mark.anchor {
        Anchor::Start => "",
        Anchor::Middle => " text-anchor=\"middle\"",
        Anchor::End => " text-anchor=\"end\"",
    };
    let weight = if mark.is_bold {
        " font-weight=\"bold\""
    } else {
        ""
    };
    let (x, y) = (number(mark.x), number(mark.y));
    let _ = write!(
        svg,
        "<text x=\"{x}\" y=\"{y}\" dy=\"{}\" font-size=\"{}\"{anchor}{weight}{}>{}</text>",
        number(mark.size * 0.35),
        number(mark.size),
        fill(mark.paint, style),
        escaped(&mark.content)
    );
}

fn frame(area: Area) -> String {
    format!(
        " x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
        number(area.x),
        number(area.y),
        number(area.width),
        number(area.height)
    )
}

/// At most two decimals: a hundredth of a pixel is not seen.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    match text {
        "-0" => "0".to_owned(),
        text => text.to_owned(),
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let check = |value: f64, expected: &str| assert_eq!(number(value), expected);
        check(1.0, "1");
        check(10.0, "10");
        check(0.126, "0.13");
        check(-0.001, "0");
    }
}

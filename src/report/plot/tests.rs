//! Plots of made-up runs: which are drawn, that they are the same every time, that names are text.

use super::*;
use crate::example;

fn material<'a>(summary: &'a Summary, data: &'a ReportData, order: &'a [String]) -> Material<'a> {
    Material {
        summary,
        data,
        figures: None,
        order,
        metrics: &[],
        colors: &[],
    }
}

fn order(summary: &Summary) -> Vec<String> {
    let variants = summary.variants.iter();
    variants.map(|variant| variant.name.clone()).collect()
}

fn drawn(summary: &Summary, data: &ReportData) -> Vec<Plot> {
    draw_all(&material(summary, data, &order(summary)), Style::Screen).0
}

fn names(summary: &Summary, data: &ReportData) -> Vec<&'static str> {
    drawn(summary, data).iter().map(|plot| plot.name).collect()
}

/// A chosen color stands in the place of the series', on screen and paper, and its dashes stay.
#[test]
fn a_candidate_has_the_color_that_is_chosen() {
    let summary = example::batch();
    let (data, order) = (example::data(&summary), order(&summary));
    let colors = [(order[1].clone(), [0x12, 0x34, 0x56])];
    for style in [Style::Screen, Style::Paper] {
        for name in ["waiting", "pending-time"] {
            let entry = find(name).expect("a plot");
            let mut material = material(&summary, &data, &order);
            let usual = entry.draw(&material, style).expect("a plot").svg;
            material.colors = &colors;
            let own = entry.draw(&material, style).expect("a plot").svg;
            assert!(
                !usual.contains("#123456") && own.contains("#123456"),
                "{name}"
            );
            let dashes = |svg: &str| svg.matches("stroke-dasharray").count();
            assert_eq!(dashes(&usual), dashes(&own), "{name}");
        }
    }
}

#[test]
fn each_run_gets_the_plots_it_has_data_for() {
    let none = ReportData::default();
    assert_eq!(names(&example::fill_up(), &none), ["gpu-over-demand"]);
    assert_eq!(names(&example::batch(), &none), ["waiting"]);
    let summary = example::batch();
    let data = example::data(&summary);
    let all = [
        "allocation",
        "pods-over-time",
        "waiting",
        "pending-time",
        "node-heat",
        "timeline",
        "failures",
    ];
    assert_eq!(names(&summary, &data), all);
    let mut empty = example::batch();
    empty.variants.clear();
    assert!(names(&empty, &none).is_empty());
}

#[test]
fn what_is_not_drawn_has_a_reason() {
    let summary = example::fill_up();
    let data = ReportData::default();
    let order = order(&summary);
    let material = material(&summary, &data, &order);
    let (_, missing) = draw_all(&material, Style::Screen);
    assert_eq!(missing.len() + 1, REGISTRY.len());
    assert!(missing.iter().all(|plot| !plot.reason.is_empty()));
}

#[test]
fn the_same_data_gives_the_same_bytes_in_every_form() {
    for style in [Style::Screen, Style::Paper] {
        let all = || {
            let summary = example::batch();
            let data = example::data(&summary);
            let order = order(&summary);
            let material = material(&summary, &data, &order);
            let (plots, _) = draw_all(&material, style);
            let forms = plots.iter().map(|plot| {
                let png = plot.png().unwrap();
                (plot.svg.clone(), png, plot.csv())
            });
            forms.collect::<Vec<_>>()
        };
        assert_eq!(all(), all());
    }
}

#[test]
fn a_png_has_the_size_that_its_style_says() {
    let summary = example::batch();
    let data = example::data(&summary);
    let order = order(&summary);
    let material = material(&summary, &data, &order);
    for (style, width) in [(Style::Screen, 1_880_u32), (Style::Paper, 1_980)] {
        let plot = find("waiting").unwrap().draw(&material, style).unwrap();
        let png = plot.png().unwrap();
        assert_eq!(png[..8], *b"\x89PNG\r\n\x1a\n");
        assert_eq!(png[16..20], width.to_be_bytes());
        assert!(png.ends_with(b"IEND\xae\x42\x60\x82"));
    }
}

#[test]
fn a_paper_has_no_color_and_is_a_column_wide() {
    let summary = example::batch();
    let data = example::data(&summary);
    let order = order(&summary);
    let material = material(&summary, &data, &order);
    let plot = find("allocation").unwrap().draw(&material, Style::Paper);
    let svg = plot.unwrap().svg;
    assert!(svg.contains("width=\"3.3in\""));
    for color in svg.split('#').skip(1).map(|rest| &rest[..6]) {
        let channels: Vec<u8> = (0..3)
            .map(|at| u8::from_str_radix(&color[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        let spread = channels.iter().max().unwrap() - channels.iter().min().unwrap();
        assert!(spread < 20, "{color}");
    }
}

#[test]
fn names_are_text() {
    let mut summary = example::batch();
    summary.variants[0].name = "<script>alert(\"1\")</script>".to_owned();
    let data = example::data(&summary);
    for plot in drawn(&summary, &data) {
        assert!(!plot.svg.contains("<script"), "{}", plot.name);
    }
    let svg = drawn(&summary, &data).remove(0).svg;
    assert!(svg.contains("&lt;script&gt;"));
}

#[test]
fn odd_series_are_drawn_as_far_as_they_go() {
    let mut summary = example::fill_up();
    let none = ReportData::default();
    let arrived = |summary: &mut Summary, index: usize| {
        summary.variants[index].arrived.clone().unwrap_or_default()
    };
    let mut gaps = arrived(&mut summary, 0);
    for at in 20..40 {
        gaps.allocation_percent[at] = None;
    }
    gaps.fragmentation_percent.clear();
    summary.variants[0].arrived = Some(gaps);
    let mut nothing = arrived(&mut summary, 1);
    nothing.allocation_percent.fill(None);
    nothing.fragmentation_percent.fill(Some(f64::NAN));
    summary.variants[1].arrived = Some(nothing);
    summary.variants[2].arrived = None;
    assert_eq!(names(&summary, &none), ["gpu-over-demand"]);
    for variant in &mut summary.variants {
        variant.arrived = Some(lab::summary::ArrivedSummary::default());
    }
    assert!(names(&summary, &none).is_empty());
}

#[test]
fn the_data_behind_a_plot_has_a_row_for_every_point() {
    let summary = example::batch();
    let data = example::data(&summary);
    for plot in drawn(&summary, &data) {
        let csv = plot.csv();
        let mut lines = csv.lines();
        let columns = lines.next().unwrap().split(',').count();
        assert!(columns >= 4, "{}", plot.name);
        assert!(lines.clone().count() >= 3, "{}", plot.name);
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        assert!(reader.records().all(|row| row.unwrap().len() == columns));
    }
}

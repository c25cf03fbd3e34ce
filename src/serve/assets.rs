//! Files of the page, within the program.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

/// File of the page.
struct Asset {
    path: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

macro_rules! asset {
    ($path:literal, $kind:expr) => {
        Asset {
            path: concat!("/", $path),
            kind: $kind,
            bytes: include_bytes!(concat!("page/", $path)),
        }
    };
}

const PAGE: Asset = asset!("index.html", "text/html; charset=utf-8");

const ASSETS: &[Asset] = &[
    asset!("style.css", STYLE),
    asset!("icon.svg", "image/svg+xml"),
    asset!("app.js", SCRIPT),
    asset!("api.js", SCRIPT),
    asset!("format.js", SCRIPT),
    asset!("runs.js", SCRIPT),
    asset!("cluster.js", SCRIPT),
    asset!("heat.js", SCRIPT),
    asset!("course.js", SCRIPT),
    asset!("panels.js", SCRIPT),
    asset!("explain.js", SCRIPT),
    asset!("sides.js", SCRIPT),
    asset!("experiment.js", SCRIPT),
    asset!("schema.js", SCRIPT),
    asset!("vendor/preact.js", SCRIPT),
    asset!("vendor/uplot.js", SCRIPT),
    asset!("vendor/codemirror.js", SCRIPT),
];

/// Licences of the libraries, which the page links to and does not load.
const LICENSES: Asset = asset!("vendor/licenses.txt", "text/plain; charset=utf-8");

/// The page.
pub(crate) fn page() -> Response {
    answer(&PAGE)
}

/// A file of the page by its path.
pub(crate) fn find(path: &str) -> Option<Response> {
    ASSETS
        .iter()
        .chain([&LICENSES])
        .find(|own| own.path == path)
        .map(answer)
}

fn answer(asset: &'static Asset) -> Response {
    let headers = [(CONTENT_TYPE, asset.kind), (CACHE_CONTROL, "no-cache")];
    (headers, asset.bytes).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_page_is_light() {
        let files = ASSETS.iter().chain([&PAGE]);
        let bytes: usize = files.map(|own| own.bytes.len()).sum();
        assert!(bytes <= 500_000, "the page has {bytes} bytes");
    }
}

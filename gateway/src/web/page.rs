//! The status page: files that are part of the program, so that nothing is fetched from elsewhere.

use axum::http::header;
use axum::response::{IntoResponse, Response};

const PAGE: &str = include_str!("page/index.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// The file of a path that is routed here.
pub(super) fn file(path: &str) -> Response {
    let (content_type, text) = match path {
        "/page.css" => ("text/css; charset=utf-8", STYLE),
        "/page.js" => ("text/javascript; charset=utf-8", SCRIPT),
        _ => ("text/html; charset=utf-8", PAGE),
    };
    ([(header::CONTENT_TYPE, content_type)], text).into_response()
}

//! Renders templates and builds the responses of pages.

use std::borrow::Cow;
use std::sync::LazyLock;

use http::{StatusCode, header};
use jiff::Timestamp;
use minijinja::{Environment, Value, context, escape_formatter};

use crate::api::time;
use crate::sandbox::http::{HttpResponse, internal_error, response};
use crate::util::escape::escaped;

/// The compiled templates. Values in them are HTML-escaped, and control characters escaped.
static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.set_formatter(|out, state, value| match value.as_str().map(escaped) {
        Some(Cow::Owned(text)) if !value.is_safe() => {
            escape_formatter(out, state, &Value::from(text))
        }
        _ => escape_formatter(out, state, value),
    });
    for (name, source) in [
        ("base.html", include_str!("templates/base.html")),
        ("documents.html", include_str!("templates/documents.html")),
        ("flow.html", include_str!("templates/flow.html")),
        ("list.html", include_str!("templates/list.html")),
        ("not_found.html", include_str!("templates/not_found.html")),
        ("sign.html", include_str!("templates/sign.html")),
    ] {
        templates
            .add_template(name, source)
            .expect("the templates are part of the program, and tests render them");
    }
    templates
});

/// Renders a template without the frame of a page.
pub(super) fn fragment(name: &str, values: Value) -> Result<String, minijinja::Error> {
    TEMPLATES.get_template(name)?.render(values)
}

/// Renders a whole page. With `home`, it has a link to the list of flows.
pub(super) fn page(
    title: &str,
    home: bool,
    name: &str,
    values: Value,
    now: Timestamp,
) -> HttpResponse {
    let html = fragment(name, values).and_then(|body| {
        let style = include_str!("templates/style.css");
        let values = context! { title, home, style, body, now => time::text(now) };
        fragment("base.html", values)
    });
    match html {
        Ok(html) => response(StatusCode::OK, "text/html; charset=utf-8", html),
        Err(error) => internal_error(error),
    }
}

/// Builds the page for an unknown address or an expired link.
pub(in crate::sandbox) fn not_found(now: Timestamp) -> HttpResponse {
    let title = "链接不存在或已失效";
    let mut page = page(title, true, "not_found.html", context! {}, now);
    *page.status_mut() = StatusCode::NOT_FOUND;
    page
}

/// Builds a redirect that the browser follows with GET.
pub(super) fn see_other(location: &str) -> HttpResponse {
    let mut redirect = response(StatusCode::SEE_OTHER, "text/plain", "");
    if let Ok(location) = header::HeaderValue::from_str(location) {
        redirect.headers_mut().insert(header::LOCATION, location);
    }
    redirect
}

/// Adds headers that allow only the sandbox's own images and styles, forbid framing and prevent
/// caching.
pub(in crate::sandbox) fn with_security_headers(mut page: HttpResponse) -> HttpResponse {
    let policy = "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; form-action 'self'; \
                  frame-ancestors 'none'; base-uri 'none'";
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // With `no-referrer` browsers omit the origin of forms, which the server checks.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        let value = header::HeaderValue::from_static(value);
        page.headers_mut().insert(name, value);
    }
    page
}

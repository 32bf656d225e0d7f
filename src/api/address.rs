//! Which addresses may be used: HTTPS, or plain HTTP to this machine.

/// Whether what is sent to the URL cannot be read on the way.
pub fn is_safe(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else {
        return false;
    };
    let host = uri.host().unwrap_or_default();
    let ip = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    let loopback = host == "localhost" || ip.is_ok_and(|address| address.is_loopback());
    match uri.scheme_str() {
        Some("https") => !host.is_empty(),
        Some("http") => loopback,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_safe;

    #[test]
    fn credentials_go_over_https_or_stay_on_this_machine() {
        for (url, expected) in [
            ("https://o.tsign.cn/opentreaty-service", true),
            ("http://127.0.0.1:7878", true),
            ("http://[::1]:7878", true),
            ("http://localhost:7878/x", true),
            ("http://o.tsign.cn", false),
            ("http://127.0.0.1.example.com", false),
            ("ftp://127.0.0.1", false),
            ("o.tsign.cn", false),
        ] {
            assert_eq!(is_safe(url), expected, "{url}");
        }
    }
}

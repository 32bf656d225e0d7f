//! Rules for URLs: HTTPS, or plain HTTP to this machine.

/// Whether requests to the URL are encrypted or do not leave this machine.
pub fn is_safe(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else {
        return false;
    };
    match uri.scheme_str() {
        Some("https") => uri.host().is_some_and(|host| !host.is_empty()),
        Some("http") => is_local(&uri),
        _ => false,
    }
}

/// Whether the host of the URL is this machine.
pub fn is_loopback(url: &str) -> bool {
    url.parse().is_ok_and(|uri| is_local(&uri))
}

/// Whether the host of the URI is this machine.
pub(crate) fn is_local(uri: &http::Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let ip = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || ip.is_ok_and(|address| address.is_loopback())
}

/// Percent-encodes the bytes that are not allowed in a URL. The service may return URLs with
/// unencoded file names.
pub(crate) fn percent_encoded(url: &str) -> String {
    let byte = |byte: u8| match byte {
        b'!'..=b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    url.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::{is_safe, percent_encoded};

    #[test]
    fn encodes_only_bytes_that_are_not_allowed() {
        let url = "https://oss.example/a%20b/借 款.pdf?sign=x%2B/=&n=1";
        let sent = "https://oss.example/a%20b/%E5%80%9F%20%E6%AC%BE.pdf?sign=x%2B/=&n=1";
        assert_eq!(percent_encoded(url), sent);
        assert_eq!(percent_encoded(sent), sent);
    }

    #[test]
    fn accepts_https_and_http_to_this_machine() {
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

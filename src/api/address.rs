//! Which addresses may be used: HTTPS, or plain HTTP to this machine.

/// Whether what is sent to the URL cannot be read on the way.
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

/// Whether the URL is one of this machine.
pub fn is_loopback(url: &str) -> bool {
    url.parse().is_ok_and(|uri| is_local(&uri))
}

/// Whether what an address names is on this machine.
pub(crate) fn is_local(uri: &http::Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let ip = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || ip.is_ok_and(|address| address.is_loopback())
}

/// An address as it can be sent: the service may name files in it as they are called.
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
    fn what_an_address_may_not_hold_is_encoded_and_nothing_else() {
        let url = "https://oss.example/a%20b/借 款.pdf?sign=x%2B/=&n=1";
        let sent = "https://oss.example/a%20b/%E5%80%9F%20%E6%AC%BE.pdf?sign=x%2B/=&n=1";
        assert_eq!(percent_encoded(url), sent);
        assert_eq!(percent_encoded(sent), sent);
    }

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

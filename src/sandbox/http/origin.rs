//! Refuses requests of other sites: the sandbox accepts any credentials, so a page of another site
//! that is open in a browser of this machine could read and revoke everything.

use http::{Request, header, uri::Authority};

use super::response::header_text;

/// The message for a refused request.
pub(crate) const REFUSED: &str = "只能在本机访问 (accessible only from this machine: use 127.0.0.1 or localhost, not from a page of another site)";

/// Returns whether each `Host` header is a name or address of this machine. Another name can be a
/// DNS rebinding attack. The client in this process sends no `Host`.
pub(super) fn has_local_host<T>(request: &Request<T>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    hosts.all(|host| host.to_str().is_ok_and(is_local))
}

/// Returns whether a host, with or without a port, is a loopback name or address.
fn is_local(host: &str) -> bool {
    // A user name before the host is not allowed in the header.
    let authority = host.parse::<Authority>().ok();
    let Some(authority) = authority.filter(|_| !host.contains('@')) else {
        return false;
    };
    let name = authority.host();
    let address = name.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    match address.unwrap_or(name).parse::<std::net::IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => name.eq_ignore_ascii_case("localhost"),
    }
}

/// Returns whether a request was not sent by a page, or by a page of this server. Programs that are
/// no browsers send no `Origin`.
pub(super) fn has_same_origin<T>(request: &Request<T>) -> bool {
    let host = header_text(request.headers(), header::HOST.as_str()).unwrap_or_default();
    let mut origins = request.headers().get_all(header::ORIGIN).iter();
    origins.all(|origin| {
        let origin = origin.to_str().unwrap_or_default();
        let own = origin.strip_prefix("http://");
        own.is_some_and(|own| own.eq_ignore_ascii_case(host))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_own(request: &Request<()>) -> bool {
        has_local_host(request) && has_same_origin(request)
    }

    fn request(headers: &[(&str, &str)]) -> Request<()> {
        let request = Request::builder();
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        request.body(()).expect("a request")
    }

    #[test]
    fn accepts_names_and_addresses_of_this_machine_only() {
        assert!(is_own(&request(&[])));
        for host in [
            "127.0.0.1:7878",
            "127.0.0.2",
            "[::1]:7878",
            "localhost:1",
            "LOCALHOST",
        ] {
            assert!(is_own(&request(&[("host", host)])), "{host}");
        }
        for host in [
            "evil.example:7878",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "10.0.0.1:7878",
            "0.0.0.0:7878",
            "127.0.0.1@evil.example",
            "evil@127.0.0.1",
            "",
        ] {
            assert!(!is_own(&request(&[("host", host)])), "{host}");
        }
        let two = [("host", "localhost"), ("host", "evil.example")];
        assert!(!is_own(&request(&two)));
    }

    #[test]
    fn accepts_pages_of_the_same_origin_only() {
        let host = ("host", "127.0.0.1:7878");
        assert!(is_own(&request(&[
            host,
            ("origin", "http://127.0.0.1:7878")
        ])));
        for origin in ["https://evil.example", "http://127.0.0.1:8080", "null", ""] {
            assert!(!is_own(&request(&[host, ("origin", origin)])), "{origin}");
        }
    }
}

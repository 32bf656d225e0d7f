//! Checks links of the service before they are shown as links: a person may open them, and a mail
//! merge may send them.
//!
//! The grammar is narrower than that of URLs, so that every program reads the same host in it.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::escape::{escaped, is_unsafe};

/// Returns whether there is a link that may not be shown as one.
pub fn is_odd(link: &str) -> bool {
    !link.is_empty() && oddity(link).is_some()
}

/// Returns why a link may not be shown as a link; `None` for an `https` address, or an `http`
/// address of this machine, with a plain host.
pub fn oddity(link: &str) -> Option<&'static str> {
    let is_plain = |c: char| !(c.is_whitespace() || is_unsafe(c) || "\"'<>\\^`{|}".contains(c));
    if !link.chars().all(is_plain) {
        return Some("it contains characters that a link cannot have");
    }
    let Some((scheme, rest)) = link.split_once("://") else {
        return Some("it is not a web address");
    };
    let is_https = scheme.eq_ignore_ascii_case("https");
    if !is_https && !scheme.eq_ignore_ascii_case("http") {
        return Some("it is not a web address");
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Some("it has a user name before the host");
    }
    let (host, port) = match authority.split_once(']') {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, Some(port.strip_prefix(':').unwrap_or_default())),
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    if !port.is_none_or(is_port) {
        return Some("its port is not a number from 1 to 65535");
    }
    let is_local = match host.strip_prefix('[') {
        Some(address) => match address.parse::<Ipv6Addr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => return Some("its host is not a plain host name"),
        },
        None if authority.contains(']') || !is_host(host) => {
            return Some("its host is not a plain host name");
        }
        None => {
            let address = host.parse::<Ipv4Addr>();
            host.eq_ignore_ascii_case("localhost")
                || address.is_ok_and(|address| address.is_loopback())
        }
    };
    (!is_https && !is_local).then_some("it is not encrypted: it begins with http")
}

/// Returns a link as text: as it is, or escaped, behind the reason why it is not a link.
pub fn shown(link: &str) -> String {
    match oddity(link) {
        _ if link.is_empty() => String::new(),
        None => link.to_owned(),
        Some(why) => format!("not a safe link ({why}): {}", escaped(link)),
    }
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit())
        && !port.starts_with('0')
        && port.parse::<u16>().is_ok()
}

/// Whether a host is an ASCII name that cannot be read as another one, or an IPv4 address in its
/// usual form. Names in Punycode are shown by browsers as other letters.
fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=63).contains(&label.len())
            && label.bytes().all(is_inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
            && !label.to_ascii_lowercase().starts_with("xn--")
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_number = last.starts_with(|c: char| c.is_ascii_digit());
    host.len() <= 253
        && host.split('.').all(is_label)
        && (!is_number || host.parse::<Ipv4Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_links_of_the_service_and_of_the_sandbox() {
        for link in [
            "https://smlh5.tsign.cn/sign/t?a=b%20c&d=张#e",
            "HTTPS://O.tsign.cn:8443",
            "https://10.1.2.3/s/1",
            "https://sign_1.example/s",
            "https://a/b@c:d",
            "http://127.0.0.1:7878/sign/1",
            "http://[::1]:7878/s",
            "http://localhost/s",
        ] {
            assert_eq!(oddity(link), None, "{link}");
            assert_eq!(shown(link), link);
        }
        assert_eq!(shown(""), "");
    }

    #[test]
    fn refuses_odd_links() {
        for link in [
            "javascript:alert(1)",
            "data://text/html,x",
            "//o.tsign.cn/s",
            "http://o.tsign.cn/s",
            "http://127.0.0.1.evil.example/s",
            "https://o.tsign.cn@evil.example/s",
            "https://o.tsign.cn:443@evil.example/s",
            "https://o.tsign.cn:80:81/s",
            "https://o.tsign.cn:/s",
            "https://o.tsign.cn:0443/s",
            "https://o.tsign.cn:99999/s",
            "https://o.tsign.cn:٣/s",
            "https://evil.example\\@o.tsign.cn/s",
            "https:/o.tsign.cn/s",
            "https:///o.tsign.cn/s",
            // The first letter is Cyrillic.
            "https://о.tsign.cn/s",
            "https://xn--n1a.tsign.cn/s",
            "https://o.tsign.cn./s",
            "https://o%2etsign.cn/s",
            "https://ｏ.tsign.cn/s",
            "https://2130706433/s",
            "https://127.1/s",
            "https://0x7f.0.0.1/s",
            "https://127.0.0.0x1/s",
            "https://[::1/s",
            "https://::1]/s",
            "https://[::1]x/s",
            "https://[evil.example]/s",
            "https://o.tsign.cn/\u{1b}]8;;x\u{7}",
            "https://o.tsign.cn/a b",
            "https://o.tsign.cn/\"onclick=",
            "https://o.tsign.cn/\u{202e}",
            " https://o.tsign.cn/s",
        ] {
            assert!(oddity(link).is_some(), "{link}");
            let text = shown(link);
            assert!(text.starts_with("not a safe link (it"), "{text}");
            assert!(!text.contains(is_unsafe), "{text}");
        }
    }
}

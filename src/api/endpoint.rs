//! The endpoints that may receive credentials: the hosts of the service, this machine, and what the
//! operator allows outside the project.
//!
//! Addresses are parsed with the crate that the HTTP client uses, so that both see the same host.

use url::{Host, Position, Url};

use super::address::is_safe;

/// The hosts of the service, for production and for tests (the end of section 4.1).
pub const KNOWN_HOSTS: [&str; 2] = ["o.tsign.cn", "smlo.tsign.cn"];

/// The environment variable with the other endpoints that may receive credentials.
pub const ALLOW_ENDPOINT: &str = "TREATY_ALLOW_ENDPOINT";

/// The endpoints that the operator allows.
#[derive(Debug, Clone, Default)]
pub struct AllowedEndpoints {
    entries: Vec<Entry>,
    /// The first entry that is neither a host nor a URL.
    invalid: Option<String>,
}

/// An endpoint that may not receive credentials.
#[derive(Debug, PartialEq, Eq)]
pub struct RefusedEndpoint {
    /// Its host, with the port if it is not the default of the scheme.
    pub authority: String,
    /// The first entry of the operator that could not be read.
    pub invalid_entry: Option<String>,
}

/// The address of an entry. A host is an `https` address without a path.
#[derive(Debug, Clone)]
struct Entry(Url);

impl AllowedEndpoints {
    /// Parses hosts (`gateway.example`, `gateway.example:8443`) and prefixes of URLs
    /// (`https://gateway.example/treaty`), separated by commas. Entries that cannot be read allow
    /// nothing.
    pub fn parse(text: &str) -> Self {
        let mut all = Self::default();
        let entries = text.split(',').map(str::trim);
        for entry in entries.filter(|entry| !entry.is_empty()) {
            match Entry::parse(entry) {
                Some(known) => all.entries.push(known),
                None if all.invalid.is_none() => all.invalid = Some(entry.to_owned()),
                None => {}
            }
        }
        all
    }

    /// Checks whether requests to the URL may contain credentials.
    pub fn check(&self, url: &str) -> Result<(), RefusedEndpoint> {
        let parsed = Url::parse(url).ok();
        let is_allowed = |url: &Url| {
            !has_login(url)
                && (is_this_machine(url)
                    || is_known(url)
                    || self.entries.iter().any(|entry| entry.covers(url)))
        };
        match parsed {
            Some(url) if is_allowed(&url) => Ok(()),
            parsed => Err(RefusedEndpoint {
                authority: parsed.map_or_else(|| url.to_owned(), |url| authority(&url)),
                invalid_entry: self.invalid.clone(),
            }),
        }
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        if text.contains("://") {
            let url = Url::parse(text).ok().filter(|_| is_safe(text))?;
            let is_prefix = !has_login(&url) && url.query().is_none() && url.fragment().is_none();
            return is_prefix.then_some(Self(url));
        }
        let is_authority = !text.contains(['/', '\\', '@', '?', '#', '*', '%']);
        let url = Url::parse(&format!("https://{text}")).ok();
        url.filter(|_| is_authority).map(Self)
    }

    /// Whether a URL has the entry's scheme, host and port, and its path or a path below it.
    fn covers(&self, url: &Url) -> bool {
        let below = url.path().strip_prefix(self.0.path().trim_end_matches('/'));
        self.0.origin() == url.origin()
            && below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
    }
}

/// Returns the host of a URL, with the port if it is not the default of the scheme.
fn authority(url: &Url) -> String {
    url[Position::BeforeHost..Position::AfterPort].to_owned()
}

/// Whether a URL is an address of the service. Another port could be another program.
fn is_known(url: &Url) -> bool {
    url.scheme() == "https"
        && url.port().is_none()
        && url
            .host_str()
            .is_some_and(|host| KNOWN_HOSTS.contains(&host))
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn has_login(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// Returns whether a text is a URL with a user name or password.
pub fn contains_login(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| has_login(&url))
}

/// Returns scheme, host and port of a URL: `https://o.tsign.cn`.
pub fn origin(url: &str) -> Option<String> {
    Some(Url::parse(url).ok()?.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(allowed: &str, url: &str) -> Option<String> {
        let refused = AllowedEndpoints::parse(allowed).check(url).err()?;
        Some(refused.authority)
    }

    #[test]
    fn allows_the_service_and_this_machine() {
        for url in [
            "https://o.tsign.cn/opentreaty-service",
            "https://smlo.tsign.cn/opentreaty-service",
            "https://O.TSIGN.CN:443",
            "http://127.0.0.1:7878/opentreaty-service",
            "http://[::1]:7878",
            "http://localhost:7878",
            "https://localhost",
        ] {
            assert_eq!(refused("", url), None, "{url}");
        }
    }

    #[test]
    fn refuses_hosts_that_look_like_the_service() {
        for (url, authority) in [
            ("https://o.tsign.cn.evil.example", "o.tsign.cn.evil.example"),
            ("https://evil-o.tsign.cn", "evil-o.tsign.cn"),
            ("https://x.o.tsign.cn", "x.o.tsign.cn"),
            ("https://tsign.cn", "tsign.cn"),
            ("https://o.tsign.cn.", "o.tsign.cn."),
            ("https://o.tsign.cn:8443", "o.tsign.cn:8443"),
            ("http://o.tsign.cn", "o.tsign.cn"),
            ("https://o.tsign.cn@evil.example", "evil.example"),
            ("https://o.tsign.cn:x@evil.example", "evil.example"),
            ("https://u@o.tsign.cn", "o.tsign.cn"),
            ("https://evil.example/o.tsign.cn", "evil.example"),
            ("https://evil.example\\@o.tsign.cn", "evil.example"),
            ("https://evil.example?.o.tsign.cn", "evil.example"),
            // The first letter is Cyrillic.
            ("https://о.tsign.cn", "xn--n1a.tsign.cn"),
            ("https://127.0.0.1.evil.example", "127.0.0.1.evil.example"),
            ("https://localhost.evil.example", "localhost.evil.example"),
            ("https://10.0.0.1", "10.0.0.1"),
            ("https://0.0.0.0", "0.0.0.0"),
            (
                "https://o.tsign.cn%40evil.example",
                "https://o.tsign.cn%40evil.example",
            ),
        ] {
            assert_eq!(refused("", url).as_deref(), Some(authority), "{url}");
        }
    }

    #[test]
    fn allows_what_the_operator_names() {
        for (allowed, url, expected) in [
            ("gw.example", "https://gw.example/treaty", true),
            (" a.example , GW.example,", "https://gw.example", true),
            ("gw.example", "https://gw.example:8443", false),
            ("gw.example:8443", "https://gw.example:8443/x", true),
            ("gw.example", "https://gw.example.evil.example", false),
            ("gw.example", "https://x.gw.example", false),
            ("[2001:db8::1]:8443", "https://[2001:db8::1]:8443", true),
            (
                "https://gw.example/treaty",
                "https://gw.example/treaty",
                true,
            ),
            (
                "https://gw.example/treaty/",
                "https://gw.example/treaty/v1",
                true,
            ),
            (
                "https://gw.example/treaty",
                "https://gw.example/treaty-x",
                false,
            ),
            (
                "https://gw.example/treaty",
                "https://gw.example/treaty/../x",
                false,
            ),
            (
                "https://gw.example/treaty",
                "https://gw.example/treaty/%2e%2e/x",
                false,
            ),
            ("*", "https://gw.example", false),
            ("*.example", "https://gw.example", false),
            ("http://gw.example", "http://gw.example", false),
            ("https://u@gw.example", "https://gw.example", false),
            ("x@gw.example", "https://gw.example", false),
            ("gw.example", "https://u@gw.example", false),
            ("gw.example/treaty", "https://gw.example/treaty", false),
        ] {
            let is_allowed = refused(allowed, url).is_none();
            assert_eq!(is_allowed, expected, "{allowed}: {url}");
        }
        let invalid = AllowedEndpoints::parse("*.example").check("https://gw.example");
        let invalid = invalid.expect_err("refused").invalid_entry;
        assert_eq!(invalid.as_deref(), Some("*.example"));
    }
}

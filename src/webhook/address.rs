//! Where events are posted to. A password or a token may be anywhere in an address, so nothing but scheme, host and port is shown.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

/// Where events are posted to.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Url);

impl Address {
    /// Reads an address: `https://…`, or `http://…` where the host is this machine, or anywhere if `insecure`.
    ///
    /// # Errors
    /// What is wrong, and what would be right. Nothing of the text is quoted but its scheme and host.
    pub fn parse(text: &str, insecure: bool) -> Result<Self, (String, &'static str)> {
        const FORM: &str = "write `https://HOST/PATH`";
        let url = Url::parse(text).map_err(|error| (format!("not an address ({error})"), FORM))?;
        match url.scheme() {
            "https" => {}
            "http" if insecure || is_loopback(&url) => {}
            "http" => {
                let host = url.host_str().unwrap_or_default();
                let message = format!("`http://{host}` would send events unprotected over the network");
                return Err((
                    message,
                    "use `https://`, or set `insecure: true` if everybody on the way may read and change them",
                ));
            }
            other => return Err((format!("`{}` cannot be posted to", other.escape_debug()), FORM)),
        }
        Ok(Self(url))
    }

    /// The host, as it is called in logs and metrics.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    pub(super) const fn url(&self) -> &Url {
        &self.0
    }

    /// Whether it is on this machine: then no proxy is asked.
    pub(super) fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }
}

/// By name, `localhost` is this machine: [RFC 6761, 6.3](https://www.rfc-editor.org/rfc/rfc6761#section-6.3).
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    ip.map_or_else(|_| host == "localhost" || host.ends_with(".localhost"), |ip| ip.is_loopback())
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}", self.0.scheme(), self.host())?;
        self.0.port().map_or(Ok(()), |port| write!(formatter, ":{port}"))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_scheme_host_and_port_are_shown() {
        let address = Address::parse("https://me:s3cret@hooks.example.com:8443/T0/B0/s3cret?t=s3cret#s3cret", false);
        let address = address.expect("an address");
        assert_eq!(format!("{address} {address:?}"), "https://hooks.example.com:8443 https://hooks.example.com:8443");
    }

    #[test]
    fn without_tls_only_this_machine_is_reached() {
        for fine in
            ["http://127.0.0.1:8080/x", "http://127.9.9.9/", "http://[::1]:1/", "http://localhost/a", "https://a"]
        {
            assert!(Address::parse(fine, false).is_ok(), "{fine}");
        }
        for exposed in [
            "http://example.com/s3cret",
            "http://192.168.0.7/",
            "http://localhost.example.com",
            "http://127.0.0.1.nip.io",
        ] {
            let (message, help) = Address::parse(exposed, false).expect_err(exposed);
            assert!(
                message.contains("unprotected") && !message.contains("s3cret") && help.contains("insecure"),
                "{message}"
            );
            assert!(Address::parse(exposed, true).is_ok(), "{exposed}");
        }
        for nonsense in
            ["", "example.com/s3cret", "https://", "ftp://s3cret.example.com", "unix:/s3cret", "https://a b/s3cret"]
        {
            let (message, help) = Address::parse(nonsense, true).expect_err(nonsense);
            assert!(!message.contains("s3cret") && help.contains("https://"), "{nonsense}: {message}");
        }
    }
}

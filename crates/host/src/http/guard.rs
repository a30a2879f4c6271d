//! Keeps foreign pages out: who is asked for must be this machine, and a page that asks must have come from here.

use core::net::{Ipv4Addr, Ipv6Addr};

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::{Problem, ProblemKind};

/// Refuses foreign requests; answers under `/api` are never stored by caches.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    let of_interface = request.uri().path().starts_with("/api");
    let mut answer = match refusal(request.uri(), request.headers()) {
        Some(why) => Problem::new(ProblemKind::ForeignOrigin, why).into_response(),
        None => next.run(request).await,
    };
    if of_interface {
        answer
            .headers_mut()
            .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    answer
        .headers_mut()
        .insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

/// Why a request is refused, if it is. A name that is not `localhost` may be another site's that points here (DNS rebinding).
fn refusal(uri: &Uri, headers: &HeaderMap) -> Option<&'static str> {
    let from_header = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let Some(host) = from_header.or_else(|| uri.authority().map(|authority| authority.as_str())) else {
        return Some("there is no Host header; allowed are localhost and IP addresses");
    };
    if !is_here(host) {
        return Some("the Host header names another site; allowed are localhost and IP addresses");
    }
    let origin = headers.get(header::ORIGIN)?;
    let origin = origin.to_str().unwrap_or_default();
    let same = origin
        .strip_prefix("http://")
        .is_some_and(|origin| origin.eq_ignore_ascii_case(host));
    (!same).then_some("the Origin header names another site; allowed is the host of the Host header")
}

/// Whether `host`, with or without a port, is `localhost` or an IP address.
fn is_here(host: &str) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else {
            return false;
        };
        return address.parse::<Ipv6Addr>().is_ok() && (port.is_empty() || is_port(port.strip_prefix(':')));
    }
    let (name, port) = host
        .split_once(':')
        .map_or((host, None), |(name, port)| (name, Some(port)));
    let named = name.eq_ignore_ascii_case("localhost") || name.parse::<Ipv4Addr>().is_ok();
    named && (port.is_none() || is_port(port))
}

fn is_port(port: Option<&str>) -> bool {
    port.is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_and_its_own_pages_are_let_in() {
        let check = |host: &str, origin: Option<&str>, allowed: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().expect("a header"));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().expect("a header"));
            }
            assert_eq!(
                refusal(&Uri::from_static("/"), &headers).is_none(),
                allowed,
                "{host} {origin:?}"
            );
        };
        check("localhost", None, true);
        check("LOCALHOST:8080", None, true);
        check("127.0.0.1:8080", Some("http://127.0.0.1:8080"), true);
        check("192.168.1.7:8080", None, true);
        check("[::1]:8080", Some("http://[::1]:8080"), true);
        check("[::1]", None, true);
        check("evil.example", None, false);
        check("127.0.0.1.evil.example:8080", None, false);
        check("localhost:8080", Some("http://evil.example"), false);
        check("localhost:8080", Some("http://localhost:9090"), false);
        check("localhost:8080", Some("https://localhost:8080"), false);
        check("localhost:8080", Some("null"), false);
        check("localhost:port", None, false);
        check("localhost:99999", None, false);
        check("[::1", None, false);
        check("", None, false);
        assert!(refusal(&Uri::from_static("/"), &HeaderMap::new()).is_some());
    }
}

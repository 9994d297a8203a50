//! Size and time: a site cannot make a visit large or long.

use std::time::{Duration, Instant};

use axum::http::header;
use presdr_sites::{BlockReason, CrawlPolicy, SkipReason, Verdict, VisitRequest, Web, WebConfig, visit};
use tokio_util::sync::CancellationToken;

use crate::server::{Server, bytes, html, not_found, page, quick, silence, status, visit_with};

#[tokio::test]
async fn a_page_beyond_its_size_limit_is_read_up_to_it() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/" => html(&format!("{}{}", page("cranes", &[]), " ".repeat(5_000_000))),
        _ => not_found(),
    })
    .await;
    let visit = server.visit("acme.example").await;
    assert!(visit.pages[0].truncated);
    assert_eq!(visit.pages[0].bytes, CrawlPolicy::default().page_bytes_max);
    assert!(matches!(visit.verdict, Verdict::Rich { .. }));
}

#[tokio::test]
async fn a_bomb_of_compression_is_not_unpacked() {
    let bomb = gzip_of_zeros(64 * 1024 * 1024);
    assert!(bomb.len() < 512 * 1024);
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/" => {
            let mut response = bytes("text/html", bomb.clone());
            response.headers_mut().insert(header::CONTENT_ENCODING, "gzip".parse().unwrap());
            response
        }
        _ => not_found(),
    })
    .await;
    let visit = server.visit("acme.example").await;
    assert!(visit.pages[0].truncated);
    assert_eq!(visit.pages[0].bytes, CrawlPolicy::default().page_bytes_max);
}

#[tokio::test]
async fn what_is_no_page_is_not_received() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/" => html(&page("cranes", &[("/about", "About")])),
        "/about" => bytes("application/pdf", vec![b'%'; 1_000_000]),
        _ => not_found(),
    })
    .await;
    let visit = server.visit("acme.example").await;
    let about = visit.pages.iter().find(|page| page.url.path() == "/about").unwrap();
    assert_eq!((about.status, about.bytes, about.findings.is_some()), (200, 0, false));
}

#[tokio::test]
async fn a_site_that_stops_answering_is_left_after_two_timeouts() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/" => html(&page("cranes", &[("/contact", ""), ("/about", ""), ("/team", ""), ("/services", "")])),
        "/robots.txt" | "/sitemap.xml" => not_found(),
        _ => silence(),
    })
    .await;
    let config = WebConfig { request_timeout: Duration::from_millis(200), ..server.config() };
    let visit = visit_with(&Web::new(config).unwrap(), &quick(), VisitRequest::new("acme.example").unwrap()).await;
    assert_eq!(server.paths(), ["/robots.txt", "/", "/sitemap.xml", "/contact", "/about"]);
    assert_eq!(visit.verdict.measured().refusals, 2);
    assert_eq!(visit.skipped.iter().filter(|skipped| skipped.reason == SkipReason::Refusals).count(), 2);
    assert!(matches!(visit.verdict, Verdict::Rich { .. }), "the home page was read");
}

#[tokio::test]
async fn a_visit_ends_when_its_time_is_over() {
    let server = Server::with_pages(&[("/", &page("cranes", &[("/about", "About")])), ("/about", "")]).await;
    // The pause alone is longer than the visit may last, so nothing is waited for.
    let policy = CrawlPolicy {
        min_interval: Duration::from_secs(3600),
        visit_timeout: Duration::from_secs(600),
        ..CrawlPolicy::default()
    };
    let begun = Instant::now();
    let visit = visit_with(&server.web(), &policy, VisitRequest::new("acme.example").unwrap()).await;
    assert!(begun.elapsed() < Duration::from_secs(60));
    assert!(matches!(visit.verdict, Verdict::Blocked { reason: BlockReason::TimedOut, .. }));
    assert_eq!(server.paths(), ["/robots.txt"]);
}

#[tokio::test]
async fn a_visit_called_off_ends_at_once() {
    let server = Server::start(|_| silence()).await;
    let (web, cancel) = (server.web(), CancellationToken::new());
    let policy = quick();
    let visiting = visit(&web, &policy, VisitRequest::new("acme.example").unwrap(), &cancel);
    let calling_off = async {
        while server.asked().is_empty() {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    };
    let (visit, ()) = tokio::join!(visiting, calling_off);
    assert!(matches!(visit.verdict, Verdict::Blocked { reason: BlockReason::Cancelled, .. }));
}

#[tokio::test]
async fn a_refused_home_page_ends_the_visit_with_the_reason() {
    for refusal in [401, 403, 429, 503] {
        let server = Server::start(move |asked| match asked.path.as_str() {
            "/" => {
                let mut response = status(refusal);
                response.headers_mut().insert(header::RETRY_AFTER, "120".parse().unwrap());
                response
            }
            _ => not_found(),
        })
        .await;
        let visit = server.visit("acme.example").await;
        let expected = BlockReason::Status { status: refusal, retry_after_seconds: Some(120) };
        assert!(
            matches!(&visit.verdict, Verdict::Blocked { reason, .. } if *reason == expected),
            "{:?}",
            visit.verdict
        );
        assert_eq!(server.paths(), ["/robots.txt", "/"]);
    }
}

#[tokio::test]
async fn a_test_for_humans_is_not_mistaken_for_a_page() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/" => {
            let challenge =
                "<html><head><title>Just a moment...</title></head><body>Checking your browser</body></html>";
            let mut response = html(challenge);
            response.headers_mut().insert("cf-mitigated", "challenge".parse().unwrap());
            response
        }
        _ => not_found(),
    })
    .await;
    let visit = server.visit("acme.example").await;
    assert!(matches!(visit.verdict, Verdict::Blocked { reason: BlockReason::Challenge, .. }), "{:?}", visit.verdict);
    assert!(visit.pages[0].challenge && visit.pages[0].findings.is_none());
}

/// A gzip stream (RFC 1952) of zeros, written by hand: one zero, then "the same again" at the
/// greatest length there is.
fn gzip_of_zeros(length: usize) -> Vec<u8> {
    const MATCH: usize = 258;
    let mut bits = BitWriter::default();
    // One final block with fixed codes (RFC 1951, 3.2.6): 1, then 01 with its low bit first.
    bits.write(0b1, 1);
    bits.write(0b01, 2);
    // The literal 0 has the code 00110000, most significant bit first.
    bits.write_code(0b0011_0000, 8);
    for _ in 0..length / MATCH {
        // Length 258 is symbol 285, code 11000101; distance 1 is symbol 0, code 00000.
        bits.write_code(0b1100_0101, 8);
        bits.write_code(0, 5);
    }
    // End of block: symbol 256, code 0000000.
    bits.write_code(0, 7);
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    gzip.extend_from_slice(&bits.finish());
    // Checksum and length are never reached.
    gzip.extend_from_slice(&[0; 8]);
    gzip
}

#[derive(Default)]
struct BitWriter {
    bytes: Vec<u8>,
    used: u32,
}

impl BitWriter {
    fn write(&mut self, value: u32, count: u32) {
        for bit in 0..count {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let last = self.bytes.len() - 1;
            self.bytes[last] |= (((value >> bit) & 1) as u8) << (self.used % 8);
            self.used += 1;
        }
    }

    fn write_code(&mut self, code: u32, count: u32) {
        self.write(code.reverse_bits() >> (32 - count), count);
    }

    fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

#[tokio::test]
async fn a_site_that_asks_for_time_is_left_alone_for_it() {
    for in_seconds in [true, false] {
        let server = Server::start(move |asked| match asked.path.as_str() {
            "/" => html(&page("cranes", &[("/contact", "Contact"), ("/about", "About")])),
            "/contact" => {
                let mut response = status(429);
                let (now, wait) = (std::time::SystemTime::now(), Duration::from_secs(100));
                // A date counts from the answer's own.
                response.headers_mut().insert(header::DATE, httpdate::fmt_http_date(now).parse().unwrap());
                let asked = if in_seconds { "100".to_owned() } else { httpdate::fmt_http_date(now + wait) };
                response.headers_mut().insert(header::RETRY_AFTER, asked.parse().unwrap());
                response
            }
            _ => not_found(),
        })
        .await;
        let before = tokio::time::Instant::now();
        let visit = server.visit("acme.example").await;
        assert_eq!(server.paths(), ["/robots.txt", "/", "/sitemap.xml", "/contact"], "more patience than a visit has");
        assert!(visit.next_request_not_before.unwrap() >= before + Duration::from_secs(100));
        assert!(matches!(visit.verdict, Verdict::Rich { .. }), "the home page was read");
    }
}

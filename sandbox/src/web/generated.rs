//! The web of made-up company sites: which answer each request gets.

use std::collections::HashMap;
use std::time::Duration;

use crate::random::Random;
use crate::web::answer::{Answer, Request};
use crate::web::content::content;
use crate::web::layout::{html, path};
use crate::web::profile::{Charset, Condition, PageKind, Profile, Robots, Technology};

/// How much later than others a slow site answers.
const SLOW_BY: Duration = Duration::from_millis(900);
/// A folder that robots.txt of some sites disallows.
const DISALLOWED_FOLDER: &str = "/internal/";

/// A web of made-up sites.
#[derive(Debug)]
pub struct GeneratedWeb {
    seed: u64,
    profiles: Vec<Profile>,
    by_host: HashMap<String, usize>,
}

impl GeneratedWeb {
    /// The web made of `profiles`, in order.
    pub fn new(seed: u64, profiles: Vec<Profile>) -> Self {
        let by_host = profiles
            .iter()
            .enumerate()
            .flat_map(|(place, profile)| profile.hosts().into_iter().map(move |host| (host, place)))
            .collect();
        Self { seed, profiles, by_host }
    }

    /// The sites, in order.
    pub fn profiles(&self) -> &[Profile] {
        &self.profiles
    }

    /// Every host name that has an address.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.by_host.keys().map(String::as_str)
    }

    /// The site that answers for `host`.
    pub(crate) fn site(&self, host: &str) -> Option<&Profile> {
        self.by_host.get(host).map(|place| &self.profiles[*place])
    }

    /// The answer to `request`; none for a host that does not exist.
    pub fn answer(&self, request: &Request<'_>) -> Option<Answer> {
        let profile = &self.profiles[*self.by_host.get(request.host)?];
        Some(self.site_answer(profile, request))
    }

    fn site_answer(&self, profile: &Profile, request: &Request<'_>) -> Answer {
        let host = profile.host();
        if profile.condition == Condition::SendsElsewhere && request.path != "/robots.txt" {
            return Answer::redirect(301, &format!("http://{}/", self.neighbour(profile)));
        }
        if request.host != host {
            return Answer::redirect(301, &format!("http://{host}{}", request.path));
        }
        if request.path == "/robots.txt" {
            return robots(profile);
        }
        match profile.condition {
            Condition::Forbidden => Answer::html(
                403,
                "<html><head><title>403 Forbidden</title></head><body><h1>Forbidden</h1></body></html>",
            ),
            Condition::Challenge => challenge(),
            Condition::Failing => Answer::html(500, "<html><body>Internal Server Error</body></html>"),
            Condition::Slow => self.page_answer(profile, request).after(SLOW_BY),
            Condition::Thin => thin(profile, request),
            Condition::Ordinary | Condition::SendsElsewhere | Condition::Unresolvable => {
                self.page_answer(profile, request)
            }
        }
    }

    /// The domain that a site which sends its visitors elsewhere sends them to.
    pub(crate) fn neighbour(&self, profile: &Profile) -> &str {
        let place = self.profiles.iter().position(|other| other.company.index == profile.company.index).unwrap_or(0);
        &self.profiles[(place + 1) % self.profiles.len()].company.domain
    }

    fn page_answer(&self, profile: &Profile, request: &Request<'_>) -> Answer {
        if profile.home_under_path && request.path == "/" {
            return Answer::redirect(302, "/en/");
        }
        if request.path == "/sitemap.xml" && profile.sitemap {
            return Answer::new(200, "application/xml", sitemap(profile));
        }
        match profile.pages.iter().find(|kind| path(profile, **kind) == request.path) {
            Some(kind) => self.page(profile, *kind, request),
            // A script shell answers every path with the same page.
            None if profile.technology == Technology::ScriptShell && !request.path.contains('.') => {
                self.page(profile, PageKind::Home, request)
            }
            None => Answer::not_found(),
        }
    }

    fn page(&self, profile: &Profile, kind: PageKind, request: &Request<'_>) -> Answer {
        let stamp = Random::new(self.seed, request.path, profile.company.index).next();
        let tag = format!("\"{stamp:016x}\"");
        let modified = format!("Mon, {:02} Jun 2026 08:00:00 GMT", [1, 8, 15, 22, 29][(stamp % 5) as usize]);
        let unchanged = match (request.if_none_match, request.if_modified_since) {
            // RFC 9110 section 13.2.2: the date counts only when there is no entity tag.
            (Some(given), _) if profile.entity_tags => given == tag,
            (None, Some(given)) if profile.dated => given == modified,
            _ => false,
        };
        let mut answer = if unchanged {
            Answer { status: 304, headers: vec![], body: bytes::Bytes::new(), delay: Duration::ZERO }
        } else {
            encoded(profile, &html(profile, kind, &content(profile, self.seed, kind)))
        };
        if profile.entity_tags {
            answer = answer.with_header("etag", tag);
        }
        if profile.dated {
            answer = answer.with_header("last-modified", modified);
        }
        if profile.technology == Technology::Php {
            answer = answer.with_header("x-powered-by", "PHP/8.2.12");
        }
        answer
    }
}

/// `html` in the site's character encoding; only UTF-8 sites say theirs in the header.
fn encoded(profile: &Profile, html: &str) -> Answer {
    let encoding = match profile.charset {
        Charset::Utf8 => return Answer::html(200, html.to_owned()),
        Charset::Windows1252 => encoding_rs::WINDOWS_1252,
        Charset::Gb2312 => encoding_rs::GBK,
    };
    let (bytes, _, _) = encoding.encode(html);
    Answer::new(200, "text/html", bytes.into_owned())
}

fn robots(profile: &Profile) -> Answer {
    let sitemap =
        if profile.sitemap { format!("Sitemap: http://{}/sitemap.xml\n", profile.host()) } else { String::new() };
    let team = path(profile, PageKind::Team);
    match profile.robots {
        Robots::Absent => Answer::not_found(),
        Robots::AllowAll => Answer::text(format!("User-agent: *\nDisallow:\n{sitemap}")),
        Robots::DisallowSome => Answer::text(format!(
            "User-agent: BadBot\nDisallow: /\n\nUser-agent: *\nDisallow: {DISALLOWED_FOLDER}\nDisallow: {team}\n{sitemap}"
        )),
        Robots::DisallowAll => Answer::text("User-agent: *\nDisallow: /\n"),
        Robots::CrawlDelay(seconds) => {
            Answer::text(format!("User-agent: *\nCrawl-delay: {seconds}\nDisallow: /cgi-bin/\n{sitemap}"))
        }
        Robots::Failing => Answer::html(503, "<html><body>Service Unavailable</body></html>"),
    }
}

fn sitemap(profile: &Profile) -> String {
    let host = profile.host();
    let urls: String = profile
        .pages
        .iter()
        .map(|kind| format!("  <url><loc>http://{host}{}</loc></url>\n", path(profile, *kind)))
        .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n{urls}</urlset>\n"
    )
}

fn thin(profile: &Profile, request: &Request<'_>) -> Answer {
    if request.path != "/" {
        return Answer::not_found();
    }
    let brand = crate::web::writing::escaped(&profile.company.brand);
    Answer::html(
        200,
        format!(
            "<html><head><title>{brand}</title></head><body><h1>{brand}</h1><p>Our new site opens soon.</p></body></html>"
        ),
    )
}

fn challenge() -> Answer {
    Answer::html(
        403,
        "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body><div id=\"cf-wrapper\">\
         <h1>Checking your browser before accessing the site.</h1><noscript>Enable JavaScript and cookies to continue</noscript>\
         <script src=\"/cdn-cgi/challenge-platform/h/b/orchestrate/chl_page/v1\"></script></div></body></html>",
    )
    .with_header("server", "cloudflare")
    .with_header("cf-mitigated", "challenge")
}

//! `POST /search`: which pages the web has about what was asked.

use serde_json::{Value, json};

use crate::vendors::pages::Page;
use crate::vendors::reply::Receipt;
use crate::vendors::tavily::{Found, Wanted, chunks, error};
use crate::vendors::world::{Known, Patience, World, words};

/// What follows a company's name in a question and is no part of it.
const ABOUT: [&str; 12] =
    ["official", "site", "website", "homepage", "web", "page", "home", "contact", "email", "about", "uen", "www"];
/// The longest question.
const QUERY_CHARACTERS_MAX: usize = 400;

/// One page of the results.
struct Hit {
    title: String,
    url: String,
    content: String,
    raw: String,
}

/// The answer with its price.
pub(super) fn answer(wanted: &Wanted<'_>, world: &World) -> Found {
    let query = wanted.text("query").unwrap_or_default().trim();
    if query.is_empty() {
        return Err(error(400, "Query is missing."));
    }
    if query.chars().count() > QUERY_CHARACTERS_MAX {
        return Err(error(400, "Query is too long. Max query length is 400 characters."));
    }
    let depth = wanted.choice("search_depth", &["basic", "advanced", "fast", "ultra-fast"])?;
    let topic = wanted.choice("topic", &["general", "news", "finance"])?;
    let most = wanted.number("max_results", 0, 20, 5)? as usize;
    let chunks = wanted.number("chunks_per_source", 1, 3, 3)? as usize;
    wanted.choice("time_range", &["day", "week", "month", "year", "d", "w", "m", "y"])?;
    if wanted.get("country").is_some() && topic != "general" {
        return Err(error(400, "Country is only available for the general topic."));
    }
    let include = wanted.list("include_domains", 300)?;
    let exclude = wanted.list("exclude_domains", 150)?;
    let mut hits = hits(query, world, if depth == "advanced" { chunks } else { 1 });
    hits.retain(|hit| {
        let host = hit.url.split('/').nth(2).unwrap_or_default();
        let on =
            |domains: &[String]| domains.iter().any(|domain| host == domain || host.ends_with(&format!(".{domain}")));
        (include.is_empty() || on(&include)) && !on(&exclude)
    });
    hits.truncate(most);
    let credits = if depth == "advanced" { 2 } else { 1 };
    let mut body = json!({
        "query": query,
        "follow_up_questions": null,
        "answer": null,
        "images": [],
        "results": hits.iter().enumerate().map(|(place, hit)| result(place, hit, topic, wanted)).collect::<Vec<_>>(),
    });
    if wanted.flag("include_answer") {
        body["answer"] = hits.first().map_or(Value::Null, |hit| json!(hit.content));
    }
    if wanted.flag("auto_parameters") {
        body["auto_parameters"] = json!({ "topic": topic, "search_depth": depth });
    }
    let receipt = Receipt {
        credits,
        things: vec![(format!("query:{query}"), credits)],
        tally: vec![("search_usage".into(), credits)],
        ..Receipt::default()
    };
    Ok((body, receipt))
}

fn result(place: usize, hit: &Hit, topic: &str, wanted: &Wanted<'_>) -> Value {
    let mut result = json!({
        "title": hit.title,
        "url": hit.url,
        "content": hit.content,
        "score": (0.93 - 0.11 * place as f64).max(0.05),
        "raw_content": if wanted.flag("include_raw_content") { json!(hit.raw) } else { Value::Null },
    });
    if topic == "news" {
        result["published_date"] = json!("Mon, 05 Oct 2026 08:00:00 GMT");
    }
    if wanted.flag("include_favicon") {
        let host = hit.url.split('/').nth(2).unwrap_or_default();
        result["favicon"] = json!(format!("https://{host}/favicon.ico"));
    }
    result
}

/// The pages in the order in which an engine might list them: the company's own first, mostly; directories and firms of
/// similar names around it.
fn hits(query: &str, world: &World, chunks: usize) -> Vec<Hit> {
    let mut wanted = words(query);
    wanted.retain(|word| !ABOUT.contains(&word.as_str()));
    let found = world.matches(&wanted);
    let Some((best, shared)) = found.first().copied() else { return vec![] };
    let meant = shared == wanted.len() || shared >= 2 || wanted.len() == 1;
    let random = &mut world.random("search results", best.place);
    let mut hits = Vec::new();
    let own = own_site(best, query, world, chunks);
    let listed_first = random.chance(25);
    if meant && listed_first {
        hits.push(directory(best));
    }
    let namesake_first = random.chance(12);
    let namesakes: Vec<Hit> =
        found.iter().skip(1).take(3).filter_map(|(other, _)| own_site(other, query, world, chunks)).collect();
    let mut namesakes = namesakes.into_iter();
    if namesake_first {
        hits.extend(namesakes.next());
    }
    // An engine has not read every site.
    if random.chance(94) {
        hits.extend(own);
    }
    if meant && !listed_first {
        hits.push(directory(best));
    }
    if meant && random.chance(60) {
        hits.push(profile(best));
    }
    hits.extend(namesakes);
    hits.push(round_up(best, world));
    hits
}

fn own_site(company: &Known, query: &str, world: &World, count: usize) -> Option<Hit> {
    let domain = company.domain.as_ref().filter(|_| company.has_site)?;
    let page: Page = world.page(&format!("https://{domain}/"), Patience::Advanced).ok()?;
    let text = page.text();
    Some(Hit { title: page.title, url: page.url, content: chunks(&text, query, count), raw: page.markdown })
}

/// A page of a business directory: right about the company, and not its site.
fn directory(company: &Known) -> Hit {
    let name = company.letterhead();
    let uen = company.uen.as_ref().map(|uen| format!(" (UEN {uen})")).unwrap_or_default();
    let trade = company.trade.unwrap_or("Business services");
    let text = format!(
        "{name}{uen} is a company in Singapore. Principal activity: {trade}. Officers and financial reports: buy the profile."
    );
    Hit {
        title: format!("{name} - company profile | Firmlist Singapore"),
        url: format!("https://www.firmlist.example/sg/{}", company.slug()),
        raw: format!("# {name}\n\n{text}\n"),
        content: text,
    }
}

/// A page of the company on a social network.
fn profile(company: &Known) -> Hit {
    let text = format!("{} | 214 followers. {}", company.brand, company.pitch.unwrap_or("Based in Singapore."));
    Hit {
        title: format!("{} | LinkedIn", company.brand),
        url: format!("https://www.linkedin.com/company/{}", company.slug()),
        raw: text.clone(),
        content: text,
    }
}

/// A magazine's list in which the company's line of business comes up.
fn round_up(company: &Known, world: &World) -> Hit {
    let trade = company.trade.unwrap_or("Business services");
    let place = world.random("round-up", company.place).between(5, 15);
    let text = format!("We compare {place} firms in {} for price, service and reach.", trade.to_lowercase());
    Hit {
        title: format!("{place} firms for {} in Singapore", trade.to_lowercase()),
        url: format!("https://www.shortlistmag.example/{place}-firms-{}", trade.to_lowercase().replace(' ', "-")),
        raw: text.clone(),
        content: text,
    }
}

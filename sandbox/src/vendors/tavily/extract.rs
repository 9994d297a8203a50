//! `POST /extract`: what given pages say.

use serde_json::{Value, json};

use crate::vendors::reply::Receipt;
use crate::vendors::tavily::{Found, Wanted, chunks, error};
use crate::vendors::world::{Patience, World};

/// How many pages one request may name.
const URLS_MAX: usize = 20;
/// How many pages that could be read one credit is for; twice that many credits for an advanced extraction.
const PAGES_PER_CREDIT: u64 = 5;

/// The answer with its price. `carried` are pages that were read before and are not charged yet.
pub(super) fn answer(wanted: &Wanted<'_>, carried: u64, world: &World) -> Found {
    let urls = wanted.list("urls", usize::MAX)?;
    if urls.is_empty() {
        return Err(error(400, "No URLs provided."));
    }
    if urls.len() > URLS_MAX {
        return Err(error(400, "Max 20 URLs are allowed."));
    }
    wanted.number("timeout", 1, 60, 10)?;
    let reading = Reading::of(wanted)?;
    let (mut results, mut failed, mut things) = (vec![], vec![], vec![]);
    for url in &urls {
        match world.page(url, reading.patience) {
            Ok(page) => {
                results.push(reading.result(url, &page));
                things.push((format!("url:{url}"), 0));
            }
            Err(reason) => failed.push(json!({ "url": url, "error": reason })),
        }
    }
    let (credits, carried) = price(results.len() as u64, carried, reading.patience);
    let tally = vec![("extract_usage".into(), credits)];
    let receipt = Receipt { credits, things, tally, carried: Some(carried), ..Receipt::default() };
    Ok((json!({ "results": results, "failed_results": failed }), receipt))
}

/// Credits for `pages` and what stays uncharged. Both depths fill the same count of pages.
pub(super) fn price(pages: u64, carried: u64, patience: Patience) -> (u64, u64) {
    let read = carried + pages;
    let each = if patience == Patience::Advanced { 2 } else { 1 };
    (read / PAGES_PER_CREDIT * each, read % PAGES_PER_CREDIT)
}

/// How pages are to be returned.
pub(super) struct Reading {
    /// How hard to try.
    pub patience: Patience,
    plain: bool,
    query: Option<(String, usize)>,
    favicon: bool,
    images: bool,
}

impl Reading {
    /// Reads the fields that extraction and crawl share.
    pub fn of(wanted: &Wanted<'_>) -> Result<Self, crate::vendors::reply::Reply> {
        let depth = wanted.choice("extract_depth", &["basic", "advanced"])?;
        let chunks = wanted.number("chunks_per_source", 1, 5, 3)? as usize;
        let query = wanted.text("query").or_else(|| wanted.text("instructions"));
        Ok(Self {
            patience: if depth == "advanced" { Patience::Advanced } else { Patience::Basic },
            plain: wanted.choice("format", &["markdown", "text"])? == "text",
            query: query.map(|query| (query.to_owned(), chunks)),
            favicon: wanted.flag("include_favicon"),
            images: wanted.flag("include_images"),
        })
    }

    /// One page as it is returned for `url`.
    pub fn result(&self, url: &str, page: &crate::vendors::pages::Page) -> Value {
        let whole = if self.plain { page.text() } else { page.markdown.clone() };
        let content = self.query.as_ref().map_or_else(|| whole.clone(), |(query, count)| chunks(&whole, query, *count));
        let mut result = json!({ "url": url, "raw_content": content });
        if self.images {
            result["images"] = json!([]);
        }
        if self.favicon {
            let host = page.url.split('/').nth(2).unwrap_or_default();
            result["favicon"] = json!(format!("https://{host}/favicon.ico"));
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_pages_make_a_credit_whichever_calls_they_came_in() {
        assert_eq!(price(3, 0, Patience::Basic), (0, 3));
        assert_eq!(price(3, 3, Patience::Basic), (1, 1));
        assert_eq!(price(10, 0, Patience::Advanced), (4, 0));
    }
}

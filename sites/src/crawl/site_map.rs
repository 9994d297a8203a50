//! Reading a site's sitemaps for pages that nothing links to.

use std::collections::VecDeque;

use url::Url;

use super::asker::{Trouble, authority_of};
use super::visit::{End, Walk};
use crate::choose::{Sitemap, read_sitemap};
use crate::web::Fetched;

impl Walk<'_> {
    /// Reads the sitemaps that robots.txt names, or the one at the usual place, and what an index lists.
    pub(super) async fn read_sitemaps(&mut self) -> Result<(), End> {
        let mut waiting = self.first_sitemaps();
        let mut seen: Vec<Url> = Vec::new();
        while let Some(url) = waiting.pop_front() {
            if seen.len() >= self.asker.policy.sitemaps_max {
                break;
            }
            if seen.contains(&url) {
                continue;
            }
            seen.push(url.clone());
            match self.sitemap_file(&url).await {
                Ok(answer) => self.learn_from_sitemap(answer, &mut waiting),
                Err(Trouble::Cancelled) => return Err(End::Cancelled),
                Err(Trouble::OutOfTime) => return Err(End::OutOfTime),
                // A sitemap is a courtesy: a site without a readable one is read by its links.
                Err(Trouble::Disallowed { .. } | Trouble::RobotsUnreachable | Trouble::Fetch(_)) => {}
            }
        }
        Ok(())
    }

    fn first_sitemaps(&self) -> VecDeque<Url> {
        let Some(frontier) = &self.frontier else {
            return VecDeque::new();
        };
        let robots = self.asker.robots.get(&authority_of(&self.home));
        let named = robots.and_then(|robots| robots.rules()).map_or(&[][..], |rules| rules.sitemaps());
        let mut ours: VecDeque<Url> = named.iter().filter_map(|address| frontier.own_file(address)).collect();
        // Those of other sites are not ours to read; the usual place may still have one.
        if ours.is_empty() {
            ours.extend(frontier.own_file("/sitemap.xml"));
        }
        ours.retain(is_plain);
        ours
    }

    async fn sitemap_file(&mut self, url: &Url) -> Result<Fetched, Trouble> {
        self.asker.heed_robots(url).await?;
        self.asker.file(url, self.asker.policy.sitemap_bytes_max).await
    }

    fn learn_from_sitemap(&mut self, answer: Fetched, waiting: &mut VecDeque<Url>) {
        let Some(frontier) = &mut self.frontier else {
            return;
        };
        if let Some(next) = answer.location {
            waiting.extend(frontier.own_file(next.as_str()).filter(is_plain));
            return;
        }
        if !(200..300).contains(&answer.status) {
            return;
        }
        match read_sitemap(&String::from_utf8_lossy(&answer.body.bytes)) {
            Sitemap::Pages(addresses) => frontier.add_sitemap(addresses.iter().map(String::as_str)),
            Sitemap::Index(addresses) => {
                let mut files: Vec<Url> = addresses.iter().filter_map(|address| frontier.own_file(address)).collect();
                files.retain(is_plain);
                // Stable: pages before what is rather posts, products or pictures.
                files.sort_by_key(|file| !file.path().contains("page"));
                waiting.extend(files);
            }
        }
    }
}

/// Packed sitemaps are for search engines with millions of pages to learn.
fn is_plain(url: &Url) -> bool {
    !url.path().ends_with(".gz")
}

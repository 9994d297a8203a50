//! Sitemaps: the protocol of sitemaps.org, XML or plain text, read forgivingly.

/// A sitemap's entries, at most this many.
const ENTRIES_MAX: usize = 2_000;

/// What a sitemap file lists.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sitemap {
    /// Pages.
    Pages(Vec<String>),
    /// Further sitemaps.
    Index(Vec<String>),
}

/// Reads a sitemap; what is none has no entries.
pub(crate) fn read(text: &str) -> Sitemap {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if !text.starts_with('<') {
        let addresses = text.lines().map(str::trim).filter(|line| line.starts_with("http"));
        return Sitemap::Pages(addresses.take(ENTRIES_MAX).map(str::to_owned).collect());
    }
    let entries = locations(text).take(ENTRIES_MAX).collect();
    if text.contains("<sitemapindex") { Sitemap::Index(entries) } else { Sitemap::Pages(entries) }
}

/// The content of every `<loc>`, not of `<image:loc>` and its like.
fn locations(xml: &str) -> impl Iterator<Item = String> {
    xml.split("<loc>").skip(1).filter_map(|after| {
        let content = after.split_once("</loc>")?.0.trim();
        let content = content.strip_prefix("<![CDATA[").and_then(|data| data.strip_suffix("]]>")).unwrap_or(content);
        let address = unescape(content.trim());
        (!address.is_empty() && !address.contains(['<', '\n'])).then_some(address)
    })
}

/// The five entities that XML itself knows.
fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_read_with_entities_and_cdata_and_without_images() {
        let xml = "\u{feff}<?xml version=\"1.0\"?><urlset><url><loc> https://acme.example/a?b=1&amp;c=2 </loc>\
                   <image:image><image:loc>https://acme.example/a.jpg</image:loc></image:image></url>\
                   <url><loc><![CDATA[https://acme.example/b]]></loc></url></urlset>";
        let pages = ["https://acme.example/a?b=1&c=2", "https://acme.example/b"].map(str::to_owned);
        assert_eq!(read(xml), Sitemap::Pages(pages.to_vec()));
    }

    #[test]
    fn an_index_lists_sitemaps() {
        let xml = "<sitemapindex><sitemap><loc>https://acme.example/pages.xml</loc></sitemap></sitemapindex>";
        assert_eq!(read(xml), Sitemap::Index(vec!["https://acme.example/pages.xml".into()]));
    }

    #[test]
    fn plain_text_lists_pages_and_anything_else_none() {
        let text = "https://acme.example/a\r\n\r\nhttps://acme.example/b\n";
        assert_eq!(read(text), Sitemap::Pages(vec!["https://acme.example/a".into(), "https://acme.example/b".into()]));
        assert_eq!(read("<html><body>Not found</body></html>"), Sitemap::Pages(vec![]));
        assert_eq!(read("<urlset><url><loc>https://broken"), Sitemap::Pages(vec![]), "cut off");
    }
}

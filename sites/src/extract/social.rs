//! Profiles on social networks.

use url::Url;

use super::findings::Social;

/// Networks, their hosts, and paths on them that are no profile.
const NETWORKS: [(&str, &[&str]); 14] = [
    ("linkedin", &["linkedin.com"]),
    ("facebook", &["facebook.com", "fb.com", "fb.me"]),
    ("instagram", &["instagram.com"]),
    ("x", &["twitter.com", "x.com"]),
    ("youtube", &["youtube.com", "youtu.be"]),
    ("tiktok", &["tiktok.com"]),
    ("pinterest", &["pinterest.com"]),
    ("github", &["github.com"]),
    ("telegram", &["t.me", "telegram.me"]),
    ("whatsapp", &["wa.me", "api.whatsapp.com"]),
    ("xing", &["xing.com"]),
    ("line", &["line.me"]),
    ("vimeo", &["vimeo.com"]),
    ("medium", &["medium.com"]),
];

/// First path segments that lead to a share button, a plug-in, a single post or the network itself.
const NOT_PROFILES: [&str; 27] = [
    "share",
    "sharer",
    "sharer.php",
    "sharearticle",
    "intent",
    "dialog",
    "plugins",
    "tr",
    "login",
    "login.php",
    "home",
    "home.php",
    "watch",
    "embed",
    "p",
    "reel",
    "hashtag",
    "search",
    "pin",
    "policies",
    "privacy",
    "legal",
    "terms",
    "feed",
    "status",
    "video",
    "send",
];

/// The profile that `url` leads to, if it does.
pub(super) fn social(url: &Url) -> Option<Social> {
    let host = url.host_str()?.trim_start_matches("www.").trim_start_matches("m.");
    let (network, _) = NETWORKS.iter().find(|(_, hosts)| {
        hosts.iter().any(|known| host.strip_suffix(known).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
    })?;
    let mut segments = url.path_segments()?.filter(|segment| !segment.is_empty());
    let first = segments.next().unwrap_or_default().to_ascii_lowercase();
    // A chat link names whom to chat with in its query; phones are read elsewhere.
    let is_profile = !first.is_empty() && !NOT_PROFILES.contains(&first.as_str()) && *network != "whatsapp";
    let is_numbered = first == "profile.php" && url.query().is_some_and(|query| query.contains("id="));
    let mut profile = url.clone();
    profile.set_fragment(None);
    if !is_numbered {
        profile.set_query(None);
    }
    (is_profile || is_numbered)
        .then(|| Social { network: (*network).to_owned(), url: profile.as_str().trim_end_matches('/').to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(url: &str) -> Option<String> {
        social(&Url::parse(url).unwrap()).map(|social| social.network)
    }

    #[test]
    fn profiles_are_told_from_share_buttons() {
        assert_eq!(network("https://www.linkedin.com/company/kopi/?trk=x").as_deref(), Some("linkedin"));
        assert_eq!(network("https://sg.linkedin.com/company/kopi").as_deref(), Some("linkedin"));
        assert_eq!(network("https://facebook.com/profile.php?id=1").as_deref(), Some("facebook"));
        for url in [
            "https://www.facebook.com/sharer/sharer.php?u=x",
            "https://twitter.com/",
            "https://x.com/intent/tweet",
            "https://notx.com/kopi",
        ] {
            assert_eq!(network(url), None, "{url}");
        }
    }
}

//! How a page's content becomes HTML, by the technology that the site was built with.

use crate::web::content::{Block, Content, legal_name, menu_label};
use crate::web::profile::{Charset, PageKind, Profile, Technology};
use crate::web::writing::{email_html, escaped, phone_text};

/// Where the page of `kind` lives.
pub fn path(profile: &Profile, kind: PageKind) -> String {
    let name = match kind {
        PageKind::Home if profile.home_under_path => return "/en/".to_owned(),
        PageKind::Home => return "/".to_owned(),
        PageKind::About => "about-us",
        PageKind::Services => "services",
        PageKind::Contact => "contact",
        PageKind::Products => "products",
        PageKind::Careers => "careers",
        PageKind::Team => "our-team",
        PageKind::Pricing => "pricing",
        PageKind::Cases => "case-studies",
        PageKind::News => "news",
        PageKind::Privacy => "privacy-policy",
        PageKind::Questions => "faq",
    };
    match profile.technology {
        Technology::WordPress => format!("/{name}/"),
        Technology::Plain | Technology::ScriptShell => format!("/{name}"),
        Technology::Tables => format!("/{}.htm", name.replace('-', "")),
        Technology::Php => format!("/{}.php", name.replace('-', "_")),
    }
}

/// The page as HTML.
pub fn html(profile: &Profile, kind: PageKind, content: &Content) -> String {
    let head = head(profile, kind, content);
    let body = match profile.technology {
        Technology::WordPress => word_press(profile, content),
        Technology::Plain => plain(profile, content),
        Technology::Tables => tables(profile, content),
        Technology::Php => php(profile, content),
        Technology::ScriptShell => {
            "<noscript>You need to enable JavaScript to run this app.</noscript><div id=\"root\"></div>\
             <script src=\"/static/js/main.8f3a1c.js\"></script>"
                .to_owned()
        }
    };
    let html =
        format!("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n{head}</head>\n<body>\n{body}\n</body>\n</html>\n");
    if profile.broken { broken(&html) } else { html }
}

fn head(profile: &Profile, kind: PageKind, content: &Content) -> String {
    let charset = match profile.charset {
        Charset::Utf8 => "<meta charset=\"utf-8\">\n",
        Charset::Windows1252 => "<meta http-equiv=\"Content-Type\" content=\"text/html; charset=windows-1252\">\n",
        Charset::Gb2312 => "<meta charset=\"gb2312\">\n",
    };
    let generator = match profile.technology {
        Technology::WordPress => {
            "<meta name=\"generator\" content=\"WordPress 6.8.1\">\n\
             <link rel=\"stylesheet\" href=\"/wp-content/themes/astra/style.css\">\n"
        }
        Technology::Tables => "<meta name=\"GENERATOR\" content=\"Microsoft FrontPage 4.0\">\n",
        Technology::Php => {
            "<link rel=\"stylesheet\" href=\"/assets/css/bootstrap.min.css\">\n<script src=\"/assets/js/jquery-3.7.1.min.js\"></script>\n"
        }
        Technology::Plain | Technology::ScriptShell => "<link rel=\"stylesheet\" href=\"/style.css\">\n",
    };
    let structured =
        if profile.structured_data && kind == PageKind::Home { structured_data(profile) } else { String::new() };
    format!(
        "{charset}<title>{}</title>\n<meta name=\"description\" content=\"{}\">\n{generator}{structured}",
        escaped(&content.title),
        escaped(&content.description)
    )
}

fn structured_data(profile: &Profile) -> String {
    let company = &profile.company;
    let organisation = serde_json::json!({
        "@context": "https://schema.org",
        "@type": "Organization",
        "name": company.brand,
        "legalName": legal_name(company),
        "url": format!("https://{}/", profile.host()),
        "telephone": company.phone,
        "address": {
            "@type": "PostalAddress",
            "streetAddress": company.address.line(),
            "postalCode": company.address.postal_code,
            "addressCountry": "SG"
        },
        "sameAs": [format!("https://www.linkedin.com/company/{}", company.word.to_lowercase())]
    });
    format!("<script type=\"application/ld+json\">{organisation}</script>\n")
}

fn menu(profile: &Profile, before: &str, after: &str) -> String {
    let links = profile.pages.iter().filter(|kind| **kind != PageKind::Privacy);
    links.map(|kind| format!("{before}<a href=\"{}\">{}</a>{after}", path(profile, *kind), menu_label(*kind))).collect()
}

fn blocks(profile: &Profile, content: &Content, heading: &str) -> String {
    let block = |block: &Block| match block {
        Block::Heading(text) => format!("<{heading}>{}</{heading}>\n", escaped(text)),
        Block::Paragraph(text) => format!("<p>{}</p>\n", escaped(text)),
        Block::List(items) => {
            let items: String = items.iter().map(|item| format!("<li>{}</li>\n", escaped(item))).collect();
            format!("<ul>\n{items}</ul>\n")
        }
        Block::Email(address) => format!("<p>Email: {}</p>\n", email_html(address, profile.writing)),
        Block::Phone(number) if profile.technology == Technology::Tables => {
            format!("<p>Tel: {}</p>\n", phone_text(number))
        }
        Block::Phone(number) => format!("<p>Tel: <a href=\"tel:{number}\">{}</a></p>\n", phone_text(number)),
    };
    content.blocks.iter().map(block).collect()
}

fn footer(profile: &Profile) -> String {
    let company = &profile.company;
    let uen = if profile.shows_uen { format!(" (UEN {})", company.uen) } else { String::new() };
    let privacy = if profile.pages.contains(&PageKind::Privacy) {
        format!(" <a href=\"{}\">Privacy policy</a>", path(profile, PageKind::Privacy))
    } else {
        String::new()
    };
    format!(
        "&copy; 2026 {}{uen}. All rights reserved.{privacy} <a href=\"https://www.facebook.com/{}\">Facebook</a>",
        escaped(&legal_name(company)),
        company.word.to_lowercase()
    )
}

fn word_press(profile: &Profile, content: &Content) -> String {
    format!(
        "<div id=\"page\" class=\"site\"><header class=\"site-header\"><nav class=\"main-navigation\"><ul class=\"menu\">{}</ul></nav></header>\n\
         <main id=\"primary\"><article class=\"entry\"><h1 class=\"entry-title\">{}</h1>\n<div class=\"entry-content elementor\">\n{}</div></article></main>\n\
         <footer class=\"site-footer\">{}</footer></div>\n<script src=\"/wp-includes/js/wp-embed.min.js\"></script>",
        menu(profile, "<li class=\"menu-item\">", "</li>"),
        escaped(&content.heading),
        blocks(profile, content, "h2"),
        footer(profile)
    )
}

fn plain(profile: &Profile, content: &Content) -> String {
    format!(
        "<header><nav>{}</nav></header>\n<main>\n<h1>{}</h1>\n{}</main>\n<footer>{}</footer>",
        menu(profile, "", " "),
        escaped(&content.heading),
        blocks(profile, content, "h2"),
        footer(profile)
    )
}

fn tables(profile: &Profile, content: &Content) -> String {
    format!(
        "<center><table width=\"760\" border=\"0\" cellpadding=\"4\"><tr><td colspan=\"2\" bgcolor=\"#003366\"><font color=\"#ffffff\" size=\"5\">{}</font></td></tr>\n\
         <tr><td valign=\"top\" width=\"140\">{}</td><td valign=\"top\"><font face=\"Arial\" size=\"2\"><b>{}</b><br>\n{}</font></td></tr>\n\
         <tr><td colspan=\"2\"><font size=\"1\">{}</font></td></tr></table></center>",
        escaped(&profile.company.brand),
        menu(profile, "", "<br>\n"),
        escaped(&content.heading),
        blocks(profile, content, "b"),
        footer(profile)
    )
}

fn php(profile: &Profile, content: &Content) -> String {
    format!(
        "<div class=\"navbar\"><div class=\"container\"><div class=\"row\">{}</div></div></div>\n\
         <div class=\"section\"><div class=\"container\"><div class=\"row\"><div class=\"col-md-12\"><h1>{}</h1>\n{}</div></div></div></div>\n\
         <div class=\"footer\"><div class=\"container\">{}</div></div>",
        menu(profile, "<div class=\"nav-item\">", "</div>"),
        escaped(&content.heading),
        blocks(profile, content, "h3"),
        footer(profile)
    )
}

/// The same page as someone writes it who forgets closing tags and opens one element too many.
fn broken(html: &str) -> String {
    html.replace("</p>", "").replace("</li>", "").replace("</h2>", "</h3>").replace("<body>", "<body><body><div>")
}

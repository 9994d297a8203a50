//! Technology fingerprints: what a site is made with and measured by.

use std::{collections::BTreeSet, sync::LazyLock};

use aho_corasick::AhoCorasick;

use super::digest::Digest;

/// A product and what gives it away in the address of a script, style sheet or frame, or inside a script.
const MARKS: [(&str, &[&str]); 66] = [
    ("ActiveCampaign", &["activehosted.com", "trackcmp.net"]),
    ("Adobe Fonts", &["use.typekit.net"]),
    ("Alpine.js", &["alpinejs", "alpine.min.js"]),
    ("Angular", &["polyfills-es5", "ng-version", "angular.min.js", "angular.js"]),
    ("AOS", &["aos.js", "aos.css"]),
    ("Astro", &["/_astro/"]),
    ("Bootstrap", &["bootstrap.min", "bootstrap.bundle", "bootstrap.css", "bootstrap.js", "/bootstrap/", "bootstrap@"]),
    ("Calendly", &["assets.calendly.com"]),
    ("Cloudflare", &["/cdn-cgi/", "cloudflareinsights.com"]),
    ("Crisp", &["client.crisp.chat"]),
    ("Drupal", &["/sites/default/files", "drupal.js", "/core/misc/drupal"]),
    ("Elementor", &["/plugins/elementor"]),
    ("Facebook Pixel", &["fbevents.js", "fbq("]),
    ("Font Awesome", &["font-awesome", "fontawesome", "fa.min.css"]),
    ("Framer", &["framerusercontent.com", "events.framer.com"]),
    ("Freshchat", &["wchat.freshchat.com"]),
    ("Gatsby", &["/page-data/", "___gatsby"]),
    ("Ghost", &["/ghost/api", "ghost-sdk"]),
    ("Google Ads", &["googleadservices.com", "googlesyndication.com"]),
    ("Google Analytics", &["google-analytics.com", "gtag/js", "gtag(", "analytics.js"]),
    ("Google Fonts", &["fonts.googleapis.com", "fonts.gstatic.com"]),
    ("Google Maps", &["maps.googleapis.com", "google.com/maps", "maps.google"]),
    ("Google Tag Manager", &["googletagmanager.com/gtm", "gtm.start"]),
    ("GSAP", &["gsap.min", "/gsap", "tweenmax"]),
    ("Hotjar", &["static.hotjar.com", "hjSettings"]),
    ("HubSpot", &["js.hs-scripts.com", "hsforms.net", "hs-analytics", "hs-banner.com", "_hsq"]),
    ("Intercom", &["widget.intercom.io", "intercomSettings"]),
    ("Joomla", &["/media/jui/", "/media/system/js", "/components/com_"]),
    ("jQuery", &["jquery"]),
    ("Klaviyo", &["klaviyo.com"]),
    ("Laravel Livewire", &["livewire.js", "/livewire/"]),
    ("LinkedIn Insight Tag", &["snap.licdn.com", "_linkedin_partner_id"]),
    ("Magento", &["/static/version", "mage/cookies", "magento"]),
    ("Mailchimp", &["list-manage.com", "chimpstatic.com"]),
    ("Marketo", &["munchkin.js", "mktoforms"]),
    ("Matomo", &["matomo.js", "piwik.js"]),
    ("Microsoft Clarity", &["clarity.ms"]),
    ("Mixpanel", &["cdn.mxpnl.com", "mixpanel"]),
    ("Next.js", &["/_next/", "__NEXT_DATA__"]),
    ("Nuxt", &["/_nuxt/", "__NUXT__"]),
    ("Odoo", &["/web/assets/", "odoo.define"]),
    ("Owl Carousel", &["owl.carousel"]),
    ("PayPal", &["paypal.com/sdk", "paypalobjects.com"]),
    ("PrestaShop", &["prestashop"]),
    ("React", &["react.production", "react-dom", "/static/js/main."]),
    ("reCAPTCHA", &["recaptcha/api", "recaptcha/enterprise"]),
    ("Salesforce", &["force.com", "pardot.com", "salesforceliveagent"]),
    ("Segment", &["cdn.segment.com"]),
    ("Sentry", &["browser.sentry-cdn.com", "sentry.init"]),
    ("Shopify", &["cdn.shopify.com", "Shopify.theme", "myshopify.com"]),
    ("Slick", &["slick.min", "slick-theme", "slick.css"]),
    ("Squarespace", &["squarespace.com", "sqspcdn"]),
    ("Stripe", &["js.stripe.com"]),
    ("Swiper", &["swiper-bundle", "swiper.min", "/swiper"]),
    ("Tailwind CSS", &["tailwindcss", "tailwind.min", "cdn.tailwindcss.com"]),
    ("Tawk.to", &["embed.tawk.to"]),
    ("Three.js", &["three.min.js", "three.module"]),
    ("Tidio", &["code.tidio.co"]),
    ("TikTok Pixel", &["analytics.tiktok.com"]),
    ("Vue.js", &["vue.min.js", "vue.global", "vue@", "vue.js"]),
    ("Webflow", &["website-files.com", "webflow.js", "webflow.com"]),
    ("Wix", &["static.wixstatic.com", "parastorage.com"]),
    ("WooCommerce", &["/plugins/woocommerce", "wc-ajax"]),
    ("WordPress", &["wp-content/", "wp-includes/", "wp-json"]),
    ("Zendesk", &["static.zdassets.com", "zopim"]),
    ("Zoho", &["salesiq.zoho", "zohopublic", "zoho.com/"]),
];

/// What `<meta name="generator">` starts with, where the product is not the first word.
const GENERATORS: [(&str, &str); 9] = [
    ("microsoft frontpage", "Microsoft FrontPage"),
    ("wix.com", "Wix"),
    ("next.js", "Next.js"),
    ("google web designer", "Google Web Designer"),
    ("mobirise", "Mobirise"),
    ("visual studio", "Visual Studio"),
    ("site kit", "Google Site Kit"),
    ("adobe muse", "Adobe Muse"),
    ("powered by slider", "Slider Revolution"),
];

/// Which of [`MARKS`] each expression belongs to, and the automaton that finds them all in one pass.
static FINDER: LazyLock<(Vec<usize>, AhoCorasick)> = LazyLock::new(|| {
    let marks: Vec<(usize, &str)> = MARKS
        .iter()
        .enumerate()
        .flat_map(|(product, (_, marks))| marks.iter().map(move |mark| (product, *mark)))
        .collect();
    let automaton = AhoCorasick::builder().ascii_case_insensitive(true).build(marks.iter().map(|(_, mark)| mark));
    match automaton {
        Ok(automaton) => (marks.iter().map(|(product, _)| *product).collect(), automaton),
        Err(error) => unreachable!("a few hundred short expressions always compile: {error}"),
    }
});

/// The products a page gives away, sorted.
pub(super) fn technologies(digest: &Digest<'_>) -> Vec<String> {
    /// Marks stand near the beginning of inline scripts; what follows is data.
    const SCRIPT_BYTES_MAX: usize = 8 * 1024;
    /// Longer addresses are data.
    const RESOURCE_BYTES_MAX: usize = 512;
    let (products, automaton) = &*FINDER;
    let mut found = BTreeSet::new();
    let resources = digest.resources.iter().map(|resource| head(resource, RESOURCE_BYTES_MAX));
    let scripts = digest.scripts.iter().map(|script| head(script, SCRIPT_BYTES_MAX));
    for text in resources.chain(scripts) {
        found.extend(
            automaton.find_overlapping_iter(text).map(|mark| MARKS[products[mark.pattern().as_usize()]].0.to_owned()),
        );
    }
    let generators = digest.metas.iter().filter(|(name, _)| name == "generator");
    found.extend(generators.filter_map(|(_, generator)| product_of(generator)));
    found.into_iter().collect()
}

fn head(text: &str, length: usize) -> &str {
    &text[..text.floor_char_boundary(length)]
}

/// `WordPress 6.5.2` is WordPress.
fn product_of(generator: &str) -> Option<String> {
    let lower = generator.to_lowercase();
    if let Some((_, product)) = GENERATORS.iter().find(|(start, _)| lower.starts_with(start)) {
        return Some((*product).to_owned());
    }
    let word = generator.split([' ', ';', ',', '/', '(']).next().filter(|word| word.len() > 1 && word.len() <= 40)?;
    let known = MARKS.iter().map(|(product, _)| *product).find(|product| product.eq_ignore_ascii_case(word));
    Some(known.unwrap_or(word).trim_end_matches(['!', '.']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::digest::digest;

    #[test]
    fn products_show_in_addresses_scripts_and_generators() {
        let page = r#"<meta name="generator" content="WordPress 6.5"><script src="/wp-content/plugins/woocommerce/a.js"></script>
            <script>window.dataLayer=[];function gtag(){} gtag('js')</script><link href="https://fonts.googleapis.com/css" rel=stylesheet>"#;
        assert_eq!(technologies(&digest(page)), ["Google Analytics", "Google Fonts", "WooCommerce", "WordPress"]);
    }

    #[test]
    fn a_plain_page_gives_nothing_away() {
        assert!(technologies(&digest("<p>We use Shopify and WordPress every day.</p>")).is_empty());
    }
}

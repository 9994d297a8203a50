//! The home pages of the labelled web: what owners disclose about themselves differs from site to site.

use crate::domains::names::Named;
use crate::random::Random;
use crate::web::escaped;

/// The company's own home page. Many say little about who is behind them.
pub fn own(of: &Named, random: &mut Random) -> String {
    let title = match random.below(20) {
        0..9 => of.brand.clone(),
        9..12 => format!("{} | {} in Singapore", of.brand, of.trade),
        12..14 => format!("Home - {}", of.word),
        14..16 => of.letterhead.clone(),
        16 => "Home".to_owned(),
        17 => "Welcome to our website".to_owned(),
        _ => format!("{} Singapore", of.trade),
    };
    let postal_code = match random.below(20) {
        0..7 => Some(of.postal_code.clone()),
        // The office is often elsewhere than the registered address.
        7..11 => Some(format!("{:06}", random.between(10_000, 829_999))),
        _ => None,
    };
    let disclosed = Disclosed {
        letterhead: random.chance(60).then(|| of.letterhead.clone()),
        uen: random.chance(30).then(|| of.uen.clone()),
        postal_code,
        phone: random.chance(60).then(|| of.phone.clone()),
        structured_name: random.chance(20),
    };
    page(&title, of, &disclosed, random)
}

/// The home page of another Singapore company of a similar name.
pub fn same_name(of: &Named, random: &mut Random) -> String {
    let title = if random.chance(60) { of.brand.clone() } else { format!("{} Singapore", of.word) };
    let disclosed = Disclosed {
        letterhead: random.chance(60).then(|| of.letterhead.clone()),
        uen: random.chance(40).then(|| of.uen.clone()),
        postal_code: random.chance(45).then(|| of.postal_code.clone()),
        phone: random.chance(60).then(|| of.phone.clone()),
        structured_name: random.chance(20),
    };
    page(&title, of, &disclosed, random)
}

/// What a page tells of its owner.
struct Disclosed {
    letterhead: Option<String>,
    uen: Option<String>,
    postal_code: Option<String>,
    phone: Option<String>,
    structured_name: bool,
}

fn page(title: &str, of: &Named, disclosed: &Disclosed, random: &mut Random) -> String {
    let structured = if disclosed.structured_name {
        let name = serde_json::json!({ "@context": "https://schema.org", "@type": "Organization", "name": of.brand });
        format!("<script type=\"application/ld+json\">{name}</script>")
    } else {
        String::new()
    };
    let mut footer = Vec::new();
    if let Some(letterhead) = &disclosed.letterhead {
        let by = random.pick(&["&copy; 2026 ", "Copyright 2025 ", ""]);
        footer.push(format!("{by}{}", escaped(letterhead)));
    }
    if let Some(uen) = &disclosed.uen {
        footer.push(format!("{}{uen}", random.pick(&["UEN: ", "Co. Reg. No. ", "UEN ", "Registration number "])));
    }
    if let Some(postal_code) = &disclosed.postal_code {
        footer.push(format!("{} Sandglass Road, Singapore {postal_code}", random.between(1, 99)));
    }
    if let Some(phone) = &disclosed.phone {
        footer.push(format!("Tel {phone}"));
    }
    format!(
        "<!DOCTYPE html><html><head><title>{}</title>{structured}</head><body><h1>{}</h1><p>{} {}. {}</p><footer>{}</footer></body></html>",
        escaped(title),
        escaped(if random.chance(70) { &of.brand } else { "Quality you can rely on" }),
        if random.chance(60) { escaped(&of.brand) } else { "Our company".to_owned() },
        of.pitch,
        random.pick(&[
            "Serving customers across Singapore since 1998.",
            "Based in Singapore, we work across the region.",
            "Talk to us about your next project.",
        ]),
        footer.join(" | ")
    )
}

/// The home page of a firm abroad that happens to have the same name.
pub fn foreign(of: &Named, random: &mut Random) -> String {
    let (ending, place, phone) = random.pick(&[
        ("Ltd", "Leeds, United Kingdom", "+44 113 496 0123"),
        ("Limited", "Auckland, New Zealand", "+64 9 555 0134"),
        ("Sdn Bhd", "Johor Bahru, Malaysia", "+60 7 555 0188"),
        ("Pty Ltd", "Perth, Australia", "+61 8 5550 1234"),
        ("GmbH", "Kassel, Germany", "+49 561 555 0199"),
        ("Inc.", "Tulsa, Oklahoma, USA", "+1 918 555 0144"),
        ("Pvt Ltd", "Pune, India", "+91 20 5550 1234"),
        ("PT", "Surabaya, Indonesia", "+62 31 555 0177"),
    ]);
    let brand = if random.chance(60) { &of.brand } else { &of.word };
    let legal = if random.chance(70) { format!("&copy; 2026 {} {ending}", escaped(brand)) } else { String::new() };
    let whereabouts = if random.chance(75) { format!("{place}. Call {phone}") } else { String::new() };
    let reach = if random.chance(15) {
        "We serve customers in Dubai, London and Singapore."
    } else {
        "Call us for a quotation."
    };
    format!(
        "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1><p>{0} {1}. {reach}</p><footer>{legal} {whereabouts}</footer></body></html>",
        escaped(brand),
        of.pitch
    )
}

/// A page on a domain that nobody uses: for sale, parked, or fresh from the hosting company.
pub fn parked(domain: &str, of: &Named, random: &mut Random) -> String {
    let brand = escaped(&of.brand);
    let (title, body) = match random.below(10) {
        0 => (
            domain.to_owned(),
            format!("{domain} is parked free, courtesy of your registrar. <a href=\"/listing\">Get this domain</a>"),
        ),
        1 => (
            format!("{domain} is for sale"),
            "<h1>This domain is for sale</h1><p>Make an offer. Buyer protection and fast transfer.</p>".to_owned(),
        ),
        2 => (
            format!("{domain} - {brand} resources and information"),
            format!(
                "<p>{domain} is your first and best source for all of the information you are looking for.</p>\
                     <p>Related searches: {brand}, {0} Singapore, {0} near me</p><p>This webpage was generated by the domain owner using domain parking.</p>",
                escaped(of.trade)
            ),
        ),
        3 => (
            "Welcome to nginx!".to_owned(),
            "<h1>Welcome to nginx!</h1><p>If you see this page, the web server is successfully installed.</p>"
                .to_owned(),
        ),
        4 => ("Index of /".to_owned(), "<h1>Index of /</h1><pre>cgi-bin/</pre>".to_owned()),
        5 => (
            "Account Suspended".to_owned(),
            "<h1>This Account has been suspended.</h1><p>Contact your hosting provider.</p>".to_owned(),
        ),
        6 => (
            format!("{brand} &#8211; Just another WordPress site"),
            format!(
                "<h1>{brand}</h1><h2>Hello world!</h2><p>Welcome to WordPress. This is your first post. Edit or delete it, then start writing!</p>"
            ),
        ),
        7 => (
            "Default page".to_owned(),
            format!(
                "<h1>{domain}</h1><p>Future home of something quite cool. If you are the site owner, log in to launch this site.</p>"
            ),
        ),
        8 => (
            domain.to_owned(),
            format!(
                "<p>The domain {domain} has been registered by a customer. Renew or buy domains from S$12 a year.</p>"
            ),
        ),
        // An expired name taken over for what its old links are worth.
        _ => (
            format!("{brand} - Daftar Situs Slot Online Terpercaya"),
            format!("<h1>{brand}</h1><p>{brand} slot gacor, judi bola, casino online, bonus new member.</p>"),
        ),
    };
    format!("<!DOCTYPE html><html><head><title>{title}</title></head><body>{body}</body></html>")
}

/// A page of somebody else that names the company.
pub fn mention(of: &Named, random: &mut Random) -> String {
    let letterhead = escaped(&of.letterhead);
    let (title, body) = match random.below(4) {
        0 => (
            "Umbrane Pumps GmbH - dealers".to_owned(),
            format!(
                "<h1>Our dealers in Asia</h1><p>Singapore: {letterhead}. Malaysia: Orbane Sdn Bhd. Thailand: Siamore Co., Ltd.</p><footer>&copy; Umbrane Pumps GmbH, Kassel, Germany</footer>"
            ),
        ),
        1 => (
            format!("{} review - Makan Notes", escaped(&of.word)),
            format!(
                "<h1>What I think of {}</h1><p>Last week I tried {letterhead}. A personal blog about shops in Singapore.</p><footer>Makan Notes, a personal blog</footer>",
                escaped(&of.brand)
            ),
        ),
        2 => (
            format!("{} - web design sample", escaped(&of.word)),
            format!(
                "<h1>Demo site</h1><p>Sample layout made for {letterhead} by Pixelane Studio. Lorem ipsum dolor sit amet.</p><footer>&copy; Pixelane Studio LLP</footer>"
            ),
        ),
        _ => (
            format!("{} - company profile", escaped(&of.brand)),
            format!(
                "<h1>{letterhead}</h1><p>UEN {}. Company profile, officers and financial reports. Buy report S$33.</p><p>Similar companies: Fendora Trading Pte Ltd (UEN 201812345A), Galvane Foods Pte Ltd (UEN 200912345B), Wexlin LLP (UEN T12LL0001C), Norquay Pte Ltd (UEN 198712345D)</p><footer>Business directory of Singapore</footer>",
                of.uen
            ),
        ),
    };
    format!("<!DOCTYPE html><html><head><title>{title}</title></head><body>{body}</body></html>")
}

/// The home page of a company that has changed its brand and says so.
pub fn rebranded(of: &Named, brand: &str, random: &mut Random) -> String {
    let uen = if random.chance(40) { format!(" UEN {}", of.uen) } else { String::new() };
    format!(
        "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1><p>{0}, formerly {1}, {2}.</p><footer>{0} is a brand of {3}, Singapore.{uen}</footer></body></html>",
        escaped(brand),
        escaped(&of.brand),
        of.pitch,
        escaped(&of.letterhead)
    )
}

/// The site of a large group, or of a market place, that owns the domain now.
pub fn other_owner(random: &mut Random) -> String {
    let (title, body) = random.pick(&[
        ("Domain market", "Thousands of premium domains. Search, make an offer, pay in instalments."),
        (
            "Veltora Group",
            "Veltora Group Limited is a diversified group with interests in ports, property and food in 14 countries.",
        ),
        ("Shop everything at Bazaro", "Deals every day on phones, fashion and groceries. Free delivery in Singapore."),
    ]);
    format!("<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1><p>{body}</p></body></html>")
}

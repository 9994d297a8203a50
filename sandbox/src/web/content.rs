//! What the pages of a made-up company say, apart from how they are marked up.

use crate::company::{Company, title_case};
use crate::random::Random;
use crate::web::profile::{Charset, PageKind, Profile};

/// A part of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A heading of the second level.
    Heading(String),
    /// A paragraph.
    Paragraph(String),
    /// Items of a list.
    List(Vec<String>),
    /// An e-mail address, written as the site writes addresses.
    Email(String),
    /// A telephone number, written as people write one.
    Phone(String),
}

/// What one page says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The document title.
    pub title: String,
    /// The meta description.
    pub description: String,
    /// The main heading.
    pub heading: String,
    /// The body in order.
    pub blocks: Vec<Block>,
}

/// How a page of `kind` is called in the menu.
pub fn menu_label(kind: PageKind) -> &'static str {
    match kind {
        PageKind::Home => "Home",
        PageKind::About => "About us",
        PageKind::Services => "Services",
        PageKind::Contact => "Contact",
        PageKind::Products => "Products",
        PageKind::Careers => "Careers",
        PageKind::Team => "Our team",
        PageKind::Pricing => "Pricing",
        PageKind::Cases => "Case studies",
        PageKind::News => "News",
        PageKind::Privacy => "Privacy policy",
        PageKind::Questions => "FAQ",
    }
}

/// The registered name as the company itself writes it.
pub fn legal_name(company: &Company) -> String {
    title_case(&company.name).replace(" Llp", " LLP").replace("(singapore)", "(Singapore)")
}

/// The page of `kind` of the site.
pub fn content(profile: &Profile, seed: u64, kind: PageKind) -> Content {
    let company = &profile.company;
    let random = &mut Random::new(seed, menu_label(kind), company.index);
    let title = match kind {
        PageKind::Home => {
            format!("{} | {}", company.brand, random.pick(&["Singapore", company.trade.title, "Official site"]))
        }
        other => format!("{} - {}", menu_label(other), company.brand),
    };
    let heading = match kind {
        PageKind::Home => format!("Welcome to {}", company.brand),
        other => menu_label(other).to_owned(),
    };
    Content {
        title,
        description: format!("{} {}.", company.brand, company.trade.pitch),
        heading,
        blocks: blocks(profile, kind, random),
    }
}

fn blocks(profile: &Profile, kind: PageKind, random: &mut Random) -> Vec<Block> {
    let company = &profile.company;
    let mut blocks = match kind {
        PageKind::Home => home(company, random),
        PageKind::About => about(company, random),
        PageKind::Services => offers(company.trade.services, "What we do", random),
        PageKind::Products => offers(company.trade.products, "What you can order", random),
        PageKind::Contact => contact(company),
        PageKind::Careers => careers(company, random),
        PageKind::Team => team(company),
        PageKind::Pricing => pricing(company, random),
        PageKind::Cases => cases(company, random),
        PageKind::News => news(company, random),
        PageKind::Privacy => vec![Block::Paragraph(format!(
            "{} collects what you enter in the contact form to answer you, and keeps it no longer than a year.",
            legal_name(company)
        ))],
        PageKind::Questions => questions(company),
    };
    match profile.charset {
        Charset::Utf8 => {}
        Charset::Windows1252 => {
            blocks.push(Block::Paragraph("Our showroom café is open – déjà vu for returning guests.".into()))
        }
        Charset::Gb2312 => blocks.push(Block::Paragraph("欢迎访问我们的网站。我们提供优质的产品和服务。".into())),
    }
    blocks
}

fn home(company: &Company, random: &mut Random) -> Vec<Block> {
    vec![
        Block::Paragraph(format!("{} {}. {}", company.brand, company.trade.pitch, filler(random, 3))),
        Block::Heading("What we do".into()),
        Block::List(company.trade.services.iter().take(4).map(|service| capitalised(service)).collect()),
        Block::Paragraph(filler(random, 3)),
    ]
}

fn about(company: &Company, random: &mut Random) -> Vec<Block> {
    let (year, ..) = company.registered;
    vec![
        Block::Paragraph(format!(
            "Founded in Singapore in {year}, {} {}. Today a team of about {} people works from our office at {}.",
            company.brand,
            company.trade.pitch,
            company.employees,
            company.address.line()
        )),
        Block::Paragraph(filler(random, 5)),
        Block::Heading("Our mission".into()),
        Block::Paragraph(filler(random, 4)),
    ]
}

fn offers(offers: &[&str], heading: &str, random: &mut Random) -> Vec<Block> {
    let mut blocks = vec![Block::Heading(heading.into())];
    for offer in offers {
        blocks.push(Block::Heading(capitalised(offer)));
        blocks.push(Block::Paragraph(format!("Our {offer} come with a written quotation. {}", filler(random, 2))));
    }
    blocks
}

fn contact(company: &Company) -> Vec<Block> {
    vec![
        Block::Paragraph(format!("{}, {}", legal_name(company), company.address.line())),
        Block::Paragraph("We are open on weekdays from 9 am to 6 pm. Call us or write to us:".into()),
        Block::Phone(company.phone.clone()),
        Block::Email(company.email.clone()),
    ]
}

fn careers(company: &Company, random: &mut Random) -> Vec<Block> {
    const JOBS: [&str; 8] = [
        "Sales Executive",
        "Project Coordinator",
        "Technician",
        "Accounts Assistant",
        "Customer Service Officer",
        "Senior Engineer",
        "Warehouse Supervisor",
        "Marketing Executive",
    ];
    let open = random.between(0, 4) as usize;
    let jobs: Vec<String> = random.sample(&JOBS, open).into_iter().map(|job| format!("{job} (full-time)")).collect();
    let mut blocks = vec![Block::Paragraph(format!("Join {}. {}", company.brand, filler(random, 2)))];
    if jobs.is_empty() {
        blocks.push(Block::Paragraph("There are no open positions at the moment.".into()));
    } else {
        blocks.push(Block::Heading("Open positions".into()));
        blocks.push(Block::List(jobs));
    }
    blocks
}

fn team(company: &Company) -> Vec<Block> {
    let mut blocks = Vec::new();
    for person in &company.people {
        blocks.push(Block::Heading(person.name.clone()));
        blocks.push(Block::Paragraph(person.role.to_owned()));
        blocks.push(Block::Email(person.email.clone()));
    }
    blocks
}

fn pricing(company: &Company, random: &mut Random) -> Vec<Block> {
    let prices = company.trade.products.iter();
    let rows =
        prices.map(|product| format!("{}: from S${}", capitalised(product), random.between(4, 90) * 50)).collect();
    vec![Block::Paragraph("Prices exclude GST.".into()), Block::List(rows)]
}

fn cases(company: &Company, random: &mut Random) -> Vec<Block> {
    let mut blocks = Vec::new();
    for service in random.sample(company.trade.services, 3) {
        blocks.push(Block::Heading(format!("{} for a customer in {}", capitalised(service), random.pick(&PLACES))));
        blocks.push(Block::Paragraph(filler(random, 3)));
    }
    blocks
}

fn news(company: &Company, random: &mut Random) -> Vec<Block> {
    (1..=3)
        .map(|number| {
            Block::Paragraph(format!("{number}. {} at {}. {}", random.pick(&NEWS), company.brand, filler(random, 1)))
        })
        .collect()
}

fn questions(company: &Company) -> Vec<Block> {
    let answers = company.trade.services.iter().take(4);
    answers
        .map(|service| Block::Paragraph(format!("Do you offer {service}? Yes, on weekdays and by appointment.")))
        .collect()
}

const PLACES: [&str; 6] = ["Jurong", "Tampines", "Woodlands", "Bukit Merah", "Changi", "Kallang"];
const NEWS: [&str; 5] = ["New office opened", "Certificate renewed", "Charity run", "New partner", "Ten years"];

/// `count` sentences that any company might write.
fn filler(random: &mut Random, count: usize) -> String {
    const SENTENCES: [&str; 12] = [
        "We reply to every enquiry within one working day.",
        "Our customers range from family businesses to listed groups.",
        "Quality comes from people who take pride in their work.",
        "Every project has one person who answers for it from start to finish.",
        "We hold the certificates that our customers ask for and renew them every year.",
        "Clear prices and honest advice have brought most of our customers through word of mouth.",
        "We invest in training so that our staff keep up with new methods.",
        "Safety is the first point on the agenda of every meeting.",
        "Our partners in the region help us serve customers beyond Singapore.",
        "We measure what we do and share the results with our customers.",
        "A small team means short ways and quick decisions.",
        "We keep spare capacity for urgent orders.",
    ];
    random.sample(&SENTENCES, count).into_iter().copied().collect::<Vec<_>>().join(" ")
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

//! What the names, classes and styles of HTML elements say about their text.

use base64::{Engine, engine::general_purpose::STANDARD};
use memchr::memmem;

use super::{digest::Area, html::Tag};

/// An element, as far as reading its text needs to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    Anchor,
    Base,
    Body,
    Break,
    /// Lists of choices, whose text nobody wrote about the company.
    Choice,
    Container,
    Frame,
    Heading(u8),
    Html,
    Icon,
    Image,
    Inline,
    Link,
    Meta,
    Paragraph,
    Section(Area),
    Void,
}

impl Element {
    pub(super) fn breaks_line(self) -> bool {
        matches!(
            self,
            Self::Body
                | Self::Break
                | Self::Choice
                | Self::Container
                | Self::Heading(_)
                | Self::Html
                | Self::Paragraph
                | Self::Section(_)
        )
    }
}

/// The element of that name, in any case.
pub(super) fn element(name: &str) -> Element {
    let mut buffer = [0_u8; 12];
    let Some(lower) = buffer.get_mut(..name.len()) else {
        return Element::Inline;
    };
    lower.copy_from_slice(name.as_bytes());
    lower.make_ascii_lowercase();
    match &*lower {
        b"a" => Element::Anchor,
        b"base" => Element::Base,
        b"html" => Element::Html,
        b"body" | b"head" => Element::Body,
        b"br" => Element::Break,
        b"select" | b"datalist" | b"noscript" => Element::Choice,
        b"iframe" | b"frame" | b"script" => Element::Frame,
        b"h1" => Element::Heading(1),
        b"h2" => Element::Heading(2),
        b"h3" => Element::Heading(3),
        b"h4" => Element::Heading(4),
        b"h5" => Element::Heading(5),
        b"h6" => Element::Heading(6),
        b"i" => Element::Icon,
        b"img" | b"amp-img" => Element::Image,
        b"link" => Element::Link,
        b"meta" => Element::Meta,
        b"nav" => Element::Section(Area::Navigation),
        b"footer" => Element::Section(Area::Footer),
        b"header" => Element::Section(Area::Header),
        b"aside" | b"form" | b"dialog" => Element::Section(Area::Aside),
        b"hr" => Element::Paragraph,
        b"p" | b"li" | b"dt" | b"dd" | b"tr" | b"td" | b"th" | b"option" | b"legend" | b"caption" | b"figcaption"
        | b"summary" => Element::Paragraph,
        b"div" | b"section" | b"main" | b"article" | b"ul" | b"ol" | b"dl" | b"table" | b"address" | b"blockquote"
        | b"center" | b"figure" | b"fieldset" | b"details" | b"pre" | b"button" | b"marquee" => Element::Container,
        b"input" | b"source" | b"wbr" | b"col" | b"area" | b"embed" | b"param" | b"track" => Element::Void,
        _ => Element::Inline,
    }
}

/// What an element's attributes say.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Hints {
    pub(super) area: Option<Area>,
    pub(super) is_hidden: bool,
    pub(super) is_reversed: bool,
    pub(super) is_phone_icon: bool,
    pub(super) is_logo: bool,
}

/// Reads the attributes of `tag` once; `reversing_classes` are those that the page's style sheets turn round.
pub(super) fn hints(tag: &Tag<'_>, element: Element, reversing_classes: &[&str]) -> Hints {
    let mut hints = Hints {
        area: if let Element::Section(area) = element { Some(area) } else { None },
        is_hidden: element == Element::Choice && !tag.name.eq_ignore_ascii_case("noscript"),
        is_reversed: tag.name.eq_ignore_ascii_case("bdo"),
        ..Hints::default()
    };
    let is_block = matches!(element, Element::Container | Element::Section(_));
    for (name, value) in tag.attributes() {
        if name.eq_ignore_ascii_case("class") || name.eq_ignore_ascii_case("id") {
            hints.is_reversed |= !reversing_classes.is_empty()
                && value.split_ascii_whitespace().any(|class| reversing_classes.contains(&class));
            if is_block {
                hints.area = hints.area.or_else(|| area_of(value));
            }
            hints.is_phone_icon |= !is_block && names_a_phone(value);
            // Icon fonts whose letters are the icon's name.
            hints.is_hidden |=
                !is_block && (contains(value, b"material-icons") || contains(value, b"material-symbols"));
            hints.is_logo |= contains(value, b"logo");
        } else if name.eq_ignore_ascii_case("role") {
            hints.area = hints.area.or(role_area(value));
        } else if name.eq_ignore_ascii_case("style") {
            hints.is_reversed |= contains(value, b"bidi-override");
            // A hidden block may be a tab or a menu that opens; hidden words within a line are there for machines only.
            hints.is_hidden |= !is_block && hides(value);
        } else if element == Element::Image && (name.eq_ignore_ascii_case("src") || name.eq_ignore_ascii_case("alt")) {
            let value = if value.starts_with("data:") { "" } else { value };
            hints.is_phone_icon |= names_a_phone(value.rsplit('/').next().unwrap_or(value));
            hints.is_logo |= contains(value, b"logo") || contains(value, b"brand");
        }
    }
    hints
}

fn hides(style: &str) -> bool {
    contains(style, b"display:none") || contains(style, b"display: none")
}

fn contains(value: &str, needle: &[u8]) -> bool {
    value.len() >= needle.len()
        && value.as_bytes().windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle))
}

/// Icon fonts and pictures: `fa fa-phone`, `icon-telephone`, `bi-whatsapp`, `mobile.png`.
fn names_a_phone(value: &str) -> bool {
    const WORDS: [&str; 9] =
        ["phone", "telephone", "whatsapp", "mobile", "tel", "call", "handset", "headset", "hotline"];
    value
        .split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| WORDS.iter().any(|known| word.eq_ignore_ascii_case(known)))
}

fn role_area(role: &str) -> Option<Area> {
    match role {
        "navigation" | "menu" | "menubar" => Some(Area::Navigation),
        "contentinfo" => Some(Area::Footer),
        "banner" => Some(Area::Header),
        "complementary" | "dialog" | "search" => Some(Area::Aside),
        _ => None,
    }
}

/// The area that a class or id names, by its words: `site-footer`, `main_menu`, `cookie-notice`.
fn area_of(value: &str) -> Option<Area> {
    value.split(|c: char| !c.is_ascii_alphanumeric()).find_map(|word| {
        let is = |known: &str| word.eq_ignore_ascii_case(known);
        if is("footer") || is("copyright") || is("bottombar") {
            Some(Area::Footer)
        } else if is("nav") || is("navbar") || is("navigation") || is("menu") || is("breadcrumb") || is("breadcrumbs") {
            Some(Area::Navigation)
        } else if is("sidebar") || is("cookie") || is("cookies") || is("modal") || is("popup") || is("gdpr") {
            Some(Area::Aside)
        } else {
            None
        }
    })
}

/// The address in `<joomla-hidden-mail first="aW5mbw==" last="a29waS5leGFtcGxl">`: Joomla 4 and later hide every address so,
/// its two parts in base64.
pub(super) fn joomla_address(tag: &Tag<'_>) -> Option<String> {
    if !tag.name.eq_ignore_ascii_case("joomla-hidden-mail") {
        return None;
    }
    let part = |name| String::from_utf8(STANDARD.decode(tag.attribute(name)?.trim()).ok()?).ok();
    Some(format!("{}@{}", part("first")?, part("last")?))
}

/// Classes in a style sheet whose rule turns text round (`.mail { unicode-bidi: bidi-override; direction: rtl }`).
pub(super) fn reversing_classes(css: &str) -> impl Iterator<Item = &str> {
    /// Each is looked for backwards, so there is a bound on how many.
    const RULES_MAX: usize = 16;
    memmem::find_iter(css.as_bytes(), b"bidi-override").take(RULES_MAX).filter_map(|at| {
        let open = css[..at].rfind('{')?;
        let selector = css[..open].rsplit(['}', ';', '/']).next()?;
        let class = selector.rsplit(['.', '#']).next()?;
        let end = class.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_').unwrap_or(class.len());
        Some(&class[..end]).filter(|class| !class.is_empty())
    })
}

//! The words that sites name their pages with, in the languages of the region and a few more.

use super::PageKind;

/// Terms written together in lower case: `about-us`, `About us` and `aboutus` are all `aboutus`.
#[rustfmt::skip]
pub(super) const TERMS: &[(PageKind, &[&str])] = &[
    (PageKind::Contact, &[
        "contact", "contactus", "contacts", "contactme", "contactinfo", "getintouch", "reachus", "findus", "writetous",
        "enquiry", "enquiries", "inquiry", "location", "locations", "ourlocation", "ourlocations", "offices", "imprint",
        "impressum", "kontakt", "contacto", "contactenos", "contato", "contatti", "contactez", "contacteznous", "nouscontacter",
        "hubungi", "hubungikami", "kontak", "lienhe", "liênhệ", "iletisim", "联系", "联系我们", "聯絡", "聯絡我們", "联络",
        "お問い合わせ", "문의", "контакты", "ติดต่อเรา",
    ]),
    (PageKind::About, &[
        "about", "aboutus", "aboutme", "aboutcompany", "company", "thecompany", "ourcompany", "companyprofile",
        "companyinfo", "corporate", "corporateprofile", "profile", "ourstory", "story", "whoweare", "whatweare", "history",
        "ourhistory", "overview", "mission", "ourmission", "visionmission", "ueberuns", "uberuns", "überuns", "unternehmen",
        "quienessomos", "sobrenosotros", "nosotros", "sobre", "sobrenos", "quemsomos", "apropos", "quisommesnous",
        "chisiamo", "azienda", "tentang", "tentangkami", "profil", "gioithieu", "giớithiệu", "hakkimizda", "hakkımızda", "关于",
        "关于我们", "關於", "關於我們", "公司简介", "会社概要", "会社案内", "회사소개", "окомпании", "онас", "เกี่ยวกับเรา",
    ]),
    (PageKind::Careers, &[
        "career", "careers", "ourcareers", "careeropportunities", "job", "jobs", "joboffers", "joinus", "joinourteam",
        "jointheteam", "workwithus", "workforus", "workatus", "vacancies", "vacancy", "hiring", "wearehiring", "werehiring",
        "openings", "jobopenings", "openpositions", "opportunities", "recruitment", "recruit", "recruiting", "employment",
        "internship", "internships", "karriere", "stellenangebote", "jobsundkarriere", "carriere", "carrieres", "carrière",
        "carrières", "emploi", "emplois", "recrutement", "rejoigneznous", "empleo", "trabajaconnosotros", "carreiras",
        "trabalheconosco", "lavoraconnoi", "karir", "lowongan", "kerjaya", "tuyendung", "tuyểndụng", "kariyer", "招聘", "加入我们",
        "人才招聘", "徵才", "採用", "採用情報", "채용", "вакансии", "карьера", "ร่วมงานกับเรา",
    ]),
    (PageKind::Team, &[
        "team", "ourteam", "theteam", "teams", "people", "ourpeople", "leadership", "leaders", "management", "managementteam",
        "staff", "ourstaff", "founder", "founders", "directors", "boardofdirectors", "meettheteam", "meetourteam", "equipo",
        "nuestroequipo", "equipe", "équipe", "notreequipe", "unserteam", "timkami", "团队", "團隊", "管理团队", "команда",
    ]),
    (PageKind::Services, &[
        "services", "service", "ourservices", "ourservice", "whatwedo", "whatweoffer", "solutions", "solution",
        "oursolutions", "capabilities", "expertise", "ourexpertise", "offerings", "leistungen", "dienstleistungen", "servicios",
        "servicos", "serviços", "servizi", "nosservices", "layanan", "perkhidmatan", "dichvu", "dịchvụ", "hizmetler", "服务",
        "服務", "服务项目", "サービス", "事業内容", "서비스", "услуги", "บริการ",
    ]),
    (PageKind::Products, &[
        "products", "product", "ourproducts", "ourproduct", "shop", "store", "catalogue", "catalog", "collections",
        "collection", "platform", "features", "produkte", "productos", "produtos", "prodotti", "produits", "produk",
        "sanpham", "sảnphẩm", "urunler", "ürünler", "产品", "產品", "产品中心", "製品", "商品", "제품", "продукция", "สินค้า",
    ]),
    (PageKind::Pricing, &[
        "pricing", "prices", "price", "pricelist", "plans", "pricingplans", "plansandpricing", "rates", "packages", "fees",
        "preise", "precios", "precos", "preços", "prezzi", "tarifs", "tarif", "harga", "banggia", "bảnggiá", "价格", "價格",
        "料金", "цены",
    ]),
    (PageKind::Cases, &[
        "cases", "casestudies", "casestudy", "portfolio", "projects", "project", "ourprojects", "ourwork", "ourworks", "work",
        "works", "clients", "ourclients", "customers", "ourcustomers", "testimonials", "references", "successstories",
        "trackrecord", "referenzen", "projekte", "proyectos", "projetos", "progetti", "realisations", "réalisations", "proyek",
        "duan", "dựán", "案例", "成功案例", "客户案例", "実績", "导入事例", "導入事例", "проекты",
    ]),
];

/// Terms that mean a kind only when nothing else stands beside them: `management` does, `fleet-management` does not.
#[rustfmt::skip]
pub(super) const ALONE: &[&str] = &[
    "management", "leaders", "staff", "people", "work", "works", "project", "platform", "features", "store", "collection",
    "plans", "rates", "packages", "fees", "profile", "history", "story", "overview", "location", "references", "corporate",
    "recruitment", "recruit", "opportunities", "employment", "sobre", "profil",
];

/// Folders of articles: what stands in them is named after its subject, not after the page's purpose.
#[rustfmt::skip]
pub(super) const NEWS: &[&str] = &[
    "blog", "blogs", "news", "newsroom", "press", "posts", "post", "article", "articles", "events", "event", "insights",
    "resources", "category", "categories", "tag", "tags", "author", "archive", "archives", "stories",
];

/// Pages that say nothing about the company.
#[rustfmt::skip]
pub(super) const NEVER: &[&str] = &[
    "privacy", "privacypolicy", "datenschutz", "terms", "termsofservice", "termsofuse", "termsandconditions",
    "termsconditions", "tos", "cookies", "cookie", "cookiepolicy", "disclaimer", "legal", "login", "signin", "logout",
    "signup", "register", "cart", "checkout", "account", "myaccount", "wishlist", "basket", "search", "feed", "rss", "wpadmin",
    "wplogin", "wpcontent", "wpjson", "xmlrpc", "admin", "password", "unsubscribe", "refundpolicy", "returnpolicy",
    "shippingpolicy", "cgibin", "cdncgi", "404", "thankyou",
];

/// Words in lower case. Anything but letters and digits separates.
pub(super) fn tokens(text: &str) -> Vec<String> {
    let is_part = |character: char| character.is_alphanumeric() || is_mark(character);
    text.split(|character| !is_part(character)).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// Vowel signs of Thai and the Indian scripts belong to the word although they are no letters.
fn is_mark(character: char) -> bool {
    matches!(character, '\u{0300}'..='\u{036f}' | '\u{0900}'..='\u{0903}' | '\u{093a}'..='\u{094f}' | '\u{0e31}' | '\u{0e34}'..='\u{0e3a}' | '\u{0e47}'..='\u{0e4e}')
}

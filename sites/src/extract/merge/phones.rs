//! The phone numbers of a site, each once.

use super::{
    super::{
        findings::{FoundPhone, PageFindings},
        phone,
    },
    SitePhone, sorted,
};

/// The numbers on `pages`: those on most pages first, faxes last. The country that most pages point at decides for
/// numbers without a country code, and a number that one page writes in full is the one another page abbreviates.
pub(super) fn phones(pages: &[&PageFindings]) -> Vec<SitePhone> {
    let region = phone::commonest(pages.iter().filter_map(|page| page.region));
    let mut found: Vec<(FoundPhone, Vec<String>)> = Vec::new();
    for page in pages {
        for number in &page.phones {
            let e164 = phone::to_e164(&number.digits, number.how, region.as_slice());
            let number = FoundPhone { e164: e164.or_else(|| number.e164.clone()), ..number.clone() };
            match found.iter_mut().find(|(known, _)| phone::is_same(known, &number)) {
                Some((known, urls)) => {
                    join(known, &number);
                    urls.push(page.url.clone());
                }
                None => found.push((number, vec![page.url.clone()])),
            }
        }
    }
    let mut phones: Vec<SitePhone> = found.into_iter().map(|(number, urls)| site_phone(number, urls)).collect();
    phones.sort_by_cached_key(|phone| {
        (phone.is_fax, std::cmp::Reverse((phone.pages.len(), phone.e164.is_some())), phone.digits.clone())
    });
    phones
}

/// Makes two findings of one number one: the fuller way of writing it and the clearer source stay.
fn join(known: &mut FoundPhone, other: &FoundPhone) {
    let is_fuller = (other.e164.is_some(), other.digits.len()) > (known.e164.is_some(), known.digits.len());
    if known.e164.is_none() && is_fuller {
        known.e164.clone_from(&other.e164);
        known.digits.clone_from(&other.digits);
    }
    known.how = known.how.min(other.how);
    known.is_fax &= other.is_fax;
}

fn site_phone(number: FoundPhone, urls: Vec<String>) -> SitePhone {
    SitePhone {
        e164: number.e164,
        digits: number.digits,
        how: number.how,
        is_fax: number.is_fax,
        pages: sorted(urls.into_iter()),
    }
}

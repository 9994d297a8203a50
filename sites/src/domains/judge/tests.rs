use super::*;

const UEN: &str = "201512345K";

fn company() -> CompanyIdentity {
    CompanyIdentity {
        name: "KELMORA MARINE ENGINEERING PTE. LTD.".to_owned(),
        former_names: vec!["TAMVANE WORKS PTE. LTD.".to_owned()],
        uen: Some(UEN.to_owned()),
    }
}

/// A page under test, put together piece by piece.
struct Given(HomePage);

fn given(domain: &str) -> Given {
    Given(HomePage { final_domain: domain.to_owned(), asked_domain: domain.to_owned(), ..HomePage::default() })
}

impl Given {
    fn named(mut self, source: NameSource, name: &str) -> Self {
        self.0.names.push((source, CompanyName::parse(name)));
        self
    }

    fn uen(mut self, uen: &str) -> Self {
        self.0.uens.push(uen.to_owned());
        self
    }

    fn text(mut self, text: &str) -> Self {
        self.0.text = text.to_lowercase();
        self
    }

    fn in_singapore(mut self) -> Self {
        self.0.in_singapore = true;
        self
    }

    fn asked_as(mut self, domain: &str) -> Self {
        self.0.asked_domain = domain.to_owned();
        self
    }

    fn confidence(&self) -> f64 {
        judge(&company(), &self.0).confidence
    }

    #[track_caller]
    fn then_accepted(self) {
        let confidence = self.confidence();
        assert!(confidence >= ACCEPT_CONFIDENCE, "only {confidence:.3} for {:?}", judge(&company(), &self.0).evidence);
    }

    #[track_caller]
    fn then_rejected(self) {
        let confidence = self.confidence();
        assert!(confidence < ACCEPT_CONFIDENCE, "still {confidence:.3} for {:?}", judge(&company(), &self.0).evidence);
    }
}

#[test]
fn the_companys_own_number_convinces_at_any_domain() {
    given("hello-sea.com").uen(UEN).then_accepted();
}

#[test]
fn the_registered_name_in_the_copyright_line_convinces() {
    given("kelmora.com.sg").named(NameSource::Copyright, "Kelmora Marine Engineering Pte Ltd").then_accepted();
}

#[test]
fn the_brand_convinces_only_with_the_whole_name_as_domain_in_singapore() {
    let brand = "Kelmora Marine Engineering";
    given("kelmoramarineengineering.com.sg").named(NameSource::Title, brand).in_singapore().then_accepted();
    given("kelmoramarineengineering.com").named(NameSource::Title, brand).then_rejected();
    given("kelmora.com").named(NameSource::Title, brand).in_singapore().then_rejected();
}

#[test]
fn another_companys_number_outweighs_the_same_name() {
    given("kelmoramarineengineering.com.sg")
        .named(NameSource::Title, "Kelmora Marine Engineering")
        .uen("200854321W")
        .in_singapore()
        .then_rejected();
}

#[test]
fn the_same_name_in_another_legal_form_is_another_company() {
    given("kelmoramarineengineering.com.sg")
        .named(NameSource::Title, "Kelmora Marine Engineering")
        .named(NameSource::Copyright, "Kelmora Marine Engineering LLP")
        .in_singapore()
        .then_rejected();
    given("kelmora.com").named(NameSource::Copyright, "Kelmora Marine Engineering Sdn Bhd").then_rejected();
}

#[test]
fn a_sister_with_a_longer_name_is_another_company() {
    given("kelmoramarineengineering.com.sg")
        .named(NameSource::Title, "Kelmora Marine Engineering")
        .named(NameSource::LegalForm, "Kelmora Marine Engineering Services Pte Ltd")
        .in_singapore()
        .then_rejected();
}

#[test]
fn a_parked_domain_is_never_accepted() {
    let mut page = given("kelmora.com.sg").uen(UEN).named(NameSource::Title, "Kelmora Marine Engineering Pte Ltd");
    page.0.parked = vec![super::super::page::ParkedSign::ForSale];
    assert!(page.confidence() < 0.001);
}

#[test]
fn a_directory_that_lists_the_number_among_others_then_rejected() {
    given("kelmoramarineengineering.com")
        .uen(UEN)
        .uen("200854321W")
        .uen("199912345M")
        .uen("T12LL4321B")
        .then_rejected();
}

#[test]
fn a_page_of_somebody_else_that_names_the_company_then_rejected() {
    given("kelmora.com")
        .named(NameSource::LegalForm, "Kelmora Marine Engineering Pte Ltd")
        .named(NameSource::Copyright, "Umbrane Pumps GmbH")
        .then_rejected();
}

#[test]
fn a_redirect_to_another_owner_then_rejected() {
    given("veltora.com").asked_as("kelmora.com.sg").text("a group of companies").then_rejected();
}

#[test]
fn a_redirect_to_the_new_brand_is_accepted_when_the_page_names_the_company() {
    given("sunquay.com")
        .asked_as("kelmora.com.sg")
        .named(NameSource::LegalForm, "Kelmora Marine Engineering Pte Ltd")
        .text("sunquay, formerly kelmora marine engineering")
        .in_singapore()
        .then_accepted();
}

#[test]
fn confidence_stays_within_its_bounds_and_empty_input_is_no_match() {
    let nobody = judge(&CompanyIdentity::default(), &HomePage::default());
    assert!((0.0..ACCEPT_CONFIDENCE).contains(&nobody.confidence));
}

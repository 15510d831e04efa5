use kernel::Actor;
use uuid::Uuid;

use super::*;
use crate::testing::given;

const HOST: UserId = UserId::new(Uuid::from_u128(1));
const ADMIN: UserId = UserId::new(Uuid::from_u128(2));

fn own(text: &str) -> Personal<String> {
    Personal::profile(HOST.uuid(), text.to_owned())
}

fn submit(name: &str, tax_id: Option<&str>) -> Command {
    let number = BusinessNumber::parse("124-81-00998").unwrap_or_else(|error| panic!("{error}"));
    let (company_name, tax_id) = (name.to_owned(), tax_id.map(str::to_owned));
    Command::Submit { user: HOST, company_name, number, claim: "c0".to_owned(), tax_id }
}

fn submitted() -> Event {
    let (company_name, registration_number) = (own("㈜한국렌터카"), own("1248100998"));
    Event::CorporateProfileSubmitted { user: HOST, company_name, registration_number, claim: "c0".to_owned(), tax_id: None }
}

fn document() -> (Command, Event) {
    let (upload, content_type, sha256) = (UploadId::new(Uuid::from_u128(9)), ContentType::Png, "ab".to_owned());
    let event = Event::CorporateDocumentAdded { upload, content_type, sha256: sha256.clone() };
    (Command::AddDocument { upload, content_type, sha256 }, event)
}

fn rejected() -> Event {
    Event::CorporateRejected { by: ADMIN, reason: own("흐림") }
}

#[test]
fn a_business_is_shown_once_and_again_after_a_rejection() {
    given::<Corporate>([]).when(submit(" ㈜한국렌터카 ", None)).then([submitted()]);
    given::<Corporate>([submitted()]).when(submit("㈜한국렌터카", None)).refused("SYS006", "");
    given::<Corporate>([submitted(), rejected()]).when(submit("㈜한국렌터카", None)).then([submitted()]);
    given::<Corporate>([]).when(submit("", None)).refused("SYS003", "companyName");
    given::<Corporate>([]).when(submit(&"가".repeat(201), None)).refused("SYS003", "companyName");
    given::<Corporate>([]).when(submit("㈜한국렌터카", Some(" "))).refused("SYS003", "taxId");
}

#[test]
fn nobody_approves_of_themselves() {
    let verify = |by| Command::Verify { by };
    given::<Corporate>([submitted()]).when(verify(ADMIN)).then([Event::CorporateVerified { by: ADMIN }]);
    given::<Corporate>([submitted()]).when(verify(HOST)).refused("CORP003", "");
    given::<Corporate>([submitted()]).when(Command::Reject { by: HOST, reason: own("x") }).refused("CORP003", "");
    given::<Corporate>([submitted()]).when(Command::Reject { by: ADMIN, reason: own("흐림") }).then([rejected()]);
    given::<Corporate>([submitted(), rejected()]).when(verify(ADMIN)).refused("SYS006", "");
    given::<Corporate>([submitted(), Event::CorporateVerified { by: ADMIN }]).when(verify(ADMIN)).then([]);
    given::<Corporate>([]).when(verify(ADMIN)).refused("SYS007", "corporateProfileId");
}

#[test]
fn papers_are_added_by_their_owner_while_nothing_is_decided() {
    let (command, event) = document();
    let by = |user: UserId| Actor::User(user.uuid());
    given::<Corporate>([submitted()]).by(by(HOST)).when(command.clone()).then([event.clone()]);
    given::<Corporate>([submitted()]).by(by(ADMIN)).when(command.clone()).refused("SYS007", "corporateProfileId");
    let verified = [submitted(), Event::CorporateVerified { by: ADMIN }];
    given::<Corporate>(verified).by(by(HOST)).when(command.clone()).refused("SYS006", "");
    let full = [submitted()].into_iter().chain(std::iter::repeat_n(event, MAX_DOCUMENTS as usize));
    given::<Corporate>(full).by(by(HOST)).when(command).refused("FILE001", "uploadId");
}

#[test]
fn a_wrong_number_has_its_text() {
    assert!(crate::catalogue::find(&kernel::Refusal::refused(&Refusal::BadNumber).code).is_some());
}

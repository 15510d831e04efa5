//! What people do with their accounts, and administrators with others'.

use daybook_tests::server::{PASSWORD, Variant};
use serde_json::json;

use super::{Person, Staff, me, opens, sign_in};
use crate::cast::{Cast, upload};

/// Address and number are proved by what was sent there, once.
pub fn proofs(cast: &Cast) {
    let email = "proof@people.example";
    let input = json!({ "email": email, "password": PASSWORD, "name": "김하늘", "phone": "+82 10-7654-3210", "role": "GUEST" });
    let payload = cast.book.client().mutate("registerUser", "accessToken", &input).done();
    let client = cast.book.client().with_token(payload["accessToken"].as_str().unwrap());
    let sms = cast.book.code_after("***-3210", "phone code: ");
    assert_eq!(sms.len(), 6);
    let verify = |code: &str| client.command("verifyPhone", "user { isPhoneVerified }", json!({ "code": code }));
    let wrong = if sms == "000000" { "000001" } else { "000000" };
    assert_eq!(verify(wrong).refused(), "AUTH008");
    assert_eq!(verify(&sms).done()["user"]["isPhoneVerified"], true);
    assert_eq!(verify(&sms).refused(), "AUTH008", "a code works once");
    let first = cast.book.code_for(email);
    client.mutate("resendVerification", "user { isVerified }", &json!({ "channel": "EMAIL" })).done();
    let anyone = cast.book.client();
    assert_eq!(anyone.mutate("verifyEmail", "user { isVerified }", &json!({ "code": first })).done()["user"]["isVerified"], true);
    assert_eq!(anyone.mutate("verifyEmail", "user { isVerified }", &json!({ "code": first })).refused(), "AUTH008");
    if cast.book.variant() == Variant::Server {
        // A million codes cannot be tried.
        let last = (0..6).map(|_| verify("111111").refused()).fold(None, |_, refused| Some(refused));
        assert_eq!(last.as_deref(), Some("AUTH006"));
    }
}

/// Changing and forgetting a password.
pub fn passwords(cast: &Cast) {
    let first = Person::new(cast, "password", "GUEST");
    let second = Person::signed_in(cast, &first.email, PASSWORD);
    let change = |old: &str, new: &str| {
        first.client(cast).mutate("changePassword", "user { id }", &json!({ "oldPassword": old, "newPassword": new }))
    };
    assert_eq!(change("Wrong-horse-1", "Another-horse-2").refused(), "AUTH001");
    assert_eq!(change(PASSWORD, "short").refused(), "AUTH005");
    change(PASSWORD, "Another-horse-2").done();
    assert!(opens(cast, &first.access), "the session that changed it goes on");
    assert!(!opens(cast, &second.access), "every other one ends");
    assert_eq!(sign_in(cast, &first.email, PASSWORD), "AUTH001");
    assert_eq!(sign_in(cast, &first.email, "Another-horse-2"), "accepted");
    let ask = |email: &str| cast.book.client().mutate("requestPasswordReset", "clientMutationId", &json!({ "email": email })).verdict();
    assert_eq!((ask("nobody@people.example"), ask(&first.email)), ("accepted".to_owned(), "accepted".to_owned()));
    let code = cast.book.code_after("p***@people.example", "password reset code: ");
    let reset =
        |code: &str, new: &str| cast.book.client().mutate("resetPassword", "user { id }", &json!({ "code": code, "newPassword": new }));
    assert_eq!(reset(&code, "short").refused(), "AUTH005");
    assert_eq!(reset(&format!("{code}0"), "Third-horse-3!").refused(), "AUTH008");
    reset(&code, "Third-horse-3!").done();
    assert!(!opens(cast, &first.access), "every session ends");
    assert_eq!(reset(&code, "Fourth-horse-4").refused(), "AUTH008", "a code works once");
    assert_eq!(sign_in(cast, &first.email, "Another-horse-2"), "AUTH001");
    assert_eq!(sign_in(cast, &first.email, "Third-horse-3!"), "accepted");
}

/// Name, number, picture and address.
pub fn profile_and_address(cast: &Cast, staff: &Staff) {
    let person = Person::new(cast, "mover", "GUEST");
    let client = person.client(cast);
    let update = |input| client.command("updateProfile", "user { name phone isPhoneVerified }", input);
    let shown = update(json!({ "name": "이서윤", "phone": "010-2468-1357" })).done()["user"].clone();
    assert_eq!(shown, json!({ "name": "이서윤", "phone": "01024681357", "isPhoneVerified": false }));
    assert_eq!(update(json!({ "name": "🙂" })).refused(), "USER002");
    let rename = json!({ "userId": person.id, "name": "이서연" });
    assert_eq!(cast.guest2.send(RENAME, &json!({ "input": rename })).code(), "AUTH010");
    staff.admin.command("updateProfile", "user { name }", rename).done();
    let picture = upload(&client, &json!({ "ofMyself": true }));
    let image = client.command("setProfileImage", "user { imageUrl }", json!({ "uploadId": picture })).done();
    // An administrator sets it, too, from an upload of their own; nobody else does.
    let of_staff = upload(&staff.admin, &json!({ "ofMyself": true }));
    let theirs = json!({ "userId": person.id, "uploadId": of_staff });
    assert_eq!(cast.guest2.send(PICTURE, &json!({ "input": theirs })).code(), "AUTH010");
    let set = staff.admin.command("setProfileImage", "user { id imageUrl }", theirs.clone()).done()["user"].clone();
    assert!(set["id"] == person.id.as_str() && set["imageUrl"] != image["user"]["imageUrl"], "{set}");
    assert_eq!(staff.admin.command("setProfileImage", "user { id }", theirs).refused(), "FILE001", "an upload is used once");
    let shown = |user: &serde_json::Value| {
        let path = user["imageUrl"].as_str().unwrap().split_once("/photos/").unwrap().1;
        cast.book.client().status(&format!("/photos/{path}"))
    };
    assert_eq!((shown(&image["user"]), shown(&set)), (Some(404), Some(200)), "only the one that was set last");
    let ask = |email: &str| client.command("changeEmail", "user { email pendingEmail }", json!({ "email": email }));
    assert_eq!(ask("nonsense").refused(), "SYS003");
    assert_eq!(ask("RIDER@people.example").refused(), "AUTH004");
    let waiting = ask("moved@people.example").done()["user"].clone();
    assert_eq!(waiting, json!({ "email": "mover@people.example", "pendingEmail": "moved@people.example" }));
    let code = cast.book.code_after("m***@people.example", "e-mail change code: ");
    let confirm = |by: &daybook_tests::server::Client| by.command("confirmEmailChange", "user { email }", json!({ "code": code }));
    assert_eq!(confirm(&cast.guest2).refused(), "AUTH008");
    assert_eq!(confirm(&client).done()["user"]["email"], "moved@people.example");
    assert_eq!(confirm(&client).refused(), "AUTH008");
    assert_eq!(sign_in(cast, "mover@people.example", PASSWORD), "AUTH001");
    assert_eq!(sign_in(cast, "moved@people.example", PASSWORD), "accepted");
    let found = staff.admin.query("{ users(filter: { email: \"Moved@people.example\" }) { nodes { id email } } }", json!({}));
    assert_eq!(found["users"]["nodes"], json!([{ "id": person.id, "email": "moved@people.example" }]));
}

const PICTURE: &str = "mutation($input: SetProfileImageInput!) { setProfileImage(input: $input) { userErrors { code } } }";
const RENAME: &str = "mutation($input: UpdateProfileInput!) { updateProfile(input: $input) { userErrors { code } } }";

/// A role counts from the next request on, given or taken; the last administrator stays.
pub fn roles(cast: &Cast, staff: &Staff) {
    let person = Person::new(cast, "promoted", "GUEST");
    let client = person.client(cast);
    let grant = |name: &str, role: &str| staff.admin.command(name, "user { roles }", json!({ "userId": person.id, "role": role }));
    let books = || client.send("{ trialBalance { balanced } }", &json!({})).code().to_owned();
    assert_eq!(books(), "AUTH010");
    assert_eq!(grant("grantRole", "AUDITOR").done()["user"]["roles"], json!(["GUEST", "AUDITOR"]));
    assert_eq!(books(), "");
    let mut socket = daybook_tests::server::Socket::open(&client);
    socket.subscribe("log", "subscription { events { cursor } }", &json!({}));
    assert_eq!(grant("revokeRole", "AUDITOR").done()["user"]["roles"], json!(["GUEST"]));
    socket.subscribe("again", "{ me { id } }", &json!({}));
    let closed = std::iter::from_fn(|| Some(socket.hear())).find_map(Result::err);
    assert_eq!(closed, Some(Some(4403)), "what was begun with a role ends with it");
    assert_eq!(books(), "AUTH010");
    let admin = me(&staff.admin, "id")["id"].clone();
    let own = |name: &str, role: &str| staff.admin.command(name, "user { id }", json!({ "userId": admin, "role": role })).refused();
    assert_eq!((own("revokeRole", "ADMIN"), own("grantRole", "FINANCE")), ("USER004".to_owned(), "AUTH011".to_owned()));
    let nobody = json!({ "userId": "user-00000000-0000-7000-8000-000000000000", "role": "HOST" });
    assert_eq!(staff.admin.command("grantRole", "user { id }", nobody).refused(), "USER001");
    grant("grantRole", "ADMIN").done();
    let dismiss = json!({ "userId": admin, "role": "ADMIN" });
    client.command("revokeRole", "user { id }", dismiss.clone()).done();
    assert_eq!(staff.admin.send("{ users { nodes { id } } }", &json!({})).code(), "AUTH010");
    client.command("grantRole", "user { id }", dismiss).done();
    grant("revokeRole", "ADMIN").done();
}

/// Somebody comes from another system with the hash that it kept: they sign in with their password, and from then on it is hashed our way.
pub fn passwords_of_another_system(cast: &Cast) {
    const HASH: &str = "$2b$04$abcdefghijklmnopqrstuuUWcLippSxSVrbKW/ct9eTQdtoLBLaDK";
    const OLD_PASSWORD: &str = "비밀번호-1234";
    if cast.book.variant() == Variant::Embedded {
        return;
    }
    let email = "moved-in@people.example";
    let create = |input: &str| cast.book.create_user(email, "guest", &["--hashed"], input);
    let (code, said) = create(OLD_PASSWORD);
    assert!(code == Some(3) && said.contains("hint:") && !said.contains(OLD_PASSWORD), "{said}");
    let (code, said) = create(HASH);
    assert_eq!(code, Some(0), "{said}");
    let user = said.trim().rsplit('\n').next().unwrap().parse().unwrap();
    let kept = || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let log = eventlog::Log::open(cast.book.log_config()).await.unwrap();
            let kept = log.secret(&domain::user::credential_name(user)).await.unwrap().unwrap();
            log.close().await;
            kept
        })
    };
    assert_eq!(sign_in(cast, email, "비밀번호-1235"), "AUTH001");
    assert!(kept().starts_with("$2b$"), "a wrong password changes nothing");
    assert_eq!(sign_in(cast, email, OLD_PASSWORD), "accepted");
    let renewed = kept();
    assert!(renewed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{renewed}");
    assert_eq!(sign_in(cast, email, OLD_PASSWORD), "accepted");
    assert_eq!(kept(), renewed, "once is enough");
}

/// A locked account ends at once, and only who knows the password is told.
pub fn suspension(cast: &Cast, staff: &Staff) {
    let person = Person::new(cast, "locked", "GUEST");
    let of = json!({ "userId": person.id });
    let mut lock = of.clone();
    lock["reason"] = "사칭 신고".into();
    let locked = staff.admin.command("suspendUser", "user { status suspendedFor }", lock).done();
    assert_eq!(locked["user"], json!({ "status": "SUSPENDED", "suspendedFor": "사칭 신고" }));
    assert!(!opens(cast, &person.access));
    assert_eq!(
        (sign_in(cast, &person.email, PASSWORD).as_str(), sign_in(cast, &person.email, "Wrong-horse-1").as_str()),
        ("AUTH007", "AUTH001")
    );
    staff.admin.command("reactivateUser", "user { status }", of.clone()).done();
    assert!(!opens(cast, &person.access), "what ended stays ended");
    let again = Person::signed_in(cast, &person.email, PASSWORD);
    again.client(cast).command("deactivateUser", "user { status }", json!({})).done();
    assert!(!opens(cast, &again.access));
    assert_eq!(sign_in(cast, &person.email, PASSWORD), "AUTH007");
}

/// Licence, terms, consents, and the business of a host.
pub fn papers(cast: &Cast, staff: &Staff) {
    let person = Person::new(cast, "driver", "HOST");
    let client = person.client(cast);
    let soon = cast.now().checked_add(kernel::jiff::SignedDuration::from_hours(24)).unwrap();
    let licence = json!({ "number": "11-12-345678-90", "expiresAt": soon.to_string() });
    client.command("submitDriverLicence", "user { driverLicence { number status } }", licence.clone()).done();
    let verify = json!({ "userId": person.id });
    assert_eq!(staff.admin.send(VERIFY, &json!({ "input": verify })).code(), "AUTH010", "that is for support");
    staff.support.command("verifyDriverLicence", "user { driverLicence { status } }", verify).done();
    cast.advance_to(soon);
    assert_eq!(me(&client, "driverLicence { status number }")["driverLicence"], json!({ "status": "EXPIRED", "number": "111234567890" }));
    client.command("acceptTerms", "user { terms { version } }", json!({ "version": "2026-11" })).done();
    let consents = |granted: bool| {
        let input = json!({ "kind": "MARKETING_EMAIL", "granted": granted });
        client.command("setConsent", "user { consents }", input).done()["user"]["consents"].clone()
    };
    assert_eq!((consents(true), consents(false)), (json!(["MARKETING_EMAIL"]), json!([])));
    let business = |number: &str| json!({ "companyName": "㈜한국렌터카", "businessRegistrationNumber": number });
    let submit = |by: &daybook_tests::server::Client, number: &str| {
        by.command("submitCorporateProfile", "corporateProfile { id status companyName documents }", business(number))
    };
    assert_eq!(submit(&client, "124-81-00999").refused(), "CORP001");
    let shown = submit(&client, "124-81-00998").done()["corporateProfile"].clone();
    assert_eq!(submit(&cast.host, "1248100998").refused(), "CORP002");
    let paper = upload(&client, &json!({ "ofMyself": true }));
    let added = client.command("addCorporateDocument", "corporateProfile { documents }", json!({ "uploadId": paper })).done();
    let address = added["corporateProfile"]["documents"][0].as_str().unwrap().to_owned();
    let document = address.split_once("/documents/").unwrap().1;
    let get = |path: &str| cast.book.client().status(path);
    assert_eq!(get(&format!("/photos/{paper}")), Some(404), "papers are not for everybody");
    assert_eq!((get(&format!("/documents/{document}")), get(&format!("/documents/{document}0"))), (Some(200), Some(400)));
    let of = json!({ "corporateProfileId": shown["id"] });
    let verified = staff.admin.command("verifyCorporate", "corporateProfile { isVerified }", of).done();
    assert_eq!(verified["corporateProfile"]["isVerified"], true);
    let waiting = staff.admin.query("{ corporateProfiles(status: SUBMITTED) { nodes { id } } }", json!({}));
    assert_eq!(waiting["corporateProfiles"]["nodes"], json!([]));
}

const VERIFY: &str = "mutation($input: VerifyDriverLicenceInput!) { verifyDriverLicence(input: $input) { userErrors { code } } }";

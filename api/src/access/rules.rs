//! The table: every operation of the schema, who may call it, what it is about, and what it weighs.
//!
//! From the Who columns of domain.md §3 and the roles of K5. A role grants what its rows name and no more: an administrator is no
//! superset of finance, support or auditor. A test walks the schema: an operation without a row fails it, as does a row without
//! an operation.

use commands::deadletter::OPERATORS;
use commands::transfers::WRITERS;
use domain::user::Role;

use super::{Over, Root, Rule, Standing, Who};
use crate::event::LOG_READERS;
use crate::ledger::READERS as BOOKS;
use crate::product::SELLERS;
use crate::projection::READERS as WATCHERS;
use crate::transfers::READERS as TRANSFERS;

/// Rents cars and buys: people who signed up, whichever way.
const CUSTOMERS: &[Role] = &[Role::Guest, Role::Host];
/// Keeps the books.
const FINANCE: &[Role] = &[Role::Finance];
/// Gives money back.
const REFUNDERS: &[Role] = &[Role::Support, Role::Finance];
/// Looks after people.
const ADMIN: &[Role] = &[Role::Admin];
/// Tells people something in words of their own.
const SENDERS: &[Role] = &[Role::Service, Role::Admin];
/// Looks after orders.
const OFFICE: &[Role] = &[Role::Support, Role::Admin];

/// Looks into bookings: whoever finds one behind an entry of the books may read it.
const BOOKING_READERS: &[Role] = &crate::booking::READERS;
/// Looks into orders.
const ORDER_READERS: &[Role] = &crate::shop_order::READERS;
/// Who may read a copy of the books by `GET /exports/{kind}`.
pub const EXPORTS: Who = Who::Holders(&BOOKS);

/// Credentials are tried against it.
const CREDENTIALS: u32 = 5;
/// It moves money.
const MONEY: u32 = 2;

const fn rule(root: Root, operation: &'static str, who: Who) -> Rule {
    Rule { root, operation, who, over: Over::Nothing, weight: 1 }
}

const fn query(operation: &'static str, who: Who) -> Rule {
    rule(Root::Query, operation, who)
}

const fn mutation(operation: &'static str, who: Who) -> Rule {
    rule(Root::Mutation, operation, who)
}

const fn subscription(operation: &'static str, who: Who) -> Rule {
    rule(Root::Subscription, operation, who)
}

impl Rule {
    /// About a thing that is for those who stand so to it.
    const fn of_a(self, standing: Standing) -> Self {
        self.also_for(standing, &[])
    }

    /// About a thing that is for those who stand so to it, and for these offices.
    const fn also_for(self, standing: Standing, offices: &'static [Role]) -> Self {
        Self { over: Over::Thing { standing, offices }, ..self }
    }

    const fn weighs(self, weight: u32) -> Self {
        Self { weight, ..self }
    }
}

/// Every operation there is.
pub const RULES: &[Rule] = &[
    // people
    mutation("registerUser", Who::Everybody).weighs(CREDENTIALS),
    mutation("verifyEmail", Who::Everybody).weighs(CREDENTIALS),
    mutation("login", Who::Everybody).weighs(CREDENTIALS),
    mutation("refreshSession", Who::Everybody),
    mutation("logout", Who::SignedIn),
    query("me", Who::Everybody),
    // others get the public card
    query("user", Who::Everybody),
    query("users", Who::Holders(ADMIN)),
    mutation("resendVerification", Who::SignedIn).weighs(CREDENTIALS),
    mutation("verifyPhone", Who::SignedIn).weighs(CREDENTIALS),
    mutation("changePassword", Who::SignedIn).weighs(CREDENTIALS),
    mutation("requestPasswordReset", Who::Everybody).weighs(CREDENTIALS),
    mutation("resetPassword", Who::Everybody).weighs(CREDENTIALS),
    mutation("updateProfile", Who::SignedIn),
    mutation("setProfileImage", Who::SignedIn),
    mutation("changeEmail", Who::SignedIn).weighs(CREDENTIALS),
    mutation("confirmEmailChange", Who::SignedIn).weighs(CREDENTIALS),
    mutation("grantRole", Who::Holders(ADMIN)),
    mutation("revokeRole", Who::Holders(ADMIN)),
    mutation("suspendUser", Who::Holders(ADMIN)),
    mutation("reactivateUser", Who::Holders(ADMIN)),
    // one's own account, or an administrator somebody's
    mutation("deactivateUser", Who::SignedIn),
    mutation("eraseUser", Who::SignedIn),
    query("mySessions", Who::SignedIn),
    mutation("revokeSession", Who::SignedIn),
    subscription("sessionRevoked", Who::SignedIn),
    mutation("submitDriverLicence", Who::Holders(CUSTOMERS)),
    mutation("verifyDriverLicence", Who::Holders(&[Role::Support])),
    mutation("rejectDriverLicence", Who::Holders(&[Role::Support])),
    mutation("acceptTerms", Who::SignedIn),
    mutation("setConsent", Who::SignedIn),
    mutation("submitCorporateProfile", Who::Holders(&[Role::Host])),
    mutation("addCorporateDocument", Who::Holders(&[Role::Host])),
    mutation("verifyCorporate", Who::Holders(ADMIN)),
    mutation("rejectCorporate", Who::Holders(ADMIN)),
    query("corporateProfiles", Who::Holders(ADMIN)),
    mutation("issueApiKey", Who::SignedIn).weighs(CREDENTIALS),
    mutation("revokeApiKey", Who::SignedIn),
    query("myApiKeys", Who::SignedIn),
    mutation("requestSecondFactor", Who::SignedIn).weighs(CREDENTIALS),
    mutation("registerExchangeKey", Who::Holders(&[Role::Trader])).weighs(CREDENTIALS),
    mutation("rotateExchangeKey", Who::Holders(&[Role::Trader])).weighs(CREDENTIALS),
    mutation("deactivateExchangeKey", Who::Holders(&[Role::Trader])),
    query("myExchangeKeys", Who::SignedIn),
    // what people are told
    mutation("sendNotification", Who::Holders(SENDERS)),
    query("notifications", Who::SignedIn),
    query("unreadCount", Who::SignedIn),
    mutation("markRead", Who::SignedIn),
    mutation("markAllRead", Who::SignedIn),
    mutation("archiveNotification", Who::SignedIn),
    subscription("notificationReceived", Who::SignedIn),
    query("notificationPreferences", Who::SignedIn),
    mutation("setNotificationPreferences", Who::SignedIn),
    mutation("setQuietHours", Who::SignedIn),
    mutation("registerDevice", Who::SignedIn),
    mutation("removeDevice", Who::SignedIn),
    // anything by its id: nobody sees more than the thing's own query would show
    query("nodeAsOf", Who::Everybody),
    query("node", Who::Everybody),
    query("nodes", Who::Everybody),
    // vehicles and their calendars
    mutation("registerVehicle", Who::Holders(&[Role::Host])),
    mutation("requestPhotoUpload", Who::SignedIn).of_a(Standing::Owner),
    mutation("attachVehiclePhoto", Who::SignedIn).of_a(Standing::Owner),
    mutation("activateVehicle", Who::SignedIn).of_a(Standing::Owner),
    mutation("setWeeklyAvailability", Who::SignedIn).of_a(Standing::Owner),
    mutation("blockPeriod", Who::SignedIn).of_a(Standing::Owner),
    mutation("setBookingPolicy", Who::SignedIn).of_a(Standing::Owner),
    query("vehicle", Who::Everybody),
    query("vehicleCalendar", Who::Everybody),
    query("searchVehicles", Who::Everybody),
    query("quoteBooking", Who::Everybody),
    // bookings
    mutation("requestBooking", Who::Holders(CUSTOMERS)),
    mutation("approveBooking", Who::SignedIn).of_a(Standing::Host),
    mutation("rejectBooking", Who::SignedIn).of_a(Standing::Host),
    mutation("cancelBooking", Who::SignedIn).also_for(Standing::Party, &[Role::Admin]),
    mutation("reportNoShow", Who::SignedIn).of_a(Standing::Host),
    mutation("attachBookingPhoto", Who::SignedIn).of_a(Standing::Party),
    mutation("startTrip", Who::SignedIn).of_a(Standing::Party),
    mutation("endTrip", Who::SignedIn).of_a(Standing::Party),
    query("booking", Who::SignedIn).also_for(Standing::Party, BOOKING_READERS),
    query("myBookings", Who::SignedIn),
    subscription("bookingUpdated", Who::SignedIn).also_for(Standing::Party, BOOKING_READERS),
    subscription("myBookingUpdates", Who::SignedIn),
    query("bookingStatus", Who::SignedIn),
    query("waitingForMe", Who::SignedIn),
    // the shop
    mutation("createProduct", Who::Holders(&SELLERS)),
    mutation("updateProduct", Who::SignedIn).also_for(Standing::Seller, &[Role::Admin]),
    mutation("changePrice", Who::SignedIn).also_for(Standing::Seller, &[Role::Admin]),
    mutation("publishProduct", Who::SignedIn).also_for(Standing::Seller, &[Role::Admin]),
    mutation("archiveProduct", Who::SignedIn).also_for(Standing::Seller, &[Role::Admin]),
    mutation("receiveStock", Who::SignedIn).also_for(Standing::Seller, &[Role::Admin]),
    mutation("adjustStock", Who::SignedIn).also_for(Standing::Seller, &[Role::Admin]),
    query("product", Who::Everybody),
    query("products", Who::Everybody),
    query("stockLevels", Who::Holders(&SELLERS)),
    subscription("stockChanged", Who::SignedIn).also_for(Standing::Seller, OFFICE),
    mutation("placeShopOrder", Who::Holders(CUSTOMERS)).weighs(MONEY),
    mutation("cancelShopOrder", Who::SignedIn).also_for(Standing::Party, &[Role::Admin]).weighs(MONEY),
    mutation("shipShopOrder", Who::SignedIn).of_a(Standing::Seller),
    mutation("confirmDelivery", Who::SignedIn).also_for(Standing::Buyer, OFFICE),
    mutation("requestReturn", Who::SignedIn).of_a(Standing::Buyer),
    mutation("approveReturn", Who::SignedIn).also_for(Standing::Seller, OFFICE).weighs(MONEY),
    mutation("declineReturn", Who::SignedIn).also_for(Standing::Seller, OFFICE),
    mutation("withdrawReturn", Who::SignedIn).of_a(Standing::Buyer),
    query("shopOrder", Who::SignedIn).also_for(Standing::Party, ORDER_READERS),
    query("myShopOrders", Who::SignedIn),
    subscription("shopOrderUpdated", Who::SignedIn).also_for(Standing::Party, ORDER_READERS),
    // payments and settlement
    mutation("confirmPayment", Who::SignedIn).of_a(Standing::Payer).weighs(MONEY),
    mutation("requestRefund", Who::Holders(REFUNDERS)).weighs(MONEY),
    mutation("approveRefund", Who::Holders(FINANCE)).weighs(MONEY),
    query("payment", Who::SignedIn).also_for(Standing::Party, &[Role::Finance, Role::Support, Role::Auditor]),
    query("myPayments", Who::SignedIn),
    mutation("openSettlement", Who::Holders(FINANCE)).weighs(MONEY),
    mutation("approveSettlement", Who::Holders(FINANCE)).weighs(MONEY),
    mutation("cancelSettlement", Who::Holders(FINANCE)).weighs(MONEY),
    // a host sees the own lines of a batch
    mutation("setPayoutHold", Who::Holders(FINANCE)).weighs(MONEY),
    mutation("releasePayoutHold", Who::Holders(FINANCE)).weighs(MONEY),
    query("payoutHolds", Who::Holders(&BOOKS)),
    query("feeInvoices", Who::SignedIn),
    query("settlement", Who::SignedIn),
    query("payout", Who::SignedIn),
    query("settlements", Who::Holders(&BOOKS)),
    // the books and the log
    query("journal", Who::Holders(&BOOKS)),
    query("accountBalance", Who::Holders(&BOOKS)),
    query("trialBalance", Who::Holders(&BOOKS)),
    query("events", Who::Holders(&LOG_READERS)),
    subscription("events", Who::Holders(&LOG_READERS)),
    query("explain", Who::Holders(&BOOKS)),
    query("accountStatement", Who::Holders(&BOOKS)),
    // one's own, or for those who read the books somebody's
    query("hostStatement", Who::SignedIn),
    query("adjustments", Who::Holders(&BOOKS)),
    mutation("postAdjustment", Who::Holders(FINANCE)).weighs(MONEY),
    mutation("approveAdjustment", Who::Holders(FINANCE)).weighs(MONEY),
    mutation("declineAdjustment", Who::Holders(FINANCE)),
    query("accountingPeriods", Who::Holders(&BOOKS)),
    mutation("closePeriod", Who::Holders(FINANCE)),
    query("reconLines", Who::Holders(&BOOKS)),
    mutation("importStatement", Who::Holders(FINANCE)),
    mutation("fetchSettlements", Who::Holders(FINANCE)),
    mutation("resolveReconException", Who::Holders(FINANCE)),
    mutation("createAccounts", Who::Holders(&WRITERS)),
    mutation("createTransfers", Who::Holders(&WRITERS)).weighs(MONEY),
    query("transferAccount", Who::Holders(&TRANSFERS)),
    query("transferAccounts", Who::Holders(&TRANSFERS)),
    query("transfer", Who::Holders(&TRANSFERS)),
    query("transfers", Who::Holders(&TRANSFERS)),
    query("transferAccountHistory", Who::Holders(&TRANSFERS)),
    query("transferTrialBalance", Who::Holders(&TRANSFERS)),
    // a signed head is made to be shown to everybody
    query("logHead", Who::Everybody),
    query("projections", Who::Holders(&WATCHERS)),
    mutation("rebuildProjection", Who::Holders(&OPERATORS)),
    mutation("pauseProjection", Who::Holders(&OPERATORS)),
    mutation("resumeProjection", Who::Holders(&OPERATORS)),
    query("deadLetters", Who::Holders(&WATCHERS)),
    mutation("retryDeadLetter", Who::Holders(&OPERATORS)),
    mutation("skipDeadLetter", Who::Holders(&OPERATORS)),
    mutation("resolveDeadLetter", Who::Holders(&OPERATORS)),
    // absent unless the book's clock can be moved (dev and tests), and then of the one who runs it
    mutation("advanceClock", Who::Everybody),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The auditor reads whatever the books are made of, and changes nothing but the own account.
    #[test]
    fn the_auditor_reads_everything_and_changes_nothing() {
        let named = |rule: &Rule| match (rule.who, rule.over) {
            (Who::Holders(roles), _) | (_, Over::Thing { offices: roles, .. }) => roles.contains(&Role::Auditor),
            (Who::Everybody | Who::SignedIn, Over::Nothing) => false,
        };
        let of = |root| RULES.iter().filter(move |rule| rule.root == root);
        assert_eq!(of(Root::Mutation).find(|rule| named(rule)), None);
        for about in [FINANCE, ADMIN, OFFICE, REFUNDERS, &OPERATORS[..], &WRITERS[..]] {
            assert!(!about.contains(&Role::Auditor), "{about:?} is of those who change something");
        }
        let finance = |rule: &&Rule| match (rule.who, rule.over) {
            (Who::Holders(roles), _) | (_, Over::Thing { offices: roles, .. }) => roles.contains(&Role::Finance),
            (Who::Everybody | Who::SignedIn, Over::Nothing) => false,
        };
        let unread: Vec<_> = of(Root::Query).chain(of(Root::Subscription)).filter(finance).filter(|rule| !named(rule)).collect();
        assert!(unread.is_empty(), "finance reads these, auditors do not: {unread:?}");
    }

    #[test]
    fn nobody_has_two_rules_and_none_is_free() {
        for (index, rule) in RULES.iter().enumerate() {
            let twice = RULES[..index].iter().any(|other| (other.root, other.operation) == (rule.root, rule.operation));
            assert!(!twice && rule.weight > 0, "{rule:?}");
            assert!(!matches!(rule.who, Who::Holders([])), "{rule:?} is for nobody");
            // Something that is somebody's is not for whoever comes along.
            assert!(rule.over == Over::Nothing || rule.who != Who::Everybody, "{rule:?}");
        }
    }
}

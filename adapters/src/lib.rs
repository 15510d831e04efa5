//! The outside world behind traits: payment provider, payout bank, object storage, messages, geocoder.
//!
//! Every service is one object-safe trait with a stub that ships with the repository (EXT-11). Nothing here knows
//! our events: an adapter is told what to do, does it, and says what it knows about the result.

pub mod geocoder;
pub mod guard;
mod metrics;
pub mod objects;
pub mod outbox;
pub mod provider;
pub mod push;
pub mod sandbox;
pub mod settlements;

use std::pin::Pin;

pub use geocoder::{GeoPoint, GeocodeError, Geocoder, SeoulGeocoder};
pub use guard::{Breaker, BreakerState, GuardFigures, GuardLimits, Guarded, Monotonic, Permit, Watched};
pub use objects::{ContentType, FolderStore, Object, ObjectError, ObjectName, ObjectStore};
pub use outbox::{ConsoleMessenger, Message, Messenger, MessengerError, Recipient};
pub use provider::{
    Answer, CancelRequest, Cancellation, ConfirmRequest, Confirmation, PaymentOutcome, PaymentProvider, PayoutBank, PayoutOrder,
    PayoutResult, PayoutState, ProviderCancel, ProviderError, ProviderPayment,
};
pub use sandbox::{
    Book, BookError, BusinessClock, Call, Entry, Fault, Notice, NoticeHook, OrderTotal, Outcome, Sandbox, SandboxFiles, ScriptFull, Subject,
};

pub use push::{ConsolePush, Push, PushError, PushMessage};
pub use settlements::{BadReport, SettlementReports, SettlementRow};

/// A boxed future, so that the traits here stay object-safe.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

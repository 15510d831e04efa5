//! Rows as PostgreSQL takes them in its binary form: the composite types `event_row` and `receipt_row` of the migrations.

use sqlx::Type;
use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, Postgres};
use uuid::Uuid;

use crate::plan::{EventInsert, ReceiptInsert};
use crate::recorded::signed;

/// An event's row; its time is that of the batch.
pub(super) struct EventRow<'p> {
    pub event: &'p EventInsert<'p>,
    pub leaf: &'p [u8; 32],
}

/// A receipt's row. Correlation and time only where there are no events to tell them.
pub(super) struct ReceiptRow<'p> {
    pub receipt: &'p ReceiptInsert<'p>,
    pub recorded_at: i64,
}

impl Encode<'_, Postgres> for EventRow<'_> {
    fn encode_by_ref(&self, buf: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let Self { event, leaf } = self;
        let (encoded, command) = (&event.draft.event, event.command);
        let mut row = Fields::begin(buf, 15);
        row.bigint(signed(event.position))?;
        row.bigint(signed(event.version))?;
        row.bigint(command.now.as_microsecond())?;
        row.uuid(Some(event.event_id))?;
        row.uuid(Some(command.correlation_id))?;
        row.uuid(Some(command.command_id))?;
        row.uuid(command.causation_id)?;
        row.integer(i32::try_from(encoded.schema_version)?)?;
        row.bytea(&encoded.digest)?;
        row.bytea(leaf.as_slice())?;
        row.text(Some(event.draft.stream.as_str()))?;
        row.text(Some(&encoded.event_type))?;
        row.text(Some(&command.actor.to_string()))?;
        row.text(command.traceparent.as_deref())?;
        row.text(Some(&encoded.payload))?;
        Ok(IsNull::No)
    }
}

impl Encode<'_, Postgres> for ReceiptRow<'_> {
    fn encode_by_ref(&self, buf: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let Self { receipt, recorded_at } = self;
        let (draft, command) = (receipt.draft, receipt.command);
        let alone = receipt.event_ids.is_empty();
        let mut row = Fields::begin(buf, 9);
        row.uuid(Some(draft.key))?;
        row.uuid(Some(draft.fingerprint))?;
        row.uuid(Some(command.command_id))?;
        row.bigint(signed(receipt.first_position))?;
        row.field(INT8, alone.then(|| recorded_at.to_be_bytes()).as_ref().map(<[u8; 8]>::as_slice))?;
        row.integer(i32::try_from(receipt.event_ids.len())?)?;
        row.field(BOOL, Some(&[u8::from(draft.refused)]))?;
        row.uuid(alone.then_some(command.correlation_id))?;
        row.text(Some(&draft.answer))?;
        Ok(IsNull::No)
    }
}

impl Type<Postgres> for EventRow<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("event_row")
    }
}

impl PgHasArrayType for EventRow<'_> {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::array_of("event_row")
    }
}

impl Type<Postgres> for ReceiptRow<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("receipt_row")
    }
}

impl PgHasArrayType for ReceiptRow<'_> {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::array_of("receipt_row")
    }
}

/// Numbers of PostgreSQL's own types; they never change.
const BOOL: u32 = 16;
const BYTEA: u32 = 17;
const INT8: u32 = 20;
const INT4: u32 = 23;
const TEXT: u32 = 25;
const UUID: u32 = 2950;

/// The fields of a row: their number, then each with its type and length.
struct Fields<'b>(&'b mut PgArgumentBuffer);

impl<'b> Fields<'b> {
    fn begin(buf: &'b mut PgArgumentBuffer, fields: i32) -> Self {
        buf.extend_from_slice(&fields.to_be_bytes());
        Self(buf)
    }

    fn field(&mut self, of: u32, bytes: Option<&[u8]>) -> Result<(), BoxDynError> {
        self.0.extend_from_slice(&of.to_be_bytes());
        let length = bytes.map_or(Ok(-1), |bytes| i32::try_from(bytes.len()))?;
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(bytes.unwrap_or_default());
        Ok(())
    }

    fn bigint(&mut self, value: i64) -> Result<(), BoxDynError> {
        self.field(INT8, Some(&value.to_be_bytes()))
    }

    fn integer(&mut self, value: i32) -> Result<(), BoxDynError> {
        self.field(INT4, Some(&value.to_be_bytes()))
    }

    fn uuid(&mut self, value: Option<Uuid>) -> Result<(), BoxDynError> {
        self.field(UUID, value.as_ref().map(|value| value.as_bytes().as_slice()))
    }

    fn bytea(&mut self, value: &[u8]) -> Result<(), BoxDynError> {
        self.field(BYTEA, Some(value))
    }

    fn text(&mut self, value: Option<&str>) -> Result<(), BoxDynError> {
        self.field(TEXT, value.map(str::as_bytes))
    }
}

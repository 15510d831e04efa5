-- The log of one book. Times are microseconds since 1970-01-01T00:00:00Z, ids are UUIDs of 16 bytes.

-- last_event_id is the token of the head: a batch is written only on the very head that it was planned on.
create table log_head (
    id            integer primary key constraint log_head_one_row check (id = 1),
    position      integer not null constraint log_head_position check (position >= 0),
    recorded_at   integer not null,
    last_event_id blob,
    constraint log_head_last_event check ((position = 0) = (last_event_id is null))
) strict;

insert into log_head (id, position, recorded_at) values (1, 0, 0);

-- digest is of the payload, leaf of the whole row (docs/leaf.md). A stream is the events that bear its name; its version is that
-- of the last one.
create table events (
    position       integer constraint events_pk primary key,
    version        integer not null constraint events_version check (version >= 1),
    recorded_at    integer not null,
    occurred_at    integer not null,
    event_id       blob    not null,
    correlation_id blob    not null,
    command_id     blob    not null,
    causation_id   blob,
    schema_version integer not null,
    digest         blob    not null constraint events_digest check (length(digest) = 32),
    leaf           blob    not null constraint events_leaf check (length(leaf) = 32),
    stream         text    not null,
    event_type     text    not null,
    actor          text    not null,
    traceparent    text,
    payload        text    not null,
    constraint events_stream_version unique (stream, version),
    constraint events_event_id unique (event_id)
) strict;

create index events_type on events (event_type, position);
-- Interactions are random: in the order of their ids alone every event would be in another page. Within a stretch of 4,096 positions
-- they share a few.
create index events_correlation on events (position >> 12, correlation_id);

-- Which types there are in the streams of a kind: a search by kind goes through the index of types.
create table event_types (
    kind       text not null,
    event_type text not null,
    constraint event_types_pk primary key (kind, event_type)
) strict, without rowid;

-- Correlation and time are those of the events, and kept here only for a command without any. Rows lie in the order in which they
-- came: keys are random, and only their index is written all over.
create table receipts (
    key            blob    not null constraint receipts_pk primary key,
    fingerprint    blob    not null,
    command_id     blob    not null,
    first_position integer not null,
    recorded_at    integer,
    events         integer not null constraint receipts_events check (events >= 0),
    refused        integer not null constraint receipts_refused check (refused in (0, 1)),
    correlation_id blob,
    answer         text    not null,
    constraint receipts_alone check ((events = 0) = (correlation_id is not null and recorded_at is not null))
) strict;

create table vault (
    name  text not null constraint vault_pk primary key,
    value text not null
) strict, without rowid;

-- They undo the whole database transaction, not the statement alone: that would need a copy of every page that a batch touches.
create trigger events_no_update before update on events begin select raise(rollback, 'events are append-only'); end;
create trigger events_no_delete before delete on events begin select raise(rollback, 'events are append-only'); end;
create trigger receipts_no_update before update on receipts begin select raise(rollback, 'receipts are append-only'); end;
create trigger receipts_no_delete before delete on receipts begin select raise(rollback, 'receipts are append-only'); end;

create trigger log_head_forward before update on log_head when new.position < old.position or new.recorded_at < old.recorded_at
    begin select raise(rollback, 'log_head only moves forward'); end;
create trigger log_head_no_delete before delete on log_head begin select raise(rollback, 'log_head only moves forward'); end;

-- "insert or replace" deletes the row in its way without a word to the triggers above, unless the connection asks for it.
create trigger events_no_replace before insert on events
    when new.position <= (select position from log_head) or exists (select 1 from events where event_id = new.event_id)
      or exists (select 1 from events where stream = new.stream and version = new.version)
    begin select raise(rollback, 'events are append-only'); end;
create trigger receipts_no_replace before insert on receipts when exists (select 1 from receipts where key = new.key)
    begin select raise(rollback, 'receipts are append-only'); end;
create trigger log_head_no_replace before insert on log_head begin select raise(rollback, 'log_head only moves forward'); end;

-- The log of one book. Times are microseconds since 1970-01-01T00:00:00Z, ids are UUIDs of 16 bytes.

create table log_head (
    id          integer primary key constraint log_head_one_row check (id = 1),
    position    integer not null constraint log_head_position check (position >= 0),
    recorded_at integer not null
) strict;

insert into log_head (id, position, recorded_at) values (1, 0, 0);

create table streams (
    id      blob    not null constraint streams_pk primary key,
    name    text    not null constraint streams_name unique,
    kind    text    not null,
    version integer not null constraint streams_version check (version >= 1)
) strict, without rowid;

create index streams_kind on streams (kind, name);

-- digest is of the payload, leaf of the whole row (docs/leaf.md).
create table events (
    position       integer constraint events_pk primary key,
    stream_id      blob    not null,
    kind           text    not null,
    version        integer not null constraint events_version check (version >= 1),
    event_id       blob    not null,
    event_type     text    not null,
    schema_version integer not null,
    recorded_at    integer not null,
    occurred_at    integer not null,
    actor          text    not null,
    correlation_id blob    not null,
    causation_id   blob,
    command_id     blob    not null,
    traceparent    text,
    digest         blob    not null constraint events_digest check (length(digest) = 32),
    leaf           blob    not null constraint events_leaf check (length(leaf) = 32),
    payload        text    not null,
    constraint events_stream_version unique (stream_id, version),
    constraint events_event_id unique (event_id)
) strict;

create index events_type on events (event_type, position);
create index events_kind on events (kind, position);
create index events_correlation on events (correlation_id, position);

create table receipts (
    key            blob    not null constraint receipts_pk primary key,
    fingerprint    blob    not null,
    command_id     blob    not null,
    correlation_id blob    not null,
    first_position integer not null,
    events         integer not null constraint receipts_events check (events >= 0),
    refusal        text,
    result         text,
    recorded_at    integer not null,
    constraint receipts_one_answer check ((refusal is null) <> (result is null))
) strict, without rowid;

create table vault (
    name  text not null constraint vault_pk primary key,
    value text not null
) strict, without rowid;

create trigger events_no_update before update on events begin select raise(abort, 'events are append-only'); end;
create trigger events_no_delete before delete on events begin select raise(abort, 'events are append-only'); end;
create trigger receipts_no_update before update on receipts begin select raise(abort, 'receipts are append-only'); end;
create trigger receipts_no_delete before delete on receipts begin select raise(abort, 'receipts are append-only'); end;

create trigger streams_forward before update on streams
    when new.version <= old.version or new.id <> old.id or new.name <> old.name or new.kind <> old.kind
    begin select raise(abort, 'streams only move forward'); end;
create trigger streams_no_delete before delete on streams begin select raise(abort, 'streams only move forward'); end;
create trigger log_head_forward before update on log_head when new.position < old.position or new.recorded_at < old.recorded_at
    begin select raise(abort, 'log_head only moves forward'); end;
create trigger log_head_no_delete before delete on log_head begin select raise(abort, 'log_head only moves forward'); end;

-- "insert or replace" deletes the row in its way without a word to the triggers above, unless the connection asks for it.
create trigger events_no_replace before insert on events
    when new.position <= (select position from log_head) or exists (select 1 from events where event_id = new.event_id)
      or exists (select 1 from events where stream_id = new.stream_id and version = new.version)
    begin select raise(abort, 'events are append-only'); end;
create trigger receipts_no_replace before insert on receipts when exists (select 1 from receipts where key = new.key)
    begin select raise(abort, 'receipts are append-only'); end;
create trigger streams_no_replace before insert on streams
    when exists (select 1 from streams where id = new.id and (version >= new.version or name <> new.name or kind <> new.kind))
      or exists (select 1 from streams where name = new.name and id <> new.id)
    begin select raise(abort, 'streams only move forward'); end;
create trigger log_head_no_replace before insert on log_head begin select raise(abort, 'log_head only moves forward'); end;

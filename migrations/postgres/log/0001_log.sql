-- The log of one book. Times are microseconds since 1970-01-01T00:00:00Z.

-- last_event_id is the token of the head: a batch is written only on the very head that it was planned on.
create table log_head (
    id            integer primary key constraint log_head_one_row check (id = 1),
    position      bigint not null,
    recorded_at   bigint not null,
    last_event_id uuid
);

insert into log_head (id, position, recorded_at) values (1, 0, 0);

-- text, not jsonb: the payload is kept byte for byte. digest is of the payload, leaf of the whole row (docs/leaf.md).
-- A stream is the events that bear its name; its version is that of the last one. Columns of fixed size come first.
-- No checks here and in receipts: the server would parse each anew for every batch. daybook-replay verify makes them, from the bytes.
create table events (
    position       bigint           not null constraint events_pk primary key,
    version        bigint           not null,
    recorded_at    bigint           not null,
    occurred_at    bigint           not null,
    event_id       uuid             not null,
    correlation_id uuid             not null,
    command_id     uuid             not null,
    causation_id   uuid,
    schema_version integer          not null,
    digest         bytea            not null,
    leaf           bytea            not null,
    stream         text collate "C" not null,
    event_type     text collate "C" not null,
    actor          text             not null,
    traceparent    text,
    payload        text             not null,
    constraint events_stream_version unique (stream, version)
);

create index events_type on events (event_type, position);
-- Correlations are random: a filter of each range of pages finds them, and costs an append next to nothing.
create index events_correlation on events using brin (correlation_id uuid_bloom_ops) with (autosummarize = on);
-- Ids are made in the order of time, so a range of pages holds a range of them.
create index events_event_id on events using brin (event_id) with (autosummarize = on);

-- Which types there are in the streams of a kind: a search by kind goes through the index of types.
create table event_types (
    kind       text collate "C" not null,
    event_type text collate "C" not null,
    constraint event_types_pk primary key (kind, event_type)
);

-- Correlation and time are those of the events, and kept here only for a command without any.
create table receipts (
    key            uuid    not null constraint receipts_pk primary key,
    fingerprint    uuid    not null,
    command_id     uuid    not null,
    first_position bigint  not null,
    recorded_at    bigint,
    events         integer not null,
    refused        boolean not null,
    correlation_id uuid,
    answer         text    not null
);

-- A row of a batch as it is sent: an array of rows is unpacked in half the time of an array for each column.
create type event_row as (
    "position" bigint, version bigint, occurred_at bigint, event_id uuid, correlation_id uuid, command_id uuid, causation_id uuid,
    schema_version integer, digest bytea, leaf bytea, stream text, event_type text, actor text, traceparent text, payload text
);
create type receipt_row as (
    key uuid, fingerprint uuid, command_id uuid, first_position bigint, recorded_at bigint, events integer, refused boolean,
    correlation_id uuid, answer text
);

create table vault (
    name  text collate "C" not null constraint vault_pk primary key,
    value text             not null
);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% are append-only', tg_table_name using errcode = 'restrict_violation';
end $$;

create function refuse_return() returns trigger language plpgsql as $$
begin
    raise exception '% only move forward', tg_table_name using errcode = 'restrict_violation';
end $$;

create trigger events_append_only before update or delete on events for each row execute function refuse_change();
create trigger events_no_truncate before truncate on events for each statement execute function refuse_change();
create trigger receipts_append_only before update or delete on receipts for each row execute function refuse_change();
create trigger receipts_no_truncate before truncate on receipts for each statement execute function refuse_change();

-- Conditions, not code: an update that fits costs no call.
create trigger log_head_forward before update on log_head for each row
    when (new.position < old.position or new.recorded_at < old.recorded_at)
    execute function refuse_return();
create trigger log_head_no_delete before delete on log_head for each row execute function refuse_return();
create trigger log_head_no_truncate before truncate on log_head for each statement execute function refuse_return();

-- Always: session_replication_role = replica would skip an ordinary trigger.
alter table events enable always trigger events_append_only;
alter table events enable always trigger events_no_truncate;
alter table receipts enable always trigger receipts_append_only;
alter table receipts enable always trigger receipts_no_truncate;
alter table log_head enable always trigger log_head_forward;
alter table log_head enable always trigger log_head_no_delete;
alter table log_head enable always trigger log_head_no_truncate;

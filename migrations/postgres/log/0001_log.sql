-- The log of one book. Times are microseconds since 1970-01-01T00:00:00Z.

create table log_head (
    id          integer primary key constraint log_head_one_row check (id = 1),
    position    bigint not null constraint log_head_position check (position >= 0),
    recorded_at bigint not null
);

insert into log_head (id, position, recorded_at) values (1, 0, 0);

create table streams (
    id      uuid             not null constraint streams_pk primary key,
    name    text collate "C" not null constraint streams_name unique,
    kind    text collate "C" not null,
    version bigint           not null constraint streams_version check (version >= 1)
);

create index streams_kind on streams (kind, name);

-- json, not jsonb: the payload is kept byte for byte. digest is of the payload, leaf of the whole row (docs/leaf.md).
create table events (
    position       bigint           not null constraint events_pk primary key,
    stream_id      uuid             not null,
    kind           text collate "C" not null,
    version        bigint           not null constraint events_version check (version >= 1),
    event_id       uuid             not null constraint events_event_id unique,
    event_type     text collate "C" not null,
    schema_version integer          not null,
    recorded_at    bigint           not null,
    occurred_at    bigint           not null,
    actor          text             not null,
    correlation_id uuid             not null,
    causation_id   uuid,
    command_id     uuid             not null,
    traceparent    text,
    digest         bytea            not null constraint events_digest check (octet_length(digest) = 32),
    leaf           bytea            not null constraint events_leaf check (octet_length(leaf) = 32),
    payload        json             not null,
    constraint events_stream_version unique (stream_id, version)
);

create index events_type on events (event_type, position);
create index events_kind on events (kind, position);
create index events_correlation on events (correlation_id, position);

create table receipts (
    key            bytea  not null constraint receipts_pk primary key,
    fingerprint    bytea  not null,
    command_id     uuid   not null,
    correlation_id uuid   not null,
    first_position bigint not null,
    events         bigint not null constraint receipts_events check (events >= 0),
    refusal        json,
    result         json,
    recorded_at    bigint not null,
    constraint receipts_one_answer check ((refusal is null) <> (result is null))
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
create trigger streams_forward before update on streams for each row
    when (new.version <= old.version or (new.id, new.name, new.kind) is distinct from (old.id, old.name, old.kind))
    execute function refuse_return();
create trigger streams_no_delete before delete on streams for each row execute function refuse_return();
create trigger streams_no_truncate before truncate on streams for each statement execute function refuse_return();
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
alter table streams enable always trigger streams_forward;
alter table streams enable always trigger streams_no_delete;
alter table streams enable always trigger streams_no_truncate;
alter table log_head enable always trigger log_head_forward;
alter table log_head enable always trigger log_head_no_delete;
alter table log_head enable always trigger log_head_no_truncate;

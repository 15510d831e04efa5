-- What the runtime of process managers keeps beside the log; all of it is derived from events.

create table process_checkpoints (
    process  text    not null constraint process_checkpoints_pk primary key,
    position integer not null
) strict, without rowid;

create table timers (
    process  text    not null,
    key      text    not null,
    due_at   integer not null,
    intent   text    not null,
    position integer not null,
    constraint timers_pk primary key (process, key)
) strict, without rowid;

create index timers_due on timers (due_at);

create table effects (
    id           text    not null constraint effects_pk primary key,
    process      text    not null,
    position     integer not null,
    call         text    not null,
    state        text    not null,
    attempts     integer not null,
    not_before   integer not null,
    leased_until integer not null,
    epoch        integer not null,
    last_error   text
) strict, without rowid;

create index effects_state on effects (state, not_before);

create table leases (
    name       text    not null constraint leases_pk primary key,
    holder     text    not null,
    epoch      integer not null,
    expires_at integer not null
) strict, without rowid;

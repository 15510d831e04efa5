-- What the runtime of process managers keeps beside the log; all of it is derived from events.

create table process_checkpoints (
    process  text   not null constraint process_checkpoints_pk primary key,
    position bigint not null
);

create table timers (
    process  text   not null,
    key      text   not null,
    due_at   bigint not null,
    intent   json   not null,
    position bigint not null,
    constraint timers_pk primary key (process, key)
);

create index timers_due on timers (due_at);

create table effects (
    id           text    not null constraint effects_pk primary key,
    process      text    not null,
    position     bigint  not null,
    call         json    not null,
    state        text    not null,
    attempts     integer not null,
    not_before   bigint  not null,
    leased_until bigint  not null,
    epoch        bigint  not null,
    last_error   text
);

create index effects_state on effects (state, not_before);

create table leases (
    name       text   not null constraint leases_pk primary key,
    holder     text   not null,
    epoch      bigint not null,
    expires_at bigint not null
);

-- Keys of personal data (docs/sealing.md). What wraps them is outside of the database.

create table key_epochs (
    id            integer primary key constraint key_epochs_one_row check (id = 1),
    current_epoch bigint  not null constraint key_epochs_current check (current_epoch >= 0),
    check_value   bytea,
    destroyed_to  bigint  not null
);

insert into key_epochs (id, current_epoch, check_value, destroyed_to) values (1, 0, null, 0);

-- wrapped is null once the key was destroyed; the row stays, so that no other key is made.
create table subject_keys (
    subject uuid             not null,
    class   text collate "C" not null constraint subject_keys_class check (class in ('profile', 'retained')),
    epoch   bigint           not null,
    wrapped bytea,
    constraint subject_keys_pk primary key (subject, class)
);

create index subject_keys_epoch on subject_keys (epoch);

-- Keys of personal data (docs/sealing.md). What wraps them is outside of the database.

create table key_epochs (
    id            integer primary key constraint key_epochs_one_row check (id = 1),
    current_epoch integer not null constraint key_epochs_current check (current_epoch >= 0),
    check_value   blob,
    destroyed_to  integer not null
) strict;

insert into key_epochs (id, current_epoch, check_value, destroyed_to) values (1, 0, null, 0);

-- wrapped is null once the key was destroyed; the row stays, so that no other key is made.
create table subject_keys (
    subject blob    not null,
    class   text    not null constraint subject_keys_class check (class in ('profile', 'retained')),
    epoch   integer not null,
    wrapped blob,
    constraint subject_keys_pk primary key (subject, class)
) strict, without rowid;

create index subject_keys_epoch on subject_keys (epoch);

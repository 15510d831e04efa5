-- States of long streams. Only a cache: whatever does not fit is ignored, and all of it may be deleted at any time.

create table snapshots (
    stream      text    not null constraint snapshots_pk primary key,
    version     integer not null,
    schema_hash blob    not null,
    checksum    blob    not null,
    state       text    not null
) strict, without rowid;

-- The signed heads of the tree over the log, its full tiles and the public keys that signed (docs/tree.md). All of it can be derived
-- again from the events and checked; nothing of it is ever changed.

create table signed_heads (
    id        integer constraint signed_heads_pk primary key,
    origin    text    not null,
    size      integer not null constraint signed_heads_size check (size >= 0),
    root      blob    not null constraint signed_heads_root check (length(root) = 32),
    note      text    not null,
    signed_at integer not null
) strict;

create index signed_heads_by_size on signed_heads (size, id);
create index signed_heads_by_origin on signed_heads (origin, id);

-- A tile of an origin's tree: 256 hashes and the one that stands for them one level up, which is read without them.
create table tree_tiles (
    origin text    not null,
    level  integer not null constraint tree_tiles_level check (level >= 0),
    number integer not null constraint tree_tiles_number check (number >= 0),
    root   blob    not null constraint tree_tiles_root check (length(root) = 32),
    hashes blob    not null constraint tree_tiles_hashes check (length(hashes) = 8192),
    constraint tree_tiles_pk primary key (level, number, origin)
) strict;

create table tree_keys (
    vkey          text    not null constraint tree_keys_pk primary key,
    origin        text    not null,
    first_used_at integer not null
) strict, without rowid;

-- Of one origin, a head is never followed by a smaller one, nor by another of its size.
create trigger signed_heads_forward before insert on signed_heads
    when exists (select 1 from signed_heads h
                 where h.origin = new.origin and (h.size > new.size or (h.size = new.size and h.root <> new.root)))
    begin select raise(abort, 'signed_heads only move forward'); end;
create trigger signed_heads_no_update before update on signed_heads begin select raise(abort, 'signed_heads are append-only'); end;
create trigger signed_heads_no_delete before delete on signed_heads begin select raise(abort, 'signed_heads are append-only'); end;
create trigger tree_tiles_no_update before update on tree_tiles begin select raise(abort, 'tree_tiles are append-only'); end;
create trigger tree_tiles_no_delete before delete on tree_tiles begin select raise(abort, 'tree_tiles are append-only'); end;
create trigger tree_keys_no_update before update on tree_keys begin select raise(abort, 'tree_keys are append-only'); end;
create trigger tree_keys_no_delete before delete on tree_keys begin select raise(abort, 'tree_keys are append-only'); end;

-- "insert or replace" deletes the row in its way without a word to the triggers above, unless the connection asks for it.
create trigger signed_heads_no_replace before insert on signed_heads when exists (select 1 from signed_heads where id = new.id)
    begin select raise(abort, 'signed_heads are append-only'); end;
create trigger tree_tiles_no_replace before insert on tree_tiles
    when exists (select 1 from tree_tiles where level = new.level and number = new.number and origin = new.origin)
    begin select raise(abort, 'tree_tiles are append-only'); end;
create trigger tree_keys_no_replace before insert on tree_keys
    when exists (select 1 from tree_keys where vkey = new.vkey and (origin <> new.origin or first_used_at <> new.first_used_at))
    begin select raise(abort, 'tree_keys are append-only'); end;

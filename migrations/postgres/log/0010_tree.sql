-- The signed heads of the tree over the log, its full tiles and the public keys that signed (docs/tree.md). All of it can be derived
-- again from the events and checked; nothing of it is ever changed.

create table signed_heads (
    id        bigint           not null constraint signed_heads_pk primary key,
    origin    text collate "C" not null,
    size      bigint           not null constraint signed_heads_size check (size >= 0),
    root      bytea            not null constraint signed_heads_root check (octet_length(root) = 32),
    note      text             not null,
    signed_at bigint           not null
);

create index signed_heads_by_size on signed_heads (size, id);
create index signed_heads_by_origin on signed_heads (origin, id);

-- A tile of an origin's tree: 256 hashes and the one that stands for them one level up.
create table tree_tiles (
    origin text collate "C" not null,
    level  bigint           not null constraint tree_tiles_level check (level >= 0),
    number bigint           not null constraint tree_tiles_number check (number >= 0),
    root   bytea            not null constraint tree_tiles_root check (octet_length(root) = 32),
    hashes bytea            not null constraint tree_tiles_hashes check (octet_length(hashes) = 8192),
    constraint tree_tiles_pk primary key (level, number, origin)
);

-- Hashes do not compress; whole and beside the row, a root is read without them.
alter table tree_tiles alter column hashes set storage external;

create table tree_keys (
    vkey          text collate "C" not null constraint tree_keys_pk primary key,
    origin        text collate "C" not null,
    first_used_at bigint           not null
);

-- Of one origin, a head is never followed by a smaller one, nor by another of its size.
create function refuse_older_head() returns trigger language plpgsql as $$
begin
    if exists (select 1 from signed_heads h
               where h.origin = new.origin and (h.size > new.size or (h.size = new.size and h.root <> new.root))) then
        raise exception 'signed_heads only move forward' using errcode = 'restrict_violation';
    end if;
    return new;
end $$;

create trigger signed_heads_forward before insert on signed_heads for each row execute function refuse_older_head();
create trigger signed_heads_append_only before update or delete on signed_heads for each row execute function refuse_change();
create trigger signed_heads_no_truncate before truncate on signed_heads for each statement execute function refuse_change();
create trigger tree_tiles_append_only before update or delete on tree_tiles for each row execute function refuse_change();
create trigger tree_tiles_no_truncate before truncate on tree_tiles for each statement execute function refuse_change();
create trigger tree_keys_append_only before update or delete on tree_keys for each row execute function refuse_change();
create trigger tree_keys_no_truncate before truncate on tree_keys for each statement execute function refuse_change();

-- Always: session_replication_role = replica would skip an ordinary trigger.
alter table signed_heads enable always trigger signed_heads_forward;
alter table signed_heads enable always trigger signed_heads_append_only;
alter table signed_heads enable always trigger signed_heads_no_truncate;
alter table tree_tiles enable always trigger tree_tiles_append_only;
alter table tree_tiles enable always trigger tree_tiles_no_truncate;
alter table tree_keys enable always trigger tree_keys_append_only;
alter table tree_keys enable always trigger tree_keys_no_truncate;

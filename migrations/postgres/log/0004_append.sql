-- A batch of commands by one call, and states of long streams.

-- The version before the last batch: tells an update that fits from an insert that should have been one.
alter table streams add column prev bigint not null default 0;

-- Writes a batch that was planned on what the appender remembers, if all of it still holds under the head's lock:
-- where the head stands elsewhere, `fits` is false and the head is given; where a key or a version is not as planned,
-- DB001 or a unique violation is raised. Either way nothing is written.
create function append_batch(
    base bigint, top bigint, at bigint,
    receipt_key bytea[], receipt_fingerprint bytea[], receipt_command uuid[], receipt_correlation uuid[],
    receipt_first bigint[], receipt_events bigint[], receipt_refusal text[], receipt_result text[],
    stream_id uuid[], stream_name text[], stream_prev bigint[], stream_version bigint[],
    checked_name text[], checked_version bigint[],
    event_position bigint[], event_stream uuid[], event_kind text[], event_version bigint[], event_id uuid[], event_type text[],
    event_schema integer[], event_occurred bigint[], event_actor text[], event_correlation uuid[], event_causation uuid[],
    event_command uuid[], event_traceparent text[], event_digest bytea[], event_leaf bytea[], event_payload text[],
    out fits boolean, out "position" bigint, out recorded_at bigint
) language plpgsql
    -- One plan for all batches; tables that were small when they were analysed are large by now.
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set jit = off
as $$
declare
    fitting bigint;
begin
    select h.position, h.recorded_at into append_batch.position, append_batch.recorded_at from log_head h for update;
    fits := append_batch.position = base and append_batch.recorded_at <= at;
    if not fits then
        return;
    end if;
    if cardinality(checked_name) > 0 then
        select count(*) into fitting from unnest(checked_name, checked_version) c(name, version)
            where coalesce((select s.version from streams s where s.name = c.name), 0) = c.version;
        if fitting <> cardinality(checked_name) then
            raise exception 'a version that was read does not hold' using errcode = 'DB001';
        end if;
    end if;
    if cardinality(receipt_key) > 0 then
        insert into receipts (key, fingerprint, command_id, correlation_id, first_position, events, refusal, result, recorded_at)
            select r.k, r.f, r.c, r.o, r.p, r.n, r.x::json, r.y::json, at
            from unnest(receipt_key, receipt_fingerprint, receipt_command, receipt_correlation, receipt_first, receipt_events,
                        receipt_refusal, receipt_result) r(k, f, c, o, p, n, x, y);
    end if;
    if cardinality(stream_id) > 0 then
        with written as (
            insert into streams as s (id, name, kind, prev, version)
                select w.i, w.n, split_part(w.n, '-', 1), w.p, w.v from unnest(stream_id, stream_name, stream_prev, stream_version) w(i, n, p, v)
                on conflict (id) do update set prev = excluded.prev, version = excluded.version where s.version = excluded.prev
                returning s.prev = 0 or s.xmax <> 0 as as_planned
        )
        select count(*) into fitting from written where as_planned;
        if fitting <> cardinality(stream_id) then
            raise exception 'a version that was written does not hold' using errcode = 'DB001';
        end if;
        insert into events (position, stream_id, kind, version, event_id, event_type, schema_version, recorded_at, occurred_at, actor,
                            correlation_id, causation_id, command_id, traceparent, digest, leaf, payload)
            select e.p, e.s, e.k, e.v, e.i, e.t, e.sv, at, e.o, e.a, e.co, e.ca, e.c, e.tp, e.d, e.l, e.j::json
            from unnest(event_position, event_stream, event_kind, event_version, event_id, event_type, event_schema, event_occurred,
                        event_actor, event_correlation, event_causation, event_command, event_traceparent, event_digest, event_leaf,
                        event_payload) e(p, s, k, v, i, t, sv, o, a, co, ca, c, tp, d, l, j);
        update log_head set position = top, recorded_at = at;
    end if;
end $$;

-- Only a cache: whatever does not fit is ignored, and all of it may be deleted at any time.
create table snapshots (
    stream      text collate "C" not null constraint snapshots_pk primary key,
    version     bigint           not null,
    schema_hash bytea            not null,
    checksum    bytea            not null,
    state       text             not null
);

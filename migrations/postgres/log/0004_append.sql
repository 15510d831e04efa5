-- A batch of commands by one call, and states of long streams.

-- Writes a batch that was planned on what the appender remembers, if the head, under its lock, is the very one that it was
-- planned on: else `fits` is false and the head is given. Where a key or a version is not as planned, a unique violation or
-- DB001 is raised. Either way nothing is written.
create function append_batch(
    base_position bigint, base_recorded_at bigint, base_event_id uuid, top bigint, at bigint, top_event_id uuid,
    receipt_key uuid[], receipt_fingerprint uuid[], receipt_command uuid[], receipt_first bigint[], receipt_events integer[],
    receipt_refused boolean[], receipt_answer text[],
    empty_key uuid[], empty_fingerprint uuid[], empty_first bigint[], empty_refused boolean[], empty_command uuid[],
    empty_correlation uuid[], empty_answer text[],
    checked_stream text[], checked_version bigint[],
    event_stream text[], event_version bigint[], event_id uuid[], event_type text[], event_schema integer[], event_occurred bigint[],
    event_actor text[], event_correlation uuid[], event_causation uuid[], event_command uuid[], event_traceparent text[],
    event_digest bytea[], event_leaf bytea[], event_payload text[],
    out fits boolean, out "position" bigint, out recorded_at bigint, out last_event_id uuid
) language plpgsql
    -- One plan for all batches; tables that were small when they were analysed are large by now.
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set jit = off
as $$
declare
    fitting bigint;
begin
    select h.position, h.recorded_at, h.last_event_id into append_batch.position, append_batch.recorded_at, append_batch.last_event_id
        from log_head h for update;
    fits := append_batch.position = base_position and append_batch.recorded_at = base_recorded_at
        and append_batch.last_event_id is not distinct from base_event_id;
    if not fits then
        return;
    end if;
    if cardinality(checked_stream) > 0 then
        select count(*) into fitting from unnest(checked_stream, checked_version) c(stream, version)
            where coalesce((select max(e.version) from events e where e.stream = c.stream), 0) = c.version;
        if fitting <> cardinality(checked_stream) then
            raise exception 'a version that was read does not hold' using errcode = 'DB001';
        end if;
    end if;
    if cardinality(receipt_key) > 0 then
        insert into receipts (key, fingerprint, command_id, first_position, events, refused, answer)
            select * from unnest(receipt_key, receipt_fingerprint, receipt_command, receipt_first, receipt_events, receipt_refused,
                                 receipt_answer);
    end if;
    if cardinality(empty_key) > 0 then
        insert into receipts (key, fingerprint, first_position, events, refused, command_id, correlation_id, recorded_at, answer)
            select r.k, r.f, r.p, 0, r.x, r.c, r.o, at, r.a
            from unnest(empty_key, empty_fingerprint, empty_first, empty_refused, empty_command, empty_correlation, empty_answer)
                r(k, f, p, x, c, o, a);
    end if;
    if top > base_position then
        insert into events (position, stream, version, event_id, event_type, schema_version, recorded_at, occurred_at, actor,
                            correlation_id, causation_id, command_id, traceparent, digest, leaf, payload)
            select base_position + e.nth, e.s, e.v, e.i, e.t, e.sv, at, e.o, e.a, e.co, e.ca, e.c, e.tp, e.d, e.l, e.j
            from unnest(event_stream, event_version, event_id, event_type, event_schema, event_occurred, event_actor, event_correlation,
                        event_causation, event_command, event_traceparent, event_digest, event_leaf, event_payload)
                with ordinality e(s, v, i, t, sv, o, a, co, ca, c, tp, d, l, j, nth);
        update log_head set position = top, recorded_at = at, last_event_id = top_event_id;
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

-- A batch of commands by one call, and states of long streams.

-- Writes a batch that was planned on what the appender remembers, if the head, under its lock, is the very one that it was
-- planned on: else `fits` is false and the head is given. Where a key or a version is not as planned, a unique violation or
-- DB001 is raised. Either way nothing is written.
create function append_batch(
    base_position bigint, base_recorded_at bigint, base_event_id uuid, top bigint, at bigint, top_event_id uuid,
    receipt_rows receipt_row[], event_rows event_row[], checked_stream text[], checked_version bigint[],
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
    if cardinality(receipt_rows) > 0 then
        insert into receipts (key, fingerprint, command_id, first_position, recorded_at, events, refused, correlation_id, answer)
            select * from unnest(receipt_rows);
    end if;
    if top > base_position then
        insert into events (position, version, recorded_at, occurred_at, event_id, correlation_id, command_id, causation_id,
                            schema_version, digest, leaf, stream, event_type, actor, traceparent, payload)
            select e.position, e.version, at, e.occurred_at, e.event_id, e.correlation_id, e.command_id, e.causation_id,
                   e.schema_version, e.digest, e.leaf, e.stream, e.event_type, e.actor, e.traceparent, e.payload
            from unnest(event_rows) e;
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

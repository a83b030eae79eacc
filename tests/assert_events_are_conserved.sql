{{ config(tags=['stream']) }}

-- A row is numbers that do not add up: events landed = those in the fact + duplicates + quarantine,
-- and the events of all sessions + those of nobody = events in the fact.
-- The loads are read where they lie: in a copied home the view still reads those of the other one.
with landed as (
    select coalesce(sum(rows_landed), 0) as landed_rows
    from {{ source('landing', 'loads') }}
    where source_system = 'shop' and entity = 'events'
),

judged as (
    select
        count(*) as judged_rows,
        coalesce(sum(case when _status = 'accepted' then 1 else 0 end), 0) as accepted_rows
    from {{ ref('base_shop__events') }}
),

facts as (
    select
        count(*) as event_count,
        coalesce(sum(case when session_key = '-2' then 1 else 0 end), 0) as sessionless_count
    from {{ ref('fact_events') }}
),

sessions as (
    select
        count(*) as session_count,
        coalesce(sum(event_count), 0) as sessionised_count
    from {{ ref('fact_sessions') }}
),

numbers as (
    select
        landed.landed_rows,
        judged.judged_rows,
        judged.accepted_rows,
        facts.event_count,
        facts.sessionless_count,
        sessions.session_count,
        sessions.sessionised_count
    from landed
    cross join judged
    cross join facts
    cross join sessions
)

select * from numbers
where
    landed_rows <> judged_rows
    or accepted_rows <> event_count
    or sessionless_count + sessionised_count <> event_count
    or session_count > sessionised_count

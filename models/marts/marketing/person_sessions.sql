with sessions as (
    select * from {{ ref('fact_sessions') }}
    where visitor_class = 'person'
),

-- Where two persons ever logged in, or one the shop does not know, nobody else's visits are theirs.
visitor_persons as (
    select
        source_system,
        visitor_key,
        min(identity_key) as identity_key
    from sessions
    where customer_count > 0
    group by source_system, visitor_key
    having min(identity_key) = max(identity_key) and min(identity_key) <> '-1'
),

persons as (
    select
        sessions.source_system,
        sessions.session_key,
        coalesce(
            nullif(sessions.identity_key, '-1'), visitor_persons.identity_key, sessions.visitor_key
        ) as person_key,
        case
            when sessions.identity_key <> '-1' then 'account'
            when visitor_persons.identity_key is not null then 'visitor'
            else 'nothing'
        end as identified_by,
        sessions.session_date_key,
        sessions.session_date,
        sessions.started_at,
        sessions.channel_key,
        sessions.campaign_id
    from sessions
    left join visitor_persons
        on sessions.source_system = visitor_persons.source_system
        and sessions.visitor_key = visitor_persons.visitor_key
        and sessions.customer_count = 0
)

select * from persons

with judged_rows as (
    {% for source_system, names in var('modelled_entities').items() -%}
    {% set last_source = loop.last -%}
    {% for entity in names -%}
    select
        '{{ source_system }}' as source_system,
        '{{ entity }}' as entity,
        _load_id as load_id,
        _status as row_status
    from {{ ref('base_' ~ source_system ~ '__' ~ entity) }}
    {{ "union all" if not (loop.last and last_source) }}
    {% endfor -%}
    {% endfor -%}
),

outcomes as (
    select
        source_system,
        entity,
        load_id,
        sum(case when row_status = 'accepted' then 1 else 0 end) as rows_staged,
        sum(case when row_status = 'quarantined' then 1 else 0 end) as rows_quarantined,
        sum(case when row_status = 'duplicate' then 1 else 0 end) as rows_duplicate
    from judged_rows
    group by source_system, entity, load_id
),

loads as (
    select * from {{ ref('stg_landing__loads') }}
),

row_accounts as (
    select
        coalesce(loads.load_id, outcomes.load_id) as load_id,
        coalesce(loads.source_system, outcomes.source_system) as source_system,
        coalesce(loads.entity, outcomes.entity) as entity,
        coalesce(loads.rows_landed, 0) as rows_landed,
        coalesce(loads.rows_rejected, 0) as rows_rejected,
        cast(coalesce(outcomes.rows_staged, 0) as bigint) as rows_staged,
        cast(coalesce(outcomes.rows_quarantined, 0) as bigint) as rows_quarantined,
        cast(coalesce(outcomes.rows_duplicate, 0) as bigint) as rows_duplicate,
        case
            when loads.is_modelled then 0
            else coalesce(loads.rows_landed, 0)
        end as rows_not_modelled,
        cast(
            coalesce(loads.rows_landed, 0)
            - coalesce(outcomes.rows_staged, 0)
            - coalesce(outcomes.rows_quarantined, 0)
            - coalesce(outcomes.rows_duplicate, 0)
            - case when loads.is_modelled then 0 else coalesce(loads.rows_landed, 0) end as bigint
        ) as rows_unaccounted
    from loads
    full outer join outcomes
        on loads.load_id = outcomes.load_id
        and loads.source_system = outcomes.source_system
        and loads.entity = outcomes.entity
)

select * from row_accounts

with quarantined_rows as (
    {% for source_system, names in var('modelled_entities').items() -%}
    {% set last_source = loop.last -%}
    {% for entity in names -%}
    select
        '{{ source_system }}' as source_system,
        '{{ entity }}' as entity,
        reasons
    from {{ ref('quarantine_' ~ source_system ~ '__' ~ entity) }}
    {{ "union all" if not (loop.last and last_source) }}
    {% endfor -%}
    {% endfor -%}
),

rejected_lines as (
    select
        source_system,
        entity,
        'unreadable: ' || reason as reasons
    from {{ ref('stg_landing__rejects') }}
),

refused_rows as (
    select * from quarantined_rows
    union all
    select * from rejected_lines
),

reason_counts as (
    select
        source_system,
        entity,
        reasons,
        count(*) as row_count
    from refused_rows
    group by source_system, entity, reasons
)

select * from reason_counts

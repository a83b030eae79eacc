-- A row is a version that the dbt snapshot has and the history of all landed loads has not,
-- or the reverse.
{% set compared = 'source_system, product_id, valid_from, valid_to, is_deleted' %}

with snapshot_versions as (
    select
        source_system,
        product_id,
        dbt_valid_from as valid_from,
        dbt_valid_to as valid_to,
        dbt_is_deleted = 'True' as is_deleted
    from {{ ref('snap_products') }}
)

(
    select {{ compared }}, 'snapshot' as only_in from snapshot_versions
    except all
    select {{ compared }}, 'snapshot' as only_in from {{ ref('int_product_versions') }}
)
union all
(
    select {{ compared }}, 'history' as only_in from {{ ref('int_product_versions') }}
    except all
    select {{ compared }}, 'history' as only_in from snapshot_versions
)

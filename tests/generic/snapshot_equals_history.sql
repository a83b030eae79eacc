{# A row is a version that the dbt snapshot has and the history of all landed loads has not, or the
   reverse. #}
{% test snapshot_equals_history(model, history, key) %}
{%- set compared = (key + ['valid_from', 'valid_to', 'is_deleted']) | join(', ') %}
with snapshot_versions as (
    select
        {{ key | join(', ') }},
        dbt_valid_from as valid_from,
        dbt_valid_to as valid_to,
        dbt_is_deleted = 'True' as is_deleted
    from {{ model }}
)

(
    select {{ compared }}, 'snapshot' as only_in from snapshot_versions
    except all
    select {{ compared }}, 'snapshot' as only_in from {{ history }}
)
union all
(
    select {{ compared }}, 'history' as only_in from {{ history }}
    except all
    select {{ compared }}, 'history' as only_in from snapshot_versions
)
{% endtest %}

-- A row is a fact and key of which more than the declared share points at the unknown member;
-- a fact with few rows, as after a first partial delivery, is not judged.
with shares as (
    {% for fact, key in [
        ('fact_sales', 'customer_key'), ('fact_sales', 'product_key'), ('fact_sales', 'geography_key'),
        ('fact_orders', 'customer_key'), ('fact_payments', 'customer_key'), ('fact_payments', 'payment_method_key'),
        ('fact_refunds', 'customer_key'), ('fact_reviews', 'customer_key'), ('fact_inventory_daily', 'product_key'),
    ] -%}
    select
        '{{ fact }}' as fact,
        '{{ key }}' as key_column,
        source_system,
        count(*) as row_count,
        avg(case when {{ key }} = '-1' then 1.0 else 0.0 end) as unknown_share
    from {{ ref(fact) }}
    group by source_system
    {{ "union all" if not loop.last }}
    {% endfor -%}
)

select
    fact,
    key_column,
    source_system,
    row_count,
    unknown_share
from shares
where
    row_count >= {{ var('unknown_key_least_rows') }}
    and unknown_share > {{ var('unknown_key_share_limit') }}

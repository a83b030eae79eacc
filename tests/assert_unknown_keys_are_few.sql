-- A row is a fact and key of which more than the declared share points at the unknown member.
with shares as (
    {% for fact, key in [
        ('fact_sales', 'customer_key'), ('fact_sales', 'product_key'), ('fact_sales', 'geography_key'),
        ('fact_orders', 'customer_key'), ('fact_payments', 'customer_key'), ('fact_payments', 'payment_method_key'),
        ('fact_refunds', 'customer_key'), ('fact_inventory_daily', 'product_key'),
    ] -%}
    select
        '{{ fact }}' as fact,
        '{{ key }}' as key_column,
        source_system,
        avg(case when {{ key }} = '-1' then 1.0 else 0.0 end) as unknown_share
    from {{ ref(fact) }}
    group by source_system
    {{ "union all" if not loop.last }}
    {% endfor -%}
)

select *
from shares
where unknown_share > {{ var('unknown_key_share_limit') }}

-- A row is a source whose lines, payments or refunds in the star differ from the latest staged
-- rows, counted without the models between them.
with
{% for name, staged, key in [
    ('shop_lines', ref('stg_shop__order_items'), 'order_id, line_number'),
    ('shop_payments', ref('stg_shop__payments'), 'payment_id'),
    ('shop_refunds', ref('stg_shop__refunds'), 'refund_id'),
] %}
ranked_{{ name }} as (
    select
        *,
        row_number() over (
            partition by {{ key }}
            order by updated_at desc, strpos('IUD', op) desc, _content_hash desc
        ) as recency_rank
    from {{ staged }}
),

{{ name }} as (
    select * from ranked_{{ name }}
    where recency_rank = 1 and op <> 'D'
),
{% endfor %}
olist_lines as (
    select
        max_by(
            unit_price, (coalesce(_extracted_at, timestamp '1900-01-01'), _content_hash)
        ) as unit_price,
        max_by(
            shipping_amount, (coalesce(_extracted_at, timestamp '1900-01-01'), _content_hash)
        ) as shipping_amount
    from {{ ref('stg_olist__order_items') }}
    group by order_id, line_number
),

olist_payments as (
    select
        max_by(
            amount, (coalesce(_extracted_at, timestamp '1900-01-01'), _content_hash)
        ) as amount
    from {{ ref('stg_olist__order_payments') }}
    group by payment_id
),

staged_rows as (
    select
        'shop' as source_system,
        'sales' as fact,
        quantity * unit_price as amount,
        coalesce(discount_amount, 0) as discount_amount,
        coalesce(tax_amount, 0) as tax_amount,
        coalesce(shipping_amount, 0) as shipping_amount
    from shop_lines
    union all
    select
        'shop' as source_system,
        'payments' as fact,
        amount,
        0 as discount_amount,
        0 as tax_amount,
        0 as shipping_amount
    from shop_payments
    union all
    select
        'shop' as source_system,
        'refunds' as fact,
        amount,
        0 as discount_amount,
        0 as tax_amount,
        0 as shipping_amount
    from shop_refunds
    union all
    select
        'olist' as source_system,
        'sales' as fact,
        unit_price as amount,
        0 as discount_amount,
        0 as tax_amount,
        shipping_amount
    from olist_lines
    union all
    select
        'olist' as source_system,
        'payments' as fact,
        amount,
        0 as discount_amount,
        0 as tax_amount,
        0 as shipping_amount
    from olist_payments
),

fact_rows as (
    select
        source_system,
        'sales' as fact,
        gross_amount as amount,
        discount_amount,
        tax_amount,
        shipping_amount
    from {{ ref('fact_sales') }}
    union all
    select
        source_system,
        'payments' as fact,
        amount,
        0 as discount_amount,
        0 as tax_amount,
        0 as shipping_amount
    from {{ ref('fact_payments') }}
    union all
    select
        source_system,
        'refunds' as fact,
        amount,
        0 as discount_amount,
        0 as tax_amount,
        0 as shipping_amount
    from {{ ref('fact_refunds') }}
),
{% for side in ['staged', 'fact'] %}
{{ side }}_totals as (
    select
        source_system,
        fact,
        count(*) as row_count,
        sum(amount) as amount,
        sum(discount_amount) as discount_amount,
        sum(tax_amount) as tax_amount,
        sum(shipping_amount) as shipping_amount
    from {{ side }}_rows
    group by source_system, fact
){{ "," if not loop.last }}
{% endfor %}
select
    coalesce(staged.source_system, facts.source_system) as source_system,
    coalesce(staged.fact, facts.fact) as fact,
    staged.row_count as staged_rows,
    facts.row_count as fact_rows,
    staged.amount as staged_amount,
    facts.amount as fact_amount
from staged_totals as staged
full outer join fact_totals as facts
    on staged.source_system = facts.source_system
    and staged.fact = facts.fact
where
    staged.row_count is distinct from facts.row_count
    or staged.amount is distinct from facts.amount
    or staged.discount_amount is distinct from facts.discount_amount
    or staged.tax_amount is distinct from facts.tax_amount
    or staged.shipping_amount is distinct from facts.shipping_amount

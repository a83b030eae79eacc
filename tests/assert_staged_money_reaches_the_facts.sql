-- A row is a source whose lines or payments in the star differ from the latest staged rows,
-- counted without them.
with ranked_lines as (
    select
        *,
        row_number() over (
            partition by order_id, line_number
            order by updated_at desc, strpos('IUD', op) desc, _content_hash desc
        ) as recency_rank
    from {{ ref('stg_shop__order_items') }}
),

ranked_payments as (
    select
        *,
        row_number() over (
            partition by payment_id
            order by updated_at desc, strpos('IUD', op) desc, _content_hash desc
        ) as recency_rank
    from {{ ref('stg_shop__payments') }}
),

staged_rows as (
    select
        'olist' as source_system,
        'sales' as fact,
        max_by(
            unit_price, (coalesce(_extracted_at, timestamp '1900-01-01'), _content_hash)
        ) as amount
    from {{ ref('stg_olist__order_items') }}
    group by order_id, line_number
    union all
    select
        'olist' as source_system,
        'payments' as fact,
        max_by(
            amount, (coalesce(_extracted_at, timestamp '1900-01-01'), _content_hash)
        ) as amount
    from {{ ref('stg_olist__order_payments') }}
    group by payment_id
    union all
    select
        'shop' as source_system,
        'sales' as fact,
        quantity * unit_price as amount
    from ranked_lines
    where recency_rank = 1 and op <> 'D'
    union all
    select
        'shop' as source_system,
        'payments' as fact,
        amount
    from ranked_payments
    where recency_rank = 1 and op <> 'D'
),

fact_rows as (
    select
        source_system,
        'sales' as fact,
        gross_amount as amount
    from {{ ref('fact_sales') }}
    union all
    select
        source_system,
        'payments' as fact,
        amount
    from {{ ref('fact_payments') }}
),

staged as (
    select
        source_system,
        fact,
        count(*) as row_count,
        sum(amount) as amount
    from staged_rows
    group by source_system, fact
),

facts as (
    select
        source_system,
        fact,
        count(*) as row_count,
        sum(amount) as amount
    from fact_rows
    group by source_system, fact
)

select
    coalesce(staged.source_system, facts.source_system) as source_system,
    coalesce(staged.fact, facts.fact) as fact,
    staged.row_count as staged_rows,
    facts.row_count as fact_rows,
    staged.amount as staged_amount,
    facts.amount as fact_amount
from staged
full outer join facts
    on staged.source_system = facts.source_system
    and staged.fact = facts.fact
where
    staged.row_count is distinct from facts.row_count
    or staged.amount is distinct from facts.amount

-- A row is a source whose lines or payments in the star differ from the latest staged rows, counted without them.
with staged as (
    select 'olist' as source_system, 'sales' as fact, count(*) as row_count, sum(unit_price) as amount
    from {{ ref('stg_olist__order_items') }}
    union all
    select 'olist', 'payments', count(*), sum(amount) from {{ ref('stg_olist__order_payments') }}
    union all
    select 'shop', 'sales', count(*), sum(latest.quantity * latest.unit_price)
    from (
        select order_id, line_number, max_by(op, updated_at) as op, max_by(quantity, updated_at) as quantity, max_by(unit_price, updated_at) as unit_price
        from {{ ref('stg_shop__order_items') }}
        group by order_id, line_number
    ) as latest
    where latest.op <> 'D'
    union all
    select 'shop', 'payments', count(*), sum(latest.amount)
    from (
        select payment_id, max_by(op, updated_at) as op, max_by(amount, updated_at) as amount
        from {{ ref('stg_shop__payments') }}
        group by payment_id
    ) as latest
    where latest.op <> 'D'
),

facts as (
    select source_system, 'sales' as fact, count(*) as row_count, sum(gross_amount) as amount
    from {{ ref('fact_sales') }}
    group by source_system
    union all
    select source_system, 'payments', count(*), sum(amount)
    from {{ ref('fact_payments') }}
    group by source_system
)

select
    staged.source_system,
    staged.fact,
    staged.row_count as staged_rows,
    facts.row_count as fact_rows,
    staged.amount as staged_amount,
    facts.amount as fact_amount
from staged
left join facts
    on staged.source_system = facts.source_system
    and staged.fact = facts.fact
where staged.row_count <> coalesce(facts.row_count, 0)
    or coalesce(staged.amount, 0) <> coalesce(facts.amount, 0)

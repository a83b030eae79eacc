with products as (
    select * from {{ ref('dim_product_current') }}
    where product_key not in ('-1', '-2')
),

candidates as (
    select * from {{ ref('price_candidates') }}
),

scores as (
    select * from {{ source('scores', 'price_recommendation') }}
),

-- A price without a cost, or a product without a list price, is skipped and not guessed; so is
-- one of a source that sells so little that its demand is told by weeks.
recommended_products as (
    select
        products.source_system,
        products.product_id,
        products.category,
        candidates.as_of_date,
        coalesce(scores.action, 'skip') as action,
        case
            when candidates.product_id is null and products.list_price_amount is not null
                then 'no_daily_demand'
            when candidates.product_id is null then 'no_list_price'
            when scores.product_id is null then 'not_scored'
            else scores.reason
        end as reason,
        candidates.currency,
        candidates.price,
        candidates.cost_amount,
        scores.proposed_price,
        coalesce(scores.change_share, 0) as change_share,
        scores.elasticity,
        scores.elasticity_deviation,
        scores.success_probability,
        scores.expected_daily_margin,
        scores.expected_daily_gain,
        scores.lower_daily_gain,
        coalesce(scores.served_by, 'nobody') as served_by
    from products
    left join candidates
        on products.source_system = candidates.source_system
        and products.product_id = candidates.product_id
    left join scores
        on candidates.source_system = scores.source_system
        and candidates.product_id = scores.product_id
        and candidates.as_of_date = scores.as_of_date
)

select * from recommended_products

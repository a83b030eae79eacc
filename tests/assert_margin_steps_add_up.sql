-- A row is an order line whose margins are not what its own parts make.
select
    source_system,
    order_id,
    line_number,
    contribution_margin_1_amount,
    contribution_margin_2_amount,
    contribution_margin_3_amount
from {{ ref('order_margin') }}
where
    gross_amount - discount_amount <> net_amount
    or reporting_gross_amount - reporting_discount_amount <> reporting_net_amount
    or reporting_net_amount - reporting_refunded_net_amount <> net_revenue_amount
    or net_revenue_amount - cost_amount <> contribution_margin_1_amount
    or contribution_margin_1_amount + reporting_shipping_amount - reporting_refunded_shipping_amount
    - shipping_cost_amount - payment_fee_amount <> contribution_margin_2_amount
    or contribution_margin_2_amount - marketing_spend_amount <> contribution_margin_3_amount
    or is_margin_missing <> (contribution_margin_3_amount is null)
    or restocked_quantity > quantity
    or restocked_quantity < 0

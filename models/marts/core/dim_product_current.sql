select *
from {{ ref('dim_product') }}
where is_current

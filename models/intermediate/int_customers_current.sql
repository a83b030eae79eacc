{{ config(materialized='view') }}

select {{ all_columns_except(['valid_to', 'is_current', 'is_deleted']) }}
from {{ ref('int_customer_versions') }}
where is_current and not is_deleted

{{ config(materialized='table') }}

{{ judged_rows(source('shop', 'order_items')) }}

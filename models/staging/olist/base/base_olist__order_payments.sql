{{ config(materialized='table') }}

{{ judged_rows(source('olist', 'order_payments')) }}

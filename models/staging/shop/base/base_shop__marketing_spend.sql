{{ config(materialized='table') }}

{{ judged_rows(source('shop', 'marketing_spend')) }}

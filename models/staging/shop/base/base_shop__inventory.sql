{{ config(materialized='table') }}

{{ judged_rows(source('shop', 'inventory')) }}

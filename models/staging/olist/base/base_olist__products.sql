{{ config(materialized='table') }}

{{ judged_rows(source('olist', 'products')) }}

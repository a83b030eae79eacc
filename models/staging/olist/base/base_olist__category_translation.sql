{{ config(materialized='table') }}

{{ judged_rows(source('olist', 'category_translation')) }}

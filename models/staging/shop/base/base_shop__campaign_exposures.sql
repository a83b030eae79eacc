{{ config(materialized='table') }}

{{ judged_rows(source('shop', 'campaign_exposures')) }}

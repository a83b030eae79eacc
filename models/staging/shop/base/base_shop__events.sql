{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='_key_hash',
    on_schema_change='fail',
) }}

{{ judged_events(source('shop', 'events')) }}

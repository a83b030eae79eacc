{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='_key_hash',
    on_schema_change='fail',
    tags=['stream'],
) }}

{{ judged_events(source('shop', 'events')) }}

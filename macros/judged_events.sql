{#- Like judged_rows, for an entity that is appended to without end: only new loads are read, and the
    key is unique over all history. The first known row of a key counts; one that says the same is a
    duplicate, one that says something else is refused. In history keys are looked up by 8 bytes of
    their md5, then compared exactly among the few that share them.

    With the var `event_stream` no row that was accepted gives way. What comes more than
    `event_window_hours` after it happened, or in an extract that is so much older than the latest, or
    was known before the row that is accepted under its key, waits in quarantine (`late_event`). The
    next build without that var judges it again. -#}
{% macro judged_events(source_relation) -%}
    {%- set contract = source_contract(source_relation) -%}
    {%- set loads = source('landing', 'loads') -%}
    {%- set columns = contract.columns.values() | list -%}
    {%- set key = (contract.meta.key or ['null'])[0] -%}
    {%- set key_hash = fingerprint(cleaned(key)) -%}
    {%- set own_hash = fingerprint("'/' || _load_id || '/' || _row_number") -%}
    {%- set is_streamed = var('event_stream', false) -%}
    {%- set is_late = "coalesce(_known_at > " ~ contract.meta.get('business_time', 'null') ~ " + " ~ event_window()
        ~ " or _known_at < (select max(_known_at) - " ~ event_window() ~ " from " ~ this ~ "), false)"
        if is_streamed and is_incremental() else 'false' -%}
    {%- set only_here = ['_cast_reasons', '_reasons_found', '_landed', '_is_late'] -%}
    {%- set ranked_here = ['_reasons_found', '_is_late', '_was_accepted', '_content', '_landed_content', '_place', '_first_content', '_first_place', '_rank'] -%}
    {%- set judged_again = ['_status', '_reasons', '_raw_content'] -%}
    with

    {% if is_incremental() -%}
    new_loads as (
        select load_id from {{ loads }}
        where
            source_system = '{{ source_relation.schema }}'
            and entity = '{{ source_relation.identifier }}'
            and load_id not in (select distinct _load_id from {{ this }})
    ),

    {% endif -%}
    landed as (
        select * from {{ source_relation }}
        {%- if is_incremental() %}
        where _load_id in (select load_id from new_loads)
        {%- endif %}
    ),

    landed_hashes as (
        select {{ key_hash }} as key_hash from landed
        where {{ cleaned(key) }} is not null
    ),

    {% if is_incremental() -%}
    -- The hashes of all history are one narrow column; whole rows are read of few.
    known_places as (
        select rowid as place from {{ this }}
        where
            _key_hash in (select key_hash from landed_hashes)
            {%- if not is_streamed %}
            or _key_hash in (select _key_hash from {{ this }} where _reasons = 'late_event')
            {%- endif %}
    ),

    known_rows as (
        select * from {{ this }}
        where rowid in (select place from known_places)
    ),

    {% endif -%}
    contested_hashes as (
        select key_hash from landed_hashes
        group by key_hash
        having count(*) > 1
        {%- if is_incremental() %}
        union
        select _key_hash as key_hash from known_rows
        {%- endif %}
    ),

    uncontested_landed as (
        select * from landed
        where coalesce({{ key_hash }} not in (select key_hash from contested_hashes), true)
    ),

    contested_landed as (
        select * from landed
        where {{ key_hash }} in (select key_hash from contested_hashes)
    ),

    {{ ruled_rows(contract, 'uncontested_landed', dates_history=false) }},

    {{ ruled_rows(contract, 'contested_landed', 'contested_', dates_history=false) }},

    dated_rows as (
        select
            *,
            {{ is_late }} as _is_late
        from ruled
    ),

    uncontested_rows as (
        select
            {{ all_columns_except(only_here) }},
            coalesce({{ fingerprint(key) }}, {{ own_hash }}) as _key_hash,
            case
                when _reasons_found is not null or _is_late then 'quarantined' else 'accepted'
            end as _status,
            coalesce(_reasons_found, case when _is_late then 'late_event' end) as _reasons,
            case
                when _reasons_found is not null or _is_late
                    then {{ raw_content(columns) }}
            end as _raw_content
        from dated_rows
    ),

    contested_rows as (
        select
            {{ all_columns_except(['_cast_reasons', '_reasons_found', '_landed']) }},
            {{ fingerprint(key) }} as _key_hash,
            _reasons_found,
            {{ is_late }} as _is_late,
            false as _was_accepted,
            {{ typed_content(columns) }} as _content,
            {{ raw_content(columns) }} as _landed_content
        from contested_ruled
        {%- if is_incremental() %}
        union all
        select
            {{ all_columns_except(judged_again) }},
            case
                when _reasons not in ('late_event', '{{ key }}_reused') then _reasons
            end as _reasons_found,
            {{ "coalesce(_reasons = 'late_event', false)" if is_streamed else 'false' }} as _is_late,
            _status = 'accepted' as _was_accepted,
            {{ typed_content(columns) }} as _content,
            coalesce(_raw_content, {{ typed_content(columns) }}) as _landed_content
        from known_rows
        {%- endif %}
    ),

    placed_rows as (
        select
            *,
            row_number() over (
                partition by {{ key }}, _reasons_found is null
                order by _known_at nulls last, _content, _load_id, _row_number
            ) as _place
        from contested_rows
    ),

    ranked_rows as (
        select
            *,
            first_value(_content) over choices as _first_content,
            first_value(_place) over choices as _first_place,
            row_number() over choices as _rank
        from placed_rows
        window choices as (
            partition by {{ key }}, _reasons_found is null
            order by
                {%- if is_streamed %}
                case when _was_accepted then 0 when _is_late then 2 else 1 end,
                {%- endif %}
                _place
        )
    ),

    rejudged_rows as (
        select
            *,
            case
                when _reasons_found is not null then _reasons_found
                when _place < _first_place or (_rank = 1 and _is_late) then 'late_event'
                when _rank > 1 and _content <> _first_content then '{{ key }}_reused'
            end as _reasons
        from ranked_rows
    ),

    judged as (
        select * from uncontested_rows
        union all
        select
            {{ all_columns_except(ranked_here + ['_reasons']) }},
            case
                when _reasons is not null then 'quarantined'
                when _rank > 1 then 'duplicate'
                else 'accepted'
            end as _status,
            _reasons,
            case when _reasons is not null then _landed_content end as _raw_content
        from rejudged_rows
    )

    select * from judged
{%- endmacro %}

{#- What an accepted row says, as JSON like `raw_content`, from its typed columns. -#}
{% macro typed_content(columns) -%}
    {%- set fields = {} -%}
    {%- for column in columns -%}
        {%- for leaf in contract_leaves(column) -%}
            {%- set name = leaf.name ~ ('_token' if leaf.is_pii else '') -%}
            {%- do fields.update({leaf.name: "cast(" ~ name ~ " as varchar)"}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ without_addresses(json_object(fields)) }}
{%- endmacro %}

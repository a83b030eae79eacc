{#- What DuckDB and Spark spell differently lives in this folder; every other file is SQL both read. -#}

{#- Text without white space around it, no-break spaces included; NULL where nothing is left. Text that
    begins and ends with a visible ASCII sign is taken as it is, which is three times as fast. -#}
{% macro cleaned(expression) -%}
    case when {{ expression }} >= '!' and {{ expression }} < chr(127) and ({{ expression }})[-1] between '!' and '~' then {{ expression }} else nullif(trim({{ expression }}, ' ' || chr(9) || chr(10) || chr(13) || chr(160)), '') end
{%- endmacro %}

{% macro matches(expression, pattern) -%}
    regexp_matches({{ expression }}, '{{ pattern }}')
{%- endmacro %}

{% macro without_accents(expression) -%}
    strip_accents({{ expression }})
{%- endmacro %}

{#- Text with e-mail addresses and telephone numbers blotted out. -#}
{% macro without_addresses(expression) -%}
    regexp_replace(regexp_replace({{ expression }}, '[^\s"@\\]+@[^\s"@\\]+', '***@***', 'g'), '[+][0-9][0-9 ()/-]{6,}[0-9]', '+***', 'g')
{%- endmacro %}

{% macro json_object(fields) -%}
    to_json(struct_pack({% for name, value in fields.items() %}{{ name }} := {{ value }}{{ ", " if not loop.last }}{% endfor %}))
{%- endmacro %}

{% macro list_of_structs(expression, fields) -%}
    list_transform({{ expression }}, lambda element: struct_pack({% for name in fields %}{{ name }} := element.{{ name }}{{ ", " if not loop.last }}{% endfor %}))
{%- endmacro %}

{% macro first_matching(expression, condition) -%}
    list_filter({{ expression }}, lambda element: {{ condition }})[1]
{%- endmacro %}

{% macro to_utc(expression, zone) -%}
    cast(timezone({{ zone }}, {{ expression }}) as timestamp)
{%- endmacro %}

{% macro to_local(expression, zone) -%}
    cast(timezone({{ zone }}, cast({{ expression }} as timestamptz)) as timestamp)
{%- endmacro %}

{% macro hmac_token(expression) -%}
    sha256(getvariable('pii_opad') || unhex(sha256(getvariable('pii_ipad') || encode({{ expression }}))))
{%- endmacro %}

{% macro require_pii_key() -%}
    select case when getvariable('pii_ipad') is null then error('The key for personal data is not set: run dbt with the profile of this project, which loads ingest.dbt_plugin.') end
{%- endmacro %}

{% macro date_spine(first_date, last_date) -%}
    select cast(unnest(generate_series(cast({{ first_date }} as timestamp), cast({{ last_date }} as timestamp), interval 1 day)) as date) as date_day
{%- endmacro %}

{% macro iso_weekday(expression) -%}
    isodow({{ expression }})
{%- endmacro %}

{% macro iso_year(expression) -%}
    isoyear({{ expression }})
{%- endmacro %}

{% macro iso_week(expression) -%}
    weekofyear({{ expression }})
{%- endmacro %}

{% macro all_columns_except(columns) -%}
    * exclude ({{ columns | join(', ') }})
{%- endmacro %}

{% macro single_spaced(expression) -%}
    regexp_replace({{ expression }}, '\s+', ' ', 'g')
{%- endmacro %}

{% macro struct_of(columns) -%}
    struct_pack({% for column in columns %}{{ column }} := {{ column }}{{ ", " if not loop.last }}{% endfor %})
{%- endmacro %}

{% macro struct_hash(expression) -%}
    case when {{ expression }} is not null then md5(to_json({{ expression }})) end
{%- endmacro %}

{% macro days_between(earlier, later) -%}
    cast(date_diff('day', {{ earlier }}, {{ later }}) as integer)
{%- endmacro %}

{% macro hours_between(earlier, later) -%}
    cast(date_diff('second', {{ earlier }}, {{ later }}) / 3600.0 as double)
{%- endmacro %}

{% macro sorted_text(expression) -%}
    string_agg({{ expression }}, ',' order by {{ expression }})
{%- endmacro %}

{% macro quantile(expression, share) -%}
    quantile_cont({{ expression }}, {{ share }})
{%- endmacro %}

{#- A row as one struct. -#}
{% macro row_struct(relation) -%}
    {{ relation }}
{%- endmacro %}

{#- 8 bytes of the md5 of a text: the same in every version of the engine, unlike its own hash. -#}
{% macro fingerprint(expression) -%}
    md5_number_lower({{ expression }})
{%- endmacro %}

{#- 16 bytes of the md5 of a text, as a number where the engine has one: a key of windows and joins that
    takes a quarter of the memory of the text. -#}
{% macro narrow_key(expression) -%}
    md5_number({{ expression }})
{%- endmacro %}

{#- Seconds since 1970 of a timestamp, without its fraction. -#}
{% macro whole_seconds(expression) -%}
    cast(epoch_us({{ expression }}) // 1000000 as bigint)
{%- endmacro %}

{# What a relation is made of: its column names and types, read through a query on it. #}

{#
    The columns of whatever `model` renders to: a table, a view, read_parquet(...) of an external
    source, or the subquery of a `where` config. Columns: column_name, column_type, column_position.
#}
{% macro relation_columns(model) %}
    {{- adapter.dispatch("relation_columns", "dbt_expectations")(model) -}}
{% endmacro %}

{# Part of the test's own query, so compiling asks nothing of the database. #}
{% macro duckdb__relation_columns(model) %}
select
    column_name,
    column_type,
    row_number() over () as column_position
from (describe select * from {{ model }})
{%- endmacro %}

{% macro default__relation_columns(model) %}
{%- set columns = run_query("describe select * from " ~ model) if execute else [] -%}
{%- for column in columns %}
select
    {{ dbt_expectations.text_literal(column[0]) }} as column_name,
    {{ dbt_expectations.text_literal(column[1]) }} as column_type,
    {{ loop.index }} as column_position
{{ "union all" if not loop.last }}
{%- else %}
select '' as column_name, '' as column_type, 0 as column_position where 1 = 0
{%- endfor %}
{%- endmacro %}

{# The wanted names as rows, transformed like the names of the relation. #}
{% macro wanted_columns(column_list, transform) %}
{%- for column in column_list %}
select
    {{ transform }}({{ dbt_expectations.plain_name(column) }}) as column_name,
    {{ loop.index }} as column_position
{{ "union all" if not loop.last }}
{%- else %}
select '' as column_name, 0 as column_position where 1 = 0
{%- endfor %}
{%- endmacro %}

{# dbt passes the name of a column with `quote: true` in quotes. #}
{% macro plain_name(column_name) %}
    {%- set name = column_name | string | replace('"', "") | replace("`", "") -%}
    {{- return(dbt_expectations.text_literal(name)) -}}
{% endmacro %}

{# Both lists of names, joined by name: the NULL side is the one that lacks the column. #}
{% macro compared_columns(model, column_list, transform) %}
with actual_columns as (
    select
        {{ transform }}(column_name) as column_name,
        column_position
    from ({{ dbt_expectations.relation_columns(model) }}) as relation_columns
),

wanted_columns as (
    {{ dbt_expectations.wanted_columns(column_list, transform) }}
)

select
    actual_columns.column_name as actual_column,
    actual_columns.column_position as actual_position,
    wanted_columns.column_name as wanted_column,
    wanted_columns.column_position as wanted_position
from actual_columns
full outer join wanted_columns on actual_columns.column_name = wanted_columns.column_name
{%- endmacro %}

{# The names that mean the type called `name`, itself included; without blanks, in lower case. #}
{% macro type_aliases(name) %}
    {%- set families = [
        ["varchar", "text", "string", "char", "bpchar", "nvarchar", "character",
            "charactervarying"],
        ["decimal", "numeric", "dec", "number"],
        ["tinyint", "int1", "byte"],
        ["smallint", "int2", "int16", "short"],
        ["integer", "int", "int4", "int32", "signed"],
        ["bigint", "int8", "int64", "long"],
        ["float", "float4", "real"],
        ["double", "float8", "float64", "doubleprecision"],
        ["boolean", "bool", "logical"],
        ["timestamp", "datetime", "timestamp_ntz", "timestampwithouttimezone"],
        ["timestamptz", "timestampwithtimezone"],
        ["time", "timewithouttimezone"],
        ["blob", "bytea", "binary", "varbinary"],
    ] -%}
    {%- for family in families if name in family -%}
        {{- return(family) -}}
    {%- endfor -%}
    {{- return([name]) -}}
{% endmacro %}

{#
    Is the type in `expression` (SQL, as the database spells it) the type called `type_name`? Case,
    blanks and aliases do not matter. A name without parameters stands for all of them: decimal is
    every decimal, decimal(18, 2) only that one. The length of a text is not part of its type.
#}
{% macro is_type(expression, type_name) %}
    {%- set wanted = type_name | string | lower | replace(" ", "") -%}
    {%- set name = modules.re.match("[^(\\[]*", wanted).group() -%}
    {%- set aliases = dbt_expectations.type_aliases(name) -%}
    {%- set parameters = wanted[name | length :] -%}
    {%- if "varchar" in aliases -%}
        {%- set parameters = modules.re.sub("^\\(\\d+\\)", "", parameters) -%}
    {%- endif -%}
    {%- set actual = "lower(replace(" ~ expression ~ ", ' ', ''))" -%}
    {%- set spellings = [] -%}
    {%- set conditions = [] -%}
    {%- for alias in aliases -%}
        {%- do spellings.append(dbt_expectations.text_literal(alias ~ parameters)) -%}
        {%- if not parameters -%}
            {%- do conditions.append(actual ~ " like '" ~ alias ~ "(%)'") -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do conditions.append(actual ~ " in (" ~ spellings | join(", ") ~ ")") -%}
    {{- return("(" ~ conditions | join(" or ") ~ ")") -}}
{% endmacro %}
